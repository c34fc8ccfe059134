#include "streams.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ending.h"
#include "input.h"
#include "quit.h"
#include "terminal.h"

static uint8_t scratch[CHUNK_MAX];

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
	/* Who complains may complain of a full disk, and then remove what he wrote: at his end there is room again. */
	if (channel->number == STDERR_FILENO)
		channel->command->end.hits |= commands_disk_hits();
	(void)read_channel(channel);
	keep_watching(channel);
}

int streams_open(struct command *command, int stdin_fd, int stdout_fd, int stderr_fd)
{
	const int fds[2] = {stdout_fd, stderr_fd};

	if (input_open(command, stdin_fd) < 0)
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
	input_close(command);
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
	input_promise(command);
}

void streams_resize(struct command *command, unsigned columns, unsigned rows)
{
	if (command->terminal && command->channels[0].watch.fd >= 0)
		terminal_resize(command->channels[0].watch.fd, columns, rows);
}
