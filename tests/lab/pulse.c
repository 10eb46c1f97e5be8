/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pulse PORT SECONDS SIZE BUCKET PAUSE_US PRIORITY: GETs of SIZE bytes over one TLS connection to
 * 127.0.0.1, one behind the other with a pause between them. With a PRIORITY it is a real-time
 * process: when its pause ends it takes the CPU from whoever has it, in the kernel, too, where
 * that can be preempted. Prints how many were sent: those are named 0, 1, ...
 */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MAX 1024
#define BODY_MAX 65536

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static SSL *connect_to(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	SSL *ssl = SSL_new(SSL_CTX_new(TLS_client_method()));

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) || !ssl ||
	    !SSL_set_fd(ssl, fd) || SSL_connect(ssl) != 1) {
		fprintf(stderr, "pulse: no connection\n");
		exit(3);
	}
	return ssl;
}

/* Reads one answer whole: 0, or -1. */
static int answer(SSL *ssl, char *to, size_t room, size_t body)
{
	size_t got = 0, whole = 0;
	const char *end;

	while (!whole || got < whole) {
		int n = SSL_read(ssl, to + got, (int)(room - got));

		if (n <= 0)
			return -1;
		got += (size_t)n;
		end = whole ? NULL : memmem(to, got, "\r\n\r\n", 4);
		if (end)
			whole = (size_t)(end + 4 - to) + body;
	}
	return got == whole ? 0 : -1;
}

int main(int argc, char **argv)
{
	static char head[HEAD_MAX], text[HEAD_MAX + BODY_MAX];
	struct sched_param real_time;
	unsigned n = 0;
	size_t size;
	double until;
	SSL *ssl;

	if (argc != 7 || (size = strtoul(argv[3], NULL, 10)) > BODY_MAX) {
		fprintf(stderr, "usage: pulse PORT SECONDS SIZE BUCKET PAUSE_US PRIORITY\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	ssl = connect_to(atoi(argv[1]));
	real_time.sched_priority = atoi(argv[6]);
	if (real_time.sched_priority && sched_setscheduler(0, SCHED_FIFO, &real_time)) {
		perror("pulse: sched_setscheduler");
		return 3;
	}
	for (until = now_s() + atof(argv[2]); now_s() < until; n++) {
		int len = snprintf(head, sizeof(head),
				   "GET /%s/%zu/%u HTTP/1.1\r\nHost: s3.us-east-1.amazonaws.com\r\n"
				   "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\nAuthorization: "
				   "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/s3/"
				   "aws4_request, SignedHeaders=host, Signature=00\r\n\r\n",
				   argv[4], size, n);

		if (SSL_write(ssl, head, len) != len ||
		    answer(ssl, text, sizeof(text), size)) {
			fprintf(stderr, "pulse: the connection ended\n");
			return 4;
		}
		usleep((useconds_t)atoi(argv[5]));
	}
	printf("%u\n", n);
	return 0;
}
