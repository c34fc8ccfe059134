#include "poly1305.h"

#include <string.h>

#include "bytes.h"
#include "poly1305_vector.h"

#define LIMB_44 UINT64_C(0xfffffffffff)
#define LIMB_42 UINT64_C(0x3ffffffffff)
/* 2^128, which RFC 8439 appends to each block, in the third limb. */
#define BLOCK_END (UINT64_C(1) << 40)

typedef unsigned __int128 wide;

static inline void split(uint64_t low, uint64_t high, uint64_t limbs[3])
{
	limbs[0] = low & LIMB_44;
	limbs[1] = (low >> 44 | high << 20) & LIMB_44;
	limbs[2] = high >> 24;
}

static inline void add_block(uint64_t limbs[3], const uint8_t *block)
{
	uint64_t m[3];

	split(get64(block), get64(block + 8), m);
	limbs[0] += m[0];
	limbs[1] += m[1];
	limbs[2] += m[2] | BLOCK_END;
}

/* What is beyond 2^132 comes back at the bottom, 20 times: 2^130 is 5. */
static inline void add_product(wide sum[3], const uint64_t a[3], const uint64_t b[3])
{
	uint64_t b1 = 20 * b[1], b2 = 20 * b[2];

	sum[0] += (wide)a[0] * b[0] + (wide)a[1] * b2 + (wide)a[2] * b1;
	sum[1] += (wide)a[0] * b[1] + (wide)a[1] * b[0] + (wide)a[2] * b2;
	sum[2] += (wide)a[0] * b[2] + (wide)a[1] * b[1] + (wide)a[2] * b[0];
}

/* Down to limbs that may be multiplied again. */
static inline void carry(const wide sum[3], uint64_t limbs[3])
{
	wide middle = sum[1] + (uint64_t)(sum[0] >> 44);
	wide top = sum[2] + (uint64_t)(middle >> 44);

	limbs[0] = ((uint64_t)sum[0] & LIMB_44) + 5 * (uint64_t)(top >> 42);
	limbs[1] = ((uint64_t)middle & LIMB_44) + (limbs[0] >> 44);
	limbs[2] = (uint64_t)top & LIMB_42;
	limbs[0] &= LIMB_44;
}

static inline void add_term(wide sum[3], const uint8_t *block, const uint64_t power[3])
{
	uint64_t limbs[3] = {0};

	add_block(limbs, block);
	add_product(sum, limbs, power);
}

static inline void multiply(const uint64_t a[3], const uint64_t b[3], uint64_t product[3])
{
	wide sum[3] = {0};

	add_product(sum, a, b);
	carry(sum, product);
}

void poly1305_start(struct poly1305 *mac, const uint8_t key[POLY1305_KEY])
{
	*mac = (struct poly1305){.addend = {get64(key + 16), get64(key + 24)}};
	split(get64(key) & UINT64_C(0x0ffffffc0fffffff), get64(key + 8) & UINT64_C(0x0ffffffc0ffffffc), mac->powers[0]);
	for (int i = 1; i < POLY1305_POWERS; i++)
		multiply(mac->powers[i - 1], mac->powers[0], mac->powers[i]);
}

/*
 * Four blocks at a time where there are four: ((((h + a) r + b) r + c) r + d) r is (h + a) r^4 + b r^3 + c r^2 + d r, and those products do not wait for one
 * another. The sum is our own copy meanwhile, or each store to it might be one to the powers.
 */
void poly1305_add(struct poly1305 *mac, const uint8_t *blocks, size_t count)
{
	struct poly1305 own = *mac;
	size_t added = poly1305_add_eights(&own, blocks, count);

	if (added == 0)
		added = poly1305_add_fours(&own, blocks, count);
	blocks += added * POLY1305_BLOCK;
	count -= added;
	for (; count >= POLY1305_LANES; count -= POLY1305_LANES, blocks += POLY1305_LANES * POLY1305_BLOCK) {
		wide sum[3] = {0};

		add_block(own.sum, blocks);
		add_product(sum, own.sum, own.powers[3]);
		add_term(sum, blocks + POLY1305_BLOCK, own.powers[2]);
		add_term(sum, blocks + 2 * POLY1305_BLOCK, own.powers[1]);
		add_term(sum, blocks + 3 * POLY1305_BLOCK, own.powers[0]);
		carry(sum, own.sum);
	}
	for (; count > 0; count--, blocks += POLY1305_BLOCK) {
		add_block(own.sum, blocks);
		multiply(own.sum, own.powers[0], own.sum);
	}
	*mac = own;
}

/* The limbs in their places, and the sum less 2^130 - 5 where it is not smaller; no branch tells which. */
static void reduce(uint64_t h[3])
{
	uint64_t less[3], smaller;

	for (int i = 0; i < 2; i++) {
		h[1] += h[0] >> 44;
		h[0] &= LIMB_44;
		h[2] += h[1] >> 44;
		h[1] &= LIMB_44;
		h[0] += 5 * (h[2] >> 42);
		h[2] &= LIMB_42;
	}
	h[1] += h[0] >> 44;
	h[0] &= LIMB_44;
	less[0] = h[0] + 5;
	less[1] = h[1] + (less[0] >> 44);
	less[2] = h[2] + (less[1] >> 44) - (UINT64_C(1) << 42);
	smaller = -(less[2] >> 63);
	h[0] = (h[0] & smaller) | (less[0] & LIMB_44 & ~smaller);
	h[1] = (h[1] & smaller) | (less[1] & LIMB_44 & ~smaller);
	h[2] = (h[2] & smaller) | (less[2] & LIMB_42 & ~smaller);
}

void poly1305_finish(struct poly1305 *mac, uint8_t tag[16])
{
	wide low, high;
	uint64_t *h = mac->sum;

	reduce(h);
	low = (wide)(h[0] | h[1] << 44) + mac->addend[0];
	high = (wide)(h[1] >> 20 | h[2] << 24) + mac->addend[1] + (uint64_t)(low >> 64);
	put64(tag, (uint64_t)low);
	put64(tag + 8, (uint64_t)high);
}
