/* The first bytes that init reads: the keys and the configuration. */
#ifndef GLOVEBOX_PREAMBLE_H
#define GLOVEBOX_PREAMBLE_H

#include <stdbool.h>
#include <stdint.h>

#include "secrets.h"

struct configuration {
	uint32_t grace_ms;
	uint32_t max_commands;
	char *writable[WRITABLE_MAX];
	unsigned writable_count;
	bool network;
	uint16_t ports[PORTS_MAX];
	unsigned port_count;
};

int configuration_parse(struct configuration *configuration, const uint8_t *bytes, uint32_t length);
void configuration_free(struct configuration *configuration);
/* Reads exactly the preamble, and not a byte of the first frame. */
int preamble_read(int fd, int timeout_ms, struct secrets *secrets, struct configuration *configuration);

#endif
