#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "operation.h"
#include "paths.h"
#include "walk.h"

static char type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return 'f';
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'l';
	case S_IFIFO:
		return 'p';
	case S_IFSOCK:
		return 's';
	case S_IFBLK:
		return 'b';
	default:
		return 'c';
	}
}

static int print_entry(int directory, const char *name, const char *path, const struct stat *status)
{
	char line[160], target[PATH_MAX] = "";
	long long mtime_ns = (long long)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;
	int length = snprintf(line, sizeof line, "%c %o %lld %lld %llu %llu %u %u", type_of(status->st_mode),
			      (unsigned)(status->st_mode & 07777), (long long)status->st_size, mtime_ns,
			      (unsigned long long)status->st_ino, (unsigned long long)status->st_nlink, (unsigned)status->st_uid,
			      (unsigned)status->st_gid);

	if (S_ISLNK(status->st_mode)) {
		ssize_t got = readlinkat(directory, name, target, sizeof target - 1);

		if (got < 0)
			return -1;
		target[got] = '\0';
	}
	if (output_add(line, (size_t)length + 1) < 0 || output_add(path, strlen(path) + 1) < 0)
		return -1;
	return output_add(target, strlen(target) + 1);
}

static int list_one(struct walk *walk, int directory, const char *name, const struct stat *status)
{
	if (walk->count == walk->operation->limit)
		return 1;
	walk->count++;
	return print_entry(directory, name, walk->path, status);
}

int run_list(const struct operation *operation)
{
	static struct walk walk;
	const char *path = operation->operands[0];
	int fd = path_directory(AT_FDCWD, path, 0);

	if (fd < 0)
		return operation_failed(errno, path);
	walk = (struct walk){.operation = operation, .recursive = operation->recursive, .enter = list_one};
	if (walk_directory(&walk, fd, 0) < 0 || output_flush() < 0)
		return operation_failed(errno, walk.path);
	return 0;
}

int run_stat(const struct operation *operation)
{
	const char *path = operation->operands[0];
	char last[NAME_MAX + 1];
	struct stat status;
	int parent = path_parent(AT_FDCWD, path, 0, last);

	if (parent < 0 || fstatat(parent, last, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
	    print_entry(parent, last, path, &status) < 0 || output_flush() < 0)
		return operation_failed(errno, path);
	return 0;
}
