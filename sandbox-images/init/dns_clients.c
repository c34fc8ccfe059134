#include "dns_clients.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns.h"
#include "loop.h"

#define CLIENTS_MOST 16
/* A message is led by its length. */
#define LEAD 2

struct client {
	struct watch watch;
	size_t held;
	uint8_t bytes[LEAD + DNS_QUESTION_MAX];
};

static struct client clients[CLIENTS_MOST];
static unsigned opened, next;

/* Whole or not at all: who asks and does not read is not waited for. */
static bool answer_one(struct client *client, size_t length)
{
	uint8_t answer[LEAD + DNS_ANSWER_MAX];
	size_t answered = dns_answer(client->bytes + LEAD, length, answer + LEAD);

	answer[0] = (uint8_t)(answered >> 8);
	answer[1] = (uint8_t)answered;
	client->held -= LEAD + length;
	memmove(client->bytes, client->bytes + LEAD + length, client->held);
	return answered > 0 && send(client->watch.fd, answer, LEAD + answered, 0) == (ssize_t)(LEAD + answered);
}

static bool answer_whole(struct client *client)
{
	while (client->held >= LEAD) {
		size_t length = (size_t)client->bytes[0] << 8 | client->bytes[1];

		if (length > DNS_QUESTION_MAX)
			return false;
		if (client->held < LEAD + length)
			return true;
		if (!answer_one(client, length))
			return false;
	}
	return true;
}

static void question_ready(struct watch *watch, uint32_t events)
{
	struct client *client = watch->owner;
	ssize_t got = read(watch->fd, client->bytes + client->held, sizeof client->bytes - client->held);

	(void)events;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got > 0) {
		client->held += (size_t)got;
		if (answer_whole(client))
			return;
	}
	watch_close(watch);
}

static struct client *free_client(void)
{
	struct client *oldest;

	for (unsigned i = 0; i < opened; i++)
		if (clients[i].watch.fd < 0)
			return &clients[i];
	if (opened < CLIENTS_MOST)
		return &clients[opened++];
	oldest = &clients[next++ % CLIENTS_MOST];
	watch_close(&oldest->watch);
	return oldest;
}

void dns_clients_accept(int fd)
{
	struct client *client = free_client();

	client->watch = (struct watch){.fd = fd, .ready = question_ready, .owner = client};
	client->held = 0;
	if (watch_for(&client->watch, EPOLLIN) < 0)
		watch_close(&client->watch);
}
