#include "orders.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "commands.h"
#include "connections.h"
#include "ending.h"
#include "input.h"
#include "launch.h"
#include "outbox.h"
#include "quit.h"
#include "streams.h"
#include "tree.h"

#define SIGNAL_MOST 64
#define SLEPT_MOST_MS (1ULL << 42) /* a century, and no sum of it and a deadline wraps */

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
	if (number < 1 || number > SIGNAL_MOST || scope > SCOPE_LATE)
		return FAULT_PAYLOAD;
	ending_signal(command, number, scope);
	return 0;
}

static enum fault slept(uint64_t milliseconds)
{
	struct command *command;

	if (milliseconds > SLEPT_MOST_MS)
		return FAULT_PAYLOAD;
	for (uint32_t i = 0; (command = commands_at(i)) != NULL; i++)
		ending_postpone(command, milliseconds);
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
		return input_take(command, get64(payload), payload + 8, frame->length - 8, frame->flags != 0) ? 0 : FAULT_WINDOW;
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

enum fault obey(const struct frame *frame)
{
	struct command *command;

	switch (frame->type) {
	case FRAME_PING:
		pong(frame);
		return 0;
	case FRAME_SLEPT:
		return slept(get64(frame->payload));
	case FRAME_SHUTDOWN:
		quit(EXIT_SHUTDOWN, "");
	case FRAME_EXEC:
		return exec(frame);
	case FRAME_DATA:
	case FRAME_CREDIT:
	case FRAME_CLOSE:
		return connections_obey(frame);
	default:
		command = commands_by_stream(frame->stream);
		/* The host may have written before it learnt that its command was refused or had ended. */
		return command == NULL ? 0 : of_command(command, frame);
	}
}
