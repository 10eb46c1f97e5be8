/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Very many plain requests, against a server of its own that it forks.
 *
 *     flood hold BUCKET REQUESTS      each on a connection of its own, never answered; all stay
 *                                     open until stdin ends. Prints a line when all are sent.
 *     flood burst BUCKET REQUESTS     one after the other on keep-alive connections, as fast as
 *                                     four processes can, each answered; then prints a line.
 *     flood pipe BUCKET REQUESTS      the same texts, requests and answers, through a pipe and
 *                                     through a file
 *
 * The line is {"sent":N,"answered":N}. The server answers with the request's last path
 * component as x-amz-request-id ("RIDK123" for /bucket/k123).
 */
#include "wire.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PARTS 4
#define BACKLOG 4096 /* the usual somaxconn */
#define LISTENERS 8  /* BACKLOG each: connections that nobody accepts */

static const char *bucket;

static int listener(int *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &size) < 0)
		die("listen: %s", strerror(errno));
	*port = ntohs(at.sin_port);
	return fd;
}

static int dial(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("connect: %s", strerror(errno));
	return fd;
}

static size_t head_for(char *head, size_t size, int i, int port)
{
	char target[256], host[64];

	snprintf(target, sizeof(target), "/%s/k%d", bucket, i);
	snprintf(host, sizeof(host), "127.0.0.1:%d", port);
	return wire_head(head, size, "GET", target, host, "", "");
}

static void send_one(int fd, int i, int port)
{
	char head[2048];
	size_t n = head_for(head, sizeof(head), i, port);

	if (send(fd, head, n, MSG_NOSIGNAL) != (ssize_t)n)
		die("send: %s", strerror(errno));
}

/* --- burst: a server that answers ------------------------------------------ */

static void serve(int fd)
{
	char in[8192], out[512], id[64];
	ssize_t n;

	while ((n = recv(fd, in, sizeof(in) - 1, 0)) > 0) {
		char *key, *end;
		size_t k = 0;
		int m;

		in[n] = 0;
		key = strchr(in + 5, '/');
		end = key ? strchr(key, ' ') : NULL;
		for (key++; end && key < end && k < sizeof(id) - 1; key++)
			id[k++] = (char)toupper((unsigned char)*key);
		id[k] = 0;
		m = snprintf(
			out, sizeof(out),
			"HTTP/1.1 200 OK\r\nx-amz-request-id: RID%s\r\nContent-Length: 2\r\n\r\nok",
			id);
		if (send(fd, out, (size_t)m, MSG_NOSIGNAL) != m)
			break;
	}
	_exit(0);
}

static void burst(int requests)
{
	int *answered = mmap(NULL, sizeof(int) * PARTS, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int total = 0;

	for (int part = 0; part < PARTS; part++) {
		int port, fd = listener(&port);

		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			serve(accept(fd, NULL, NULL));
		}
		close(fd);
		if (fork() == 0) {
			char in[1024];

			prctl(PR_SET_PDEATHSIG, SIGKILL);
			fd = dial(port);
			for (int i = part; i < requests; i += PARTS) {
				send_one(fd, i, port);
				if (recv(fd, in, sizeof(in), 0) <= 0)
					die("receive: %s", strerror(errno));
				answered[part]++;
			}
			close(fd);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	for (int part = 0; part < PARTS; part++)
		total += answered[part];
	printf("{\"sent\":%d,\"answered\":%d}\n", requests, total);
}

/* --- hold: nobody answers -------------------------------------------------- */

static void hold(int requests)
{
	int port[LISTENERS], done[2], release[2];
	char byte;

	for (int i = 0; i < LISTENERS; i++)
		listener(&port[i]);
	if (requests > LISTENERS * (BACKLOG - 64))
		die("at most %d", LISTENERS * (BACKLOG - 64));
	if (pipe(done) || pipe(release))
		die("pipe");
	for (int part = 0; part < PARTS; part++) {
		if (fork())
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(release[1]);
		for (int i = part; i < requests; i += PARTS)
			send_one(dial(port[(i / PARTS) % LISTENERS]), i,
				 port[(i / PARTS) % LISTENERS]);
		if (write(done[1], "x", 1) != 1 || read(release[0], &byte, 1) != 0)
			die("released by force");
		_exit(0);
	}
	close(done[1]);
	close(release[0]);
	for (int part = 0; part < PARTS; part++)
		if (read(done[0], &byte, 1) != 1)
			die("a part failed");
	printf("{\"sent\":%d,\"answered\":0}\n", requests);
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	close(release[1]);
	while (wait(NULL) > 0)
		;
}

/* --- pipe: descriptors that are not connections ---------------------------- */

static void through(int in, int out, int requests)
{
	char head[2048], answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", back[4096];

	for (int i = 0; i < requests; i++) {
		size_t n = head_for(head, sizeof(head), i, 80);

		if (write(out, head, n) != (ssize_t)n || read(in, back, n) != (ssize_t)n ||
		    write(out, answer, sizeof(answer) - 1) != sizeof(answer) - 1 ||
		    read(in, back, sizeof(answer) - 1) != sizeof(answer) - 1)
			die("pipe: %s", strerror(errno));
	}
}

static void pipes(int requests)
{
	int ends[2];
	char name[] = "/tmp/s3slower-lab.XXXXXX";
	int file = mkstemp(name), again = open(name, O_RDONLY);

	if (pipe(ends) || file < 0 || again < 0)
		die("pipe or file: %s", strerror(errno));
	unlink(name);
	through(ends[0], ends[1], requests);
	through(again, file, requests);
	printf("{\"sent\":%d,\"answered\":0}\n", requests * 2);
}

int main(int argc, char **argv)
{
	struct rlimit files;
	int requests;

	if (argc != 4)
		die("usage: flood hold|burst|pipe BUCKET REQUESTS");
	bucket = argv[2];
	requests = atoi(argv[3]);
	signal(SIGPIPE, SIG_IGN);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	alarm(ALARM_S);
	if (!strcmp(argv[1], "hold"))
		hold(requests);
	else if (!strcmp(argv[1], "burst"))
		burst(requests);
	else if (!strcmp(argv[1], "pipe"))
		pipes(requests);
	else
		die("hold, burst or pipe?");
	return 0;
}
