#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "operation.h"
#include "paths.h"
#include "walk.h"

static int remove_file(struct walk *walk, int directory, const char *name, const struct stat *status)
{
	(void)walk;
	return S_ISDIR(status->st_mode) || unlinkat(directory, name, 0) == 0 ? 0 : -1;
}

static int remove_directory(struct walk *walk, int directory, const char *name)
{
	(void)walk;
	return unlinkat(directory, name, AT_REMOVEDIR);
}

int run_remove(const struct operation *operation)
{
	static struct walk walk;
	const char *path = operation->operands[0];
	char last[NAME_MAX + 1];
	int parent = path_parent(AT_FDCWD, path, 0, last);
	struct stat status;

	if (parent < 0 || fstatat(parent, last, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return operation_failed(errno, path);
	if (!operation->recursive || !S_ISDIR(status.st_mode))
		return unlinkat(parent, last, S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0) < 0 ? operation_failed(errno, path) : 0;
	walk = (struct walk){.operation = operation, .recursive = true, .enter = remove_file, .leave = remove_directory};
	return walk_entry(&walk, parent, last, 0) < 0 ? operation_failed(errno, walk.path) : 0;
}
