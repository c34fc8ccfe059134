/* The two keys, in a page of their own that no core dump and no child gets to see. */
#ifndef GLOVEBOX_SECRETS_H
#define GLOVEBOX_SECRETS_H

#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct secrets {
	uint8_t from_host[KEY_BYTES];
	uint8_t to_host[KEY_BYTES];
};

/* memset that the compiler may not leave out. */
void wipe(void *at, size_t length);

struct secrets *secrets_open(void);
/* Every child calls it before anything else. */
void secrets_forget(void);

#endif
