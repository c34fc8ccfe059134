#include "connections.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bytes.h"
#include "loop.h"
#include "names.h"
#include "outbox.h"
#include "quit.h"
#include "ring.h"

/* What the host may send before a program reads, and so the memory that it may cost. A whole window where few of them are open, a small one
 * each where many are: together no more than 16 MiB. */
#define WINDOW 262144
#define WINDOW_OF_MANY 32768
#define FEW 32
/* Smaller than a command's: a word to the host is as near behind it. */
#define PIECE 32768

struct connection {
	struct watch watch;
	struct ring ring;  /* from the host, for the program */
	uint32_t address;  /* that was dialled */
	uint32_t stream;   /* 0: the host has not heard of it */
	uint16_t port;
	uint32_t window;
	uint64_t sent, credit;               /* to the host: so much, of so much that it lets us */
	uint64_t received, consumed, promised; /* from the host */
	bool readable;                       /* there may be something to read */
	bool hung_up;                        /* epoll would say so for ever */
	bool read_ended, end_told;           /* the program has said all that it will */
	bool host_ended, host_closed;
	bool closing, closed; /* we have to say our last word, or have said it */
};

static struct connection *connections[CONNECTIONS_MAX];
static uint32_t count, last_stream;
static uint8_t piece[PIECE];

void connection_refuse(int fd)
{
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
	(void)close(fd);
}

uint32_t connections_count(void)
{
	return count;
}

static bool is_clean(const struct connection *connection)
{
	return connection->host_ended && connection->end_told;
}

/* The program's end is over, as it would be were the network's end reset. */
static void cut(struct connection *connection)
{
	watch_stop(&connection->watch);
	if (connection->watch.fd >= 0)
		connection_refuse(connection->watch.fd);
	connection->watch.fd = -1;
	ring_drop(&connection->ring, connection->ring.used);
	connection->readable = false;
	connection->consumed = connection->received;
}

static void fail(struct connection *connection)
{
	cut(connection);
	connection->closing = true;
}

static void keep_watching(struct connection *connection)
{
	uint32_t events = 0;

	if (connection->watch.fd < 0)
		return;
	if (!connection->readable && !connection->read_ended && connection->credit > connection->sent)
		events |= EPOLLIN;
	if (connection->ring.used > 0)
		events |= EPOLLOUT;
	if (events == 0 && connection->hung_up)
		watch_stop(&connection->watch);
	else if (watch_for(&connection->watch, events) < 0)
		quit(EXIT_FAILURE_OF_INIT, "epoll_ctl");
}

/* How many of them the program's socket took; -1 where nobody will read them. */
static ssize_t write_bytes(struct connection *connection, const uint8_t *bytes, uint32_t length)
{
	ssize_t written = write(connection->watch.fd, bytes, length);

	if (written < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	connection->consumed += (uint64_t)written;
	return written;
}

/* Nothing more is to come from the host: the program is told, and with the last word of both ends it is over. */
static void finish(struct connection *connection)
{
	if (connection->watch.fd < 0 || connection->ring.used > 0 || !connection->host_ended)
		return;
	if (connection->host_closed)
		watch_close(&connection->watch);
	else
		(void)shutdown(connection->watch.fd, SHUT_WR);
}

static void write_waiting(struct connection *connection)
{
	while (connection->ring.used > 0) {
		uint32_t length;
		const uint8_t *front = ring_front(&connection->ring, &length);
		ssize_t written = write_bytes(connection, front, length);

		if (written < 0)
			fail(connection);
		if (written <= 0)
			return;
		ring_drop(&connection->ring, (uint32_t)written);
	}
	finish(connection);
}

static void connection_ready(struct watch *watch, uint32_t events)
{
	struct connection *connection = watch->owner;

	if ((events & EPOLLERR) != 0) {
		fail(connection);
		return;
	}
	connection->hung_up |= (events & EPOLLHUP) != 0;
	connection->readable |= (events & (EPOLLIN | EPOLLHUP)) != 0 && !connection->read_ended;
	if ((events & EPOLLOUT) != 0)
		write_waiting(connection);
	keep_watching(connection);
}

void connections_accept(int fd, uint32_t address, uint16_t port)
{
	struct connection *connection;

	if (count == CONNECTIONS_MAX || last_stream > UINT32_MAX - CONNECTIONS_MAX) {
		connection_refuse(fd);
		return;
	}
	connection = calloc(1, sizeof *connection);
	if (connection == NULL)
		quit(EXIT_FAILURE_OF_INIT, "no memory for a connection");
	connection->watch = (struct watch){.fd = fd, .ready = connection_ready, .owner = connection};
	connection->address = address;
	connection->port = port;
	connection->promised = connection->window = count < FEW ? WINDOW : WINDOW_OF_MANY;
	connections[count++] = connection;
	keep_watching(connection);
}

static void send_open(struct connection *connection)
{
	const char *name = names_at(connection->address);
	uint32_t length = name == NULL ? 0 : (uint32_t)strlen(name);
	uint8_t *payload;

	connection->stream = ++last_stream;
	payload = outbox_frame(FRAME_OPEN, 0, connection->stream, OPEN_HEAD + length);
	payload[0] = name == NULL ? VIA_PROXY : VIA_NAME;
	payload[1] = 0;
	put16(payload + 2, connection->port);
	put32(payload + 4, connection->window);
	if (length > 0)
		memcpy(payload + OPEN_HEAD, name, length);
	outbox_seal();
}

static void send_credit(struct connection *connection)
{
	/* In pieces: a word for each read of the program's would cost more than the read. */
	if (connection->host_ended || connection->consumed + connection->window - connection->promised < connection->window / 4)
		return;
	connection->promised = connection->consumed + connection->window;
	put64(outbox_frame(FRAME_GUEST_CREDIT, 0, connection->stream, 8), connection->promised);
	outbox_seal();
}

static void send_data(struct connection *connection, uint32_t length, bool last)
{
	memcpy(outbox_frame(FRAME_GUEST_DATA, last, connection->stream, length), piece, length);
	outbox_seal();
	connection->sent += length;
	connection->end_told |= last;
}

/* One read. True when it was told. */
static bool pump_data(struct connection *connection)
{
	uint64_t most = connection->credit - connection->sent;
	ssize_t got;

	if (!connection->readable || most == 0)
		return false;
	got = read(connection->watch.fd, piece, most < PIECE ? (size_t)most : PIECE);
	if (got > 0) {
		send_data(connection, (uint32_t)got, false);
		return true;
	}
	connection->readable = false;
	if (got == 0) {
		connection->read_ended = true;
		send_data(connection, 0, true);
	} else if (errno != EAGAIN && errno != EINTR) {
		fail(connection);
	}
	keep_watching(connection);
	return got == 0;
}

static void send_close(struct connection *connection)
{
	connection->closed = true;
	/* Who has left before the host heard of it leaves without a word. */
	if (connection->stream == 0) {
		connection->host_closed = true;
		return;
	}
	(void)outbox_frame(FRAME_GUEST_CLOSE, 0, connection->stream, 0);
	outbox_seal();
}

bool connections_pump(uint32_t index)
{
	struct connection *connection = index < count ? connections[index] : NULL;
	bool sent;

	if (connection == NULL || connection->closed)
		return false;
	if (connection->stream == 0 && !connection->closing)
		send_open(connection);
	if (!connection->closing)
		send_credit(connection);
	sent = pump_data(connection);
	if (connection->closing)
		send_close(connection);
	return sent;
}

static enum fault take_data(struct connection *connection, const uint8_t *bytes, uint32_t length, bool last)
{
	ssize_t written = 0;

	if (connection->host_ended)
		return FAULT_STATE;
	if (length == 0 && !last)
		return FAULT_PAYLOAD;
	if (length > connection->promised - connection->received)
		return FAULT_WINDOW;
	connection->received += length;
	connection->host_ended = last;
	if (connection->watch.fd < 0) {
		connection->consumed = connection->received;
		return 0;
	}
	/* What the socket takes at once is not copied first. */
	if (connection->ring.used == 0 && length > 0)
		written = write_bytes(connection, bytes, length);
	if (written < 0)
		fail(connection);
	else if (ring_append(&connection->ring, connection->window, bytes + written, length - (uint32_t)written) < 0)
		quit(EXIT_FAILURE_OF_INIT, "no memory for a connection");
	finish(connection);
	keep_watching(connection);
	return 0;
}

static enum fault take_credit(struct connection *connection, uint64_t offset)
{
	if (offset < connection->credit)
		return FAULT_WINDOW;
	connection->credit = offset;
	keep_watching(connection);
	return 0;
}

static void take_close(struct connection *connection)
{
	connection->host_closed = true;
	connection->closing = true;
	/* After the last word of both, what the program has not read yet is still its own. */
	if (is_clean(connection))
		finish(connection);
	else
		cut(connection);
}

static struct connection *by_stream(uint32_t stream)
{
	for (uint32_t i = 0; i < count; i++)
		if (connections[i]->stream == stream)
			return connections[i];
	return NULL;
}

enum fault connections_obey(const struct frame *frame)
{
	struct connection *connection = by_stream(frame->stream);

	if (connection == NULL || connection->host_closed)
		return FAULT_STREAM;
	switch (frame->type) {
	case FRAME_DATA:
		return take_data(connection, frame->payload, frame->length, frame->flags != 0);
	case FRAME_CREDIT:
		return take_credit(connection, get64(frame->payload));
	default:
		take_close(connection);
		return 0;
	}
}

void connections_reset(void)
{
	for (uint32_t i = 0; i < count; i++) {
		cut(connections[i]);
		connections[i]->closed = connections[i]->host_closed = true;
		connections[i]->stream = 0;
	}
	last_stream = 0;
}

static bool is_over(const struct connection *connection)
{
	return connection->closed && connection->host_closed && connection->watch.fd < 0;
}

void connections_sweep(void)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (is_over(connections[i]))
			free(connections[i]);
		else
			connections[kept++] = connections[i];
	}
	count = kept;
}
