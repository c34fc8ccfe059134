/* The ledger: every command that the host has not yet said DONE to. */
#ifndef GLOVEBOX_COMMANDS_H
#define GLOVEBOX_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "exec_request.h"
#include "limit_counters.h"
#include "loop.h"
#include "ring.h"
#include "tree.h"
#include "wire.h"

enum command_state { COMMAND_RUNNING, COMMAND_CLEARING, COMMAND_DRAINING, COMMAND_ENDED };

struct command;

/* stdout or stderr. The ring holds what the host has not acknowledged: offsets [base, base + ring.used). */
struct channel {
	struct watch watch;
	struct command *command;
	struct ring ring;
	uint8_t number;
	uint64_t base, sent, sent_most;
	uint64_t drain; /* bytes that were in the pipe when the tree died */
};

struct input {
	struct watch watch;
	struct ring ring;
	uint64_t received, consumed, told; /* told: consumed as the host knows it */
	uint64_t promised; /* the host may send up to here */
	bool ending, closed, acknowledge;
	bool wide; /* its pipe has room for a window, or cannot have */
	uint64_t hang_up_ms; /* of a terminal: when its line drops; 0 never */
};

struct ending {
	enum cause cause;
	int status; /* of wait(2) */
	bool status_known;
	int error;
	uint32_t hits;
	uint64_t oom_kills;
	uint64_t user_us, system_us, wall_us, max_rss, dropped;
	bool tree_proven;
};

struct command {
	char id[ID_MAX + 1];
	uint32_t stream;
	enum command_state state;
	bool forgotten;

	pid_t marker, main;
	struct watch report;
	bool marker_alive, marker_continued, marker_lost, emptied;

	struct input input;
	struct channel channels[2];
	bool terminal;
	uint32_t window, flags;
	uint64_t output_limit, output_bytes;

	bool resumed, tell_started, end_sent;
	uint32_t early_signal, early_scope;

	uint64_t started_us, tell_started_ms, deadline_ms, sample_ms, kill_ms, pass_ms;
	uint32_t cpu_ms, grace_ms;
	unsigned passes, stops, clean_looks;
	uint64_t orphans_seen;
	bool killing, killed_by_us, shared;
	struct hearing hearing;
	pid_t prey;
	struct counters before;
	struct ending end;
};

void commands_configure(uint32_t most, char *const *writable, unsigned writable_count);
struct command *commands_by_stream(uint32_t stream);
struct command *commands_by_id(const char *id);
struct command *commands_by_marker(pid_t pid);
struct command *commands_by_main(pid_t pid);
/* Every one in turn, from index 0; NULL after the last. */
struct command *commands_at(uint32_t index);
uint32_t commands_count(void);
uint32_t commands_running(void);
bool commands_full(void);
int commands_add(struct command *command);
unsigned commands_living_markers(pid_t *pids, unsigned most);
uint32_t commands_disk_hits(void);
/* Frees what is forgotten; nothing may still point to it. */
void commands_sweep(void);
void command_forget(struct command *command);
/* Sends COMMAND. */
void command_describe(const struct command *command);

#endif
