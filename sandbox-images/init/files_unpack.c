#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "operation.h"
#include "paths.h"
#include "tar_read.h"

/* A directory gets its own mode and time when everything in it is there: both would be changed, or in the way. */
struct late {
	struct late *next;
	unsigned mode;
	int64_t mtime;
	char path[];
};

static ssize_t read_stdin(void *from, void *to, size_t length)
{
	(void)from;
	return read_all(STDIN_FILENO, to, length);
}

static void times_of(int64_t mtime, struct timespec times[2])
{
	times[0] = (struct timespec){.tv_nsec = UTIME_OMIT};
	times[1] = (struct timespec){.tv_sec = (time_t)mtime};
}

/* Whatever stands where an entry goes makes room, except a directory. */
static int make_way(int parent, const char *name)
{
	return unlinkat(parent, name, 0) < 0 && errno != ENOENT ? -1 : 0;
}

static int fill(int fd, struct tar_reader *reader)
{
	static char bytes[262144];
	ssize_t got;

	while ((got = tar_data(reader, bytes, sizeof bytes)) > 0)
		if (write_all(fd, bytes, (size_t)got) < 0)
			return -1;
	return got < 0 ? -1 : 0;
}

static int unpack_file(int parent, const char *name, struct tar_reader *reader, const struct tar_entry *entry)
{
	struct timespec times[2];
	int fd, result = 0, error;

	if (make_way(parent, name) < 0)
		return -1;
	fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	times_of(entry->mtime, times);
	if (fill(fd, reader) < 0 || fchmod(fd, entry->mode) < 0 || futimens(fd, times) < 0)
		result = -1;
	error = errno;
	if (close(fd) < 0 && result == 0)
		return -1;
	errno = error;
	return result;
}

static int unpack_link(int parent, const char *name, const struct tar_entry *entry)
{
	struct timespec times[2];

	times_of(entry->mtime, times);
	if (make_way(parent, name) < 0 || symlinkat(entry->target, parent, name) < 0)
		return -1;
	return utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW);
}

static int unpack_directory(int parent, const char *name)
{
	struct stat status;

	if (mkdirat(parent, name, 0700) == 0)
		return 0;
	if (errno != EEXIST || fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (S_ISDIR(status.st_mode))
		return fchmodat(parent, name, (status.st_mode & 0777) | 0700, 0);
	return make_way(parent, name) < 0 ? -1 : mkdirat(parent, name, 0700);
}

static int remember(struct late **list, const char *path, const struct tar_entry *entry)
{
	size_t length = strlen(path);
	struct late *late = malloc(sizeof *late + length + 1);

	if (late == NULL)
		return -1;
	late->mode = entry->mode;
	late->mtime = entry->mtime;
	memcpy(late->path, path, length + 1);
	late->next = *list;
	*list = late;
	return 0;
}

static int unpack_one(int root, const char *path, struct tar_reader *reader, const struct tar_entry *entry, struct late **late)
{
	char last[NAME_MAX + 1];
	int parent = path_parent(root, path, PATH_MAKE | PATH_BENEATH, last);
	int result, error;

	if (parent < 0)
		return -1;
	if (entry->type == 'f')
		result = unpack_file(parent, last, reader, entry);
	else if (entry->type == 'l')
		result = unpack_link(parent, last, entry);
	else
		result = unpack_directory(parent, last) < 0 ? -1 : remember(late, path, entry);
	error = errno;
	(void)close(parent);
	errno = error;
	return result;
}

static int unpack_all(int root, struct tar_reader *reader, struct tar_entry *entry, struct late **late)
{
	int more;

	while ((more = tar_next(reader, entry)) == 1) {
		char *path = tar_plain_name(entry->path);

		if (path == NULL || entry->type == '?' || (entry->type == 'l' && entry->target[0] == '\0')) {
			errno = EINVAL;
			return -1;
		}
		/* "./", as `tar .` writes it: the directory itself is the caller's. */
		if (path[0] == '\0' && entry->type == 'd')
			continue;
		if (unpack_one(root, path, reader, entry, late) < 0)
			return -1;
	}
	return more;
}

/* The list begins with the last, so what lies deeper comes first, as tar writers order it. */
static int settle(int root, const struct late *late, const char **failed)
{
	for (; late != NULL; late = late->next) {
		char last[NAME_MAX + 1];
		struct timespec times[2];
		int parent = path_parent(root, late->path, PATH_BENEATH, last);
		int result;

		*failed = late->path;
		if (parent < 0)
			return -1;
		times_of(late->mtime, times);
		/* A later entry may have put a link there, and chmod has no flag against following one. */
		result = utimensat(parent, last, times, AT_SYMLINK_NOFOLLOW);
		if (result == 0) {
			int fd = openat(parent, last, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			if (fd >= 0) {
				result = fchmod(fd, late->mode);
				(void)close(fd);
			}
		}
		(void)close(parent);
		if (result < 0)
			return -1;
	}
	return 0;
}

static void swallow_stdin(void)
{
	char bytes[4096];

	/* Archives are padded to a whole record, and their writer must not find the pipe closed. */
	while (read_all(STDIN_FILENO, bytes, sizeof bytes) > 0)
		continue;
}

int run_unpack(const struct operation *operation)
{
	static struct tar_entry entry;
	struct tar_reader reader = {.read = read_stdin};
	struct late *late = NULL;
	const char *failed = "";
	int root = path_directory(AT_FDCWD, operation->operands[0], 0);

	if (root < 0)
		return operation_failed(errno, operation->operands[0]);
	if (unpack_all(root, &reader, &entry, &late) < 0)
		return operation_failed(errno, entry.path);
	if (settle(root, late, &failed) < 0)
		return operation_failed(errno, failed);
	swallow_stdin();
	return 0;
}
