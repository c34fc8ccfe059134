#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "outbox.h"

static struct command **ledger;
static uint32_t count, capacity, most;
static bool any_forgotten;
static char *const *writable;
static unsigned writable_count;

void commands_configure(uint32_t maximum, char *const *paths, unsigned path_count)
{
	most = maximum;
	writable = paths;
	writable_count = path_count;
}

#define FIND(condition)                                                \
	do {                                                           \
		for (uint32_t i = 0; i < count; i++) {                 \
			struct command *it = ledger[i];                \
			if (!it->forgotten && (condition))             \
				return it;                             \
		}                                                      \
		return NULL;                                           \
	} while (0)

struct command *commands_by_stream(uint32_t stream)
{
	FIND(it->stream == stream);
}

struct command *commands_by_id(const char *id)
{
	FIND(strcmp(it->id, id) == 0);
}

struct command *commands_by_marker(pid_t pid)
{
	FIND(it->marker == pid && it->marker_alive);
}

struct command *commands_by_main(pid_t pid)
{
	FIND(it->main == pid && it->state == COMMAND_RUNNING);
}

struct command *commands_at(uint32_t index)
{
	return index < count ? ledger[index] : NULL;
}

uint32_t commands_count(void)
{
	uint32_t known = 0;

	for (uint32_t i = 0; i < count; i++)
		known += !ledger[i]->forgotten;
	return known;
}

uint32_t commands_running(void)
{
	uint32_t running = 0;

	for (uint32_t i = 0; i < count; i++)
		running += ledger[i]->state < COMMAND_DRAINING;
	return running;
}

bool commands_full(void)
{
	return commands_count() >= most;
}

int commands_add(struct command *command)
{
	if (count == capacity) {
		uint32_t larger = capacity == 0 ? 16 : capacity * 2;
		struct command **moved = realloc(ledger, larger * sizeof *moved);

		if (moved == NULL)
			return -1;
		ledger = moved;
		capacity = larger;
	}
	ledger[count++] = command;
	return 0;
}

unsigned commands_living_markers(pid_t *pids, unsigned limit)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < count && found < limit; i++)
		if (ledger[i]->marker_alive)
			pids[found++] = ledger[i]->marker;
	return found;
}

uint32_t commands_disk_hits(void)
{
	return limits_full(writable, writable_count);
}

void command_forget(struct command *command)
{
	command->forgotten = true;
	any_forgotten = true;
}

static void release(struct command *command)
{
	watch_close(&command->report);
	watch_close(&command->input.watch);
	ring_drop(&command->input.ring, command->input.ring.used);
	for (int i = 0; i < 2; i++) {
		watch_close(&command->channels[i].watch);
		ring_drop(&command->channels[i].ring, command->channels[i].ring.used);
	}
	free(command);
}

void commands_sweep(void)
{
	uint32_t kept = 0;

	if (!any_forgotten)
		return;
	for (uint32_t i = 0; i < count; i++) {
		if (ledger[i]->forgotten)
			release(ledger[i]);
		else
			ledger[kept++] = ledger[i];
	}
	count = kept;
	any_forgotten = false;
}

void command_describe(const struct command *command)
{
	uint8_t fields[8 * (FIELD_OVERHEAD + 8) + FIELD_OVERHEAD + ID_MAX];
	const struct channel *out = &command->channels[0], *err = &command->channels[1];
	uint8_t *at = put_field(fields, COMMAND_ID, command->id, (uint32_t)strlen(command->id));

	at = put_field_u32(at, COMMAND_STATE, command->state == COMMAND_ENDED ? 2 : 1);
	at = put_field_u64(at, COMMAND_STDOUT_FROM, out->base);
	at = put_field_u64(at, COMMAND_STDOUT_TO, out->base + out->ring.used);
	at = put_field_u64(at, COMMAND_STDERR_FROM, err->base);
	at = put_field_u64(at, COMMAND_STDERR_TO, err->base + err->ring.used);
	at = put_field_u64(at, COMMAND_STDIN, command->input.received);
	at = put_field_u32(at, COMMAND_WINDOW, command->window);
	at = put_field_u32(at, COMMAND_PID, (uint32_t)command->main);
	memcpy(outbox_frame(FRAME_COMMAND, 0, command->stream, (uint32_t)(at - fields)), fields, (size_t)(at - fields));
	outbox_seal();
}
