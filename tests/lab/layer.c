/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An S3 client that talks through the TLS library of its choice, each request
 * with the calls that are asked for. The libraries are opened at run time: none
 * of their headers is needed, and a program has only the one that it uses.
 *
 *     layer openssl|gnutls|nss|s2n PORT REQUEST...
 *     layer openssl|gnutls|nss|s2n PORT loop SECONDS /BUCKET/KEY
 *     layer nss PORT other /BUCKET/KEY
 *
 * A REQUEST is WAY METHOD /BUCKET/KEY BYTES: a body of so many bytes, which begins
 * like a request. All go over one connection. WAY is
 *
 *     send     SSL_write, gnutls_record_send, PR_Send and PR_Recv, s2n_send; head and body apart
 *     again    SSL_write_ex and SSL_read_ex; gnutls_record_send2 and gnutls_record_recv_seq;
 * PR_Write and PR_Read; s2n_sendv other    gnutls: all while corked; nss: PR_Recv only after it has
 * peeked; s2n: s2n_sendv_with_offset, from every offset that a call left off at file
 * gnutls_record_send_file for the body
 *
 * A REQUEST "wait - - 0" is none: it prints our port, and waits for a line.
 *
 * Prints the status of each answer and how many bytes its body had; with "loop" how many
 * requests there were, in how many microseconds, and how many nanoseconds of CPU one took in
 * the best fifth of the time. "nss PORT other
 * PATH" writes a request to a pipe, a file and a plain socket (where it is answered), by PR_Write:
 * none of them is TLS.
 */
#include "wire.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum call { CALL_SEND, CALL_AGAIN, CALL_OTHER, CALL_FILE };

static const char *const calls[] = {"send", "again", "other", "file"};

struct layer {
	const char *name;
	void (*open)(int fd);
	/* All of it. */
	void (*send)(enum call call, const char *data, size_t n);
	/* Before and after a request. */
	void (*begin)(enum call call);
	void (*end)(enum call call);
	long (*recv)(enum call call, char *data, size_t n);
	void (*close)(void);
};

static void *library(const char *name, int flags)
{
	void *handle = dlopen(name, RTLD_LAZY | flags);

	if (!handle)
		die("%s", dlerror());
	return handle;
}

/* Functions are called as they are declared at the call. */
static void *symbol(void *handle, const char *name)
{
	void *p = dlsym(handle, name);

	if (!p)
		die("%s", dlerror());
	return p;
}

#define FUNCTION(result, name, ...) static result (*name)(__VA_ARGS__)
#define FIND(handle, name) (*(void **)&(name) = symbol(handle, #name))

static void check(long result, const char *what)
{
	if (result < 0)
		die("%s: %ld", what, result);
}

static int connected(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("connect: %m");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* --- OpenSSL: linked, for the other clients of the laboratory are ----------- */

static SSL *ssl;

static void openssl_open(int fd)
{
	ssl = SSL_new(SSL_CTX_new(TLS_client_method()));
	if (!ssl || !SSL_set_fd(ssl, fd) || SSL_connect(ssl) != 1)
		die("SSL_connect");
}

static void openssl_send(enum call call, const char *data, size_t n)
{
	size_t sent;

	if (call == CALL_AGAIN ? SSL_write_ex(ssl, data, n, &sent) != 1
			       : SSL_write(ssl, data, (int)n) != (int)n)
		die("SSL_write");
}

static long openssl_recv(enum call call, char *data, size_t n)
{
	size_t got;

	if (call == CALL_AGAIN)
		return SSL_read_ex(ssl, data, n, &got) == 1 ? (long)got : -1;
	return SSL_read(ssl, data, n > 1 << 20 ? 1 << 20 : (int)n);
}

static void openssl_close(void)
{
	SSL_shutdown(ssl);
	SSL_free(ssl);
}

/* --- GnuTLS --------------------------------------------------------------- */

FUNCTION(int, gnutls_init, void **session, unsigned flags);
FUNCTION(int, gnutls_set_default_priority, void *session);
FUNCTION(int, gnutls_certificate_allocate_credentials, void **credentials);
FUNCTION(int, gnutls_credentials_set, void *session, int kind, void *credentials);
FUNCTION(void, gnutls_transport_set_int2, void *session, int recv, int send);
FUNCTION(int, gnutls_handshake, void *session);
FUNCTION(ssize_t, gnutls_record_send, void *session, const void *data, size_t n);
FUNCTION(ssize_t, gnutls_record_send2, void *session, const void *data, size_t n, size_t pad,
	 unsigned flags);
FUNCTION(ssize_t, gnutls_record_send_file, void *session, int fd, off_t *offset, size_t n);
FUNCTION(ssize_t, gnutls_record_recv, void *session, void *data, size_t n);
FUNCTION(ssize_t, gnutls_record_recv_seq, void *session, void *data, size_t n, unsigned char *seq);
FUNCTION(void, gnutls_record_cork, void *session);
FUNCTION(int, gnutls_record_uncork, void *session, unsigned flags);
FUNCTION(int, gnutls_bye, void *session, int how);
FUNCTION(void, gnutls_deinit, void *session);

static void *session;

static void gnutls_open(int fd)
{
	void *handle = library("libgnutls.so.30", 0), *credentials;
	long err;

	FIND(handle, gnutls_init);
	FIND(handle, gnutls_set_default_priority);
	FIND(handle, gnutls_certificate_allocate_credentials);
	FIND(handle, gnutls_credentials_set);
	FIND(handle, gnutls_transport_set_int2);
	FIND(handle, gnutls_handshake);
	FIND(handle, gnutls_record_send);
	FIND(handle, gnutls_record_send2);
	FIND(handle, gnutls_record_send_file);
	FIND(handle, gnutls_record_recv);
	FIND(handle, gnutls_record_recv_seq);
	FIND(handle, gnutls_record_cork);
	FIND(handle, gnutls_record_uncork);
	FIND(handle, gnutls_bye);
	FIND(handle, gnutls_deinit);
	check(gnutls_init(&session, 2 /* client */), "gnutls_init");
	check(gnutls_set_default_priority(session), "gnutls_set_default_priority");
	check(gnutls_certificate_allocate_credentials(&credentials), "credentials");
	check(gnutls_credentials_set(session, 1 /* certificate */, credentials), "credentials");
	gnutls_transport_set_int2(session, fd, fd);
	while ((err = gnutls_handshake(session)) == -28 || err == -52)
		;
	check(err, "gnutls_handshake");
}

static void gnutls_send_file(const char *data, size_t n)
{
	int fd = memfd_create("body", MFD_CLOEXEC);
	off_t offset = 0;

	if (fd < 0 || write(fd, data, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET))
		die("memfd: %m");
	while (offset < (off_t)n)
		check(gnutls_record_send_file(session, fd, &offset, n - (size_t)offset),
		      "gnutls_record_send_file");
	close(fd);
}

static void gnutls_send(enum call call, const char *data, size_t n)
{
	while (n) {
		long sent = call == CALL_AGAIN ? gnutls_record_send2(session, data, n, 0, 0)
					       : gnutls_record_send(session, data, n);

		check(sent, "gnutls_record_send");
		data += sent;
		n -= (size_t)sent;
	}
}

static void gnutls_send_all(enum call call, const char *data, size_t n)
{
	/* The head is no file. */
	if (call == CALL_FILE && n > 4096)
		gnutls_send_file(data, n);
	else
		gnutls_send(call, data, n);
}

static void gnutls_begin(enum call call)
{
	if (call == CALL_OTHER)
		gnutls_record_cork(session);
}

static void gnutls_end(enum call call)
{
	if (call == CALL_OTHER)
		check(gnutls_record_uncork(session, 1 /* wait */), "gnutls_record_uncork");
}

static long gnutls_recv(enum call call, char *data, size_t n)
{
	unsigned char seq[8];
	long got;

	do /* tickets of TLS 1.3 are told as "again" */
		got = call == CALL_AGAIN ? gnutls_record_recv_seq(session, data, n, seq)
					 : gnutls_record_recv(session, data, n);
	while (got == -28 || got == -52);
	return got;
}

static void gnutls_close(void)
{
	gnutls_bye(session, 1 /* write */);
	gnutls_deinit(session);
}

/* --- NSS ------------------------------------------------------------------ */

#define PR_PEEK 2
#define PR_FOREVER 0xffffffffu

FUNCTION(int, NSS_NoDB_Init, const char *directory);
FUNCTION(void *, SSL_ImportFD, void *model, void *fd);
FUNCTION(int, SSL_AuthCertificateHook, void *fd, int (*hook)(void *, void *, int, int), void *ctx);
FUNCTION(int, SSL_SetURL, void *fd, const char *host);
FUNCTION(int, SSL_ResetHandshake, void *fd, int server);
FUNCTION(int, SSL_ForceHandshake, void *fd);
FUNCTION(void *, PR_ImportTCPSocket, int fd);
FUNCTION(void *, PR_ImportFile, int fd);
FUNCTION(void *, PR_ImportPipe, int fd);
FUNCTION(int, PR_Send, void *fd, const void *data, int n, int flags, unsigned timeout);
FUNCTION(int, PR_Recv, void *fd, void *data, int n, int flags, unsigned timeout);
FUNCTION(int, PR_Write, void *fd, const void *data, int n);
FUNCTION(int, PR_Read, void *fd, void *data, int n);
FUNCTION(int, PR_Close, void *fd);
FUNCTION(int, PR_GetError, void);

static void *descriptor;

static int any_certificate(void *ctx, void *fd, int signatures, int server)
{
	(void)ctx, (void)fd, (void)signatures, (void)server;
	return 0;
}

static void nspr_load(void)
{
	void *nspr = library("libnspr4.so", 0);

	FIND(nspr, PR_ImportTCPSocket);
	FIND(nspr, PR_ImportFile);
	FIND(nspr, PR_ImportPipe);
	FIND(nspr, PR_Send);
	FIND(nspr, PR_Recv);
	FIND(nspr, PR_Write);
	FIND(nspr, PR_Read);
	FIND(nspr, PR_Close);
	FIND(nspr, PR_GetError);
}

static void nss_check(int result, const char *what)
{
	if (result < 0)
		die("%s: %d", what, PR_GetError());
}

static void nss_open(int fd)
{
	void *base = library("libnss3.so", 0), *tls = library("libssl3.so", 0);

	nspr_load();
	FIND(base, NSS_NoDB_Init);
	FIND(tls, SSL_ImportFD);
	FIND(tls, SSL_AuthCertificateHook);
	FIND(tls, SSL_SetURL);
	FIND(tls, SSL_ResetHandshake);
	FIND(tls, SSL_ForceHandshake);
	nss_check(NSS_NoDB_Init("."), "NSS_NoDB_Init");
	descriptor = SSL_ImportFD(NULL, PR_ImportTCPSocket(fd));
	if (!descriptor)
		nss_check(-1, "SSL_ImportFD");
	nss_check(SSL_AuthCertificateHook(descriptor, any_certificate, NULL), "SSL hook");
	nss_check(SSL_SetURL(descriptor, "localhost"), "SSL_SetURL");
	nss_check(SSL_ResetHandshake(descriptor, 0), "SSL_ResetHandshake");
	nss_check(SSL_ForceHandshake(descriptor), "SSL_ForceHandshake");
}

static void nss_send(enum call call, const char *data, size_t n)
{
	while (n) {
		int sent = call == CALL_AGAIN ? PR_Write(descriptor, data, (int)n)
					      : PR_Send(descriptor, data, (int)n, 0, PR_FOREVER);

		nss_check(sent, "PR_Send");
		data += sent;
		n -= (size_t)sent;
	}
}

static long nss_recv(enum call call, char *data, size_t n)
{
	if (call == CALL_AGAIN)
		return PR_Read(descriptor, data, (int)n);
	if (call == CALL_OTHER && PR_Recv(descriptor, data, 1, PR_PEEK, PR_FOREVER) < 0)
		return -1;
	return PR_Recv(descriptor, data, (int)n, 0, PR_FOREVER);
}

static void nss_close(void)
{
	PR_Close(descriptor);
}

/* A request through NSPR, but not through TLS. */
static void nss_other(int port, const char *path)
{
	char head[4096], answer[4096];
	size_t n = wire_head(head, sizeof(head), "GET", path, "127.0.0.1", "", "");
	int ends[2], file = memfd_create("file", MFD_CLOEXEC);
	void *plain;

	nspr_load();
	if (pipe(ends) || file < 0)
		die("pipe: %m");
	nss_check(PR_Write(PR_ImportPipe(ends[1]), head, (int)n), "pipe");
	nss_check(PR_Read(PR_ImportPipe(ends[0]), answer, sizeof(answer)), "pipe");
	nss_check(PR_Write(PR_ImportFile(file), head, (int)n), "file");
	plain = PR_ImportTCPSocket(connected(port));
	nss_check(PR_Write(plain, head, (int)n), "socket");
	nss_check(PR_Read(plain, answer, sizeof(answer)), "socket");
	PR_Close(plain);
}

/* --- s2n, of the Python extension ------------------------------------------- */

FUNCTION(int, s2n_init, void);
FUNCTION(void *, s2n_config_new, void);
FUNCTION(int, s2n_config_set_cipher_preferences, void *config, const char *version);
FUNCTION(int, s2n_config_disable_x509_verification, void *config);
FUNCTION(void *, s2n_connection_new, int mode);
FUNCTION(int, s2n_connection_set_config, void *connection, void *config);
FUNCTION(int, s2n_connection_set_fd, void *connection, int fd);
FUNCTION(int, s2n_negotiate, void *connection, int *blocked);
FUNCTION(ssize_t, s2n_send, void *connection, const void *data, ssize_t n, int *blocked);
FUNCTION(ssize_t, s2n_sendv, void *connection, const struct iovec *v, ssize_t count, int *blocked);
FUNCTION(ssize_t, s2n_sendv_with_offset, void *connection, const struct iovec *v, ssize_t count,
	 ssize_t offset, int *blocked);
FUNCTION(ssize_t, s2n_recv, void *connection, void *data, ssize_t n, int *blocked);
FUNCTION(int, s2n_shutdown, void *connection, int *blocked);
FUNCTION(int, s2n_connection_free, void *connection);
FUNCTION(const char *, s2n_strerror_debug, int error, const char *language);
FUNCTION(int *, s2n_errno_location, void);

static void *connection;
static int blocked;

static void s2n_check(long result, const char *what)
{
	if (result < 0)
		die("%s: %s", what, s2n_strerror_debug(*s2n_errno_location(), NULL));
}

static void s2n_open(int fd)
{
	const char *file = getenv("S2N_LIBRARY"), *python = getenv("PYTHON_LIBRARY");
	void *handle, *config;

	if (python)
		library(python, RTLD_GLOBAL);
	handle = library(file ? file : "libs2n.so", 0);
	FIND(handle, s2n_init);
	FIND(handle, s2n_config_new);
	FIND(handle, s2n_config_set_cipher_preferences);
	FIND(handle, s2n_config_disable_x509_verification);
	FIND(handle, s2n_connection_new);
	FIND(handle, s2n_connection_set_config);
	FIND(handle, s2n_connection_set_fd);
	FIND(handle, s2n_negotiate);
	FIND(handle, s2n_send);
	FIND(handle, s2n_sendv);
	FIND(handle, s2n_sendv_with_offset);
	FIND(handle, s2n_recv);
	FIND(handle, s2n_shutdown);
	FIND(handle, s2n_connection_free);
	FIND(handle, s2n_strerror_debug);
	FIND(handle, s2n_errno_location);
	setenv("S2N_DONT_MLOCK", "1", 1);
	s2n_check(s2n_init(), "s2n_init");
	config = s2n_config_new();
	s2n_check(s2n_config_set_cipher_preferences(config, "default_tls13"), "s2n_config");
	s2n_check(s2n_config_disable_x509_verification(config), "s2n_config");
	connection = s2n_connection_new(1 /* client */);
	s2n_check(s2n_connection_set_config(connection, config), "s2n_connection");
	s2n_check(s2n_connection_set_fd(connection, fd), "s2n_connection");
	s2n_check(s2n_negotiate(connection, &blocked), "s2n_negotiate");
}

static void s2n_send_all(enum call call, const char *data, size_t n)
{
	size_t at = 0;

	while (at < n) {
		/* Three pieces, the first of two bytes. */
		struct iovec v[3] = {{(char *)(uintptr_t)data, n < 2 ? n : 2}};
		long sent;

		v[1].iov_base = (char *)v[0].iov_base + v[0].iov_len;
		v[1].iov_len = (n - v[0].iov_len) / 2;
		v[2].iov_base = (char *)v[1].iov_base + v[1].iov_len;
		v[2].iov_len = n - v[0].iov_len - v[1].iov_len;
		if (call == CALL_OTHER) {
			/* Not all of it at first: the next offset is within a piece. */
			if (at == 0 && n > 100)
				v[2].iov_len = 10;
			sent = s2n_sendv_with_offset(connection, v, 3, (ssize_t)at, &blocked);
		} else if (call == CALL_AGAIN && at == 0) {
			sent = s2n_sendv(connection, v, 3, &blocked);
		} else {
			sent = s2n_send(connection, data + at, (ssize_t)(n - at), &blocked);
		}
		s2n_check(sent, "s2n_send");
		at += (size_t)sent;
	}
}

static long s2n_recv_some(enum call call, char *data, size_t n)
{
	(void)call;
	return s2n_recv(connection, data, (ssize_t)n, &blocked);
}

static void s2n_close(void)
{
	s2n_connection_free(connection);
}

/* --- requests -------------------------------------------------------------- */

static void nothing(enum call call)
{
	(void)call;
}

static const struct layer layers[] = {
	{"openssl", openssl_open, openssl_send, nothing, nothing, openssl_recv, openssl_close},
	{"gnutls", gnutls_open, gnutls_send_all, gnutls_begin, gnutls_end, gnutls_recv,
	 gnutls_close},
	{"nss", nss_open, nss_send, nothing, nothing, nss_recv, nss_close},
	{"s2n", s2n_open, s2n_send_all, nothing, nothing, s2n_recv_some, s2n_close},
};

static char in[1 << 20];

/* Sends a request and reads its answer, whose body's length it returns. */
static long request(const struct layer *l, enum call call, const char *method, const char *path,
		    size_t body, int *status)
{
	char head[4096], more[64], *end, *length;
	char *text = body ? malloc(body) : NULL;
	long have = 0, got, wanted;
	size_t n;

	snprintf(more, sizeof(more), "Content-Length: %zu\r\n", body);
	n = wire_head(head, sizeof(head), method, path, "127.0.0.1", "", body ? more : "");
	l->begin(call);
	l->send(call, head, n);
	if (body) {
		static const char like[] = "GET /like-a-request HTTP/1.1\r\n\r\n";

		memset(text, 'y', body);
		memcpy(text, like, body < sizeof(like) - 1 ? body : sizeof(like) - 1);
		l->send(call, text, body);
	}
	l->end(call);
	free(text);
	do {
		got = l->recv(call, in + have, sizeof(in) - 1 - (size_t)have);
		if (got <= 0)
			die("the answer ends after %ld bytes: %ld", have, got);
		have += got;
		in[have] = '\0';
		end = strstr(in, "\r\n\r\n");
	} while (!end);
	length = strcasestr(in, "\r\nContent-Length:");
	wanted = length && length < end ? atol(length + strlen("\r\nContent-Length:")) : 0;
	*status = atoi(in + strlen("HTTP/1.1 "));
	for (have -= end + 4 - in; have < wanted; have += got) {
		got = l->recv(call, in, sizeof(in));
		if (got <= 0)
			die("the body ends after %ld bytes: %ld", have, got);
	}
	return have;
}

static enum call call_named(const char *name)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(calls[i], name) == 0)
			return (enum call)i;
	die("no way of sending is called %s", name);
}

/* What this process has used of a CPU, in the kernel or out of it. */
static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

#define CHUNK 50
#define CHUNKS_MAX 100000

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void loop(const struct layer *l, double seconds, const char *path)
{
	static int64_t cost[CHUNKS_MAX];
	int64_t begin = now_ns(), end = begin + (int64_t)(seconds * 1e9);
	int n = 0, status;

	while (now_ns() < end && n < CHUNKS_MAX) {
		int64_t cpu = cpu_ns();

		for (int i = 0; i < CHUNK; i++)
			request(l, CALL_SEND, "GET", path, 0, &status);
		cost[n++] = cpu_ns() - cpu;
	}
	qsort(cost, (size_t)n, sizeof(cost[0]), by_size);
	printf("%d %ld %ld\n", n * CHUNK, (long)((now_ns() - begin) / 1000),
	       (long)(cost[n / 5] / CHUNK));
}

/* Says whose connection it is, and keeps it until somebody has looked. */
static void hold(int fd)
{
	struct sockaddr_in local;
	socklen_t n = sizeof(local);

	if (getsockname(fd, (struct sockaddr *)&local, &n))
		die("getsockname: %m");
	printf("%d\n", ntohs(local.sin_port));
	fflush(stdout);
	if (getchar() == EOF)
		die("nobody looks");
}

int main(int argc, char **argv)
{
	const struct layer *l = layers;
	int fd;

	if (argc < 5)
		die("layer openssl|gnutls|nss|s2n PORT REQUEST...");
	while (strcmp(l->name, argv[1]) != 0)
		if (++l == layers + sizeof(layers) / sizeof(layers[0]))
			die("no library is called %s", argv[1]);
	if (argc == 5) {
		nss_other(atoi(argv[2]), argv[4]);
		return 0;
	}
	fd = connected(atoi(argv[2]));
	l->open(fd);
	if (strcmp(argv[3], "loop") == 0) {
		/* Once before the clock starts, and a word to whom it may concern. */
		loop(l, 0, argv[5]);
		fflush(stdout);
		if (getchar() == EOF)
			return 1;
		loop(l, atof(argv[4]), argv[5]);
	} else {
		for (int i = 3; i + 3 < argc; i += 4) {
			int status;
			long n;

			if (strcmp(argv[i], "wait") == 0) {
				hold(fd);
				continue;
			}
			n = request(l, call_named(argv[i]), argv[i + 1], argv[i + 2],
				    (size_t)atol(argv[i + 3]), &status);

			printf("%d %ld\n", status, n);
		}
	}
	l->close();
	return 0;
}
