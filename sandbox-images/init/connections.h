/* What programs have dialled: each a stream to the host and back, with credit both ways. Nothing outlives an attachment: it is reset. */
#ifndef GLOVEBOX_CONNECTIONS_H
#define GLOVEBOX_CONNECTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "frames.h"

/* Ends a connection so that whoever is at the other end hears of it: by RST. */
void connection_refuse(int fd);
/* Takes a socket over, whatever comes of it; the host is asked whether it wants it. `address` is that of a name, or LOOPBACK for the proxy's. */
void connections_accept(int fd, uint32_t address, uint16_t port);
/* Every one in turn has its say: one frame of data at most. True when it had. False beyond the last, and for who has nothing to say. */
bool connections_pump(uint32_t index);
uint32_t connections_count(void);
/* DATA, CREDIT or CLOSE. The fault, where the host says what it may not; 0. */
enum fault connections_obey(const struct frame *frame);
/* Resets all of them, and tells nobody: whoever attaches next knows of none. */
void connections_reset(void);
/* Frees those that are over; nothing may still point to them. */
void connections_sweep(void);

#endif
