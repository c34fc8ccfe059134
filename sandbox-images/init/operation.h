/* What the file operations have in common: their operands, their options, how they fail. */
#ifndef GLOVEBOX_OPERATION_H
#define GLOVEBOX_OPERATION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct operation {
	const char *operands[2];
	char **excluded;
	unsigned excluded_count;
	uint64_t offset, length, limit;
	mode_t mode;
	bool has_mode, parents, recursive, paths;
};

/* Prints `ENAME path` and is the exit code. */
int operation_failed(int error, const char *path);
bool operation_excludes(const struct operation *operation, const char *name);

int write_all(int fd, const void *from, size_t length);
/* As much as there is, up to `length`. */
ssize_t read_all(int fd, void *to, size_t length);

/* stdout, in large pieces. */
int output_add(const void *from, size_t length);
int output_flush(void);

int run_list(const struct operation *operation);
int run_stat(const struct operation *operation);
int run_pack(const struct operation *operation);
int run_unpack(const struct operation *operation);
int run_remove(const struct operation *operation);
int run_watch(const struct operation *operation);
int run_write(const struct operation *operation);

#endif
