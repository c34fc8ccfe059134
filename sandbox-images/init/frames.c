#include "frames.h"

#include <string.h>

#include "bytes.h"
#include "chacha20.h"
#include "poly1305.h"
#include "secrets.h"

/* A frame's MAC is the tag of ChaCha20-Poly1305 with the frame as additional data and nothing to encrypt. It begins with the whole header. */
static void mac_start(struct poly1305 *sum, const uint8_t key[KEY_BYTES], const uint8_t *frame)
{
	uint8_t nonce[CHACHA20_NONCE], once[POLY1305_KEY];

	/* Epoch and sequence: no two frames of a direction have both in common. */
	memcpy(nonce, frame + 16, 4);
	memcpy(nonce + 4, frame + 24, 8);
	chacha20_derive(key, nonce, once);
	poly1305_start(sum, once);
	wipe(once, sizeof once);
}

/* Takes the whole blocks of the frame's first `length` bytes that it has not taken yet; gives how many bytes it has. */
static size_t mac_take(struct poly1305 *sum, const uint8_t *frame, size_t taken, size_t length)
{
	size_t blocks = (length - taken) / POLY1305_BLOCK;

	poly1305_add(sum, frame + taken, blocks);
	return taken + blocks * POLY1305_BLOCK;
}

static void mac_finish(struct poly1305 *sum, const uint8_t *frame, size_t taken, size_t length, uint8_t mac[MAC_BYTES])
{
	uint8_t last[2 * POLY1305_BLOCK] = {0};
	size_t rest;

	taken = mac_take(sum, frame, taken, length);
	rest = length - taken;
	memcpy(last, frame + taken, rest);
	put64(last + (rest == 0 ? 0 : POLY1305_BLOCK), length);
	poly1305_add(sum, last, rest == 0 ? 1 : 2);
	poly1305_finish(sum, mac);
	wipe(sum, sizeof *sum);
}

static bool sum_holds(struct poly1305 *sum, const uint8_t *frame, size_t taken, size_t length)
{
	uint8_t mac[MAC_BYTES], difference = 0;

	mac_finish(sum, frame, taken, length, mac);
	for (size_t i = 0; i < MAC_BYTES; i++)
		difference |= mac[i] ^ frame[length + i];
	wipe(mac, sizeof mac);
	return difference == 0;
}

static bool mac_holds(const uint8_t key[KEY_BYTES], const uint8_t *frame, size_t length)
{
	struct poly1305 sum;

	mac_start(&sum, key, frame);
	return sum_holds(&sum, frame, 0, length);
}

/* Of the frame that is under way, as far as it has come. */
static void sum_up(struct receiver *receiver, const uint8_t *frame, size_t length)
{
	if (length < HEADER_BYTES)
		return;
	if (receiver->summed == 0)
		mac_start(receiver->sum, receiver->key, frame);
	receiver->summed = mac_take(receiver->sum, frame, receiver->summed, length);
}

/* Nothing is under way any more. */
static void forget_unfinished(struct receiver *receiver)
{
	receiver->searched = receiver->summed = 0;
	wipe(receiver->sum, sizeof *receiver->sum);
}

void frame_seal(uint8_t *at, const struct frame *frame, const uint8_t key[KEY_BYTES])
{
	struct poly1305 sum;

	memset(at, 0, HEADER_BYTES);
	put32(at, WIRE_MAGIC);
	put32(at + 4, frame->length);
	at[8] = frame->type;
	at[9] = frame->flags;
	put32(at + 12, frame->stream);
	put32(at + 16, frame->epoch);
	put64(at + 24, frame->sequence);
	mac_start(&sum, key, at);
	mac_finish(&sum, at, 0, HEADER_BYTES + frame->length, at + HEADER_BYTES + frame->length);
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
	forget_unfinished(receiver);
}

/* So many places are looked at in one go. */
#define STRIDE 64
typedef uint8_t bytes16 __attribute__((vector_size(16)));

/* Whether no frame begins at any of STRIDE places: its first two bytes are at none of them. */
static bool none_begins(const uint8_t *at)
{
	bytes16 found = {0};
	uint64_t halves[2];

	for (size_t i = 0; i < STRIDE; i += sizeof(bytes16)) {
		bytes16 first, second;

		memcpy(&first, at + i, sizeof first);
		memcpy(&second, at + i + 1, sizeof second);
		found |= (bytes16)(first == (uint8_t)(WIRE_MAGIC & 0xff)) & (bytes16)(second == (uint8_t)(WIRE_MAGIC >> 8 & 0xff));
	}
	memcpy(halves, &found, sizeof halves);
	return (halves[0] | halves[1]) == 0;
}

/* The first place from `at` on where a frame may begin; `end` where there is none. Every byte that is sent in goes by here: most of it in strides. */
static size_t find_magic(const uint8_t *data, size_t length, size_t at, size_t end)
{
	while (at < end) {
		size_t stop = at + STRIDE;

		if (stop < length && none_begins(data + at))
			at = stop;
		for (; at < end && at < stop; at++)
			if (get32(data + at) == WIRE_MAGIC)
				return at;
	}
	return end;
}

/* True with the end of the first ATTACH in `used`; false with the number of bytes that cannot begin one any more. */
static bool find_attach(const struct receiver *receiver, const uint8_t *data, size_t length, size_t from, size_t *used,
			struct frame *frame)
{
	size_t end = length < from + ATTACH_BYTES ? from : length - ATTACH_BYTES + 1, at;

	for (at = find_magic(data, length, from, end); at < end; at = find_magic(data, length, at + 1, end)) {
		if (is_attach(receiver, data + at, frame)) {
			*used = at + ATTACH_BYTES;
			return true;
		}
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
		{FRAME_STDIN, true, 8, 8 + STDIN_MAX},
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
	forget_unfinished(receiver);
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
	sum_up(receiver, data, length < whole ? length : whole);
	if (length < whole + MAC_BYTES)
		return receive_unfinished(receiver, data, length, used, frame);
	if (!sum_holds(receiver->sum, data, receiver->summed, whole))
		return refuse(receiver, FAULT_MAC, used, fault);
	read_header(data, frame);
	forget_unfinished(receiver);
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
