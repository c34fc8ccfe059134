/* Tagged fields: u16 tag, u32 length, bytes. */
#ifndef GLOVEBOX_FIELDS_H
#define GLOVEBOX_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIELD_OVERHEAD 6

struct fields {
	const uint8_t *at;
	size_t left;
};

struct field {
	uint16_t tag;
	uint32_t length;
	const uint8_t *value;
};

/* 1 with the next field, 0 at the end, -1 where the bytes are no field. */
int fields_next(struct fields *fields, struct field *field);
bool field_u32(const struct field *field, uint32_t *value);
bool field_u64(const struct field *field, uint64_t *value);
/* Text is never empty and holds no NUL. */
bool field_is_text(const struct field *field);

uint8_t *put_field(uint8_t *at, uint16_t tag, const void *value, uint32_t length);
uint8_t *put_field_u32(uint8_t *at, uint16_t tag, uint32_t value);
uint8_t *put_field_u64(uint8_t *at, uint16_t tag, uint64_t value);

#endif
