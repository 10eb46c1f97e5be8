/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One JSON object a line, documented in man/s3slower-json.5.
 *
 * jansson's objects are built once and live as long as the sink. For each row
 * their values are changed in place, so that an event costs no hash table and
 * no key. The times are integers of nanoseconds and stay so: they are put
 * between two objects as decimal fractions, which is exact and saves half of
 * the time that a line takes (jansson prints a double through printf()). The
 * line is written with a single call, so that it is never half there.
 */
#include "sink.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "column.h"
#include "parsers/extra.h"
#include "parsers/targets.h"

struct kind {
	json_t *(*make)(void); /* a value to change in place; NULL: only constants are used */
	/* Sets value and returns it, or returns a constant. NULL: out of memory. */
	json_t *(*set)(json_t *value, const void *field);
};

static json_t *make_string(void)
{
	return json_string_nocheck("");
}

static json_t *make_integer(void)
{
	return json_integer(0);
}

static json_t *set_text(json_t *value, const char *text)
{
	if (!text)
		return json_null();
	return json_string_set_nocheck(value, text) ? NULL : value;
}

static json_t *set_string(json_t *value, const void *field)
{
	return set_text(value, *(const char *const *)field);
}

static json_t *set_timestamp(json_t *value, const void *field)
{
	struct cell cell;

	return set_text(value, column_timestamp(field, &cell));
}

static json_t *set_state(json_t *value, const void *field)
{
	return set_text(value, request_state_name(*(const enum request_state *)field));
}

static json_t *set_size(json_t *value, const void *field)
{
	int64_t size = *(const int64_t *)field;

	if (size < 0)
		return json_null();
	json_integer_set(value, size);
	return value;
}

static json_t *set_int(json_t *value, const void *field)
{
	int64_t wide = *(const int *)field;

	return set_size(value, &wide);
}

static json_t *set_u32(json_t *value, const void *field)
{
	json_integer_set(value, *(const uint32_t *)field);
	return value;
}

static json_t *set_pid(json_t *value, const void *field)
{
	return *(const uint32_t *)field ? set_u32(value, field) : json_null();
}

static json_t *set_target(json_t *value, const void *field)
{
	return set_text(value, column_target(field, NULL));
}

static json_t *set_labels(json_t *value, const void *field)
{
	const struct target *target = *(const struct target *const *)field;

	if (!target)
		return json_null();
	json_object_clear(value);
	for (size_t i = 0; i < target->n_labels; i++) {
		const struct label *label = &target->label[i];

		if (json_object_set_new_nocheck(value, label->name,
						json_string_nocheck(label->value)))
			return NULL;
	}
	return value;
}

static json_t *set_bool(json_t *value, const void *field)
{
	(void)value;
	return json_boolean(*(const bool *)field);
}

static json_t *set_count(json_t *value, const void *field)
{
	const uint64_t *count = *(const uint64_t *const *)field;

	if (!count)
		return json_null();
	json_integer_set(value, (json_int_t)*count);
	return value;
}

static const struct kind string = {make_string, set_string};
static const struct kind timestamp = {make_string, set_timestamp};
static const struct kind state = {make_string, set_state};
static const struct kind size = {make_integer, set_size};
static const struct kind integer = {make_integer, set_int};
static const struct kind number = {make_integer, set_u32};
static const struct kind count = {make_integer, set_count};
static const struct kind process = {make_integer, set_pid};
static const struct kind target = {make_string, set_target};
static const struct kind labels = {json_object, set_labels};
static const struct kind truth = {NULL, set_bool};

#define AT(field) offsetof(struct request, field)

enum { FROM_REQUEST, FROM_OUTPUT };

/* Every key, in the order in which they are printed: what comes before the
 * times, the times, and what comes after them. */
struct field {
	const char *name;
	const struct kind *kind;
	size_t offset;
	int from;
	unsigned extra; /* EXTRA_*: there only if asked for; 0: always */
};

/* Rows without extra are always there. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static const struct field before[] = {
	{"timestamp", &timestamp, AT(time_ns), FROM_REQUEST},
	{"pid", &number, AT(pid), FROM_REQUEST},
	{"tid", &number, AT(tid), FROM_REQUEST},
	{"comm", &string, AT(comm), FROM_REQUEST},
	{"uid", &number, AT(uid), FROM_REQUEST},
	{"target", &target, AT(target), FROM_REQUEST, EXTRA_TARGET},
	{"labels", &labels, AT(target), FROM_REQUEST, EXTRA_TARGET},
	{"user", &string, AT(user), FROM_REQUEST, EXTRA_USER},
	{"ppid", &process, AT(ppid), FROM_REQUEST, EXTRA_PPID},
	{"exe", &string, AT(exe), FROM_REQUEST, EXTRA_EXE},
	{"cmdline", &string, AT(cmdline), FROM_REQUEST, EXTRA_CMDLINE},
	{"cgroup", &string, AT(cgroup), FROM_REQUEST, EXTRA_CGROUP},
	{"container", &string, AT(container), FROM_REQUEST, EXTRA_CONTAINER},
	{"method", &string, AT(method), FROM_REQUEST},
	{"operation", &string, AT(operation), FROM_REQUEST},
	{"bucket", &string, AT(bucket), FROM_REQUEST},
	{"key", &string, AT(key), FROM_REQUEST},
	{"endpoint", &string, AT(endpoint), FROM_REQUEST},
	{"path", &string, AT(path), FROM_REQUEST},
};

#define TIME(name, opens) name, opens "\"" name "\":"

static const struct {
	const char *name;
	const char *text; /* what stands before the number */
	size_t offset;
} times[] = {
	{TIME("latency_ms", ","), AT(latency_ns)},
	{TIME("ttfb_ms", ","), AT(ttfb_ns)},
	{TIME("send_ms", ",\"phases\":{"), AT(send_ns)},
	{TIME("expect_ms", ","), AT(expect_ns)},
	{TIME("wait_ms", ","), AT(wait_ns)},
	{TIME("recv_ms", ","), AT(recv_ns)},
	{TIME("stall_ms", ","), AT(stall_ns)},
};

static const char times_end[] = "},";

static const struct field after[] = {
	{"request_size", &size, AT(request_size), FROM_REQUEST},
	{"response_size", &size, AT(response_size), FROM_REQUEST},
	{"status_code", &integer, AT(status), FROM_REQUEST},
	{"is_error", &truth, AT(is_error), FROM_REQUEST},
	{"error_code", &string, AT(error_code), FROM_REQUEST},
	{"request_id", &string, AT(request_id), FROM_REQUEST},
	{"host_id", &string, AT(host_id), FROM_REQUEST},
	{"state", &state, AT(state), FROM_REQUEST},
	{"client_type", &string, AT(client_type), FROM_REQUEST},
	{"via", &string, AT(via), FROM_REQUEST},
	{"fd", &integer, AT(fd), FROM_REQUEST},
	{"is_s3", &truth, AT(is_s3), FROM_REQUEST},
	{"truncated", &truth, AT(truncated), FROM_REQUEST},
	{"lost", &count, offsetof(struct output, lost), FROM_OUTPUT},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

const char *json_key(size_t i)
{
	if (i < COUNT_OF(before))
		return before[i].name;
	i -= COUNT_OF(before);
	if (i < COUNT_OF(times))
		return times[i].name;
	i -= COUNT_OF(times);
	if (i < COUNT_OF(after))
		return after[i].name;
	return i == COUNT_OF(after) ? "phases" : NULL;
}

/* A run of fields and the jansson object that prints them. */
struct part {
	size_t n;
	json_t *object;
	struct {
		const struct field *field;
		json_t *own;   /* changed in place; NULL for kinds of constants */
		json_t *shown; /* own or a constant, as the object has it now; borrowed */
	} value[COUNT_OF(after) > COUNT_OF(before) ? COUNT_OF(after) : COUNT_OF(before)];
};

struct json {
	struct part before, after;
	char *buf;
	size_t size, used;
};

static void part_close(struct part *part)
{
	for (size_t i = 0; i < part->n; i++)
		json_decref(part->value[i].own);
	json_decref(part->object);
}

static int part_open(struct part *part, const struct field *field, size_t n, unsigned extras)
{
	part->object = json_object();
	for (const struct field *f = field; f < field + n; f++) {
		size_t i = part->n;

		if (f->extra && !(f->extra & extras))
			continue;
		part->value[i].field = f;
		part->value[i].shown = json_null();
		part->n++;
		if (f->kind->make && !(part->value[i].own = f->kind->make()))
			return -ENOMEM;
		if (json_object_set_new_nocheck(part->object, f->name, json_null()))
			return -ENOMEM;
	}
	return 0;
}

/* Only a value that becomes null, or ceases to be, is put into the object anew. */
static int part_set(struct part *part, const char *const *base)
{
	for (size_t i = 0; i < part->n; i++) {
		const struct field *field = part->value[i].field;
		json_t *value =
			field->kind->set(part->value[i].own, base[field->from] + field->offset);
		if (!value)
			return -ENOMEM;
		if (value == part->value[i].shown)
			continue;
		if (json_object_set_nocheck(part->object, field->name, value))
			return -ENOMEM;
		part->value[i].shown = value;
	}
	return 0;
}

static void json_close(struct output *output)
{
	struct json *json = output->state;

	if (!json)
		return;
	part_close(&json->before);
	part_close(&json->after);
	free(json->buf);
	free(json);
}

static int json_open(struct output *output)
{
	struct json *json = calloc(1, sizeof(*json));

	output->state = json;
	if (!json || part_open(&json->before, before, COUNT_OF(before), output->extras) ||
	    part_open(&json->after, after, COUNT_OF(after), output->extras))
		return -ENOMEM;
	return 0;
}

/* Makes room for n more bytes of the line. */
static int reserve(struct json *json, size_t n)
{
	if (json->size - json->used >= n)
		return 0;
	char *buf = realloc(json->buf, json->used + n + 1024);
	if (!buf)
		return -ENOMEM;
	json->buf = buf;
	json->size = json->used + n + 1024;
	return 0;
}

static int put(struct json *json, const char *text)
{
	size_t n = strlen(text);

	if (reserve(json, n))
		return -ENOMEM;
	memcpy(json->buf + json->used, text, n);
	json->used += n;
	return 0;
}

/* The fields without their braces; jansson says how much room they need. */
static int put_part(struct json *json, const struct part *part)
{
	for (;;) {
		size_t room = json->size - json->used;
		size_t n = json_dumpb(part->object, json->buf + json->used, room,
				      JSON_COMPACT | JSON_EMBED);
		if (n && n <= room) {
			json->used += n;
			return 0;
		}
		if (n == 0 || reserve(json, n))
			return -ENOMEM;
	}
}

static int put_times(struct json *json, const struct request *request)
{
	struct cell cell;
	int error = 0;

	for (size_t i = 0; i < COUNT_OF(times) && !error; i++) {
		const char *ms = column_exact_ms((const char *)request + times[i].offset, &cell);
		error = put(json, times[i].text) || put(json, ms ? ms : "null");
	}
	return error || put(json, times_end) ? -ENOMEM : 0;
}

static int json_emit(struct output *output, const struct request *request)
{
	const char *base[] = {
		[FROM_REQUEST] = (const char *)request, [FROM_OUTPUT] = (const char *)output};
	struct json *json = output->state;

	json->used = 0;
	if (part_set(&json->before, base) || part_set(&json->after, base) || put(json, "{") ||
	    put_part(json, &json->before) || put_times(json, request) ||
	    put_part(json, &json->after) || put(json, "}\n"))
		return -ENOMEM;
	fwrite(json->buf, 1, json->used, output->file);
	return 0;
}

const struct sink json_sink = {
	.name = "json",
	.help = "one JSON object a line, see s3slower-json(5)",
	.open = json_open,
	.emit = json_emit,
	.close = json_close,
};
