#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.h"
#include "secrets.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define FALLBACK_DESCRIPTORS 65536

static struct rlimit descriptors = {.rlim_cur = 1024, .rlim_max = 1024};

void child_remember_limits(void)
{
	struct rlimit raised;

	if (getrlimit(RLIMIT_NOFILE, &descriptors) < 0)
		return;
	raised = descriptors;
	raised.rlim_cur = raised.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &raised);
}

static void close_range_of(int first, int last)
{
	if (first > last || syscall(SYS_close_range, (unsigned)first, (unsigned)last, 0) == 0)
		return;
	for (int fd = first; fd <= last && fd < FALLBACK_DESCRIPTORS; fd++)
		(void)close(fd);
}

static int ascending(const void *left, const void *right)
{
	return *(const int *)left - *(const int *)right;
}

void child_close_all_but(int *kept, unsigned count)
{
	int first = 0;

	qsort(kept, count, sizeof *kept, ascending);
	for (unsigned i = 0; i < count; i++) {
		if (kept[i] < 0)
			continue;
		close_range_of(first, kept[i] - 1);
		first = kept[i] + 1;
	}
	close_range_of(first, INT_MAX);
}

static _Noreturn void give_up(int error_fd, int error)
{
	if (write(error_fd, &error, sizeof error) != sizeof error)
		_exit(126);
	_exit(127);
}

static void limit(int error_fd, int resource, rlim_t soft, rlim_t hard)
{
	struct rlimit now;
	struct rlimit wanted = {.rlim_cur = soft, .rlim_max = hard};

	if (getrlimit(resource, &now) < 0)
		give_up(error_fd, errno);
	/* Nobody unprivileged can go above what there is. */
	if (wanted.rlim_max > now.rlim_max)
		wanted.rlim_max = now.rlim_max;
	if (wanted.rlim_cur > wanted.rlim_max)
		wanted.rlim_cur = wanted.rlim_max;
	if (setrlimit(resource, &wanted) < 0)
		give_up(error_fd, errno);
}

static void set_limits(const struct exec_request *request, int error_fd)
{
	if (exec_request_has(request, EXEC_NOFILE))
		limit(error_fd, RLIMIT_NOFILE, request->nofile, request->nofile);
	else
		limit(error_fd, RLIMIT_NOFILE, descriptors.rlim_cur, descriptors.rlim_max);
	if (exec_request_has(request, EXEC_FSIZE))
		limit(error_fd, RLIMIT_FSIZE, request->fsize, request->fsize);
	if (exec_request_has(request, EXEC_NPROC))
		limit(error_fd, RLIMIT_NPROC, request->nproc, request->nproc);
	if (request->cpu_ms > 0) {
		rlim_t seconds = (rlim_t)request->cpu_ms / 1000 + 1;

		/* A backstop for one process alone; init counts the tree. */
		limit(error_fd, RLIMIT_CPU, seconds, seconds + 1);
	}
}

static void connect_streams(const struct launch *launch, int error_fd)
{
	int input = launch->stdin_fd;

	if (input < 0)
		input = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (input < 0 || dup2(input, STDIN_FILENO) < 0 || dup2(launch->stdout_fd, STDOUT_FILENO) < 0 ||
	    dup2(launch->stderr_fd < 0 ? launch->stdout_fd : launch->stderr_fd, STDERR_FILENO) < 0)
		give_up(error_fd, errno);
	if ((launch->request->flags & EXEC_TERMINAL) != 0 && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
		give_up(error_fd, errno);
}

/* SIGPIPE is what init ignores; nothing else was anything but its default since init began. */
static void reset_signals(void)
{
	sigset_t none;

	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static const char *search_path(char *const *environment)
{
	for (; *environment != NULL; environment++)
		if (strncmp(*environment, "PATH=", 5) == 0)
			return *environment + 5;
	return DEFAULT_PATH;
}

/* execvpe, but along the command's own PATH, and without a shell for what is no program. */
static int search_and_exec(const struct exec_request *request)
{
	const char *name = request->arguments[0];
	const char *directory = search_path(request->environment);
	int error = ENOENT;

	if (*name == '\0')
		return ENOENT;
	if (strchr(name, '/') != NULL) {
		(void)execve(name, request->arguments, request->environment);
		return errno;
	}
	for (;;) {
		char path[PATH_MAX];
		int length = (int)strcspn(directory, ":");
		int whole = snprintf(path, sizeof path, "%.*s%s%s", length, directory, length == 0 ? "" : "/", name);

		if (whole < (int)sizeof path) {
			(void)execve(path, request->arguments, request->environment);
			if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
				return errno;
			if (errno == EACCES)
				error = EACCES;
		}
		if (directory[length] == '\0')
			return error;
		directory += length + 1;
	}
}

_Noreturn void child_run(const struct launch *launch, int error_fd)
{
	const struct exec_request *request = launch->request;
	int standard[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, error_fd};

	secrets_forget();
	(void)umask(022);
	if (setsid() < 0)
		give_up(error_fd, errno);
	connect_streams(launch, error_fd);
	set_limits(request, error_fd);
	if (chdir(request->directory) < 0)
		give_up(error_fd, errno);
	reset_signals();
	if (request->builtin != 0) {
		if (!files_knows(request->builtin))
			give_up(error_fd, ENOSYS);
		(void)prctl(PR_SET_NAME, "glovebox-files", 0, 0, 0);
		child_close_all_but(standard, 3);
		_exit(files_run(request->builtin, request->argument_count, request->arguments));
	}
	/* All of them close by themselves on exec; this is for the day that one was forgotten. */
	child_close_all_but(standard, 4);
	give_up(error_fd, search_and_exec(request));
}
