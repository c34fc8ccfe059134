/* Who descends from whom, by a walk of /proc; and how a tree is killed. */
#ifndef GLOVEBOX_TREE_H
#define GLOVEBOX_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
	pid_t pid;
	pid_t parent;
	pid_t owner; /* the living marker above it; init's own pid for nobody's; 0 outside of init's tree; -1 unknown */
	char state;
	bool exiting;
	bool copy;	/* of its parent: it has begun no program of its own */
	uint64_t start; /* in ticks since boot */
	uint64_t ticks; /* of itself and of the children that it has reaped */
};

/* The markers that live, in any order. They are asked for anew at each walk. */
typedef unsigned (*living_markers)(pid_t *pids, unsigned most);

bool tree_open(living_markers markers);
/* For PONG. */
uint32_t tree_count(void);

#define TREE_NOBODYS 0
#define TREE_ALL (-1)

struct killing {
	unsigned found;    /* processes that were there, dead ones that nobody has reaped included */
	unsigned stubborn; /* of those, the ones that a SIGKILL has yet to reach */
	unsigned stopped;  /* of those, the ones that still ran */
	bool whole;        /* the walk came to its end */
	bool certain;      /* and no process of unknown parentage was seen */
};

#define COPIES_MOST 16

/* Who has had a signal. A copy had it with its parent's handlers, and the program that it begins afterwards knows of nothing. */
struct hearing {
	uint64_t ticks; /* since boot, when it was sent last */
	unsigned count;
	struct copy {
		pid_t pid;
		uint64_t start;
	} copies[COPIES_MOST];
};

/* One walk of /proc. `owner` is a marker, TREE_NOBODYS or TREE_ALL. */
struct killing tree_stop(pid_t owner);
/* Without /proc all that can be killed is the process group that the command began with, or everything. `frozen`: while nothing in the
 * sandbox runs, where init can arrange that. */
struct killing tree_kill(pid_t owner, pid_t group, bool frozen);
struct killing tree_look(pid_t owner);
void tree_signal(pid_t marker, int number, struct hearing *hearing);
/* To those alone that cannot have heard the last one: because they were not there, or had yet to begin. */
void tree_signal_late(pid_t marker, int number, struct hearing *hearing);
uint64_t tree_cpu_ms(pid_t marker);
bool tree_is_child(pid_t pid, pid_t parent);
/* All but init, and it returns when they are gone or after two seconds. */
void tree_kill_everything(void);

#endif
