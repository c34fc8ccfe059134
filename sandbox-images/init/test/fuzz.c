/* libFuzzer. The first byte chooses what the rest is fed to. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "dns.h"
#include "exec_request.h"
#include "frames.h"
#include "names.h"
#include "preamble.h"
#include "tar_read.h"

static const uint8_t key[KEY_BYTES] = {1};

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

/* No fuzzer finds a MAC, so what looks like a frame is given one: every check behind it is reached too. */
static void seal_frames(uint8_t *bytes, size_t length)
{
	for (size_t at = 0; at + HEADER_BYTES + MAC_BYTES <= length; at++) {
		uint32_t payload = get32(bytes + at + 4);
		uint8_t header[HEADER_BYTES];
		struct frame frame;

		if (get32(bytes + at) != WIRE_MAGIC || payload > length - at - HEADER_BYTES - MAC_BYTES)
			continue;
		memcpy(header, bytes + at, sizeof header);
		frame = (struct frame){.type = header[8], .flags = header[9], .stream = get32(header + 12), .epoch = get32(header + 16),
				       .sequence = get64(header + 24), .length = payload};
		frame_seal(bytes + at, &frame, key);
		at += HEADER_BYTES + payload + MAC_BYTES - 1;
	}
}

static void fuzz_exec(const uint8_t *bytes, size_t length)
{
	struct exec_request request;

	if (exec_request_parse(&request, bytes, (uint32_t)length) != 0)
		return;
	if (request.argument_count == 0 || request.arguments[request.argument_count] != NULL || request.environment[request.environment_count] != NULL)
		abort();
	exec_request_free(&request);
}

static void fuzz_receiver(const uint8_t *bytes, size_t length, bool hunting)
{
	struct receiver receiver = {.key = key, .epoch = hunting ? 0 : 1, .sequence = 1, .hunting = hunting};
	uint8_t *copy = malloc(length + 1);
	size_t at = 0, used;

	if (copy == NULL)
		return;
	memcpy(copy, bytes, length);
	seal_frames(copy, length);
	for (;;) {
		uint32_t epoch = receiver.epoch;
		struct frame frame;
		enum fault fault = 0;
		enum received received = receive(&receiver, copy + at, length - at, &used, &frame, &fault);

		if (used > length - at || receiver.epoch < epoch || (received == RECEIVED_FAULT) != (fault != 0))
			abort();
		at += used;
		if (received == RECEIVED_FRAME && frame.type == FRAME_EXEC)
			fuzz_exec(frame.payload, frame.length);
		if (received == RECEIVED_NOTHING && (used == 0 || receiver.hunting))
			break;
	}
	free(copy);
}

static void fuzz_tar(const uint8_t *bytes, size_t length)
{
	static struct tar_entry entry;
	struct memory memory = {bytes, length};
	struct tar_reader reader = {.read = read_memory, .from = &memory};
	char data[100];

	while (tar_next(&reader, &entry) == 1) {
		const char *name = tar_plain_name(entry.path);

		if (name != NULL && (name[0] == '/' || strncmp(name, "../", 3) == 0 || strstr(name, "/../") != NULL))
			abort();
		while (tar_data(&reader, data, sizeof data) > 0)
			continue;
	}
}

/* A checksum for each block that could be a header, for the same reason as a MAC for each frame. */
static void fuzz_tar_summed(const uint8_t *bytes, size_t length)
{
	uint8_t *copy = malloc(length + 1);

	if (copy == NULL)
		return;
	memcpy(copy, bytes, length);
	for (size_t at = 0; at + TAR_BLOCK <= length; at += TAR_BLOCK) {
		unsigned sum = 8 * ' ';

		if (copy[at + 148] == 0)
			continue;
		for (size_t i = 0; i < TAR_BLOCK; i++)
			sum += i >= 148 && i < 156 ? 0 : copy[at + i];
		for (int i = 5; i >= 0; i--, sum /= 8)
			copy[at + 148 + (size_t)i] = (uint8_t)('0' + sum % 8);
		copy[at + 154] = 0;
	}
	fuzz_tar(copy, length);
	free(copy);
}

/* Whatever is asked, an answer fits, is one to this question, and has at most one address, which is that of a name. */
static void fuzz_dns(const uint8_t *bytes, size_t length)
{
	uint8_t answer[DNS_ANSWER_MAX];
	size_t answered = dns_answer(bytes, length, answer);
	uint32_t address;
	const char *name;

	if (answered == 0)
		return;
	if (answered > DNS_ANSWER_MAX || memcmp(answer, bytes, 2) != 0 || (answer[2] & 0x80) == 0 || answer[6] != 0 || answer[7] > 1)
		abort();
	if (answer[7] == 0)
		return;
	address = (uint32_t)answer[answered - 4] << 24 | (uint32_t)answer[answered - 3] << 16 | (uint32_t)answer[answered - 2] << 8 | answer[answered - 1];
	name = names_at(address);
	if (address != LOOPBACK && (name == NULL || !names_may_be(name, strlen(name)) || names_address(name, strlen(name)) != address))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct configuration configuration;

	if (length == 0)
		return 0;
	switch (bytes[0] % 7) {
	case 0:
		fuzz_receiver(bytes + 1, length - 1, false);
		break;
	case 1:
		fuzz_receiver(bytes + 1, length - 1, true);
		break;
	case 2:
		fuzz_exec(bytes + 1, length - 1);
		break;
	case 3:
		if (configuration_parse(&configuration, bytes + 1, (uint32_t)(length - 1)) == 0)
			configuration_free(&configuration);
		break;
	case 4:
		fuzz_tar(bytes + 1, length - 1);
		break;
	case 6:
		fuzz_dns(bytes + 1, length - 1);
		break;
	default:
		fuzz_tar_summed(bytes + 1, length - 1);
	}
	return 0;
}
