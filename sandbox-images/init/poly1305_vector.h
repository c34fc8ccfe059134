/* Poly1305 of several blocks at a time in vectors, where the processor has them: the same numbers as poly1305_add comes to. */
#ifndef GLOVEBOX_POLY1305_VECTOR_H
#define GLOVEBOX_POLY1305_VECTOR_H

#include "poly1305.h"

/* For fewer blocks it costs more to begin than it saves. */
#define POLY1305_VECTOR_LEAST 64

/* Each gives how many of the blocks it added, from the first on: 0 where the processor cannot or they are too few. Fours take half the time (AVX2), eights half of that (AVX-512 IFMA). */
size_t poly1305_add_fours(struct poly1305 *mac, const uint8_t *blocks, size_t count);
size_t poly1305_add_eights(struct poly1305 *mac, const uint8_t *blocks, size_t count);

#endif
