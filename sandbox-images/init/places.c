#include "places.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#define FAILED 125

static int fail(const char *what)
{
	(void)fprintf(stderr, "glovebox-places: %s: %s\n", what, strerror(errno));
	return FAILED;
}

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t length = (ssize_t)strlen(text), put;

	if (fd < 0)
		return -1;
	put = write(fd, text, (size_t)length);
	return close(fd) < 0 || put != length ? -1 : 0;
}

static int stay(const char *path, unsigned id)
{
	char line[64];

	(void)snprintf(line, sizeof line, "%u %u 1\n", id, id);
	return put(path, line);
}

static int loopback_up(void)
{
	struct ifreq interface = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), up;

	if (fd < 0)
		return -1;
	up = ioctl(fd, SIOCSIFFLAGS, &interface);
	return close(fd) < 0 ? -1 : up;
}

int places_run(char **arguments)
{
	unsigned uid = geteuid(), gid = getegid();
	bool network = strcmp(arguments[0], "--network") == 0;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | (network ? CLONE_NEWNET : 0)) < 0)
		return fail("unshare");
	/* Who we are stays as it is; and nobody but root may map a group without having given up the right to drop others. */
	if (put("/proc/self/setgroups", "deny") < 0 || stay("/proc/self/uid_map", uid) < 0 || stay("/proc/self/gid_map", gid) < 0)
		return fail("user namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail("mount namespace");
	/* Whoever comes after us has no right to a port below 1024, unless every port is everybody's. */
	if (network && (loopback_up() < 0 || put("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0") < 0))
		return fail("network namespace");
	for (arguments += network; arguments[0] != NULL && strcmp(arguments[0], "--") != 0; arguments += 2) {
		if (arguments[1] == NULL)
			break;
		if (mount("tmpfs", arguments[0], "tmpfs", MS_NOSUID | MS_NODEV, arguments[1]) < 0)
			return fail(arguments[0]);
	}
	if (arguments[0] == NULL || arguments[1] == NULL || strcmp(arguments[0], "--") != 0) {
		errno = EINVAL;
		return fail("arguments");
	}
	/* With an id that is not 0 the exec takes every capability of the namespace away. */
	(void)execv(arguments[1], arguments + 1);
	return fail(arguments[1]);
}
