#include "ring.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 4096

static int grow(struct ring *ring, uint32_t limit, uint32_t wanted)
{
	uint32_t capacity = ring->capacity == 0 ? FIRST_CAPACITY : ring->capacity * 2;
	uint8_t *data;

	while (capacity < wanted && capacity < limit)
		capacity *= 2;
	if (capacity > limit)
		capacity = limit;
	data = malloc(capacity);
	if (data == NULL)
		return -1;
	ring_copy(ring, 0, data, ring->used);
	free(ring->data);
	ring->data = data;
	ring->capacity = capacity;
	ring->head = 0;
	return 0;
}

uint8_t *ring_space(struct ring *ring, uint32_t limit, uint32_t *room)
{
	uint32_t tail, piece;

	if (ring->used == ring->capacity && ring->capacity < limit && grow(ring, limit, 0) < 0)
		return NULL;
	tail = (ring->head + ring->used) % ring->capacity;
	piece = tail < ring->head ? ring->head - tail : ring->capacity - tail;
	*room = limit - ring->used;
	if (ring->used == ring->capacity || ring->used >= limit)
		*room = 0;
	if (*room > piece)
		*room = piece;
	return ring->data + tail;
}

void ring_added(struct ring *ring, uint32_t count)
{
	ring->used += count;
}

const uint8_t *ring_front(const struct ring *ring, uint32_t *count)
{
	uint32_t piece = ring->capacity - ring->head;

	*count = ring->used < piece ? ring->used : piece;
	return ring->data + ring->head;
}

void ring_copy(const struct ring *ring, uint32_t skip, uint8_t *to, uint32_t count)
{
	uint32_t at, piece;

	if (count == 0)
		return;
	at = (ring->head + skip) % ring->capacity;
	piece = ring->capacity - at;
	if (piece > count)
		piece = count;
	memcpy(to, ring->data + at, piece);
	memcpy(to + piece, ring->data, count - piece);
}

void ring_drop(struct ring *ring, uint32_t count)
{
	ring->used -= count;
	if (ring->used == 0) {
		free(ring->data);
		*ring = (struct ring){0};
		return;
	}
	ring->head = (ring->head + count) % ring->capacity;
}

int ring_append(struct ring *ring, uint32_t limit, const uint8_t *from, uint32_t count)
{
	/* To its size at once: what is copied from one memory to the next is copied for nothing. */
	if (count > ring->capacity - ring->used && ring->capacity < limit && grow(ring, limit, ring->used + count) < 0)
		return -1;
	while (count > 0) {
		uint32_t room;
		uint8_t *to = ring_space(ring, limit, &room);

		if (to == NULL || room == 0)
			return -1;
		if (room > count)
			room = count;
		memcpy(to, from, room);
		ring_added(ring, room);
		from += room;
		count -= room;
	}
	return 0;
}
