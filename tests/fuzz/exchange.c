/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exchange logic and the rows made of it. An input is a list of decisions:
 * either about any bytes in any order, where a record must keep its bounds and
 * its sums - or about well-formed traffic of a few connections, cut and mixed at
 * will, where every request must become exactly one row that says the truth.
 */
#include <stdio.h>

#define MAX_MORE 64 /* no head loses its room to another's in so short a run */
#include "tests/host/host.c"
#include "tests/host/rows.h"

#define CHECK(truth) ((truth) ? (void)0 : abort())
#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static struct slice input;

static unsigned next(void)
{
	unsigned char c = 0;

	if (input.n)
		c = (unsigned char)input.p[0];
	input = slice_from(input, 1);
	return c;
}

/* --- what holds whatever is fed -------------------------------------------- */

static void check_row(const struct request *row)
{
	CHECK(row->send_ns >= 0 && row->expect_ns >= 0 && row->wait_ns >= 0);
	CHECK(row->recv_ns >= 0 && row->stall_ns >= 0 && row->latency_ns >= 0);
	CHECK(row->send_ns + row->expect_ns + row->wait_ns + row->recv_ns + row->stall_ns ==
	      row->latency_ns);
	CHECK(row->ttfb_ns >= -1 && row->ttfb_ns <= row->latency_ns);
	CHECK(row->request_size >= -1 && row->response_size >= -1);
	CHECK(row->status == -1 || (row->status >= 101 && row->status < 600));
	CHECK(row->number == -1 || row->number > 0);
	CHECK(row->connect_ns >= -1 && row->tls_ns >= -1);
	CHECK(row->idle_ns >= -1 && (row->idle_ns == -1 || row->reused == 1));
	CHECK(row->state != REQUEST_COMPLETE || row->status != -1);
	CHECK(row->state != REQUEST_NO_RESPONSE || row->status == -1);
}

static void check_rows(const struct exchange *e, bool final)
{
	static struct request built[ROWS_PIPELINED];
	int n = request_build(e, host_more(e), &rows.context, final, built, ROWS_PIPELINED);

	CHECK(n >= 1 && n <= ROWS_PIPELINED);
	for (int i = 0; i < n; i++) {
		if (built[i].state == REQUEST_NOT_HTTP || built[i].state == REQUEST_OPEN)
			CHECK(n == 1);
		else
			check_row(&built[i]);
		CHECK(!final || built[i].state != REQUEST_OPEN);
	}
}

/* The snapshots of each exchange: told in order, and nothing behind the last. */
static struct told {
	u64 id;
	u32 reports;
	bool ended;
} told[1024];
static size_t n_told;
static size_t n_seen; /* of host.event */

static void check_snapshot(const struct exchange *e)
{
	size_t i = 0;

	if (e->kind == EVENT_MORE)
		return;
	CHECK(event_check(e) == 0);
	if (e->flags & EXCHANGE_FRAMES)
		return;
	while (i < n_told && told[i].id != e->id)
		i++;
	if (i == n_told) {
		if (n_told == N_OF(told))
			return;
		told[n_told++] = (struct told){.id = e->id};
	}
	CHECK(e->reports == told[i].reports++);
	CHECK(!told[i].ended);
	told[i].ended = e->flags & EXCHANGE_ENDED;
	CHECK(e->t_emit <= host.now);
	check_rows(e, false);
	check_rows(e, true);
}

struct sums {
	u64 id, sent, received;
	bool ended; /* nothing counts any more */
};

static struct sums sums_of(u64 conn)
{
	const struct exchange *e = host_record(conn);

	if (!e)
		return (struct sums){0};
	return (struct sums){e->id, e->sent, e->received + e->interim_bytes,
			     e->flags & EXCHANGE_ENDED};
}

/* One step of the program, and what it may have changed. */
static void check_step(u64 conn, struct sums before, u64 sent, u64 received)
{
	struct sums after = sums_of(conn);
	const struct exchange *e = host_record(conn);

	for (; n_seen < host.n_events; n_seen++)
		check_snapshot(&host.event[n_seen]);
	if (!e)
		return;
	if (after.id == before.id && before.ended)
		CHECK(after.received == before.received);
	else if (after.id == before.id)
		CHECK(after.sent == before.sent + sent &&
		      after.received == before.received + received);
	else
		CHECK(after.sent == sent && after.received == 0 && sent > 0);
	CHECK(event_check(e) == 0);
	CHECK(e->t_start <= e->t_sent && e->t_sent <= host.now && e->t_last <= host.now);
	CHECK(e->t_first <= e->t_last && e->t_read <= e->t_last);
	CHECK(e->received_before <= e->received);
	CHECK(e->stall_ns <= e->t_last);
	CHECK(e->tail_len <= e->received);
}

static void take(void)
{
	rows_take();
	n_seen = 0;
	if (rows.n == ROWS_MAX)
		rows.n = 0;
}

/* --- any bytes ------------------------------------------------------------- */

static const struct slice canned[] = {
	SLICE("GET / HTTP/1.1\r\n\r\n"),
	SLICE("PUT /b/k HTTP/1.1\r\nHost: s3.amazonaws.com\r\nExpect: 100-continue\r\n"
	      "Content-Length: 5\r\n\r\n"),
	SLICE("HEAD /b/k HTTP/1.1\r\nHost: h\r\n\r\n"),
	SLICE("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n"),
	SLICE("HTTP/1.1 100 Continue\r\n\r\n"),
	SLICE("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
	SLICE("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 404 No\r\n\r\n"),
	SLICE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
	SLICE("\r\n\r\n"),
	SLICE("HTTP/1."),
	SLICE("DELETE"),
	SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"),
};

static struct slice any_bytes(void)
{
	static char big[40000];
	unsigned which = next();
	size_t n;

	if (which < N_OF(canned))
		return canned[which];
	if (which < 100) {
		n = next();
		n = n < input.n ? n : input.n;
		struct slice s = {input.p, n};

		input = slice_from(input, n);
		return s;
	}
	n = (size_t)next() * (which & 1 ? 1 : 150);
	memset(big, (int)('a' + which % 3), n);
	return (struct slice){big, n};
}

static void any_vector(u64 conn, bool send)
{
	struct host_iovec piece[12];
	struct sums before = sums_of(conn);
	unsigned n = next() % 12;
	u64 all = 0, took;

	for (unsigned i = 0; i < n; i++) {
		struct slice s = i % 4 == 3 ? SLICE_NONE : any_bytes();

		piece[i] = (struct host_iovec){(u64)s.p, s.n};
		all += s.n;
	}
	took = all * (next() + 1) / 256;
	if (took == 0)
		return;
	host_vector(conn, piece, n, took, send);
	check_step(conn, before, send ? took : 0, send ? 0 : took);
}

static void any_step(void)
{
	unsigned op = next();
	u64 conn = op >> 4 & 3;
	struct exchange_key key = host_key(conn);
	struct sums before = sums_of(conn);
	struct slice s;

	switch (op & 15) {
	case 0 ... 3:
		s = any_bytes();
		if (!s.n)
			return;
		host_send(conn, s);
		check_step(conn, before, s.n, 0);
		return;
	case 4 ... 7:
		s = any_bytes();
		host_receive(conn, s);
		check_step(conn, before, 0, s.n);
		return;
	case 8:
		host_end(conn);
		CHECK(!host_record(conn));
		return check_step(conn, before, 0, 0);
	case 9:
		any_vector(conn, true);
		return;
	case 10:
		any_vector(conn, false);
		return;
	case 11:
		if (op >> 6) {
			exchange_sent(&key, op >> 6 == 1 ? 0 : next() * 16u);
			return;
		}
		exchange_send_unseen(&key, 1000, host.now);
		return check_step(conn, before, 1000, 0);
	case 12:
		host_empty(conn);
		host.pid_tgid ^= next() & 1;
		return;
	case 13:
		host.now += (u64)next() << (next() & 31);
		host.polled += (u64)next() << (next() & 15);
		host.ready = next() & 1 ? EXCHANGE_READY : 0;
		return;
	case 14:
		host.fault_at = next() & 7;
		host.perf_full = next() == 1;
		host.min_latency_ns = next() == 1 ? 5 * MS : 0;
		host.refuse_method = next() == 1;
		return;
	case 15:
		take();
		return;
	}
}

/* --- well-formed traffic ----------------------------------------------------- */

#define CONNS 3
#define REQUESTS 8
#define SEGMENTS 64

struct segment {
	char direction; /* '>', '<', '.' end of file */
	int request;
	u32 at, n;
};

static struct wire {
	struct segment segment[SEGMENTS];
	size_t n, now; /* segments; the one under way */
	size_t done;   /* bytes of it */
	char bytes[128 * 1024];
	size_t used;
	struct expected {
		int status;
		s64 request_size, response_size; /* -1: more than one is right */
		u64 begin, end;
	} request[REQUESTS];
	int requests;
} wire[CONNS];

/* More bytes in that direction; joined with those before if they went the same way. */
static void add(struct wire *w, char direction, const char *bytes, size_t n, bool join)
{
	struct segment *last = w->n ? &w->segment[w->n - 1] : NULL;

	CHECK(w->used + n <= sizeof(w->bytes));
	memcpy(w->bytes + w->used, bytes, n);
	if (!last || !join || last->direction != direction || last->request != w->requests) {
		CHECK(w->n < SEGMENTS);
		last = &w->segment[w->n++];
		*last = (struct segment){direction, w->requests, (u32)w->used, 0};
	}
	last->n += (u32)n;
	w->used += n;
}

static struct slice body_bytes(unsigned kind, size_t n, bool plain)
{
	static const char *const alike[] = {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"};
	static char bytes[8192];

	memset(bytes, 'x', n);
	if (!plain && kind < 2 && n >= strlen(alike[kind]))
		memcpy(bytes, alike[kind], strlen(alike[kind]));
	return (struct slice){bytes, n};
}

static void add_interim(struct wire *w, unsigned kind)
{
	static const struct slice heads[] = {
		SLICE("HTTP/1.1 100 Continue\r\n\r\n"),
		SLICE("HTTP/1.1 102 Processing\r\n\r\n"),
		SLICE("HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"),
	};
	struct slice head = heads[kind % N_OF(heads)];

	add(w, '<', head.p, head.n, kind & 4);
}

static void add_chunked(struct wire *w, size_t n)
{
	char line[64];

	while (n) {
		size_t take_n = n < 1500 ? n : 1500;

		add(w, '<', line, (size_t)sprintf(line, "%zx\r\n", take_n), true);
		add(w, '<', body_bytes(9, take_n, true).p, take_n, true);
		add(w, '<', "\r\n", 2, true);
		n -= take_n;
	}
	add(w, '<', "0\r\nx-sum: AA\r\n\r\n", 16, true);
}

enum framing { LENGTH, CHUNKED, NOTHING, CLOSE };

/* Returns false behind the last request of its connection. */
static bool add_request(struct wire *w, int conn)
{
	static const char *const methods[] = {"GET", "PUT", "HEAD", "DELETE"};
	static const int statuses[] = {200, 206, 404, 500, 503, 403};
	unsigned choice = next(), interims, answer = next();
	struct expected *x = &w->request[w->requests];
	const char *method = methods[choice & 3];
	bool put = (choice & 3) == 1, expect = put && choice & 4, refused = expect && choice & 8;
	size_t upload = put ? (size_t)next() * (choice & 16 ? 30 : 1) : 0;
	size_t pad = choice & 32 ? (size_t)next() * 30 : 0;
	size_t download = (size_t)next() * (choice & 64 ? 30 : 1);
	enum framing framing = answer & 3;
	char head[9000];
	int n;

	interims = expect && !refused ? 1 + (answer >> 2 & 1) : answer >> 2 & 3;
	if (refused)
		interims = 0;
	if (framing == NOTHING && refused)
		framing = LENGTH;
	n = sprintf(head, "%s /b/%d-%d HTTP/1.1\r\nHost: s3.amazonaws.com\r\n", method, conn,
		    w->requests);
	if (pad) {
		n += sprintf(head + n, "X-Pad: ");
		memset(head + n, 'p', pad);
		n += (int)pad;
		n += sprintf(head + n, "\r\n");
	}
	if (expect)
		n += sprintf(head + n, "Expect: 100-continue\r\n");
	if (put)
		n += sprintf(head + n, "Content-Length: %zu\r\n", upload);
	n += sprintf(head + n, "\r\n");
	add(w, '>', head, (size_t)n, false);

	/* The interim answer before the body, or late, joined with the final one. */
	if (interims && !(answer & 16))
		for (unsigned i = 0; i < interims; i++)
			add_interim(w, next());
	if (upload && !refused)
		add(w, '>', body_bytes(next(), upload, false).p, upload, !(choice & 128));
	if (interims && answer & 16)
		for (unsigned i = 0; i < interims; i++)
			add_interim(w, next());

	x->status = framing == NOTHING ? 204 : statuses[(answer >> 5) % N_OF(statuses)];
	if (refused)
		x->status = 403;
	x->request_size = refused ? (choice & 16 ? -1 : 0) : (s64)upload;
	if (framing == CLOSE && (choice & 3) == 2)
		framing = LENGTH;
	x->response_size = framing == NOTHING || (choice & 3) == 2 ? 0 : (s64)download;
	n = sprintf(head, "HTTP/1.1 %d Text\r\nx-amz-request-id: %d\r\n", x->status, w->requests);
	if (framing == LENGTH)
		n += sprintf(head + n, "Content-Length: %zu\r\n", download);
	if (framing == CHUNKED)
		n += sprintf(head + n, "Transfer-Encoding: chunked\r\n");
	n += sprintf(head + n, "\r\n");
	add(w, '<', head, (size_t)n, answer & 16);
	if ((choice & 3) != 2 && framing != NOTHING) {
		if (framing == CHUNKED)
			add_chunked(w, download);
		else
			add(w, '<', body_bytes(next(), download, interims > 0).p, download, true);
		if (framing == CHUNKED)
			x->response_size = -1;
	}
	if (refused && choice & 16) /* what was on its way when the answer came */
		add(w, '>', body_bytes(9, upload, true).p, upload, false);
	if (framing == CLOSE)
		add(w, '.', "", 0, false);
	w->requests++;
	return framing != CLOSE;
}

static void traffic_step(struct wire *w, u64 conn)
{
	static const u32 cuts[] = {100000, 1, 2, 3, 5, 12, 25, 26, 64, 100, 997, 4096};
	struct segment *s = &w->segment[w->now];
	u32 cut = cuts[next() % N_OF(cuts)], n = s->n - (u32)w->done;
	struct slice part = {w->bytes + s->at + w->done, n < cut ? n : cut};
	struct expected *x = &w->request[s->request];
	struct sums before = sums_of(conn);

	/* Single bytes of a long body would only cost time. */
	if (n > 400 && part.n < 64 && w->done > 200)
		part.n = 64;
	host.now += (u64)next() * 1000;
	if (s->direction == '>' && !x->begin)
		x->begin = host.now;
	if (s->direction == '>' && part.n)
		host_send(conn, part);
	if (s->direction == '<' && part.n)
		host_receive(conn, part);
	if (s->direction == '<')
		x->end = host.now;
	if (s->direction == '.')
		host_eof(conn);
	check_step(conn, before, s->direction == '>' ? part.n : 0,
		   s->direction == '<' ? part.n : 0);
	w->done += part.n;
	if (w->done == s->n) {
		w->now++;
		w->done = 0;
	}
}

static void check_traffic(int conns)
{
	size_t expected = 0;

	for (int c = 0; c < conns; c++) {
		for (int i = 0; i < wire[c].requests; i++, expected++) {
			const struct expected *x = &wire[c].request[i];
			const struct request *row = NULL;
			char path[32];

			sprintf(path, "/b/%d-%d", c, i);
			for (size_t k = 0; k < rows.n; k++) {
				if (strcmp(rows.row[k].path, path) != 0)
					continue;
				CHECK(!row);
				row = &rows.row[k];
			}
			CHECK(row != NULL);
			CHECK(row->state == REQUEST_COMPLETE);
			CHECK(row->status == x->status);
			CHECK(x->request_size < 0 || row->request_size == x->request_size);
			CHECK(x->response_size < 0 || row->response_size == x->response_size);
			CHECK((u64)row->latency_ns == x->end - x->begin);
			CHECK((u64)row->time_ns == x->begin);
			check_row(row);
		}
	}
	CHECK(rows.n == expected);
}

static void traffic(void)
{
	int conns = 1 + (int)(next() % CONNS), left = conns;

	for (int c = 0; c < conns; c++) {
		int n = 1 + (int)(next() % REQUESTS);

		memset(&wire[c], 0, offsetof(struct wire, bytes));
		memset(&wire[c].used, 0, sizeof(wire[c]) - offsetof(struct wire, used));
		while (n-- && wire[c].used < sizeof(wire[c].bytes) / 2 &&
		       wire[c].n < SEGMENTS - 12 && add_request(&wire[c], c))
			;
	}
	while (left) {
		int c = (int)(next() % (unsigned)conns);

		while (wire[c].now == wire[c].n)
			c = (c + 1) % conns;
		traffic_step(&wire[c], (u64)c);
		if (wire[c].now == wire[c].n) {
			left--;
			if (next() & 1)
				host_end((u64)c);
		}
		if (!(next() & 3) || host.n_events > HOST_EVENTS_MAX / 2)
			take();
	}
	for (int c = 0; c < conns; c++)
		host_end((u64)c);
	rows_finish();
	check_traffic(conns);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	input = (struct slice){(const char *)data, size};
	host_reset();
	rows_reset();
	n_told = n_seen = 0;
	if (next() & 1) {
		traffic();
	} else {
		while (input.n)
			any_step();
		rows_finish();
	}
	return 0;
}
