/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup.h"

#include <stdlib.h>
#include <string.h>

#include "http1.h"

#define SETS 128 /* processes share one by their id ... */
#define WAYS 16	 /* ... of so many look-ups */

struct lookup {
	struct event_lookup is; /* kind 0: none */
	uint64_t exchange;	/* the id of the one it was found for, 0: none yet */
};

struct lookups {
	struct lookup set[SETS][WAYS];
};

struct lookups *lookups_new(void)
{
	return calloc(1, sizeof(struct lookups));
}

void lookups_free(struct lookups *l)
{
	free(l);
}

void lookups_add(struct lookups *l, const struct event_lookup *lookup)
{
	struct lookup *set = l->set[lookup->tgid % SETS], *oldest = set;

	for (struct lookup *at = set; at < set + WAYS; at++)
		if (at->is.time < oldest->is.time)
			oldest = at;
	*oldest = (struct lookup){*lookup, 0};
}

/* A name with a dot at its end is the same without. */
static struct slice without_dot(struct slice name)
{
	if (name.n && name.p[name.n - 1] == '.')
		name.n--;
	return name;
}

/* The host that the exchange's request is for, without port and brackets. */
static struct slice host_of(const struct exchange *e)
{
	struct slice host = SLICE_NONE;
	struct http1_request head;
	const char *end;

	if (http1_request((struct slice){(const char *)e->bytes, e->req_len}, &head) != HTTP1_BAD)
		host = http1_header(&head.headers, SLICE("host"));
	if (!host.n)
		return host;
	if (*host.p == '[') {
		host = slice_from(host, 1);
		end = memchr(host.p, ']', host.n);
	} else {
		end = memchr(host.p, ':', host.n);
	}
	if (end)
		host.n = (size_t)(end - host.p);
	return without_dot(host);
}

/* Whether a is more likely than b (NULL: none) the one that the exchange waited for. */
static bool is_nearer(const struct exchange *e, const struct lookup *a, const struct lookup *b)
{
	if (!b || (a->is.tid == e->tid) != (b->is.tid == e->tid))
		return !b || a->is.tid == e->tid;
	return a->is.time > b->is.time;
}

int64_t lookups_find(struct lookups *l, const struct exchange *e)
{
	uint64_t until = e->t_setup ? e->t_setup : e->t_start;
	struct lookup *set = l->set[e->key.tgid % SETS], *found = NULL;
	struct slice host = SLICE_NONE;

	if (e->number != 1 || !(e->flags & EXCHANGE_NUMBERED))
		return -1;
	/* Which stream is the first is known also where nobody saw the connection begin. */
	if ((e->flags & EXCHANGE_FRAMES) && !e->t_setup)
		return -1;
	for (struct lookup *at = set; at < set + WAYS; at++) {
		struct slice name = {(const char *)at->is.name, at->is.n - 1};

		if (!at->is.kind || at->is.tgid != e->key.tgid || at->is.time > until ||
		    until - at->is.time > LOOKUP_RECENT_NS ||
		    (at->exchange && at->exchange != e->id))
			continue;
		if (!host.p)
			host = host_of(e);
		if (!host.n || !slice_is_nocase(without_dot(name), host))
			continue;
		if (at->exchange) {
			found = at;
			break;
		}
		if (is_nearer(e, at, found))
			found = at;
	}
	if (!found)
		return -1;
	found->exchange = e->id;
	return (int64_t)(found->is.time - found->is.entered);
}
