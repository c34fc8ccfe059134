/* Frames on their way to the host. Whoever adds frames without being asked by one stops at OUTBOX_FULL; input is not read
 * beyond OUTBOX_CONGESTED; so it is bounded. */
#ifndef GLOVEBOX_OUTBOX_H
#define GLOVEBOX_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

#define OUTBOX_FULL (128 * 1024)
#define OUTBOX_CONGESTED (256 * 1024)

/* Throws away what waits (the new host skips to its HELLO), and numbers frames from 1 again. */
void outbox_attach(const uint8_t *key, uint32_t epoch);
/* Where `length` bytes of payload belong; nothing else may be called before outbox_seal. */
uint8_t *outbox_frame(uint8_t type, uint8_t flags, uint32_t stream, uint32_t length);
void outbox_seal(void);
size_t outbox_pending(void);
/* Writes what goes without waiting. -1 where nobody will ever read it. */
int outbox_flush(int fd);

#endif
