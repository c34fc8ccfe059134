#include "streams.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bytes.h"
#include "ending.h"
#include "outbox.h"
#include "quit.h"

/* Each host that attaches is promised a whole window beyond what the ones before it have sent. */
#define INPUT_RING_MAX (16 * STDIN_WINDOW)
#define END_OF_TRANSMISSION '\004'

static uint8_t scratch[CHUNK_MAX];

static uint64_t channel_end(const struct channel *channel)
{
	return channel->base + channel->ring.used;
}

static bool over_limit(const struct command *command)
{
	return command->output_limit > 0 && command->output_bytes >= command->output_limit;
}

static bool has_room(const struct channel *channel)
{
	return over_limit(channel->command) || channel->ring.used < channel->command->window;
}

static bool is_draining(const struct channel *channel)
{
	return channel->command->state >= COMMAND_DRAINING;
}

static void keep_watching(struct channel *channel)
{
	if (channel->watch.fd < 0)
		return;
	if (!has_room(channel) || is_draining(channel))
		watch_stop(&channel->watch);
	else if (watch_for(&channel->watch, EPOLLIN) < 0)
		quit(EXIT_FAILURE_OF_INIT, "epoll_ctl");
}

static void close_channel(struct channel *channel)
{
	watch_close(&channel->watch);
	if (channel->ring.used == 0)
		ring_drop(&channel->ring, 0);
}

static uint8_t *space_for(struct channel *channel, uint32_t *room)
{
	const struct command *command = channel->command;
	uint64_t allowed = command->output_limit - command->output_bytes;
	uint8_t *into;

	if (over_limit(command)) {
		*room = sizeof scratch;
		return scratch;
	}
	into = ring_space(&channel->ring, command->window, room);
	if (into == NULL)
		quit(EXIT_FAILURE_OF_INIT, "no memory for output");
	if (command->output_limit > 0 && *room > allowed)
		*room = (uint32_t)allowed;
	if (*room > CHUNK_MAX)
		*room = CHUNK_MAX;
	return into;
}

static void account(struct channel *channel, const uint8_t *into, uint32_t count)
{
	struct command *command = channel->command;

	if (into != scratch) {
		ring_added(&channel->ring, count);
		command->output_bytes += count;
		return;
	}
	command->end.dropped += count;
	if ((command->flags & EXEC_TRUNCATE) == 0)
		ending_stop(command, CAUSE_OUTPUT, command->grace_ms);
}

/* One read. False when there is nothing more to be had now. */
static bool read_channel(struct channel *channel)
{
	uint32_t room;
	uint8_t *into;
	ssize_t got;

	if (channel->watch.fd < 0 || !has_room(channel))
		return false;
	into = space_for(channel, &room);
	if (is_draining(channel) && room > channel->drain)
		room = (uint32_t)channel->drain;
	got = room == 0 ? 0 : read(channel->watch.fd, into, room);
	if (got > 0) {
		if (is_draining(channel))
			channel->drain -= (uint64_t)got;
		account(channel, into, (uint32_t)got);
		return true;
	}
	/* A terminal says EIO when its last user is gone. */
	if (got == 0 || (errno != EAGAIN && errno != EINTR) || is_draining(channel))
		close_channel(channel);
	return false;
}

static void channel_ready(struct watch *watch, uint32_t events)
{
	struct channel *channel = watch->owner;

	(void)events;
	(void)read_channel(channel);
	keep_watching(channel);
}

static void close_input(struct command *command)
{
	struct input *input = &command->input;

	watch_close(&input->watch);
	ring_drop(&input->ring, input->ring.used);
	input->closed = true;
	input->consumed = input->received;
}

static bool write_input(struct input *input)
{
	while (input->ring.used > 0) {
		uint32_t count;
		const uint8_t *front = ring_front(&input->ring, &count);
		ssize_t written = write(input->watch.fd, front, count);

		if (written < 0)
			return errno == EAGAIN || errno == EINTR;
		ring_drop(&input->ring, (uint32_t)written);
		input->consumed += (uint64_t)written;
		input->acknowledge = true;
	}
	return true;
}

static void move_input(struct command *command)
{
	struct input *input = &command->input;

	if (input->watch.fd < 0)
		return;
	if (!write_input(input)) {
		close_input(command);
		input->acknowledge = true;
		return;
	}
	if (input->ring.used == 0 && input->ending) {
		/* Closing init's end of a terminal closes nothing for the command: the line discipline takes a character for it. */
		if (command->terminal && write(input->watch.fd, &(char){END_OF_TRANSMISSION}, 1) < 0 && errno == EAGAIN)
			return;
		close_input(command);
		return;
	}
	/* With no event asked for, epoll still tells when the command closes its stdin. */
	if (watch_for(&input->watch, input->ring.used > 0 ? EPOLLOUT : 0) < 0)
		quit(EXIT_FAILURE_OF_INIT, "epoll_ctl");
}

static void input_ready(struct watch *watch, uint32_t events)
{
	struct command *command = watch->owner;

	if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
		close_input(command);
		command->input.acknowledge = true;
		return;
	}
	move_input(command);
}

int streams_open(struct command *command, int stdin_fd, int stdout_fd, int stderr_fd)
{
	const int fds[2] = {stdout_fd, stderr_fd};
	struct input *input = &command->input;

	input->watch = (struct watch){.fd = stdin_fd, .ready = input_ready, .owner = command};
	input->closed = stdin_fd < 0;
	input->promised = STDIN_WINDOW;
	if (stdin_fd >= 0 && watch_for(&input->watch, 0) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		struct channel *channel = &command->channels[i];

		*channel = (struct channel){.command = command, .number = (uint8_t)(i + 1)};
		channel->watch = (struct watch){.fd = fds[i], .ready = channel_ready, .owner = channel};
		if (fds[i] >= 0 && watch_for(&channel->watch, EPOLLIN) < 0)
			return -1;
	}
	return 0;
}

static void drain(struct channel *channel)
{
	while (read_channel(channel))
		continue;
	if (channel->watch.fd >= 0 && channel->drain == 0)
		close_channel(channel);
	keep_watching(channel);
	if (streams_over(channel->command))
		channel->command->state = COMMAND_ENDED;
}

void streams_drain(struct command *command)
{
	command->state = COMMAND_DRAINING;
	close_input(command);
	for (int i = 0; i < 2; i++) {
		struct channel *channel = &command->channels[i];
		int waiting = 0;

		/* Whoever else holds the pipe may go on writing for ever, so what counts is what it holds now. */
		if (command->terminal || channel->watch.fd < 0 || ioctl(channel->watch.fd, FIONREAD, &waiting) < 0)
			waiting = CHUNK_MAX;
		channel->drain = (uint64_t)waiting;
		drain(channel);
	}
}

bool streams_over(const struct command *command)
{
	return command->channels[0].watch.fd < 0 && command->channels[1].watch.fd < 0;
}

bool streams_take_input(struct command *command, uint64_t offset, const uint8_t *bytes, uint32_t length, bool ends)
{
	struct input *input = &command->input;

	if (offset != input->received || length > input->promised - offset || (input->ending && (length > 0 || ends)))
		return false;
	input->received += length;
	input->ending = ends;
	if (input->closed) {
		input->consumed = input->received;
		input->acknowledge = true;
		return true;
	}
	if (ring_append(&input->ring, INPUT_RING_MAX, bytes, length) < 0)
		quit(EXIT_FAILURE_OF_INIT, "no memory for input");
	move_input(command);
	return true;
}

bool streams_acknowledge(struct command *command, unsigned number, uint64_t offset)
{
	struct channel *channel = &command->channels[number - 1];

	if (offset > channel->sent_most)
		return false;
	if (offset <= channel->base)
		return true;
	ring_drop(&channel->ring, (uint32_t)(offset - channel->base));
	channel->base = offset;
	if (channel->sent < offset)
		channel->sent = offset;
	if (is_draining(channel))
		drain(channel);
	else
		keep_watching(channel);
	return true;
}

static void rewind_channel(struct channel *channel, uint64_t offset)
{
	channel->sent = offset < channel->base ? channel->base : offset;
}

bool streams_resume(struct command *command, uint64_t stdout_offset, uint64_t stderr_offset)
{
	const uint64_t offsets[2] = {stdout_offset, stderr_offset};

	for (unsigned i = 0; i < 2; i++) {
		if (!streams_acknowledge(command, i + 1, offsets[i]))
			return false;
		rewind_channel(&command->channels[i], offsets[i]);
	}
	command->resumed = true;
	command->end_sent = false;
	command->input.acknowledge = true;
	return true;
}

void streams_repeat(struct command *command)
{
	for (int i = 0; i < 2; i++)
		rewind_channel(&command->channels[i], 0);
	command->resumed = true;
	command->end_sent = false;
	command->tell_started = command->main != 0;
}

void streams_pause(struct command *command)
{
	command->resumed = false;
	/* COMMAND tells the new host to go on at `received`, with a whole window. */
	command->input.promised = command->input.received + STDIN_WINDOW;
	if (command->input.promised > command->input.consumed + INPUT_RING_MAX)
		command->input.promised = command->input.consumed + INPUT_RING_MAX;
}

void streams_resize(struct command *command, unsigned columns, unsigned rows)
{
	struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};

	if (command->terminal && command->channels[0].watch.fd >= 0)
		(void)ioctl(command->channels[0].watch.fd, TIOCSWINSZ, &size);
}

static void send_started(struct command *command)
{
	uint8_t *payload = outbox_frame(FRAME_STARTED, 0, command->stream, 8);

	put32(payload, (uint32_t)command->main);
	put32(payload + 4, (uint32_t)command->marker);
	outbox_seal();
	command->tell_started = false;
}

static void send_input_ack(struct command *command)
{
	struct input *input = &command->input;

	put64(outbox_frame(FRAME_STDIN_ACK, input->closed && !input->ending, command->stream, 8), input->consumed);
	outbox_seal();
	input->acknowledge = false;
	if (input->promised < input->consumed + STDIN_WINDOW)
		input->promised = input->consumed + STDIN_WINDOW;
}

static bool send_output(struct channel *channel)
{
	uint64_t waiting = channel_end(channel) - channel->sent;
	uint32_t count = waiting > CHUNK_MAX ? CHUNK_MAX : (uint32_t)waiting;
	uint8_t *payload;

	if (count == 0)
		return false;
	payload = outbox_frame(FRAME_OUTPUT, 0, channel->command->stream, 16 + count);
	memset(payload, 0, 8);
	payload[0] = channel->number;
	put64(payload + 8, channel->sent);
	ring_copy(&channel->ring, (uint32_t)(channel->sent - channel->base), payload + 16, count);
	outbox_seal();
	channel->sent += count;
	if (channel->sent_most < channel->sent)
		channel->sent_most = channel->sent;
	return true;
}

static bool has_news(const struct command *command)
{
	return command->state == COMMAND_ENDED || command->input.acknowledge ||
	       channel_end(&command->channels[0]) > command->channels[0].sent || channel_end(&command->channels[1]) > command->channels[1].sent;
}

/* At most one frame of each channel, so that every command has its turn. */
static bool pump_one(struct command *command)
{
	bool sent = false;

	if (!command->resumed || command->forgotten)
		return false;
	if (command->tell_started && (has_news(command) || now_ms() >= command->tell_started_ms))
		send_started(command);
	if (command->input.acknowledge)
		send_input_ack(command);
	for (int i = 0; i < 2; i++)
		sent |= send_output(&command->channels[i]);
	if (!sent && command->state == COMMAND_ENDED && !command->end_sent) {
		ending_send(command);
		command->end_sent = true;
	}
	return sent;
}

bool streams_pump(void)
{
	static uint32_t turn;
	bool sent = true;

	while (sent) {
		uint32_t count = 0;

		sent = false;
		while (commands_at(count) != NULL)
			count++;
		for (uint32_t i = 0; i < count; i++) {
			if (outbox_pending() >= OUTBOX_FULL)
				return true;
			sent |= pump_one(commands_at(turn++ % count));
		}
	}
	return false;
}
