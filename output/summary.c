/* SPDX-License-Identifier: Apache-2.0 */
#include "summary.h"

#include <stdlib.h>
#include <string.h>

#include "cut.h"

#define PREFIX_ROOM 4096

const char *const summary_phase_name[PHASES] = {
	[PHASE_SEND] = "send", [PHASE_EXPECT] = "expect", [PHASE_WAIT] = "wait",
	[PHASE_RECV] = "recv", [PHASE_STALL] = "stall",
};
const char *const summary_setup_name[SETUPS] = {
	[SETUP_DNS] = "dns",
	[SETUP_CONNECT] = "connect",
	[SETUP_TLS] = "tls",
};

static const size_t phase_at[PHASES] = {
	[PHASE_SEND] = offsetof(struct request, send_ns),
	[PHASE_EXPECT] = offsetof(struct request, expect_ns),
	[PHASE_WAIT] = offsetof(struct request, wait_ns),
	[PHASE_RECV] = offsetof(struct request, recv_ns),
	[PHASE_STALL] = offsetof(struct request, stall_ns),
};
/* Whether a first request without it means that it was not seen. */
enum due { DUE_ALWAYS, DUE_WITH_TLS, DUE_NEVER };

static const struct {
	size_t at;
	enum due due;
} setup[SETUPS] = {
	[SETUP_DNS] = {offsetof(struct request, dns_ns), DUE_NEVER},
	[SETUP_CONNECT] = {offsetof(struct request, connect_ns), DUE_ALWAYS},
	[SETUP_TLS] = {offsetof(struct request, tls_ns), DUE_WITH_TLS},
};

struct summary *summary_new(const struct summary_options *options)
{
	struct summary *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->options = *options;
	/* Taken now, so that there is a place to count in when memory runs out. */
	s->other = calloc(1, sizeof(*s->other));
	s->all = calloc(1, sizeof(*s->all));
	s->by_time = hitters_new(SUMMARY_PREFIXES_MAX);
	s->by_503 = hitters_new(SUMMARY_PREFIXES_MAX);
	if (s->other && s->all && s->by_time && s->by_503)
		return s;
	summary_free(s);
	return NULL;
}

void summary_free(struct summary *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		free(s->group[i]);
	free(s->other);
	free(s->all);
	hitters_free(s->by_time);
	hitters_free(s->by_503);
	free(s);
}

static void clear_group(struct summary_group *group)
{
	struct histogram *latency = &group->latency;
	char *end = (char *)(group + 1), *rest = (char *)(latency + 1);

	/* A histogram is large and mostly empty: it knows where it is not. */
	histogram_clear(latency);
	memset(group, 0, (size_t)((char *)latency - (char *)group));
	memset(rest, 0, (size_t)(end - rest));
}

void summary_clear(struct summary *s)
{
	for (; s->n; s->group[s->n] = NULL)
		free(s->group[--s->n]);
	s->last = 0;
	s->merged = 0;
	clear_group(s->other);
	clear_group(s->all);
	hitters_clear(s->by_time);
	hitters_clear(s->by_503);
}

/* --- groups ---------------------------------------------------------------- */

static void merge(struct summary_group *into, const struct summary_group *from)
{
	histogram_merge(&into->latency, &from->latency);
	into->errors += from->errors;
	into->bytes += from->bytes;
	into->retries += from->retries;
	into->backoff_ns += from->backoff_ns;
	into->opened += from->opened;
	into->reused += from->reused;
	into->unfollowed += from->unfollowed;
	into->setup_within_ns += from->setup_within_ns;
	into->setup_unknown += from->setup_unknown;
	for (size_t i = 0; i < PHASES; i++)
		into->phase_ns[i] += from->phase_ns[i];
	for (size_t i = 0; i < SETUPS; i++)
		into->setup_ns[i] += from->setup_ns[i];
}

static size_t smallest(const struct summary *s)
{
	size_t least = 0;

	for (size_t i = 1; i < s->n; i++) {
		const struct summary_group *x = s->group[i], *y = s->group[least];

		if (x->latency.count != y->latency.count ? x->latency.count < y->latency.count
							 : x->seen < y->seen)
			least = i;
	}
	return least;
}

/* A place for another group: NULL when there is none at all. */
static struct summary_group *make_room(struct summary *s)
{
	struct summary_group *group = s->n < SUMMARY_GROUPS_MAX ? calloc(1, sizeof(*group)) : NULL;

	if (group) {
		s->last = s->n;
		return s->group[s->n++] = group;
	}
	if (!s->n)
		return NULL;
	s->last = smallest(s);
	group = s->group[s->last];
	merge(s->other, group);
	clear_group(group);
	s->merged++;
	return group;
}

static bool is_it(const struct summary *s, const struct summary_group *group, uint64_t hash,
		  char part[SUMMARY_BY_MAX][SUMMARY_TEXT])
{
	if (group->hash != hash)
		return false;
	for (size_t i = 0; i < s->options.n_by; i++)
		if (strcmp(group->part[i], part[i]) != 0)
			return false;
	return true;
}

static struct summary_group *group_of(struct summary *s, const struct request *request)
{
	char part[SUMMARY_BY_MAX][SUMMARY_TEXT], room[GROUPING_ROOM];
	struct summary_group *group;
	uint64_t hash = 0;

	for (size_t i = 0; i < s->options.n_by; i++) {
		const char *text = grouping_text(s->options.by[i], request, room);
		struct slice name = {text, text ? strlen(text) : 0};

		hash = hash * 31 + cut_text(part[i], SUMMARY_TEXT, name);
	}
	/* The same as the last one more often than not. */
	for (size_t i = 0; i < s->n; i++) {
		size_t at = i ? i - (i <= s->last) : s->last;

		if (is_it(s, s->group[at], hash, part)) {
			s->last = at;
			return s->group[at];
		}
	}
	group = make_room(s);
	if (!group)
		return s->other;
	group->hash = hash;
	group->late = s->merged > 0;
	memcpy(group->part, part, s->options.n_by * sizeof(part[0]));
	return group;
}

/* --- what is counted of a row ----------------------------------------------- */

static uint64_t known(int64_t value)
{
	return value > 0 ? (uint64_t)value : 0;
}

static int64_t field(const struct request *request, size_t offset)
{
	return *(const int64_t *)((const char *)request + offset);
}

/* The connection, and what came before its first request. */
static void count_connection(struct summary_group *group, const struct request *request, bool again)
{
	bool plain = request->via && strcmp(request->via, "http") == 0;
	enum due due = plain ? DUE_ALWAYS : DUE_WITH_TLS;
	bool unknown = again; /* the earlier attempts' connections */

	group->opened += request->number == 1;
	group->reused += request->number > 1;
	group->unfollowed += request->number < 1;
	for (size_t i = 0; i < SETUPS && request->number == 1; i++) {
		int64_t ns = field(request, setup[i].at);

		group->setup_ns[i] += known(ns);
		/* A later attempt's connection was made while its call waited. */
		group->setup_within_ns += again ? known(ns) : 0;
		unknown |= ns < 0 && setup[i].due <= due;
	}
	group->setup_unknown += unknown;
}

static void count(struct summary_group *group, const struct request *request, bool calls)
{
	histogram_add(&group->latency, known(request->latency_ns));
	group->errors += request->is_error;
	group->bytes += known(request->request_size) + known(request->response_size);
	for (size_t i = 0; i < PHASES; i++)
		group->phase_ns[i] += known(field(request, phase_at[i]));
	if (calls)
		group->retries += request->attempts > 1 ? (uint64_t)request->attempts - 1 : 0;
	else
		group->retries += request->attempt > 1 || request->attempts > 1;
	group->backoff_ns += known(request->backoff_ns);
	count_connection(group, request, calls && request->attempts > 1);
}

/* "bucket/a/b/" of the key "a/b/c": its directories, as many as count. */
static size_t prefix_of(const struct summary *s, const struct request *request, char *room)
{
	const char *key = request->key ? request->key : "", *end = key;
	size_t n = strnlen(request->bucket, PREFIX_ROOM / 2), length;

	for (unsigned i = 0; i < s->options.prefix_levels; i++) {
		const char *slash = strchr(end, '/');

		if (!slash)
			break;
		end = slash + 1;
	}
	memcpy(room, request->bucket, n);
	room[n++] = '/';
	length = (size_t)(end - key);
	if (length > PREFIX_ROOM - n)
		length = PREFIX_ROOM - n;
	memcpy(room + n, key, length);
	return n + length;
}

static bool was_503(const struct request *request)
{
	return request->status == 503 || strncmp(request->first_error, "503", 3) == 0;
}

void summary_add(struct summary *s, const struct request *request)
{
	struct summary_group *group = group_of(s, request);
	char prefix[PREFIX_ROOM];
	size_t n;

	count(s->all, request, s->options.calls);
	count(group, request, s->options.calls);
	group->seen = s->all->latency.count;
	if (!request->bucket)
		return;
	n = prefix_of(s, request, prefix);
	hitters_add(s->by_time, prefix, n, known(request->latency_ns));
	if (was_503(request))
		hitters_add(s->by_503, prefix, n, 1);
}

/* --- what it came to --------------------------------------------------------- */

static int busier(const void *a, const void *b)
{
	const struct summary_group *x = *(const struct summary_group *const *)a,
				   *y = *(const struct summary_group *const *)b;

	if (x->latency.count != y->latency.count)
		return x->latency.count < y->latency.count ? 1 : -1;
	/* Parts that are not used are empty in both. */
	for (size_t i = 0; i < SUMMARY_BY_MAX; i++)
		if (strcmp(x->part[i], y->part[i]) != 0)
			return strcmp(x->part[i], y->part[i]);
	return 0;
}

size_t summary_groups(const struct summary *s, const struct summary_group **group)
{
	size_t n = s->n;

	for (size_t i = 0; i < n; i++)
		group[i] = s->group[i];
	qsort(group, n, sizeof(group[0]), busier);
	if (s->other->latency.count)
		group[n++] = s->other;
	return n;
}

uint64_t summary_setup_ns(const struct summary_group *group)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < SETUPS; i++)
		sum += group->setup_ns[i];
	return sum;
}

double summary_handshake_share(const struct summary_group *group)
{
	uint64_t setup_ns = summary_setup_ns(group),
		 all = group->latency.sum + setup_ns - group->setup_within_ns;

	if (!group->opened && !group->reused)
		return -1;
	if (group->opened && group->setup_unknown >= group->opened && !setup_ns)
		return -1;
	return all ? (double)setup_ns / (double)all : 0;
}

bool summary_setup_is_partial(const struct summary_group *group)
{
	return group->setup_unknown || group->unfollowed;
}
