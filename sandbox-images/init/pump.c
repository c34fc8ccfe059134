#include "pump.h"

#include <string.h>

#include "bytes.h"
#include "connections.h"
#include "ending.h"
#include "outbox.h"

static uint64_t channel_end(const struct channel *channel)
{
	return channel->base + channel->ring.used;
}

static void send_started(struct command *command)
{
	uint8_t *payload = outbox_frame(FRAME_STARTED, 0, command->stream, 8);

	put32(payload, (uint32_t)command->main);
	put32(payload + 4, (uint32_t)command->marker);
	outbox_seal();
	command->tell_started = false;
}

static void send_input_ack(struct command *command)
{
	struct input *input = &command->input;

	put64(outbox_frame(FRAME_STDIN_ACK, input->closed && !input->ending, command->stream, 8), input->consumed);
	outbox_seal();
	input->acknowledge = false;
	input->told = input->consumed;
	if (input->promised < input->consumed + STDIN_WINDOW)
		input->promised = input->consumed + STDIN_WINDOW;
}

static bool send_output(struct channel *channel)
{
	uint64_t waiting = channel_end(channel) - channel->sent;
	uint32_t count = waiting > CHUNK_MAX ? CHUNK_MAX : (uint32_t)waiting;
	uint8_t *payload;

	if (count == 0)
		return false;
	payload = outbox_frame(FRAME_OUTPUT, 0, channel->command->stream, 16 + count);
	memset(payload, 0, 8);
	payload[0] = channel->number;
	put64(payload + 8, channel->sent);
	ring_copy(&channel->ring, (uint32_t)(channel->sent - channel->base), payload + 16, count);
	outbox_seal();
	channel->sent += count;
	if (channel->sent_most < channel->sent)
		channel->sent_most = channel->sent;
	return true;
}

static bool has_news(const struct command *command)
{
	return command->state == COMMAND_ENDED || command->input.acknowledge ||
	       channel_end(&command->channels[0]) > command->channels[0].sent || channel_end(&command->channels[1]) > command->channels[1].sent;
}

/* At most one frame of each channel, so that every command and every connection has its turn. */
static bool pump_one(struct command *command)
{
	bool sent = false;

	if (!command->resumed || command->forgotten)
		return false;
	if (command->tell_started && (has_news(command) || now_ms() >= command->tell_started_ms))
		send_started(command);
	if (command->input.acknowledge && !command->end_sent)
		send_input_ack(command);
	for (int i = 0; i < 2; i++)
		sent |= send_output(&command->channels[i]);
	if (!sent && command->state == COMMAND_ENDED && !command->end_sent) {
		ending_send(command);
		command->end_sent = true;
	}
	return sent;
}

bool pump(void)
{
	static uint32_t turn;
	bool sent = true;

	while (sent) {
		uint32_t count = 0, total;

		sent = false;
		while (commands_at(count) != NULL)
			count++;
		total = count + connections_count();
		for (uint32_t i = 0; i < total; i++) {
			uint32_t at = turn++ % total;

			if (outbox_pending() >= OUTBOX_FULL)
				return true;
			sent |= at < count ? pump_one(commands_at(at)) : connections_pump(at - count);
		}
	}
	return false;
}
