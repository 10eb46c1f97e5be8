/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server CERT KEY LIFETIME_S: HTTPS on a free port of 127.0.0.1, printed on
 * stdout. "GET /bucket/N/..." is answered with N bytes, as S3 answers. One
 * thread a connection; head and body go out together, as from a server whose
 * objects are in memory. It ends with its parent, and after LIFETIME_S at the
 * latest.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY_MAX (4u << 20)
#define HEAD_CAP 1024
#define REQUEST_CAP 8192
#define CONNECTIONS_MAX 64

static SSL_CTX *ctx;
static int connections;

static void die(const char *what)
{
	perror(what);
	ERR_print_errors_fp(stderr);
	exit(3);
}

/* A head as S3 sends it. What tracing costs shows the better, the less the load itself does:
 * only the serial number, a letter for each digit, is written for each answer. */
static const char head_form[] =
	"HTTP/1.1 200 OK\r\n"
	"x-amz-id-2: hostidSSSSSSSSSSSSSSSS/abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstu=\r\n"
	"x-amz-request-id: SSSSSSSSSSSSSSSS\r\n"
	"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
	"Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
	"ETag: \"0123456789abcdef0123456789abcdef\"\r\n"
	"Accept-Ranges: bytes\r\n"
	"Content-Type: binary/octet-stream\r\n"
	"Server: AmazonS3\r\n"
	"Content-Length: %zu\r\n\r\n";

#define SERIAL_DIGITS 16

struct answer {
	char *out, *start; /* the body lies at out + HEAD_CAP, the head right in front of it */
	size_t body, n;
	char *serial[2];
};

static void put_serial(struct answer *a, unsigned long serial)
{
	for (int i = SERIAL_DIGITS - 1; i >= 0; i--, serial >>= 4)
		a->serial[0][i] = a->serial[1][i] = "0123456789ABCDEF"[serial & 15];
}

/* Makes the answer with so many bytes, unless it was that already. */
static void make_answer(struct answer *a, size_t body)
{
	char head[HEAD_CAP];
	int len;

	if (a->start && a->body == body)
		return;
	len = snprintf(head, sizeof(head), head_form, body);
	a->start = a->out + HEAD_CAP - len;
	memcpy(a->start, head, (size_t)len);
	a->body = body;
	a->n = (size_t)len + body;
	a->serial[0] = a->start + (strstr(head, "SSSS") - head);
	a->serial[1] = a->start + (strstr(head, "id: SSSS") + 4 - head);
}

/* The size that the path asks for. */
static size_t wanted_size(const char *request)
{
	const char *slash = strchr(request, '/');
	unsigned long n;

	slash = slash ? strchr(slash + 1, '/') : NULL;
	n = slash ? strtoul(slash + 1, NULL, 10) : 0;
	return n < BODY_MAX ? n : BODY_MAX;
}

static void *serve(void *arg)
{
	SSL *ssl = arg;
	char request[REQUEST_CAP + 1];
	struct answer a = {.out = malloc(HEAD_CAP + BODY_MAX)};
	unsigned long serial = (unsigned long)(size_t)ssl << 16;
	size_t have = 0;
	int fd = SSL_get_fd(ssl);

	SSL_set_read_ahead(ssl, 1); /* one read a record instead of two */
	if (a.out && SSL_accept(ssl) == 1) {
		memset(a.out, 'x', HEAD_CAP + BODY_MAX);
		for (;;) {
			int got = SSL_read(ssl, request + have, (int)(REQUEST_CAP - have));

			if (got <= 0)
				break;
			have += (size_t)got;
			request[have] = '\0';
			if (have < 4 || memcmp(request + have - 4, "\r\n\r\n", 4) != 0) {
				if (have == REQUEST_CAP)
					break;
				continue;
			}
			have = 0;
			make_answer(&a, wanted_size(request));
			put_serial(&a, ++serial);
			if (SSL_write(ssl, a.start, (int)a.n) != (int)a.n)
				break;
		}
	}
	free(a.out);
	SSL_free(ssl);
	close(fd);
	__atomic_sub_fetch(&connections, 1, __ATOMIC_RELAXED);
	return NULL;
}

int main(int argc, char *argv[])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	int one = 1, listener;

	if (argc != 4) {
		fprintf(stderr, "usage: server CERT KEY LIFETIME_S\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	alarm((unsigned)atoi(argv[3]));
	ctx = SSL_CTX_new(TLS_server_method());
	if (!ctx || SSL_CTX_use_certificate_file(ctx, argv[1], SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, argv[2], SSL_FILETYPE_PEM) != 1)
		die("certificate");
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&at, size) || listen(listener, 64) ||
	    getsockname(listener, (struct sockaddr *)&at, &size))
		die("listen");
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		pthread_t thread;
		SSL *ssl;

		if (fd < 0)
			continue;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		ssl = SSL_new(ctx);
		if (!ssl || !SSL_set_fd(ssl, fd) ||
		    __atomic_add_fetch(&connections, 1, __ATOMIC_RELAXED) > CONNECTIONS_MAX ||
		    pthread_create(&thread, NULL, serve, ssl))
			die("connection");
		pthread_detach(thread);
	}
}
