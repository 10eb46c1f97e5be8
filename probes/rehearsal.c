/* SPDX-License-Identifier: Apache-2.0 */
#include "rehearsal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "stack.h"

#define BATCHES 16
#define BATCH 25 /* requests that are timed together */
#define HEAD_MAX 512

const char *rehearsal_library(int i, const char **file)
{
	const struct stack *stack = stack_at(i);

	*file = stack ? stack->file : NULL;
	return stack ? stack->library : NULL;
}

struct play {
	const struct stack *stack;
	const struct rehearsal_script *script;
	int listener;
};

static void *serve(void *ctx)
{
	const struct play *play = ctx;
	struct side side = {.fd = accept(play->listener, NULL, NULL), .server = true};
	size_t n = strlen(play->script->answer), used = 0;
	char head[HEAD_MAX];
	int one = 1;
	long got;

	setsockopt(side.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (side.fd < 0 || (play->stack->open && play->stack->open(&side)))
		return NULL;
	while ((got = play->stack->receive(&side, head + used, sizeof(head) - used)) > 0) {
		used += (size_t)got;
		if (used < 4 || memcmp(head + used - 4, "\r\n\r\n", 4) != 0)
			continue;
		if (play->stack->send(&side, play->script->answer, n) != (long)n)
			break;
		used = 0;
	}
	close(side.fd);
	return NULL;
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* One request; from the call that sends it to the return of the one that has all of
 * the answer, in microseconds. Negative when it failed. */
static double request(const struct play *play, struct side *side, const struct rehearsal_text *text,
		      int i)
{
	size_t want = strlen(play->script->answer), got = 0;
	char head[HEAD_MAX], answer[HEAD_MAX];
	int n = snprintf(head, sizeof(head), "%s%d%s", text->before, i, text->after);
	double begun = now_us();

	if (want > sizeof(answer) || play->stack->send(side, head, (size_t)n) != n)
		return -1;
	while (got < want) {
		long more = play->stack->receive(side, answer + got, sizeof(answer) - got);

		if (more <= 0)
			return -1;
		got += (size_t)more;
	}
	return now_us() - begun;
}

/* The fastest of several batches: the others were interrupted. */
static double others_us(const struct play *play, struct side *side)
{
	double best = 1e9;

	for (int b = 0; b < BATCHES; b++) {
		double begun = now_us(), us;

		for (int i = 0; i < BATCH; i++)
			if (request(play, side, &play->script->other, i) < 0)
				return -1;
		us = (now_us() - begun) / BATCH;
		best = us < best ? us : best;
	}
	return best;
}

static int connect_to_server(struct play *play, struct side *side, pthread_t *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int one = 1;

	play->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	side->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (play->listener < 0 || side->fd < 0 ||
	    bind(play->listener, (struct sockaddr *)&address, size) || listen(play->listener, 1) ||
	    getsockname(play->listener, (struct sockaddr *)&address, &size))
		return -errno;
	if (pthread_create(server, NULL, serve, play))
		return -EAGAIN;
	if (connect(side->fd, (struct sockaddr *)&address, size))
		return -errno;
	setsockopt(side->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return play->stack->open ? play->stack->open(side) : 0;
}

static int tell(int fd, struct rehearsal_report *report, int error, const char *problem)
{
	report->error = error;
	snprintf(report->problem, sizeof(report->problem), "%s", problem);
	return write(fd, report, sizeof(*report)) == sizeof(*report) ? error : -EIO;
}

int rehearsal_play(int i, const struct rehearsal_script *script, int go, int out)
{
	struct play play = {.stack = stack_at(i), .script = script};
	struct rehearsal_report report = {0};
	struct side side = {0};
	pthread_t server;
	char byte;
	int err = play.stack->load ? play.stack->load(play.stack->file) : 0;

	if (err)
		return tell(out, &report, err, "it cannot be loaded here");
	err = connect_to_server(&play, &side, &server);
	if (err)
		return tell(out, &report, err, "client and server found no common ground");
	others_us(&play, &side); /* warm */
	report.request_us = others_us(&play, &side);
	if (report.request_us < 0)
		return tell(out, &report, -EPIPE, "the connection broke");
	if (tell(out, &report, 0, "") || read(go, &byte, 1) != 1)
		return -EIO;
	report.request_us = others_us(&play, &side);
	for (int k = 0; k < REHEARSAL_REQUESTS; k++) {
		report.latency_us[k] = request(&play, &side, &script->request, k);
		if (report.latency_us[k] < 0)
			return tell(out, &report, -EPIPE, "the connection broke");
	}
	err = tell(out, &report, 0, "");
	close(side.fd);
	pthread_join(server, NULL);
	return err;
}
