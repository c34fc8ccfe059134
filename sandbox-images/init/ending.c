#include "ending.h"

#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

#include "streams.h"
#include "tree.h"

/* A command that is over by then says so in one write, and wakes everybody between here and the host once instead of twice. */
#define STARTED_PATIENCE_MS 2
#define STOP_ROUNDS 16
#define STOP_ROUNDS_AT_ONCE 4
#define PASS_FIRST_MS 2
#define PASS_LONGEST_MS 100
#define PASSES_UNTIL_NOBODYS 25 /* about two seconds */
#define PASSES_UNTIL_ALL 60	/* about five and a half */
#define PASSES_MOST 110		/* about ten */

static bool sub_reaping;
static uint64_t orphans;

void ending_configure(bool proven)
{
	sub_reaping = proven;
}

static void judge(struct command *command)
{
	struct ending *end = &command->end;
	struct counters after;

	limits_read(&after);
	end->oom_kills = after.oom_kills - command->before.oom_kills;
	if (after.pids_refused > command->before.pids_refused)
		end->hits |= HIT_PIDS;
	end->hits |= commands_disk_hits();
	if (end->status_known && WIFSIGNALED(end->status) && WTERMSIG(end->status) == SIGXFSZ)
		end->hits |= HIT_FILE_SIZE;
	if (end->cause != CAUSE_NONE)
		return;
	end->cause = end->status_known && WIFEXITED(end->status) ? CAUSE_EXITED : CAUSE_SIGNALLED;
	/* Its marker went before it could tell, which is what a full memory does to markers too. */
	if (!end->status_known && end->oom_kills > 0)
		end->cause = CAUSE_MEMORY;
	if (!end->status_known || command->killed_by_us)
		return;
	if (WIFSIGNALED(end->status) && WTERMSIG(end->status) == SIGXCPU && command->cpu_ms > 0)
		end->cause = CAUSE_CPU_TIME;
	/* A shell whose child was killed says 137, as `docker run` and `timeout` do. */
	if (end->oom_kills > 0 && ((WIFSIGNALED(end->status) && WTERMSIG(end->status) == SIGKILL) ||
				   (WIFEXITED(end->status) && WEXITSTATUS(end->status) == 128 + SIGKILL)))
		end->cause = CAUSE_MEMORY;
}

static void finish(struct command *command, bool proven)
{
	if (command->state >= COMMAND_DRAINING)
		return;
	if (command->end.wall_us == 0)
		command->end.wall_us = now_us() - command->started_us;
	command->end.tree_proven = proven;
	command->killing = false;
	watch_close(&command->report);
	judge(command);
	streams_drain(command);
}

static bool alone(void)
{
	return commands_running() <= 1;
}

/* PID 1 has no marker to ask. Two walks in a row that saw nothing, and no orphan that ended between them, are the proof. */
static void look_for_nobodys(struct command *command, const struct killing *result)
{
	if (result->found > 0 || !result->certain || orphans != command->orphans_seen)
		command->clean_looks = 0;
	else
		command->clean_looks++;
	command->orphans_seen = orphans;
	if (command->clean_looks == 1) {
		struct killing again = tree_look(TREE_NOBODYS);

		look_for_nobodys(command, &again);
	}
	if (command->clean_looks >= 2)
		finish(command, true);
}

/* A fork bomb is faster than one walk. What is stopped forks no more, so each round leaves fewer that do; between the rounds
 * the loop turns and reaps, or the zombies would make each walk longer than the last. */
static bool stop_round(struct command *command, uint64_t now, bool *converged)
{
	struct killing result = tree_stop(command->prey);

	*converged = result.whole && result.stopped == 0;
	if (*converged || !result.whole || ++command->stops >= STOP_ROUNDS)
		return false;
	command->pass_ms = command->stops < STOP_ROUNDS_AT_ONCE ? now : now + 1;
	return true;
}

static void kill_round(struct command *command, uint64_t now, bool frozen)
{
	unsigned pass = command->passes++;
	uint64_t pause = pass < 6 ? (uint64_t)PASS_FIRST_MS << pass : PASS_LONGEST_MS;
	struct killing result = tree_kill(command->prey, command->main, frozen);

	command->stops = 0;
	command->pass_ms = now + (pause < PASS_LONGEST_MS ? pause : PASS_LONGEST_MS);
	if (command->prey == TREE_NOBODYS) {
		look_for_nobodys(command, &result);
		return;
	}
	/* What is only slow to die is left to it; what keeps coming back takes its neighbours with it in the end. */
	if (result.stubborn > 0 && pass >= PASSES_UNTIL_NOBODYS)
		(void)tree_kill(TREE_NOBODYS, 0, false);
	if (result.stubborn > 0 && pass >= PASSES_UNTIL_ALL)
		(void)tree_kill(TREE_ALL, 0, true);
}

static void kill_pass(struct command *command, uint64_t now)
{
	bool converged;

	if (command->passes >= PASSES_MOST) {
		finish(command, false);
		return;
	}
	if (command->state == COMMAND_RUNNING)
		command->killed_by_us = true;
	if (!stop_round(command, now, &converged))
		kill_round(command, now, !converged);
}

static void kill_begin(struct command *command, pid_t prey)
{
	if (command->killing && command->prey == prey)
		return;
	command->killing = true;
	command->prey = prey;
	command->passes = command->stops = 0;
	command->clean_looks = 0;
	kill_pass(command, now_ms());
}

void ending_stop(struct command *command, enum cause cause, uint32_t grace_ms)
{
	uint64_t at = now_ms() + grace_ms;
	bool first = command->kill_ms == 0;

	if (command->state != COMMAND_RUNNING)
		return;
	if (command->end.cause == CAUSE_NONE)
		command->end.cause = cause;
	if (first || at < command->kill_ms)
		command->kill_ms = at;
	if (grace_ms == 0)
		kill_begin(command, command->marker_alive ? command->marker : TREE_NOBODYS);
	else if (first)
		tree_signal(command->marker, SIGTERM, &command->hearing);
}

void ending_signal(struct command *command, uint32_t number, uint32_t scope)
{
	if (command->state != COMMAND_RUNNING)
		return;
	if (command->main == 0) {
		command->early_signal = number;
		command->early_scope = scope;
		return;
	}
	if (number == SIGKILL)
		command->killed_by_us = true;
	if (scope == SCOPE_TREE)
		tree_signal(command->marker, (int)number, &command->hearing);
	else if (scope == SCOPE_LATE)
		tree_signal_late(command->marker, (int)number, &command->hearing);
	/* The marker may have reaped it, and the number may be somebody else's. */
	else if (tree_is_child(command->main, command->marker))
		(void)kill(command->main, (int)number);
}

static void take_usage(struct command *command, const struct report *report)
{
	command->end.user_us = report->user_us;
	command->end.system_us = report->system_us;
	command->end.max_rss = report->max_rss;
}

/* Where sub-reaping means nothing the marker's ECHILD says nothing of orphans, and they cannot be told from those of others. */
static void finish_empty(struct command *command)
{
	struct killing result;

	if (sub_reaping) {
		finish(command, true);
		return;
	}
	command->emptied = true;
	if (alone()) {
		kill_begin(command, TREE_NOBODYS);
		return;
	}
	result = tree_look(TREE_NOBODYS);
	finish(command, result.certain && result.found == 0);
}

static void main_is_over(struct command *command, int status)
{
	command->end.status = status;
	command->end.status_known = true;
	command->end.wall_us = now_us() - command->started_us;
	command->state = COMMAND_CLEARING;
}

void ending_take_report(struct command *command, const struct report *report)
{
	if (command->state >= COMMAND_DRAINING)
		return;
	if (report->kind != REPORT_STARTED)
		take_usage(command, report);
	switch (report->kind) {
	case REPORT_FAILED:
		ending_not_started(command, report->value);
		return;
	case REPORT_STARTED:
		command->main = report->value;
		command->tell_started = true;
		command->tell_started_ms = now_ms() + STARTED_PATIENCE_MS;
		if (command->early_signal != 0)
			ending_signal(command, command->early_signal, command->early_scope);
		return;
	case REPORT_MAIN:
		main_is_over(command, report->value);
		if (report->empty != 0)
			finish_empty(command);
		else
			kill_begin(command, command->marker);
		return;
	default:
		finish_empty(command);
	}
}

void ending_not_started(struct command *command, int error)
{
	command->end.cause = CAUSE_NOT_STARTED;
	command->end.error = error;
	finish(command, true);
}

void ending_marker_gone(struct command *command)
{
	if (command->state >= COMMAND_DRAINING || command->emptied)
		return;
	command->marker_lost = true;
	kill_begin(command, TREE_NOBODYS);
}

void ending_orphan_reaped(pid_t pid, int status)
{
	struct command *command = commands_by_main(pid);

	orphans++;
	/* It can only have come to init over its marker's dead body, whether that has been seen yet or not. */
	if (command != NULL)
		main_is_over(command, status);
}

static void sample(struct command *command, uint64_t now)
{
	command->sample_ms = now + SAMPLE_MS;
	command->end.hits |= commands_disk_hits();
	if (tree_cpu_ms(command->marker) >= command->cpu_ms)
		ending_stop(command, CAUSE_CPU_TIME, command->grace_ms);
}

void ending_tick(struct command *command, uint64_t now)
{
	if (command->state == COMMAND_RUNNING) {
		if (command->deadline_ms != 0 && now >= command->deadline_ms) {
			command->deadline_ms = 0;
			ending_stop(command, CAUSE_TIMEOUT, command->grace_ms);
		}
		if (command->cpu_ms != 0 && now >= command->sample_ms)
			sample(command, now);
		if (command->kill_ms != 0 && now >= command->kill_ms && !command->killing)
			kill_begin(command, command->marker_alive ? command->marker : TREE_NOBODYS);
	}
	if (command->killing && now >= command->pass_ms)
		kill_pass(command, now);
}

void ending_postpone(struct command *command, uint64_t milliseconds)
{
	uint64_t lived_ms = (now_us() - command->started_us) / 1000;

	if (command->state >= COMMAND_DRAINING)
		return;
	/* One that was asked for meanwhile began when we woke, and slept for nothing. */
	if (milliseconds > lived_ms)
		milliseconds = lived_ms;
	if (command->deadline_ms != 0)
		command->deadline_ms += milliseconds;
	if (command->kill_ms != 0)
		command->kill_ms += milliseconds;
	if (command->end.wall_us == 0)
		command->started_us += milliseconds * 1000;
}

static void earlier(uint64_t *next, uint64_t candidate)
{
	if (candidate != 0 && candidate < *next)
		*next = candidate;
}

uint64_t ending_next(const struct command *command)
{
	uint64_t next = UINT64_MAX;

	if (command->state == COMMAND_RUNNING) {
		earlier(&next, command->deadline_ms);
		if (command->cpu_ms != 0)
			earlier(&next, command->sample_ms);
		if (!command->killing)
			earlier(&next, command->kill_ms);
	}
	if (command->killing)
		earlier(&next, command->pass_ms);
	if (command->tell_started && command->resumed)
		earlier(&next, command->tell_started_ms);
	return next;
}
