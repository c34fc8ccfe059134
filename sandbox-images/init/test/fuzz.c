/* libFuzzer. The first byte chooses what the rest is fed to. */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bytes.h"
#include "connections.h"
#include "dns.h"
#include "exec_request.h"
#include "frames.h"
#include "loop.h"
#include "names.h"
#include "outbox.h"
#include "preamble.h"
#include "quit.h"
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
	struct poly1305 unfinished;
	struct receiver receiver = {.key = key, .sum = &unfinished, .epoch = hunting ? 0 : 1, .sequence = 1, .hunting = hunting};
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

/* Nothing that a host or a program does may have init give up. */
void quit(int code, const char *why)
{
	(void)code;
	(void)why;
	abort();
}

#define PROGRAMS 12

struct network {
	int programs[PROGRAMS];
	unsigned count;
	int host;
};

static void turn(const struct network *network)
{
	bool sent = true;

	connections_sweep();
	if (loop_wait(0) < 0)
		abort();
	loop_dispatch(NULL);
	while (sent) {
		sent = false;
		for (uint32_t i = 0; i < connections_count(); i++)
			sent |= connections_pump(i);
		if (outbox_flush(network->host) < 0)
			abort();
	}
}

static void dial(struct network *network, bool proxy)
{
	int ends[2];

	if (network->count == PROGRAMS || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return;
	network->programs[network->count++] = ends[0];
	connections_accept(ends[1], proxy ? LOOPBACK : names_address("a.test", 6), 80);
}

static void say(uint8_t type, uint8_t stream, uint8_t amount)
{
	static const uint8_t zero[CHUNK_MAX];
	uint8_t offset[8] = {0, 0, amount};
	struct frame frame = {.type = type, .stream = 1 + stream % PROGRAMS, .payload = offset};

	if (type == FRAME_DATA) {
		frame.flags = amount & 1;
		frame.length = (uint32_t)(amount >> 1) * 500;
		frame.payload = zero;
	}
	/* As after a violation. */
	if (connections_obey(&frame) != 0)
		connections_reset();
}

static void act(const struct network *network, uint8_t which, uint8_t how, uint8_t amount)
{
	static uint8_t space[CHUNK_MAX];
	int fd = network->count == 0 ? -1 : network->programs[which % network->count];

	if (how == 0 && write(fd, space, (size_t)amount * 250) < 0)
		return;
	if (how == 1 && read(fd, space, (size_t)amount * 250) < 0)
		return;
	if (how == 2)
		(void)shutdown(fd, amount % 3);
}

/* A host and programs that do whatever they like: four bytes an act. */
static void fuzz_connections(const uint8_t *bytes, size_t length)
{
	static int host = -1;
	struct network network = {.count = 0};

	if (host < 0 && (loop_open() < 0 || (host = open("/dev/null", O_WRONLY)) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR))
		abort();
	network.host = host;
	outbox_attach(key, 1);
	for (; length >= 4; bytes += 4, length -= 4) {
		switch (bytes[0] % 8) {
		case 0:
			dial(&network, bytes[1] % 2 != 0);
			break;
		case 1:
		case 2:
		case 3:
			act(&network, bytes[1], bytes[0] % 8 - 1, bytes[2]);
			break;
		case 4:
		case 5:
		case 6:
			say(FRAME_DATA + bytes[0] % 8 - 4, bytes[1], bytes[2]);
			break;
		default:
			turn(&network);
		}
		if (bytes[3] % 2 != 0)
			turn(&network);
	}
	connections_reset();
	connections_sweep();
	while (network.count > 0)
		(void)close(network.programs[--network.count]);
	if (connections_count() != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct configuration configuration;

	if (length == 0)
		return 0;
	switch (bytes[0] % 8) {
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
	case 7:
		fuzz_connections(bytes + 1, length - 1);
		break;
	default:
		fuzz_tar_summed(bytes + 1, length - 1);
	}
	return 0;
}
