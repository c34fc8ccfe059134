/* The host's side of things: what it attached with, what it sends, and how long it has been silent. */
#ifndef GLOVEBOX_SESSION_H
#define GLOVEBOX_SESSION_H

#include <stdint.h>

#include "loop.h"
#include "preamble.h"
#include "secrets.h"

void session_open(struct secrets *secrets, const struct configuration *configuration, uint32_t features);
/* Sends what there is to send, and waits for the host as far as the outbox allows. */
void session_exchange(void);
/* When the dead man's switch goes off. */
uint64_t session_deadline_ms(void);
/* What the host writes to. */
const struct watch *session_input(void);
/* Takes what the host has written by now, whether or not the loop has come to it. */
void session_listen(void);
/* Init was stopped or frozen for up to so long: that was no silence of the host's. */
void session_slept(uint64_t ms);
/* Init has not run for a while, and cannot tell why: the host gets its time once more. Only once in one silence. */
void session_forgive(uint64_t now_ms);
/* Waits so long for the host to say how long we slept, or to attach, and takes what it says meanwhile. */
void session_await_word(unsigned ms);

#endif
