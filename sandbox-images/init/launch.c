#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "commands.h"
#include "ending.h"
#include "marker.h"
#include "quit.h"
#include "streams.h"
#include "terminal.h"

#define OOM_SCORE_OF_COMMANDS 500

enum end { OURS, THEIRS };

struct pipes {
	int input[2], output[2], error[2], report[2];
};

static int oom_fd = -1;
static char oom_own[16];

void launch_open(void)
{
	ssize_t got;

	oom_fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	if (oom_fd < 0)
		return;
	got = read(oom_fd, oom_own, sizeof oom_own - 1);
	if (got > 0 && atoi(oom_own) < OOM_SCORE_OF_COMMANDS)
		return;
	(void)close(oom_fd);
	oom_fd = -1;
}

static void write_oom_score(const char *score)
{
	if (oom_fd >= 0 && pwrite(oom_fd, score, strlen(score), 0) < 0)
		oom_fd = -1;
}

/* A child cannot raise its own score: it is not dumpable until its exec, so the file is not its own. But it inherits the
 * score, and whoever has raised his may lower it to where it was. */
static pid_t fork_before_init_dies(void)
{
	char score[16];
	pid_t pid;

	(void)snprintf(score, sizeof score, "%d", OOM_SCORE_OF_COMMANDS);
	write_oom_score(score);
	pid = fork();
	if (pid != 0)
		write_oom_score(oom_own);
	return pid;
}

static int open_pipe(int *ours, int *theirs, bool we_read)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	*ours = ends[we_read ? 0 : 1];
	*theirs = ends[we_read ? 1 : 0];
	return fcntl(*ours, F_SETFL, O_NONBLOCK) < 0 ? -1 : 0;
}

static int open_terminal(uint32_t size, struct pipes *pipes)
{
	int inner;

	if (terminal_open(&pipes->output[OURS], &inner) < 0)
		return -1;
	terminal_resize(pipes->output[OURS], size & 0xffff, size >> 16);
	pipes->output[THEIRS] = inner;
	pipes->input[OURS] = fcntl(pipes->output[OURS], F_DUPFD_CLOEXEC, 3);
	pipes->input[THEIRS] = fcntl(inner, F_DUPFD_CLOEXEC, 3);
	return pipes->input[OURS] < 0 || pipes->input[THEIRS] < 0 ? -1 : 0;
}

static int open_streams(const struct exec_request *request, struct pipes *pipes)
{
	uint32_t flags = request->flags;

	if (open_pipe(&pipes->report[OURS], &pipes->report[THEIRS], true) < 0)
		return -1;
	if ((flags & EXEC_TERMINAL) != 0)
		return open_terminal(request->size, pipes);
	if ((flags & EXEC_STDIN_PIPE) != 0 && open_pipe(&pipes->input[OURS], &pipes->input[THEIRS], false) < 0)
		return -1;
	if ((flags & EXEC_MERGE_STDERR) == 0 && open_pipe(&pipes->error[OURS], &pipes->error[THEIRS], true) < 0)
		return -1;
	return open_pipe(&pipes->output[OURS], &pipes->output[THEIRS], true);
}

static void close_ends(struct pipes *pipes, enum end end)
{
	int *const pairs[] = {pipes->input, pipes->output, pipes->error, pipes->report};

	for (int i = 0; i < 4; i++) {
		if (pairs[i][end] >= 0)
			(void)close(pairs[i][end]);
		pairs[i][end] = -1;
	}
}

static void report_ready(struct watch *watch, uint32_t events)
{
	struct command *command = watch->owner;
	struct report report;
	ssize_t got;

	(void)events;
	while (watch->fd >= 0 && (got = read(watch->fd, &report, sizeof report)) != 0) {
		if (got == sizeof report)
			ending_take_report(command, &report);
		else if (errno != EINTR)
			return;
	}
	/* A dying process closes its files before its children are given to another parent, so who looks for them at this moment
	 * finds them still below a marker. That it is gone is known when it has been reaped. */
	watch_close(watch);
}

static struct command *new_command(const struct exec_request *request, uint32_t stream)
{
	struct command *command = calloc(1, sizeof *command);
	uint64_t now = now_us();

	if (command == NULL || commands_add(command) < 0)
		quit(EXIT_FAILURE_OF_INIT, "no memory for a command");
	memcpy(command->id, request->id, sizeof command->id);
	command->stream = stream;
	command->resumed = true;
	command->flags = request->flags;
	command->terminal = (request->flags & EXEC_TERMINAL) != 0;
	command->window = request->window;
	command->output_limit = request->output_bytes;
	command->grace_ms = request->grace_ms;
	command->cpu_ms = request->cpu_ms;
	command->started_us = now;
	command->deadline_ms = request->wall_ms == 0 ? 0 : now / 1000 + request->wall_ms;
	command->sample_ms = now / 1000 + SAMPLE_MS;
	command->report.fd = command->input.watch.fd = -1;
	command->channels[0].watch.fd = command->channels[1].watch.fd = -1;
	limits_read(&command->before);
	return command;
}

static void mark_shared(struct command *command)
{
	struct command *other;

	for (uint32_t i = 0; (other = commands_at(i)) != NULL; i++)
		if (other != command && other->state < COMMAND_DRAINING)
			other->shared = command->shared = true;
}

static void adopt(struct command *command, struct pipes *pipes, pid_t marker)
{
	command->marker = marker;
	command->marker_alive = true;
	command->report = (struct watch){.fd = pipes->report[OURS], .ready = report_ready, .owner = command};
	if (watch_for(&command->report, EPOLLIN) < 0 ||
	    streams_open(command, pipes->input[OURS], pipes->output[OURS], pipes->error[OURS]) < 0)
		quit(EXIT_FAILURE_OF_INIT, "epoll_ctl");
	mark_shared(command);
}

void launch(const struct exec_request *request, uint32_t stream)
{
	struct pipes pipes = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
	struct command *command = new_command(request, stream);
	struct launch plan = {.request = request};
	pid_t marker = -1;
	int error;

	if (open_streams(request, &pipes) == 0) {
		plan.stdin_fd = pipes.input[THEIRS];
		plan.stdout_fd = pipes.output[THEIRS];
		plan.stderr_fd = pipes.error[THEIRS];
		plan.report_fd = pipes.report[THEIRS];
		marker = fork_before_init_dies();
	}
	error = errno;
	if (marker == 0)
		marker_run(&plan);
	close_ends(&pipes, THEIRS);
	if (marker > 0) {
		adopt(command, &pipes, marker);
		return;
	}
	close_ends(&pipes, OURS);
	ending_not_started(command, error);
}
