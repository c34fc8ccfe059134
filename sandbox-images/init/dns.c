#include "dns.h"

#include <stdbool.h>
#include <string.h>

#include "names.h"

#define HEADER 12
#define LABEL_MAX 63
#define TYPE_A 1
#define CLASS_IN 1
#define TTL_SECONDS 60

enum flag { IS_ANSWER = 0x80, OPERATION = 0x78, AUTHORITATIVE = 0x04, WANTS_RECURSION = 0x01, HAS_RECURSION = 0x80 };
enum outcome { DONE = 0, MALFORMED = 1, NO_SUCH_NAME = 3, NOT_IMPLEMENTED = 4, REFUSED = 5 };

struct question {
	char name[NAME_MAX_BYTES + 1];
	size_t length; /* of the name */
	size_t end;    /* of the question in the message */
	uint16_t type, class;
};

static uint16_t get(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put(uint8_t *at, uint32_t value, int bytes)
{
	while (bytes-- > 0) {
		at[bytes] = (uint8_t)value;
		value >>= 8;
	}
}

/* Names are compared without regard to case; answers repeat the question as it was. A dot within a label is no dot between two. */
static char as_text(uint8_t byte)
{
	if (byte >= 'A' && byte <= 'Z')
		return (char)(byte - 'A' + 'a');
	return byte == '.' ? '\0' : (char)byte;
}

/* Nothing points anywhere in the name of a question: there is nothing before it. */
static bool read_name(const uint8_t *message, size_t length, struct question *question)
{
	size_t at = HEADER;

	question->length = 0;
	while (at < length && message[at] != 0) {
		size_t label = message[at++];

		if (label > LABEL_MAX || label > length - at || question->length + label + 1 > NAME_MAX_BYTES + 1)
			return false;
		if (question->length > 0)
			question->name[question->length++] = '.';
		for (; label > 0; label--)
			question->name[question->length++] = as_text(message[at++]);
	}
	question->end = at + 1;
	return at < length;
}

static bool read_question(const uint8_t *message, size_t length, struct question *question)
{
	if (get(message + 4) != 1 || !read_name(message, length, question) || length - question->end < 4)
		return false;
	question->type = get(message + question->end);
	question->class = get(message + question->end + 2);
	question->end += 4;
	return true;
}

static enum outcome look_up(const struct question *question, uint32_t *address)
{
	if (question->class != CLASS_IN)
		return REFUSED;
	if (!names_may_be(question->name, question->length))
		return NO_SUCH_NAME;
	if (question->type != TYPE_A)
		return DONE;
	*address = names_address(question->name, question->length);
	return *address == 0 ? REFUSED : DONE;
}

static size_t put_address(uint8_t *at, uint32_t address)
{
	put(at, 0xc000 | HEADER, 2);
	put(at + 2, TYPE_A, 2);
	put(at + 4, CLASS_IN, 2);
	put(at + 6, TTL_SECONDS, 4);
	put(at + 10, 4, 2);
	put(at + 12, address, 4);
	return 16;
}

size_t dns_answer(const uint8_t *message, size_t length, uint8_t answer[DNS_ANSWER_MAX])
{
	struct question question = {.end = HEADER};
	enum outcome outcome;
	uint32_t address = 0;

	if (length < HEADER || length > DNS_QUESTION_MAX || (message[2] & IS_ANSWER) != 0)
		return 0;
	if ((message[2] & OPERATION) != 0)
		outcome = NOT_IMPLEMENTED;
	else if (!read_question(message, length, &question))
		outcome = MALFORMED;
	else
		outcome = look_up(&question, &address);
	if (outcome == NOT_IMPLEMENTED || outcome == MALFORMED)
		question.end = HEADER;
	memset(answer, 0, HEADER);
	memcpy(answer, message, 2);
	answer[2] = (uint8_t)(IS_ANSWER | AUTHORITATIVE | (message[2] & (OPERATION | WANTS_RECURSION)));
	answer[3] = (uint8_t)(HAS_RECURSION | outcome);
	put(answer + 4, question.end > HEADER, 2);
	put(answer + 6, address != 0, 2);
	memcpy(answer + HEADER, message + HEADER, question.end - HEADER);
	return question.end + (address == 0 ? 0 : put_address(answer + question.end, address));
}
