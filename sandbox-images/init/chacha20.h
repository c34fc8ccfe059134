/* ChaCha20 (RFC 8439), as far as a MAC needs it: a key for one message. */
#ifndef GLOVEBOX_CHACHA20_H
#define GLOVEBOX_CHACHA20_H

#include <stdint.h>

#define CHACHA20_KEY 32
#define CHACHA20_NONCE 12

/* The first 32 bytes of block 0. */
void chacha20_derive(const uint8_t key[CHACHA20_KEY], const uint8_t nonce[CHACHA20_NONCE], uint8_t derived[32]);

#endif
