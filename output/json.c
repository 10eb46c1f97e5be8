/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One JSON object a line, documented in man/s3slower-json.5.
 *
 * The keys are constants and the numbers digits; jansson writes the texts, whose
 * escapes and encoding are the part worth a library. It dumps a value anew only
 * when that differs from the last row's - most do not: who asked, which bucket,
 * which operation - and what it wrote is kept. The times are integers of
 * nanoseconds and go out as decimal fractions, which is exact. The line is written
 * with a single call, so that it is never half there.
 */
#include "sink.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(struct request, field)

enum kind {
	BARE,	/* numbers and truth values */
	QUOTED, /* a text of our own making: nothing to escape */
	TEXT,	/* anything else */
};

/* Every key, in the order in which they are printed; what a column shows is the
 * value. */
static const struct field {
	struct slice before; /* what stands before the value */
	enum kind kind;
	const char *(*text)(const void *field, struct cell *cell);
	size_t offset;
} fields[] = {
	{SLICE("{\"timestamp\":"), QUOTED, column_timestamp, AT(time_ns)},
	{SLICE(",\"pid\":"), BARE, column_unsigned, AT(pid)},
	{SLICE(",\"tid\":"), BARE, column_unsigned, AT(tid)},
	{SLICE(",\"comm\":"), TEXT, column_string, AT(comm)},
	{SLICE(",\"uid\":"), BARE, column_unsigned, AT(uid)},
	{SLICE(",\"method\":"), TEXT, column_string, AT(method)},
	{SLICE(",\"operation\":"), TEXT, column_string, AT(operation)},
	{SLICE(",\"bucket\":"), TEXT, column_string, AT(bucket)},
	{SLICE(",\"key\":"), TEXT, column_string, AT(key)},
	{SLICE(",\"endpoint\":"), TEXT, column_string, AT(endpoint)},
	{SLICE(",\"path\":"), TEXT, column_string, AT(path)},
	{SLICE(",\"latency_ms\":"), BARE, column_exact_ms, AT(latency_ns)},
	{SLICE(",\"ttfb_ms\":"), BARE, column_exact_ms, AT(ttfb_ns)},
	{SLICE(",\"phases\":{\"send_ms\":"), BARE, column_exact_ms, AT(send_ns)},
	{SLICE(",\"expect_ms\":"), BARE, column_exact_ms, AT(expect_ns)},
	{SLICE(",\"wait_ms\":"), BARE, column_exact_ms, AT(wait_ns)},
	{SLICE(",\"recv_ms\":"), BARE, column_exact_ms, AT(recv_ns)},
	{SLICE(",\"stall_ms\":"), BARE, column_exact_ms, AT(stall_ns)},
	{SLICE("},\"request_size\":"), BARE, column_size, AT(request_size)},
	{SLICE(",\"response_size\":"), BARE, column_size, AT(response_size)},
	{SLICE(",\"status_code\":"), BARE, column_int, AT(status)},
	{SLICE(",\"is_error\":"), BARE, column_truth, AT(is_error)},
	{SLICE(",\"error_code\":"), TEXT, column_string, AT(error_code)},
	{SLICE(",\"request_id\":"), TEXT, column_string, AT(request_id)},
	{SLICE(",\"host_id\":"), TEXT, column_string, AT(host_id)},
	{SLICE(",\"state\":"), TEXT, column_state, AT(state)},
	{SLICE(",\"client_type\":"), TEXT, column_string, AT(client_type)},
	{SLICE(",\"via\":"), TEXT, column_string, AT(via)},
	{SLICE(",\"fd\":"), BARE, column_int, AT(fd)},
	{SLICE(",\"local_address\":"), QUOTED, column_local_address, AT(ends)},
	{SLICE(",\"local_port\":"), BARE, column_port, AT(ends.local_port)},
	{SLICE(",\"peer_address\":"), QUOTED, column_peer_address, AT(ends)},
	{SLICE(",\"peer_port\":"), BARE, column_port, AT(ends.peer_port)},
	{SLICE(",\"is_s3\":"), BARE, column_truth, AT(is_s3)},
	{SLICE(",\"truncated\":"), BARE, column_truth, AT(truncated)},
};

static const struct slice lost = SLICE(",\"lost\":");

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

struct buffer {
	char *bytes;
	size_t size, used;
};

/* The last text that a field had, and what jansson made of it. */
struct shown {
	json_t *value;
	struct buffer dump; /* used is 0 when it is not that of the value */
};

struct json {
	struct shown shown[N_FIELDS]; /* of fields of kind TEXT */
	struct buffer line;
};

/* Makes room for n more bytes. */
static int reserve(struct buffer *buffer, size_t n)
{
	if (buffer->size - buffer->used >= n)
		return 0;
	size_t size = buffer->used + n + buffer->size / 2;
	char *bytes = realloc(buffer->bytes, size);
	if (!bytes)
		return -ENOMEM;
	buffer->bytes = bytes;
	buffer->size = size;
	return 0;
}

static int put(struct buffer *buffer, const char *bytes, size_t n)
{
	if (reserve(buffer, n))
		return -ENOMEM;
	memcpy(buffer->bytes + buffer->used, bytes, n);
	buffer->used += n;
	return 0;
}

/* jansson says how much room it needs. */
static int dump(struct shown *shown)
{
	struct buffer *to = &shown->dump;

	for (;;) {
		size_t n = json_dumpb(shown->value, to->bytes, to->size,
				      JSON_COMPACT | JSON_ENCODE_ANY);
		if (n && n <= to->size) {
			to->used = n;
			return 0;
		}
		if (n == 0 || reserve(to, n))
			return -ENOMEM;
	}
}

static int put_text(struct buffer *line, struct shown *shown, const char *text)
{
	size_t n = strlen(text);

	if (!shown->dump.used || json_string_length(shown->value) != n ||
	    memcmp(json_string_value(shown->value), text, n) != 0) {
		shown->dump.used = 0;
		if (json_string_setn_nocheck(shown->value, text, n) || dump(shown))
			return -ENOMEM;
	}
	return put(line, shown->dump.bytes, shown->dump.used);
}

static int put_field(struct json *json, size_t i, const struct request *request, struct cell *cell)
{
	struct buffer *line = &json->line;
	const struct field *field = &fields[i];
	const char *text = field->text((const char *)request + field->offset, cell);

	if (put(line, field->before.p, field->before.n))
		return -ENOMEM;
	if (!text)
		return put(line, "null", 4);
	switch (field->kind) {
	case TEXT:
		return put_text(line, &json->shown[i], text);
	case QUOTED:
		if (put(line, "\"", 1) || put(line, text, strlen(text)))
			return -ENOMEM;
		return put(line, "\"", 1);
	case BARE:
		break;
	}
	return put(line, text, strlen(text));
}

static int put_lost(struct buffer *line, const uint64_t *count, struct cell *cell)
{
	int64_t n = count ? (int64_t)*count : -1;
	const char *text = column_size(&n, cell);

	if (!text)
		text = "null";
	return put(line, lost.p, lost.n) || put(line, text, strlen(text)) ? -ENOMEM : 0;
}

static void json_close(struct output *output)
{
	struct json *json = output->state;

	if (!json)
		return;
	for (size_t i = 0; i < N_FIELDS; i++) {
		json_decref(json->shown[i].value);
		free(json->shown[i].dump.bytes);
	}
	free(json->line.bytes);
	free(json);
}

static int json_open(struct output *output)
{
	struct json *json = calloc(1, sizeof(*json));

	output->state = json;
	if (!json)
		return -ENOMEM;
	for (size_t i = 0; i < N_FIELDS; i++)
		if (fields[i].kind == TEXT && !(json->shown[i].value = json_string_nocheck("")))
			return -ENOMEM;
	return 0;
}

static int json_emit(struct output *output, const struct request *request)
{
	struct json *json = output->state;
	int error = 0;

	json->line.used = 0;
	for (size_t i = 0; i < N_FIELDS && !error; i++)
		error = put_field(json, i, request, &output->cell);
	if (error || put_lost(&json->line, output->lost, &output->cell) ||
	    put(&json->line, "}\n", 2))
		return -ENOMEM;
	fwrite_unlocked(json->line.bytes, 1, json->line.used, output->file);
	return 0;
}

const struct sink json_sink = {
	.name = "json",
	.help = "one JSON object a line, see s3slower-json(5)",
	.open = json_open,
	.emit = json_emit,
	.close = json_close,
};
