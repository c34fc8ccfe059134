/* The payload of EXEC. */
#ifndef GLOVEBOX_EXEC_REQUEST_H
#define GLOVEBOX_EXEC_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

#define ID_MAX 64

struct exec_request {
	char id[ID_MAX + 1];
	char **arguments; /* NULL at the end, as execve wants it */
	char **environment;
	uint32_t argument_count, environment_count;
	const char *directory;
	uint32_t wall_ms, cpu_ms, flags, window, grace_ms;
	uint64_t output_bytes;
	uint32_t nofile, nproc, builtin, size;
	uint64_t fsize;
	uint32_t given; /* bit of each tag that was there */
	char *storage;
};

/* 0, or -1 where it is malformed, or -2 without memory. */
int exec_request_parse(struct exec_request *request, const uint8_t *payload, uint32_t length);
void exec_request_free(struct exec_request *request);
bool exec_request_has(const struct exec_request *request, enum exec_tag tag);

#endif
