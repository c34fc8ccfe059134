#include "probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Scenery: what is here to be found, so that the probes can be seen to find it. */

#define NEW_ROUTE 24
#define REQUEST_ACKNOWLEDGE_CREATE 0x405
#define TABLE_LOCAL 255
#define KIND_LOCAL 2
#define SCOPE_HOST 254
#define OUTPUT_INTERFACE 4
#define LOOPBACK_INDEX 1
/* A listener ends by itself if nobody ends it. */
#define LIFE_SECONDS 120

/* A route by which every address is this machine's own, as `ip route add local 0.0.0.0/0 dev lo` makes it. */
static void make_local(int netlink, uint8_t family)
{
	struct {
		uint32_t length;
		uint16_t type, flags;
		uint32_t sequence, port;
		uint8_t family, destination_bits, source_bits, service, table, protocol, scope, kind;
		uint32_t route_flags;
		uint16_t attribute_length, attribute;
		uint32_t interface;
	} request = {.length = sizeof request, .type = NEW_ROUTE, .flags = REQUEST_ACKNOWLEDGE_CREATE, .family = family, .table = TABLE_LOCAL, .protocol = 3,
		     .scope = family == AF_INET ? SCOPE_HOST : 0, .kind = KIND_LOCAL, .attribute_length = 8, .attribute = OUTPUT_INTERFACE, .interface = LOOPBACK_INDEX};
	struct {
		uint32_t length;
		uint16_t type, flags;
		uint32_t sequence, port;
		int32_t error;
		char rest[256];
	} answer = {0};

	if (send(netlink, &request, sizeof request, 0) < 0 || recv(netlink, &answer, sizeof answer, 0) < 20 || answer.error != 0)
		(void)fprintf(stderr, "route of family %d: %s\n", family, strerror(-answer.error));
}

static int listen_on(int port)
{
	const struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = IN6ADDR_ANY_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 16) < 0) {
		perror("listen");
		exit(1);
	}
	return fd;
}

static _Noreturn void say_and_wait(void)
{
	(void)alarm(LIFE_SECONDS);
	(void)printf("ready\n");
	(void)fflush(stdout);
	for (;;)
		(void)pause();
}

/* port [port ...]: whatever address is asked, we are it */
static void everywhere(int count, char **arguments)
{
	int netlink = socket(AF_NETLINK, SOCK_RAW, 0);

	make_local(netlink, AF_INET);
	make_local(netlink, AF_INET6);
	for (int i = 0; i < count; i++)
		(void)listen_on((int)number(count, arguments, i));
	say_and_wait();
}

/* port name: a port and an abstract socket of ours alone */
static void neighbour(int count, char **arguments)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number(count, arguments, 0)), .sin_addr = {htonl(INADDR_ANY)}};
	const char *name = text(count, arguments, 1);
	int abstract = socket(AF_UNIX, SOCK_STREAM, 0), plain = socket(AF_INET, SOCK_STREAM, 0);

	(void)snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s", name);
	if (bind(abstract, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))) < 0 || listen(abstract, 4) < 0 ||
	    bind(plain, (const struct sockaddr *)&loopback, sizeof loopback) < 0 || listen(plain, 4) < 0) {
		perror("neighbour");
		exit(1);
	}
	say_and_wait();
}

/* path: something listens there */
static void socket_at(int count, char **arguments)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", text(count, arguments, 0));
	if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4) < 0) {
		perror(address.sun_path);
		exit(1);
	}
	say_and_wait();
}

const struct probe stage_probes[] = {{"everywhere", everywhere}, {"neighbour", neighbour}, {"socket-at", socket_at}, {NULL, NULL}};
