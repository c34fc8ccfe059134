/* Unit tests, and the vectors that both ends of the wire are tested on. Usage: unit <wire.txt> */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "chacha20.h"
#include "dns.h"
#include "exec_request.h"
#include "fields.h"
#include "frames.h"
#include "names.h"
#include "poly1305.h"
#include "poly1305_vector.h"
#include "preamble.h"
#include "ring.h"
#include "tar_read.h"

static int checks, failures;

static void check(bool holds, const char *what)
{
	checks++;
	if (holds)
		return;
	failures++;
	(void)fprintf(stderr, "FAILED: %s\n", what);
}

/* Vectors */

struct line {
	char *word;
	char *names[16], *values[16];
	int count;
};

static uint8_t keys[2][KEY_BYTES];
static struct poly1305 unfinished;

static const char *value_of(const struct line *line, const char *name)
{
	for (int i = 0; i < line->count; i++)
		if (strcmp(line->names[i], name) == 0)
			return line->values[i];
	(void)fprintf(stderr, "no %s in a line of %s\n", name, line->word);
	exit(2);
}

static uint64_t number_of(const struct line *line, const char *name)
{
	return strtoull(value_of(line, name), NULL, 10);
}

/* In memory of its own exact size, so that the sanitizer sees a byte too far. */
static uint8_t *bytes_of(const struct line *line, const char *name, size_t *length)
{
	const char *hex = value_of(line, name);
	uint8_t *bytes;

	*length = strcmp(hex, "-") == 0 ? 0 : strlen(hex) / 2;
	bytes = malloc(*length + (*length == 0));
	for (size_t i = 0; i < *length; i++) {
		unsigned byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			exit(2);
		bytes[i] = (uint8_t)byte;
	}
	return bytes;
}

static void split(char *text, struct line *line)
{
	char *rest, *pair;

	line->count = 0;
	line->word = strtok_r(text, " \n", &rest);
	while ((pair = strtok_r(NULL, " \n", &rest)) != NULL && line->count < 16) {
		line->names[line->count] = pair;
		pair = strchr(pair, '=');
		*pair = '\0';
		line->values[line->count++] = pair + 1;
	}
}

static const char *outcome(enum received received, size_t used, enum fault fault)
{
	static const char *const faults[] = {"", "magic", "length", "mac", "epoch", "sequence", "reserved", "type", "stream", "payload"};

	switch (received) {
	case RECEIVED_NOTHING:
		return used > 0 ? "dropped" : "need_more";
	case RECEIVED_FAULT:
		return faults[fault];
	case RECEIVED_ATTACH:
		return "attach";
	default:
		return "frame";
	}
}

static void test_frame(const struct line *line)
{
	size_t length, payload_length, used;
	uint8_t *expected = bytes_of(line, "frame", &length), *payload = bytes_of(line, "payload", &payload_length);
	uint8_t *built = malloc(length);
	bool from_host = strcmp(value_of(line, "dir"), "host") == 0;
	struct frame frame = {.type = (uint8_t)number_of(line, "type"), .flags = (uint8_t)number_of(line, "flags"),
			      .stream = (uint32_t)number_of(line, "stream"), .epoch = (uint32_t)number_of(line, "epoch"),
			      .sequence = number_of(line, "sequence"), .length = (uint32_t)payload_length};
	struct receiver receiver = {.key = keys[0], .sum = &unfinished, .epoch = frame.epoch, .sequence = frame.sequence - 1};
	struct frame got;
	enum fault fault = 0;

	memcpy(built + HEADER_BYTES, payload, payload_length);
	frame_seal(built, &frame, keys[from_host ? 0 : 1]);
	check(length == HEADER_BYTES + payload_length + MAC_BYTES && memcmp(built, expected, length) == 0, value_of(line, "name"));
	if (from_host) {
		if (frame.type == FRAME_ATTACH)
			receiver.epoch--;
		check(receive(&receiver, expected, length, &used, &got, &fault) == (frame.type == FRAME_ATTACH ? RECEIVED_ATTACH : RECEIVED_FRAME) &&
			      used == length && got.type == frame.type && got.flags == frame.flags && got.stream == frame.stream &&
			      got.epoch == frame.epoch && got.sequence == frame.sequence && got.length == frame.length &&
			      memcmp(got.payload, payload, payload_length) == 0 && receiver.sequence == frame.sequence,
		      value_of(line, "name"));
	}
	free(expected);
	free(payload);
	free(built);
}

static void test_receive(const struct line *line)
{
	struct receiver receiver = {.key = keys[0], .sum = &unfinished, .epoch = (uint32_t)number_of(line, "epoch"), .sequence = number_of(line, "sequence")};
	size_t length, used = 0;
	uint8_t *bytes = bytes_of(line, "bytes", &length);
	struct frame frame;
	enum fault fault = 0;
	enum received received;

	if (strcmp(value_of(line, "dir"), "host") == 0) {
		received = receive(&receiver, bytes, length, &used, &frame, &fault);
		check(strcmp(outcome(received, used, fault), value_of(line, "expect")) == 0, value_of(line, "name"));
		check(receiver.hunting == (received == RECEIVED_FAULT), value_of(line, "name"));
	}
	free(bytes);
}

/* Fed whole, and byte by byte in a buffer that moves as init's does. */
static void find(struct receiver receiver, const struct line *line, const uint8_t *bytes, size_t length, size_t portion)
{
	bool expected = strcmp(line->word, "inside") == 0 || strcmp(value_of(line, "expect"), "found") == 0;
	size_t start = 0, end = 0, used;
	struct frame frame;
	enum fault fault = 0;

	while (end < length || fault != 0) {
		enum received received;

		/* The cut frame may look whole with the first bytes of the next: a violation, and hunting on. */
		fault = 0;
		end = length - end < portion ? length : end + portion;
		received = receive(&receiver, bytes + start, end - start, &used, &frame, &fault);
		start += used;
		if (received != RECEIVED_ATTACH)
			continue;
		check(expected && frame.epoch == number_of(line, "found_epoch") && receiver.epoch == frame.epoch && !receiver.hunting &&
			      length - start == number_of(line, "rest"),
		      value_of(line, "name"));
		return;
	}
	check(!expected, value_of(line, "name"));
}

static void test_hunt(const struct line *line)
{
	size_t length;
	uint8_t *bytes = bytes_of(line, "bytes", &length);
	bool inside = strcmp(line->word, "inside") == 0;
	struct receiver receiver = {.key = keys[0], .sum = &unfinished, .epoch = (uint32_t)number_of(line, "epoch"), .hunting = !inside};

	if (inside)
		receiver.sequence = number_of(line, "sequence");
	if (inside || strcmp(value_of(line, "dir"), "host") == 0) {
		find(receiver, line, bytes, length, length);
		find(receiver, line, bytes, length, 1);
		find(receiver, line, bytes, length, 37);
	}
	free(bytes);
}

static void test_vectors(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t capacity = 0;
	int before = checks;

	if (file == NULL) {
		perror(path);
		exit(2);
	}
	while (getline(&text, &capacity, file) > 0) {
		struct line line;

		if (text[0] == '#')
			continue;
		split(text, &line);
		if (strcmp(line.word, "keys") == 0) {
			size_t length;
			uint8_t *host = bytes_of(&line, "host", &length), *init = bytes_of(&line, "init", &length);

			memcpy(keys[0], host, KEY_BYTES);
			memcpy(keys[1], init, KEY_BYTES);
			free(host);
			free(init);
		} else if (strcmp(line.word, "frame") == 0) {
			test_frame(&line);
		} else if (strcmp(line.word, "receive") == 0) {
			test_receive(&line);
		} else {
			test_hunt(&line);
		}
	}
	free(text);
	(void)fclose(file);
	check(checks - before > 100, "the vectors are there");
}

/* The rest */

static void test_chacha20(void)
{
	/* RFC 8439, 2.6.2. */
	static const uint8_t nonce[CHACHA20_NONCE] = {0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7};
	static const uint8_t expected[8] = {0x8a, 0xd5, 0xa0, 0x8b, 0x90, 0x5f, 0x81, 0xcc};
	uint8_t key[CHACHA20_KEY], derived[32];

	for (unsigned i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)(0x80 + i);
	chacha20_derive(key, nonce, derived);
	check(memcmp(derived, expected, sizeof expected) == 0, "ChaCha20 makes a key for one message");
}

static void test_poly1305(void)
{
	/* RFC 8439, A.3, numbers 3 and 6 to 11: where a carry is easily lost. Bytes that are not given are zero. */
	static const struct {
		uint8_t key[POLY1305_KEY];
		unsigned count;
		uint8_t blocks[4 * POLY1305_BLOCK], tag[16];
	} cases[] = {
		{{2}, 1, {[0 ... 15] = 0xff}, {3}},
		{{2, [16 ... 31] = 0xff}, 1, {2}, {3}},
		{{1}, 3, {[0 ... 15] = 0xff, 0xf0, [17 ... 31] = 0xff, 0x11}, {5}},
		{{1}, 3, {[0 ... 15] = 0xff, 0xfb, [17 ... 31] = 0xfe, [32 ... 47] = 1}, {0}},
		{{2}, 1, {0xfd, [1 ... 15] = 0xff}, {0xfa, [1 ... 15] = 0xff}},
		{{1, [8] = 4}, 4, {0xe3, 0x35, 0x94, 0xd7, 0x50, 0x5e, 0x43, 0xb9, [16] = 0x33, 0x94, 0xd7, 0x50, 0x5e, 0x43, 0x79, 0xcd, 1, [48] = 1}, {0x14, [8] = 0x55}},
		{{1, [8] = 4}, 3, {0xe3, 0x35, 0x94, 0xd7, 0x50, 0x5e, 0x43, 0xb9, [16] = 0x33, 0x94, 0xd7, 0x50, 0x5e, 0x43, 0x79, 0xcd, 1}, {0x13}},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct poly1305 together, apart;
		uint8_t tag[16];

		poly1305_start(&together, cases[i].key);
		apart = together;
		poly1305_add(&together, cases[i].blocks, cases[i].count);
		poly1305_finish(&together, tag);
		check(memcmp(tag, cases[i].tag, sizeof tag) == 0, "Poly1305, several blocks at a time");
		for (unsigned block = 0; block < cases[i].count; block++)
			poly1305_add(&apart, cases[i].blocks + block * POLY1305_BLOCK, 1);
		poly1305_finish(&apart, tag);
		check(memcmp(tag, cases[i].tag, sizeof tag) == 0, "Poly1305, one block at a time");
	}
}

/* Long enough for vectors, with blocks left over: against one block at a time, which never takes them. */
static void test_poly1305_long(void)
{
	static uint8_t blocks[131 * POLY1305_BLOCK];
	/* Whichever of them the processor can. */
	static size_t (*const ways[])(struct poly1305 *, const uint8_t *, size_t) = {poly1305_add_fours, poly1305_add_eights};
	uint64_t state = 1;

	for (unsigned round = 0; round < 64; round++) {
		struct poly1305 together, apart, begun;
		uint8_t key[POLY1305_KEY], tag[16], other[16];
		const unsigned count = 64 + round;

		for (size_t i = 0; i < sizeof blocks; i++) {
			state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			/* Carries are lost where everything is full. */
			blocks[i] = round % 4 == 0 ? 0xff : (uint8_t)(state >> 56);
			key[i % sizeof key] = round % 3 == 0 ? 0xff : (uint8_t)(state >> 48);
		}
		poly1305_start(&together, key);
		apart = together;
		poly1305_add(&together, blocks, 3);
		begun = together;
		poly1305_add(&together, blocks + 3 * POLY1305_BLOCK, count);
		poly1305_finish(&together, tag);
		for (unsigned block = 0; block < 3 + count; block++)
			poly1305_add(&apart, blocks + block * POLY1305_BLOCK, 1);
		poly1305_finish(&apart, other);
		check(memcmp(tag, other, sizeof tag) == 0, "Poly1305 of many blocks is that of each of them");
		for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
			struct poly1305 vectors = begun;
			size_t added = ways[way](&vectors, blocks + 3 * POLY1305_BLOCK, count);

			for (size_t block = added; block < count; block++)
				poly1305_add(&vectors, blocks + (3 + block) * POLY1305_BLOCK, 1);
			poly1305_finish(&vectors, tag);
			check(memcmp(tag, other, sizeof tag) == 0, "Poly1305 by each kind of vector is the same");
		}
	}
}

static void test_replay(void)
{
	struct receiver receiver = {.key = keys[0], .sum = &unfinished, .epoch = 1, .sequence = 1};
	uint8_t bytes[HEADER_BYTES + 8 + MAC_BYTES] = {0};
	struct frame frame = {.type = FRAME_PING, .epoch = 1, .sequence = 2, .length = 8}, got;
	enum fault fault = 0;
	size_t used;

	frame_seal(bytes, &frame, keys[0]);
	check(receive(&receiver, bytes, sizeof bytes, &used, &got, &fault) == RECEIVED_FRAME, "a frame is taken once");
	check(receive(&receiver, bytes, sizeof bytes, &used, &got, &fault) == RECEIVED_FAULT && fault == FAULT_SEQUENCE, "and not twice");
	check(receive(&receiver, bytes, sizeof bytes, &used, &got, &fault) == RECEIVED_NOTHING && receiver.hunting, "nor after the violation");
}

/* Wherever an ATTACH lies, among bytes that look much like one, and however much of it has come. */
static void test_hunt_anywhere(void)
{
	enum { PLACES = 300, AROUND = PLACES + ATTACH_BYTES + 200 };
	static const char *const noises[] = {"G", "GB", "GBX", "GBX1", "1GBX", "x"};

	for (size_t i = 0; i < sizeof noises / sizeof *noises; i++) {
		for (size_t place = 0; place < PLACES; place++) {
			struct receiver receiver = {.key = keys[0], .sum = &unfinished, .epoch = 1, .hunting = true};
			struct frame attach = {.type = FRAME_ATTACH, .epoch = 2, .sequence = 1, .length = NONCE_BYTES}, got;
			uint8_t bytes[AROUND];
			enum fault fault = 0;
			size_t used = 0, start = 0, come = place + ATTACH_BYTES - 1;

			for (size_t at = 0; at < sizeof bytes; at++)
				bytes[at] = (uint8_t)noises[i][at % strlen(noises[i])];
			memset(bytes + place + HEADER_BYTES, 7, NONCE_BYTES);
			frame_seal(bytes + place, &attach, keys[0]);
			check(receive(&receiver, bytes, come, &used, &got, &fault) == RECEIVED_NOTHING && used <= place, "an ATTACH that is not whole waits");
			start = used;
			come = sizeof bytes - start;
			check(receive(&receiver, bytes + start, come, &used, &got, &fault) == RECEIVED_ATTACH && start + used == place + ATTACH_BYTES, "an ATTACH is found anywhere");
		}
	}
}

static void test_fields(void)
{
	static const uint8_t cut[] = {1, 0, 5, 0, 0, 0, 'a'};
	struct fields fields = {cut, sizeof cut};
	struct field field;

	check(fields_next(&fields, &field) == -1, "a field longer than what there is");
	fields = (struct fields){cut, 5};
	check(fields_next(&fields, &field) == -1, "a field without a whole length");
	fields = (struct fields){cut, 0};
	check(fields_next(&fields, &field) == 0, "no field");
}

static int parse_exec(const uint8_t *bytes, const uint8_t *end)
{
	struct exec_request request;
	int result = exec_request_parse(&request, bytes, (uint32_t)(end - bytes));

	if (result == 0)
		exec_request_free(&request);
	return result;
}

static void test_exec_request(void)
{
	uint8_t bytes[512], *id = put_field(bytes, EXEC_ID, "a-Z_9", 5), *at = put_field(id, EXEC_ARG, "true", 4);
	char long_id[ID_MAX + 1];

	memset(long_id, 'x', sizeof long_id);
	check(parse_exec(bytes, at) == 0, "the least that can be run");
	check(parse_exec(bytes, id) == -1, "nothing to run");
	check(parse_exec(id, at) == -1, "no id");
	check(parse_exec(bytes, put_field(at, EXEC_ID, "b", 1)) == -1, "two ids");
	check(parse_exec(bytes, put_field(at, 99, "b", 1)) == -1, "an unknown tag");
	check(parse_exec(bytes, put_field(at, 16, "b", 1)) == -1, "the first unknown tag");
	check(parse_exec(bytes, put_field(at, 0, "b", 1)) == -1, "tag zero");
	check(parse_exec(bytes, put_field(at, EXEC_ARG, "a\0b", 3)) == -1, "a NUL in an argument");
	check(parse_exec(bytes, put_field(at, EXEC_ARG, "", 0)) == 0, "an empty argument");
	check(parse_exec(bytes, put_field(at, EXEC_ENV, "NAME", 4)) == -1, "an environment entry without =");
	check(parse_exec(bytes, put_field(at, EXEC_ENV, "=x", 2)) == -1, "an environment entry without a name");
	check(parse_exec(bytes, put_field(at, EXEC_CWD, "tmp", 3)) == -1, "a relative directory");
	check(parse_exec(bytes, put_field_u32(at, EXEC_FLAGS, 16)) == -1, "an unknown flag");
	check(parse_exec(bytes, put_field_u32(at, EXEC_WINDOW, WINDOW_MAX + 1)) == -1, "a window too large");
	check(parse_exec(bytes, put_field_u32(at, EXEC_WINDOW, WINDOW_MIN - 1)) == -1, "a window too small");
	check(parse_exec(bytes, put_field_u32(at, EXEC_FSIZE, 1)) == -1, "a number of the wrong size");
	check(parse_exec(bytes, put_field(put_field(bytes, EXEC_ID, long_id, ID_MAX), EXEC_ARG, "t", 1)) == 0, "the longest id");
	check(parse_exec(bytes, put_field(put_field(bytes, EXEC_ID, long_id, ID_MAX + 1), EXEC_ARG, "t", 1)) == -1, "an id too long");
	check(parse_exec(bytes, put_field(put_field(bytes, EXEC_ID, "a/b", 3), EXEC_ARG, "t", 1)) == -1, "an id with a slash");
}

static void test_configuration(void)
{
	struct configuration configuration;
	uint8_t bytes[512] = {0}, *at = bytes;

	check(configuration_parse(&configuration, bytes, 0) == 0 && configuration.grace_ms == 30000 && configuration.max_commands == 256,
	      "an empty configuration");
	for (int i = 0; i < WRITABLE_MAX; i++)
		at = put_field(at, CONFIGURATION_WRITABLE, "/w", 2);
	check(configuration_parse(&configuration, bytes, (uint32_t)(at - bytes)) == 0 && configuration.writable_count == WRITABLE_MAX,
	      "eight paths");
	configuration_free(&configuration);
	at = put_field(at, CONFIGURATION_WRITABLE, "/w", 2);
	check(configuration_parse(&configuration, bytes, (uint32_t)(at - bytes)) == -1, "nine paths");
	at = put_field_u32(bytes, CONFIGURATION_GRACE_MS, 0);
	check(configuration_parse(&configuration, bytes, (uint32_t)(at - bytes)) == -1, "no grace at all");
	at = put_field_u32(bytes, 9, 1);
	check(configuration_parse(&configuration, bytes, (uint32_t)(at - bytes)) == -1, "an unknown tag");
}

static int parse_ports(struct configuration *configuration, const uint8_t *ports, uint32_t length)
{
	uint8_t bytes[512];

	return configuration_parse(configuration, bytes, (uint32_t)(put_field(bytes, CONFIGURATION_PORTS, ports, length) - bytes));
}

static void test_ports(void)
{
	struct configuration configuration;
	uint8_t ports[2 * PORTS_MAX + 2];

	for (uint16_t i = 0; i <= PORTS_MAX; i++)
		put16(ports + 2 * i, (uint16_t)(80 + i));
	check(configuration_parse(&configuration, ports, 0) == 0 && !configuration.network, "no network where nobody says so");
	check(parse_ports(&configuration, ports, 4) == 0 && configuration.network && configuration.port_count == 2 && configuration.ports[1] == 81, "two ports");
	check(parse_ports(&configuration, ports, 0) == 0 && configuration.network && configuration.port_count == 0, "a network without a port");
	check(parse_ports(&configuration, ports, 2 * PORTS_MAX) == 0 && configuration.port_count == PORTS_MAX, "as many ports as may be");
	check(parse_ports(&configuration, ports, 2 * PORTS_MAX + 2) == -1, "one more");
	check(parse_ports(&configuration, ports, 3) == -1, "half a port");
	put16(ports + 2, 80);
	check(parse_ports(&configuration, ports, 4) == -1, "a port that comes twice");
	put16(ports, 0);
	check(parse_ports(&configuration, ports, 4) == -1, "port 0");
}

static void test_ring(void)
{
	struct ring ring = {0};
	uint8_t in[1000], out[1000];
	uint64_t added = 0, dropped = 0;
	bool same = true;

	srand(1);
	for (int round = 0; round < 20000; round++) {
		uint32_t count = (uint32_t)rand() % sizeof in, room = 10000 - ring.used;

		if (count > room)
			count = room;
		for (uint32_t i = 0; i < count; i++)
			in[i] = (uint8_t)((added + i) * 31 % 251);
		same &= count == 0 || ring_append(&ring, 10000, in, count) == 0;
		added += count;
		count = (uint32_t)rand() % sizeof out;
		if (count > ring.used)
			count = ring.used;
		ring_copy(&ring, 0, out, count);
		for (uint32_t i = 0; i < count; i++)
			same &= out[i] == (uint8_t)((dropped + i) * 31 % 251);
		ring_drop(&ring, count);
		dropped += count;
	}
	check(same && added - dropped == ring.used, "a ring gives back what it got");
	check(ring_append(&ring, ring.used, in, 1) == -1, "and takes no more than its limit");
	ring_drop(&ring, ring.used);
	check(ring.data == NULL, "and keeps no memory when empty");
}

struct memory {
	const uint8_t *at;
	size_t left;
};

static ssize_t read_memory(void *from, void *to, size_t length)
{
	struct memory *memory = from;

	if (length > memory->left)
		length = memory->left;
	memcpy(to, memory->at, length);
	memory->at += length;
	memory->left -= length;
	return (ssize_t)length;
}

#define USTAR "ustar\00000"
#define GNU "ustar  "

static void tar_block(uint8_t *block, const char *name, char type, unsigned size, const char *magic)
{
	unsigned sum = 0;

	memset(block, 0, TAR_BLOCK);
	(void)snprintf((char *)block, 100, "%s", name);
	memcpy(block + 100, "0104755", 8);
	(void)snprintf((char *)block + 124, 12, "%011o", size);
	memcpy(block + 136, "00000000017", 12);
	memset(block + 148, ' ', 8);
	block[156] = (uint8_t)type;
	memcpy(block + 257, magic, 8);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	(void)snprintf((char *)block + 148, 8, "%06o", sum);
}

static void test_tar(void)
{
	static uint8_t archive[8 * TAR_BLOCK];
	static struct tar_entry entry;
	struct memory memory = {archive, sizeof archive};
	struct tar_reader reader = {.read = read_memory, .from = &memory};
	char data[16];

	tar_block(archive, "pax", 'x', 20, USTAR);
	memcpy(archive + TAR_BLOCK, "20 path=dir/long-er\n", 20);
	tar_block(archive + 2 * TAR_BLOCK, "short", '0', 5, USTAR);
	memcpy(archive + 3 * TAR_BLOCK, "hello", 5);
	tar_block(archive + 4 * TAR_BLOCK, "pipe", '6', 0, USTAR);
	check(tar_next(&reader, &entry) == 1 && entry.type == 'f' && strcmp(entry.path, "dir/long-er") == 0 && entry.size == 5 &&
		      entry.mode == 0755 && entry.mtime == 15,
	      "a file with a pax name, and no setuid bit");
	check(tar_data(&reader, data, sizeof data) == 5 && memcmp(data, "hello", 5) == 0 && tar_data(&reader, data, sizeof data) == 0,
	      "its data and no more");
	check(tar_next(&reader, &entry) == 1 && entry.type == '?', "a FIFO is refused");
	check(tar_next(&reader, &entry) == 0, "the end");
	memory = (struct memory){archive, 3 * TAR_BLOCK + 2};
	reader = (struct tar_reader){.read = read_memory, .from = &memory};
	check(tar_next(&reader, &entry) == 1 && tar_next(&reader, &entry) == -1 && errno == EINVAL, "an archive that is cut off");
	archive[2 * TAR_BLOCK] = 'S';
	memory = (struct memory){archive, sizeof archive};
	reader = (struct tar_reader){.read = read_memory, .from = &memory};
	check(tar_next(&reader, &entry) == -1 && errno == EINVAL, "a wrong checksum");
}

/* GNU's magic, and none at all, as before there was one. */
static void test_old_tar(void)
{
	static uint8_t archive[4 * TAR_BLOCK];
	static struct tar_entry entry;
	struct memory memory = {archive, sizeof archive};
	struct tar_reader reader = {.read = read_memory, .from = &memory};

	memset(entry.path, 'p', sizeof entry.path - 1);
	tar_block(archive, "first", '0', 0, GNU);
	tar_block(archive + TAR_BLOCK, "second", '0', 0, "\0\0\0\0\0\0\0");
	check(tar_next(&reader, &entry) == 1 && strcmp(entry.path, "first") == 0, "a name with GNU's magic");
	check(tar_next(&reader, &entry) == 1 && strcmp(entry.path, "second") == 0, "a name without magic, and nothing of the one before");
	check(tar_next(&reader, &entry) == 0, "the end of them");
}

static bool plain(const char *path, const char *expected)
{
	char text[64];
	char *got;

	(void)snprintf(text, sizeof text, "%s", path);
	got = tar_plain_name(text);
	return expected == NULL ? got == NULL : got != NULL && strcmp(got, expected) == 0;
}

static void test_names(void)
{
	check(plain("a/b", "a/b") && plain("./a/b/", "a/b") && plain(".//./a", "a") && plain("./", "") && plain(".", ""), "plain names");
	check(plain("..a/b..", "..a/b..") && plain(".hidden", ".hidden"), "names with dots");
	check(plain("/a", NULL) && plain("..", NULL) && plain("a/../b", NULL) && plain("a/..", NULL) && plain("./../a", NULL) && plain(".//a/..", NULL),
	      "names that leave");
	check(plain(".//etc", "etc") && plain("./", ""), "no absolute name behind a dot");
}

static uint32_t address_of(const char *name)
{
	return names_address(name, strlen(name));
}

static bool may_be(const char *name)
{
	return names_may_be(name, strlen(name));
}

static void test_network_names(void)
{
	static const char label[] = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg";
	char name[300];
	uint32_t first, given = 0;

	check(may_be("a") && may_be("api.example.com") && may_be("_srv-1.x") && may_be("1.2.3.4") && may_be(label), "names that may be");
	check(!may_be("") && !may_be(".") && !may_be("a.") && !may_be(".a") && !may_be("a..b") && !may_be("A") && !may_be("a b") && !may_be("a/b") && !may_be("\303\274"), "and names that may not");
	(void)snprintf(name, sizeof name, "%s.%s.%s.%s", label, label, label, label + 2);
	check(strlen(name) == 253 && may_be(name), "the longest name");
	(void)snprintf(name, sizeof name, "%s.%s.%s.%s", label, label, label, label + 1);
	check(!may_be(name), "a name that is longer");
	(void)snprintf(name, sizeof name, "%sh", label);
	check(!may_be(name), "a label that is too long");

	names_open("sandbox");
	check(address_of("localhost") == LOOPBACK && address_of("db.localhost") == LOOPBACK && address_of("sandbox") == LOOPBACK, "names of the sandbox itself");
	first = address_of("first.example");
	check((first & NAMES_MASK) == NAMES_NETWORK && strcmp(names_at(first), "first.example") == 0, "a name has an address, and the address a name");
	check(address_of("first.example") == first && address_of("second.example") != first, "always the same, and nobody else's");
	check(names_at(NAMES_NETWORK) == NULL && names_at(LOOPBACK) == NULL && names_at(first + 100) == NULL && names_at(0xffffffff) == NULL, "no other address has a name");
	for (unsigned i = 0; i < 2 * NAMES_MOST; i++) {
		(void)snprintf(name, sizeof name, "n%u.example", i);
		given += address_of(name) != 0;
	}
	/* Three are there already, one of them of the tests of DNS. */
	check(given == NAMES_MOST - 3 && address_of("one-more.example") == 0, "no more names than there is room for");
	check(address_of("first.example") == first && strcmp(names_at(address_of("n100.example")), "n100.example") == 0, "and those that are there stay");
}

/* As a resolver asks: identification, flags, one question, the name, type and class. */
static size_t ask(uint8_t *answer, const void *name, size_t name_length, uint16_t type, uint8_t operation, const char *behind)
{
	uint8_t *message = malloc(12 + name_length + 4 + strlen(behind));
	size_t length = 12 + name_length, answered;

	memcpy(message, "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
	message[2] |= operation;
	memcpy(message + 12, name, name_length);
	memcpy(message + length, (uint8_t[]){(uint8_t)(type >> 8), (uint8_t)type, 0, 1}, 4);
	memcpy(message + length + 4, behind, strlen(behind));
	memset(answer, 0xee, DNS_ANSWER_MAX);
	answered = dns_answer(message, length + 4 + strlen(behind), answer);
	free(message);
	return answered;
}

static void test_dns(void)
{
	uint8_t answer[DNS_ANSWER_MAX], longest[256];
	static const uint8_t address[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 64, 0, 1};
	size_t length;

	names_open("sandbox");
	length = ask(answer, "\5First\7EXAMPLE", 15, 1, 0, "");
	check(length == 12 + 15 + 4 + 16 && memcmp(answer, "\x12\x34\x85\x80\0\1\0\1\0\0\0\0\5First\7EXAMPLE\0\0\1\0\1", 31) == 0 && memcmp(answer + 31, address, 16) == 0,
	      "a name in any case has the address, and the question is repeated as it was");
	check(ask(answer, "\5first\7example", 15, 28, 0, "") == 31 && answer[3] == 0x80 && answer[7] == 0, "no IPv6 address, and no error");
	check(ask(answer, "\5first\7example", 15, 255, 0, "") == 31 && answer[3] == 0x80 && answer[7] == 0, "nothing else either");
	check(ask(answer, "\5first\7example", 15, 1, 0, "more") == 47, "what follows the question is not looked at");
	check(ask(answer, "\3a b\0", 5, 1, 0, "") == 21 && answer[3] == 0x83, "a name that may not be is no name");
	check(ask(answer, "\3a.b\0", 5, 1, 0, "") == 21 && answer[3] == 0x83, "a dot within a label is no dot");
	check(ask(answer, "\0", 1, 1, 0, "") == 17 && answer[3] == 0x83, "nor is the root");
	check(ask(answer, "\5first\7example", 15, 1, 0x20, "") == 12 && answer[3] == 0x84, "another operation than a question");
	check(ask(answer, "\xc0\x0c", 2, 1, 0, "") == 12 && answer[3] == 0x81, "a name that points to itself");
	check(ask(answer, "\77abc", 4, 1, 0, "") == 12 && answer[3] == 0x81, "a label that is cut off");
	memset(longest, 0, sizeof longest);
	for (int i = 0; i < 254; i += 2)
		memcpy(longest + i, "\1x", 2);
	check(ask(answer, longest, 255, 1, 0, "") == 12 + 255 + 4 + 16, "the longest name is one");
	longest[252] = 2;
	check(ask(answer, longest, 256, 1, 0, "") != 12 + 256 + 4 + 16, "a longer one is none");
	check(ask(answer, "\5first\7example", 15, 1, 0x80, "") == 0, "an answer is not answered");
	check(dns_answer((const uint8_t *)"\x12\x34\x01", 3, answer) == 0, "nor is what is no message");
	memset(answer, 0, sizeof answer);
	check(dns_answer((const uint8_t *)"\x12\x34\x01\0\0\2\0\0\0\0\0\0\1a\0\0\1\0\1\1a\0\0\1\0\1", 26, answer) == 12 && answer[3] == 0x81, "two questions are one too many");
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	test_chacha20();
	test_poly1305();
	test_poly1305_long();
	test_vectors(argv[1]);
	test_replay();
	test_hunt_anywhere();
	test_fields();
	test_exec_request();
	test_configuration();
	test_ports();
	test_ring();
	test_tar();
	test_old_tar();
	test_names();
	test_dns();
	test_network_names();
	(void)printf("%d checks, %d failed\n", checks, failures);
	return failures != 0;
}
