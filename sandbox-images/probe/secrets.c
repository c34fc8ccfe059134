#include "probe.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOLDERS_AT_ONCE 16
#define PIECE 65536
#define LONGEST 512

/* Ends as programs do that have a mistake in them; true when the kernel says that it wrote down what was in memory, to a file or to whoever the host lets handle it. */
static bool dumps(const char *name, const struct rlimit *limit)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		if (limit != NULL)
			(void)setrlimit(RLIMIT_CORE, limit);
		abort();
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFSIGNALED(status))
		broken("%s: no process could be made to crash", name);
	note("%s: signal %d, and no dump", name, WTERMSIG(status));
	return WCOREDUMP(status);
}

/* A limit of zero keeps a dump from files alone: the kernel hands it to a handler of the host all the same, but for the one limit that stops it there, too. */
static void core_dump(int count, char **arguments)
{
	const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
	struct rlimit now;

	if (getrlimit(RLIMIT_CORE, &now) < 0)
		broken("there is no limit to be read");
	if (dumps("as it is", NULL))
		broken("a crash is dumped");
	now.rlim_cur = now.rlim_max;
	if (dumps("with all that may be had", &now))
		broken("a crash is dumped once the limit is raised");
	if (dumps("with a limit of zero", &none))
		broken("a crash is dumped once the limit is zero");
	if (getrlimit(RLIMIT_CORE, &now) == 0)
		note("the limit is %lu", (unsigned long)now.rlim_max);
	shut();
}

static char sought[LONGEST];
static size_t sought_length;
static size_t searched;

/* Pieces overlap by what could be cut. */
static void search(int fd, const char *where)
{
	static char bytes[PIECE + LONGEST];
	size_t kept = 0;
	ssize_t got;

	while ((got = read(fd, bytes + kept, PIECE)) > 0) {
		size_t length = kept + (size_t)got;

		if (memmem(bytes, length, sought, sought_length) != NULL)
			broken("it is in %s", where);
		kept = length < sought_length - 1 ? length : sought_length - 1;
		memmove(bytes, bytes + length - kept, kept);
	}
	searched++;
}

static int search_file(const char *path, const struct stat *seen, int kind, struct FTW *at)
{
	int fd;

	if (kind != FTW_F || !S_ISREG(seen->st_mode) || (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return 0;
	search(fd, path);
	(void)close(fd);
	return 0;
}

static void search_memory(int pid)
{
	unsigned long from, to;
	char path[64], *line = NULL;
	size_t size = 0;
	FILE *maps;
	int fd;

	(void)snprintf(path, sizeof path, "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	(void)snprintf(path, sizeof path, "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (maps != NULL && fd >= 0 && getline(&line, &size, maps) > 0)
		if (sscanf(line, "%lx-%lx r", &from, &to) == 2 && strstr(line, "[v") == NULL)
			for (unsigned long place = from; place < to; place += PIECE) {
				static char bytes[PIECE + LONGEST];
				ssize_t got = pread(fd, bytes, sizeof bytes, (off_t)place);

				if (got > 0 && memmem(bytes, (size_t)got, sought, sought_length) != NULL)
					broken("it is in the memory of process %d", pid);
			}
	free(line);
	if (fd >= 0) {
		searched++;
		(void)close(fd);
	}
	if (maps != NULL)
		(void)fclose(maps);
}

static void search_process(int pid)
{
	static const char *const parts[] = {"environ", "cmdline"};
	char path[64];

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		int fd;

		(void)snprintf(path, sizeof path, "/proc/%d/%s", pid, parts[i]);
		if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
			continue;
		search(fd, path);
		(void)close(fd);
	}
	if (pid != getpid())
		search_memory(pid);
}

/* folder [folder ...]; what is sought comes over stdin, so that it is in no argument: in all files there, in what processes were started with, and in the memory of those that let us */
static void find_secret(int count, char **arguments)
{
	DIR *processes = opendir("/proc");
	ssize_t got = read(STDIN_FILENO, sought, sizeof sought);

	if (got <= 0 || processes == NULL)
		broken("there is nothing to look for, or nowhere");
	sought_length = (size_t)got;
	for (int i = 0; i < count; i++)
		(void)nftw(arguments[i], search_file, FOLDERS_AT_ONCE, FTW_PHYS);
	for (struct dirent *one = readdir(processes); one != NULL; one = readdir(processes))
		if (isdigit((unsigned char)*one->d_name))
			search_process(atoi(one->d_name));
	held("not in %zu files, environments, arguments and memories", searched);
}

const struct probe secret_probes[] = {{"core-dump", core_dump}, {"find-secret", find_secret}, {NULL, NULL}};
