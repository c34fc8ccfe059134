#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NR_OPEN_TREE 428
#define NR_FSOPEN 430
#define OPEN_TREE_CLONE 1
#define FOLDERS_AT_ONCE 16

static const int REFUSED_FILE[] = {EPERM, EACCES, EROFS, ENOENT, ENOTDIR, ENOSYS, 0};

static void try_folder(const char *folder)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof path, "%s/.glovebox-probe", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && (errno == EROFS || errno == ENOENT || errno == EACCES || errno == EPERM))
		return;
	(void)unlink(path);
	broken("a file could be made in %s", folder);
}

static void root_is_read_only(int count, char **arguments)
{
	static const char *const folders[] = {"/", "/bin", "/boot", "/etc", "/home", "/lib", "/media", "/mnt", "/opt", "/root", "/run", "/sbin", "/srv", "/sys", "/usr", "/usr/local", "/var", "/var/lib", "/var/run", "/.glovebox", "/dev", "/proc"};
	static const char *const read_only[] = {"/", "/etc", "/usr", "/.glovebox"};

	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		try_folder(folders[i]);
	/* Being nobody keeps one out as well; but that must not be all. */
	for (size_t i = 0; i < sizeof read_only / sizeof *read_only; i++) {
		struct statvfs seen;

		if (statvfs(read_only[i], &seen) == 0 && (seen.f_flag & ST_RDONLY) == 0)
			broken("%s is mounted for writing", read_only[i]);
	}
	held("no file can be made outside, and the root is mounted read-only");
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue" */
static void take_writable(char *line)
{
	static const char *const of_memory[] = {"tmpfs", "devpts", "mqueue", "proc", "devtmpfs", "shm"};
	char root[256], where[256], options[128], type[64] = "", source[128] = "";
	const char *dash = strstr(line, " - ");

	if (dash == NULL || sscanf(line, "%*s %*s %*s %255s %255s %127s", root, where, options) != 3 || sscanf(dash, " - %63s %127s", type, source) != 2)
		return;
	if (strncmp(options, "rw", 2) != 0)
		return;
	for (size_t i = 0; i < sizeof of_memory / sizeof *of_memory; i++)
		if (strcmp(type, of_memory[i]) == 0) {
			note("%s", where);
			return;
		}
	/* A workspace that is larger than memory: a whole file system, in a file that is nothing else, on which nobody gains rights. */
	if (strcmp(where, "/workspace") == 0 && strcmp(root, "/") == 0 && strncmp(source, "/dev/loop", 9) == 0 && strstr(options, "nosuid") != NULL && strstr(options, "nodev") != NULL) {
		note("%s on a disk of its own", where);
		return;
	}
	broken("%s is a %s that may be written to", where, type);
}

/* What is writable is memory of the sandbox's own: nothing of the host's disks. */
static void writable_mounts(int count, char **arguments)
{
	note("writable, in memory");
	if (!each_line("/proc/self/mountinfo", take_writable))
		not_applicable("there is no /proc/self/mountinfo");
	shut();
}

static void take_shared(char *line)
{
	char where[256];

	if (sscanf(line, "%*s %*s %*s %*s %255s", where) == 1 && strstr(line, " shared:") != NULL)
		broken("what is mounted under %s is mounted elsewhere too", where);
}

static void propagation(int count, char **arguments)
{
	if (!each_line("/proc/self/mountinfo", take_shared))
		not_applicable("there is no /proc/self/mountinfo");
	held("no mount is shared");
}

static void remount(int count, char **arguments)
{
	door("remount of /", mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL), REFUSED);
	door("mount of a tmpfs", mount("none", "/proc/self/nothing", "tmpfs", 0, NULL), (const int[]){EPERM, EACCES, ENOSYS, 0});
	/* With MNT_EXPIRE the root is refused, but only after one was asked who one is. */
	door("umount of /", umount2("/", MNT_EXPIRE), REFUSED);
	door("fsopen", syscall(NR_FSOPEN, "tmpfs", 0), REFUSED);
	door("open_tree", syscall(NR_OPEN_TREE, AT_FDCWD, "/", OPEN_TREE_CLONE), REFUSED);
	door("pivot_root", syscall(SYS_pivot_root, "/proc/self/nothing", "/proc/self/nothing"), (const int[]){EPERM, EACCES, ENOSYS, 0});
	door("chroot", chroot("/"), REFUSED);
	shut();
}

static void make_device(const char *name, mode_t type, dev_t device)
{
	long made = mknod("/tmp/.glovebox-probe", type | 0600, device);

	if (made == 0)
		(void)unlink("/tmp/.glovebox-probe");
	door(name, made, REFUSED_FILE);
}

static int is_block_device(const char *path, const struct stat *seen, int kind, struct FTW *at)
{
	if (S_ISBLK(seen->st_mode))
		broken("%s is a block device (%u:%u)", path, major(seen->st_rdev), minor(seen->st_rdev));
	return 0;
}

static void block_devices(int count, char **arguments)
{
	make_device("mknod of a block device", S_IFBLK, makedev(7, 0));
	make_device("mknod of /dev/mem", S_IFCHR, makedev(1, 1));
	(void)nftw("/dev", is_block_device, FOLDERS_AT_ONCE, FTW_PHYS);
	note("none in /dev");
	shut();
}

static void devices(int count, char **arguments)
{
	static const char *const allowed[] = {".", "..", "console", "core", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"};
	DIR *dev = opendir("/dev");
	struct dirent *entry;

	if (dev == NULL)
		held("there is no /dev");
	while ((entry = readdir(dev)) != NULL) {
		bool expected = false;

		for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
			expected = expected || strcmp(entry->d_name, allowed[i]) == 0;
		if (!expected)
			broken("there is a /dev/%s", entry->d_name);
	}
	held("/dev has what every program needs, and nothing else");
}

static void hard_links(int count, char **arguments)
{
	static const char *const wanted[] = {"/etc/passwd", "/etc/hostname", "/bin/sh", "/.glovebox/init"};

	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		int made = linkat(AT_FDCWD, wanted[i], AT_FDCWD, ".glovebox-link", AT_SYMLINK_FOLLOW);

		if (made == 0)
			(void)unlink(".glovebox-link");
		door(wanted[i], made, (const int[]){EPERM, EACCES, EROFS, EXDEV, ENOENT, 0});
	}
	shut();
}

const struct probe mount_probes[] = {
	{"read-only-root", root_is_read_only}, {"writable-mounts", writable_mounts}, {"propagation", propagation}, {"remount", remount}, {"block-devices", block_devices},
	{"devices", devices}, {"hard-links", hard_links}, {NULL, NULL},
};
