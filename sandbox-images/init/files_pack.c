#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "operation.h"
#include "paths.h"
#include "tar_write.h"
#include "walk.h"

static int pack_file(int directory, const char *name, const char *path)
{
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;
	int result = -1, error;

	if (fd < 0)
		return -1;
	if (fstat(fd, &status) == 0) {
		errno = path_stat_error(&status);
		if (errno == 0 && tar_write_entry(path, &status, "") == 0)
			result = tar_write_file(fd, (uint64_t)status.st_size);
	}
	error = errno;
	(void)close(fd);
	errno = error;
	return result;
}

static int pack_link(int directory, const char *name, const char *path, const struct stat *status)
{
	char target[PATH_MAX];
	ssize_t got = readlinkat(directory, name, target, sizeof target - 1);

	if (got < 0)
		return -1;
	target[got] = '\0';
	return tar_write_entry(path, status, target);
}

/* Sockets, FIFOs and devices are not data: they stay behind. */
static int pack_one(struct walk *walk, int directory, const char *name, const struct stat *status)
{
	if (S_ISREG(status->st_mode))
		return pack_file(directory, name, walk->path);
	if (S_ISLNK(status->st_mode))
		return pack_link(directory, name, walk->path, status);
	if (S_ISDIR(status->st_mode)) {
		char path[PATH_MAX + 1];

		(void)snprintf(path, sizeof path, "%s/", walk->path);
		return tar_write_entry(path, status, "");
	}
	return 0;
}

static int pack_path(struct walk *walk, int root, const char *path)
{
	char last[NAME_MAX + 1];
	const char *slash = strrchr(path, '/');
	size_t length = slash == NULL ? 0 : (size_t)(slash - path);
	int parent = path_parent(root, path, PATH_BENEATH, last);
	int result, error;

	if (parent < 0)
		return -1;
	memcpy(walk->path, path, length);
	walk->path[length] = '\0';
	walk->length = length;
	result = walk_entry(walk, parent, last, 0);
	error = errno;
	(void)close(parent);
	errno = error;
	return result;
}

/* Each path as it is named, so it must be named plainly: it becomes a name in the archive. */
static int check_path(const char *path)
{
	size_t length = strlen(path);

	if (length > 0 && path[length - 1] != '/' && strstr(path, "//") == NULL)
		return 0;
	errno = EINVAL;
	return -1;
}

static int pack_paths(struct walk *walk, int root)
{
	static char path[PATH_MAX];
	size_t length = 0;
	char bytes[4096];
	ssize_t got;

	while ((got = read_all(STDIN_FILENO, bytes, sizeof bytes)) > 0) {
		for (ssize_t i = 0; i < got; i++) {
			if (length == sizeof path) {
				errno = ENAMETOOLONG;
				return -1;
			}
			path[length++] = bytes[i];
			if (bytes[i] != '\0')
				continue;
			length = 0;
			(void)snprintf(walk->path, sizeof walk->path, "%s", path);
			if (check_path(path) < 0 || pack_path(walk, root, path) < 0)
				return -1;
		}
	}
	if (got == 0 && length > 0)
		errno = EINVAL;
	return got < 0 || length > 0 ? -1 : 0;
}

int run_pack(const struct operation *operation)
{
	static struct walk walk;
	const char *path = operation->operands[0];
	int root = path_directory(AT_FDCWD, path, 0);
	int result;

	if (root < 0)
		return operation_failed(errno, path);
	walk = (struct walk){.operation = operation, .recursive = true, .enter = pack_one};
	result = operation->paths ? pack_paths(&walk, root) : walk_directory(&walk, root, 0);
	if (result < 0 || tar_write_end() < 0)
		return operation_failed(errno, walk.path);
	return 0;
}
