#include "session.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bytes.h"
#include "commands.h"
#include "connections.h"
#include "frames.h"
#include "orders.h"
#include "outbox.h"
#include "pump.h"
#include "quit.h"
#include "streams.h"

#define INPUT_FIRST (16 * 1024)
#define READ_LEAST (8 * 1024)

static struct {
	const struct secrets *secrets;
	struct receiver receiver;
	uint32_t features, grace_ms;
	uint64_t born_ms, heard_ms;
	bool forgiven;
	bool woken; /* the host has said how long we slept, or has attached */
	struct watch in, out;
	uint8_t *input;
	size_t start, end, capacity; /* what is not yet taken lies in [start, end) */
	bool held; /* whole frames may wait in the input until the outbox has room for what they ask */
} session;

static void take_input(void);

static void input_ready(struct watch *watch, uint32_t events)
{
	ssize_t got;

	(void)events;
	got = read(watch->fd, session.input + session.end, session.capacity - session.end);
	if (got == 0)
		quit(EXIT_STDIN_ENDED, "stdin ended");
	if (got < 0) {
		if (errno != EAGAIN && errno != EINTR)
			quit(EXIT_STDIN_ENDED, "stdin cannot be read");
		return;
	}
	session.end += (size_t)got;
	take_input();
}

static void output_ready(struct watch *watch, uint32_t events)
{
	(void)events;
	/* The next exchange fills and flushes; a pipe that nobody will ever read says so on the write. */
	watch_stop(watch);
}

static void reserve(size_t capacity)
{
	uint8_t *input;

	if (session.capacity >= capacity)
		return;
	input = realloc(session.input, capacity);
	if (input == NULL)
		quit(EXIT_FAILURE_OF_INIT, "no memory for input");
	session.input = input;
	session.capacity = capacity;
}

void session_open(struct secrets *secrets, const struct configuration *configuration, uint32_t features)
{
	session.secrets = secrets;
	session.receiver = (struct receiver){.key = secrets->from_host, .sum = &secrets->unfinished, .hunting = true};
	session.features = features | FEATURE_LONG_STDIN;
	session.grace_ms = configuration->grace_ms;
	session.born_ms = session.heard_ms = now_ms();
	session.in = (struct watch){.fd = STDIN_FILENO, .ready = input_ready};
	session.out = (struct watch){.fd = STDOUT_FILENO, .ready = output_ready};
	reserve(INPUT_FIRST);
}

uint64_t session_deadline_ms(void)
{
	return session.heard_ms + session.grace_ms;
}

const struct watch *session_input(void)
{
	return &session.in;
}

void session_listen(void)
{
	/* With no room for more, a read would look like the end. */
	if (session.in.added && !session.held)
		input_ready(&session.in, 0);
}

void session_slept(uint64_t ms)
{
	session.heard_ms += ms;
}

void session_await_word(unsigned ms)
{
	uint64_t now = now_ms(), until = now + ms;

	session.woken = false;
	for (; session.in.added && !session.held && !session.woken && now < until; now = now_ms()) {
		struct pollfd input = {.fd = session.in.fd, .events = POLLIN};
		uint64_t after;

		if (poll(&input, 1, (int)(until - now)) > 0)
			session_listen();
		after = now_ms();
		/* Put to sleep again: poll goes on as if nothing had been. */
		if (after > until + ms)
			session_slept(after - until);
	}
}

void session_forgive(uint64_t now)
{
	if (session.forgiven)
		return;
	session.heard_ms = now;
	session.forgiven = true;
}

static void send_fault(enum fault code)
{
	static const char *const names[] = {
		[FAULT_MAGIC] = "magic", [FAULT_LENGTH] = "length", [FAULT_MAC] = "mac", [FAULT_EPOCH] = "epoch",
		[FAULT_SEQUENCE] = "sequence", [FAULT_RESERVED] = "reserved", [FAULT_TYPE] = "type", [FAULT_STREAM] = "stream",
		[FAULT_PAYLOAD] = "payload", [FAULT_WINDOW] = "window", [FAULT_STATE] = "state",
	};
	uint32_t length = (uint32_t)strlen(names[code]);
	uint8_t *payload = outbox_frame(FRAME_FAULT, 0, 0, 4 + length);

	put32(payload, code);
	memcpy(payload + 4, names[code], length);
	outbox_seal();
}

/* What came before is nobody's promise any more: nothing of a stream goes out until somebody attaches and asks for it. */
static void violation(enum fault code)
{
	struct command *command;

	for (uint32_t i = 0; (command = commands_at(i)) != NULL; i++)
		streams_pause(command);
	connections_reset();
	send_fault(code);
	session.receiver.hunting = true;
}

static void send_hello(const uint8_t *nonce)
{
	uint8_t *payload = outbox_frame(FRAME_HELLO, 0, 0, HELLO_PAYLOAD);

	memset(payload, 0, HELLO_PAYLOAD);
	memcpy(payload, nonce, NONCE_BYTES);
	put32(payload + 16, WIRE_VERSION);
	put32(payload + 20, session.features);
	put32(payload + 24, (uint32_t)getuid());
	put32(payload + 28, commands_count());
	put64(payload + 32, now_ms() - session.born_ms);
	outbox_seal();
}

static void attach(const struct frame *frame)
{
	struct command *command;

	connections_reset();
	outbox_attach(session.secrets->to_host, frame->epoch);
	send_hello(frame->payload);
	for (uint32_t i = 0; (command = commands_at(i)) != NULL; i++) {
		if (command->forgotten)
			continue;
		streams_pause(command);
		command_describe(command);
	}
	(void)outbox_frame(FRAME_READY, 0, 0, 0);
	outbox_seal();
}

static void heard(void)
{
	session.heard_ms = now_ms();
	session.forgiven = false;
}

static bool take_one(size_t *at)
{
	struct frame frame;
	enum fault fault = 0;
	size_t used;

	switch (receive(&session.receiver, session.input + *at, session.end - *at, &used, &frame, &fault)) {
	case RECEIVED_NOTHING:
		*at += used;
		return used > 0 && !session.receiver.hunting;
	case RECEIVED_ATTACH:
		heard();
		session.woken = true;
		attach(&frame);
		break;
	case RECEIVED_FRAME:
		heard();
		session.woken |= frame.type == FRAME_SLEPT;
		fault = obey(&frame);
		break;
	case RECEIVED_FAULT:
		break;
	}
	*at += used;
	if (fault != 0)
		violation(fault);
	return true;
}

/* How long the frame that is under way is, as far as its header says it. It may lie, but not beyond PAYLOAD_MAX. */
static size_t frame_due(void)
{
	const uint8_t *frame = session.input + session.start;

	if (session.receiver.hunting || session.end - session.start < 8 || get32(frame + 4) > PAYLOAD_MAX)
		return 0;
	return HEADER_BYTES + get32(frame + 4) + MAC_BYTES;
}

/* Room for the whole of what is under way, and for a read worth its call. It is moved only where there is none behind it. */
static void make_room(void)
{
	size_t due = frame_due();

	if (due > session.capacity)
		reserve(FRAME_MAX);
	if (session.start == session.end)
		session.start = session.end = 0;
	if (session.start == 0 || (session.start + due <= session.capacity && session.end + READ_LEAST <= session.capacity))
		return;
	session.end -= session.start;
	memmove(session.input, session.input + session.start, session.end);
	session.start = 0;
}

static void take_input(void)
{
	do
		session.held = outbox_pending() >= OUTBOX_CONGESTED;
	while (!session.held && take_one(&session.start));
	make_room();
}

static void give_back_memory(void)
{
	if (session.end > 0 || commands_count() > 0 || session.capacity <= INPUT_FIRST)
		return;
	free(session.input);
	session.input = NULL;
	session.capacity = 0;
	reserve(INPUT_FIRST);
}

void session_exchange(void)
{
	bool more;

	for (;;) {
		more = !session.receiver.hunting && pump();
		if (outbox_flush(STDOUT_FILENO) < 0)
			quit(EXIT_STDIN_ENDED, "stdout ended");
		if (!session.held || outbox_pending() >= OUTBOX_CONGESTED)
			break;
		take_input();
	}
	give_back_memory();
	if (outbox_pending() == 0 && !more)
		watch_stop(&session.out);
	else if (watch_for(&session.out, EPOLLOUT) < 0)
		quit(EXIT_FAILURE_OF_INIT, "stdout cannot be waited for");
	if (session.held)
		watch_stop(&session.in);
	else if (watch_for(&session.in, EPOLLIN) < 0)
		quit(EXIT_FAILURE_OF_INIT, "stdin cannot be waited for");
}
