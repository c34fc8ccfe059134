#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_MS 300
#define ECHO_REQUEST_4 8
#define ECHO_REQUEST_6 128

/* Nothing went out. A refusal by whoever is at the other end would be an answer. */
static const int NOWHERE[] = {ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, ENETDOWN, ENODEV, EPERM, EACCES, EAFNOSUPPORT, EPROTONOSUPPORT, EINVAL, 0};
static const int NOBODY_HERE[] = {ECONNREFUSED, EADDRNOTAVAIL, ENETUNREACH, EAFNOSUPPORT, 0};

static bool resolve(const char *host, const char *port, int type, struct addrinfo **found)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = type};

	return getaddrinfo(host, port, &hints, found) == 0;
}

static bool is_loopback(const struct sockaddr *address)
{
	const struct sockaddr_in6 *six = (const void *)address;
	const struct sockaddr_in *four = (const void *)address;

	if (address->sa_family == AF_INET)
		return (ntohl(four->sin_addr.s_addr) >> 24) == 127 || four->sin_addr.s_addr == 0;
	if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		return six->sin6_addr.s6_addr[12] == 127;
	return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr) || IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr);
}

/* 0, or -1 with an errno. */
static int reach(const struct addrinfo *to)
{
	int fd = socket(to->ai_family, to->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, to->ai_protocol);
	struct pollfd poll_for = {.fd = fd, .events = POLLOUT};
	socklen_t size = sizeof errno;
	int error = 0;

	if (fd >= 0 && connect(fd, to->ai_addr, to->ai_addrlen) < 0)
		error = errno;
	else if (fd < 0)
		error = errno;
	if (error == EINPROGRESS) {
		error = ETIMEDOUT;
		if (poll(&poll_for, 1, PATIENCE_MS) == 1)
			(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	}
	if (fd >= 0)
		(void)close(fd);
	errno = error;
	return error == 0 ? 0 : -1;
}

/* host port [host port ...] */
static void tcp(int count, char **arguments)
{
	for (int i = 0; i + 1 < count; i += 2) {
		struct addrinfo *found;
		char name[128];

		(void)snprintf(name, sizeof name, "%s:%s", arguments[i], arguments[i + 1]);
		if (!resolve(arguments[i], arguments[i + 1], SOCK_STREAM, &found)) {
			note("%s: no address", name);
			continue;
		}
		door(name, reach(found), is_loopback(found->ai_addr) ? NOBODY_HERE : NOWHERE);
		freeaddrinfo(found);
	}
	shut();
}

static size_t dns_question(const char *name, unsigned char *message)
{
	static const unsigned char head[12] = {0x47, 0x42, 1, 0, 0, 1};
	size_t length = sizeof head;

	memcpy(message, head, sizeof head);
	while (*name != '\0') {
		size_t label = strcspn(name, ".");

		message[length++] = (unsigned char)label;
		memcpy(message + length, name, label);
		length += label;
		name += label + (name[label] == '.');
	}
	memcpy(message + length, "\0\0\1\0\1", 5);
	return length + 5;
}

/* The first address of an answer to dns_question, whose names are pointers; false where there is none. */
static bool first_address(const unsigned char *message, ssize_t length, size_t question, struct in_addr *found)
{
	const size_t record = 12;

	if (length < (ssize_t)(question + record + sizeof *found) || (message[6] == 0 && message[7] == 0) || memcmp(message + question + 2, "\0\1\0\1", 4) != 0)
		return false;
	memcpy(found, message + question + record, sizeof *found);
	return true;
}

/* Sends a question, and waits for an answer only on loopback: elsewhere it is enough that it went out. 1 where it was answered with a place of our own. */
static int ask(const struct addrinfo *to, const char *name, struct in_addr *found)
{
	int fd = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd poll_for = {.fd = fd, .events = POLLIN};
	unsigned char message[512];
	size_t length = dns_question(name, message);
	int result = -1, error;

	if (fd >= 0 && connect(fd, to->ai_addr, to->ai_addrlen) == 0 && send(fd, message, length, 0) > 0) {
		result = 0;
		errno = ETIMEDOUT;
		if (is_loopback(to->ai_addr))
			result = poll(&poll_for, 1, PATIENCE_MS) == 1 ? (int)recv(fd, message, sizeof message, 0) : -1;
		if (result > 0 && first_address(message, result, length, found) && (ntohl(found->s_addr) >> 24) == 127)
			result = 1;
		else if (result > 0)
			result = 0;
	}
	error = errno == ETIMEDOUT ? ECONNREFUSED : errno;
	if (fd >= 0)
		(void)close(fd);
	errno = error;
	return result;
}

static char servers[8][64];
static int server_count;

static void take_server(char *line)
{
	if (server_count < 8 && sscanf(line, "nameserver %63s", servers[server_count]) == 1)
		server_count++;
}

/* name server [server ...]; those of /etc/resolv.conf are asked too: init may answer there, with addresses that lead nowhere but to itself */
static void dns(int count, char **arguments)
{
	const char *name = text(count, arguments, 0);

	(void)each_line("/etc/resolv.conf", take_server);
	for (int i = 1; i < count && server_count < 8; i++)
		(void)snprintf(servers[server_count++], sizeof servers[0], "%s", arguments[i]);
	for (int i = 0; i < server_count; i++) {
		struct addrinfo *found;
		struct in_addr own;
		int result;

		if (!resolve(servers[i], "53", SOCK_DGRAM, &found))
			continue;
		result = ask(found, name, &own);
		if (result == 1)
			note("%s: answered here with %s", servers[i], inet_ntoa(own));
		else
			door(servers[i], result, is_loopback(found->ai_addr) ? NOBODY_HERE : NOWHERE);
		freeaddrinfo(found);
	}
	shut();
}

/* By the first resolver that is named. */
static bool look_up(const char *name, struct in_addr *address)
{
	struct addrinfo *found;
	bool answered;

	(void)each_line("/etc/resolv.conf", take_server);
	if (server_count == 0 || !resolve(servers[0], "53", SOCK_DGRAM, &found))
		return false;
	answered = ask(found, name, address) == 1;
	freeaddrinfo(found);
	return answered;
}

static int copy(int from, int to)
{
	char bytes[65536];
	ssize_t got;

	while ((got = read(from, bytes, sizeof bytes)) > 0)
		for (ssize_t done = 0, put; done < got; done += put)
			if ((put = write(to, bytes + done, (size_t)(got - done))) < 0)
				return -1;
	return got < 0 ? -1 : 0;
}

/* address-or-name port: stdin goes there, and what comes back to stdout. No judgement: whoever talks through it has one. */
static void pipe_to(int count, char **arguments)
{
	const char *host = text(count, arguments, 0), *port = text(count, arguments, 1);
	struct addrinfo *to;
	struct in_addr named;
	pid_t sender;
	int fd;

	if (!resolve(host, port, SOCK_STREAM, &to) && (!look_up(host, &named) || !resolve(inet_ntoa(named), port, SOCK_STREAM, &to))) {
		(void)fprintf(stderr, "no address\n");
		exit(2);
	}
	fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, to->ai_addr, to->ai_addrlen) < 0) {
		(void)fprintf(stderr, "%s\n", errno_name(errno));
		exit(3);
	}
	(void)signal(SIGPIPE, SIG_IGN);
	sender = fork();
	if (sender == 0) {
		(void)copy(STDIN_FILENO, fd);
		(void)shutdown(fd, SHUT_WR);
		_exit(0);
	}
	if (sender < 0 || copy(fd, STDOUT_FILENO) < 0) {
		(void)fprintf(stderr, "%s\n", errno_name(errno));
		count = -1;
	}
	if (sender > 0)
		(void)kill(sender, SIGKILL);
	exit(count < 0 ? 4 : 0);
}

static void ping(const char *host, int type)
{
	unsigned char request[8] = {0};
	struct addrinfo *found;
	char name[128];
	int fd;

	if (!resolve(host, "0", SOCK_DGRAM, &found))
		return;
	request[0] = found->ai_family == AF_INET ? ECHO_REQUEST_4 : ECHO_REQUEST_6;
	(void)snprintf(name, sizeof name, "%s echo to %s", type == SOCK_RAW ? "raw" : "plain", host);
	fd = socket(found->ai_family, type | SOCK_CLOEXEC, found->ai_family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	door(name, fd < 0 ? -1 : sendto(fd, request, sizeof request, 0, found->ai_addr, found->ai_addrlen), NOWHERE);
	if (fd >= 0)
		(void)close(fd);
	freeaddrinfo(found);
}

static void icmp(int count, char **arguments)
{
	for (int i = 0; i < count; i++) {
		ping(arguments[i], SOCK_RAW);
		ping(arguments[i], SOCK_DGRAM);
	}
	shut();
}

static void take_interface(char *line)
{
	char name[32];

	if (strchr(line, ':') == NULL || sscanf(line, " %31[^:]", name) != 1)
		return;
	if (strcmp(name, "lo") != 0)
		broken("there is an interface %s", name);
	note("interface %s", name);
}

static void take_route(char *line)
{
	char interface[32];
	unsigned long destination, gateway;

	if (sscanf(line, "%31s %lx %lx", interface, &destination, &gateway) == 3 && strcmp(interface, "lo") != 0)
		broken("there is a route by %s", interface);
}

static void interfaces(int count, char **arguments)
{
	if (!each_line("/proc/net/dev", take_interface))
		not_applicable("there is no /proc/net/dev");
	(void)each_line("/proc/net/route", take_route);
	shut();
}

static void take_resolver(char *line)
{
	char value[64];

	if (sscanf(line, "nameserver %63s", value) == 1 && strncmp(value, "127.", 4) != 0 && strcmp(value, "::1") != 0)
		broken("the resolver %s is named", value);
	/* The root is no domain of anybody's: it says that names are searched for nowhere else. */
	if ((sscanf(line, "search %63s", value) == 1 || sscanf(line, "domain %63s", value) == 1) && strcmp(value, ".") != 0)
		broken("the domain %s is named", value);
}

/* What the host asks is the host's own affair. */
static void resolvers(int count, char **arguments)
{
	if (!each_line("/etc/resolv.conf", take_resolver))
		held("there is no /etc/resolv.conf");
	held("nobody but itself");
}

static const char *unwanted;

static void take_host(char *line)
{
	if (*line != '#' && strstr(line, unwanted) != NULL)
		broken("/etc/hosts says: %s", line);
}

static void host_names(int count, char **arguments)
{
	for (int i = 0; i < count; i++) {
		unwanted = arguments[i];
		(void)each_line("/etc/hosts", take_host);
		note("%s: unknown", unwanted);
	}
	shut();
}

static void abstract(int count, char **arguments)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *name = text(count, arguments, 0);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s", name);
	door(name, connect(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))), NOBODY_HERE);
	shut();
}

const struct probe network_probes[] = {
	{"tcp", tcp}, {"dns", dns}, {"icmp", icmp}, {"interfaces", interfaces}, {"host-names", host_names}, {"resolvers", resolvers}, {"abstract", abstract}, {"pipe", pipe_to}, {NULL, NULL},
};
