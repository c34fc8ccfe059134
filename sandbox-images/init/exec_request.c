#include "exec_request.h"

#include <stdlib.h>
#include <string.h>

#include "fields.h"

bool exec_request_has(const struct exec_request *request, enum exec_tag tag)
{
	return (request->given & 1u << tag) != 0;
}

static bool read_id(struct exec_request *request, const struct field *field)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

	if (field->length < 1 || field->length > ID_MAX || !field_is_text(field))
		return false;
	memcpy(request->id, field->value, field->length);
	request->id[field->length] = '\0';
	return strspn(request->id, allowed) == field->length;
}

static char *keep_text(char **storage, const struct field *field)
{
	char *text = *storage;

	memcpy(text, field->value, field->length);
	text[field->length] = '\0';
	*storage += field->length + 1;
	return text;
}

/* An argument may be empty; nothing else of text may. */
static bool read_text(struct exec_request *request, const struct field *field, char **storage)
{
	if (field->length > 0 && !field_is_text(field))
		return false;
	switch (field->tag) {
	case EXEC_ARG:
		request->arguments[request->argument_count++] = keep_text(storage, field);
		return true;
	case EXEC_ENV:
		if (field->length < 2 || memchr(field->value + 1, '=', field->length - 1) == NULL)
			return false;
		request->environment[request->environment_count++] = keep_text(storage, field);
		return true;
	default:
		if (field->length == 0 || field->value[0] != '/')
			return false;
		request->directory = keep_text(storage, field);
		return true;
	}
}

static bool read_field(struct exec_request *request, const struct field *field, char **storage)
{
	switch (field->tag) {
	case EXEC_ID:
		return read_id(request, field);
	case EXEC_ARG:
	case EXEC_ENV:
	case EXEC_CWD:
		return read_text(request, field, storage);
	case EXEC_WALL_MS:
		return field_u32(field, &request->wall_ms);
	case EXEC_CPU_MS:
		return field_u32(field, &request->cpu_ms);
	case EXEC_OUTPUT_BYTES:
		return field_u64(field, &request->output_bytes);
	case EXEC_FLAGS:
		return field_u32(field, &request->flags) && (request->flags & ~(uint32_t)EXEC_ALL_FLAGS) == 0;
	case EXEC_WINDOW:
		return field_u32(field, &request->window) && request->window >= WINDOW_MIN && request->window <= WINDOW_MAX;
	case EXEC_GRACE_MS:
		return field_u32(field, &request->grace_ms);
	case EXEC_NOFILE:
		return field_u32(field, &request->nofile);
	case EXEC_FSIZE:
		return field_u64(field, &request->fsize);
	case EXEC_NPROC:
		return field_u32(field, &request->nproc);
	case EXEC_BUILTIN:
		return field_u32(field, &request->builtin) && request->builtin != 0;
	case EXEC_SIZE:
		return field_u32(field, &request->size);
	default:
		return false;
	}
}

/* Room for each text and its NUL, and for the pointers to them. */
static bool make_storage(struct exec_request *request, const uint8_t *payload, uint32_t length, char **texts)
{
	struct fields fields = {payload, length};
	struct field field;
	size_t arguments = 1, environment = 1, bytes = 0;

	while (fields_next(&fields, &field) == 1) {
		arguments += field.tag == EXEC_ARG;
		environment += field.tag == EXEC_ENV;
		bytes += field.length + 1;
	}
	request->storage = calloc(1, (arguments + environment) * sizeof(char *) + bytes);
	if (request->storage == NULL)
		return false;
	request->arguments = (char **)(void *)request->storage;
	request->environment = request->arguments + arguments;
	*texts = (char *)(request->environment + environment);
	return true;
}

int exec_request_parse(struct exec_request *request, const uint8_t *payload, uint32_t length)
{
	struct fields fields = {payload, length};
	struct field field;
	char *texts;
	int more;

	*request = (struct exec_request){.directory = "/", .window = WINDOW_DEFAULT};
	if (!make_storage(request, payload, length, &texts))
		return -2;
	while ((more = fields_next(&fields, &field)) == 1) {
		bool repeats = field.tag == EXEC_ARG || field.tag == EXEC_ENV;

		if (field.tag > EXEC_SIZE || (!repeats && exec_request_has(request, field.tag)) ||
		    !read_field(request, &field, &texts))
			break;
		request->given |= 1u << field.tag;
	}
	if (more != 0 || !exec_request_has(request, EXEC_ID) || request->argument_count == 0) {
		exec_request_free(request);
		return -1;
	}
	return 0;
}

void exec_request_free(struct exec_request *request)
{
	free(request->storage);
	request->storage = NULL;
}
