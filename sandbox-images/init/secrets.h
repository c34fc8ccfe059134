/* The two keys, and what is made of them for longer than a call, in a page of their own that no core dump and no child gets to see. */
#ifndef GLOVEBOX_SECRETS_H
#define GLOVEBOX_SECRETS_H

#include <stddef.h>
#include <stdint.h>

#include "poly1305.h"
#include "wire.h"

struct secrets {
	uint8_t from_host[KEY_BYTES];
	uint8_t to_host[KEY_BYTES];
	struct poly1305 unfinished; /* of the frame that is under way to us */
};

/* memset that the compiler may not leave out. */
void wipe(void *at, size_t length);

struct secrets *secrets_open(void);
/* Every child calls it before anything else. */
void secrets_forget(void);

#endif
