/* The process between init and a command: a sub-reaper, so that nothing of the command's tree can get away from below it. It
 * reports by records on a pipe that nobody else holds. */
#ifndef GLOVEBOX_MARKER_H
#define GLOVEBOX_MARKER_H

#include <stdint.h>

#include "exec_request.h"

enum report_kind {
	REPORT_FAILED = 1, /* value: errno; nothing runs, nothing is left */
	REPORT_STARTED,    /* value: pid */
	REPORT_MAIN,       /* value: wait status of the main process */
	REPORT_EMPTY,      /* ECHILD: the whole tree is dead */
};

struct report {
	uint32_t kind;
	int32_t value;
	uint32_t empty; /* with MAIN: 1 when EMPTY is true at once */
	uint32_t padding;
	uint64_t user_us, system_us, max_rss; /* of everything that was reaped so far */
};

/* Descriptors of the command's side; -1 where there is none. */
struct launch {
	const struct exec_request *request;
	int stdin_fd, stdout_fd, stderr_fd, report_fd;
};

_Noreturn void marker_run(const struct launch *launch);

/* The sub-reaper flag can be accepted and mean nothing (old gVisor), so it is proven with a real orphan. */
int marker_proves_sub_reaping(void);

#endif
