#include "outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frames.h"
#include "loop.h"
#include "quit.h"

#define KEPT_CAPACITY (16 * 1024)
/* Memory that was given back costs a fault a page when it is taken again, and a busy outbox is emptied often. */
#define QUIET_MS 1000

static struct {
	uint8_t *data;
	size_t start, end, capacity;
	const uint8_t *key;
	struct frame frame;
	uint64_t busy_ms; /* when more was last asked of it than is kept */
} outbox;

void outbox_attach(const uint8_t *key, uint32_t epoch)
{
	outbox.start = outbox.end = 0;
	outbox.key = key;
	outbox.frame = (struct frame){.epoch = epoch};
}

static void make_room(size_t wanted)
{
	size_t capacity = outbox.capacity == 0 ? KEPT_CAPACITY : outbox.capacity;
	uint8_t *data;

	if (outbox.start > 0) {
		memmove(outbox.data, outbox.data + outbox.start, outbox.end - outbox.start);
		outbox.end -= outbox.start;
		outbox.start = 0;
	}
	while (capacity < outbox.end + wanted)
		capacity *= 2;
	if (capacity == outbox.capacity)
		return;
	data = realloc(outbox.data, capacity);
	if (data == NULL)
		quit(EXIT_FAILURE_OF_INIT, "no memory for the outbox");
	outbox.data = data;
	outbox.capacity = capacity;
}

uint8_t *outbox_frame(uint8_t type, uint8_t flags, uint32_t stream, uint32_t length)
{
	size_t whole = HEADER_BYTES + (size_t)length + MAC_BYTES;

	if (outbox.capacity - outbox.end < whole)
		make_room(whole);
	outbox.frame.type = type;
	outbox.frame.flags = flags;
	outbox.frame.stream = stream;
	outbox.frame.length = length;
	outbox.frame.sequence++;
	return outbox.data + outbox.end + HEADER_BYTES;
}

void outbox_seal(void)
{
	frame_seal(outbox.data + outbox.end, &outbox.frame, outbox.key);
	outbox.end += HEADER_BYTES + outbox.frame.length + MAC_BYTES;
}

size_t outbox_pending(void)
{
	return outbox.end - outbox.start;
}

static void shrink(void)
{
	uint64_t now;

	if (outbox.capacity <= KEPT_CAPACITY) {
		outbox.start = outbox.end = 0;
		return;
	}
	now = now_ms();
	if (outbox.end > KEPT_CAPACITY)
		outbox.busy_ms = now;
	outbox.start = outbox.end = 0;
	if (now - outbox.busy_ms < QUIET_MS)
		return;
	free(outbox.data);
	outbox.data = NULL;
	outbox.capacity = 0;
}

int outbox_flush(int fd)
{
	while (outbox.start < outbox.end) {
		ssize_t written = write(fd, outbox.data + outbox.start, outbox.end - outbox.start);

		if (written < 0) {
			if (errno == EINTR)
				continue;
			return errno == EAGAIN ? 0 : -1;
		}
		outbox.start += (size_t)written;
	}
	shrink();
	return 0;
}
