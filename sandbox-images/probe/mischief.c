#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXCHANGE 2
/* Whatever happens around it, nothing of this outlives that. */
#define LAST_RESORT_SECONDS 20

/* These do not judge themselves: what they do is judged from outside. */

/* A process that ignores what can be ignored, two forks and a session away from the command, with the command's pipe in its hands. */
static void stay(int count, char **arguments)
{
	const char *name = text(count, arguments, 0);

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_IGN);
	if (fork() == 0) {
		(void)setsid();
		if (fork() == 0) {
			(void)prctl(PR_SET_NAME, name, 0, 0, 0);
			(void)signal(SIGALRM, SIG_DFL);
			(void)alarm(LAST_RESORT_SECONDS);
			(void)printf("away\n");
			(void)fflush(stdout);
		}
	}
	(void)signal(SIGALRM, SIG_DFL);
	(void)alarm(LAST_RESORT_SECONDS);
	for (;;)
		(void)pause();
}

/* name: whether a process of that name is still there */
static void find_process(int count, char **arguments)
{
	const char *wanted = text(count, arguments, 0);
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (proc == NULL)
		not_applicable("there is no /proc");
	while ((entry = readdir(proc)) != NULL) {
		char name[64], state[64] = "";

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9' || !status_field(entry->d_name, "Name", name, sizeof name))
			continue;
		if (strcmp(name, wanted) == 0 && status_field(entry->d_name, "State", state, sizeof state) && *state != 'Z')
			broken("%s still runs as process %s", name, entry->d_name);
	}
	held("no process is called %s", wanted);
}

/* Leaves a process behind that ends when its parent has ended. */
static void orphan(int count, char **arguments)
{
	int ends[2];
	char byte;

	if (pipe(ends) == 0 && fork() == 0) {
		(void)close(ends[1]);
		(void)!read(ends[0], &byte, 1);
		_exit(0);
	}
}

static void zombies(int count, char **arguments)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int seen = 0, dead = 0;

	while (proc != NULL && (entry = readdir(proc)) != NULL) {
		char state[64];

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9' || !status_field(entry->d_name, "State", state, sizeof state))
			continue;
		seen++;
		dead += *state == 'Z';
	}
	if (seen == 0)
		not_applicable("/proc shows no process");
	if (dead > 0)
		broken("%d of %d processes are zombies", dead, seen);
	held("none of %d processes is a zombie", seen);
}

/* folder elsewhere milliseconds: `folder/door` is by turns a directory and a link to elsewhere */
static void swap(int count, char **arguments)
{
	const char *folder = text(count, arguments, 0);
	long milliseconds = number(count, arguments, 2);
	struct timespec start, current;
	long swaps = 0;
	int secret;

	if (chdir(folder) < 0 || mkdir("door", 0700) < 0 || symlink(text(count, arguments, 1), "trap") < 0)
		not_applicable("%s: %s", folder, errno_name(errno));
	secret = open("door/secret", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (secret < 0 || write(secret, "inside", 6) != 6)
		not_applicable("no file: %s", errno_name(errno));
	(void)printf("swapping\n");
	(void)fflush(stdout);
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		if (syscall(SYS_renameat2, AT_FDCWD, "door", AT_FDCWD, "trap", EXCHANGE) < 0)
			not_applicable("renameat2: %s", errno_name(errno));
		swaps++;
		(void)clock_gettime(CLOCK_MONOTONIC, &current);
	} while ((current.tv_sec - start.tv_sec) * 1000 + (current.tv_nsec - start.tv_nsec) / 1000000 < milliseconds);
	(void)printf("%ld swaps\n", swaps);
}

static void make_fifo(int count, char **arguments)
{
	if (mkfifo(text(count, arguments, 0), 0600) < 0)
		not_applicable("mkfifo: %s", errno_name(errno));
	held("there is a FIFO");
}

static void read_all(int count, char **arguments)
{
	char bytes[4096];

	while (read(STDIN_FILENO, bytes, sizeof bytes) > 0)
		continue;
}

/* bytes: that many, in lines */
static void flood(int count, char **arguments)
{
	static char line[4096];
	long bytes = number(count, arguments, 0);

	memset(line, 'f', sizeof line);
	line[sizeof line - 1] = '\n';
	for (long written = 0; written < bytes;) {
		ssize_t done = write(STDOUT_FILENO, line, sizeof line);

		if (done < 0)
			return;
		written += done;
	}
}

/* Every byte there is, and what terminals obey. */
static void all_bytes(int count, char **arguments)
{
	static const char obeyed[] = "\033[2J\033]0;title\a\033[?1049h\r\n\b\b";

	for (int byte = 0; byte < 256; byte++)
		(void)putchar(byte);
	(void)fwrite(obeyed, 1, sizeof obeyed - 1, stdout);
	(void)fflush(stdout);
}

/* most: processes that fork without end. Their number has an end of their own too, for whatever does not hold them. */
static void bomb(int count, char **arguments)
{
	long most = number(count, arguments, 0);
	atomic_long *made = mmap(NULL, sizeof *made, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (made == MAP_FAILED)
		not_applicable("no memory to count in");
	for (;;) {
		(void)alarm(LAST_RESORT_SECONDS);
		if (atomic_fetch_add(made, 1) >= most)
			(void)pause();
		if (fork() < 0)
			(void)atomic_fetch_sub(made, 1);
	}
}

/* A text for the wire, written to whatever can be opened of init */
static void forge(int count, char **arguments)
{
	const char *frame = text(count, arguments, 0);
	int reached = 0;

	for (int fd = 0; fd < 3; fd++) {
		char path[64];
		int target;

		(void)snprintf(path, sizeof path, "/proc/1/fd/%d", fd);
		target = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		if (target >= 0 && write(target, frame, strlen(frame)) > 0)
			reached++;
	}
	if (reached > 0)
		broken("%d of init's descriptors took it", reached);
	held("none of init's descriptors can be opened");
}

const struct probe mischief_probes[] = {
	{"stay", stay}, {"find-process", find_process}, {"orphan", orphan}, {"zombies", zombies}, {"swap", swap}, {"make-fifo", make_fifo}, {"read-all", read_all}, {"flood", flood}, {"all-bytes", all_bytes},
	{"bomb", bomb}, {"forge", forge}, {NULL, NULL},
};
