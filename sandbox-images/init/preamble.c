#include "preamble.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "fields.h"
#include "loop.h"

#define MAX_COMMANDS_MOST 4096

static int read_writable(struct configuration *configuration, const struct field *field)
{
	char *path;

	if (configuration->writable_count == WRITABLE_MAX || !field_is_text(field))
		return -1;
	path = strndup((const char *)field->value, field->length);
	if (path == NULL)
		return -1;
	configuration->writable[configuration->writable_count++] = path;
	return 0;
}

static int read_ports(struct configuration *configuration, const struct field *field)
{
	if (configuration->network || field->length % 2 != 0 || field->length > 2 * PORTS_MAX)
		return -1;
	configuration->network = true;
	for (uint32_t at = 0; at < field->length; at += 2) {
		uint16_t port = get16(field->value + at);

		/* In order, so that none comes twice. */
		if (port == 0 || (at > 0 && port <= configuration->ports[configuration->port_count - 1]))
			return -1;
		configuration->ports[configuration->port_count++] = port;
	}
	return 0;
}

static int read_field(struct configuration *configuration, const struct field *field)
{
	switch (field->tag) {
	case CONFIGURATION_GRACE_MS:
		return field_u32(field, &configuration->grace_ms) && configuration->grace_ms > 0 ? 0 : -1;
	case CONFIGURATION_MAX_COMMANDS:
		return field_u32(field, &configuration->max_commands) && configuration->max_commands > 0 &&
				       configuration->max_commands <= MAX_COMMANDS_MOST
			       ? 0
			       : -1;
	case CONFIGURATION_WRITABLE:
		return read_writable(configuration, field);
	case CONFIGURATION_PORTS:
		return read_ports(configuration, field);
	default:
		return -1;
	}
}

int configuration_parse(struct configuration *configuration, const uint8_t *bytes, uint32_t length)
{
	struct fields fields = {bytes, length};
	struct field field;
	int more;

	*configuration = (struct configuration){.grace_ms = 30000, .max_commands = 256};
	while ((more = fields_next(&fields, &field)) == 1) {
		if (read_field(configuration, &field) < 0) {
			configuration_free(configuration);
			return -1;
		}
	}
	if (more < 0)
		configuration_free(configuration);
	return more;
}

void configuration_free(struct configuration *configuration)
{
	while (configuration->writable_count > 0)
		free(configuration->writable[--configuration->writable_count]);
}

static int read_exactly(int fd, uint8_t *to, size_t length, uint64_t deadline_ms)
{
	while (length > 0) {
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		uint64_t now = now_ms();
		ssize_t got;

		if (now >= deadline_ms || poll(&ready, 1, (int)(deadline_ms - now)) == 0)
			return -1;
		got = read(fd, to, length);
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			return -1;
		if (got < 0)
			continue;
		to += got;
		length -= (size_t)got;
	}
	return 0;
}

int preamble_read(int fd, int timeout_ms, struct secrets *secrets, struct configuration *configuration)
{
	uint64_t deadline_ms = now_ms() + (uint64_t)timeout_ms;
	uint8_t magic[16], length[4], bytes[CONFIGURATION_MAX];

	if (read_exactly(fd, magic, sizeof magic, deadline_ms) < 0 || memcmp(magic, WIRE_PREAMBLE, sizeof magic) != 0)
		return -1;
	if (read_exactly(fd, secrets->from_host, KEY_BYTES, deadline_ms) < 0 ||
	    read_exactly(fd, secrets->to_host, KEY_BYTES, deadline_ms) < 0 ||
	    read_exactly(fd, length, sizeof length, deadline_ms) < 0 || get32(length) > CONFIGURATION_MAX ||
	    read_exactly(fd, bytes, get32(length), deadline_ms) < 0)
		return -1;
	return configuration_parse(configuration, bytes, get32(length));
}
