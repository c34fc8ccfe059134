#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "commands.h"
#include "connections.h"
#include "ending.h"
#include "input.h"
#include "startup.h"
#include "keeper.h"
#include "loop.h"
#include "network.h"
#include "places.h"
#include "preamble.h"
#include "quit.h"
#include "session.h"
#include "tree.h"

#define PREAMBLE_TIMEOUT_MS 30000
#define REAP_MOST 256
/* A stream is moved in fewer and longer pieces, and whoever is at the other end sleeps less often. */
#define WIRE_PIPE_BYTES (256 * 1024)
/* Later than a scheduler makes us: we did not run. */
#define LATE_MS 500
/* How long the host's word of a sleep may take to reach us once we are awake. */
#define WORD_MS 250

static struct watch children;
static bool more_children;
/* When the turn before was over. */
static uint64_t awake_ms;

static void marker_changed(struct command *command, int status)
{
	if (WIFSTOPPED(status)) {
		/* It blocks every signal that can be blocked, so somebody means it. Once is forgiven. */
		(void)kill(command->marker, command->marker_continued ? SIGKILL : SIGCONT);
		command->marker_continued = true;
		return;
	}
	command->marker_alive = false;
	/* Its last words may still be in the pipe. */
	if (command->report.fd >= 0)
		command->report.ready(&command->report, EPOLLIN);
	ending_marker_gone(command);
}

/* No more than so many a turn: who forks fast enough could keep us at it for ever. */
static void reap(void)
{
	int status;

	more_children = false;
	for (unsigned count = 0; count < REAP_MOST; count++) {
		pid_t pid = waitpid(-1, &status, WNOHANG | WUNTRACED);
		struct command *command;

		if (pid <= 0)
			return;
		command = commands_by_marker(pid);
		if (command != NULL)
			marker_changed(command, status);
		else if (!WIFSTOPPED(status))
			ending_orphan_reaped(pid, status);
	}
	more_children = true;
}

static void children_changed(struct watch *watch, uint32_t events)
{
	struct signalfd_siginfo info;

	(void)events;
	while (read(watch->fd, &info, sizeof info) == sizeof info)
		continue;
	more_children = true;
}

static int watch_children(void)
{
	/* As the kernel has it: libc keeps 32 and 33 to itself, but they are passed on all the same. */
	static const unsigned long by_default[4];
	sigset_t set;

	/* Whoever started us may have had some of them ignored, and an exec passes that on. */
	for (int number = 1; number < NSIG; number++)
		(void)syscall(SYS_rt_sigaction, number, by_default, NULL, NSIG / 8);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sigemptyset(&set) < 0 || sigaddset(&set, SIGCHLD) < 0 ||
	    sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -1;
	children = (struct watch){.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .ready = children_changed};
	return children.fd < 0 ? -1 : watch_for(&children, EPOLLIN);
}

static int timeout_until(uint64_t deadline_ms)
{
	uint64_t now = now_ms();

	if (deadline_ms <= now)
		return 0;
	return deadline_ms - now > 60000 ? 60000 : (int)(deadline_ms - now);
}

static uint64_t next_deadline(void)
{
	uint64_t next = session_deadline_ms();
	struct command *command;

	for (uint32_t i = 0; (command = commands_at(i)) != NULL; i++) {
		uint64_t of_end = ending_next(command), of_input = input_next(command);
		uint64_t candidate = of_end < of_input ? of_end : of_input;

		if (candidate < next)
			next = candidate;
	}
	return next;
}

static void tick(uint64_t now)
{
	struct command *command;

	if (now >= session_deadline_ms())
		quit(EXIT_DEAD_MAN, "no word from the host");
	for (uint32_t i = 0; (command = commands_at(i)) != NULL; i++) {
		ending_tick(command, now);
		input_tick(command, now);
	}
}

/* Before anything is judged by the clock, and before what ended meanwhile is found: a part of what the clock says may be a sleep. */
static void notice_sleep(bool interrupted, int timeout)
{
	uint64_t now = now_ms();

	if (interrupted)
		session_slept(now - awake_ms);
	else if (now - awake_ms > (uint64_t)timeout + LATE_MS)
		session_forgive(now);
	else
		return;
	session_await_word(WORD_MS);
}

static void turn(void)
{
	int timeout = more_children ? 0 : timeout_until(next_deadline());
	int interrupted = loop_wait(timeout);
	uint64_t now;

	if (interrupted < 0)
		quit(EXIT_FAILURE_OF_INIT, "epoll_wait");
	notice_sleep(interrupted > 0, timeout);
	/* What the host wrote while we slept comes before what ended meanwhile. */
	loop_dispatch(session_input());
	if (more_children)
		reap();
	/* One reading of the clock for all that is judged by it: we can be stopped between any two. */
	now = now_ms();
	/* What the host wrote comes before what the clock says. */
	if (now >= next_deadline())
		session_listen();
	tick(now);
	awake_ms = now;
}

static _Noreturn void run(void)
{
	awake_ms = now_ms();
	for (;;) {
		session_exchange();
		/* Nothing of this turn may point to them: they were watched in the turn before. */
		commands_sweep();
		connections_sweep();
		turn();
	}
}

static _Noreturn void init(void)
{
	/* For as long as init lives: the ledger points to its paths. */
	static struct configuration configuration;
	struct secrets *secrets;
	uint32_t features;

	child_close_all_but((int[]){STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}, 3);
	features = features_establish();
	secrets = secrets_open();
	if (secrets == NULL || loop_open() < 0 || watch_children() < 0)
		quit(EXIT_FAILURE_OF_INIT, strerror(errno));
	if (fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) < 0 || fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK) < 0)
		quit(EXIT_FAILURE_OF_INIT, strerror(errno));
	/* Where they are no pipes, or the user may have no larger ones, they are what they are. */
	(void)fcntl(STDIN_FILENO, F_SETPIPE_SZ, WIRE_PIPE_BYTES);
	(void)fcntl(STDOUT_FILENO, F_SETPIPE_SZ, WIRE_PIPE_BYTES);
	if (preamble_read(STDIN_FILENO, PREAMBLE_TIMEOUT_MS, secrets, &configuration) < 0)
		quit(EXIT_PREAMBLE, "no valid preamble");
	child_remember_limits();
	commands_configure(configuration.max_commands, configuration.writable, configuration.writable_count);
	ending_configure((features & FEATURE_SUB_REAPER) != 0);
	if (configuration.network && network_open(configuration.ports, configuration.port_count) == 0)
		features |= FEATURE_NETWORK;
	session_open(secrets, &configuration, features);
	run();
}

int main(int argc, char **argv)
{
	if (argc == 1)
		init();
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return printf("glovebox-init %s, wire %d\n", GLOVEBOX_VERSION, WIRE_VERSION) < 0;
	if (argc == 2 && strcmp(argv[1], "--self-test") == 0)
		return !features_print(stdout, features_establish());
	if (argc >= 6 && strcmp(argv[1], "--keeper") == 0 && strcmp(argv[4], "--") == 0)
		return keeper_run(argv[2], argv[3], argv + 5);
	if (argc >= 4 && strcmp(argv[1], "--places") == 0)
		return places_run(argv + 2);
	(void)fprintf(stderr, "usage: glovebox-init [--version | --self-test | --keeper <socket> <seconds> -- <program> ... |"
			      " --places [--network] [<folder> <options>]... -- <program> ...]\n");
	return 64;
}
