#include "tar_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tar_records.h"

#define RECORDS_MAX 65536

/* Offset and size of the fields that are looked at. */
#define AT_NAME 0, 100
#define AT_MODE 100, 8
#define AT_SIZE 124, 12
#define AT_MTIME 136, 12
#define AT_CHECKSUM 148
#define AT_TYPE 156
#define AT_TARGET 157, 100
#define AT_MAGIC 257
#define AT_PREFIX 345, 155

static int invalid(void)
{
	errno = EINVAL;
	return -1;
}

/* Octal digits among spaces, or, with the top bit set, a big-endian number as GNU writes it. */
static bool number(const uint8_t *block, size_t at, size_t size, int64_t *value)
{
	const uint8_t *field = block + at;
	uint64_t sum = 0;
	size_t i = 0;

	if ((field[0] & 0x80) != 0) {
		for (i = 1; i < size; i++) {
			if (sum >> 55 != 0)
				return false;
			sum = sum << 8 | field[i];
		}
		*value = (int64_t)sum;
		return field[0] == 0x80;
	}
	while (i < size && field[i] == ' ')
		i++;
	for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
		sum = sum << 3 | (uint64_t)(field[i] - '0');
	*value = (int64_t)sum;
	return i == size || field[i] == ' ' || field[i] == '\0';
}

static bool checksum_holds(const uint8_t *block)
{
	int64_t expected;
	int64_t sum = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= AT_CHECKSUM && i < AT_CHECKSUM + 8 ? ' ' : block[i];
	return number(block, AT_CHECKSUM, 8, &expected) && sum == expected;
}

static void text(const uint8_t *block, size_t at, size_t size, char *to)
{
	size_t length = strnlen((const char *)block + at, size);

	memcpy(to, block + at, length);
	to[length] = '\0';
}

static bool is_zero(const uint8_t *block)
{
	for (size_t i = 0; i < TAR_BLOCK; i++)
		if (block[i] != 0)
			return false;
	return true;
}

static int skip_to_header(struct tar_reader *reader)
{
	uint8_t bytes[TAR_BLOCK];
	ssize_t got;

	while ((got = tar_data(reader, bytes, sizeof bytes)) > 0)
		continue;
	if (got < 0)
		return -1;
	got = reader->read(reader->from, bytes, (size_t)reader->padding);
	if (got < 0)
		return -1;
	return (uint64_t)got == reader->padding ? 0 : invalid();
}

static void begin_data(struct tar_reader *reader, uint64_t size)
{
	reader->unread = size;
	reader->padding = -size % TAR_BLOCK;
}

/* The data of an entry that speaks of the next one, with a NUL after it. */
static char *read_records(struct tar_reader *reader, uint64_t size)
{
	char *records;

	if (size > RECORDS_MAX) {
		errno = EINVAL;
		return NULL;
	}
	records = malloc((size_t)size + 1);
	if (records == NULL)
		return NULL;
	begin_data(reader, size);
	for (uint64_t at = 0; at < size;) {
		ssize_t got = tar_data(reader, records + at, (size_t)(size - at));

		if (got <= 0) {
			free(records);
			return NULL;
		}
		at += (uint64_t)got;
	}
	records[size] = '\0';
	return records;
}

/* pax for the next entry, GNU long name, GNU long target, pax for all. What pax says of all of them is nothing that we keep. */
static int take_extension(struct tar_reader *reader, char type, uint64_t size, struct tar_entry *entry, unsigned *overrides)
{
	char *records = read_records(reader, size);
	int result = 0;

	if (records == NULL)
		return errno == 0 ? invalid() : -1;
	if (type == 'x' && !tar_take_pax(records, (size_t)size, entry, overrides))
		result = invalid();
	if (type == 'L' || type == 'K') {
		*overrides |= type == 'L' ? HAS_PATH : HAS_TARGET;
		if (!tar_take_path(records, strlen(records), type == 'L' ? entry->path : entry->target))
			result = invalid();
	}
	free(records);
	return result < 0 ? -1 : skip_to_header(reader);
}

static void take_name(const uint8_t *block, char *path)
{
	path[0] = '\0';
	/* Where GNU's magic stands, old tools keep times in what ustar calls the prefix. */
	if (memcmp(block + AT_MAGIC, "ustar\0", 6) == 0) {
		text(block, AT_PREFIX, path);
		if (path[0] != '\0')
			strcat(path, "/");
	}
	text(block, AT_NAME, path + strlen(path));
}

static int take_header(const uint8_t *block, struct tar_entry *entry, unsigned overrides)
{
	int64_t mode, size, mtime;
	char type = (char)block[AT_TYPE];

	if (!number(block, AT_MODE, &mode) || !number(block, AT_SIZE, &size) || !number(block, AT_MTIME, &mtime))
		return invalid();
	if ((overrides & HAS_PATH) == 0)
		take_name(block, entry->path);
	if ((overrides & HAS_TARGET) == 0)
		text(block, AT_TARGET, entry->target);
	if ((overrides & HAS_SIZE) == 0)
		entry->size = (uint64_t)size;
	if ((overrides & HAS_MTIME) == 0)
		entry->mtime = mtime;
	entry->mode = (unsigned)mode & 0777;
	entry->type = type == '0' || type == '\0' || type == '7' ? 'f' : type == '5' ? 'd' : type == '2' ? 'l' : '?';
	/* From before there were types. */
	if (type == '\0' && entry->path[0] != '\0' && entry->path[strlen(entry->path) - 1] == '/')
		entry->type = 'd';
	if (entry->type != 'f')
		entry->size = entry->type == '?' ? entry->size : 0;
	return 0;
}

int tar_next(struct tar_reader *reader, struct tar_entry *entry)
{
	uint8_t block[TAR_BLOCK];
	unsigned overrides = 0;

	errno = 0;
	if (skip_to_header(reader) < 0)
		return -1;
	for (;;) {
		int64_t size;
		char type;
		ssize_t got = reader->read(reader->from, block, sizeof block);

		if (got < 0)
			return -1;
		if (got != sizeof block)
			return invalid();
		if (is_zero(block))
			return overrides == 0 ? 0 : invalid();
		if (!checksum_holds(block) || !number(block, AT_SIZE, &size))
			return invalid();
		type = (char)block[AT_TYPE];
		if (strchr("xgLK", type) == NULL || type == '\0')
			break;
		if (take_extension(reader, type, (uint64_t)size, entry, &overrides) < 0)
			return -1;
	}
	if (take_header(block, entry, overrides) < 0)
		return -1;
	begin_data(reader, entry->size);
	return 1;
}

ssize_t tar_data(struct tar_reader *reader, void *to, size_t length)
{
	ssize_t got;

	if (length > reader->unread)
		length = (size_t)reader->unread;
	if (length == 0)
		return 0;
	got = reader->read(reader->from, to, length);
	if (got < 0)
		return -1;
	if ((size_t)got != length)
		return invalid();
	reader->unread -= (uint64_t)got;
	return got;
}

char *tar_plain_name(char *path)
{
	size_t length;

	if (path[0] == '/')
		return NULL;
	while (path[0] == '.' && (path[1] == '/' || path[1] == '\0')) {
		path += path[1] == '/' ? 2 : 1;
		path += strspn(path, "/");
	}
	length = strlen(path);
	while (length > 0 && path[length - 1] == '/')
		path[--length] = '\0';
	for (const char *part = path; *part != '\0'; part += strspn(part, "/")) {
		size_t size = strcspn(part, "/");

		if (size == 2 && part[0] == '.' && part[1] == '.')
			return NULL;
		part += size;
	}
	return path;
}
