#include "names.h"

#include <stdlib.h>
#include <string.h>

#define LABEL_MAX 63
/* A power of two, twice as many as there can be names. */
#define SLOTS 8192
#define FIRST_BYTES 4096

static struct {
	char own[NAME_MAX_BYTES + 1];
	char *text; /* one name behind the other, each ended by NUL */
	uint32_t used, capacity, count;
	uint32_t starts[NAMES_MOST];
	uint16_t slots[SLOTS]; /* the number of a name, from 1; 0 is free */
} names;

void names_open(const char *own)
{
	size_t length = strlen(own);

	if (length <= NAME_MAX_BYTES)
		memcpy(names.own, own, length + 1);
}

static bool is_of_label(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
}

bool names_may_be(const char *name, size_t length)
{
	size_t label = 0;

	for (size_t i = 0; i < length; i++) {
		if (name[i] != '.' && (!is_of_label(name[i]) || ++label > LABEL_MAX))
			return false;
		if (name[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
		}
	}
	return label > 0 && length <= NAME_MAX_BYTES;
}

static bool is(const char *text, const char *name, size_t length)
{
	return strlen(text) == length && memcmp(text, name, length) == 0;
}

static bool is_ours(const char *name, size_t length)
{
	static const char below[] = ".localhost";
	size_t tail = sizeof below - 1;

	return is("localhost", name, length) || is(names.own, name, length) || (length > tail && memcmp(name + length - tail, below, tail) == 0);
}

/* FNV-1a. Who makes names that fall together makes only his own questions slow. */
static uint32_t slot_of(const char *name, size_t length)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)name[i]) * 16777619u;
	return hash % SLOTS;
}

static bool make_room(size_t wanted)
{
	uint32_t capacity = names.capacity == 0 ? FIRST_BYTES : names.capacity;
	char *text;

	while (capacity < names.used + wanted)
		capacity *= 2;
	if (capacity > NAMES_BYTES_MOST)
		return false;
	if (capacity == names.capacity)
		return true;
	text = realloc(names.text, capacity);
	if (text == NULL)
		return false;
	names.text = text;
	names.capacity = capacity;
	return true;
}

static uint32_t add(const char *name, size_t length, uint32_t slot)
{
	if (names.count == NAMES_MOST || !make_room(length + 1))
		return 0;
	memcpy(names.text + names.used, name, length);
	names.text[names.used + length] = '\0';
	names.starts[names.count++] = names.used;
	names.used += (uint32_t)length + 1;
	names.slots[slot] = (uint16_t)names.count;
	return NAMES_NETWORK + names.count;
}

uint32_t names_address(const char *name, size_t length)
{
	uint32_t slot = slot_of(name, length);

	if (is_ours(name, length))
		return LOOPBACK;
	for (; names.slots[slot] != 0; slot = (slot + 1) % SLOTS)
		if (is(names.text + names.starts[names.slots[slot] - 1], name, length))
			return NAMES_NETWORK + names.slots[slot];
	return add(name, length, slot);
}

const char *names_at(uint32_t address)
{
	uint32_t number = address - NAMES_NETWORK;

	if ((address & NAMES_MASK) != NAMES_NETWORK || number == 0 || number > names.count)
		return NULL;
	return names.text + names.starts[number - 1];
}
