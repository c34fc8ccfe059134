/* DNS (RFC 1035): a question in, an answer out, and nobody else is asked. No system call. */
#ifndef GLOVEBOX_DNS_H
#define GLOVEBOX_DNS_H

#include <stddef.h>
#include <stdint.h>

#define DNS_QUESTION_MAX 512
#define DNS_ANSWER_MAX 512

/* The length of the answer; 0 where none is due. A name of any form that may be has an address, and nothing else. */
size_t dns_answer(const uint8_t *message, size_t length, uint8_t answer[DNS_ANSWER_MAX]);

#endif
