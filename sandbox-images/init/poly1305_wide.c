#include "poly1305_vector.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define IFMA __attribute__((target("avx512f,avx512ifma")))
#define LIMB_44 UINT64_C(0xfffffffffff)
#define LIMB_42 UINT64_C(0x3ffffffffff)
#define LIMBS 3
#define LANES 8

/* Eight numbers, one a lane, in limbs of 44, 44 and 42 bits, or a little more. */
struct vector {
	__m512i limbs[LIMBS];
};

/* What is beyond 2^132 comes back at the bottom, 20 times: `twenties` are the limbs times 20. */
struct factor {
	struct vector limbs, twenties;
};

/* By lane: the blocks are read in that order, which costs no shuffles. */
static const int order[LANES] = {0, 4, 1, 5, 2, 6, 3, 7};

/* RFC 8439 appends 2^128 to each. */
IFMA static inline void add_blocks(struct vector *sum, const uint8_t *blocks)
{
	const __m512i mask = _mm512_set1_epi64(LIMB_44), end = _mm512_set1_epi64(INT64_C(1) << 40);
	__m512i first = _mm512_loadu_si512(blocks), second = _mm512_loadu_si512(blocks + 64);
	__m512i low = _mm512_unpacklo_epi64(first, second), high = _mm512_unpackhi_epi64(first, second);
	__m512i crossing = _mm512_or_si512(_mm512_srli_epi64(low, 44), _mm512_slli_epi64(high, 20));

	sum->limbs[0] = _mm512_add_epi64(sum->limbs[0], _mm512_and_si512(low, mask));
	sum->limbs[1] = _mm512_add_epi64(sum->limbs[1], _mm512_and_si512(crossing, mask));
	sum->limbs[2] = _mm512_add_epi64(sum->limbs[2], _mm512_or_si512(_mm512_srli_epi64(high, 24), end));
}

/* The processor gives the low and the high 52 bits of a product apart; the high ones are 2^8 times the next limb. */
IFMA static inline void multiply(struct vector *number, const struct factor *by)
{
	const __m512i mask = _mm512_set1_epi64(LIMB_44);
	__m512i low[LIMBS], high[LIMBS], carry, *limbs = number->limbs;

#pragma GCC unroll 3
	for (int to = 0; to < LIMBS; to++) {
		low[to] = high[to] = _mm512_setzero_si512();
#pragma GCC unroll 3
		for (int i = 0; i < LIMBS; i++) {
			__m512i factor = i <= to ? by->limbs.limbs[to - i] : by->twenties.limbs[to - i + LIMBS];

			low[to] = _mm512_madd52lo_epu64(low[to], limbs[i], factor);
			high[to] = _mm512_madd52hi_epu64(high[to], limbs[i], factor);
		}
	}
	low[1] = _mm512_add_epi64(low[1], _mm512_add_epi64(_mm512_srli_epi64(low[0], 44), _mm512_slli_epi64(high[0], 8)));
	low[2] = _mm512_add_epi64(low[2], _mm512_add_epi64(_mm512_srli_epi64(low[1], 44), _mm512_slli_epi64(high[1], 8)));
	/* Of 2^130: those beyond 2^132 are 2^10 times as many. */
	carry = _mm512_add_epi64(_mm512_srli_epi64(low[2], 42), _mm512_slli_epi64(high[2], 10));
	/* Times five. */
	carry = _mm512_add_epi64(carry, _mm512_slli_epi64(carry, 2));
	limbs[0] = _mm512_add_epi64(_mm512_and_si512(low[0], mask), carry);
	limbs[1] = _mm512_add_epi64(_mm512_and_si512(low[1], mask), _mm512_srli_epi64(limbs[0], 44));
	limbs[0] = _mm512_and_si512(limbs[0], mask);
	limbs[2] = _mm512_and_si512(low[2], _mm512_set1_epi64(LIMB_42));
}

/* One power in each lane. */
IFMA static void spread(struct factor *by, const uint64_t *const powers[LANES])
{
	for (int i = 0; i < LIMBS; i++) {
		uint64_t lanes[LANES];

		for (int lane = 0; lane < LANES; lane++)
			lanes[lane] = powers[lane][i];
		by->limbs.limbs[i] = _mm512_loadu_si512(lanes);
		/* 16 and 4. */
		by->twenties.limbs[i] = _mm512_add_epi64(_mm512_slli_epi64(by->limbs.limbs[i], 4), _mm512_slli_epi64(by->limbs.limbs[i], 2));
	}
}

/* Each lane takes every eighth block and is multiplied by r^8 between them; after the last ones by the power of where its block stood, as with fours. */
IFMA static void add_eights(struct poly1305 *mac, const uint8_t *blocks, size_t eights)
{
	const uint64_t *eighth[LANES], *last[LANES];
	struct vector sum;
	struct factor by;
	uint64_t limbs[LIMBS];

	for (int lane = 0; lane < LANES; lane++) {
		eighth[lane] = mac->powers[LANES - 1];
		last[lane] = mac->powers[LANES - 1 - order[lane]];
	}
	for (int i = 0; i < LIMBS; i++)
		sum.limbs[i] = _mm512_zextsi128_si512(_mm_cvtsi64_si128((long long)mac->sum[i]));
	spread(&by, eighth);
	add_blocks(&sum, blocks);
	for (size_t i = 1; i < eights; i++) {
		multiply(&sum, &by);
		add_blocks(&sum, blocks + i * LANES * POLY1305_BLOCK);
	}
	spread(&by, last);
	multiply(&sum, &by);
	for (int i = 0; i < LIMBS; i++)
		limbs[i] = (uint64_t)_mm512_reduce_add_epi64(sum.limbs[i]);
	limbs[1] += limbs[0] >> 44;
	limbs[2] += limbs[1] >> 44;
	mac->sum[0] = (limbs[0] & LIMB_44) + 5 * (limbs[2] >> 42);
	mac->sum[1] = limbs[1] & LIMB_44;
	mac->sum[2] = limbs[2] & LIMB_42;
}

size_t poly1305_add_eights(struct poly1305 *mac, const uint8_t *blocks, size_t count)
{
	if (count < POLY1305_VECTOR_LEAST || !__builtin_cpu_supports("avx512ifma"))
		return 0;
	add_eights(mac, blocks, count / LANES);
	return count / LANES * LANES;
}

#else

size_t poly1305_add_eights(struct poly1305 *mac, const uint8_t *blocks, size_t count)
{
	(void)mac, (void)blocks, (void)count;
	return 0;
}

#endif
