#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"

#define FAILED 125

/* What was read on one side and not yet written on the other. */
struct relay {
	size_t start, end;
	char bytes[65536];
};

static struct {
	struct sockaddr_un address;
	int listener, client, children, to_program, from_program;
	pid_t program;
	uint64_t ttl_ms, alone_since_ms;
	struct relay inward, outward;
} keeper;

static int fail(const char *what)
{
	(void)fprintf(stderr, "glovebox-keeper: %s: %s\n", what, strerror(errno));
	return FAILED;
}

static int listen_at(const char *path)
{
	mode_t before;
	int bound;

	if (strlen(path) >= sizeof keeper.address.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	keeper.address.sun_family = AF_UNIX;
	strcpy(keeper.address.sun_path, path);
	keeper.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (keeper.listener < 0)
		return -1;
	/* Nobody may connect between the bind and a chmod. */
	before = umask(0177);
	bound = bind(keeper.listener, (struct sockaddr *)&keeper.address, sizeof keeper.address);
	(void)umask(before);
	return bound < 0 ? -1 : listen(keeper.listener, 8);
}

static _Noreturn void become_program(char **program, int input, int output, pid_t keeper_pid)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)signal(SIGPIPE, SIG_DFL);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0 || dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		_exit(FAILED);
	/* The keeper may have died before the wish was on record. */
	if (getppid() != keeper_pid)
		_exit(FAILED);
	(void)execvp(program[0], program);
	(void)fprintf(stderr, "glovebox-keeper: %s: %s\n", program[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static int start(char **program)
{
	int input[2], output[2];
	pid_t self = getpid();

	if (pipe2(input, O_CLOEXEC) < 0 || pipe2(output, O_CLOEXEC) < 0)
		return -1;
	keeper.program = fork();
	if (keeper.program < 0)
		return -1;
	if (keeper.program == 0)
		become_program(program, input[0], output[1], self);
	(void)close(input[0]);
	(void)close(output[1]);
	keeper.to_program = input[1];
	keeper.from_program = output[0];
	if (fcntl(keeper.to_program, F_SETFL, O_NONBLOCK) < 0 || fcntl(keeper.from_program, F_SETFL, O_NONBLOCK) < 0)
		return -1;
	return 0;
}

static void drop_client(void)
{
	if (keeper.client < 0)
		return;
	(void)close(keeper.client);
	keeper.client = -1;
	keeper.outward.start = keeper.outward.end = 0;
	keeper.alone_since_ms = now_ms();
}

/* The newest is right: the one before it may be a host that died without saying so. */
static void accept_client(void)
{
	struct ucred peer;
	socklen_t size = sizeof peer;
	int client = accept4(keeper.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (client < 0)
		return;
	if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || (peer.uid != geteuid() && peer.uid != 0)) {
		(void)close(client);
		return;
	}
	drop_client();
	keeper.client = client;
}

/* False at the end of what is read. */
static bool fill(struct relay *relay, int from)
{
	ssize_t got;

	if (relay->start == relay->end)
		relay->start = relay->end = 0;
	got = read(from, relay->bytes + relay->end, sizeof relay->bytes - relay->end);
	if (got > 0)
		relay->end += (size_t)got;
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool empty_into(struct relay *relay, int to)
{
	ssize_t written;

	if (relay->start == relay->end)
		return true;
	written = write(to, relay->bytes + relay->start, relay->end - relay->start);
	if (written > 0)
		relay->start += (size_t)written;
	return written >= 0 || errno == EAGAIN || errno == EINTR;
}

static void relay_inward(short client_events, short program_events)
{
	if ((client_events & (POLLIN | POLLHUP | POLLERR)) != 0 && !fill(&keeper.inward, keeper.client))
		drop_client();
	if ((program_events & (POLLOUT | POLLERR)) != 0 || keeper.inward.end > keeper.inward.start)
		if (!empty_into(&keeper.inward, keeper.to_program))
			keeper.inward.start = keeper.inward.end = 0;
}

/* False when the program has closed its stdout. */
static bool relay_outward(short program_events)
{
	bool open = true;

	if ((program_events & (POLLIN | POLLHUP)) != 0)
		open = fill(&keeper.outward, keeper.from_program);
	if (keeper.client < 0)
		keeper.outward.start = keeper.outward.end = 0;
	else if (!empty_into(&keeper.outward, keeper.client))
		drop_client();
	return open;
}

static short wanted(const struct relay *relay, short ours)
{
	bool waits = relay->start < relay->end;

	return ours == POLLIN ? (waits ? 0 : POLLIN) : (waits ? POLLOUT : 0);
}

static int time_left(void)
{
	uint64_t now = now_ms(), end = keeper.alone_since_ms + keeper.ttl_ms;

	if (keeper.client >= 0)
		return -1;
	return end <= now ? 0 : (int)(end - now < 60000 ? end - now : 60000);
}

static void kill_when_alone_too_long(void)
{
	if (keeper.client < 0 && time_left() == 0)
		(void)kill(keeper.program, SIGKILL);
}

/* What the program said last goes out before the end, to whoever takes it within a second. */
static void flush_client(void)
{
	uint64_t end = now_ms() + 1000;

	while (keeper.client >= 0 && now_ms() < end) {
		struct pollfd ready = {.fd = keeper.client, .events = POLLOUT};

		if (keeper.outward.start == keeper.outward.end) {
			if (!fill(&keeper.outward, keeper.from_program) || keeper.outward.start == keeper.outward.end)
				return;
		}
		if (poll(&ready, 1, 100) > 0 && !empty_into(&keeper.outward, keeper.client))
			return;
	}
}

static int serve(void)
{
	bool open = true;
	int status;

	for (;;) {
		struct pollfd fds[] = {
			{.fd = keeper.listener, .events = POLLIN},
			{.fd = keeper.children, .events = POLLIN},
			{.fd = keeper.client, .events = (short)(wanted(&keeper.inward, POLLIN) | wanted(&keeper.outward, POLLOUT))},
			{.fd = wanted(&keeper.inward, POLLOUT) != 0 ? keeper.to_program : -1, .events = POLLOUT},
			{.fd = open && wanted(&keeper.outward, POLLIN) != 0 ? keeper.from_program : -1, .events = POLLIN},
		};
		struct signalfd_siginfo info;

		if (poll(fds, 5, time_left()) < 0 && errno != EINTR)
			return fail("poll");
		if (waitpid(keeper.program, &status, WNOHANG) == keeper.program)
			break;
		if ((fds[1].revents & POLLIN) != 0 && read(keeper.children, &info, sizeof info) < 0 && errno != EAGAIN)
			return fail("signalfd");
		relay_inward(fds[2].revents, fds[3].revents);
		open = relay_outward(fds[4].revents) && open;
		if ((fds[0].revents & POLLIN) != 0)
			accept_client();
		kill_when_alone_too_long();
	}
	keeper.program = 0;
	flush_client();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int watch_children(void)
{
	sigset_t set;

	if (sigemptyset(&set) < 0 || sigaddset(&set, SIGCHLD) < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0 ||
	    signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGHUP, SIG_IGN) == SIG_ERR)
		return -1;
	keeper.children = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return keeper.children < 0 ? -1 : 0;
}

/* Whoever started us waits for this line, and has no other business with our stdout. */
static int say_listening(void)
{
	int null;

	if (printf("listening\n") < 0 || fflush(stdout) != 0)
		return -1;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return -1;
	return close(null);
}

int keeper_run(const char *socket_path, const char *seconds, char **program)
{
	char *end;
	unsigned long ttl = strtoul(seconds, &end, 10);
	int code;

	if (*seconds == '\0' || *end != '\0' || ttl == 0 || ttl > 604800) {
		errno = EINVAL;
		return fail("seconds");
	}
	keeper.ttl_ms = (uint64_t)ttl * 1000;
	keeper.client = -1;
	/* Fails for whoever leads a session already. */
	(void)setsid();
	if (watch_children() < 0)
		return fail("signals");
	if (listen_at(socket_path) < 0)
		return fail(socket_path);
	keeper.alone_since_ms = now_ms();
	if (start(program) < 0) {
		code = fail(program[0]);
	} else {
		code = say_listening() < 0 ? fail("stdout") : serve();
		if (keeper.program > 0)
			(void)kill(keeper.program, SIGKILL);
	}
	(void)unlink(socket_path);
	return code;
}
