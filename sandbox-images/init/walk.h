/* A directory and what is below it, without following anything. */
#ifndef GLOVEBOX_WALK_H
#define GLOVEBOX_WALK_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "operation.h"

struct walk {
	const struct operation *operation;
	bool recursive;
	/* Before what is below it, when it is a directory. 0 to go on, 1 to stop, -1 with errno. */
	int (*enter)(struct walk *walk, int directory, const char *name, const struct stat *status);
	int (*leave)(struct walk *walk, int directory, const char *name);
	uint64_t count;
	size_t length;
	char path[PATH_MAX]; /* of the entry, relative to where the walk began; after an error, of where it happened */
};

int walk_entry(struct walk *walk, int directory, const char *name, unsigned depth);
/* Everything in a directory. The descriptor is closed. */
int walk_directory(struct walk *walk, int directory, unsigned depth);

#endif
