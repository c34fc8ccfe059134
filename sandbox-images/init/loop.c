#include "loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static int epoll_fd = -1;

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

int watch_for(struct watch *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	if (watch->added && watch->events == events)
		return 0;
	if (epoll_ctl(epoll_fd, watch->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, watch->fd, &event) < 0)
		return -1;
	watch->added = true;
	watch->events = events;
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

int loop_turn(int timeout_ms)
{
	struct epoll_event events[64];
	int count = epoll_wait(epoll_fd, events, 64, timeout_ms);

	if (count < 0)
		return errno == EINTR ? 1 : -1;
	for (int i = 0; i < count; i++) {
		struct watch *watch = events[i].data.ptr;

		/* An earlier one of this turn may have stopped it. */
		if (watch->added)
			watch->ready(watch, events[i].events);
	}
	return 0;
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
