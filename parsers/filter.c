/* SPDX-License-Identifier: Apache-2.0 */
#include "filter.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "throughput.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Both the kernel and filter_match() compare with this very number. */
static uint64_t nanoseconds(double ms)
{
	return (uint64_t)(ms * 1e6 + 0.5);
}

/* --- what user space decides ---------------------------------------------- */

/* Whether pattern, in which '*' stands for anything, fits all of s. */
static bool glob(const char *pattern, struct slice s)
{
	const char *star = NULL;
	size_t i = 0, back = 0;

	while (i < s.n) {
		if (*pattern == '*') {
			star = ++pattern;
			back = i;
		} else if (*pattern &&
			   tolower((unsigned char)*pattern) == tolower((unsigned char)s.p[i])) {
			pattern++;
			i++;
		} else if (star) {
			pattern = star;
			i = ++back;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

/* host[:port] without the port. */
static struct slice without_port(struct slice host)
{
	size_t n = host.n;

	while (n > 0 && isdigit((unsigned char)host.p[n - 1]))
		n--;
	return n > 1 && host.p[n - 1] == ':' ? (struct slice){host.p, n - 1} : host;
}

static bool is_exactly(const char *item, const char *value)
{
	return strcmp(item, value) == 0;
}

static bool is_bucket(const char *item, const char *value)
{
	return glob(item, (struct slice){value, strlen(value)});
}

/* The key of a row is clean text, so the prefix is made clean in the same way. */
static bool begins_key(const char *item, const char *value)
{
	char buf[4096];
	struct text_arena arena = {.buf = buf, .size = sizeof(buf)};
	const char *prefix = text_clean(&arena, (struct slice){item, strlen(item)});

	return prefix && strncmp(value, prefix, strlen(prefix)) == 0;
}

/* Whether any item of the list fits value; an empty list asks for nothing. */
static bool any(const struct settings_list *list, const char *value,
		bool (*fits)(const char *item, const char *value))
{
	if (list->n == 0)
		return true;
	for (size_t i = 0; value && i < list->n; i++)
		if (fits(list->item[i], value))
			return true;
	return false;
}

static bool match_kind(const struct settings *settings, const struct request *request)
{
	return request->is_s3 || settings->all_http;
}

static bool match_latency(const struct settings *settings, const struct request *request)
{
	return request->latency_ns >= (int64_t)nanoseconds(settings->min_latency_ms);
}

static bool match_ttfb(const struct settings *settings, const struct request *request)
{
	int64_t least = (int64_t)nanoseconds(settings->min_ttfb_ms);

	return least == 0 || request->ttfb_ns >= least;
}

static bool match_size(const struct settings *settings, const struct request *request)
{
	int64_t least = (int64_t)settings->min_size;

	return least == 0 || request->request_size >= least || request->response_size >= least;
}

static bool match_speed(const struct settings *settings, int64_t throughput)
{
	return settings->max_mbps <= 0 ||
	       (throughput >= 0 && (double)throughput < settings->max_mbps * 1e6);
}

static bool match_throughput(const struct settings *settings, const struct request *request)
{
	return settings->max_mbps <= 0 || match_speed(settings, throughput_of(request));
}

static bool match_errors(const struct settings *settings, const struct request *request)
{
	return !settings->errors_only || request->is_error;
}

static bool match_uid(const struct settings *settings, const struct request *request)
{
	for (size_t i = 0; i < settings->uid.n; i++)
		if (strtoul(settings->uid.item[i], NULL, 10) == request->uid)
			return true;
	return settings->uid.n == 0;
}

static bool match_method(const struct settings *settings, const struct request *request)
{
	return any(&settings->method, request->method, is_exactly);
}

static bool match_operation(const struct settings *settings, const struct request *request)
{
	return any(&settings->op, request->operation, is_exactly);
}

static bool match_status(const struct settings *settings, const struct request *request)
{
	for (size_t i = 0; i < settings->status.n; i++) {
		const char *item = settings->status.item[i];
		if (item[1] == 'x' ? request->status / 100 == *item - '0'
				   : request->status == atoi(item))
			return true;
	}
	return settings->status.n == 0;
}

static bool match_why(const struct settings *settings, const struct request *request)
{
	return any(&settings->why, request->why, is_exactly);
}

static bool match_bucket(const struct settings *settings, const struct request *request)
{
	return any(&settings->bucket, request->bucket, is_bucket);
}

static bool match_key(const struct settings *settings, const struct request *request)
{
	return any(&settings->key_prefix, request->key, begins_key);
}

/* The endpoint, or the Host of a virtual-hosted request; the port may be left out. */
static bool match_host(const struct settings *settings, const struct request *request)
{
	char virtual[512];
	const char *host[] = {request->endpoint, virtual};

	if (settings->host.n == 0)
		return true;
	if (!request->endpoint)
		return false;
	virtual[0] = '\0';
	if (request->bucket)
		snprintf(virtual, sizeof(virtual), "%s.%s", request->bucket, request->endpoint);
	for (size_t i = 0; i < settings->host.n; i++) {
		for (size_t j = 0; j < COUNT_OF(host); j++) {
			struct slice whole = {host[j], strlen(host[j])};
			if (whole.n && (glob(settings->host.item[i], whole) ||
					glob(settings->host.item[i], without_port(whole))))
				return true;
		}
	}
	return false;
}

static bool match_target(const struct settings *settings, const struct request *request)
{
	return !settings->only_targets || request->target;
}

/* The cheap and the likely first; how it went before what it was about. */
static const struct {
	bool (*match)(const struct settings *settings, const struct request *request);
	bool how;
} matches[] = {
	{match_latency, true}, {match_errors, true},	 {match_ttfb, true},
	{match_size, true},    {match_throughput, true}, {match_status, true},
	{match_kind, false},   {match_uid, false},	 {match_target, false},
	{match_method, false}, {match_operation, false}, {match_bucket, false},
	{match_key, false},    {match_host, false},	 {match_why, true},
};

bool filter_match(const struct settings *settings, const struct request *request)
{
	for (size_t i = 0; i < COUNT_OF(matches); i++)
		if (!matches[i].match(settings, request))
			return false;
	return true;
}

bool filter_concerns(const struct settings *settings, const struct request *request)
{
	for (size_t i = 0; i < COUNT_OF(matches); i++)
		if (!matches[i].how && !matches[i].match(settings, request))
			return false;
	return true;
}

bool filter_match_job(const struct settings *settings, const struct job *job)
{
	return job->duration_ns >= (int64_t)nanoseconds(settings->min_latency_ms) &&
	       job->bytes >= (int64_t)settings->min_size &&
	       match_speed(settings, job->throughput) &&
	       (!settings->errors_only || job->errors || job->state == JOB_ABORTED);
}

bool filter_has_holes(const struct settings *settings)
{
	return !settings->calls && !settings->jobs &&
	       (settings->min_latency_ms > 0 || settings->min_ttfb_ms > 0 || settings->status.n);
}

/* --- what the kernel decides ---------------------------------------------- */

/* The text of one flag; what does not fit is remembered, not written. */
struct expression {
	char *text;
	size_t used;
	bool overflow;
};

static void add(struct expression *e, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct expression *e, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(e->text + e->used, FILTER_FLAG_SIZE - e->used, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= FILTER_FLAG_SIZE - e->used) {
		e->overflow = true;
		return;
	}
	e->used += (size_t)n;
}

/* Bytes of text as the machine loads them from memory, zeros after its end. */
static void words(const char *text, size_t length, uint64_t *word, size_t n)
{
	memset(word, 0, n * sizeof(*word));
	memcpy(word, text, length < n * sizeof(*word) ? length : n * sizeof(*word));
}

static void add_comm(struct expression *e, const char *name)
{
	uint64_t c[EXCHANGE_COMM_CAP / 8];

	words(name, strnlen(name, EXCHANGE_COMM_CAP - 1), c, COUNT_OF(c));
	add(e, "((c0)==0x%016" PRIx64 "ULL&&(c1)==0x%016" PRIx64 "ULL)", c[0], c[1]);
}

static void add_process(struct expression *e, const char *item)
{
	if (item[strspn(item, "0123456789")])
		add_comm(e, item);
	else
		add(e, "(tgid)==%lu", strtoul(item, NULL, 10)); /* "010" must not be octal */
}

static void add_uid(struct expression *e, const char *item)
{
	add(e, "(u)==%lu", strtoul(item, NULL, 10));
}

/* The method and the space after it, as far as the word reaches. */
static void add_method(struct expression *e, const char *item)
{
	char token[16] = "", ones[16] = "";
	uint64_t value, mask;
	int n = snprintf(token, sizeof(token), "%.14s ", item);

	memset(ones, 0xff, (size_t)n);
	words(token, (size_t)n, &value, 1);
	words(ones, (size_t)n, &mask, 1);
	add(e, "((w)&0x%016" PRIx64 "ULL)==0x%016" PRIx64 "ULL", mask, value);
}

static void add_status(struct expression *e, const char *item)
{
	if (item[1] == 'x')
		add(e, "(s)/100==%c", *item);
	else
		add(e, "(s)==%s", item);
}

#define LIST(name) offsetof(struct settings, name)

/* A list becomes a macro that is true for any of its items. */
static const struct {
	const char *head;
	size_t list;
	void (*item)(struct expression *e, const char *item);
	bool of_answer; /* an attempt's is not its call's */
} lists[] = {
	{"UID_FILTER(u)", LIST(uid), add_uid, false},
	{"PROCESS_FILTER(tgid,c0,c1)", LIST(process), add_process, false},
	{"COMM_FILTER(c0,c1)", LIST(comm), add_comm, false},
	{"METHOD_FILTER(w)", LIST(method), add_method, false},
	{"STATUS_FILTER(s)", LIST(status), add_status, true},
};

static const struct {
	const char *name;
	size_t ms;
} thresholds[] = {
	{"MIN_LATENCY_NS", offsetof(struct settings, min_latency_ms)},
	{"MIN_TTFB_NS", offsetof(struct settings, min_ttfb_ms)},
};

_Static_assert(COUNT_OF(lists) + COUNT_OF(thresholds) <= FILTER_FLAGS_MAX, "FILTER_FLAGS_MAX");

int filter_macros(const struct settings *settings, struct filter_flags *out)
{
	const char *base = (const char *)settings;
	bool whole = settings->calls || settings->jobs;

	out->n = 0;
	for (size_t i = 0; i < COUNT_OF(thresholds) && !whole; i++) {
		uint64_t ns = nanoseconds(*(const double *)(const void *)(base + thresholds[i].ms));
		if (ns)
			snprintf(out->flag[out->n++], FILTER_FLAG_SIZE, "-D%s=%" PRIu64 "ULL",
				 thresholds[i].name, ns);
	}
	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		const struct settings_list *list = (const void *)(base + lists[i].list);
		struct expression e = {.text = out->flag[out->n]};
		if (list->n == 0 || (whole && lists[i].of_answer))
			continue;
		add(&e, "-D%s=(", lists[i].head);
		for (size_t j = 0; j < list->n; j++) {
			add(&e, "%s", j ? "||" : "");
			lists[i].item(&e, list->item[j]);
		}
		add(&e, ")");
		if (e.overflow)
			return -E2BIG;
		out->n++;
	}
	return 0;
}
