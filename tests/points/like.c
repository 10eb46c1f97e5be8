/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Libraries that are built like some that this machine does not have: the same
 * names and shapes, nothing behind them. One of them by -DLIKE_...
 */
#include <stddef.h>
#include <string.h>
#include <sys/types.h>

#define EXPORTED __attribute__((visibility("default")))
#define INNER static __attribute__((noinline, noclone, optimize("no-ipa-ra", "no-ipa-cp")))

/* What keeps the compiler from knowing what a function does. */
volatile int unknown;
int helper(void *a, const void *b);

#if defined(LIKE_OPENSSL_3_3) || defined(LIKE_LOGGING)
#ifdef LIKE_LOGGING
/* Sees every call first, with the same arguments. */
INNER int log_call(void *ssl, const void *data)
{
	return helper(ssl, data) + unknown;
}
#define LOG(ssl, data) log_call(ssl, data)
#define FLAGS
#define NO_FLAGS
#else
#define LOG(ssl, data) (void)0
#define FLAGS unsigned long flags,
#define NO_FLAGS 0,
#endif

INNER int write_internal(void *ssl, const void *data, size_t n, FLAGS size_t *written)
{
	*written = n + (size_t)helper(ssl, data);
	return helper(ssl, data) + helper(data ? ssl : NULL, data);
}

EXPORTED int SSL_write(void *ssl, const void *data, int n)
{
	size_t written;
	int ret;

	if (n < 0)
		return helper(NULL, NULL);
	LOG(ssl, data);
	ret = write_internal(ssl, data, (size_t)n, NO_FLAGS & written);
	return ret > 0 ? (int)written : ret;
}

EXPORTED int SSL_write_ex(void *ssl, const void *data, size_t n, size_t *written)
{
	int ret;

	LOG(ssl, data);
	ret = write_internal(ssl, data, n, NO_FLAGS written);
	return ret < 0 ? 0 : ret;
}

/* From 3.2 on, what looks like an SSL object may be QUIC's, and lead elsewhere. */
struct ssl {
	int type;
	long unused[7];
	void *rbio;
};

EXPORTED void *SSL_get_rbio(const struct ssl *ssl)
{
	const struct ssl *tls = ssl;

	if (ssl && (ssl->type == 1 || ssl->type == 2))
		return helper(NULL, ssl) ? NULL : (void *)&unknown;
	if (ssl && ssl->type != 0)
		tls = ssl->type == 3 && helper(NULL, ssl) ? ssl->rbio : NULL;
	return tls ? tls->rbio : NULL;
}

/* No callback of old: built without what is deprecated. */
struct bio {
	void *library;
	const struct {
		int type;
	} * method;
	void *callback, *argument;
	int init, shutdown, flags, retry_reason, num;
};

EXPORTED int BIO_method_type(const struct bio *bio)
{
	return bio->method->type;
}

EXPORTED int BIO_get_retry_reason(const struct bio *bio)
{
	return bio->retry_reason;
}
#elif defined(LIKE_BORINGSSL)
EXPORTED int SSL_write(void *ssl, const void *data, int n)
{
	return helper(ssl, data) + helper(ssl, NULL) + n;
}
#elif defined(LIKE_GNUTLS)
/* One way copies what is there already, without the inner function. */
INNER ssize_t recv_int(void *session, int type, void *data, size_t n)
{
	return helper(session, data) + helper(session, NULL) + type + (ssize_t)n;
}

EXPORTED ssize_t gnutls_record_recv(void *session, void *data, size_t n)
{
	if (unknown) {
		memcpy(data, session, 16);
		return 16;
	}
	return recv_int(session, 0x17, data, n);
}

EXPORTED ssize_t gnutls_record_recv_seq(void *session, void *data, size_t n, unsigned char *seq)
{
	(void)seq;
	return recv_int(session, 0x17, data, n);
}
#elif defined(LIKE_S2N)
/* One that calls the other only sometimes. */
EXPORTED __attribute__((noinline, noclone)) ssize_t
s2n_sendv_with_offset(void *connection, const void *v, ssize_t count, ssize_t offset, int *blocked)
{
	return helper(connection, v) + helper(connection, blocked) + count + offset;
}

EXPORTED ssize_t s2n_sendv(void *connection, const void *v, ssize_t count, int *blocked)
{
	return s2n_sendv_with_offset(connection, v, count, 0, blocked);
}

EXPORTED ssize_t s2n_send(void *connection, const void *data, ssize_t n, int *blocked)
{
	if (unknown)
		return helper(connection, data);
	return s2n_sendv_with_offset(connection, &data, 1, n, blocked);
}
#elif defined(LIKE_NSS)
/* One whose table of methods is made in a way that is not understood. */
EXPORTED void *SSL_ImportFD(void *model, void *fd)
{
	return helper(model, fd) ? fd : model;
}

EXPORTED int SSL_ResetHandshake(void *fd, int as_server)
{
	return helper(fd, fd) + as_server;
}
#endif
