#include "tar_records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool tar_take_path(const char *value, size_t length, char *to)
{
	if (length >= PATH_MAX || memchr(value, '\0', length) != NULL)
		return false;
	memcpy(to, value, length);
	to[length] = '\0';
	return true;
}

static bool take_decimal(const char *value, int64_t *to)
{
	char *end;

	errno = 0;
	*to = strtoll(value, &end, 10);
	/* A fraction of a second is let go of. */
	return errno == 0 && end != value && (*end == '\n' || *end == '.');
}

static bool take_record(const char *key, const char *value, size_t length, struct tar_entry *entry, unsigned *overrides)
{
	int64_t decimal;

	if (strncmp(key, "path=", 5) == 0) {
		*overrides |= HAS_PATH;
		return tar_take_path(value, length, entry->path);
	}
	if (strncmp(key, "linkpath=", 9) == 0) {
		*overrides |= HAS_TARGET;
		return tar_take_path(value, length, entry->target);
	}
	if (strncmp(key, "size=", 5) == 0) {
		*overrides |= HAS_SIZE;
		if (!take_decimal(value, &decimal) || decimal < 0)
			return false;
		entry->size = (uint64_t)decimal;
		return true;
	}
	if (strncmp(key, "mtime=", 6) == 0) {
		*overrides |= HAS_MTIME;
		return take_decimal(value, &entry->mtime);
	}
	return true;
}

static bool take_next(const char *record, size_t left, size_t *length, struct tar_entry *entry, unsigned *overrides)
{
	char *key;
	const char *end, *value;
	unsigned long whole = strtoul(record, &key, 10);

	if (record[0] < '1' || record[0] > '9' || whole > left)
		return false;
	end = record + whole;
	if (key + 1 >= end || *key != ' ' || end[-1] != '\n')
		return false;
	key++;
	value = memchr(key, '=', (size_t)(end - key));
	if (value == NULL)
		return false;
	value++;
	*length = whole;
	return take_record(key, value, (size_t)(end - 1 - value), entry, overrides);
}

bool tar_take_pax(const char *records, size_t size, struct tar_entry *entry, unsigned *overrides)
{
	size_t length;

	for (size_t at = 0; at < size; at += length)
		if (!take_next(records + at, size - at, &length, entry, overrides))
			return false;
	return true;
}
