#include "startup.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "commands.h"
#include "launch.h"
#include "limit_counters.h"
#include "marker.h"
#include "paths.h"
#include "seccomp.h"
#include "tree.h"
#include "wire.h"

#define ESSENTIAL (FEATURE_SUB_REAPER | FEATURE_PROC | FEATURE_NOT_DUMPABLE | FEATURE_NO_NEW_PRIVS)

/*
 * For us and all that we start. Zero keeps a dump from files alone: the kernel hands it to a handler of the host all the same, out of any sandbox, but
 * for a limit of one, which stops it there, too (fs/coredump.c). The filter then keeps it what it is.
 */
static void forbid_core_dumps(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CORE, &limit) < 0)
		return;
	if (limit.rlim_max > 1)
		limit.rlim_max = 1;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_CORE, &limit);
}

uint32_t features_establish(void)
{
	uint32_t features = 0;

	launch_open();
	/* An exec makes a process dumpable again, so this is the first thing that init can do about it. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0)
		features |= FEATURE_NOT_DUMPABLE;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		features |= FEATURE_NO_NEW_PRIVS;
	/* Of use only where init is not PID 1: orphans come to it all the same. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	forbid_core_dumps();
	if (seccomp_install() == 0)
		features |= FEATURE_SECCOMP;
	features |= limits_open();
	if (tree_open(commands_living_markers))
		features |= FEATURE_PROC;
	if (paths_have_openat2())
		features |= FEATURE_OPENAT2;
	if (marker_proves_sub_reaping())
		features |= FEATURE_SUB_REAPER;
	return features;
}

int features_print(FILE *to, uint32_t features)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {
		{FEATURE_SUB_REAPER, "sub-reaper"}, {FEATURE_PROC, "proc"},
		{FEATURE_MEMORY_EVENTS, "memory-events"}, {FEATURE_PIDS_EVENTS, "pids-events"},
		{FEATURE_SECCOMP, "seccomp"}, {FEATURE_NOT_DUMPABLE, "not-dumpable"},
		{FEATURE_OPENAT2, "openat2"}, {FEATURE_NO_NEW_PRIVS, "no-new-privileges"},
		{FEATURE_CGROUP_V2, "cgroup-v2"},
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (fprintf(to, "%s %s\n", names[i].name, (features & names[i].bit) != 0 ? "yes" : "no") < 0)
			return 0;
	return (features & ESSENTIAL) == ESSENTIAL;
}
