/* SPDX-License-Identifier: Apache-2.0 */
/* The BPF side's exchange logic, on the host: what a record says after the
 * calls of a program, and when a snapshot of it is sent. */
#include "tests/host/host.c"

#include <CUnit/CUnit.h>

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))
#define CONN 7

static const struct slice get = SLICE("GET /b/k HTTP/1.1\r\nHost: s3.amazonaws.com\r\n\r\n");
static const struct slice put_head =
	SLICE("PUT /b/k HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
static const struct slice go_on = SLICE("HTTP/1.1 100 Continue\r\n\r\n");
static const struct slice ok = SLICE("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
static const struct slice none = SLICE("HTTP/1.1 204 No Content\r\n\r\n");

static struct slice kept_request(const struct exchange *e)
{
	return (struct slice){(const char *)e->bytes, e->req_len};
}

static struct slice kept_response(const struct exchange *e)
{
	return (struct slice){(const char *)EXCHANGE_RESPONSE(e), e->resp_len};
}

static struct slice text(const char *s)
{
	return (struct slice){s, strlen(s)};
}

/* n bytes that tell one place from another. */
static struct slice filler(size_t n)
{
	static char bytes[65536];

	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)('a' + i % 23 + i / 23 % 3);
	return (struct slice){bytes, n};
}

static void a_send_starts_a_request(void)
{
	static const struct {
		const char *sent;
		bool starts;
	} sends[] = {
		{"GET / HTTP/1.1\r\n\r\n", true},
		{"PUT /b/k HTTP/1.1\r\n", true},
		{"POST /b?delete HTTP/1.1\r\n", true},
		{"HEAD /b/k HTTP/1.1\r\n", true},
		{"DELETE /b/k HTTP/1.1\r\n", true},
		{"OPTIONS * HTTP/1.1\r\n", true},
		{"PATCH /x HTTP/1.1\r\n", true},
		{"G", true},
		{"DEL", true},
		{"GETS / HTTP/1.1\r\n", false},
		{"get / HTTP/1.1\r\n", false},
		{"SSH-2.0-OpenSSH_9.2\r\n", false},
		{"HTTP/1.1 200 OK\r\n", false},
		{"\x16\x03\x01", false},
		{" GET / HTTP/1.1\r\n", false},
		{"\n", false},
	};

	for (size_t i = 0; i < N_OF(sends); i++) {
		host_reset();
		host_send(CONN, text(sends[i].sent));
		CU_ASSERT_EQUAL(host_record(CONN) != NULL, sends[i].starts);
	}
}

static void a_record_says_who_and_when(void)
{
	const struct exchange *e;

	host_reset();
	host_send(CONN, get);
	e = host_record(CONN);
	CU_ASSERT_PTR_NOT_NULL_FATAL(e);
	CU_ASSERT_EQUAL(e->kind, EVENT_EXCHANGE);
	CU_ASSERT_EQUAL(e->key.tgid, HOST_TGID);
	CU_ASSERT_EQUAL(e->tid, HOST_TID);
	CU_ASSERT_EQUAL(e->uid, 500);
	CU_ASSERT_EQUAL(e->fd, CONN);
	CU_ASSERT_STRING_EQUAL((const char *)e->comm, "boto");
	CU_ASSERT_EQUAL(e->t_start, 5000 * MS);
	CU_ASSERT_EQUAL(e->t_sent, 5000 * MS + host.call_ns);
	CU_ASSERT_EQUAL(e->t_head, e->t_sent);
	CU_ASSERT_EQUAL(e->t_first, 0);
	CU_ASSERT_EQUAL(e->head_sent, get.n);
	CU_ASSERT_EQUAL(e->flags, EXCHANGE_HEAD_DONE);
	CU_ASSERT(slice_is(kept_request(e), get));
	CU_ASSERT_EQUAL(host.n_events, 0);
}

static void an_answer_is_told_once(void)
{
	host_reset();
	host_send(CONN, get);
	host.now += 20 * MS;
	host_receive_in(CONN, ok, 9);
	CU_ASSERT_EQUAL_FATAL(host.n_events, 1);
	CU_ASSERT_EQUAL(host.event[0].reports, 0);
	CU_ASSERT_EQUAL(host.event[0].t_emit, host.event[0].t_last);
	CU_ASSERT(host.event[0].flags & EXCHANGE_FINAL);
	CU_ASSERT_EQUAL(host_record(CONN)->received, ok.n);
	CU_ASSERT(slice_is(kept_response(host_record(CONN)), ok));
	CU_ASSERT_EQUAL(host_count(COUNT_EVENTS), 1);
}

/* botocore reads the interim answer one byte a call. */
static void expect_in_single_bytes(void)
{
	const struct exchange *e;
	u64 final;

	host_reset();
	host_send(CONN, put_head);
	host.now = 5300 * MS;
	host_receive_in(CONN, go_on, 1);
	e = host_record(CONN);
	CU_ASSERT(e->flags & EXCHANGE_INTERIM);
	CU_ASSERT(e->flags & EXCHANGE_RESP_HEAD_DONE);
	CU_ASSERT(!(e->flags & EXCHANGE_FINAL));
	CU_ASSERT_EQUAL(e->t_interim, host.now);
	CU_ASSERT_EQUAL(host.n_events, 0);

	host_send(CONN, SLICE("GET /")); /* the body: an uploaded log file */
	CU_ASSERT_EQUAL(e, host_record(CONN));
	CU_ASSERT_EQUAL(e->sent, put_head.n + 5);
	CU_ASSERT_EQUAL(e->t_body, host.now - host.call_ns);

	host.now = final = 5500 * MS;
	host_receive_in(CONN, ok, 1);
	CU_ASSERT_EQUAL(e->t_first, final + host.call_ns);
	CU_ASSERT_EQUAL(e->t_last, final + ok.n * host.call_ns);
	CU_ASSERT_EQUAL(e->interim_bytes, go_on.n);
	CU_ASSERT_EQUAL(e->received, ok.n);
	CU_ASSERT(slice_is(kept_response(e), ok));
	CU_ASSERT(!(e->flags & EXCHANGE_INTERIM));
	CU_ASSERT_EQUAL(host.n_events, 1);
}

/* Interim heads are dropped where a read ends behind them, and kept in front of
 * the final one where it does not; the next request is recognised either way. */
static void interim_heads_however_cut(void)
{
	static const char all[] = "HTTP/1.1 100 Continue\r\n\r\n"
				  "HTTP/1.1 102 Processing\r\nX-Progress: 50%\r\n\r\n"
				  "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"
				  "HTTP/1.1 204 No Content\r\nx-amz-request-id: A\r\n\r\n";
	struct slice in = SLICE(all);

	for (size_t cut = 1; cut <= in.n; cut++) {
		const struct exchange *e;
		u64 id;

		host_reset();
		host_send(CONN, get);
		id = host_record(CONN)->id;
		host_receive_in(CONN, in, cut);
		e = host_record(CONN);
		CU_ASSERT_EQUAL(e->interim_bytes + e->received, in.n);
		CU_ASSERT(slice_is(kept_response(e), slice_from(in, e->interim_bytes)));
		CU_ASSERT(answered(e));
		host_send(CONN, get);
		CU_ASSERT_NOT_EQUAL(host_record(CONN)->id, id);
		CU_ASSERT_EQUAL(host_record(CONN)->sent, get.n);
		CU_ASSERT(host.n_events > 0);
	}
}

/* What comes behind an interim head in the same read says whether the next thing that is
 * sent is a request or the body - wherever it lies, and whatever an earlier answer left. */
static void what_follows_an_interim_head(void)
{
	static const struct {
		const char *text;
		bool final;
	} rows[] = {
		{"HTTP/1.1 200\r\n\r\n", true},
		{"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", true},
		{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", true},
		{"HTTP/1.1 100 Continue\r\n\r\n", false},
		{"", false},
	};
	char in[512];

	for (int pad = 0; pad < 190; pad++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			u64 id;
			int n = snprintf(in, sizeof(in),
					 "HTTP/1.1 100 Continue\r\nX-Pad: %*s\r\n\r\n%s", pad, "",
					 rows[i].text);

			host_reset();
			host_send(CONN, get);
			/* Final heads everywhere behind what comes later. */
			host_receive(CONN, SLICE("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"
						 "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"
						 "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"
						 "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"
						 "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"
						 "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"));
			host_send(CONN, put_head);
			id = host_record(CONN)->id;
			host_receive(CONN, (struct slice){in, (size_t)n});
			host_send(CONN, get);
			CU_ASSERT_EQUAL(host_record(CONN)->id != id, rows[i].final);
		}
	}
}

static void an_early_answer_ends_nothing(void)
{
	static const struct slice no = SLICE("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
	const struct exchange *e;

	host_reset();
	host_send(CONN, put_head);
	host_receive(CONN, no);
	CU_ASSERT_EQUAL(host.n_events, 1);
	host_send(CONN, SLICE("he")); /* written before the answer was looked at */
	e = host_record(CONN);
	CU_ASSERT_EQUAL(e->sent, put_head.n + 2);
	CU_ASSERT(e->t_sent > e->t_last);

	host.now += MS;
	host_send(CONN, get);
	CU_ASSERT_EQUAL_FATAL(host.n_events, 2);
	CU_ASSERT_EQUAL(host.event[1].id, host.event[0].id);
	CU_ASSERT_EQUAL(host.event[1].reports, 1);
	CU_ASSERT_EQUAL(host.event[1].sent, put_head.n + 2);
	CU_ASSERT(host.event[1].flags & EXCHANGE_ENDED);
	CU_ASSERT_EQUAL(host_record(CONN)->sent, get.n);
}

static void the_next_request_starts_afresh(void)
{
	struct exchange first;
	const struct exchange *e;

	host_reset();
	host_send(CONN, get);
	host_receive(CONN, ok);
	host.now += 2000 * MS;
	first = *host_record(CONN);
	host_send(CONN, put_head);
	e = host_record(CONN);
	CU_ASSERT_EQUAL(host.n_events, 1); /* nothing was left to say */
	CU_ASSERT_NOT_EQUAL(e->id, first.id);
	CU_ASSERT_EQUAL(e->t_start, first.t_last + 2000 * MS);
	CU_ASSERT_EQUAL(e->resp_len, 0);
	CU_ASSERT_EQUAL(e->received, 0);
	CU_ASSERT_EQUAL(e->tail_len, 0);
	CU_ASSERT_EQUAL(e->reports, 0);
	CU_ASSERT_EQUAL(e->stall_ns, 0);
	CU_ASSERT_EQUAL(e->t_last, 0);
	CU_ASSERT(slice_is(kept_request(e), put_head));
	CU_ASSERT_EQUAL(host_count(COUNT_REQUESTS), 2);
	CU_ASSERT_EQUAL(host_count(COUNT_ANSWERED), 1);
}

/* A head of n bytes, HTTP/1.1, ending in an empty line. */
static struct slice long_head(size_t n)
{
	static char head[65536];
	static const char begin[] = "PUT /b/k HTTP/1.1\r\nX-Long: ";

	memcpy(head, filler(n).p, n);
	memcpy(head, begin, sizeof(begin) - 1);
	memcpy(head + n - 4, "\r\n\r\n", 4);
	return (struct slice){head, n};
}

static void a_vectored_call_is_one_run_of_bytes(void)
{
	static const size_t heads[] = {100, EXCHANGE_REQ_CAP, EXCHANGE_REQ_CAP + 1, 6000, 16000};

	for (size_t i = 0; i < N_OF(heads); i++) {
		struct slice head = long_head(heads[i]), rest;
		struct host_iovec pieces[] = {
			{(u64)head.p, 1},
			{(u64)head.p + 1, 40},
			{0, 0},
			{(u64)head.p + 41, head.n - 44},
			{(u64)head.p + head.n - 3, 3},
			{(u64) "the body", 8},
		};
		const struct exchange *e;

		host_reset();
		host_vector(CONN, pieces, N_OF(pieces), head.n, true);
		e = host_record(CONN);
		CU_ASSERT_PTR_NOT_NULL_FATAL(e);
		rest = host_more(e);
		CU_ASSERT_EQUAL(e->sent, head.n);
		CU_ASSERT(slice_begins(head, kept_request(e)));
		CU_ASSERT_EQUAL(e->req_len + rest.n, head.n);
		CU_ASSERT(slice_is(rest, slice_from(head, e->req_len)));
	}
}

/* Each call of a vector takes up where the last one left off, within a piece or
 * between two. */
static void a_vectored_call_goes_on(void)
{
	for (size_t step = 1; step <= get.n + 1; step++) {
		struct host_iovec pieces[] = {{(u64)get.p, 2},
					      {0, 0},
					      {(u64)get.p + 2, 11},
					      {(u64)get.p + 13, get.n - 13}};
		struct exchange *e;

		host_reset();
		for (size_t at = 0; at < get.n; at += step)
			host_vector_from(CONN, pieces, N_OF(pieces),
					 get.n - at < step ? get.n - at : step, at, true);
		e = host_record(CONN);
		/* A method in single bytes begins no request. */
		if (step < 4 && !e)
			continue;
		CU_ASSERT_PTR_NOT_NULL_FATAL(e);
		CU_ASSERT_EQUAL(e->sent, get.n);
		CU_ASSERT_EQUAL(e->req_len, get.n);
		CU_ASSERT_EQUAL(memcmp(e->bytes, get.p, get.n), 0);
	}
}

/* What the call did not take is not sent; what lies behind eight pieces is
 * counted, but not kept. */
static void a_vectored_call_is_bounded(void)
{
	struct host_iovec pieces[10] = {{(u64)get.p, get.n}};
	const struct exchange *e;

	for (size_t i = 1; i < N_OF(pieces); i++)
		pieces[i] = (struct host_iovec){(u64) "0123456789", 10};
	host_reset();
	host_vector(CONN, pieces, N_OF(pieces), 20, true);
	CU_ASSERT_EQUAL(host_record(CONN)->sent, 20);
	CU_ASSERT_EQUAL(host_record(CONN)->req_len, 20);
	host_reset();
	host_vector(CONN, pieces, N_OF(pieces), get.n + 90, true);
	e = host_record(CONN);
	CU_ASSERT_EQUAL(e->sent, get.n + 90);
	CU_ASSERT_EQUAL(e->req_len, get.n + 70);
	host_reset();
	host_send(CONN, get);
	host_vector(CONN, pieces, N_OF(pieces), 90, false);
	CU_ASSERT_EQUAL(host_record(CONN)->received, 90);
}

/* A head beyond the record goes on in the side map, however it is written. */
static void a_long_head_goes_on(void)
{
	static const size_t cuts[] = {1, 7, 500, 2047, 2048, 2049, 4096, 12288};
	struct slice head = long_head(12288);

	for (size_t i = 0; i < N_OF(cuts); i++) {
		const struct exchange *e;
		struct slice rest;

		host_reset();
		host_send_in(CONN, head, cuts[i]);
		e = host_record(CONN);
		rest = host_more(e);
		CU_ASSERT(e->flags & EXCHANGE_MORE);
		CU_ASSERT_EQUAL(e->sent, head.n);
		CU_ASSERT(slice_is(kept_request(e), (struct slice){head.p, EXCHANGE_REQ_CAP}));
		CU_ASSERT(slice_is(rest, slice_from(head, EXCHANGE_REQ_CAP)));
		/* Beyond the record, an end of less than four bytes is not recognised. */
		if (cuts[i] >= 4 && (head.n % cuts[i] == 0 || head.n % cuts[i] >= 4))
			CU_ASSERT(e->flags & EXCHANGE_HEAD_DONE);
	}
}

static void a_long_body_is_no_head(void)
{
	host_reset();
	host_send(CONN, put_head);
	for (int i = 0; i < 100; i++)
		host_send(CONN, filler(8192));
	CU_ASSERT_EQUAL(host_record(CONN)->sent, put_head.n + 100 * 8192);
	CU_ASSERT_EQUAL(host_record(CONN)->req_len, EXCHANGE_REQ_CAP);
	CU_ASSERT_EQUAL(host_record(CONN)->more_len, 0);
	host_reset();
	host_send(CONN, SLICE("PUT /b HTTP/1.1\r\n"));
	for (int i = 0; i < 100; i++)
		host_send(CONN, filler(8192));
	CU_ASSERT_EQUAL(host_record(CONN)->more_len, EXCHANGE_MORE_CAP);
}

/* Once it was told, or will not be, its room is free: only requests under way need any. */
static void a_long_head_makes_room(void)
{
	for (int way = 0; way < 4; way++) {
		host_reset();
		host_send_in(1, long_head(4000), 3000);
		for (u64 i = 0; i < 3 * MAX_MORE; i++) {
			host_send_in(2, long_head(5000), 3000);
			host.min_latency_ns = way == 1 ? 1000 * MS : 0; /* not told */
			host.refuse_method = way == 2;			/* nor the next one */
			if (way != 3) {
				host_receive(2, none);
				host_send(2, get);
			}
			host_end(2);
			host.n_events = 0;
		}
		CU_ASSERT(slice_is(host_more(host_record(1)), slice_from(long_head(4000), 2048)));
	}
}

/* With the first snapshot, and before it; what did not get through is still there. */
static void a_long_head_is_told(void)
{
	host_reset();
	host_send(CONN, long_head(4000));
	host_receive(CONN, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"));
	CU_ASSERT_EQUAL_FATAL(host.n_events, 2);
	CU_ASSERT_EQUAL(host.event[0].kind, EVENT_MORE);
	CU_ASSERT_EQUAL(host.event[0].id, host.event[1].id);
	CU_ASSERT_EQUAL(host.sent[0].n, MORE_FIXED + 4000 - EXCHANGE_REQ_CAP);
	CU_ASSERT(memcmp(host.sent[0].bytes + MORE_FIXED, long_head(4000).p + EXCHANGE_REQ_CAP,
			 4000 - EXCHANGE_REQ_CAP) == 0);
	CU_ASSERT_PTR_NULL(host_more(host_record(CONN)).p);
	host_receive(CONN, SLICE("lo"));
	host_end(CONN); /* says more, but no head again */
	CU_ASSERT_EQUAL_FATAL(host.n_events, 3);
	CU_ASSERT_EQUAL(host.event[2].kind, EVENT_EXCHANGE);
	CU_ASSERT(host.event[2].flags & EXCHANGE_MORE);
	host_reset();
	host_send(CONN, long_head(4000));
	host.perf_full = true;
	host_receive(CONN, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"));
	CU_ASSERT_EQUAL(host.n_events, 0);
	CU_ASSERT_EQUAL(host_more(host_record(CONN)).n, 4000 - EXCHANGE_REQ_CAP);
	host.perf_full = false;
	host_receive(CONN, SLICE("lo"));
	CU_ASSERT_EQUAL_FATAL(host.n_events, 2);
	CU_ASSERT_EQUAL(host.event[0].kind, EVENT_MORE);
}

/* The side map is small: a head whose room was taken by others is cut, and
 * never another one's. */
static void long_heads_take_turns(void)
{
	host_reset();
	for (u64 conn = 0; conn < 3 * MAX_MORE; conn++)
		host_send_in(conn, long_head(4000), 3000);
	for (u64 conn = 0; conn < 3 * MAX_MORE; conn++) {
		struct slice rest = host_more(host_record(conn));

		CU_ASSERT(rest.n == 0 || slice_is(rest, slice_from(long_head(4000), 2048)));
		CU_ASSERT_EQUAL(rest.n != 0, conn >= 2 * MAX_MORE);
	}
}

/* ... of what is not kept whole anyway. */
static void the_tail_is_the_last_bytes(void)
{
	static const size_t cuts[] = {1, 2, 3, 5, 31, 63, 64, 65, 100, 997, 5000};

	for (size_t i = 0; i < N_OF(cuts); i++) {
		struct slice in = filler(5000);
		const struct exchange *e;
		size_t got = 0;

		host_reset();
		host_send(CONN, get);
		while (got < in.n) {
			size_t n = in.n - got < cuts[i] ? in.n - got : cuts[i];
			size_t tail;

			host_receive(CONN, (struct slice){in.p + got, n});
			got += n;
			e = host_record(CONN);
			tail = got <= EXCHANGE_RESP_CAP ? 0 : EXCHANGE_TAIL_CAP;
			CU_ASSERT_EQUAL_FATAL(e->tail_len, tail);
			CU_ASSERT(memcmp(e->tail, in.p + got - tail, tail) == 0);
		}
	}
	/* Reads of all sizes. */
	host_reset();
	host_send(CONN, get);
	for (size_t got = 0, n = 1; got < 5000; got += n, n = n * 7 % 191) {
		host_receive(CONN, slice_from((struct slice){filler(got + n).p, got + n}, got));
		CU_ASSERT(memcmp(host_record(CONN)->tail,
				 filler(got + n).p + got + n - host_record(CONN)->tail_len,
				 host_record(CONN)->tail_len) == 0);
	}
}

/* A vectored read ends where its last piece ends, however small that is; where
 * not all pieces were looked at, no end is better than a wrong one. */
static void the_tail_of_a_vectored_read(void)
{
	static const size_t sizes[][3] = {{30, 1, 1},	{3, 60, 2},	 {500, 0, 1},
					  {1, 1, 1},	{9000, 7000, 3}, {20000, 3, 40000},
					  {2040, 9, 1}, {1000, 1000, 49}};
	struct host_iovec many[10];

	for (size_t i = 0; i < N_OF(sizes); i++) {
		size_t n = sizes[i][0] + sizes[i][1] + sizes[i][2];
		struct slice in = filler(n);
		struct host_iovec pieces[] = {
			{(u64)in.p, sizes[i][0]},
			{(u64)in.p + sizes[i][0], sizes[i][1]},
			{(u64)in.p + sizes[i][0] + sizes[i][1], sizes[i][2]},
		};
		const struct exchange *e;

		host_reset();
		host_send(CONN, get);
		host_vector(CONN, pieces, 3, n, false);
		e = host_record(CONN);
		CU_ASSERT_EQUAL(e->received, n);
		CU_ASSERT(memcmp(e->tail, in.p + n - e->tail_len, e->tail_len) == 0);
		if (n <= EXCHANGE_MORE_CAP)
			CU_ASSERT_EQUAL(e->tail_len,
					n <= EXCHANGE_RESP_CAP ? 0 : EXCHANGE_TAIL_CAP);
	}
	for (size_t i = 0; i < N_OF(many); i++)
		many[i] = (struct host_iovec){(u64)filler(100).p + i * 10, 10};
	host_reset();
	host_send(CONN, get);
	host_vector(CONN, many, N_OF(many), 100, false);
	CU_ASSERT_EQUAL(host_record(CONN)->tail_len, 0);
}

static void waiting_is_no_stall(void)
{
	static const struct {
		const char *name;
		u64 gap_ms;    /* from one read's return to the next one's entry */
		u64 polled_ms; /* of it, in poll */
		u64 read_ms;   /* how long the second read takes */
		bool drained;  /* a read in between found nothing */
		bool ready;    /* the poll after it did */
		bool other_thread;
		u64 stall_ms;
	} cases[] = {
		{"the program slept", 3000, 0, 0, false, false, false, 3000},
		{"slept, then polled", 3000, 1000, 0, false, false, false, 2000},
		{"only polled", 3000, 3000, 0, false, false, false, 0},
		{"polled for longer than the gap", 3000, 4000, 0, false, false, false, 0},
		{"slept, but nothing was there", 3000, 0, 1000, false, false, false, 0},
		{"slept, and a busy machine read slowly", 3000, 0, 100, false, false, false, 3000},
		{"drained, then waited somewhere else", 3000, 0, 0, true, false, false, 0},
		{"drained, polled in vain, then waited elsewhere", 3000, 100, 0, true, false, false,
		 0},
		{"drained, then polled", 3000, 2900, 0, true, true, false, 100},
		{"another thread reads on", 3000, 0, 0, false, false, true, 0},
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		const struct exchange *e;

		host_reset();
		host.polled = 77 * MS;
		host_send(CONN, get);
		host.now += 10 * MS; /* the server's time */
		host.polled += 10 * MS;
		host_receive(CONN, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
		e = host_record(CONN);
		CU_ASSERT_EQUAL(e->stall_ns, 0);
		if (cases[i].drained)
			host_empty(CONN);
		host.now += cases[i].gap_ms * MS;
		host.polled += cases[i].polled_ms * MS;
		host.ready = cases[i].ready ? EXCHANGE_READY : 0;
		if (cases[i].read_ms)
			host.call_ns = cases[i].read_ms * MS;
		if (cases[i].other_thread)
			host.pid_tgid += 1;
		host_receive(CONN, SLICE("hello"));
		CU_ASSERT_EQUAL(e->stall_ns / MS, cases[i].stall_ms);
		CU_ASSERT(e->stall_ns <= e->t_last - e->t_first);
	}
}

static void the_peer_closes(void)
{
	const struct exchange *e;
	u32 changes;

	host_reset();
	host_send(CONN, get);
	host_receive(CONN, SLICE("HTTP/1.0 200 OK\r\n\r\nto the end"));
	host.now += 5 * MS;
	e = host_record(CONN);
	changes = e->changes;
	host_eof(CONN);
	host_eof(CONN);
	CU_ASSERT(e->flags & EXCHANGE_EOF);
	CU_ASSERT_EQUAL(e->changes, changes + 1);
	CU_ASSERT(e->t_last < host.now - 5 * MS);
	host_end(CONN);
	CU_ASSERT_PTR_NULL(host_record(CONN));
	CU_ASSERT_EQUAL_FATAL(host.n_events, 2);
	CU_ASSERT_EQUAL(host.event[1].flags & (EXCHANGE_EOF | EXCHANGE_ENDED),
			EXCHANGE_EOF | EXCHANGE_ENDED);
}

static void the_connection_dies_unanswered(void)
{
	host_reset();
	host_send(CONN, put_head);
	host.now += 50 * MS;
	host_end(CONN);
	host_end(CONN);
	CU_ASSERT_EQUAL_FATAL(host.n_events, 1);
	CU_ASSERT(host.event[0].flags & EXCHANGE_ENDED);
	CU_ASSERT(!(host.event[0].flags & (EXCHANGE_FINAL | EXCHANGE_INTERIM)));
	CU_ASSERT_EQUAL(host.event[0].t_end, host.now);
	CU_ASSERT_EQUAL(host_count(COUNT_UNANSWERED), 1);
	/* The descriptor is used again at once, by something else. */
	host_receive(CONN, ok);
	host_send(CONN, SLICE("EHLO localhost\r\n"));
	CU_ASSERT_PTR_NULL(host_record(CONN));
}

/* The peer closes instead of answering: no answer will come, and what the
 * program still does on the connection belongs to nobody - but a new request. */
static void the_peer_closes_unanswered(void)
{
	host_reset();
	host_send(CONN, put_head);
	host.now += 50 * MS;
	host_eof(CONN);
	CU_ASSERT_EQUAL_FATAL(host.n_events, 1);
	CU_ASSERT(host.event[0].flags & EXCHANGE_ENDED);
	CU_ASSERT_EQUAL(host.event[0].t_end, host.now);
	host.now += 5000 * MS;
	host_eof(CONN);
	host_send(CONN, SLICE("hello"));
	host_receive(CONN, ok);
	host_end(CONN);
	CU_ASSERT_EQUAL(host.n_events, 1);

	host_reset();
	host_send(CONN, put_head);
	host_eof(CONN);
	host_send(CONN, get); /* the descriptor was used again */
	host_receive(CONN, ok);
	CU_ASSERT_EQUAL_FATAL(host.n_events, 2);
	CU_ASSERT_NOT_EQUAL(host.event[1].id, host.event[0].id);
	CU_ASSERT(slice_is(kept_request(&host.event[1]), get));
	CU_ASSERT(slice_is(kept_response(&host.event[1]), ok));
}

static void a_full_buffer_is_counted_and_tried_again(void)
{
	host_reset();
	host.perf_full = true;
	host_send(CONN, get);
	host_receive_in(CONN, ok, 20);
	CU_ASSERT_EQUAL(host.n_events, 0);
	CU_ASSERT_EQUAL(host_record(CONN)->reports, 0);
	CU_ASSERT(host_count(COUNT_LOST) >= 1);
	host.perf_full = false;
	host_send(CONN, get);
	CU_ASSERT_EQUAL_FATAL(host.n_events, 1);
	CU_ASSERT_EQUAL(host.event[0].received, ok.n);
	CU_ASSERT_EQUAL(host.event[0].reports, 0);
	CU_ASSERT(host.event[0].flags & EXCHANGE_ENDED);
}

static void fast_requests_stay_in_the_kernel(void)
{
	host_reset();
	host.min_latency_ns = 100 * MS;
	host_send(CONN, get);
	host.now += 50 * MS;
	host_receive(CONN, ok);
	host.now += 500 * MS; /* idle is not latency */
	host_send(CONN, get);
	CU_ASSERT_EQUAL(host.n_events, 0);
	host.now += 60 * MS;
	host_receive(CONN, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
	CU_ASSERT_EQUAL(host.n_events, 0);
	host.now += 60 * MS;
	host_receive(CONN, SLICE("hello"));
	CU_ASSERT_EQUAL(host.n_events, 1); /* slow as a whole */
	host_send(CONN, get);
	host.now += 200 * MS;
	host_end(CONN);
	CU_ASSERT_EQUAL(host.n_events, 2); /* never answered, and waited for long */
}

static void quick_answers_stay_in_the_kernel(void)
{
	host_reset();
	host.min_ttfb_ns = 100 * MS;
	host_send(CONN, get);
	host.now += 50 * MS;
	host_receive(CONN, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
	host.now += 500 * MS;
	host_receive(CONN, SLICE("hello"));
	host_send(CONN, get);
	CU_ASSERT_EQUAL(host.n_events, 0);
	host.now += 150 * MS;
	host_receive(CONN, ok);
	CU_ASSERT_EQUAL(host.n_events, 1);
}

static void others_are_not_followed(void)
{
	host_reset();
	host.refuse_uid = true;
	host_send(CONN, get);
	CU_ASSERT_PTR_NULL(host_record(CONN));
	host.refuse_uid = false;
	host.refuse_method = true;
	host_send(CONN, get);
	CU_ASSERT_PTR_NULL(host_record(CONN));

	/* On a connection that is followed: its answer must not become another's. */
	host.refuse_method = false;
	host_send(CONN, get);
	host_receive(CONN, ok);
	host.refuse_method = true;
	host_send(CONN, put_head);
	host_receive(CONN, none);
	host_end(CONN);
	for (size_t i = 0; i < host.n_events; i++)
		CU_ASSERT(slice_begins(kept_response(&host.event[i]), ok));
}

static void the_table_is_bounded(void)
{
	size_t live = 0;

	host_reset();
	for (u64 conn = 0; conn < 10 * MAX_EXCHANGES; conn++)
		host_send(conn, get);
	for (u64 conn = 0; conn < 10 * MAX_EXCHANGES; conn++)
		live += host_record(conn) != NULL;
	CU_ASSERT_EQUAL(live, MAX_EXCHANGES);
	CU_ASSERT_EQUAL(host_count(COUNT_REQUESTS), 10 * MAX_EXCHANGES);
	/* The newest is seen, and so is the next. */
	host_receive(10 * MAX_EXCHANGES - 1, ok);
	host_send(10 * MAX_EXCHANGES, get);
	host_receive(10 * MAX_EXCHANGES, ok);
	CU_ASSERT_EQUAL(host.n_events, 2);
}

static void every_request_has_an_id_of_its_own(void)
{
	u64 seen[40];
	size_t n = 0;

	host_reset();
	for (u32 cpu = 0; cpu < 2; cpu++) {
		host.cpu = cpu;
		host_clear_maps(); /* each CPU counts for itself */
		for (u64 i = 0; i < N_OF(seen) / 2; i++) {
			host_send(i % 3, get);
			host_receive(i % 3, none);
			seen[n++] = host_record(i % 3)->id;
		}
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			CU_ASSERT_NOT_EQUAL(seen[i], seen[k]);
}

static void a_call_seen_half_says_so(void)
{
	struct exchange_key key = host_key(CONN);
	struct bytes b;

	host_reset();
	bytes_plain(&b, (u64)get.p, get.n);
	exchange_send(NULL, &key, &b, 0, -1, 0, 0);
	CU_ASSERT(host_record(CONN)->flags & EXCHANGE_LATE_START);
	CU_ASSERT_EQUAL(host_record(CONN)->t_start, host.now);
}

static void a_descriptor_is_learnt(void)
{
	struct exchange_key key = {
		.conn = 0x7f0000001000, .tgid = HOST_TGID, .layer = LAYER_OPENSSL};
	const struct exchange *e;
	struct bytes b;

	host_reset();
	bytes_plain(&b, (u64)get.p, get.n);
	exchange_send(NULL, &key, &b, host.now, -1, 0, 0);
	e = &exchanges.lookup(&key)->exchange;
	CU_ASSERT_EQUAL(e->fd, -1);
	bytes_plain(&b, (u64)ok.p, ok.n);
	exchange_receive(NULL, &key, &b, host.now, 0, 12, 0);
	CU_ASSERT_EQUAL(e->fd, 12);
}

/* A request over TLS whose first send went through that descriptor. */
static const struct exchange *tls_request(u64 conn, s32 fd)
{
	struct exchange_key key = {.conn = conn, .tgid = HOST_TGID, .layer = LAYER_OPENSSL};
	struct bytes b;

	bytes_plain(&b, (u64)get.p, get.n);
	exchange_send(NULL, &key, &b, host.now, fd, 0, 0);
	bytes_plain(&b, (u64)none.p, none.n);
	exchange_receive(NULL, &key, &b, host.now, 0, -1, 0);
	return &exchanges.lookup(&key)->exchange;
}

static void a_request_knows_its_ends(void)
{
	struct socket s = {.ends = {.peer = {1, 2}, .local = {3, 4}, .peer_port = 443}, .id = 99};
	struct exchange_key key = host_key(CONN);
	const struct exchange *e;

	host_reset();
	sockets.update(&key, &s);
	host_send(CONN, get);
	e = host_record(CONN);
	CU_ASSERT_EQUAL(e->socket, 99);
	CU_ASSERT(memcmp(&e->ends, &s.ends, sizeof(s.ends)) == 0);
	CU_ASSERT(!(e->flags & EXCHANGE_SOCKET_PROVEN));
	e = tls_request(0x1000, CONN);
	CU_ASSERT_EQUAL(e->socket, 99);
	CU_ASSERT(memcmp(&e->ends, &s.ends, sizeof(s.ends)) == 0);
	/* The descriptor of memory BIOs is not seen. */
	e = tls_request(0x2000, -1);
	CU_ASSERT_EQUAL(e->socket, 0);
	CU_ASSERT_EQUAL(e->ends.peer_port, 0);
	/* Connected anew: the request after that goes elsewhere. */
	s.id = 100;
	s.connected = 1;
	s.ends.peer_port = 80;
	sockets.update(&key, &s);
	host_end(CONN);
	host_send(CONN, get);
	e = host_record(CONN);
	CU_ASSERT_EQUAL(e->socket, 100);
	CU_ASSERT_EQUAL(e->ends.peer_port, 80);
	CU_ASSERT(e->flags & EXCHANGE_SOCKET_PROVEN);
	e = tls_request(0x1000, CONN);
	CU_ASSERT_EQUAL(e->socket, 100);
	CU_ASSERT_EQUAL(e->ends.peer_port, 80);
}

static void a_socket_from_before_is_told_from_the_next(void)
{
	struct exchange_key key = host_key(CONN);
	u64 first;

	host_reset();
	host_send(CONN, get);
	first = host_record(CONN)->socket;
	CU_ASSERT(first != 0);
	CU_ASSERT_EQUAL(sockets.lookup(&key)->id, first);
	host_receive(CONN, none);
	host_send(CONN, get);
	CU_ASSERT_EQUAL(host_record(CONN)->socket, first);
	CU_ASSERT(!(host_record(CONN)->flags & EXCHANGE_SOCKET_PROVEN));
	CU_ASSERT_EQUAL(tls_request(0x1000, CONN)->socket, first);
	/* close() */
	host_end(CONN);
	sockets.delete(&key);
	host_send(CONN, get);
	CU_ASSERT(host_record(CONN)->socket != first);
}

static void requests_are_numbered(void)
{
	struct exchange_key key = host_key(CONN);
	struct socket s = {.id = 99, .connected = 1};
	const struct exchange *e;
	u64 last;

	host_reset();
	sockets.update(&key, &s);
	host_send(CONN, get);
	e = host_record(CONN);
	CU_ASSERT_EQUAL(e->connection, 99);
	CU_ASSERT_EQUAL(e->number, 1);
	CU_ASSERT_EQUAL(e->t_before, 0);
	CU_ASSERT(e->flags & EXCHANGE_NUMBERED);
	host_receive(CONN, ok);
	last = e->t_last;
	host.now += 5 * MS;
	host_send(CONN, get);
	CU_ASSERT_EQUAL(e->number, 2);
	CU_ASSERT_EQUAL(e->t_before, last);
	host_receive(CONN, ok);
	/* One that is not followed counts; when its answer came is not known. */
	host.refuse_method = true;
	host_send(CONN, get);
	CU_ASSERT_PTR_NULL(host_record(CONN));
	host.refuse_method = false;
	host_send(CONN, get);
	e = host_record(CONN);
	CU_ASSERT_EQUAL(e->connection, 99);
	CU_ASSERT_EQUAL(e->number, 4);
	CU_ASSERT_EQUAL(e->t_before, 0);
	/* The next connection of the descriptor. */
	host_end(CONN);
	sockets.delete(&key);
	host_send(CONN, get);
	e = host_record(CONN);
	CU_ASSERT(e->connection != 0 && e->connection != 99);
	CU_ASSERT_EQUAL(e->number, 1);
	CU_ASSERT(!(e->flags & EXCHANGE_NUMBERED));
	/* A TLS object and its descriptor are two. */
	e = tls_request(0x1000, CONN);
	CU_ASSERT(e->connection != 0);
	CU_ASSERT_EQUAL(e->number, 1);
	CU_ASSERT_EQUAL(tls_request(0x1000, CONN)->number, 2);
}

static void setting_up_is_the_first_requests(void)
{
	struct exchange_key key = host_key(CONN);
	struct exchange_key object = {.conn = 0x1000, .tgid = HOST_TGID, .layer = LAYER_OPENSSL};
	struct socket s = {
		.id = 99, .connected = 1, .shaken = EXCHANGE_RESUMED, .begun = 1, .setup_ns = 7};
	struct socket tls = {.id = 98, .connected = 1, .begun = 8, .setup_ns = 5};
	const struct exchange *e;

	host_reset();
	sockets.update(&key, &s);
	sockets.update(&object, &tls);
	e = tls_request(0x1000, CONN);
	CU_ASSERT_EQUAL(e->connection, 98);
	CU_ASSERT_EQUAL(e->connect_ns, 7);
	CU_ASSERT_EQUAL(e->tls_ns, 5);
	CU_ASSERT_EQUAL(e->t_setup, 1);
	CU_ASSERT(e->flags & EXCHANGE_RESUMED);
	e = tls_request(0x1000, CONN);
	CU_ASSERT_EQUAL(e->connect_ns, 0);
	CU_ASSERT_EQUAL(e->tls_ns, 0);
	CU_ASSERT_EQUAL(e->t_setup, 0);
	CU_ASSERT(!(e->flags & EXCHANGE_RESUMED));
	/* Another object on the same socket did not connect, and shook its own hands. */
	sockets.update(&object, &tls);
	e = tls_request(0x1000, CONN);
	CU_ASSERT_EQUAL(e->connect_ns, 0);
	CU_ASSERT_EQUAL(e->tls_ns, 5);
	CU_ASSERT_EQUAL(e->t_setup, 8);
	CU_ASSERT(!(e->flags & (EXCHANGE_RESUMED | EXCHANGE_FULL)));
	/* Connected before anybody looked: then maybe half of the handshake was, too. */
	s.connected = 0;
	sockets.update(&key, &s);
	sockets.update(&object, &tls);
	e = tls_request(0x1000, CONN);
	CU_ASSERT_EQUAL(e->connect_ns, 0);
	CU_ASSERT_EQUAL(e->tls_ns, 0);
	/* Without TLS */
	s.connected = 1;
	sockets.update(&key, &s);
	host_send(CONN, get);
	e = host_record(CONN);
	CU_ASSERT_EQUAL(e->connect_ns, 7);
	CU_ASSERT_EQUAL(e->tls_ns, 0);
	host_receive(CONN, none);
	host_send(CONN, get);
	CU_ASSERT_EQUAL(e->connect_ns, 0);
}

static void connections_of_go_have_no_number(void)
{
	struct exchange_key key = {.conn = 0x3000, .tgid = HOST_TGID, .layer = LAYER_GOTLS};
	struct bytes b;

	host_reset();
	bytes_plain(&b, (u64)get.p, get.n);
	exchange_send(NULL, &key, &b, host.now, -1, 0, 0);
	CU_ASSERT_EQUAL(exchanges.lookup(&key)->exchange.connection, 0);
	CU_ASSERT_EQUAL(exchanges.lookup(&key)->exchange.number, 0);
}

static void two_descriptors_are_none(void)
{
	struct exchange_key key = {.conn = 0x1000, .tgid = HOST_TGID, .layer = LAYER_OPENSSL};
	const struct exchange *e;
	struct bytes b;

	host_reset();
	e = tls_request(0x1000, CONN);
	CU_ASSERT(!(e->flags & EXCHANGE_FD_MISMATCH));
	bytes_plain(&b, (u64)ok.p, ok.n);
	exchange_receive(NULL, &key, &b, host.now, 0, CONN, 0);
	CU_ASSERT(!(e->flags & EXCHANGE_FD_MISMATCH));
	CU_ASSERT_EQUAL(host_count(COUNT_FD_MISMATCH), 0);
	exchange_receive(NULL, &key, &b, host.now, 0, CONN + 1, 0);
	CU_ASSERT(e->flags & EXCHANGE_FD_MISMATCH);
	CU_ASSERT_EQUAL(e->fd, CONN);
	CU_ASSERT_EQUAL(host_count(COUNT_FD_MISMATCH), 1);
}

/* An object that leads to a descriptor as OpenSSL's do. */
static struct tls_object {
	u64 first[2];
	u64 *bio;
	u64 bios[8], method;
} tls_object;

static const struct steps to_descriptor = {
	.step = {{0x10, STEP_FOLLOW | STEP_FROM_MARK | STEP_MARK, ~0ULL, 0},
		 {0x08, STEP_FOLLOW | STEP_FROM_MARK, ~0ULL, 0},
		 {0x00, STEP_IS | STEP_OR, 0xffff, 0x777},
		 {0x00, STEP_IS, 0xffff, 0x505},
		 {0x38, STEP_DESCRIPTOR | STEP_FROM_MARK, 0xffffffff, 0x7fffffff}}};

static void make_tls_object(s32 fd)
{
	tls_object.bio = tls_object.bios;
	tls_object.bios[1] = (u64)&tls_object.method;
	tls_object.bios[7] = (u32)fd;
	tls_object.method = 0xab0505;
}

/* A request on it, where a call shows that descriptor. */
static const struct exchange *object_request(u32 layer, s32 fd)
{
	struct exchange_key key = {(u64)&tls_object, HOST_TGID, layer};
	struct bytes b;

	bytes_plain(&b, (u64)get.p, get.n);
	exchange_send(NULL, &key, &b, host.now, fd, 0, 1);
	bytes_plain(&b, (u64)ok.p, ok.n);
	exchange_receive(NULL, &key, &b, host.now, 0, -1, 0);
	return &exchanges.lookup(&key)->exchange;
}

static void descriptors_are_read_from_objects(void)
{
	const u32 one = 1;
	const struct exchange *e;

	host_reset();
	layouts.update(&one, &to_descriptor);
	make_tls_object(42);
	e = object_request(LAYER_OPENSSL, -1);
	CU_ASSERT_EQUAL(e->fd, 42);
	CU_ASSERT(e->flags & EXCHANGE_FD_READ);
	CU_ASSERT(e->socket != 0);
	/* Read once for a connection: it is the same until the object is done with. */
	tls_object.bios[7] = 43;
	e = object_request(LAYER_OPENSSL, -1);
	CU_ASSERT_EQUAL(e->fd, 42);
	exchange_end(NULL, &(struct exchange_key){(u64)&tls_object, HOST_TGID, LAYER_OPENSSL});
	e = object_request(LAYER_OPENSSL, -1);
	CU_ASSERT_EQUAL(e->fd, 43);
	/* But for Go, where nothing may tell that an object is another one. */
	e = object_request(LAYER_GOTLS, -1);
	CU_ASSERT_EQUAL(e->fd, 43);
	tls_object.bios[7] = 44;
	e = object_request(LAYER_GOTLS, -1);
	CU_ASSERT_EQUAL(e->fd, 44);
}

static void objects_that_tell_nothing(void)
{
	const u32 one = 1;

	for (int how = 0; how < 6; how++) {
		const struct exchange *e;

		host_reset();
		layouts.update(&one, &to_descriptor);
		make_tls_object(42);
		if (how == 0)
			tls_object.method = 0x401; /* memory */
		if (how == 1)
			tls_object.method = 0x777; /* the other one that is right */
		if (how == 2)
			tls_object.bios[7] = (u32)-1;
		if (how == 3)
			layouts.lookup(&one)->off = 1;
		if (how == 4)
			layouts.lookup(&one)->step[4] = (struct step){0}; /* it leads nowhere */
		if (how == 5)
			host.fault_at = 3; /* behind the request's first bytes */
		e = object_request(LAYER_OPENSSL, -1);
		CU_ASSERT_EQUAL(e->fd, how == 1 ? 42 : -1);
		CU_ASSERT_EQUAL(!!(e->flags & EXCHANGE_FD_READ), how == 1);
	}
}

static void a_layout_is_believed_until_it_is_wrong(void)
{
	const u32 one = 1;
	const struct exchange *e;

	host_reset();
	layouts.update(&one, &to_descriptor);
	make_tls_object(42);
	e = object_request(LAYER_OPENSSL, 42);
	CU_ASSERT(!(e->flags & EXCHANGE_FD_MISMATCH));
	CU_ASSERT_EQUAL(host_count(COUNT_FD_WRONG), 0);
	e = object_request(LAYER_OPENSSL, 7);
	CU_ASSERT(e->flags & EXCHANGE_FD_MISMATCH);
	CU_ASSERT_EQUAL(host_count(COUNT_FD_WRONG), 1);
	CU_ASSERT_EQUAL(layouts.lookup(&one)->off, 1);
	/* From then on only what calls show. */
	e = object_request(LAYER_OPENSSL, 7);
	CU_ASSERT(!(e->flags & (EXCHANGE_FD_MISMATCH | EXCHANGE_FD_READ)));
	CU_ASSERT_EQUAL(e->fd, 7);
	e = object_request(LAYER_GOTLS, -1);
	CU_ASSERT_EQUAL(e->fd, -1);
	CU_ASSERT_EQUAL(host_count(COUNT_FD_WRONG), 1);
}

/* Go: counted when it is entered, known to have worked when it returns. */
static void a_send_is_counted_before_it_returns(void)
{
	struct exchange_key key = host_key(CONN);
	const struct exchange *e;

	host_reset();
	exchange_sent(&key, 0);
	CU_ASSERT_PTR_NULL(host_record(CONN));
	host_send(CONN, put_head);
	e = host_record(CONN);
	host.now += 10 * MS;
	exchange_sent(&key, 0);
	CU_ASSERT_EQUAL(e->t_head, host.now);
	CU_ASSERT_EQUAL(e->t_sent, host.now);
	host_send(CONN, filler(100));
	host.now += 10 * MS;
	exchange_sent(&key, 40);
	CU_ASSERT_EQUAL(e->sent, put_head.n + 60);
	CU_ASSERT_EQUAL(e->t_sent, host.now);
	CU_ASSERT_EQUAL(e->t_head, host.now - 10 * MS - host.call_ns);
	/* The answer was read before: times are those of the request. */
	host_receive(CONN, ok);
	host.now += 10 * MS;
	exchange_sent(&key, 0);
	CU_ASSERT(e->t_sent < e->t_first);
	/* A request of which nothing was taken is none. */
	host_send(CONN, get);
	CU_ASSERT_EQUAL(e->sent, get.n);
	exchange_sent(&key, get.n + 1);
	CU_ASSERT_EQUAL(e->sent, 0);
	host.n_events = 0;
	host_end(CONN);
	CU_ASSERT_EQUAL(host.n_events, 0);
}

/* A goroutine that reads late is late on whichever thread it reads. */
static void goroutines_have_no_thread(void)
{
	struct exchange_key key = {.conn = CONN, .tgid = HOST_TGID, .layer = LAYER_SOCKET};
	struct slice head = SLICE("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
		     body = SLICE("012345678");

	for (u32 layer = LAYER_SOCKET; layer <= LAYER_GOTLS; layer += LAYER_GOTLS - LAYER_SOCKET) {
		struct bytes b;

		host_reset();
		key.layer = layer;
		bytes_plain(&b, (u64)get.p, get.n);
		exchange_send(NULL, &key, &b, host.now, -1, 0, 0);
		bytes_plain(&b, (u64)head.p, head.n);
		/* the read was entered before the request was sent */
		exchange_receive(NULL, &key, &b, host.now - 900 * MS, 0, -1, 0);
		CU_ASSERT_EQUAL(exchanges.lookup(&key)->exchange.stall_ns, 0);
		host.now += 300 * MS;
		host.pid_tgid += 1;
		bytes_plain(&b, (u64)body.p, body.n);
		exchange_receive(NULL, &key, &b, host.now, 0, -1, 0);
		CU_ASSERT_EQUAL(exchanges.lookup(&key)->exchange.stall_ns,
				layer == LAYER_GOTLS ? 300 * MS : 0);
	}
}

static void sendfile_sends_a_body(void)
{
	struct exchange_key key = host_key(CONN);
	const struct exchange *e;

	host_reset();
	exchange_send_unseen(&key, 1000, host.now);
	CU_ASSERT_PTR_NULL(host_record(CONN));
	host_send(CONN, put_head);
	host.now += 10 * MS;
	for (int i = 0; i < 3; i++)
		exchange_send_unseen(&key, 0x80000000ULL, host.now);
	e = host_record(CONN);
	CU_ASSERT_EQUAL(e->sent, put_head.n + 3 * 0x80000000ULL);
	CU_ASSERT_EQUAL(e->t_sent, host.now);
	CU_ASSERT_EQUAL(e->t_body, host.now);
	CU_ASSERT(e->flags & EXCHANGE_SOCKET_PROVEN);
}

/* What was given while the session was corked counts then, and leaves later. */
static void corked_bytes_leave_later(void)
{
	struct exchange_key key = host_key(CONN);
	struct exchange *e;
	u64 sent;

	host_reset();
	exchange_flushed(&key); /* nothing is known of it */
	CU_ASSERT_PTR_NULL(host_record(CONN));
	host_send(CONN, get);
	e = host_record(CONN);
	sent = e->t_sent;
	host.now += 50 * MS;
	exchange_flushed(&key);
	CU_ASSERT_EQUAL(e->sent, get.n);
	CU_ASSERT_EQUAL(e->t_sent, host.now);
	CU_ASSERT_TRUE(e->t_sent > sent);
	host_receive(CONN, ok);
	sent = e->t_sent;
	host.now += 50 * MS;
	exchange_flushed(&key); /* the answer has begun: whatever it was, it was no request */
	CU_ASSERT_EQUAL(e->t_sent, sent);
}

/* Any one read of the program's memory may fail. The record keeps its bounds,
 * the request its answer, and the fault is counted or harmless. */
static void unreadable_memory_is_survived(void)
{
	struct slice head = long_head(5000);

	for (u32 at = 1; at < 40; at++) {
		struct host_iovec pieces[] = {{(u64)head.p, 100}, {(u64)head.p + 100, 4900}};

		host_reset();
		host.fault_at = at;
		host_vector(CONN, pieces, 2, 5000, true);
		host_send_in(CONN, filler(900), 300);
		host_receive_in(CONN, go_on, 3);
		host_receive_in(CONN, ok, 8);
		host_send(CONN, get);
		for (size_t i = 0; i < host.n_events; i++) {
			const struct exchange *e = &host.event[i];

			CU_ASSERT(e->req_len <= EXCHANGE_REQ_CAP && e->req_len <= e->sent);
			CU_ASSERT(e->resp_len <= EXCHANGE_RESP_CAP && e->resp_len <= e->received);
			CU_ASSERT(e->more_len <= EXCHANGE_MORE_CAP);
			CU_ASSERT(e->tail_len <= EXCHANGE_TAIL_CAP);
		}
		CU_ASSERT(host_record(CONN) == NULL || host_record(CONN)->sent >= get.n);
	}
}

static void what_is_not_http_is_an_answer_too(void)
{
	host_reset();
	host_send(CONN, get);
	host_receive(CONN, SLICE("-ERR unknown command\r\n"));
	CU_ASSERT(host_record(CONN)->flags & EXCHANGE_FINAL);
	CU_ASSERT_EQUAL(host.n_events, 1);
}

CU_TestInfo exchange_tests[] = {
	{"a send starts a request", a_send_starts_a_request},
	{"a record says who and when", a_record_says_who_and_when},
	{"an answer is told once", an_answer_is_told_once},
	{"100-continue in single bytes", expect_in_single_bytes},
	{"interim heads however cut", interim_heads_however_cut},
	{"what follows an interim head", what_follows_an_interim_head},
	{"an early answer ends nothing", an_early_answer_ends_nothing},
	{"the next request starts afresh", the_next_request_starts_afresh},
	{"a vectored call is one run of bytes", a_vectored_call_is_one_run_of_bytes},
	{"a vectored call goes on", a_vectored_call_goes_on},
	{"a vectored call is bounded", a_vectored_call_is_bounded},
	{"a long head goes on", a_long_head_goes_on},
	{"a long body is no head", a_long_body_is_no_head},
	{"a long head makes room", a_long_head_makes_room},
	{"a long head is told", a_long_head_is_told},
	{"long heads take turns", long_heads_take_turns},
	{"the tail is the last bytes", the_tail_is_the_last_bytes},
	{"the tail of a vectored read", the_tail_of_a_vectored_read},
	{"waiting is no stall", waiting_is_no_stall},
	{"the peer closes", the_peer_closes},
	{"the connection dies unanswered", the_connection_dies_unanswered},
	{"the peer closes unanswered", the_peer_closes_unanswered},
	{"a full buffer is counted and tried again", a_full_buffer_is_counted_and_tried_again},
	{"fast requests stay in the kernel", fast_requests_stay_in_the_kernel},
	{"quick answers stay in the kernel", quick_answers_stay_in_the_kernel},
	{"others are not followed", others_are_not_followed},
	{"the table is bounded", the_table_is_bounded},
	{"every request has an id of its own", every_request_has_an_id_of_its_own},
	{"a call seen half says so", a_call_seen_half_says_so},
	{"a descriptor is learnt", a_descriptor_is_learnt},
	{"a request knows its ends", a_request_knows_its_ends},
	{"a socket from before is told from the next", a_socket_from_before_is_told_from_the_next},
	{"two descriptors are none", two_descriptors_are_none},
	{"descriptors are read from objects", descriptors_are_read_from_objects},
	{"objects that tell nothing", objects_that_tell_nothing},
	{"a layout is believed until it is wrong", a_layout_is_believed_until_it_is_wrong},
	{"requests are numbered", requests_are_numbered},
	{"setting up is the first request's", setting_up_is_the_first_requests},
	{"connections of Go have no number", connections_of_go_have_no_number},
	{"a send is counted before it returns", a_send_is_counted_before_it_returns},
	{"goroutines have no thread", goroutines_have_no_thread},
	{"sendfile sends a body", sendfile_sends_a_body},
	{"corked bytes leave later", corked_bytes_leave_later},
	{"unreadable memory is survived", unreadable_memory_is_survived},
	{"what is not HTTP is an answer too", what_is_not_http_is_an_answer_too},
	CU_TEST_INFO_NULL,
};
