#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "operation.h"
#include "paths.h"
#include "wire.h"

static int run_read(const struct operation *operation)
{
	static char bytes[65536];
	const char *path = operation->operands[0];
	uint64_t left = operation->length, at = operation->offset;
	int fd = path_file(path);

	if (fd < 0)
		return operation_failed(errno, path);
	while (left > 0) {
		ssize_t got = pread(fd, bytes, left < sizeof bytes ? left : sizeof bytes, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return operation_failed(errno, path);
		if (got == 0)
			break;
		if (write_all(STDOUT_FILENO, bytes, (size_t)got) < 0)
			return operation_failed(errno, path);
		at += (uint64_t)got;
		left -= (uint64_t)got;
	}
	return 0;
}

static int run_mkdir(const struct operation *operation)
{
	const char *path = operation->operands[0];
	char last[NAME_MAX + 1];
	int parent = path_parent(AT_FDCWD, path, operation->parents ? PATH_MAKE : 0, last);
	mode_t mode = operation->has_mode ? operation->mode : 0755;
	struct stat status;

	if (parent < 0)
		return operation_failed(errno, path);
	if (mkdirat(parent, last, mode) == 0)
		return fchmodat(parent, last, mode, 0) < 0 ? operation_failed(errno, path) : 0;
	/* As `mkdir -p`: what is there already is well, when it is a directory. */
	if (errno == EEXIST && operation->parents && fstatat(parent, last, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(status.st_mode))
		return 0;
	return operation_failed(errno, path);
}

static int run_rename(const struct operation *operation)
{
	const char *from = operation->operands[0], *to = operation->operands[1];
	char from_last[NAME_MAX + 1], to_last[NAME_MAX + 1];
	int from_parent = path_parent(AT_FDCWD, from, 0, from_last);
	int to_parent;

	if (from_parent < 0)
		return operation_failed(errno, from);
	to_parent = path_parent(AT_FDCWD, to, 0, to_last);
	if (to_parent < 0)
		return operation_failed(errno, to);
	if (renameat(from_parent, from_last, to_parent, to_last) < 0)
		return operation_failed(errno, errno == ENOENT ? from : to);
	return 0;
}

/* The canonical name of a path whose last component is missing, or is a link to nothing. */
static bool resolve_missing(const char *path, char resolved[PATH_MAX + NAME_MAX + 2])
{
	char directory[PATH_MAX];
	const char *last;
	size_t length = strlen(path);

	while (length > 1 && path[length - 1] == '/')
		length--;
	if (length >= sizeof directory)
		return false;
	memcpy(directory, path, length);
	directory[length] = '\0';
	last = strrchr(directory, '/');
	if (last == NULL || strcmp(last, "/..") == 0 || strcmp(last, "/.") == 0)
		return false;
	if (realpath(last == directory ? "/" : (directory[last - directory] = '\0', directory), resolved) == NULL)
		return false;
	if (strcmp(resolved, "/") != 0)
		strcat(resolved, "/");
	strncat(resolved, path + (last - directory) + 1, length - (size_t)(last - directory) - 1);
	return true;
}

static int run_resolve(const struct operation *operation)
{
	char resolved[PATH_MAX + NAME_MAX + 2];
	const char *path = operation->operands[0];

	if (path[0] != '/')
		return operation_failed(EINVAL, path);
	if (realpath(path, resolved) == NULL && (errno != ENOENT || !resolve_missing(path, resolved)))
		return operation_failed(errno, path);
	return write_all(STDOUT_FILENO, resolved, strlen(resolved) + 1) < 0 ? operation_failed(errno, path) : 0;
}

static const struct {
	const char *options; /* those of `parse_option` that it takes */
	uint32_t operands;
	int (*run)(const struct operation *operation);
} operations[] = {
	[BUILTIN_READ] = {"ol", 1, run_read},
	[BUILTIN_WRITE] = {"mp", 1, run_write},
	[BUILTIN_LIST] = {"rxn", 1, run_list},
	[BUILTIN_STAT] = {"", 1, run_stat},
	[BUILTIN_PACK] = {"xP", 1, run_pack},
	[BUILTIN_UNPACK] = {"", 1, run_unpack},
	[BUILTIN_REMOVE] = {"r", 1, run_remove},
	[BUILTIN_MKDIR] = {"pm", 1, run_mkdir},
	[BUILTIN_RENAME] = {"", 2, run_rename},
	[BUILTIN_RESOLVE] = {"", 1, run_resolve},
	[BUILTIN_WATCH] = {"rxn", 1, run_watch},
};

static bool parse_number(const char *text, int base, uint64_t *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, base);
	return errno == 0 && *end == '\0' && *value <= INT64_MAX;
}

static bool parse_mode(const char *text, struct operation *operation)
{
	uint64_t mode;

	if (!parse_number(text, 8, &mode) || mode > 0777)
		return false;
	operation->mode = (mode_t)mode;
	operation->has_mode = true;
	return true;
}

static bool parse_option(const char *allowed, char *option, struct operation *operation)
{
	static const struct {
		char letter;
		const char *name;
	} known[] = {
		{'o', "--offset="}, {'l', "--length="}, {'n', "--limit="}, {'m', "--mode="}, {'x', "--exclude="},
		{'p', "--parents"}, {'r', "--recursive"}, {'P', "--paths"},
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		size_t length = strlen(known[i].name);
		bool takes_value = known[i].name[length - 1] == '=';

		if (strchr(allowed, known[i].letter) == NULL || strncmp(option, known[i].name, length) != 0 ||
		    (!takes_value && option[length] != '\0'))
			continue;
		switch (known[i].letter) {
		case 'o':
			return parse_number(option + length, 10, &operation->offset);
		case 'l':
			return parse_number(option + length, 10, &operation->length);
		case 'n':
			return parse_number(option + length, 10, &operation->limit);
		case 'm':
			return parse_mode(option + length, operation);
		case 'x':
			operation->excluded[operation->excluded_count++] = option + length;
			return true;
		case 'p':
			return operation->parents = true;
		case 'r':
			return operation->recursive = true;
		default:
			return operation->paths = true;
		}
	}
	return false;
}

bool files_knows(uint32_t operation)
{
	return operation >= BUILTIN_READ && operation <= BUILTIN_WATCH;
}

int files_run(uint32_t number, uint32_t count, char *const *arguments)
{
	struct operation operation = {.length = UINT64_MAX, .limit = UINT64_MAX};
	uint32_t operands = operations[number].operands;

	/* A file that grows too large is an error to report, and something to clean up after. */
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || count < operands)
		return operation_failed(EINVAL, "operands");
	operation.excluded = calloc(count, sizeof *operation.excluded);
	if (operation.excluded == NULL)
		return operation_failed(ENOMEM, arguments[0]);
	for (uint32_t i = 0; i < operands; i++)
		operation.operands[i] = arguments[i];
	for (uint32_t i = operands; i < count; i++)
		if (!parse_option(operations[number].options, arguments[i], &operation))
			return operation_failed(EINVAL, arguments[i]);
	return operations[number].run(&operation);
}
