#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FOLDERS_AT_ONCE 16

static int tried;

/* Opened, never written to. */
static int is_writable(const char *path, const struct stat *seen, int kind, struct FTW *at)
{
	if (kind != FTW_F || !S_ISREG(seen->st_mode))
		return 0;
	tried++;
	write_door(path);
	return 0;
}

static void system_controls(int count, char **arguments)
{
	write_door("/proc/sys/kernel/core_pattern");
	(void)nftw("/proc/sys", is_writable, FOLDERS_AT_ONCE, FTW_PHYS);
	held("none of the %d files below /proc/sys can be opened for writing", tried);
}

static void write_paths(int count, char **arguments)
{
	for (int i = 0; i < count; i++)
		write_door(arguments[i]);
	shut();
}

static void read_paths(int count, char **arguments)
{
	for (int i = 0; i < count; i++) {
		int fd = open(arguments[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		char byte;

		if (fd < 0)
			note("%s: %s", arguments[i], errno_name(errno));
		else if (read(fd, &byte, 1) > 0)
			broken("%s can be read", arguments[i]);
		else
			note("%s: nothing in it", arguments[i]);
		(void)close(fd);
	}
	shut();
}

static void other_process(const char *pid)
{
	static const char *const files[] = {"environ", "mem", "maps", "auxv", "root/etc/hostname", "cwd/.", "map_files/."};

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char path[64];

		(void)snprintf(path, sizeof path, "/proc/%s/%s", pid, files[i]);
		door(path, open(path, O_RDONLY | O_CLOEXEC), (const int[]){EPERM, EACCES, ENOENT, 0});
	}
}

static const char *parent(void)
{
	static char pid[16];

	(void)snprintf(pid, sizeof pid, "%d", getppid());
	return getppid() == 0 ? "1" : pid;
}

static void init_memory(int count, char **arguments)
{
	other_process("1");
	other_process(parent());
	shut();
}

static void descriptors_of(const char *pid)
{
	char path[64];

	(void)snprintf(path, sizeof path, "/proc/%s/fd", pid);
	if (opendir(path) != NULL)
		broken("%s can be listed", path);
	note("%s: %s", path, errno_name(errno));
	for (int fd = 0; fd < 32; fd++) {
		(void)snprintf(path, sizeof path, "/proc/%s/fd/%d", pid, fd);
		if (open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) >= 0 || open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC) >= 0)
			broken("%s can be opened", path);
	}
}

static void init_descriptors(int count, char **arguments)
{
	descriptors_of("1");
	descriptors_of(parent());
	shut();
}

/* EPERM and the like will do. That it is being run would be the last thing that keeps it, and for a moment only. */
static void program_files(int count, char **arguments)
{
	static const char *const paths[] = {"/.glovebox/init", "/proc/1/exe"};
	char marker[64];

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		door(paths[i], open(paths[i], O_WRONLY | O_CLOEXEC), REFUSED);
	(void)snprintf(marker, sizeof marker, "/proc/%s/exe", parent());
	door("the parent's program", open(marker, O_WRONLY | O_CLOEXEC), REFUSED);
	door("the parent's program for reading", open(marker, O_RDONLY | O_CLOEXEC), REFUSED);
	shut();
}

static void working_directory(void)
{
	char path[PATH_MAX];
	struct stat root, top;

	if (getcwd(path, sizeof path) == NULL || *path != '/')
		broken("the working directory is outside: %s", errno_name(errno));
	for (int i = 0; i < 64; i++)
		if (chdir("..") < 0)
			return;
	if (stat("/", &root) < 0 || stat(".", &top) < 0 || root.st_ino != top.st_ino || root.st_dev != top.st_dev)
		broken("above the working directory is another root");
}

static void leaked_descriptors(int count, char **arguments)
{
	working_directory();
	for (int fd = 3; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			broken("descriptor %d was left open", fd);
	held("none but the standard three, and `..` ends at the root");
}

static int is_control(const char *path, const struct stat *seen, int kind, struct FTW *at)
{
	if (kind == FTW_D) {
		char made[PATH_MAX];

		(void)snprintf(made, sizeof made, "%s/glovebox-probe", path);
		if (mkdir(made, 0700) == 0) {
			(void)rmdir(made);
			broken("a control group could be made in %s", path);
		}
		return 0;
	}
	return is_writable(path, seen, kind, at);
}

static void control_groups(int count, char **arguments)
{
	(void)nftw("/sys/fs/cgroup", is_control, FOLDERS_AT_ONCE, FTW_PHYS);
	held("none of %d files below /sys/fs/cgroup can be opened for writing", tried);
}

static void take_release_agent(char *line)
{
	char where[256], path[300], type[64] = "";
	const char *dash = strstr(line, " - ");

	if (dash == NULL || sscanf(line, "%*s %*s %*s %*s %255s", where) != 1 || sscanf(dash, " - %63s", type) != 1 || strncmp(type, "cgroup", 6) != 0)
		return;
	tried++;
	(void)snprintf(path, sizeof path, "%s/release_agent", where);
	write_door(path);
	(void)snprintf(path, sizeof path, "%s/notify_on_release", where);
	write_door(path);
}

static void release_agent(int count, char **arguments)
{
	if (!each_line("/proc/self/mountinfo", take_release_agent))
		not_applicable("there is no /proc/self/mountinfo");
	held("none to be written, in %d control group mounts", tried);
}

const struct probe proc_probes[] = {
	{"system-controls", system_controls}, {"write-paths", write_paths}, {"read-paths", read_paths}, {"init-memory", init_memory}, {"init-descriptors", init_descriptors},
	{"program-files", program_files}, {"leaked-descriptors", leaked_descriptors}, {NULL, NULL},
};

const struct probe control_group_probes[] = {{"control-groups", control_groups}, {"release-agent", release_agent}, {NULL, NULL}};
