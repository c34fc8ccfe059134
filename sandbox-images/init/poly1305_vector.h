/* Poly1305 four blocks at a time in vectors, where the processor has them: the same numbers as poly1305_add comes to, in half the time. */
#ifndef GLOVEBOX_POLY1305_VECTOR_H
#define GLOVEBOX_POLY1305_VECTOR_H

#include <stdbool.h>

#include "poly1305.h"

bool poly1305_has_vectors(void);
/* At least one four of blocks, and only where there are vectors. */
void poly1305_add_vectors(struct poly1305 *mac, const uint8_t *blocks, size_t fours);

#endif
