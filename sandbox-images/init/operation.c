#include "operation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "errors.h"

static struct {
	size_t filled;
	char bytes[65536];
} output;

int operation_failed(int error, const char *path)
{
	(void)dprintf(STDERR_FILENO, "%s %s\n", error_name(error), path);
	return 1;
}

bool operation_excludes(const struct operation *operation, const char *name)
{
	for (unsigned i = 0; i < operation->excluded_count; i++)
		if (strcmp(operation->excluded[i], name) == 0)
			return true;
	return false;
}

int write_all(int fd, const void *from, size_t length)
{
	const char *at = from;

	while (length > 0) {
		ssize_t written = write(fd, at, length);

		if (written < 0 && errno != EINTR)
			return -1;
		if (written < 0)
			continue;
		at += written;
		length -= (size_t)written;
	}
	return 0;
}

ssize_t read_all(int fd, void *to, size_t length)
{
	char *at = to;
	size_t left = length;

	while (left > 0) {
		ssize_t got = read(fd, at, left);

		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			return -1;
		if (got < 0)
			continue;
		at += got;
		left -= (size_t)got;
	}
	return (ssize_t)(length - left);
}

int output_flush(void)
{
	size_t filled = output.filled;

	output.filled = 0;
	return write_all(STDOUT_FILENO, output.bytes, filled);
}

int output_add(const void *from, size_t length)
{
	if (length > sizeof output.bytes - output.filled && output_flush() < 0)
		return -1;
	if (length > sizeof output.bytes)
		return write_all(STDOUT_FILENO, from, length);
	memcpy(output.bytes + output.filled, from, length);
	output.filled += length;
	return 0;
}
