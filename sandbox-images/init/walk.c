#include "walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* One descriptor a level. */
#define DEPTH_MAX 200

static int enter_directory(struct walk *walk, int directory, const char *name, unsigned depth)
{
	int fd, result;

	if (depth >= DEPTH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1; /* gone since it was listed */
	result = walk_directory(walk, fd, depth + 1);
	if (result == 0 && walk->leave != NULL)
		result = walk->leave(walk, directory, name);
	return result;
}

static int visit(struct walk *walk, int directory, const char *name, unsigned depth)
{
	struct stat status;
	int result;

	if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT && depth > 0 ? 0 : -1; /* gone since it was listed */
	result = walk->enter(walk, directory, name, &status);
	if (result != 0 || !S_ISDIR(status.st_mode) || !walk->recursive)
		return result;
	return enter_directory(walk, directory, name, depth);
}

int walk_entry(struct walk *walk, int directory, const char *name, unsigned depth)
{
	size_t before = walk->length, length = strlen(name);
	int result;

	if (before + length + 2 > sizeof walk->path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (before > 0)
		walk->path[walk->length++] = '/';
	memcpy(walk->path + walk->length, name, length + 1);
	walk->length += length;
	result = visit(walk, directory, name, depth);
	if (result < 0)
		return result;
	walk->length = before;
	walk->path[before] = '\0';
	return result;
}

int walk_directory(struct walk *walk, int fd, unsigned depth)
{
	DIR *directory = fdopendir(fd);
	struct dirent *entry;
	int result = 0, error;

	if (directory == NULL) {
		error = errno;
		(void)close(fd);
		errno = error;
		return -1;
	}
	while (result == 0 && (errno = 0, entry = readdir(directory)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    operation_excludes(walk->operation, entry->d_name))
			continue;
		result = walk_entry(walk, fd, entry->d_name, depth + 1);
	}
	if (result == 0 && errno != 0)
		result = -1;
	error = errno;
	(void)closedir(directory);
	errno = error;
	return result;
}
