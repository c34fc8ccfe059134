#include "marker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "secrets.h"

static void report(int fd, struct report *record)
{
	struct rusage usage;

	if (getrusage(RUSAGE_CHILDREN, &usage) == 0) {
		record->user_us = (uint64_t)usage.ru_utime.tv_sec * 1000000 + (uint64_t)usage.ru_utime.tv_usec;
		record->system_us = (uint64_t)usage.ru_stime.tv_sec * 1000000 + (uint64_t)usage.ru_stime.tv_usec;
		record->max_rss = (uint64_t)usage.ru_maxrss * 1024;
	}
	/* Shorter than PIPE_BUF, so it goes whole; init reads it or is gone. */
	if (write(fd, record, sizeof *record) != sizeof *record)
		_exit(1);
}

static _Noreturn void fail(int report_fd, int error)
{
	struct report record = {.kind = REPORT_FAILED, .value = error};

	report(report_fd, &record);
	_exit(0);
}

/* The exec's end of the pipe closes by itself when the exec succeeds; else the errno comes through it. */
static int wait_for_exec(int fd)
{
	int error = 0;
	ssize_t got;

	do
		got = read(fd, &error, sizeof error);
	while (got < 0 && errno == EINTR);
	(void)close(fd);
	return got == sizeof error ? error : 0;
}

static _Noreturn void reap(int report_fd, pid_t command)
{
	struct report record = {.kind = REPORT_EMPTY};
	bool main_over = false;

	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, main_over && record.kind == REPORT_MAIN ? WNOHANG : 0);

		if (pid < 0 && errno == EINTR)
			continue;
		if (record.kind == REPORT_MAIN && pid <= 0) {
			record.empty = pid < 0;
			report(report_fd, &record);
			if (pid < 0)
				_exit(0);
			record = (struct report){.kind = REPORT_EMPTY};
			continue;
		}
		if (pid < 0) {
			report(report_fd, &record);
			_exit(0);
		}
		if (pid == command && !main_over) {
			main_over = true;
			record = (struct report){.kind = REPORT_MAIN, .value = status};
		}
	}
}

_Noreturn void marker_run(const struct launch *launch)
{
	/* 0 to 2 stay taken until the fork, so that no pipe gets a number that the command's streams need. */
	int inherited[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, launch->stdin_fd, launch->stdout_fd, launch->stderr_fd, launch->report_fd};
	struct report started = {.kind = REPORT_STARTED};
	sigset_t all;
	int exec_pipe[2], error;
	pid_t command;

	secrets_forget();
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	child_close_all_but(inherited, sizeof inherited / sizeof *inherited);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	(void)prctl(PR_SET_NAME, "glovebox-marker", 0, 0, 0);
	if (pipe2(exec_pipe, O_CLOEXEC) < 0)
		fail(launch->report_fd, errno);
	command = fork();
	if (command < 0)
		fail(launch->report_fd, errno);
	if (command == 0)
		child_run(launch, exec_pipe[1]);
	child_close_all_but((int[]){launch->report_fd, exec_pipe[0]}, 2);
	error = wait_for_exec(exec_pipe[0]);
	if (error != 0) {
		while (waitpid(command, NULL, 0) < 0 && errno == EINTR)
			continue;
		fail(launch->report_fd, error);
	}
	started.value = command;
	report(launch->report_fd, &started);
	reap(launch->report_fd, command);
}

/* The orphan lives until its parent has been reaped, so that it must have been given to somebody. */
static _Noreturn void try_sub_reaping(void)
{
	int hold[2], status = 0;
	pid_t parent;

	secrets_forget();
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 || pipe2(hold, O_CLOEXEC) < 0)
		_exit(1);
	parent = fork();
	if (parent == 0) {
		pid_t orphan = fork();
		char byte;

		if (orphan != 0)
			_exit(orphan < 0);
		(void)close(hold[1]);
		_exit(read(hold[0], &byte, 1) == 0 ? 42 : 1);
	}
	if (parent < 0 || waitpid(parent, &status, 0) != parent || status != 0)
		_exit(1);
	(void)close(hold[1]);
	_exit(waitpid(-1, &status, 0) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 42 ? 0 : 1);
}

int marker_proves_sub_reaping(void)
{
	int done[2], status = 1;
	struct pollfd over;
	pid_t child;

	if (pipe2(done, O_CLOEXEC) < 0)
		return 0;
	child = fork();
	if (child == 0)
		try_sub_reaping();
	(void)close(done[1]);
	over = (struct pollfd){.fd = done[0]};
	/* The pipe closes with the last of them. A kernel that loses the orphan must not hold init up. */
	if (child > 0 && poll(&over, 1, 2000) != 1)
		(void)kill(child, SIGKILL);
	if (child > 0 && waitpid(child, &status, 0) != child)
		status = 1;
	(void)close(done[0]);
	return status == 0;
}
