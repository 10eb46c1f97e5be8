/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From snapshots to rows as the program does it (parsers/follow.c), over the host's
 * maps. Included behind host.c.
 */
#ifndef S3SLOWER_TESTS_ROWS_H
#define S3SLOWER_TESTS_ROWS_H

#include "parsers/follow.h"

#define ROWS_MAX 64
#define ROWS_PIPELINED 8
#define ROWS_KEYS_MAX 4096

static struct rows {
	struct request row[ROWS_MAX];
	size_t n, open; /* requests that ended, and times that one was seen under way */
	struct follow *follow;
	struct request_context context;
	struct exchange_key key[ROWS_KEYS_MAX]; /* of the walk that is under way */
	u32 n_keys;
	bool stop;
} rows;

/* --- the kernel's records --------------------------------------------------- */

static int rows_lookup(struct tracer *tracer, const struct exchange_key *key, struct exchange *out)
{
	struct exchange_slot *slot = exchanges.lookup(key);

	(void)tracer;
	if (slot)
		*out = slot->exchange;
	return slot ? 0 : -ENOENT;
}

static int rows_remove(struct tracer *tracer, const struct exchange_key *key)
{
	(void)tracer;
	return exchanges.delete(key);
}

/* Looking up changes the order of the entries: a walk goes over their keys as they
 * were when it began. */
static bool rows_walk(struct tracer *tracer, struct records_walk *walk, struct exchange_key *key)
{
	(void)tracer;
	if (!walk->begun) {
		rows.n_keys = 0;
		for (struct host_entry *entry = exchanges_map.first;
		     entry && rows.n_keys < ROWS_KEYS_MAX; entry = entry->next)
			memcpy(&rows.key[rows.n_keys++], host_entry_key(&exchanges_map, entry),
			       sizeof(*key));
	}
	walk->begun = true;
	if (walk->given == rows.n_keys)
		return false;
	*key = rows.key[walk->given++];
	return true;
}

static long rows_more(struct tracer *tracer, const struct exchange *e, void *to, size_t size)
{
	struct slice bytes = host_more(e);

	(void)tracer;
	if (!bytes.p || bytes.n > size)
		return -ENOENT;
	memcpy(to, bytes.p, bytes.n);
	return (long)bytes.n;
}

static void rows_forget_more(struct tracer *tracer, const struct exchange *e)
{
	u64 id = e->id;

	(void)tracer;
	more.delete(&id);
}

static uint64_t rows_count(struct tracer *tracer, unsigned what)
{
	(void)tracer;
	return host_count(what);
}

/* --- who follows ------------------------------------------------------------ */

static void rows_ended(void *ctx, struct request *request)
{
	struct request *row = &rows.row[rows.n];
	ptrdiff_t moved = (char *)row - (char *)request;
	const char **text[] = {&row->comm,	 &row->method,	       &row->bucket,
			       &row->key,	 &row->endpoint,       &row->path,
			       &row->region,	 &row->client_version, &row->error_code,
			       &row->request_id, &row->host_id,	       &row->invocation_id};

	(void)ctx;
	if (rows.n == ROWS_MAX)
		return;
	rows.n++;
	*row = *request;
	/* Texts lie in the row they belong to. */
	for (size_t k = 0; k < sizeof(text) / sizeof(text[0]); k++)
		if (*text[k] >= request->text && *text[k] < request->text + sizeof(request->text))
			*text[k] += moved;
}

static void rows_open(void *ctx, struct request *row, bool pending)
{
	(void)ctx;
	(void)row;
	(void)pending;
	rows.open++;
}

static void rows_seen(void *ctx, uint32_t tgid, uint64_t time)
{
	(void)ctx;
	(void)tgid;
	(void)time;
}

static void rows_gone(void *ctx, uint32_t tgid)
{
	(void)ctx;
	(void)tgid;
}

static void rows_meanwhile(void *ctx)
{
	(void)ctx;
}

static bool rows_is_gone(uint32_t tgid)
{
	(void)tgid;
	return true;
}

static bool rows_is_socket(uint32_t tgid, int fd)
{
	(void)tgid;
	(void)fd;
	return true;
}

/* --- a run ------------------------------------------------------------------ */

static HOST_UNUSED void rows_reset(void)
{
	static const struct records records = {
		.lookup = rows_lookup,
		.remove = rows_remove,
		.walk = rows_walk,
		.more = rows_more,
		.forget_more = rows_forget_more,
		.count = rows_count,
	};
	static const struct follower follower = {
		.ended = rows_ended,
		.open = rows_open,
		.seen = rows_seen,
		.gone = rows_gone,
		.meanwhile = rows_meanwhile,
		.is_gone = rows_is_gone,
		.is_socket = rows_is_socket,
		.stop = &rows.stop,
	};

	follow_free(rows.follow);
	rows.n = rows.open = 0;
	rows.follow = follow_new(&records, &follower, &rows.context);
	if (!rows.follow)
		abort();
}

/* Takes the events, then looks the open ones up. */
static HOST_UNUSED void rows_take(void)
{
	follow_begin(rows.follow, UINT64_MAX);
	for (size_t i = 0; i < host.n_events; i++)
		follow_take(rows.follow, host.sent[i].bytes, host.sent[i].n);
	host.n_events = 0;
	follow_events(rows.follow);
	follow_up(rows.follow);
	follow_up(rows.follow); /* what is gone is given up at the second look */
}

/* Tracing stops: what is under way is said as far as it got. */
static HOST_UNUSED void rows_finish(void)
{
	rows_take();
	follow_end(rows.follow, host.now);
}

#endif
