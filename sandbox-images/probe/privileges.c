#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOKS 400
#define BETWEEN_LOOKS_NS 5000000

static void must_be_zero(const char *field)
{
	char value[64];

	if (!status_field("self", field, value, sizeof value))
		not_applicable("/proc/self/status does not say");
	if (strspn(value, "0") != strlen(value))
		broken("%s is %s", field, value);
	note("%s is empty", field);
}

static void effective(int count, char **arguments)
{
	must_be_zero("CapEff");
	must_be_zero("CapPrm");
	must_be_zero("CapInh");
	must_be_zero("CapAmb");
	shut();
}

static void bounding(int count, char **arguments)
{
	must_be_zero("CapBnd");
	shut();
}

static void no_new_privileges(int count, char **arguments)
{
	char value[16];

	if (!status_field("self", "NoNewPrivs", value, sizeof value))
		not_applicable("/proc/self/status does not say");
	if (strcmp(value, "1") != 0)
		broken("NoNewPrivs is %s", value);
	held("NoNewPrivs is 1");
}

/* What is root's on the host would be ours here. */
static void must_not_own(const char *path)
{
	struct stat seen;

	if (stat(path, &seen) == 0 && seen.st_uid == getuid())
		broken("%s is ours: user %u in here is root outside", path, getuid());
}

static void not_root(int count, char **arguments)
{
	uid_t users[3];
	gid_t groups[3], others[64];
	int more;

	if (getresuid(&users[0], &users[1], &users[2]) < 0 || getresgid(&groups[0], &groups[1], &groups[2]) < 0)
		not_applicable("the kernel does not say who we are");
	for (int i = 0; i < 3; i++)
		if (users[i] == 0 || groups[i] == 0)
			broken("the user is %u, the group %u", users[i], groups[i]);
	more = getgroups(64, others);
	for (int i = 0; i < more; i++)
		if (others[i] == 0)
			broken("one of the groups is root's");
	must_not_own("/proc/sys");
	must_not_own("/usr");
	door("setuid(0)", setuid(0), (const int[]){EPERM, EINVAL, EACCES, 0});
	door("setgid(0)", setgid(0), (const int[]){EPERM, EINVAL, EACCES, 0});
	note("user %u, group %u", getuid(), getgid());
	shut();
}

/* As one finds files by number that no path leads to: it needs DAC_READ_SEARCH. */
static void file_handles(int count, char **arguments)
{
	struct {
		unsigned bytes;
		int type;
		uint32_t inode[2];
	} handle = {8, 1, {2, 0}};
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	door("open_by_handle_at", syscall(SYS_open_by_handle_at, root, &handle, O_RDONLY | O_CLOEXEC), REFUSED);
	shut();
}

static const char *find_setuid(void)
{
	static const char *const names[] = {"/usr/bin/su", "/bin/su", "/usr/bin/passwd", "/usr/bin/newgrp", "/usr/bin/chsh", NULL};
	struct stat seen;

	for (size_t i = 0; names[i] != NULL; i++)
		if (stat(names[i], &seen) == 0 && (seen.st_mode & S_ISUID) != 0 && seen.st_uid != getuid() && access(names[i], X_OK) == 0)
			return names[i];
	return NULL;
}

/* Who it is once it waits for something: for a password, on our pipe. */
static bool became_somebody_else(pid_t pid, char *seen, size_t size)
{
	char self[16];

	(void)snprintf(self, sizeof self, "%d", pid);
	for (int look = 0; look < LOOKS && waitpid(pid, NULL, WNOHANG) == 0; look++) {
		const struct timespec pause = {.tv_nsec = BETWEEN_LOOKS_NS};
		char state[64] = "", name[64] = "";
		unsigned real, effective;

		if (status_field(self, "Uid", seen, size) && sscanf(seen, "%u %u", &real, &effective) == 2 && effective != getuid())
			return true;
		if (status_field(self, "Name", name, sizeof name) && strncmp(name, "glovebox", 8) != 0 && status_field(self, "State", state, sizeof state) && *state == 'S' && look > 0)
			return false;
		(void)nanosleep(&pause, NULL);
	}
	return false;
}

static void setuid_programs(int count, char **arguments)
{
	const char *program = find_setuid();
	char seen[64] = "";
	bool gained;
	int ends[2];
	pid_t pid;

	if (program == NULL)
		not_applicable("this image has no program with the setuid bit");
	if (pipe2(ends, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		not_applicable("no process: %s", errno_name(errno));
	if (pid == 0) {
		int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

		(void)dup2(ends[0], 0);
		(void)dup2(nowhere, 1);
		(void)dup2(nowhere, 2);
		(void)execl(program, program, (char *)NULL);
		_exit(127);
	}
	gained = became_somebody_else(pid, seen, sizeof seen);
	(void)kill(pid, SIGKILL);
	if (gained)
		broken("%s runs as %s", program, seen);
	held("%s runs as we do", program);
}

static void same_as_init(const char *file)
{
	char ours[256] = "", its[256] = "", path[64];
	ssize_t length;

	(void)snprintf(path, sizeof path, "/proc/self/%s", file);
	length = readlink(path, ours, sizeof ours - 1);
	(void)snprintf(path, sizeof path, "/proc/1/%s", file);
	if (length < 0 || readlink(path, its, sizeof its - 1) < 0)
		return;
	if (strcmp(ours, its) != 0)
		broken("%s is %s, and init's %s", file, ours, its);
}

static char groups_of[2][1024];
static int which;

static void take_group(char *line)
{
	size_t used = strlen(groups_of[which]);

	(void)snprintf(groups_of[which] + used, sizeof groups_of[which] - used, "%s\n", line);
}

/* What holds for init must hold for every command. */
static void keeps_limits(int count, char **arguments)
{
	long most = number(count, arguments, 0);
	struct rlimit files, core;
	char value[64];

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || getrlimit(RLIMIT_CORE, &core) < 0)
		not_applicable("no limits: %s", errno_name(errno));
	/* One is less than any dump, and stops those as well that the host would handle. */
	if (core.rlim_max > 1)
		broken("it may leave a core dump");
	if (files.rlim_max > (rlim_t)most)
		broken("it may open %lu files, and %ld are allowed", (unsigned long)files.rlim_max, most);
	files.rlim_max = files.rlim_cur = (rlim_t)most + 1;
	door("more open files", setrlimit(RLIMIT_NOFILE, &files), REFUSED);
	errno = 0;
	door("a better priority", setpriority(PRIO_PROCESS, 0, -20), REFUSED);
	if (!each_line("/proc/self/cgroup", take_group) || (which = 1, !each_line("/proc/1/cgroup", take_group)) || strcmp(groups_of[0], groups_of[1]) != 0)
		broken("it is in another control group than init");
	for (const char *const *name = (const char *const[]){"ns/pid", "ns/net", "ns/mnt", "ns/user", NULL}; *name != NULL; name++)
		same_as_init(*name);
	for (const char *const *name = (const char *const[]){"CapEff", "CapBnd", NULL}; *name != NULL; name++)
		must_be_zero(*name);
	if (status_field("self", "Seccomp", value, sizeof value) && strcmp(value, "2") != 0)
		broken("seccomp mode is %s", value);
	shut();
}

const struct probe privilege_probes[] = {
	{"effective-capabilities", effective}, {"bounding-capabilities", bounding}, {"no-new-privileges", no_new_privileges}, {"not-root", not_root},
	{"file-handles", file_handles}, {"setuid-programs", setuid_programs}, {"keeps-limits", keeps_limits}, {NULL, NULL},
};
