/* What a sandbox can see of its own limits: cgroup counters (v1 or v2) and full file systems. */
#ifndef GLOVEBOX_LIMIT_COUNTERS_H
#define GLOVEBOX_LIMIT_COUNTERS_H

#include <stdint.h>

struct counters {
	uint64_t oom_kills;
	uint64_t pids_refused;
};

/* Finds the counters; the FEATURE_ bits of those that are there. */
uint32_t limits_open(void);
void limits_read(struct counters *counters);
/* HIT_DISK and HIT_INODES, when one of the paths has nothing left. */
uint32_t limits_full(char *const *paths, unsigned count);

#endif
