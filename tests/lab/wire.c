/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PIECES_MAX 64

int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

void die(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	ERR_print_errors_fp(stderr);
	exit(3);
}

enum way way_named(const char *name)
{
	static const char *const names[] = {
		[WAY_WRITE] = "write", [WAY_EX] = "ex",	      [WAY_SEND] = "send",
		[WAY_VEC] = "vec",     [WAY_MSG] = "msg",     [WAY_FILE] = "file",
		[WAY_PEEK] = "peek",   [WAY_ASIDE] = "aside",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i], name))
			return (enum way)i;
	die("no way called %s", name);
}

static SSL_CTX *context(const char *ca)
{
	static SSL_CTX *ctx;

	if (!ctx) {
		ctx = SSL_CTX_new(TLS_client_method());
		if (!ctx || SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1)
			die("cannot load the CA %s", ca);
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	}
	return ctx;
}

static void through_proxy(int fd, int port)
{
	char text[1024];
	int n = snprintf(text, sizeof(text),
			 "CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", port, port);

	if (write(fd, text, n) != n || read(fd, text, sizeof(text)) < 12 ||
	    strncmp(text, "HTTP/1.1 200", 12))
		die("CONNECT was refused");
}

void wire_open(struct wire *wire, const struct place *place, const struct wire_options *options)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(place->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket: %s", strerror(errno));
	if (options->sndbuf)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &options->sndbuf, sizeof(int));
	if (options->rcvbuf)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &options->rcvbuf, sizeof(int));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("connect to port %d: %s", place->port, strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (options->proxy)
		through_proxy(fd, place->port);
	*wire = (struct wire){.fd = fd, .nonblock = options->nonblock};
	if (place->ca) {
		wire->ssl = SSL_new(context(place->ca));
		if (!wire->ssl || !SSL_set_fd(wire->ssl, fd) || SSL_connect(wire->ssl) != 1)
			die("TLS handshake with port %d", place->port);
		if (options->partial)
			SSL_set_mode(wire->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
	}
	if (options->nonblock)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static long tls_result(struct wire *wire, int result, long bytes)
{
	int error = result > 0 ? SSL_ERROR_NONE : SSL_get_error(wire->ssl, result);

	ERR_clear_error();
	switch (error) {
	case SSL_ERROR_NONE:
		return bytes;
	case SSL_ERROR_WANT_READ:
		wire->events = POLLIN;
		return WIRE_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		wire->events = POLLOUT;
		return WIRE_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	}
	return WIRE_FAILED;
}

static long plain_result(struct wire *wire, long result, short events)
{
	wire->events = events;
	if (result >= 0)
		return result;
	return errno == EAGAIN ? WIRE_AGAIN : WIRE_FAILED;
}

/* data in nearly equal pieces */
static int cut(struct iovec *iov, const char *data, size_t n, int pieces)
{
	if (pieces < 1)
		pieces = 1;
	if (pieces > PIECES_MAX)
		pieces = PIECES_MAX;
	for (int i = 0; i < pieces; i++) {
		size_t from = n * i / pieces, to = n * (i + 1) / pieces;

		iov[i] = (struct iovec){(char *)data + from, to - from};
	}
	return pieces;
}

static long send_file(int fd, const char *data, size_t n, struct stamp *stamp)
{
	int file = memfd_create("body", MFD_CLOEXEC);
	off_t offset = 0;
	long result;
	int error;

	if (file < 0 || write(file, data, n) != (ssize_t)n)
		die("memfd: %s", strerror(errno));
	stamp->before = now_ns();
	result = sendfile(fd, file, &offset, n);
	error = errno;
	stamp->after = now_ns();
	close(file);
	errno = error;
	return result;
}

static long send_in_place(int fd, const char *data, size_t n)
{
	int one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)))
		die("SO_ZEROCOPY: %s", strerror(errno));
	return send(fd, data, n, MSG_NOSIGNAL | MSG_ZEROCOPY);
}

/* Reads that take nothing: without room for a byte, of the bytes out of band, of which
 * there are none, and of the messages about what was sent in place. */
static void look_aside(struct wire *wire, char *data)
{
	char control[256];
	struct msghdr msg = {.msg_control = control, .msg_controllen = sizeof(control)};
	size_t done;

	if (wire->ssl) {
		SSL_read(wire->ssl, data, 0);
		SSL_read_ex(wire->ssl, data, 0, &done);
		ERR_clear_error();
		return;
	}
	if (recv(wire->fd, data, 0, 0) || read(wire->fd, data, 0))
		die("a read without room: %s", strerror(errno));
	recv(wire->fd, data, 1, MSG_OOB);
	recvmsg(wire->fd, &msg, MSG_ERRQUEUE);
}

long wire_send(struct wire *wire, enum way way, const char *data, size_t n, int pieces,
	       struct stamp *stamp)
{
	struct iovec iov[1 + PIECES_MAX] = {{NULL, 0}};
	struct msghdr msg = {.msg_iov = iov};
	size_t done = 0xFFFFFFFFu; /* stale on purpose */
	long result;
	int code;

	stamp->before = now_ns();
	if (wire->ssl) {
		if (way == WAY_EX) {
			code = SSL_write_ex(wire->ssl, data, n, &done);
			result = (long)done;
		} else {
			result = code = SSL_write(wire->ssl, data, (int)n);
		}
		stamp->after = now_ns();
		return tls_result(wire, code, result);
	}
	switch (way) {
	case WAY_FILE:
		result = send_file(wire->fd, data, n, stamp);
		break;
	case WAY_VEC:
		result = writev(wire->fd, iov, cut(iov, data, n, pieces));
		break;
	case WAY_MSG:
		msg.msg_iovlen = 1 + cut(iov + 1, data, n, pieces);
		result = sendmsg(wire->fd, &msg, MSG_NOSIGNAL);
		break;
	case WAY_SEND:
		result = send(wire->fd, data, n, MSG_NOSIGNAL);
		break;
	case WAY_ASIDE:
		result = send_in_place(wire->fd, data, n);
		break;
	default:
		result = write(wire->fd, data, n);
	}
	if (way != WAY_FILE)
		stamp->after = now_ns();
	return plain_result(wire, result, POLLOUT);
}

long wire_recv(struct wire *wire, enum way way, char *data, size_t n, struct stamp *stamp)
{
	struct iovec iov[PIECES_MAX];
	struct msghdr msg = {.msg_iov = iov};
	size_t done = 0xFFFFFFFFu; /* stale on purpose */
	long result;
	int code;

	if (way == WAY_ASIDE)
		look_aside(wire, data);
	stamp->before = now_ns();
	if (wire->ssl) {
		if (way == WAY_EX) {
			code = SSL_read_ex(wire->ssl, data, n, &done);
			result = (long)done;
		} else if (way == WAY_PEEK) {
			result = code = SSL_peek(wire->ssl, data, (int)n);
		} else {
			result = code = SSL_read(wire->ssl, data, (int)n);
		}
		stamp->after = now_ns();
		return tls_result(wire, code, result);
	}
	switch (way) {
	case WAY_VEC:
		result = readv(wire->fd, iov, cut(iov, data, n, 3));
		break;
	case WAY_MSG:
		msg.msg_iovlen = cut(iov, data, n, 3);
		result = recvmsg(wire->fd, &msg, 0);
		break;
	case WAY_SEND:
	case WAY_PEEK:
		result = recv(wire->fd, data, n, way == WAY_PEEK ? MSG_PEEK : 0);
		break;
	default:
		result = read(wire->fd, data, n);
	}
	stamp->after = now_ns();
	return plain_result(wire, result, POLLIN);
}

void wire_wait(struct wire *wire)
{
	struct pollfd p = {wire->fd, wire->events, 0};

	if (poll(&p, 1, 60000) <= 0)
		die("the connection was not ready for a minute");
}

bool wire_readable(struct wire *wire, int ms)
{
	struct pollfd p = {wire->fd, POLLIN, 0};

	return (wire->ssl && SSL_pending(wire->ssl) > 0) || poll(&p, 1, ms) > 0;
}

void wire_close(struct wire *wire, enum wire_end end)
{
	struct linger now = {1, 0};

	if (end == END_RESET)
		setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	if (end == END_FD || end == END_RESET)
		close(wire->fd);
	if (wire->ssl) {
		if (end == END_PROPER)
			SSL_shutdown(wire->ssl);
		SSL_free(wire->ssl); /* SSL_set_fd() leaves the descriptor to us */
	}
	ERR_clear_error();
	if (end == END_PROPER || end == END_FREE)
		close(wire->fd);
	*wire = (struct wire){.fd = -1};
}

size_t wire_head(char *out, size_t size, const char *method, const char *target, const char *host,
		 const char *front, const char *more)
{
	int n = snprintf(
		out, size,
		"%s %s HTTP/1.1\r\n%sHost: %s\r\n"
		"User-Agent: s3slower-lab/1\r\n"
		"X-Amz-Date: 20260101T000000Z\r\n"
		"X-Amz-Content-SHA256: UNSIGNED-PAYLOAD\r\n"
		"Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/"
		"s3/aws4_request, SignedHeaders=host, Signature="
		"feedfeedfeedfeedfeedfeedfeedfeedfeedfeedfeedfeedfeedfeedfeedfeed\r\n"
		"%s\r\n",
		method, target, front, host, more);

	if (n < 0 || (size_t)n >= size)
		die("the head does not fit");
	return (size_t)n;
}
