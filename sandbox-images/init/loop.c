#include "loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MOST 64

static int epoll_fd = -1;
static struct epoll_event events[EVENTS_MOST];
static int happened;

int loop_open(void)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return epoll_fd < 0 ? -1 : 0;
}

/* For children that live on without an exec: what they had in common with init's loop must go. */
void loop_close(void)
{
	if (epoll_fd >= 0)
		(void)close(epoll_fd);
	epoll_fd = -1;
}

int watch_for(struct watch *watch, uint32_t wanted)
{
	struct epoll_event event = {.events = wanted, .data.ptr = watch};

	if (watch->added && watch->events == wanted)
		return 0;
	if (epoll_ctl(epoll_fd, watch->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, watch->fd, &event) < 0)
		return -1;
	watch->added = true;
	watch->events = wanted;
	return 0;
}

void watch_stop(struct watch *watch)
{
	if (watch->added)
		(void)epoll_ctl(epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->added = false;
}

void watch_close(struct watch *watch)
{
	if (watch->fd < 0)
		return;
	watch_stop(watch);
	(void)close(watch->fd);
	watch->fd = -1;
}

int loop_wait(int timeout_ms)
{
	happened = epoll_wait(epoll_fd, events, EVENTS_MOST, timeout_ms);
	if (happened >= 0)
		return 0;
	happened = 0;
	return errno == EINTR ? 1 : -1;
}

static void dispatch(const struct epoll_event *event)
{
	struct watch *watch = event->data.ptr;

	/* An earlier one of this turn may have stopped it. */
	if (watch->added)
		watch->ready(watch, event->events);
}

void loop_dispatch(const struct watch *first)
{
	for (int i = 0; i < happened; i++)
		if (events[i].data.ptr == first)
			dispatch(&events[i]);
	for (int i = 0; i < happened; i++)
		if (events[i].data.ptr != first)
			dispatch(&events[i]);
	happened = 0;
}

uint64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t now_ms(void)
{
	return now_us() / 1000;
}
