#include "probe.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FOLDERS_AT_ONCE 16

static int answers(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result;

	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	result = fd < 0 ? -1 : connect(fd, (struct sockaddr *)&address, sizeof address);
	(void)close(fd);
	return result;
}

static int is_socket(const char *path, const struct stat *seen, int kind, struct FTW *at)
{
	if (S_ISSOCK(seen->st_mode))
		broken("there is a socket at %s", path);
	return 0;
}

/* Sockets at the given paths, and any other below /run: there is no service in a sandbox. */
static void engine_sockets(int count, char **arguments)
{
	for (int i = 0; i < count; i++) {
		struct stat seen;

		if (answers(arguments[i]) == 0)
			broken("%s answers", arguments[i]);
		if (stat(arguments[i], &seen) == 0)
			broken("there is a %s", arguments[i]);
	}
	(void)nftw("/run", is_socket, FOLDERS_AT_ONCE, FTW_PHYS);
	(void)nftw("/var/run", is_socket, FOLDERS_AT_ONCE, FTW_PHYS);
	held("none of %d paths, and no other socket below /run", count);
}

static void take_abstract(char *line)
{
	const char *name = strchr(line, '@');

	/* Containerd's shims listened there once, for whoever shared their network. */
	if (name != NULL)
		broken("there is an abstract socket %s", name);
}

static void abstract_sockets(int count, char **arguments)
{
	if (!each_line("/proc/net/unix", take_abstract))
		not_applicable("there is no /proc/net/unix");
	held("no abstract socket");
}

const struct probe engine_probes[] = {{"engine-sockets", engine_sockets}, {"abstract-sockets", abstract_sockets}, {NULL, NULL}};
