/* A byte queue that grows from nothing to its limit, and gives its memory back when it is empty. */
#ifndef GLOVEBOX_RING_H
#define GLOVEBOX_RING_H

#include <stdint.h>

struct ring {
	uint8_t *data;
	uint32_t capacity;
	uint32_t head;
	uint32_t used;
};

/* Where up to `room` bytes may be put before ring_added; room 0 when the ring holds `limit` bytes; NULL without memory. */
uint8_t *ring_space(struct ring *ring, uint32_t limit, uint32_t *room);
void ring_added(struct ring *ring, uint32_t count);
/* The first bytes that lie in one piece. */
const uint8_t *ring_front(const struct ring *ring, uint32_t *count);
void ring_copy(const struct ring *ring, uint32_t skip, uint8_t *to, uint32_t count);
void ring_drop(struct ring *ring, uint32_t count);
int ring_append(struct ring *ring, uint32_t limit, const uint8_t *from, uint32_t count);

#endif
