#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bytes.h"
#include "commands.h"
#include "ending.h"
#include "frames.h"
#include "launch.h"
#include "outbox.h"
#include "quit.h"
#include "streams.h"
#include "tree.h"

#define INPUT_FIRST (16 * 1024)
#define SIGNAL_MOST 64

static struct {
	const struct secrets *secrets;
	struct receiver receiver;
	uint32_t features, grace_ms;
	uint64_t born_ms, heard_ms;
	struct watch in, out;
	uint8_t *input;
	size_t filled, capacity;
	bool held; /* whole frames may wait in the input until the outbox has room for what they ask */
} session;

static void take_input(void);

static void input_ready(struct watch *watch, uint32_t events)
{
	ssize_t got;

	(void)events;
	got = read(watch->fd, session.input + session.filled, session.capacity - session.filled);
	if (got == 0)
		quit(EXIT_STDIN_ENDED, "stdin ended");
	if (got < 0) {
		if (errno != EAGAIN && errno != EINTR)
			quit(EXIT_STDIN_ENDED, "stdin cannot be read");
		return;
	}
	session.filled += (size_t)got;
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

void session_open(const struct secrets *secrets, const struct configuration *configuration, uint32_t features)
{
	session.secrets = secrets;
	session.receiver = (struct receiver){.key = secrets->from_host, .hunting = true};
	session.features = features;
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

static uint64_t resident_bytes(void)
{
	static FILE *statm;
	unsigned long pages = 0;

	if (statm == NULL)
		statm = fopen("/proc/self/statm", "re");
	if (statm == NULL)
		return 0;
	rewind(statm);
	if (fscanf(statm, "%*u %lu", &pages) != 1)
		return 0;
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void pong(const struct frame *frame)
{
	uint64_t resident = resident_bytes();
	uint32_t processes = tree_count();
	uint8_t *payload = outbox_frame(FRAME_PONG, 0, 0, 24);

	memcpy(payload, frame->payload, 8);
	put64(payload + 8, resident);
	put32(payload + 16, processes);
	put32(payload + 20, commands_count());
	outbox_seal();
}

static enum fault exec(const struct frame *frame)
{
	struct exec_request request;
	struct command *known, *other = commands_by_stream(frame->stream);

	switch (exec_request_parse(&request, frame->payload, frame->length)) {
	case -1:
		return FAULT_PAYLOAD;
	case -2:
		quit(EXIT_FAILURE_OF_INIT, "no memory for a request");
	default:
		break;
	}
	known = commands_by_id(request.id);
	if (other != NULL && other != known) {
		exec_request_free(&request);
		return FAULT_STREAM;
	}
	if (known != NULL) {
		known->stream = frame->stream;
		streams_repeat(known);
	} else if (commands_full()) {
		ending_send_refusal(frame->stream, EAGAIN);
	} else {
		launch(&request, frame->stream);
	}
	exec_request_free(&request);
	return 0;
}

static enum fault acknowledge(struct command *command, const uint8_t *payload)
{
	static const uint8_t zero[7];

	if ((payload[0] != 1 && payload[0] != 2) || memcmp(payload + 1, zero, sizeof zero) != 0)
		return FAULT_PAYLOAD;
	return streams_acknowledge(command, payload[0], get64(payload + 8)) ? 0 : FAULT_WINDOW;
}

static enum fault signal_command(struct command *command, uint32_t number, uint32_t scope)
{
	if (number < 1 || number > SIGNAL_MOST || scope > 1)
		return FAULT_PAYLOAD;
	ending_signal(command, number, scope);
	return 0;
}

static enum fault done(struct command *command)
{
	if (command->state != COMMAND_ENDED)
		return FAULT_STATE;
	command_forget(command);
	return 0;
}

static enum fault of_command(struct command *command, const struct frame *frame)
{
	const uint8_t *payload = frame->payload;

	switch (frame->type) {
	case FRAME_STDIN:
		return streams_take_input(command, get64(payload), payload + 8, frame->length - 8, frame->flags != 0) ? 0 : FAULT_WINDOW;
	case FRAME_ACK:
		return acknowledge(command, payload);
	case FRAME_SIGNAL:
		return signal_command(command, get32(payload), get32(payload + 4));
	case FRAME_CANCEL:
		ending_stop(command, CAUSE_CANCELLED, get32(payload));
		return 0;
	case FRAME_DONE:
		return done(command);
	case FRAME_RESUME:
		return streams_resume(command, get64(payload), get64(payload + 8)) ? 0 : FAULT_WINDOW;
	case FRAME_RESIZE:
		streams_resize(command, get16(payload), get16(payload + 2));
		return 0;
	default:
		return FAULT_TYPE;
	}
}

static enum fault obey(const struct frame *frame)
{
	struct command *command;

	switch (frame->type) {
	case FRAME_PING:
		pong(frame);
		return 0;
	case FRAME_SHUTDOWN:
		quit(EXIT_SHUTDOWN, "");
	case FRAME_EXEC:
		return exec(frame);
	default:
		command = commands_by_stream(frame->stream);
		/* The host may have written before it learnt that its command was refused or had ended. */
		return command == NULL ? 0 : of_command(command, frame);
	}
}

static bool take_one(size_t *at)
{
	struct frame frame;
	enum fault fault = 0;
	size_t used;

	switch (receive(&session.receiver, session.input + *at, session.filled - *at, &used, &frame, &fault)) {
	case RECEIVED_NOTHING:
		*at += used;
		return used > 0 && !session.receiver.hunting;
	case RECEIVED_ATTACH:
		session.heard_ms = now_ms();
		attach(&frame);
		break;
	case RECEIVED_FRAME:
		session.heard_ms = now_ms();
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

/* Room for the whole of the frame that is under way. Its header may lie about its length, but not beyond PAYLOAD_MAX. */
static void make_room(void)
{
	if (session.receiver.hunting || session.filled < 8 || get32(session.input + 4) > PAYLOAD_MAX)
		return;
	if (HEADER_BYTES + get32(session.input + 4) + MAC_BYTES > session.capacity)
		reserve(FRAME_MAX);
}

static void take_input(void)
{
	size_t at = 0;

	do
		session.held = outbox_pending() >= OUTBOX_CONGESTED;
	while (!session.held && take_one(&at));
	session.filled -= at;
	memmove(session.input, session.input + at, session.filled);
	make_room();
}

static void give_back_memory(void)
{
	if (session.filled > 0 || commands_count() > 0 || session.capacity <= INPUT_FIRST)
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
		more = streams_pump();
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
