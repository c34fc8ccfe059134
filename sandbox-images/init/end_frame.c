#include <string.h>
#include <sys/wait.h>

#include "ending.h"
#include "fields.h"
#include "outbox.h"

#define END_FIELDS 16

static uint32_t cause_of(const struct command *command)
{
	const struct ending *end = &command->end;
	bool natural = end->cause == CAUSE_EXITED || end->cause == CAUSE_SIGNALLED;

	/* Too much output is too much, however quickly its writer ended. */
	if (natural && end->dropped > 0 && (command->flags & EXEC_TRUNCATE) == 0)
		return CAUSE_OUTPUT;
	return end->cause;
}

static uint8_t *put_status(uint8_t *at, const struct ending *end)
{
	if (end->cause == CAUSE_NOT_STARTED)
		return put_field_u32(at, END_ERRNO, (uint32_t)end->error);
	if (end->status_known && WIFEXITED(end->status))
		return put_field_u32(at, END_CODE, (uint32_t)WEXITSTATUS(end->status));
	if (end->status_known && WIFSIGNALED(end->status))
		return put_field_u32(at, END_SIGNAL, (uint32_t)WTERMSIG(end->status));
	return at;
}

static uint64_t offset_at_end(const struct channel *channel)
{
	return channel->base + channel->ring.used;
}

static void send_end(uint32_t stream, const uint8_t *fields, const uint8_t *end)
{
	uint32_t length = (uint32_t)(end - fields);

	memcpy(outbox_frame(FRAME_END, 0, stream, length), fields, length);
	outbox_seal();
}

void ending_send(const struct command *command)
{
	uint8_t fields[END_FIELDS * (FIELD_OVERHEAD + 8)];
	const struct ending *end = &command->end;
	uint8_t *at = put_field_u32(fields, END_CAUSE, cause_of(command));

	at = put_status(at, end);
	at = put_field_u32(at, END_LIMITS_HIT, end->hits);
	at = put_field_u32(at, END_OOM_KILLS, (uint32_t)end->oom_kills);
	at = put_field_u32(at, END_OOM_SHARED, command->shared);
	at = put_field_u64(at, END_USER_US, end->user_us);
	at = put_field_u64(at, END_SYSTEM_US, end->system_us);
	at = put_field_u64(at, END_MAX_RSS, end->max_rss);
	at = put_field_u64(at, END_WALL_US, end->wall_us);
	at = put_field_u64(at, END_STDOUT_BYTES, offset_at_end(&command->channels[0]));
	at = put_field_u64(at, END_STDERR_BYTES, offset_at_end(&command->channels[1]));
	at = put_field_u64(at, END_DROPPED_BYTES, end->dropped);
	at = put_field_u32(at, END_TREE, end->tree_proven);
	at = put_field_u32(at, END_MARKER_LOST, command->marker_lost);
	send_end(command->stream, fields, at);
}

void ending_send_refusal(uint32_t stream, int error)
{
	uint8_t fields[3 * (FIELD_OVERHEAD + 8)];
	uint8_t *at = put_field_u32(fields, END_CAUSE, CAUSE_NOT_STARTED);

	at = put_field_u32(at, END_ERRNO, (uint32_t)error);
	at = put_field_u32(at, END_TREE, 1);
	send_end(stream, fields, at);
}
