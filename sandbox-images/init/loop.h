/* Time, and descriptors that are watched. Level-triggered; what nobody waits for is taken out of epoll altogether, because
 * EPOLLHUP and EPOLLERR are reported even to those who asked for nothing, and would spin. */
#ifndef GLOVEBOX_LOOP_H
#define GLOVEBOX_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct watch {
	int fd;
	bool added;
	uint32_t events;
	void (*ready)(struct watch *watch, uint32_t events);
	void *owner;
};

int loop_open(void);
void loop_close(void);
/* Negative with errno EPERM where the descriptor cannot be waited for (a file, /dev/null). */
int watch_for(struct watch *watch, uint32_t events);
void watch_stop(struct watch *watch);
/* Stops and closes; harmless when it is closed already (fd -1). */
void watch_close(struct watch *watch);
/* Waits until something is ready. Positive when that was cut short: no signal has a handler here, so somebody stopped or froze us. */
int loop_wait(int timeout_ms);
/* Calls what was found ready, this one before all others. The owners of watches must have lived since. */
void loop_dispatch(const struct watch *first);

uint64_t now_us(void);
uint64_t now_ms(void);

#endif
