#include "limit_counters.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "wire.h"

#define EXT4_MAGIC 0xef53
/* ext4 refuses a write that does not fit, and leaves what is free: with large folios more than a megabyte. */
#define EXT4_LEFT_BYTES (2ULL << 20)
#define EXT4_LEFT_SHARE 64

static int memory_fd = -1;
static int pids_fd = -1;

/* The number after `name` at the beginning of a line; -1 where there is none. v1 has `oom_kill_disable` above `oom_kill`. */
static long long counter(int fd, const char *name)
{
	char text[512];
	ssize_t got = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);

	if (got < 0)
		return -1;
	text[got] = '\0';
	for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, strlen(name)) == 0)
			return atoll(line + strlen(name));
	}
	return -1;
}

static int open_counter(const char *v2, const char *v1, const char *name)
{
	const char *const paths[] = {v2, v1};

	for (int i = 0; i < 2; i++) {
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			continue;
		if (counter(fd, name) >= 0)
			return fd;
		(void)close(fd);
	}
	return -1;
}

uint32_t limits_open(void)
{
	uint32_t features = 0;

	memory_fd = open_counter("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control", "oom_kill ");
	pids_fd = open_counter("/sys/fs/cgroup/pids.events", "/sys/fs/cgroup/pids/pids.events", "max ");
	if (memory_fd >= 0)
		features |= FEATURE_MEMORY_EVENTS;
	if (pids_fd >= 0)
		features |= FEATURE_PIDS_EVENTS;
	if (access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0)
		features |= FEATURE_CGROUP_V2;
	return features;
}

void limits_read(struct counters *counters)
{
	long long oom = counter(memory_fd, "oom_kill ");
	long long pids = counter(pids_fd, "max ");

	counters->oom_kills = oom < 0 ? 0 : (uint64_t)oom;
	counters->pids_refused = pids < 0 ? 0 : (uint64_t)pids;
}

/* Blocks that may be left when a write was refused. */
static uint64_t left_when_full(const struct statfs *fs)
{
	uint64_t left = fs->f_bsize > 0 ? EXT4_LEFT_BYTES / (uint64_t)fs->f_bsize : 0;

	if (fs->f_type != EXT4_MAGIC)
		return 0;
	return left < (uint64_t)fs->f_blocks / EXT4_LEFT_SHARE ? left : (uint64_t)fs->f_blocks / EXT4_LEFT_SHARE;
}

uint32_t limits_full(char *const *paths, unsigned count)
{
	uint32_t hit = 0;

	for (unsigned i = 0; i < count; i++) {
		struct statfs fs;

		if (statfs(paths[i], &fs) < 0)
			continue;
		/* A file system without a size of its own counts nothing. */
		if (fs.f_blocks > 0 && fs.f_bavail <= left_when_full(&fs))
			hit |= HIT_DISK;
		if (fs.f_files > 0 && fs.f_ffree == 0)
			hit |= HIT_INODES;
	}
	return hit;
}
