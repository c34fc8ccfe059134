#include "fields.h"

#include <string.h>

#include "bytes.h"

int fields_next(struct fields *fields, struct field *field)
{
	if (fields->left == 0)
		return 0;
	if (fields->left < FIELD_OVERHEAD)
		return -1;
	field->tag = get16(fields->at);
	field->length = get32(fields->at + 2);
	field->value = fields->at + FIELD_OVERHEAD;
	if (field->length > fields->left - FIELD_OVERHEAD)
		return -1;
	fields->at += FIELD_OVERHEAD + field->length;
	fields->left -= FIELD_OVERHEAD + field->length;
	return 1;
}

bool field_u32(const struct field *field, uint32_t *value)
{
	if (field->length != 4)
		return false;
	*value = get32(field->value);
	return true;
}

bool field_u64(const struct field *field, uint64_t *value)
{
	if (field->length != 8)
		return false;
	*value = get64(field->value);
	return true;
}

bool field_is_text(const struct field *field)
{
	return field->length > 0 && memchr(field->value, 0, field->length) == NULL;
}

uint8_t *put_field(uint8_t *at, uint16_t tag, const void *value, uint32_t length)
{
	put16(at, tag);
	put32(at + 2, length);
	memcpy(at + FIELD_OVERHEAD, value, length);
	return at + FIELD_OVERHEAD + length;
}

uint8_t *put_field_u32(uint8_t *at, uint16_t tag, uint32_t value)
{
	uint8_t bytes[4];

	put32(bytes, value);
	return put_field(at, tag, bytes, sizeof bytes);
}

uint8_t *put_field_u64(uint8_t *at, uint16_t tag, uint64_t value)
{
	uint8_t bytes[8];

	put64(bytes, value);
	return put_field(at, tag, bytes, sizeof bytes);
}
