/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many threads on one pool of connections: each request is written by one
 * thread and its answer is read by another.
 *
 *     crowd PORT CA|- BUCKET THREADS CONNECTIONS REQUESTS
 *
 * Even threads write, odd ones read. Prints {"sent":N,"answered":N,"pid":P,"crossed":N}
 * (crossed: answers read by a thread that did not write the request), after the last.
 */
#include "wire.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CONNS_MAX 64

static struct conn {
	struct wire wire;
	enum { IDLE, BUSY, WRITTEN } state;
	pid_t writer;
} conns[CONNS_MAX];

static struct place place;
static const char *bucket;
static int conn_count, wanted, sent, answered, crossed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;

/* Takes a connection in that state, or NULL when all is done. Takes a random one, so that
 * threads and connections do not pair up. */
static struct conn *take(int state, const int *count)
{
	struct conn *found = NULL;
	static unsigned seed = 42;

	pthread_mutex_lock(&lock);
	while (*count < wanted) {
		int from = rand_r(&seed) % conn_count;

		for (int i = 0; i < conn_count && !found; i++)
			if ((int)conns[(from + i) % conn_count].state == state)
				found = &conns[(from + i) % conn_count];
		if (found)
			break;
		pthread_cond_wait(&change, &lock);
	}
	if (found)
		found->state = BUSY;
	pthread_mutex_unlock(&lock);
	return found;
}

static void give(struct conn *conn, int state)
{
	pthread_mutex_lock(&lock);
	conn->state = state;
	pthread_cond_broadcast(&change);
	pthread_mutex_unlock(&lock);
}

static void *write_requests(void *arg)
{
	struct conn *conn;
	struct stamp stamp;
	char head[4096], target[256], host[64];

	(void)arg;
	while ((conn = take(IDLE, &sent))) {
		int i;
		size_t n;

		pthread_mutex_lock(&lock);
		i = sent < wanted ? sent++ : -1;
		if (sent == wanted)
			pthread_cond_broadcast(&change);
		pthread_mutex_unlock(&lock);
		if (i < 0) {
			give(conn, IDLE);
			break;
		}
		snprintf(target, sizeof(target), "/%s/k%d", bucket, i);
		snprintf(host, sizeof(host), "127.0.0.1:%d", place.port);
		n = wire_head(head, sizeof(head), "GET", target, host, "", "");
		if (wire_send(&conn->wire, WAY_EX, head, n, 1, &stamp) != (long)n)
			die("send failed");
		conn->writer = (pid_t)syscall(SYS_gettid);
		give(conn, WRITTEN);
	}
	return NULL;
}

static void *read_answers(void *arg)
{
	struct conn *conn;

	(void)arg;
	while ((conn = take(WRITTEN, &answered))) {
		char in[8192];
		size_t have = 0, whole = 0;
		struct stamp stamp;

		do {
			long n = wire_recv(&conn->wire, WAY_EX, in + have, sizeof(in) - 1 - have,
					   &stamp);
			const char *end, *length;

			if (n <= 0)
				die("receive failed");
			have += (size_t)n;
			in[have] = 0;
			end = strstr(in, "\r\n\r\n");
			length = strstr(in, "Content-Length: ");
			if (end && length)
				whole = (size_t)(end - in) + 4 + (size_t)atol(length + 16);
		} while (!whole || have < whole);
		pthread_mutex_lock(&lock);
		crossed += conn->writer != (pid_t)syscall(SYS_gettid);
		if (++answered == wanted)
			pthread_cond_broadcast(&change);
		pthread_mutex_unlock(&lock);
		give(conn, IDLE);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int threads;
	pthread_t *thread;

	if (argc != 7)
		die("usage: crowd PORT CA|- BUCKET THREADS CONNECTIONS REQUESTS");
	place = (struct place){atoi(argv[1]), strcmp(argv[2], "-") ? argv[2] : NULL};
	bucket = argv[3];
	threads = atoi(argv[4]);
	conn_count = atoi(argv[5]);
	wanted = atoi(argv[6]);
	if (threads < 2 || conn_count < 1 || conn_count > CONNS_MAX)
		die("bad numbers");
	signal(SIGPIPE, SIG_IGN);
	alarm(ALARM_S);
	for (int i = 0; i < conn_count; i++)
		wire_open(&conns[i].wire, &place, &(struct wire_options){0});
	thread = calloc((size_t)threads, sizeof(*thread));
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, i & 1 ? read_answers : write_requests, NULL))
			die("no thread");
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < conn_count; i++)
		wire_close(&conns[i].wire, END_PROPER);
	free(thread);
	printf("{\"sent\":%d,\"answered\":%d,\"pid\":%d,\"crossed\":%d}\n", sent, answered,
	       getpid(), crossed);
	return 0;
}
