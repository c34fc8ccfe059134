#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"
#include "wire.h"

#define MARKERS_MAX 4096
#define PF_EXITING 0x4
#define PF_FORKNOEXEC 0x40
#define SCAN_MS 100

static struct {
	struct process *list;
	size_t count, capacity;
	bool whole;
} seen;

static living_markers list_markers;
static pid_t markers[MARKERS_MAX];
static unsigned marker_count;
static DIR *proc;

bool tree_open(living_markers lister)
{
	list_markers = lister;
	proc = opendir("/proc");
	return proc != NULL && tree_is_child(getpid(), getppid());
}

/* The command's name stands in parentheses and may hold anything, parentheses too: the fields begin after the last one. */
static bool read_stat(const char *pid, struct process *process)
{
	char path[32], text[1024], *fields;
	unsigned long flags;
	unsigned long long user, system, start;
	long long children_user, children_system;
	int fd, parsed, parent;
	ssize_t got;

	(void)snprintf(path, sizeof path, "%.16s/stat", pid);
	fd = openat(dirfd(proc), path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, text, sizeof text - 1);
	(void)close(fd);
	if (got <= 0)
		return false;
	text[got] = '\0';
	fields = strrchr(text, ')');
	if (fields == NULL)
		return false;
	parsed = sscanf(fields + 1, " %c %d %*d %*d %*d %*d %lu %*u %*u %*u %*u %llu %llu %lld %lld %*d %*d %*d %*d %llu",
			&process->state, &parent, &flags, &user, &system, &children_user, &children_system, &start);
	process->pid = (pid_t)atol(pid);
	process->parent = parent;
	process->exiting = (flags & PF_EXITING) != 0;
	process->copy = (flags & PF_FORKNOEXEC) != 0;
	process->start = start;
	process->ticks = user + system + (uint64_t)children_user + (uint64_t)children_system;
	return parsed == 8;
}

static bool remember(const struct process *process)
{
	if (seen.count == seen.capacity) {
		size_t capacity = seen.capacity == 0 ? 64 : seen.capacity * 2;
		struct process *list = realloc(seen.list, capacity * sizeof *list);

		if (list == NULL)
			return false;
		seen.list = list;
		seen.capacity = capacity;
	}
	seen.list[seen.count++] = *process;
	return true;
}

static int by_pid(const void *left, const void *right)
{
	const struct process *a = left, *b = right;

	return (a->pid > b->pid) - (a->pid < b->pid);
}

static struct process *find(pid_t pid)
{
	struct process key = {.pid = pid};

	return bsearch(&key, seen.list, seen.count, sizeof key, by_pid);
}

static bool is_marker(pid_t pid)
{
	for (unsigned i = 0; i < marker_count; i++)
		if (markers[i] == pid)
			return true;
	return false;
}

/* Up from a process to the first one that settles whose it is. */
static pid_t owner_of(const struct process *process)
{
	pid_t init = getpid();

	for (size_t steps = 0; steps <= seen.count; steps++) {
		if (process->pid == init)
			return 0;
		if (is_marker(process->pid))
			return process->pid;
		if (process->parent == init)
			return init;
		if (process->parent == 0)
			return 0;
		process = find(process->parent);
		if (process == NULL)
			return -1; /* it ended while we were reading, and its children have another parent by now */
		if (process->owner != -2)
			return process->owner;
	}
	return -1;
}

/* New processes have higher numbers, so whoever forks fast enough keeps a walk going until the numbers are used up. */
static void read_processes(uint64_t until_ms)
{
	struct dirent *entry;
	struct process process = {.owner = -2};

	rewinddir(proc);
	while ((entry = readdir(proc)) != NULL) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || !read_stat(entry->d_name, &process))
			continue;
		if (!remember(&process) || (seen.count % 64 == 0 && now_ms() > until_ms)) {
			seen.whole = false;
			return;
		}
	}
}

static void scan(uint64_t limit_ms)
{
	seen.count = 0;
	seen.whole = true;
	marker_count = list_markers(markers, MARKERS_MAX);
	if (proc == NULL)
		return;
	read_processes(now_ms() + limit_ms);
	if (seen.count > 0)
		qsort(seen.list, seen.count, sizeof *seen.list, by_pid);
	for (size_t i = 0; i < seen.count; i++)
		seen.list[i].owner = owner_of(&seen.list[i]);
}

/* A marker is nobody's prey but TREE_ALL's. */
static bool is_prey(const struct process *process, pid_t owner)
{
	if (owner == TREE_ALL)
		return process->owner > 0;
	if (is_marker(process->pid))
		return false;
	return process->owner == (owner == TREE_NOBODYS ? getpid() : owner);
}

static struct killing tally(pid_t owner)
{
	struct killing result = {.whole = seen.whole, .certain = proc != NULL && seen.whole};

	for (size_t i = 0; i < seen.count; i++) {
		const struct process *process = &seen.list[i];

		if (process->owner == -1 && process->state != 'Z')
			result.certain = false;
		if (!is_prey(process, owner))
			continue;
		result.found++;
		result.stubborn += strchr("DZX", process->state) == NULL && !process->exiting;
	}
	return result;
}

/* How many were sent it. Those that are stopped need no second stop, and zombies need nothing. */
static unsigned send_to(pid_t owner, int number)
{
	unsigned sent = 0;

	for (size_t i = 0; i < seen.count; i++) {
		const struct process *process = &seen.list[i];

		if (!is_prey(process, owner) || strchr("ZX", process->state) != NULL)
			continue;
		if (number == SIGSTOP && (process->state == 'T' || process->exiting))
			continue;
		sent += kill(process->pid, number) == 0;
	}
	return sent;
}

static struct killing kill_blindly(pid_t owner, pid_t group)
{
	if (group > 1)
		(void)kill(-group, SIGKILL);
	if (owner == TREE_ALL && getpid() == 1)
		(void)kill(-1, SIGKILL);
	return (struct killing){.stubborn = 1};
}

struct killing tree_stop(pid_t owner)
{
	struct killing result;

	scan(SCAN_MS);
	result = tally(owner);
	result.stopped = send_to(owner, SIGSTOP);
	return result;
}

/* The kernel sends to -1 under the lock that a fork needs: not even a fork bomb gets past it. The neighbours are stopped with the rest
 * and go on when the killed cannot; one that had been stopped before goes on as well. */
struct killing tree_kill(pid_t owner, pid_t group, bool frozen)
{
	struct killing result;

	if (proc == NULL)
		return kill_blindly(owner, group);
	frozen = frozen && getpid() == 1 && kill(-1, SIGSTOP) == 0;
	scan(frozen ? 10 * SCAN_MS : SCAN_MS);
	result = tally(owner);
	(void)send_to(owner, SIGKILL);
	if (frozen)
		(void)kill(-1, SIGCONT);
	return result;
}

struct killing tree_look(pid_t owner)
{
	scan(SCAN_MS);
	return tally(owner);
}

static const struct copy *find_copy(const struct hearing *hearing, const struct process *process)
{
	for (unsigned i = 0; i < hearing->count; i++)
		if (hearing->copies[i].pid == process->pid && hearing->copies[i].start == process->start)
			return &hearing->copies[i];
	return NULL;
}

/* Ticks are coarse: one that began just before the signal may have it twice. */
static bool is_late(const struct hearing *hearing, const struct process *process)
{
	return process->start >= hearing->ticks || (!process->copy && find_copy(hearing, process) != NULL);
}

static uint64_t ticks_since_boot(void)
{
	struct timespec now = {0};
	uint64_t per_second = (uint64_t)sysconf(_SC_CLK_TCK);

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * per_second + (uint64_t)now.tv_nsec * per_second / 1000000000;
}

static void signal_those(pid_t marker, int number, struct hearing *hearing, bool late)
{
	struct hearing heard = {.ticks = ticks_since_boot()};

	scan(SCAN_MS);
	for (size_t i = 0; i < seen.count; i++) {
		const struct process *process = &seen.list[i];

		if (!is_prey(process, marker) || strchr("ZX", process->state) != NULL)
			continue;
		if (!late || is_late(hearing, process))
			(void)kill(process->pid, number);
		else if (find_copy(hearing, process) == NULL)
			continue;
		if (process->copy && heard.count < COPIES_MOST)
			heard.copies[heard.count++] = (struct copy){.pid = process->pid, .start = process->start};
	}
	*hearing = heard;
}

void tree_signal(pid_t marker, int number, struct hearing *hearing)
{
	signal_those(marker, number, hearing, false);
	/* A stopped process would sleep through a polite request. */
	if (number == SIGTERM)
		(void)send_to(marker, SIGCONT);
}

void tree_signal_late(pid_t marker, int number, struct hearing *hearing)
{
	signal_those(marker, number, hearing, true);
}

uint64_t tree_cpu_ms(pid_t marker)
{
	uint64_t ticks = 0;
	long per_second = sysconf(_SC_CLK_TCK);

	scan(SCAN_MS);
	for (size_t i = 0; i < seen.count; i++)
		if (seen.list[i].owner == marker)
			ticks += seen.list[i].ticks;
	return per_second <= 0 ? 0 : ticks * 1000 / (uint64_t)per_second;
}

bool tree_is_child(pid_t pid, pid_t parent)
{
	struct process process = {.owner = -2};
	char name[16];

	(void)snprintf(name, sizeof name, "%d", (int)pid);
	return proc != NULL && read_stat(name, &process) && process.parent == parent;
}

uint32_t tree_count(void)
{
	struct dirent *entry;
	uint32_t count = 0;

	if (proc == NULL)
		return 0;
	rewinddir(proc);
	while ((entry = readdir(proc)) != NULL)
		count += entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
	return count;
}

void tree_kill_everything(void)
{
	const struct timespec pause = {.tv_nsec = 2000000};

	for (int attempt = 0; attempt < 1000; attempt++) {
		/* Only PID 1 of a namespace may say "all": outside of one, -1 is the whole machine. */
		if (getpid() == 1)
			(void)kill(-1, SIGKILL);
		else
			(void)tree_kill(TREE_ALL, 0, false);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			continue;
		if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
			return;
		(void)nanosleep(&pause, NULL);
	}
}
