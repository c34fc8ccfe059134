#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STEP_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define RESOLVE_NO_SYMLINKS 0x04
#ifndef SYS_openat2
#define SYS_openat2 437
#endif

bool paths_have_openat2(void)
{
	const uint64_t how[3] = {STEP_FLAGS, 0, RESOLVE_NO_SYMLINKS};
	long fd = syscall(SYS_openat2, AT_FDCWD, "/", how, sizeof how);

	if (fd < 0)
		return false;
	(void)close((int)fd);
	return true;
}

/* O_DIRECTORY hides a link behind ENOTDIR. */
static int step_error(int from, const char *name, int error)
{
	struct stat status;

	if (error == ENOTDIR && fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode))
		return ELOOP;
	return error;
}

static int step(int from, const char *name, unsigned flags)
{
	int fd = openat(from, name, STEP_FLAGS);
	int error = errno;

	if (fd < 0 && error == ENOENT && (flags & PATH_MAKE) != 0) {
		if (mkdirat(from, name, 0755) < 0 && errno != EEXIST)
			return -1;
		fd = openat(from, name, STEP_FLAGS);
		error = errno;
	}
	if (fd < 0)
		errno = step_error(from, name, error);
	return fd;
}

static bool next_name(const char **path, char name[NAME_MAX + 1])
{
	size_t length;

	*path += strspn(*path, "/");
	length = strcspn(*path, "/");
	if (length > NAME_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(name, *path, length);
	name[length] = '\0';
	*path += length;
	*path += strspn(*path, "/");
	return true;
}

int path_parent(int from, const char *path, unsigned flags, char last[NAME_MAX + 1])
{
	bool absolute = path[0] == '/';
	int at, next;

	if (path[0] == '\0') {
		errno = ENOENT;
		return -1;
	}
	if (absolute && (flags & PATH_BENEATH) != 0) {
		errno = EINVAL;
		return -1;
	}
	at = absolute ? open("/", STEP_FLAGS) : openat(from, ".", STEP_FLAGS);
	while (at >= 0) {
		if (!next_name(&path, last))
			break;
		if (strcmp(last, "..") == 0 && (flags & PATH_BENEATH) != 0) {
			errno = EINVAL;
			break;
		}
		if (last[0] == '\0')
			strcpy(last, ".");
		if (*path == '\0')
			return at;
		next = step(at, last, flags);
		(void)close(at);
		at = next;
	}
	if (at >= 0) {
		int error = errno;

		(void)close(at);
		errno = error;
	}
	return -1;
}

int path_directory(int from, const char *path, unsigned flags)
{
	char last[NAME_MAX + 1];
	int parent = path_parent(from, path, flags, last);
	int fd, error;

	if (parent < 0)
		return -1;
	fd = step(parent, last, flags);
	error = errno;
	(void)close(parent);
	if (fd < 0) {
		errno = error;
		return -1;
	}
	/* What a step opened cannot be read from. */
	parent = fd;
	fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	error = errno;
	(void)close(parent);
	errno = error;
	return fd;
}

int path_stat_error(const struct stat *status)
{
	if (S_ISREG(status->st_mode))
		return 0;
	if (S_ISDIR(status->st_mode))
		return EISDIR;
	return S_ISLNK(status->st_mode) ? ELOOP : EINVAL;
}

int path_file(const char *path)
{
	char last[NAME_MAX + 1];
	struct stat status;
	int parent = path_parent(AT_FDCWD, path, 0, last);
	int fd = -1, error;

	if (parent < 0)
		return -1;
	error = fstatat(parent, last, &status, AT_SYMLINK_NOFOLLOW) < 0 ? errno : path_stat_error(&status);
	if (error == 0) {
		/* It may have become a FIFO since: not to be waited for, and looked at again. */
		fd = openat(parent, last, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &status) < 0)
			error = errno;
		else
			error = path_stat_error(&status);
	}
	(void)close(parent);
	if (error == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	errno = error;
	return -1;
}
