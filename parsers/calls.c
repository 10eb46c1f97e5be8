/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kept.h"
#include "slice.h"
#include "why.h"

#define NONE UINT32_MAX
#define TIMES 6
#define UNDER_WAY_NS INT64_C(2000000000) /* how long a touch is good for */

struct call {
	uint64_t hash;
	uint32_t pid;
	bool by_id;
	uint32_t chain; /* the next call in its bucket, or the next free place */
	uint32_t older, newer;
	int64_t begin, end;	      /* of all attempts so far */
	int64_t until;		      /* no attempt begins after that */
	int64_t time[TIMES], backoff; /* of all attempts */
	int64_t before;		      /* set-up, before the first */
	int64_t throttled;
	bool throttle; /* that is how the last one ended */
	int64_t retransmit;
	int attempts, retransmits; /* -1 unknown */
	char first_error[sizeof(((struct request *)NULL)->first_error)];
	struct request *kept; /* the last attempt, when rows are to become calls */
};

struct calls {
	bool whole;
	uint32_t n, max, free, oldest, newest, mask;
	uint64_t evicted;
	uint32_t *bucket;
	struct call call[];
};

struct calls *calls_new(size_t max, bool whole)
{
	struct calls *c = calloc(1, sizeof(*c) + max * sizeof(c->call[0]));
	uint32_t buckets = 1;

	if (!c)
		return NULL;
	while (buckets < max)
		buckets *= 2;
	c->bucket = malloc(buckets * sizeof(*c->bucket));
	if (!c->bucket) {
		free(c);
		return NULL;
	}
	memset(c->bucket, 0xff, buckets * sizeof(*c->bucket)); /* NONE */
	c->whole = whole;
	c->max = (uint32_t)max;
	c->mask = buckets - 1;
	c->oldest = c->newest = NONE;
	for (uint32_t i = 0; i < c->max; i++)
		c->call[i].chain = i + 1 < c->max ? i + 1 : NONE;
	return c;
}

void calls_free(struct calls *c)
{
	if (!c)
		return;
	for (uint32_t i = c->oldest; i != NONE; i = c->call[i].newer)
		free(c->call[i].kept);
	free(c->bucket);
	free(c);
}

/* --- the table ------------------------------------------------------------- */

static uint64_t hash_of(const struct request *row)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	if (!row->invocation_id)
		return row->likeness;
	for (const char *p = row->invocation_id; *p; p++)
		hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	return hash;
}

static uint32_t *bucket_of(struct calls *c, uint64_t hash, uint32_t pid)
{
	uint64_t mixed = (hash ^ pid) * UINT64_C(0x9e3779b97f4a7c15);

	return &c->bucket[(mixed >> 32) & c->mask];
}

static struct call *find(struct calls *c, const struct request *row)
{
	bool by_id = row->invocation_id != NULL;
	uint64_t hash = hash_of(row);
	uint32_t i = c->n ? *bucket_of(c, hash, row->pid) : NONE;

	while (i != NONE &&
	       (c->call[i].hash != hash || c->call[i].pid != row->pid || c->call[i].by_id != by_id))
		i = c->call[i].chain;
	return i == NONE ? NULL : &c->call[i];
}

static void unlink_age(struct calls *c, const struct call *call)
{
	*(call->older == NONE ? &c->oldest : &c->call[call->older].newer) = call->newer;
	*(call->newer == NONE ? &c->newest : &c->call[call->newer].older) = call->older;
}

static void make_newest(struct calls *c, struct call *call)
{
	uint32_t i = (uint32_t)(call - c->call);

	call->older = c->newest;
	call->newer = NONE;
	*(c->newest == NONE ? &c->oldest : &c->call[c->newest].newer) = i;
	c->newest = i;
}

static void unchain(struct calls *c, const struct call *call)
{
	uint32_t *at = bucket_of(c, call->hash, call->pid), i = (uint32_t)(call - c->call);

	while (*at != i)
		at = &c->call[*at].chain;
	*at = call->chain;
}

static void chain(struct calls *c, struct call *call)
{
	uint32_t *bucket = bucket_of(c, call->hash, call->pid);

	call->chain = *bucket;
	*bucket = (uint32_t)(call - c->call);
}

static void forget(struct calls *c, struct call *call)
{
	unchain(c, call);
	unlink_age(c, call);
	free(call->kept);
	call->kept = NULL;
	call->chain = c->free;
	c->free = (uint32_t)(call - c->call);
	c->n--;
}

/* Nothing more will join it. */
static void give_up(struct calls *c, struct call *call)
{
	if (!c->whole) {
		forget(c, call);
		return;
	}
	unchain(c, call);
	call->pid = 0; /* nobody's */
	call->until = INT64_MIN;
	chain(c, call);
}

static struct call *begin(struct calls *c, const struct request *row)
{
	struct call *call;

	if (c->n == c->max) {
		c->evicted++;
		forget(c, &c->call[c->oldest]);
	}
	call = &c->call[c->free];
	c->free = call->chain;
	*call = (struct call){.hash = hash_of(row),
			      .pid = row->pid,
			      .by_id = row->invocation_id != NULL,
			      .begin = row->time_ns,
			      .end = row->time_ns};
	chain(c, call);
	make_newest(c, call);
	c->n++;
	return call;
}

/* --- attempts -------------------------------------------------------------- */

/* What SDKs try again, whatever the method. */
static const int statuses[] = {429, 500, 502, 503, 504, 509};
static const char *const codes[] = {
	"BandwidthLimitExceeded",
	"InternalError",
	"OperationAborted",
	"PriorRequestNotComplete",
	"RequestTimeTooSkewed",
	"RequestTimeout",
	"ServiceUnavailable",
	"SlowDown",
	"Throttling",
	"ThrottlingException",
	"TooManyRequestsException",
	/* ... in another region */
	"AuthorizationHeaderMalformed",
	"PermanentRedirect",
	"TemporaryRedirect",
};

static bool is_worth_another(const struct request *row)
{
	if (row->max_attempts > 0 && row->attempt >= row->max_attempts)
		return false;
	if (row->state == REQUEST_NO_RESPONSE)
		return true;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (row->status == statuses[i])
			return true;
	for (size_t i = 0; row->error_code && i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(row->error_code, codes[i]) == 0)
			return true;
	return false;
}

/* An id says so at any time; without one the time has to fit. */
static bool continues(const struct call *call, const struct request *row)
{
	return call->by_id ||
	       (row->time_ns >= call->end && row->time_ns - call->end <= CALLS_WINDOW_NS);
}

#define AT(field) offsetof(struct request, field)

/* What is added up, the phases first. */
static const size_t times[TIMES] = {AT(send_ns), AT(expect_ns), AT(wait_ns),
				    AT(recv_ns), AT(stall_ns),	AT(expect_timeout_ns)};
#define PHASES 5

static int64_t *time_of(struct request *row, size_t field)
{
	return (int64_t *)(void *)((char *)row + field);
}

static void add_retransmits(struct call *call, const struct request *row)
{
	if (call->retransmits < 0 || row->retransmits < 0) {
		call->retransmits = -1;
		call->retransmit = -1;
		return;
	}
	if (__builtin_add_overflow(call->retransmits, row->retransmits, &call->retransmits))
		call->retransmits = INT32_MAX;
	call->retransmit += row->retransmit_ns;
}

static void note_error(struct call *call, const struct request *row)
{
	const char *code = row->error_code;
	size_t room = sizeof(call->first_error) - sizeof("503 ");

	if (call->attempts || !row->is_error)
		return;
	if (code && strlen(code) > room)
		code = NULL; /* no code is that long, and half a character is none */
	if (row->status < 0)
		snprintf(call->first_error, sizeof(call->first_error), "%s",
			 request_state_name(row->state));
	else
		snprintf(call->first_error, sizeof(call->first_error), "%d%s%s", row->status,
			 code ? " " : "", code ? code : "");
}

static void join(struct call *call, struct request *row)
{
	int64_t end = row->time_ns + row->latency_ns;

	note_error(call, row);
	if (call->attempts && row->time_ns >= call->end)
		row->backoff_ns = row->time_ns - call->end;
	call->backoff += row->backoff_ns > 0 ? row->backoff_ns : 0;
	if (call->throttle)
		call->throttled += row->backoff_ns > 0 ? row->backoff_ns : 0;
	call->throttle = why_is_throttle(row);
	if (call->throttle)
		call->throttled += row->latency_ns;
	add_retransmits(call, row);
	/* What later ones have to set up lies between the attempts. */
	if (!call->attempts)
		call->before = why_setup(row);
	for (size_t i = 0; i < TIMES; i++)
		call->time[i] += *time_of(row, times[i]);
	if (row->time_ns < call->begin)
		call->begin = row->time_ns;
	if (end > call->end)
		call->end = end;
	call->until = call->end + CALLS_WINDOW_NS;
	row->attempts = ++call->attempts;
}

/* The last attempt becomes the call: from the first byte of the first one on. */
static void make_whole(const struct call *call, struct request *row)
{
	if (row->ttfb_ns >= 0)
		row->ttfb_ns += row->time_ns - call->begin;
	row->time_ns = call->begin;
	row->latency_ns = row->backoff_ns = call->backoff;
	for (size_t i = 0; i < TIMES; i++)
		*time_of(row, times[i]) = call->time[i];
	for (size_t i = 0; i < PHASES; i++)
		row->latency_ns += call->time[i];
	row->is_call = true;
	row->throttled_ns = call->throttled;
	row->before_ns = call->before;
	row->retransmits = call->retransmits;
	row->retransmit_ns = call->retransmit;
	row->attempts = call->attempts;
	/* There were attempts that nobody saw: before tracing began, say. */
	if (row->attempt > call->attempts)
		row->backoff_ns = -1;
	memcpy(row->first_error, call->first_error, sizeof(row->first_error));
}

/* An attempt on its own, or the last one of its call. */
static bool end(struct calls *c, struct call *call, struct request *row)
{
	struct call alone = {.begin = row->time_ns, .end = row->time_ns};

	if (call || c->whole)
		join(call ? call : &alone, row);
	if (c->whole)
		make_whole(call ? call : &alone, row);
	if (call)
		forget(c, call);
	return true;
}

bool calls_add(struct calls *c, struct request *row)
{
	struct call *call = find(c, row);

	if (call && !continues(call, row)) {
		/* Another call for the same. */
		give_up(c, call);
		call = NULL;
	}
	if (!is_worth_another(row))
		return end(c, call, row);
	if (!call)
		call = begin(c, row);
	if (c->whole) {
		struct request *kept = kept_row(row);

		if (!kept)
			return end(c, call, row);
		free(call->kept);
		call->kept = kept;
	}
	join(call, row);
	unlink_age(c, call);
	make_newest(c, call);
	return !c->whole;
}

void calls_touch(struct calls *c, struct request *row, int64_t now_ns)
{
	struct call *call = find(c, row);

	if (!call || !continues(call, row))
		return;
	if (row->time_ns >= call->end)
		row->backoff_ns = row->time_ns - call->end;
	row->attempts = call->attempts + 1;
	if (call->until < now_ns + UNDER_WAY_NS)
		call->until = now_ns + UNDER_WAY_NS;
}

/* --- calls that end because nothing follows --------------------------------- */

static const struct call *late(const struct calls *c, int64_t now_ns)
{
	for (uint32_t i = c->oldest; i != NONE; i = c->call[i].newer)
		if (c->call[i].until <= now_ns)
			return &c->call[i];
	return NULL;
}

void calls_gone(struct calls *c, uint32_t pid)
{
	uint32_t next;

	for (uint32_t i = c->oldest; i != NONE; i = next) {
		next = c->call[i].newer;
		if (c->call[i].pid == pid)
			give_up(c, &c->call[i]);
	}
}

bool calls_due(const struct calls *c, int64_t now_ns)
{
	return late(c, now_ns) != NULL;
}

struct request *calls_take(struct calls *c, int64_t now_ns)
{
	struct call *call = (struct call *)late(c, now_ns);
	struct request *row;

	if (!call && c->n == c->max) {
		call = &c->call[c->oldest];
		c->evicted++;
	}
	if (!call)
		return NULL;
	row = call->kept;
	call->kept = NULL;
	if (row)
		make_whole(call, row);
	forget(c, call);
	return row;
}

uint64_t calls_evicted(const struct calls *c)
{
	return c->evicted;
}
