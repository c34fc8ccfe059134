#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "connections.h"
#include "dns.h"
#include "dns_clients.h"
#include "loop.h"
#include "names.h"
#include "wire.h"

#define DNS_PORT 53
/* Where resolvers look: what we have drivers write, and what systems with a resolver of their own have. */
#define RESOLVER_OF_OTHERS 0x7f000035u
#define RESOLVERS 2
/* Who finds no room is not refused by the kernel, but made to wait for a second. */
#define BACKLOG 4096
/* Of one socket in one turn: commands have theirs in between. */
#define TAKEN_MOST 64
/* As much of the kernel's memory as one connection may fill for a program that does not read. */
#define SEND_BUFFER (128 * 1024)

static struct {
	struct watch listeners[PORTS_MAX + 2];
	struct watch resolvers[RESOLVERS];
	int spare; /* given up for a moment to get rid of a connection that there is no descriptor for */
} network;

static struct sockaddr_in at(uint32_t address, uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(address), .sin_port = htons(port)};
}

static void question_ready(struct watch *watch, uint32_t events)
{
	uint8_t question[DNS_QUESTION_MAX + 1], answer[DNS_ANSWER_MAX];

	(void)events;
	for (int i = 0; i < TAKEN_MOST; i++) {
		struct sockaddr_in from;
		socklen_t size = sizeof from;
		ssize_t got = recvfrom(watch->fd, question, sizeof question, 0, (struct sockaddr *)&from, &size);
		size_t length;

		if (got < 0)
			return;
		length = dns_answer(question, (size_t)got, answer);
		/* Who does not take it asks again. */
		if (length > 0 && sendto(watch->fd, answer, length, 0, (struct sockaddr *)&from, size) < 0)
			continue;
	}
}

static void sort_out(int fd)
{
	struct sockaddr_in dialled;
	socklen_t size = sizeof dialled;
	uint32_t address;
	uint16_t port;

	if (getsockname(fd, (struct sockaddr *)&dialled, &size) < 0) {
		connection_refuse(fd);
		return;
	}
	address = ntohl(dialled.sin_addr.s_addr);
	port = ntohs(dialled.sin_port);
	if (names_at(address) != NULL || (port == PROXY_PORT && address == LOOPBACK))
		connections_accept(fd, address, port);
	else if (port == DNS_PORT)
		dns_clients_accept(fd);
	else
		connection_refuse(fd);
}

/* Else it would be told again and again that there is somebody. */
static void refuse_without_descriptor(int listener)
{
	int fd;

	if (network.spare < 0)
		return;
	(void)close(network.spare);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		connection_refuse(fd);
	network.spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void connection_waits(struct watch *watch, uint32_t events)
{
	(void)events;
	for (int i = 0; i < TAKEN_MOST; i++) {
		int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0)
			sort_out(fd);
		else if (errno == EMFILE || errno == ENFILE)
			refuse_without_descriptor(watch->fd);
		else if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

static int open_socket(struct watch *watch, int type, uint32_t address, uint16_t port)
{
	struct sockaddr_in place = at(address, port);

	watch->fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return watch->fd < 0 || bind(watch->fd, (struct sockaddr *)&place, sizeof place) < 0 ? -1 : 0;
}

/* On any address, because a name has an address only once it was asked for. From outside nobody gets here: nothing is routed to 127/8, and no other
 * address is answered to. */
static int open_listener(struct watch *watch, uint16_t port)
{
	int buffer = SEND_BUFFER;

	watch->ready = connection_waits;
	if (open_socket(watch, SOCK_STREAM, INADDR_ANY, port) < 0)
		return -1;
	(void)setsockopt(watch->fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	return listen(watch->fd, BACKLOG) < 0 ? -1 : watch_for(watch, EPOLLIN);
}

static int open_resolver(struct watch *watch, uint32_t address)
{
	watch->ready = question_ready;
	return open_socket(watch, SOCK_DGRAM, address, DNS_PORT) < 0 ? -1 : watch_for(watch, EPOLLIN);
}

static bool is_among(uint16_t port, const uint16_t *ports, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (ports[i] == port)
			return true;
	return false;
}

static int open_all(const uint16_t *ports, unsigned count)
{
	static const uint16_t own[] = {DNS_PORT, PROXY_PORT};
	static const uint32_t resolvers[RESOLVERS] = {LOOPBACK, RESOLVER_OF_OTHERS};
	struct watch *listener = network.listeners;

	for (unsigned i = 0; i < count; i++)
		if (open_listener(listener++, ports[i]) < 0)
			return -1;
	for (unsigned i = 0; i < 2; i++)
		if (!is_among(own[i], ports, count) && open_listener(listener++, own[i]) < 0)
			return -1;
	for (unsigned i = 0; i < RESOLVERS; i++)
		if (open_resolver(&network.resolvers[i], resolvers[i]) < 0)
			return -1;
	return 0;
}

static void close_all(void)
{
	for (unsigned i = 0; i < PORTS_MAX + 2; i++)
		watch_close(&network.listeners[i]);
	for (unsigned i = 0; i < RESOLVERS; i++)
		watch_close(&network.resolvers[i]);
}

int network_open(const uint16_t *ports, unsigned count)
{
	struct utsname names;

	for (unsigned i = 0; i < PORTS_MAX + 2; i++)
		network.listeners[i].fd = -1;
	for (unsigned i = 0; i < RESOLVERS; i++)
		network.resolvers[i].fd = -1;
	network.spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (uname(&names) == 0)
		names_open(names.nodename);
	if (open_all(ports, count) == 0)
		return 0;
	close_all();
	return -1;
}
