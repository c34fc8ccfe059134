#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK (1 << 20)
#define MOST_CHILDREN 4096

/* Each of these takes only as much as it is told to, so that it is harmless where nothing holds it. */

static void eat_memory(int count, char **arguments)
{
	long bytes = number(count, arguments, 0);

	for (long eaten = 0; eaten < bytes; eaten += BLOCK) {
		char *block = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (block == MAP_FAILED)
			held("%s after %ld bytes", errno_name(errno), eaten);
		memset(block, 1, BLOCK);
	}
	broken("%ld bytes were to be had", bytes);
}

static double now(clockid_t clock)
{
	struct timespec time;

	(void)clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void spin_until(double end)
{
	while (now(CLOCK_MONOTONIC) < end)
		continue;
	_exit(0);
}

/* processes milliseconds hundredths-of-a-CPU */
static void burn_cpu(int count, char **arguments)
{
	long processes = number(count, arguments, 0), milliseconds = number(count, arguments, 1), allowed = number(count, arguments, 2);
	double start = now(CLOCK_MONOTONIC), end = start + (double)milliseconds / 1e3, used, took;
	struct rusage usage;

	if (allowed >= sysconf(_SC_NPROCESSORS_ONLN) * 100)
		not_applicable("the machine has no more than is allowed");
	for (long i = 0; i < processes; i++)
		if (fork() == 0)
			spin_until(end);
	while (wait(NULL) > 0)
		continue;
	took = now(CLOCK_MONOTONIC) - start;
	(void)getrusage(RUSAGE_CHILDREN, &usage);
	used = (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	if (used / took * 100 > (double)allowed)
		broken("%ld processes used %.2f CPUs", processes, used / took);
	held("%ld processes used %.2f CPUs together", processes, used / took);
}

static void fork_many(int count, char **arguments)
{
	static pid_t children[MOST_CHILDREN];
	long most = number(count, arguments, 0), made = 0;
	int error = 0;

	while (made < most && made < MOST_CHILDREN && error == 0) {
		children[made] = fork();
		if (children[made] == 0)
			for (;;)
				(void)pause();
		if (children[made] < 0)
			error = errno;
		else
			made++;
	}
	for (long i = 0; i < made; i++)
		(void)kill(children[i], SIGKILL);
	while (wait(NULL) > 0)
		continue;
	if (error == 0)
		broken("%ld processes were to be had", made);
	held("%s after %ld processes", errno_name(error), made);
}

static void open_files(int count, char **arguments)
{
	long most = number(count, arguments, 0);

	for (long opened = 0; opened < most; opened++)
		if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
			held("%s after %ld", errno_name(errno), opened);
	broken("%ld files could be open", most);
}

/* path bytes */
static void fill_disk(int count, char **arguments)
{
	const char *path = text(count, arguments, 0);
	long bytes = number(count, arguments, 1), written = 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), error = 0;
	char *block = calloc(1, BLOCK);

	if (fd < 0 || block == NULL)
		not_applicable("%s: %s", path, errno_name(errno));
	while (written < bytes && error == 0) {
		ssize_t done = write(fd, block, BLOCK);

		if (done < 0)
			error = errno;
		else
			written += done;
	}
	(void)unlink(path);
	if (error == 0)
		broken("%ld bytes were to be had", written);
	held("%s after %ld bytes", errno_name(error), written);
}

/* folder files */
static void fill_inodes(int count, char **arguments)
{
	const char *folder = text(count, arguments, 0);
	long files = number(count, arguments, 1), made = 0;
	int error = 0;

	if (chdir(folder) < 0)
		not_applicable("%s: %s", folder, errno_name(errno));
	for (; made < files && error == 0; made++) {
		char name[32];
		int fd;

		(void)snprintf(name, sizeof name, "%ld", made);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0)
			error = errno;
		(void)close(fd);
	}
	for (long i = 0; i < made; i++) {
		char name[32];

		(void)snprintf(name, sizeof name, "%ld", i);
		(void)unlink(name);
	}
	if (error == 0)
		broken("%ld files could be made", made);
	held("%s after %ld files", errno_name(error), made - 1);
}

const struct probe abuse_probes[] = {
	{"eat-memory", eat_memory}, {"burn-cpu", burn_cpu}, {"fork-many", fork_many}, {"open-files", open_files}, {"fill-disk", fill_disk}, {"fill-inodes", fill_inodes}, {NULL, NULL},
};
