#include "frames.h"

#include <string.h>

#include "bytes.h"
#include "chacha20.h"
#include "poly1305.h"
#include "secrets.h"

/* The tag of ChaCha20-Poly1305 with the frame as additional data and nothing to encrypt. */
static void frame_mac(const uint8_t key[KEY_BYTES], const uint8_t *frame, size_t length, uint8_t mac[MAC_BYTES])
{
	uint8_t nonce[CHACHA20_NONCE], once[POLY1305_KEY], last[2 * POLY1305_BLOCK] = {0};
	size_t whole = length / POLY1305_BLOCK, rest = length % POLY1305_BLOCK;
	uint8_t *lengths = last + (rest == 0 ? 0 : POLY1305_BLOCK);
	struct poly1305 poly;

	/* Epoch and sequence: no two frames of a direction have both in common. */
	memcpy(nonce, frame + 16, 4);
	memcpy(nonce + 4, frame + 24, 8);
	chacha20_derive(key, nonce, once);
	memcpy(last, frame + whole * POLY1305_BLOCK, rest);
	put64(lengths, length);
	poly1305_start(&poly, once);
	poly1305_add(&poly, frame, whole);
	poly1305_add(&poly, last, rest == 0 ? 1 : 2);
	poly1305_finish(&poly, mac);
	wipe(once, sizeof once);
	wipe(&poly, sizeof poly);
}

static bool mac_holds(const uint8_t key[KEY_BYTES], const uint8_t *frame, size_t length)
{
	uint8_t mac[MAC_BYTES], difference = 0;

	frame_mac(key, frame, length, mac);
	for (size_t i = 0; i < MAC_BYTES; i++)
		difference |= mac[i] ^ frame[length + i];
	wipe(mac, sizeof mac);
	return difference == 0;
}

void frame_seal(uint8_t *at, const struct frame *frame, const uint8_t key[KEY_BYTES])
{
	memset(at, 0, HEADER_BYTES);
	put32(at, WIRE_MAGIC);
	put32(at + 4, frame->length);
	at[8] = frame->type;
	at[9] = frame->flags;
	put32(at + 12, frame->stream);
	put32(at + 16, frame->epoch);
	put64(at + 24, frame->sequence);
	frame_mac(key, at, HEADER_BYTES + frame->length, at + HEADER_BYTES + frame->length);
}

static void read_header(const uint8_t *at, struct frame *frame)
{
	frame->length = get32(at + 4);
	frame->type = at[8];
	frame->flags = at[9];
	frame->stream = get32(at + 12);
	frame->epoch = get32(at + 16);
	frame->sequence = get64(at + 24);
	frame->payload = at + HEADER_BYTES;
}

static bool reserved_is_zero(const uint8_t *at)
{
	return get16(at + 10) == 0 && get32(at + 20) == 0;
}

static bool is_attach(const struct receiver *receiver, const uint8_t *at, struct frame *frame)
{
	if (get32(at) != WIRE_MAGIC)
		return false;
	read_header(at, frame);
	return frame->length == NONCE_BYTES && frame->type == FRAME_ATTACH && frame->flags == 0 && frame->stream == 0 &&
	       frame->sequence == 1 && frame->epoch > receiver->epoch && reserved_is_zero(at) &&
	       mac_holds(receiver->key, at, HEADER_BYTES + NONCE_BYTES);
}

static void believe(struct receiver *receiver, const struct frame *frame)
{
	receiver->epoch = frame->epoch;
	receiver->sequence = frame->sequence;
	receiver->hunting = false;
	receiver->searched = 0;
}

/* True with the end of the first ATTACH in `used`; false with the number of bytes that cannot begin one any more. */
static bool find_attach(const struct receiver *receiver, const uint8_t *data, size_t length, size_t from, size_t *used,
			struct frame *frame)
{
	size_t end = length < ATTACH_BYTES ? from : length - ATTACH_BYTES + 1, at = from;

	while (at < end) {
		const uint8_t *candidate = memchr(data + at, WIRE_MAGIC & 0xff, end - at);

		if (candidate == NULL) {
			at = end;
			break;
		}
		at = (size_t)(candidate - data);
		if (is_attach(receiver, candidate, frame)) {
			*used = at + ATTACH_BYTES;
			return true;
		}
		at++;
	}
	*used = at;
	return false;
}

/* The bit of each type that has a stream of its own, and what its payload must measure. */
static bool shape_of(uint8_t type, bool *streamed, uint32_t *least, uint32_t *most)
{
	static const struct {
		uint8_t type;
		bool streamed;
		uint32_t least, most;
	} shapes[] = {
		{FRAME_PING, false, 8, 8},
		{FRAME_EXEC, true, 1, PAYLOAD_MAX},
		{FRAME_STDIN, true, 8, 8 + CHUNK_MAX},
		{FRAME_ACK, true, 16, 16},
		{FRAME_SIGNAL, true, 8, 8},
		{FRAME_CANCEL, true, 4, 4},
		{FRAME_DONE, true, 0, 0},
		{FRAME_SHUTDOWN, false, 0, 0},
		{FRAME_RESUME, true, 16, 16},
		{FRAME_RESIZE, true, 4, 4},
		{FRAME_SLEPT, false, 8, 8},
		{FRAME_DATA, true, 0, CHUNK_MAX},
		{FRAME_CREDIT, true, 8, 8},
		{FRAME_CLOSE, true, 0, 0},
		{FRAME_ATTACH, false, NONCE_BYTES, NONCE_BYTES},
	};

	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		if (shapes[i].type == type) {
			*streamed = shapes[i].streamed;
			*least = shapes[i].least;
			*most = shapes[i].most;
			return true;
		}
	}
	return false;
}

static bool may_be_last(uint8_t type)
{
	return type == FRAME_STDIN || type == FRAME_DATA;
}

static enum fault check_after_mac(const struct receiver *receiver, const uint8_t *at, const struct frame *frame)
{
	bool attaches = frame->type == FRAME_ATTACH && frame->epoch > receiver->epoch;
	bool streamed;
	uint32_t least, most;

	if (frame->epoch != receiver->epoch && !attaches)
		return FAULT_EPOCH;
	if (frame->sequence != (attaches ? 1 : receiver->sequence + 1))
		return FAULT_SEQUENCE;
	if (!reserved_is_zero(at) || (frame->flags & ~(may_be_last(frame->type) ? 1 : 0)) != 0)
		return FAULT_RESERVED;
	if (!shape_of(frame->type, &streamed, &least, &most) || (frame->type == FRAME_ATTACH && !attaches))
		return FAULT_TYPE;
	if (streamed != (frame->stream != 0))
		return FAULT_STREAM;
	if (frame->length < least || frame->length > most)
		return FAULT_PAYLOAD;
	return 0;
}

static enum received refuse(struct receiver *receiver, enum fault code, size_t *used, enum fault *fault)
{
	receiver->hunting = true;
	receiver->searched = 0;
	*used = 1;
	*fault = code;
	return RECEIVED_FAULT;
}

static enum received receive_unfinished(struct receiver *receiver, const uint8_t *data, size_t length, size_t *used,
					struct frame *frame)
{
	if (find_attach(receiver, data, length, receiver->searched, used, frame)) {
		believe(receiver, frame);
		return RECEIVED_ATTACH;
	}
	receiver->searched = *used;
	*used = 0;
	return RECEIVED_NOTHING;
}

enum received receive(struct receiver *receiver, const uint8_t *data, size_t length, size_t *used, struct frame *frame,
		      enum fault *fault)
{
	size_t whole;
	enum fault code;

	if (receiver->hunting) {
		if (!find_attach(receiver, data, length, 0, used, frame))
			return RECEIVED_NOTHING;
		believe(receiver, frame);
		return RECEIVED_ATTACH;
	}
	*used = 0;
	if (length < 8)
		return RECEIVED_NOTHING;
	if (get32(data) != WIRE_MAGIC)
		return refuse(receiver, FAULT_MAGIC, used, fault);
	if (get32(data + 4) > PAYLOAD_MAX)
		return refuse(receiver, FAULT_LENGTH, used, fault);
	whole = HEADER_BYTES + get32(data + 4);
	if (length < whole + MAC_BYTES)
		return receive_unfinished(receiver, data, length, used, frame);
	if (!mac_holds(receiver->key, data, whole))
		return refuse(receiver, FAULT_MAC, used, fault);
	read_header(data, frame);
	receiver->searched = 0;
	*used = whole + MAC_BYTES;
	if (frame->epoch < receiver->epoch)
		return RECEIVED_NOTHING;
	code = check_after_mac(receiver, data, frame);
	if (code != 0)
		return refuse(receiver, code, used, fault);
	if (frame->type == FRAME_ATTACH) {
		believe(receiver, frame);
		return RECEIVED_ATTACH;
	}
	receiver->sequence++;
	return RECEIVED_FRAME;
}
