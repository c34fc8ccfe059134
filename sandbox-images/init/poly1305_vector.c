#include "poly1305_vector.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define LIMB_44 UINT64_C(0xfffffffffff)
#define LIMB_42 UINT64_C(0x3ffffffffff)
#define LIMB_26 UINT64_C(0x3ffffff)
#define LIMBS 5
#define LANES 4

typedef unsigned __int128 wide;

/* Four numbers, one a lane, in limbs of 26 bits: a product of two limbs and a sum of five of them fit 64. */
struct vector {
	__m256i limbs[LIMBS];
};

/* Of a number in limbs of 44, 44 and 42 bits, or a little more. */
static void to_26(const uint64_t from[3], uint64_t to[LIMBS])
{
	uint64_t middle = from[1] + (from[0] >> 44), top = from[2] + (middle >> 44);
	uint64_t low = (from[0] & LIMB_44) | middle << 44, high = (middle & LIMB_44) >> 20 | top << 24;

	to[0] = low & LIMB_26;
	to[1] = low >> 26 & LIMB_26;
	to[2] = (low >> 52 | high << 12) & LIMB_26;
	to[3] = high >> 14 & LIMB_26;
	to[4] = (high >> 40 & 0xffffff) | top >> 40 << 24;
}

/* What is beyond 2^130 comes back at the bottom, five times. */
static void to_44(const uint64_t from[LIMBS], uint64_t to[3])
{
	wide rest = from[0] + ((wide)from[1] << 26) + ((wide)from[2] << 52);

	to[0] = (uint64_t)rest & LIMB_44;
	rest = (rest >> 44) + ((wide)from[3] << 34);
	to[1] = (uint64_t)rest & LIMB_44;
	rest = (rest >> 44) + ((wide)from[4] << 16);
	to[2] = (uint64_t)rest & LIMB_42;
	to[0] += 5 * (uint64_t)(rest >> 42);
}

/* The blocks are read in the order 0, 2, 1, 3: that costs two shuffles less. RFC 8439 appends 2^128 to each. */
AVX2 static inline void add_blocks(struct vector *sum, const uint8_t *blocks)
{
	const __m256i mask = _mm256_set1_epi64x(LIMB_26), end = _mm256_set1_epi64x(1 << 24);
	__m256i first = _mm256_loadu_si256((const __m256i *)blocks), second = _mm256_loadu_si256((const __m256i *)(blocks + 32));
	__m256i low = _mm256_unpacklo_epi64(first, second), high = _mm256_unpackhi_epi64(first, second);
	__m256i crossing = _mm256_or_si256(_mm256_srli_epi64(low, 52), _mm256_slli_epi64(high, 12));

	sum->limbs[0] = _mm256_add_epi64(sum->limbs[0], _mm256_and_si256(low, mask));
	sum->limbs[1] = _mm256_add_epi64(sum->limbs[1], _mm256_and_si256(_mm256_srli_epi64(low, 26), mask));
	sum->limbs[2] = _mm256_add_epi64(sum->limbs[2], _mm256_and_si256(crossing, mask));
	sum->limbs[3] = _mm256_add_epi64(sum->limbs[3], _mm256_and_si256(_mm256_srli_epi64(high, 14), mask));
	sum->limbs[4] = _mm256_add_epi64(sum->limbs[4], _mm256_or_si256(_mm256_srli_epi64(high, 40), end));
}

/* `fives` are the limbs of `by` times five. */
AVX2 static inline void multiply(struct vector *number, const struct vector *by, const struct vector *fives)
{
	const __m256i mask = _mm256_set1_epi64x(LIMB_26);
	__m256i sum[LIMBS], carry = _mm256_setzero_si256();

#pragma GCC unroll 5
	for (int to = 0; to < LIMBS; to++)
		sum[to] = _mm256_mul_epu32(number->limbs[0], by->limbs[to]);
#pragma GCC unroll 4
	for (int i = 1; i < LIMBS; i++)
#pragma GCC unroll 5
		for (int to = 0; to < LIMBS; to++) {
			const __m256i *factor = i <= to ? &by->limbs[to - i] : &fives->limbs[to - i + LIMBS];

			sum[to] = _mm256_add_epi64(sum[to], _mm256_mul_epu32(number->limbs[i], *factor));
		}
#pragma GCC unroll 5
	for (int i = 0; i < LIMBS; i++) {
		sum[i] = _mm256_add_epi64(sum[i], carry);
		carry = _mm256_srli_epi64(sum[i], 26);
		number->limbs[i] = _mm256_and_si256(sum[i], mask);
	}
	/* Times five, in 64 bits. */
	carry = _mm256_add_epi64(carry, _mm256_slli_epi64(carry, 2));
	number->limbs[0] = _mm256_add_epi64(number->limbs[0], carry);
	number->limbs[1] = _mm256_add_epi64(number->limbs[1], _mm256_srli_epi64(number->limbs[0], 26));
	number->limbs[0] = _mm256_and_si256(number->limbs[0], mask);
}

/* One power in each lane. */
AVX2 static void spread(struct vector *by, struct vector *fives, const uint64_t *const powers[LANES])
{
	uint64_t limbs[LANES][LIMBS];

	for (int lane = 0; lane < LANES; lane++)
		to_26(powers[lane], limbs[lane]);
	for (int i = 0; i < LIMBS; i++) {
		by->limbs[i] = _mm256_set_epi64x((long long)limbs[3][i], (long long)limbs[2][i], (long long)limbs[1][i], (long long)limbs[0][i]);
		fives->limbs[i] = _mm256_add_epi64(by->limbs[i], _mm256_slli_epi64(by->limbs[i], 2));
	}
}

/*
 * Each lane takes every fourth block and is multiplied by r^4 between them; after the last ones by r^4, r^3, r^2 and r, by where its block stood: the lanes' sum is
 * what block after block would have come to.
 */
AVX2 static void add_fours(struct poly1305 *mac, const uint8_t *blocks, size_t fours)
{
	const uint64_t *const fourth[LANES] = {mac->powers[3], mac->powers[3], mac->powers[3], mac->powers[3]};
	const uint64_t *const last[LANES] = {mac->powers[3], mac->powers[1], mac->powers[2], mac->powers[0]};
	struct vector sum, by, fives;
	uint64_t limbs[LIMBS], lanes[LANES];

	to_26(mac->sum, limbs);
	for (int i = 0; i < LIMBS; i++)
		sum.limbs[i] = _mm256_set_epi64x(0, 0, 0, (long long)limbs[i]);
	spread(&by, &fives, fourth);
	add_blocks(&sum, blocks);
	for (size_t i = 1; i < fours; i++) {
		multiply(&sum, &by, &fives);
		add_blocks(&sum, blocks + i * LANES * POLY1305_BLOCK);
	}
	spread(&by, &fives, last);
	multiply(&sum, &by, &fives);
	for (int i = 0; i < LIMBS; i++) {
		_mm256_storeu_si256((__m256i *)lanes, sum.limbs[i]);
		limbs[i] = lanes[0] + lanes[1] + lanes[2] + lanes[3];
	}
	to_44(limbs, mac->sum);
}

size_t poly1305_add_fours(struct poly1305 *mac, const uint8_t *blocks, size_t count)
{
	if (count < POLY1305_VECTOR_LEAST || !__builtin_cpu_supports("avx2"))
		return 0;
	add_fours(mac, blocks, count / LANES);
	return count / LANES * LANES;
}

#else

size_t poly1305_add_fours(struct poly1305 *mac, const uint8_t *blocks, size_t count)
{
	(void)mac, (void)blocks, (void)count;
	return 0;
}

#endif
