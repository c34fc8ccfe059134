/* How a command comes to its end: stopped by somebody, its tree killed, the proof, the cause. */
#ifndef GLOVEBOX_ENDING_H
#define GLOVEBOX_ENDING_H

#include "commands.h"
#include "marker.h"

/* How often a command whose CPU time is limited is looked at: what its tree has used, and whether the disk is full. Others wake nobody. */
#define SAMPLE_MS 100

/* Whether ECHILD in a marker means anything here. */
void ending_configure(bool sub_reaping_proven);

/* A limit, or the host. The first cause stays; the earlier kill wins. */
void ending_stop(struct command *command, enum cause cause, uint32_t grace_ms);
void ending_signal(struct command *command, uint32_t number, uint32_t scope);

void ending_take_report(struct command *command, const struct report *report);
void ending_not_started(struct command *command, int error);
/* It has been reaped, and said all that it had to say. */
void ending_marker_gone(struct command *command);
/* init itself has reaped a process that no marker owned. */
void ending_orphan_reaped(pid_t pid, int status);

/* It could not run for so long: its time begins that much later. */
void ending_postpone(struct command *command, uint64_t milliseconds);
/* Deadlines that have passed; and the next one, UINT64_MAX for none. */
void ending_tick(struct command *command, uint64_t now);
uint64_t ending_next(const struct command *command);

void ending_send(const struct command *command);
/* END for a command that there was no room for. */
void ending_send_refusal(uint32_t stream, int error);

#endif
