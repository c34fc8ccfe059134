#include "chacha20.h"

#include "bytes.h"
#include "secrets.h"

static inline uint32_t rotate(uint32_t word, int bits)
{
	return word << bits | word >> (32 - bits);
}

static inline void quarter(uint32_t *x, int a, int b, int c, int d)
{
	x[a] += x[b];
	x[d] = rotate(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = rotate(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = rotate(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = rotate(x[b] ^ x[c], 7);
}

static void twenty_rounds(uint32_t x[16])
{
	for (int i = 0; i < 10; i++) {
		quarter(x, 0, 4, 8, 12);
		quarter(x, 1, 5, 9, 13);
		quarter(x, 2, 6, 10, 14);
		quarter(x, 3, 7, 11, 15);
		quarter(x, 0, 5, 10, 15);
		quarter(x, 1, 6, 11, 12);
		quarter(x, 2, 7, 8, 13);
		quarter(x, 3, 4, 9, 14);
	}
}

void chacha20_derive(const uint8_t key[CHACHA20_KEY], const uint8_t nonce[CHACHA20_NONCE], uint8_t derived[32])
{
	/* "expand 32-byte k" */
	uint32_t state[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, x[16];

	for (int i = 0; i < 8; i++)
		state[4 + i] = get32(key + 4 * i);
	for (int i = 0; i < 3; i++)
		state[13 + i] = get32(nonce + 4 * i);
	for (int i = 0; i < 16; i++)
		x[i] = state[i];
	twenty_rounds(x);
	for (int i = 0; i < 8; i++)
		put32(derived + 4 * i, x[i] + state[i]);
	wipe(state, sizeof state);
	wipe(x, sizeof x);
}
