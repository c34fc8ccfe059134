/* Poly1305 (RFC 8439) of whole blocks: what is shorter is filled up by the caller. A key is for one message. */
#ifndef GLOVEBOX_POLY1305_H
#define GLOVEBOX_POLY1305_H

#include <stddef.h>
#include <stdint.h>

#define POLY1305_KEY 32
#define POLY1305_BLOCK 16
/* Blocks whose products are summed at once, without vectors. */
#define POLY1305_LANES 4
#define POLY1305_POWERS 8

/* Numbers below 2^130 in limbs of 44, 44 and 42 bits. */
struct poly1305 {
	uint64_t sum[3];
	uint64_t powers[POLY1305_POWERS][3]; /* of r, from the first */
	uint64_t addend[2];
};

void poly1305_start(struct poly1305 *mac, const uint8_t key[POLY1305_KEY]);
void poly1305_add(struct poly1305 *mac, const uint8_t *blocks, size_t count);
void poly1305_finish(struct poly1305 *mac, uint8_t tag[16]);

#endif
