/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An S3 client that does what its script says, one library or system call at
 * a time, and reports each request on its own clock.
 *
 *     client PORT CA|- < script
 *
 * A script is lines of words. Connections are called by small numbers. A word
 * {i} is the innermost loop's turn, from 0.
 *
 *     open C [nonblock] [partial] [proxy] [sndbuf=N] [rcvbuf=N] [plain=PORT]
 *                                 plain=PORT: to another port, without TLS
 *     head C METHOD TARGET [length=N] [expect] [chunked] [front=N] [host=TEXT] [hostfill=N]
 *                          [header=NAME:VALUE]
 *                                 begins a request: its head goes into C's out buffer;
 *                                 front=N puts N bytes of headers before Host
 *     body C N [fill=TEXT]        N bytes more for the out buffer
 *     text C TEXT                 TEXT (\r, \n, and \s for a space) for the out buffer
 *     send C [way=TLS[:PLAIN]] [calls=N | chunk=N] [pieces=N] [gap=MS] [listen]
 *                                 sends the out buffer; listen: stops when an answer or an
 *                                 error comes (the connection must be nonblock)
 *     recv C interim|head|rest|N|end [way=TLS[:PLAIN]] [size=N] [nest=D]
 *                                 rest: to the end of the answer, end: to the end of the
 *                                 stream; both report then. nest=D: D's out buffer is sent
 *                                 from within the first read
 *     poll C MS                   waits for C to be readable
 *     done C                      reports the request, answered or not
 *     sleep MS
 *     await PATH                  until there is such a file
 *     close C [free|fd|reset]
 *     fork ... parent [wait]      the steps between are the child's
 *     repeat N ... again          loops nest
 *     kill                        SIGKILL to itself
 *
 * "@T step" runs a step on thread T and waits for it, "&T step" does not wait;
 * "join" waits for all. TARGET "/bucket/key" is taken as it is. A report:
 * {"target","pid","tid","fd","conn","start":[ns,ns],"asked":[..],"told":[..],"sent":[..],
 *  "first":[..],"last":[..],"over":[..],"end","status","request_bytes","response_bytes","again"};
 * the pairs are the clock before and after the first send, the last send before an interim answer
 * is awaited, the last read of that answer, the last send, the read that gave the first and the
 * last byte of the final answer, and the read that found the stream's end or our own closing;
 * null where it did not happen. request_bytes is the body's part of what was taken.
 */
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINES_MAX 512
#define WORDS_MAX 24
#define CONNS_MAX 128
#define REQUESTS_MAX 64 /* in flight on one connection */
#define THREADS_MAX 16
#define LOOPS_MAX 4
#define IN_MAX (1u << 20)

struct request {
	char target[2048];
	bool head_only; /* HEAD: no body follows */
	bool in_out;	/* some of it is in the out buffer */
	int tid;
	struct stamp start, asked, told, sent, first, last, over;
	int64_t end;
	int status;
	uint64_t head_bytes, taken, body_bytes;
	unsigned again;
};

struct conn {
	struct wire wire;
	int port;
	struct request request[REQUESTS_MAX];
	unsigned head, tail; /* oldest unreported, next free */
	char *out;
	size_t out_len, out_cap;
	/* the answer being read */
	char in[65536];
	size_t in_len;
	struct stamp last_read;
	struct conn *nest; /* to be sent from within the next read */
};

static struct place place;
static struct conn *conns[CONNS_MAX];
static char *lines[LINES_MAX];
static int line_count;
static pthread_mutex_t print_lock = PTHREAD_MUTEX_INITIALIZER;

/* --- words ----------------------------------------------------------------- */

struct words {
	char *word[WORDS_MAX];
	int n;
	char text[4096];
};

static void split(struct words *words, const char *line, long turn)
{
	size_t n = 0;
	const char *p = line;

	while (*p && n + 24 < sizeof(words->text)) {
		if (!strncmp(p, "{i}", 3)) {
			n += (size_t)sprintf(words->text + n, "%ld", turn);
			p += 3;
		} else {
			words->text[n++] = *p++;
		}
	}
	if (*p)
		die("line too long: %.60s", line);
	words->text[n] = 0;
	words->n = 0;
	for (char *save, *word = strtok_r(words->text, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		if (words->n == WORDS_MAX)
			die("too many words: %.60s", line);
		words->word[words->n++] = word;
	}
}

/* The value of NAME=VALUE, "" for a bare NAME, NULL when it is not there. */
static const char *option(const struct words *words, const char *name)
{
	size_t n = strlen(name);

	for (int i = 1; i < words->n; i++) {
		if (strncmp(words->word[i], name, n))
			continue;
		if (words->word[i][n] == '=')
			return words->word[i] + n + 1;
		if (!words->word[i][n])
			return "";
	}
	return NULL;
}

static long number(const struct words *words, const char *name, long otherwise)
{
	const char *value = option(words, name);

	return value ? atol(value) : otherwise;
}

/* way=TLS:PLAIN */
static enum way way_of(const struct words *words, const struct wire *wire, const char *otherwise)
{
	const char *value = option(words, "way");
	const char *colon;
	char name[16];

	if (!value)
		value = otherwise;
	colon = strchr(value, ':');
	if (!wire->ssl && colon)
		return way_named(colon + 1);
	snprintf(name, sizeof(name), "%.*s", colon ? (int)(colon - value) : 15, value);
	return way_named(name);
}

static struct conn *conn_of(const struct words *words)
{
	int i = words->n > 1 ? atoi(words->word[1]) : -1;

	if (i < 0 || i >= CONNS_MAX)
		die("%s: which connection?", words->word[0]);
	if (!conns[i])
		conns[i] = calloc(1, sizeof(*conns[i]));
	return conns[i];
}

static struct request *oldest(struct conn *conn)
{
	if (conn->head == conn->tail)
		die("no request is open");
	return &conn->request[conn->head % REQUESTS_MAX];
}

static void sleep_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

/* --- requests -------------------------------------------------------------- */

static void append(struct conn *conn, const char *data, size_t n)
{
	if (conn->out_len + n > conn->out_cap) {
		conn->out_cap = (conn->out_len + n) * 2;
		conn->out = realloc(conn->out, conn->out_cap);
		if (!conn->out)
			die("no memory");
	}
	memcpy(conn->out + conn->out_len, data, n);
	conn->out_len += n;
	conn->request[(conn->tail - 1) % REQUESTS_MAX].in_out = true;
}

static void do_head(struct conn *conn, const struct words *words)
{
	static const char filler[] = "abcdefghijklmnopqrstuvwxyz012345";
	struct request *request = &conn->request[conn->tail % REQUESTS_MAX];
	char head[32768], front[16384] = "", more[4096] = "", host[12288];
	const char *value;
	long hostfill = number(words, "hostfill", 0);
	size_t n = 0;

	if (words->n < 4)
		die("head: METHOD TARGET");
	if (conn->tail - conn->head == REQUESTS_MAX)
		die("too many requests in flight");
	*request = (struct request){.status = 0};
	snprintf(request->target, sizeof(request->target), "%s", words->word[3]);
	request->head_only = !strcmp(words->word[2], "HEAD");
	for (long left = number(words, "front", 0), i = 0; left > 0 && n + 64 < sizeof(front);
	     left -= 48, i++)
		n += (size_t)snprintf(front + n, sizeof(front) - n, "X-Filler-%03ld: %s\r\n", i,
				      filler);
	if (hostfill >= (long)sizeof(host) - 64)
		die("hostfill is too large");
	memset(host, 'h', (size_t)hostfill);
	value = option(words, "host");
	snprintf(host + hostfill, sizeof(host) - (size_t)hostfill, "%s:%d",
		 value	    ? value
		 : hostfill ? ".localhost"
			    : "127.0.0.1",
		 conn->port);
	n = 0;
	if (option(words, "length"))
		n += (size_t)snprintf(more + n, sizeof(more) - n, "Content-Length: %ld\r\n",
				      number(words, "length", 0));
	if (option(words, "expect"))
		n += (size_t)snprintf(more + n, sizeof(more) - n, "Expect: 100-continue\r\n");
	if (option(words, "chunked"))
		n += (size_t)snprintf(more + n, sizeof(more) - n, "Transfer-Encoding: chunked\r\n");
	for (int i = 4; i < words->n; i++)
		if (!strncmp(words->word[i], "header=", 7))
			n += (size_t)snprintf(more + n, sizeof(more) - n, "%s\r\n",
					      words->word[i] + 7);
	n = wire_head(head, sizeof(head), words->word[2], words->word[3], host, front, more);
	request->head_bytes = n;
	conn->tail++;
	append(conn, head, n);
}

static void do_body(struct conn *conn, const struct words *words)
{
	long n = words->n > 2 ? atol(words->word[2]) : 0;
	const char *fill = option(words, "fill");
	char block[4096];
	size_t unit;

	if (!fill || !*fill)
		fill = "y";
	unit = strlen(fill);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = fill[i % unit] == '_'   ? ' '
			   : fill[i % unit] == '|' ? '\n'
						   : fill[i % unit];
	for (long k, whole = (long)(sizeof(block) / unit * unit); n > 0; n -= k) {
		k = n < whole ? n : whole;
		append(conn, block, (size_t)k);
	}
}

static void do_text(struct conn *conn, const struct words *words)
{
	char text[4096];
	size_t n = 0;
	const char *p = words->n > 2 ? words->word[2] : "";

	for (; *p; p++) {
		if (*p == '\\' && p[1]) {
			p++;
			text[n++] = *p == 'r' ? '\r' : *p == 'n' ? '\n' : *p == 's' ? ' ' : *p;
		} else {
			text[n++] = *p;
		}
	}
	append(conn, text, n);
}

static void note_sent(struct conn *conn, const struct stamp *stamp, const struct stamp *first_try,
		      size_t bytes, unsigned again)
{
	for (unsigned i = conn->head; i != conn->tail; i++) {
		struct request *request = &conn->request[i % REQUESTS_MAX];

		if (!request->in_out)
			continue;
		if (!request->start.before) {
			request->start = *first_try;
			request->tid = (int)syscall(SYS_gettid);
		}
		request->sent = *stamp;
		request->taken += bytes;
		request->again += again;
	}
}

/* A peek, because a descriptor is readable for a TLS session ticket, too. */
static bool answer_has_come(struct conn *conn)
{
	struct stamp stamp;
	char byte;

	return wire_recv(&conn->wire, WAY_PEEK, &byte, 1, &stamp) != WIRE_AGAIN;
}

static void do_send(struct conn *conn, const struct words *words)
{
	long calls = words ? number(words, "calls", 1) : 1;
	long chunk = words ? number(words, "chunk", 0) : 0;
	long gap = words ? number(words, "gap", 0) : 0;
	int pieces = words ? (int)number(words, "pieces", 4) : 1;
	bool listening = words && option(words, "listen");
	enum way way = words ? way_of(words, &conn->wire, "write") : WAY_WRITE;
	size_t done = 0, each;

	each = chunk ? (size_t)chunk : (conn->out_len + (size_t)calls - 1) / (size_t)calls;
	while (done < conn->out_len) {
		size_t n = conn->out_len - done < each ? conn->out_len - done : each, took = 0;

		while (took < n) {
			struct stamp stamp, first_try = {0, 0};
			unsigned again = 0;
			long result = WIRE_AGAIN;

			while (result == WIRE_AGAIN) {
				if (listening && answer_has_come(conn)) {
					result = WIRE_FAILED;
					break;
				}
				result = wire_send(&conn->wire, way, conn->out + done + took,
						   n - took, pieces, &stamp);
				if (!first_try.before)
					first_try = stamp;
				if (result == WIRE_AGAIN) {
					again++;
					conn->wire.events |= listening ? POLLIN : 0;
					wire_wait(&conn->wire);
				}
			}
			if (result <= 0) {
				if (!listening)
					die("send: %s", strerror(errno));
				goto out;
			}
			first_try.after = stamp.after;
			note_sent(conn, &stamp, &first_try, (size_t)result, again);
			took += (size_t)result;
		}
		done += took;
		if (gap)
			sleep_ms(gap);
	}
out:
	conn->out_len = 0;
	for (unsigned i = conn->head; i != conn->tail; i++)
		conn->request[i % REQUESTS_MAX].in_out = false;
}

/* --- answers --------------------------------------------------------------- */

static void print_stamp(const char *name, const struct stamp *stamp)
{
	if (stamp->before)
		printf(",\"%s\":[%lld,%lld]", name, (long long)stamp->before,
		       (long long)stamp->after);
	else
		printf(",\"%s\":null", name);
}

static void report(struct conn *conn)
{
	struct request *request = oldest(conn);

	pthread_mutex_lock(&print_lock);
	printf("{\"target\":\"%s\",\"pid\":%d,\"tid\":%d,\"fd\":%d,\"conn\":\"%p\"",
	       request->target, getpid(), request->tid, conn->wire.fd, (void *)conn->wire.ssl);
	print_stamp("start", &request->start);
	print_stamp("asked", &request->asked);
	print_stamp("told", &request->told);
	print_stamp("sent", &request->sent);
	print_stamp("first", &request->first);
	print_stamp("last", &request->last);
	print_stamp("over", &request->over);
	printf(",\"end\":%lld,\"status\":", (long long)now_ns());
	if (request->status)
		printf("%d", request->status);
	else
		printf("null");
	printf(",\"request_bytes\":%llu,\"response_bytes\":%llu,\"again\":%u}\n",
	       (unsigned long long)(request->taken > request->head_bytes
					    ? request->taken - request->head_bytes
					    : 0),
	       (unsigned long long)request->body_bytes, request->again);
	fflush(stdout);
	pthread_mutex_unlock(&print_lock);
	conn->head++;
}

/* The nested send: from within the read of another connection. */
static long nesting(BIO *bio, int operation, const char *data, size_t n, int arg, long argl,
		    int ret, size_t *processed)
{
	struct conn *conn = (struct conn *)BIO_get_callback_arg(bio);

	(void)data, (void)n, (void)arg, (void)argl, (void)processed;
	if (operation == BIO_CB_READ && conn && conn->nest) {
		struct conn *nest = conn->nest;

		conn->nest = NULL;
		do_send(nest, NULL);
	}
	return ret;
}

/* Reads once into conn->in. False at the end of the stream. */
static bool fill(struct conn *conn, enum way way, size_t size, struct stamp *last)
{
	struct stamp now, *stamp = &now; /* the end of the stream is no read that gave bytes */
	struct request *request = conn->head == conn->tail ? NULL : oldest(conn);
	size_t room = sizeof(conn->in) - conn->in_len;
	long result;

	if (size > room)
		size = room;
	if (conn->nest && conn->wire.ssl) {
		BIO_set_callback_ex(SSL_get_rbio(conn->wire.ssl), nesting);
		BIO_set_callback_arg(SSL_get_rbio(conn->wire.ssl), (char *)conn);
	}
	if (way == WAY_PEEK) { /* look first, then take */
		do {
			result = wire_recv(&conn->wire, WAY_PEEK, conn->in + conn->in_len, size,
					   stamp);
			if (result == WIRE_AGAIN)
				wire_wait(&conn->wire);
		} while (result == WIRE_AGAIN);
		way = WAY_WRITE;
	}
	while ((result = wire_recv(&conn->wire, way, conn->in + conn->in_len, size, stamp)) ==
	       WIRE_AGAIN) {
		if (request)
			request->again++;
		wire_wait(&conn->wire);
	}
	if (result <= 0) {
		if (request)
			request->over = now;
		return false;
	}
	conn->in_len += (size_t)result;
	conn->last_read = *last = now;
	return true;
}

/* The length of the head at the start of conn->in, 0 if it is not whole. */
static size_t head_length(const struct conn *conn)
{
	const char *end = memmem(conn->in, conn->in_len, "\r\n\r\n", 4);

	return end ? (size_t)(end - conn->in) + 4 : 0;
}

static void drop(struct conn *conn, size_t n)
{
	conn->in_len -= n;
	memmove(conn->in, conn->in + n, conn->in_len);
}

static const char *header(const char *head, size_t n, const char *name)
{
	for (const char *p = head, *next; p < head + n; p = next) {
		next = memmem(p, (size_t)(head + n - p), "\r\n", 2);
		if (!next)
			break;
		next += 2;
		if (!strncasecmp(p, name, strlen(name)) && p[strlen(name)] == ':')
			return p + strlen(name) + 1;
	}
	return NULL;
}

/* Reads up to the end of a head; returns its length or 0 at the end of the stream. The head
 * stays in conn->in. first is set to the read that gave its first byte. */
static size_t read_head(struct conn *conn, enum way way, size_t size, struct stamp *first,
			struct stamp *last)
{
	size_t n;

	while (!(n = head_length(conn))) {
		struct stamp stamp;
		bool begins = !conn->in_len;

		if (!fill(conn, way, size, &stamp))
			return 0;
		*last = stamp;
		if (begins)
			*first = stamp;
	}
	return n;
}

/* Reads and drops n body bytes, or until the stream ends (n < 0). */
static void read_body(struct conn *conn, struct request *request, enum way way, size_t size, long n)
{
	while (n != 0) {
		if (!conn->in_len && !fill(conn, way, size, &request->last))
			return;
		size_t k = n < 0 || (size_t)n > conn->in_len ? conn->in_len : (size_t)n;

		request->body_bytes += k;
		drop(conn, k);
		if (n > 0)
			n -= (long)k;
	}
}

/* One line of chunk framing, in line; its bytes are dropped. */
static bool read_line(struct conn *conn, struct request *request, enum way way, size_t size,
		      char *line, size_t room)
{
	const char *end;

	while (!(end = memmem(conn->in, conn->in_len, "\r\n", 2)))
		if (!fill(conn, way, size, &request->last))
			return false;
	snprintf(line, room, "%.*s", (int)(end - conn->in), conn->in);
	drop(conn, (size_t)(end - conn->in) + 2);
	return true;
}

static void read_chunks(struct conn *conn, struct request *request, enum way way, size_t size)
{
	char line[1024];
	long n;

	do {
		if (!read_line(conn, request, way, size, line, sizeof(line)))
			return;
		n = strtol(line, NULL, 16);
		read_body(conn, request, way, size, n);
		if (n && !read_line(conn, request, way, size, line, sizeof(line)))
			return;
	} while (n);
	while (read_line(conn, request, way, size, line, sizeof(line)) && *line)
		;
}

/* Where reading stands between two recv steps of one answer. */
struct pending {
	long left; /* body bytes to come; -1: to the end of the stream; -2: chunked */
	bool open;
};
static struct pending pending[CONNS_MAX];

static void do_recv(struct conn *conn, int index, const struct words *words)
{
	const char *what = words->n > 2 ? words->word[2] : "";
	enum way way = way_of(words, &conn->wire, "write");
	size_t size = (size_t)number(words, "size", sizeof(conn->in));
	struct request *request = oldest(conn);
	struct pending *answer = &pending[index];
	struct stamp first, last;
	long nest = number(words, "nest", -1);
	size_t n;

	if (nest >= 0 && conn->wire.ssl)
		conn->nest = conns[nest];
	else if (nest >= 0)
		do_send(conns[nest], NULL);
	if (!strcmp(what, "interim")) {
		request->asked = request->sent;
		n = read_head(conn, way, size, &first, &last);
		if (n && conn->in[9] == '1') {
			request->told = last;
			drop(conn, n);
		}
		return; /* a final status stays for the next recv, which takes its time from there
			 */
	}
	while (!answer->open) {
		first = last = conn->last_read; /* of what is in the buffer already */
		if (!(n = read_head(conn, way, size, &first, &last)))
			goto out;
		request->first = first;
		request->last = last;
		if (conn->in[9] == '1') {
			drop(conn, n);
			continue;
		}
		request->status = atoi(conn->in + 9);
		const char *length = header(conn->in, n, "Content-Length");
		const char *coding = header(conn->in, n, "Transfer-Encoding");

		answer->open = true;
		if (request->head_only || request->status == 204 || request->status == 304)
			answer->left = 0;
		else if (coding)
			answer->left = -2;
		else
			answer->left = length ? atol(length) : -1;
		drop(conn, n);
	}
	if (!strcmp(what, "head"))
		return;
	if (!strcmp(what, "rest")) {
		if (answer->left == -2)
			read_chunks(conn, request, way, size);
		else
			read_body(conn, request, way, size, answer->left);
	} else if (!strcmp(what, "end")) {
		read_body(conn, request, way, size, -1);
	} else { /* N bytes of the body */
		read_body(conn, request, way, size, atol(what));
		answer->left -= atol(what);
		return;
	}
out:
	answer->open = false;
	report(conn);
}

/* --- steps ----------------------------------------------------------------- */

static void do_close(struct conn *conn, const struct words *words)
{
	struct stamp stamp = {.before = now_ns()};

	wire_close(&conn->wire, option(words, "free")	 ? END_FREE
				: option(words, "fd")	 ? END_FD
				: option(words, "reset") ? END_RESET
							 : END_PROPER);
	stamp.after = now_ns();
	for (unsigned i = conn->head; i != conn->tail; i++)
		conn->request[i % REQUESTS_MAX].over = stamp;
	conn->in_len = 0;
}

static void step(const struct words *words)
{
	const char *verb = words->word[0];
	struct conn *conn;

	if (!strcmp(verb, "sleep")) {
		sleep_ms(words->n > 1 ? atol(words->word[1]) : 0);
		return;
	}
	if (!strcmp(verb, "await")) {
		while (access(words->word[1], F_OK))
			sleep_ms(10);
		return;
	}
	if (!strcmp(verb, "kill")) {
		fflush(stdout);
		raise(SIGKILL);
	}
	conn = conn_of(words);
	if (!strcmp(verb, "open")) {
		struct wire_options options = {
			.nonblock = option(words, "nonblock"),
			.proxy = option(words, "proxy") && place.ca,
			.partial = option(words, "partial"),
			.sndbuf = (int)number(words, "sndbuf", 0),
			.rcvbuf = (int)number(words, "rcvbuf", 0),
		};
		struct place to = place;

		if (option(words, "plain"))
			to = (struct place){(int)number(words, "plain", 0), NULL};
		conn->port = to.port;
		wire_open(&conn->wire, &to, &options);
		pending[atoi(words->word[1])].open = false;
	} else if (!strcmp(verb, "head")) {
		do_head(conn, words);
	} else if (!strcmp(verb, "body")) {
		do_body(conn, words);
	} else if (!strcmp(verb, "text")) {
		do_text(conn, words);
	} else if (!strcmp(verb, "send")) {
		do_send(conn, words);
	} else if (!strcmp(verb, "recv")) {
		do_recv(conn, atoi(words->word[1]), words);
	} else if (!strcmp(verb, "poll")) {
		wire_readable(&conn->wire, words->n > 2 ? atoi(words->word[2]) : 0);
	} else if (!strcmp(verb, "done")) {
		report(conn);
		pending[atoi(words->word[1])].open = false;
	} else if (!strcmp(verb, "close")) {
		do_close(conn, words);
	} else {
		die("no step called %s", verb);
	}
}

/* --- threads --------------------------------------------------------------- */

static struct worker {
	pthread_t thread;
	bool started, busy;
	struct words words;
	pthread_mutex_t lock;
	pthread_cond_t change;
} workers[THREADS_MAX];

static void *work(void *arg)
{
	struct worker *worker = arg;

	pthread_mutex_lock(&worker->lock);
	for (;;) {
		while (!worker->busy)
			pthread_cond_wait(&worker->change, &worker->lock);
		pthread_mutex_unlock(&worker->lock);
		step(&worker->words);
		pthread_mutex_lock(&worker->lock);
		worker->busy = false;
		pthread_cond_broadcast(&worker->change);
	}
	return NULL;
}

static void await(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	while (worker->busy)
		pthread_cond_wait(&worker->change, &worker->lock);
	pthread_mutex_unlock(&worker->lock);
}

static void hand_over(int index, const char *line, long turn, bool wait)
{
	struct worker *worker = &workers[index % THREADS_MAX];

	if (!worker->started) {
		pthread_mutex_init(&worker->lock, NULL);
		pthread_cond_init(&worker->change, NULL);
		if (pthread_create(&worker->thread, NULL, work, worker))
			die("no thread");
		worker->started = true;
	}
	await(worker);
	pthread_mutex_lock(&worker->lock);
	split(&worker->words, line, turn);
	worker->busy = true;
	pthread_cond_broadcast(&worker->change);
	pthread_mutex_unlock(&worker->lock);
	if (wait)
		await(worker);
}

/* --- the script ------------------------------------------------------------ */

static int find(int from, const char *verb)
{
	for (int i = from; i < line_count; i++)
		if (!strncmp(lines[i], verb, strlen(verb)))
			return i;
	die("no %s", verb);
}

static void run(void)
{
	struct {
		int line;
		long turn, turns;
	} loop[LOOPS_MAX];
	int depth = 0, in_child = 0;

	for (int i = 0; i < line_count; i++) {
		const char *line = lines[i];
		long turn = depth ? loop[depth - 1].turn : 0;
		struct words words;

		if (*line == '@' || *line == '&') {
			char *rest;
			long index = strtol(line + 1, &rest, 10);

			hand_over((int)index, rest, turn, *line == '@');
			continue;
		}
		split(&words, line, turn);
		if (!words.n)
			continue;
		if (!strcmp(words.word[0], "repeat")) {
			if (depth == LOOPS_MAX)
				die("loops are too deep");
			loop[depth].line = i;
			loop[depth].turn = 0;
			loop[depth++].turns = atol(words.word[1]);
		} else if (!strcmp(words.word[0], "again")) {
			if (++loop[depth - 1].turn < loop[depth - 1].turns)
				i = loop[depth - 1].line;
			else
				depth--;
		} else if (!strcmp(words.word[0], "join")) {
			for (int k = 0; k < THREADS_MAX; k++)
				if (workers[k].started)
					await(&workers[k]);
		} else if (!strcmp(words.word[0], "fork")) {
			pid_t child;

			fflush(stdout);
			child = fork();
			if (child < 0)
				die("fork: %s", strerror(errno));
			if (child == 0) {
				in_child = 1;
			} else {
				i = find(i, "parent");
				if (strstr(lines[i], "wait"))
					waitpid(child, NULL, 0);
			}
		} else if (!strcmp(words.word[0], "parent")) {
			if (in_child) {
				fflush(stdout);
				_exit(0);
			}
		} else {
			step(&words);
		}
	}
}

int main(int argc, char **argv)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (argc != 3)
		die("usage: client PORT CA|- < script");
	place = (struct place){atoi(argv[1]), strcmp(argv[2], "-") ? argv[2] : NULL};
	signal(SIGPIPE, SIG_IGN);
	alarm(ALARM_S);
	while ((n = getline(&line, &cap, stdin)) > 0) {
		if (line_count == LINES_MAX)
			die("the script is too long");
		line[strcspn(line, "\n")] = 0;
		lines[line_count++] = strdup(line);
	}
	run();
	return 0;
}
