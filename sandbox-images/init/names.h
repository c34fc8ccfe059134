/* The names that programs have asked for, each with an address of its own. An address never becomes another name's: a program may have kept it. */
#ifndef GLOVEBOX_NAMES_H
#define GLOVEBOX_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_MAX_BYTES 253
#define NAMES_MOST 4096
#define NAMES_BYTES_MOST (256 * 1024)
#define LOOPBACK 0x7f000001u
/* 127.64.0.0/10 */
#define NAMES_NETWORK 0x7f400000u
#define NAMES_MASK 0xffc00000u

/* The sandbox's own name, which is nobody else's: it and localhost are LOOPBACK. */
void names_open(const char *own);
/* Labels of at most 63 of [a-z0-9_-], with dots between them; at most NAME_MAX_BYTES. */
bool names_may_be(const char *name, size_t length);
/* Of a name that may be, in host order. 0 when there is no room for another. */
uint32_t names_address(const char *name, size_t length);
/* NULL for an address that no name has. Holds until the next name comes. */
const char *names_at(uint32_t address);

#endif
