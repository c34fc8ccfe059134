/* BLAKE2b-512 (RFC 7693), unkeyed. */
#ifndef GLOVEBOX_BLAKE2B_H
#define GLOVEBOX_BLAKE2B_H

#include <stddef.h>
#include <stdint.h>

#define BLAKE2B_DIGEST 64

struct blake2b {
	uint64_t state[8];
	uint64_t counted; /* 2^64 bytes are more than a frame will ever have */
	size_t filled;
	uint8_t block[128];
};

void blake2b_start(struct blake2b *hash);
void blake2b_add(struct blake2b *hash, const uint8_t *data, size_t length);
void blake2b_finish(struct blake2b *hash, uint8_t digest[BLAKE2B_DIGEST]);

#endif
