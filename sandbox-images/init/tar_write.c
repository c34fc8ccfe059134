#include "tar_write.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "operation.h"

#define NAME_FIELD 100
#define OCTAL_11 077777777777LL /* what eleven octal digits can say */

struct header {
	char name[NAME_FIELD], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, target[NAME_FIELD];
	char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], padding[12];
};

_Static_assert(sizeof(struct header) == TAR_BLOCK, "a header is a block");

static int pad(uint64_t size)
{
	static const char zeros[TAR_BLOCK];

	return output_add(zeros, (size_t)(-size % TAR_BLOCK));
}

static void octal(char *field, size_t size, uint64_t value)
{
	char digits[24];

	(void)snprintf(digits, sizeof digits, "%0*llo", (int)size - 1, (unsigned long long)value);
	memcpy(field, digits, size);
}

static int write_header(char type, const char *name, mode_t mode, uint64_t size, long long mtime, const char *target)
{
	struct header header;
	unsigned sum = 0;

	memset(&header, 0, sizeof header);
	/* What is too long is cut here and told whole by pax. */
	memcpy(header.name, name, strnlen(name, sizeof header.name));
	memcpy(header.target, target, strnlen(target, sizeof header.target));
	octal(header.mode, sizeof header.mode, mode & 0777);
	octal(header.uid, sizeof header.uid, 0);
	octal(header.gid, sizeof header.gid, 0);
	octal(header.size, sizeof header.size, size <= OCTAL_11 ? size : 0);
	octal(header.mtime, sizeof header.mtime, mtime < 0 || mtime > OCTAL_11 ? 0 : (uint64_t)mtime);
	header.type = type;
	memcpy(header.magic, "ustar", sizeof header.magic);
	memcpy(header.version, "00", sizeof header.version);
	memset(header.checksum, ' ', sizeof header.checksum);
	for (size_t i = 0; i < sizeof header; i++)
		sum += ((const unsigned char *)&header)[i];
	(void)snprintf(header.checksum, sizeof header.checksum, "%06o", sum);
	return output_add(&header, sizeof header);
}

/* "length key=value\n", where the length counts its own digits too. */
static size_t add_record(char *records, size_t filled, size_t capacity, const char *key, const char *value)
{
	size_t rest = strlen(key) + strlen(value) + 3;
	size_t whole = rest + 1;
	char digits[24];

	while (rest + (size_t)snprintf(digits, sizeof digits, "%zu", whole) != whole)
		whole++;
	(void)snprintf(records + filled, capacity - filled, "%zu %s=%s\n", whole, key, value);
	return filled + whole;
}

static int write_pax(const char *path, const struct stat *status, const char *target)
{
	static char records[2 * PATH_MAX + 256];
	char number[24];
	size_t filled = 0;

	if (strlen(path) > NAME_FIELD)
		filled = add_record(records, filled, sizeof records, "path", path);
	if (strlen(target) > NAME_FIELD)
		filled = add_record(records, filled, sizeof records, "linkpath", target);
	if (S_ISREG(status->st_mode) && status->st_size > OCTAL_11) {
		(void)snprintf(number, sizeof number, "%lld", (long long)status->st_size);
		filled = add_record(records, filled, sizeof records, "size", number);
	}
	if (status->st_mtim.tv_sec < 0 || status->st_mtim.tv_sec > OCTAL_11) {
		(void)snprintf(number, sizeof number, "%lld", (long long)status->st_mtim.tv_sec);
		filled = add_record(records, filled, sizeof records, "mtime", number);
	}
	if (filled == 0)
		return 0;
	if (write_header('x', "pax", 0644, filled, 0, "") < 0 || output_add(records, filled) < 0)
		return -1;
	return pad(filled);
}

int tar_write_entry(const char *path, const struct stat *status, const char *target)
{
	char type = S_ISDIR(status->st_mode) ? '5' : S_ISLNK(status->st_mode) ? '2' : '0';
	uint64_t size = S_ISREG(status->st_mode) ? (uint64_t)status->st_size : 0;

	if (write_pax(path, status, target) < 0)
		return -1;
	return write_header(type, path, status->st_mode, size, status->st_mtim.tv_sec, target);
}

int tar_write_file(int fd, uint64_t size)
{
	static char bytes[65536];
	uint64_t left = size;

	while (left > 0) {
		size_t wanted = left < sizeof bytes ? (size_t)left : sizeof bytes;
		ssize_t got = read(fd, bytes, wanted);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0) {
			memset(bytes, 0, wanted);
			got = (ssize_t)wanted;
		}
		if (output_add(bytes, (size_t)got) < 0)
			return -1;
		left -= (uint64_t)got;
	}
	return pad(size);
}

int tar_write_end(void)
{
	static const char zeros[2 * TAR_BLOCK];

	return output_add(zeros, sizeof zeros) < 0 ? -1 : output_flush();
}
