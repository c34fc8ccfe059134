/* The host's side of things: what it attached with, what it sends, and how long it has been silent. */
#ifndef GLOVEBOX_SESSION_H
#define GLOVEBOX_SESSION_H

#include <stdint.h>

#include "preamble.h"
#include "secrets.h"

void session_open(const struct secrets *secrets, const struct configuration *configuration, uint32_t features);
/* Sends what there is to send, and waits for the host as far as the outbox allows. */
void session_exchange(void);
/* When the dead man's switch goes off. */
uint64_t session_deadline_ms(void);
/* When it was last heard of, or forgiven for its silence. */
uint64_t session_heard_ms(void);
/* Takes what the host has written by now, whether or not the loop has come to it. */
void session_listen(void);
/* Init has not run for a while: it could not listen, so the host gets its time once more. Only once in one silence. */
void session_forgive(uint64_t now_ms);

#endif
