/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From snapshots to rows as s3slower.c does it: what is whole becomes rows,
 * what is open is kept and looked up again. Included behind host.c.
 */
#ifndef S3SLOWER_TESTS_ROWS_H
#define S3SLOWER_TESTS_ROWS_H

#include "parsers/event.h"
#include "parsers/inflight.h"
#include "parsers/request.h"

#define ROWS_MAX 64
#define ROWS_PIPELINED 8

static struct rows {
	struct request row[ROWS_MAX];
	size_t n;
	size_t not_http;
	struct inflight *open;
	struct request_context context;
	void (*look)(const struct exchange *e); /* at every snapshot, when set */
} rows;

static HOST_UNUSED void rows_reset(void)
{
	inflight_free(rows.open);
	rows.n = rows.not_http = 0;
	rows.look = NULL;
	rows.open = inflight_new(ROWS_MAX);
	if (!rows.open)
		abort();
}

/* What one exchange becomes: the rows in rows.row[rows.n ...]. */
static void rows_feed(const struct exchange *e, bool final)
{
	static struct request built[ROWS_PIPELINED];
	struct exchange evicted;
	int n;

	if (rows.look)
		rows.look(e);
	n = request_build(e, host_more(e), &rows.context, final, built, ROWS_PIPELINED);
	if (built[0].state == REQUEST_OPEN) {
		if (inflight_put(rows.open, e, &evicted) == 1)
			rows_feed(&evicted, true);
		return;
	}
	inflight_remove(rows.open, e->id);
	if (built[0].state == REQUEST_NOT_HTTP) {
		rows.not_http++;
		return;
	}
	for (int i = 0; i < n && rows.n < ROWS_MAX; i++) {
		struct request *row = &rows.row[rows.n++];
		ptrdiff_t moved = (char *)row - (char *)&built[i];
		const char **text[] = {&row->comm,	 &row->method,	       &row->bucket,
				       &row->key,	 &row->endpoint,       &row->path,
				       &row->region,	 &row->client_version, &row->error_code,
				       &row->request_id, &row->host_id,	       &row->invocation_id};

		*row = built[i];
		/* Texts lie in the row they belong to. */
		for (size_t k = 0; k < sizeof(text) / sizeof(text[0]); k++)
			if (*text[k] >= built[i].text &&
			    *text[k] < built[i].text + sizeof(built[i].text))
				*text[k] += moved;
	}
}

/* Takes the events, then looks the open ones up. */
static HOST_UNUSED void rows_take(void)
{
	for (size_t i = 0; i < host.n_events; i++) {
		const struct exchange *e = &host.event[i];

		if (!e->reports || inflight_find(rows.open, e->id))
			rows_feed(e, e->flags & EXCHANGE_ENDED);
	}
	host.n_events = 0;
	for (size_t i = inflight_count(rows.open); i-- > 0;) {
		struct exchange *open = inflight_at(rows.open, i), e;
		struct exchange_slot *slot = exchanges.lookup(&open->key);

		if (slot && slot->exchange.id == open->id) {
			e = slot->exchange;
			if (e.changes != open->changes)
				rows_feed(&e, false);
			continue;
		}
		e = *open;
		e.flags |= EXCHANGE_ENDED;
		rows_feed(&e, true);
	}
}

/* Tracing stops: what is under way is said as far as it got. */
static HOST_UNUSED void rows_finish(void)
{
	rows_take();
	for (struct host_entry *entry = exchanges_map.first; entry; entry = entry->next) {
		struct exchange e = ((struct exchange_slot *)entry->value)->exchange;

		if (e.reports && !inflight_find(rows.open, e.id))
			continue;
		e.t_end = host.now;
		rows_feed(&e, true);
	}
}

#endif
