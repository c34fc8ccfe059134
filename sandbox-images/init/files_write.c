#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "operation.h"
#include "paths.h"

/* Short enough for any name beside it, and the process is the only one of its number. */
static char beside[32];
static int parent = -1;

static void leave_nothing(int number)
{
	(void)unlinkat(parent, beside, 0);
	_exit(128 + number);
}

static int copy(int fd)
{
	static char bytes[65536];
	ssize_t got;

	while ((got = read_all(STDIN_FILENO, bytes, sizeof bytes)) > 0)
		if (write_all(fd, bytes, (size_t)got) < 0)
			return -1;
	return got < 0 ? -1 : 0;
}

/* The mode that the file is to have; of what is there already, unless it was said. */
static int target_mode(const struct operation *operation, const char *last, mode_t *mode)
{
	struct stat status;

	*mode = operation->has_mode ? operation->mode : 0644;
	if (fstatat(parent, last, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	errno = path_stat_error(&status);
	if (errno != 0)
		return -1;
	if (!operation->has_mode)
		*mode = status.st_mode & 0777;
	return 0;
}

static int replace(const char *last, mode_t mode)
{
	int fd = openat(parent, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int error = 0;

	if (fd < 0)
		return -1;
	if (copy(fd) < 0 || fchmod(fd, mode) < 0)
		error = errno;
	if (close(fd) < 0 && error == 0)
		error = errno;
	if (error == 0 && renameat(parent, beside, parent, last) == 0)
		return 0;
	if (error == 0)
		error = errno;
	(void)unlinkat(parent, beside, 0);
	errno = error;
	return -1;
}

int run_write(const struct operation *operation)
{
	const char *path = operation->operands[0];
	char last[NAME_MAX + 1];
	mode_t mode;

	parent = path_parent(AT_FDCWD, path, operation->parents ? PATH_MAKE : 0, last);
	if (parent < 0 || target_mode(operation, last, &mode) < 0)
		return operation_failed(errno, path);
	if (path[strlen(path) - 1] == '/')
		return operation_failed(EISDIR, path);
	(void)snprintf(beside, sizeof beside, ".glovebox-%d.part", (int)getpid());
	if (signal(SIGTERM, leave_nothing) == SIG_ERR)
		return operation_failed(errno, path);
	return replace(last, mode) < 0 ? operation_failed(errno, path) : 0;
}
