/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library of OpenSSL's names whose accessors are wrong about it: its objects
 * have the descriptor of another socket where theirs should be. Its system calls
 * carry plain text, as those of ktls.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define SOCKET_BIO 0x505

struct method {
	int type;
};

struct bio {
	const struct method *method;
	int retry_reason, num;
};

struct ssl {
	int fd, unused[5];
	struct bio *rbio;
};

struct ssl *liar_new(int fd, int told);
int SSL_write(const struct ssl *ssl, const void *data, int n);
int SSL_read(const struct ssl *ssl, void *data, int n);
void SSL_free(struct ssl *ssl);
struct bio *SSL_get_rbio(const struct ssl *ssl);
int BIO_method_type(const struct bio *bio);
int BIO_get_retry_reason(const struct bio *bio);

struct ssl *liar_new(int fd, int told)
{
	static struct method method;
	struct ssl *ssl = calloc(1, sizeof(*ssl));

	method.type = SOCKET_BIO; /* in memory that was used: no probe waits for a page */
	ssl->fd = fd;
	ssl->rbio = calloc(1, sizeof(*ssl->rbio));
	ssl->rbio->method = &method;
	ssl->rbio->num = told;
	return ssl;
}

int SSL_write(const struct ssl *ssl, const void *data, int n)
{
	return (int)write(ssl->fd, data, (size_t)n);
}

int SSL_read(const struct ssl *ssl, void *data, int n)
{
	ssize_t got;

	do
		got = read(ssl->fd, data, (size_t)n);
	while (got < 0 && errno == EINTR);
	return (int)got;
}

void SSL_free(struct ssl *ssl)
{
	free(ssl->rbio);
	free(ssl);
}

struct bio *SSL_get_rbio(const struct ssl *ssl)
{
	return ssl->rbio;
}

int BIO_method_type(const struct bio *bio)
{
	return bio->method->type;
}

int BIO_get_retry_reason(const struct bio *bio)
{
	return bio->retry_reason;
}
