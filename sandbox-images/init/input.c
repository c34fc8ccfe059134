#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "quit.h"
#include "terminal.h"
#include "tree.h"

/* Each host that attaches is promised a whole window beyond what the ones before it have sent. */
#define INPUT_RING_MAX (16 * STDIN_WINDOW)
/* Credit goes back in pieces: a word to the host for each write would cost more than the write. */
#define CREDIT_PIECE (STDIN_WINDOW / 2)
#define END_OF_TRANSMISSION '\004'
/* What reads lines sees the end at once. An editor takes the character for a key, and would wait for a person who has left. */
#define HANG_UP_AFTER_MS 1000

void input_close(struct command *command)
{
	struct input *input = &command->input;

	watch_close(&input->watch);
	ring_drop(&input->ring, input->ring.used);
	input->closed = true;
	input->consumed = input->received;
}

/* How many of them the command took; -1 where it has closed its stdin. */
static ssize_t write_bytes(struct input *input, const uint8_t *bytes, uint32_t count)
{
	ssize_t written = write(input->watch.fd, bytes, count);

	if (written < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	input->consumed += (uint64_t)written;
	if (input->consumed - input->told >= CREDIT_PIECE)
		input->acknowledge = true;
	return written;
}

static bool write_input(struct input *input)
{
	while (input->ring.used > 0) {
		uint32_t count;
		const uint8_t *front = ring_front(&input->ring, &count);
		ssize_t written = write_bytes(input, front, count);

		if (written <= 0)
			return written == 0;
		ring_drop(&input->ring, (uint32_t)written);
	}
	return true;
}

/* Room for a whole window, for a command that is sent more than a pipe holds: it and init each do more at a time, and nothing waits here. Not for a terminal. */
static bool widen(struct input *input)
{
	if (input->wide)
		return false;
	input->wide = true;
	return fcntl(input->watch.fd, F_SETPIPE_SZ, STDIN_WINDOW) > 0;
}

/* What the pipe takes at once is not copied first. */
static bool queue_input(struct input *input, const uint8_t *bytes, uint32_t length)
{
	ssize_t written = 0;

	if (input->ring.used == 0 && length > 0)
		written = write_bytes(input, bytes, length);
	if (written >= 0 && (uint32_t)written < length && input->ring.used == 0 && widen(input)) {
		ssize_t more = write_bytes(input, bytes + written, length - (uint32_t)written);

		written = more < 0 ? more : written + more;
	}
	if (written < 0)
		return false;
	if (ring_append(&input->ring, INPUT_RING_MAX, bytes + written, length - (uint32_t)written) < 0)
		quit(EXIT_FAILURE_OF_INIT, "no memory for input");
	return true;
}

static void input_gone(struct command *command)
{
	input_close(command);
	command->input.acknowledge = true;
}

/* Closing init's end of a terminal closes nothing for the command: the line discipline takes a character for it. */
static bool end_input(struct command *command)
{
	if (!command->terminal)
		return true;
	if (write(command->input.watch.fd, &(char){END_OF_TRANSMISSION}, 1) < 0 && errno == EAGAIN)
		return false;
	command->input.hang_up_ms = now_ms() + HANG_UP_AFTER_MS;
	return true;
}

static void move_input(struct command *command)
{
	struct input *input = &command->input;

	if (input->watch.fd < 0)
		return;
	if (!write_input(input)) {
		input_gone(command);
		return;
	}
	if (input->ring.used == 0 && input->ending && end_input(command)) {
		input_close(command);
		return;
	}
	/* With no event asked for, epoll still tells when the command closes its stdin. */
	if (watch_for(&input->watch, input->ring.used > 0 || input->ending ? EPOLLOUT : 0) < 0)
		quit(EXIT_FAILURE_OF_INIT, "epoll_ctl");
}

static void input_ready(struct watch *watch, uint32_t events)
{
	struct command *command = watch->owner;

	if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
		input_gone(command);
		return;
	}
	move_input(command);
}

int input_open(struct command *command, int fd)
{
	struct input *input = &command->input;

	input->watch = (struct watch){.fd = fd, .ready = input_ready, .owner = command};
	input->closed = fd < 0;
	input->promised = STDIN_WINDOW;
	return fd < 0 ? 0 : watch_for(&input->watch, 0);
}

bool input_take(struct command *command, uint64_t offset, const uint8_t *bytes, uint32_t length, bool ends)
{
	struct input *input = &command->input;

	bool over = input->closed || input->ending;

	if (offset != input->received || length > input->promised - offset)
		return false;
	input->received += length;
	input->ending |= ends;
	if (over) {
		if (input->closed)
			input->consumed = input->received;
		input->acknowledge = true;
		return true;
	}
	if (queue_input(input, bytes, length))
		move_input(command);
	else
		input_gone(command);
	return true;
}

void input_promise(struct command *command)
{
	struct input *input = &command->input;

	input->promised = input->received + STDIN_WINDOW;
	if (input->promised > input->consumed + INPUT_RING_MAX)
		input->promised = input->consumed + INPUT_RING_MAX;
}

void input_tick(struct command *command, uint64_t now)
{
	if (command->input.hang_up_ms == 0 || now < command->input.hang_up_ms)
		return;
	command->input.hang_up_ms = 0;
	/* The marker may have reaped it, and the number may be somebody else's. */
	if (command->state == COMMAND_RUNNING && tree_is_child(command->main, command->marker))
		terminal_hang_up(command->channels[0].watch.fd, command->main);
}

uint64_t input_next(const struct command *command)
{
	return command->input.hang_up_ms == 0 || command->state != COMMAND_RUNNING ? UINT64_MAX : command->input.hang_up_ms;
}
