#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "operation.h"
#include "paths.h"
#include "walk.h"
#include "watched.h"

#define COMING (IN_CREATE | IN_MOVED_TO)
#define GOING (IN_DELETE | IN_MOVED_FROM)
#define CHANGING (IN_MODIFY | IN_ATTRIB)
#define DIRECTORY_ALONE (IN_ONLYDIR | IN_DONT_FOLLOW)
/* Each costs the kernel about a kilobyte, and the sandbox is charged for it. */
#define PLACES_DEFAULT 8192
#define PROBE_PATIENCE_MS 500
#define ROOT "."

enum change { READY = 'w', CREATED = 'c', CHANGED = 'm', REMOVED = 'r', OVERFLOW = 'o' };

struct survey {
	struct walk walk;
	const char *base; /* what the walk's paths are relative to; "" for the root */
	bool told;	  /* what is found has just come to be, and may never be told otherwise */
	char path[PATH_MAX];
};

static int inotify, root, above;
static char root_name[NAME_MAX + 1];
static char last_changed[PATH_MAX];

static int say(enum change change, const char *path)
{
	const char kind[2] = {(char)change, ' '};

	/* A writer's every write is an event; the same again, among those that were read at once, says nothing. */
	if (change == CHANGED && strcmp(last_changed, path) == 0)
		return 0;
	(void)snprintf(last_changed, sizeof last_changed, "%s", change == CHANGED ? path : "");
	return output_add(kind, sizeof kind) < 0 ? -1 : output_add(path, strlen(path) + 1);
}

/* inotify takes a path and no descriptor: one that cannot lead anywhere else. */
static int watch_directory(int directory, const char *name, const char *path)
{
	int number, error;

	if (fchdir(directory) < 0)
		return -1;
	number = inotify_add_watch(inotify, name, COMING | GOING | CHANGING | DIRECTORY_ALONE | IN_EXCL_UNLINK);
	if (number < 0 || watched_add(number, path) == 0)
		return number < 0 ? -1 : 0;
	error = errno;
	(void)inotify_rm_watch(inotify, number);
	errno = error;
	return -1;
}

static bool path_below(char path[PATH_MAX], const char *base, const char *name)
{
	return snprintf(path, PATH_MAX, "%s%s%s", base, base[0] == '\0' ? "" : "/", name) < PATH_MAX;
}

static int survey_one(struct walk *walk, int directory, const char *name, const struct stat *status)
{
	struct survey *survey = (struct survey *)walk;

	if (!path_below(survey->path, survey->base, walk->path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (survey->told && say(CREATED, survey->path) < 0)
		return -1;
	if (!S_ISDIR(status->st_mode) || watch_directory(directory, name, survey->path) == 0)
		return 0;
	/* It went, or became something else, since it was seen: the directory that it lies in is watched, and tells. */
	return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
}

/* Watches what is below a directory, which is watched itself already. The descriptor is closed. */
static int survey_below(const struct operation *operation, int directory, const char *base, bool told)
{
	static struct survey survey;

	survey.walk = (struct walk){.operation = operation, .recursive = true, .enter = survey_one};
	survey.base = base;
	survey.told = told;
	return walk_directory(&survey.walk, directory, 0);
}

static int survey_all(const struct operation *operation)
{
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -1 : survey_below(operation, fd, "", false);
}

static int open_below(const char *path)
{
	char last[NAME_MAX + 1];
	int parent = path_parent(root, path, PATH_BENEATH, last), fd, error;

	if (parent < 0)
		return -1;
	fd = openat(parent, last, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	error = errno;
	(void)close(parent);
	errno = error;
	return fd;
}

/* What is made in a new directory before it is watched is found by looking, and may be told twice. */
static int watch_new(const struct operation *operation, const char *path)
{
	int fd = open_below(path);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return 0;
	if (fd >= 0 && watch_directory(fd, ".", path) < 0) {
		(void)close(fd);
		fd = -1;
	}
	if (fd >= 0 && survey_below(operation, fd, path, true) == 0)
		return 0;
	/* More than may be watched, or than may be read: whoever looks for himself misses nothing. */
	return say(OVERFLOW, path);
}

/* Events were lost, and with them directories that are not watched yet. */
static int overflowed(const struct operation *operation)
{
	if (operation->recursive)
		(void)survey_all(operation);
	return say(OVERFLOW, ROOT);
}

static int tell(const struct operation *operation, const struct inotify_event *event, const char *path)
{
	if ((event->mask & COMING) != 0) {
		if (say(CREATED, path) < 0)
			return -1;
		return operation->recursive && (event->mask & IN_ISDIR) != 0 ? watch_new(operation, path) : 0;
	}
	if ((event->mask & GOING) == 0)
		return (event->mask & CHANGING) == 0 ? 0 : say(CHANGED, path);
	/* What was moved away would go on telling, under a name that it has no more. */
	if ((event->mask & IN_MOVED_FROM) != 0 && (event->mask & IN_ISDIR) != 0)
		watched_forget_below(inotify, path);
	return say(REMOVED, path);
}

/* 1 when the directory that is watched is no more. */
static int take(const struct operation *operation, const struct inotify_event *event)
{
	static char path[PATH_MAX];
	const char *name = event->len > 0 ? event->name : "";
	const char *base = watched_path(event->wd);

	if ((event->mask & IN_Q_OVERFLOW) != 0)
		return overflowed(operation);
	if (event->wd == above)
		return strcmp(name, root_name) != 0 ? 0 : say(REMOVED, ROOT) < 0 ? -1 : 1;
	if ((event->mask & IN_IGNORED) != 0)
		watched_remove(event->wd);
	if ((event->mask & IN_IGNORED) != 0 || base == NULL || operation_excludes(operation, name))
		return 0;
	if (name[0] != '\0')
		return path_below(path, base, name) ? tell(operation, event, path) : say(OVERFLOW, ROOT);
	/* Of a directory itself: what is below the root is told by the directory that it lies in. */
	return base[0] == '\0' && (event->mask & CHANGING) != 0 ? say(CHANGED, ROOT) : 0;
}

static int follow(const struct operation *operation)
{
	static _Alignas(struct inotify_event) char events[65536];

	for (;;) {
		int over = 0;
		ssize_t got;

		if (output_flush() < 0)
			return -1;
		last_changed[0] = '\0';
		got = read(inotify, events, sizeof events);
		if (got < 0 && errno != EINTR)
			return -1;
		for (char *at = events; over == 0 && at < events + got; at += sizeof(struct inotify_event) + ((struct inotify_event *)(void *)at)->len)
			over = take(operation, (const struct inotify_event *)(void *)at);
		if (over != 0)
			return over < 0 ? -1 : output_flush();
	}
}

/* Some runtimes have inotify and tell nothing. Opening a directory is an event that every kernel tells of. */
static int prove(void)
{
	int probe = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct pollfd told = {.fd = probe, .events = POLLIN};
	int fd, ready;

	if (probe < 0 || fchdir(root) < 0 || inotify_add_watch(probe, ".", IN_OPEN | IN_ONLYDIR) < 0)
		return -1;
	fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ready = poll(&told, 1, PROBE_PATIENCE_MS);
	if (fd >= 0)
		(void)close(fd);
	(void)close(probe);
	if (ready > 0)
		return 0;
	errno = ENOTSUP;
	return -1;
}

/* A directory that somebody holds open does not tell of its own end, and this one is held here: the one above does, where it may be read. */
static void watch_from_above(const char *path)
{
	int parent = path_parent(AT_FDCWD, path, 0, root_name);

	above = parent < 0 || strcmp(root_name, ".") == 0 || fchdir(parent) < 0 ? -1 : inotify_add_watch(inotify, ".", GOING | DIRECTORY_ALONE);
	if (parent >= 0)
		(void)close(parent);
}

int run_watch(const struct operation *operation)
{
	const char *path = operation->operands[0];

	root = path_directory(AT_FDCWD, path, 0);
	if (root < 0 || prove() < 0)
		return operation_failed(errno, path);
	watched_limit(operation->limit == UINT64_MAX ? PLACES_DEFAULT : operation->limit);
	inotify = inotify_init1(IN_CLOEXEC);
	if (inotify < 0 || watch_directory(root, ".", "") < 0)
		return operation_failed(errno, path);
	watch_from_above(path);
	if ((operation->recursive && survey_all(operation) < 0) || say(READY, ROOT) < 0 || follow(operation) < 0)
		return operation_failed(errno, path);
	return 0;
}
