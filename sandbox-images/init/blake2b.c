#include "blake2b.h"

#include <string.h>

#include "bytes.h"

static const uint64_t initial[8] = {
	0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
	0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

static const uint8_t order[10][16] = {
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	{14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
	{11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
	{7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
	{9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
	{2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
	{12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
	{13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
	{6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
	{10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static inline uint64_t rotate(uint64_t word, int bits)
{
	return word >> bits | word << (64 - bits);
}

#define MIX(a, b, c, d, x, y)                \
	do {                                 \
		a += b + (x);                \
		d = rotate(d ^ a, 32);       \
		c += d;                      \
		b = rotate(b ^ c, 24);       \
		a += b + (y);                \
		d = rotate(d ^ a, 16);       \
		c += d;                      \
		b = rotate(b ^ c, 63);       \
	} while (0)

/* Spelled out rather than looped, so that the message order folds into constants: a third of the time. */
#define ROUND(r)                                                                        \
	do {                                                                            \
		MIX(v[0], v[4], v[8], v[12], m[order[r][0]], m[order[r][1]]);           \
		MIX(v[1], v[5], v[9], v[13], m[order[r][2]], m[order[r][3]]);           \
		MIX(v[2], v[6], v[10], v[14], m[order[r][4]], m[order[r][5]]);          \
		MIX(v[3], v[7], v[11], v[15], m[order[r][6]], m[order[r][7]]);          \
		MIX(v[0], v[5], v[10], v[15], m[order[r][8]], m[order[r][9]]);          \
		MIX(v[1], v[6], v[11], v[12], m[order[r][10]], m[order[r][11]]);        \
		MIX(v[2], v[7], v[8], v[13], m[order[r][12]], m[order[r][13]]);         \
		MIX(v[3], v[4], v[9], v[14], m[order[r][14]], m[order[r][15]]);         \
	} while (0)

static void compress(struct blake2b *hash, const uint8_t *block, uint64_t last)
{
	uint64_t m[16], v[16];

	for (int i = 0; i < 16; i++)
		m[i] = get64(block + 8 * i);
	memcpy(v, hash->state, sizeof hash->state);
	memcpy(v + 8, initial, sizeof initial);
	v[12] ^= hash->counted;
	v[14] ^= last;
	ROUND(0);
	ROUND(1);
	ROUND(2);
	ROUND(3);
	ROUND(4);
	ROUND(5);
	ROUND(6);
	ROUND(7);
	ROUND(8);
	ROUND(9);
	ROUND(0);
	ROUND(1);
	for (int i = 0; i < 8; i++)
		hash->state[i] ^= v[i] ^ v[i + 8];
}

void blake2b_start(struct blake2b *hash)
{
	memset(hash, 0, sizeof *hash);
	memcpy(hash->state, initial, sizeof initial);
	hash->state[0] ^= 0x01010000 ^ BLAKE2B_DIGEST;
}

void blake2b_add(struct blake2b *hash, const uint8_t *data, size_t length)
{
	while (length > 0) {
		size_t take = sizeof hash->block - hash->filled;

		/* The last block is compressed by finish alone, so a full one waits until more comes. */
		if (take == 0) {
			hash->counted += sizeof hash->block;
			compress(hash, hash->block, 0);
			hash->filled = 0;
			continue;
		}
		if (hash->filled == 0 && length > sizeof hash->block) {
			hash->counted += sizeof hash->block;
			compress(hash, data, 0);
			data += sizeof hash->block;
			length -= sizeof hash->block;
			continue;
		}
		if (take > length)
			take = length;
		memcpy(hash->block + hash->filled, data, take);
		hash->filled += take;
		data += take;
		length -= take;
	}
}

void blake2b_finish(struct blake2b *hash, uint8_t digest[BLAKE2B_DIGEST])
{
	hash->counted += hash->filled;
	memset(hash->block + hash->filled, 0, sizeof hash->block - hash->filled);
	compress(hash, hash->block, ~UINT64_C(0));
	for (int i = 0; i < 8; i++)
		put64(digest + 8 * i, hash->state[i]);
}
