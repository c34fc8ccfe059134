/* tar in: ustar, pax, GNU long names. Reads from anywhere and touches no file system, so that it can be fuzzed. */
#ifndef GLOVEBOX_TAR_READ_H
#define GLOVEBOX_TAR_READ_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TAR_BLOCK 512

struct tar_entry {
	char type; /* f, d, l, or ? for what is refused */
	unsigned mode;
	uint64_t size;
	int64_t mtime;
	char path[PATH_MAX];
	char target[PATH_MAX];
};

struct tar_reader {
	/* Fills `length` bytes, fewer at the end, -1 with errno. */
	ssize_t (*read)(void *from, void *to, size_t length);
	void *from;
	uint64_t unread; /* data of the current entry */
	uint64_t padding;
};

/* 1 with the next entry, 0 at the end, -1 with errno (EINVAL: not a tar, or one that is cut off). */
int tar_next(struct tar_reader *reader, struct tar_entry *entry);
/* The next bytes of the entry, 0 when it has no more, -1 with errno. */
ssize_t tar_data(struct tar_reader *reader, void *to, size_t length);
/* Without leading "./" and trailing "/"; NULL for a name that would leave the directory. May be "". */
char *tar_plain_name(char *path);

#endif
