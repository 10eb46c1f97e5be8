/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What OpenSSL with kTLS looks like from outside, for machines whose kernel has
 * none: a library of OpenSSL's names whose system calls carry plain text. (With
 * kTLS the kernel encrypts behind them.) An SSL object is a descriptor. Functions
 * begin with endbr64, as some distributions have it.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/sendfile.h>
#include <unistd.h>

int SSL_write(const int *ssl, const void *data, int n);
int SSL_write_ex(const int *ssl, const void *data, size_t n, size_t *written);
int SSL_read(const int *ssl, void *data, int n);
ssize_t SSL_sendfile(const int *ssl, int fd, off_t offset, size_t n, int flags);
void SSL_free(const int *ssl);

/* As in OpenSSL 3.3: both variants lead here, and the count is the fifth argument. */
static __attribute__((noinline, noclone)) int
write_internal(const int *ssl, const void *data, size_t n, unsigned long flags, size_t *written)
{
	ssize_t sent = write(*ssl, data, n + (flags ? 1 : 0));

	*written = sent > 0 ? (size_t)sent : 0;
	return sent > 0 ? 1 : (int)sent;
}

int SSL_write(const int *ssl, const void *data, int n)
{
	size_t written;
	int ret = write_internal(ssl, data, (size_t)n, 0, &written);

	return ret > 0 ? (int)written : ret;
}

int SSL_write_ex(const int *ssl, const void *data, size_t n, size_t *written)
{
	int ret = write_internal(ssl, data, n, 0, written);

	return ret < 0 ? 0 : ret;
}

int SSL_read(const int *ssl, void *data, int n)
{
	ssize_t got;

	do
		got = read(*ssl, data, (size_t)n);
	while (got < 0 && errno == EINTR);
	return (int)got;
}

ssize_t SSL_sendfile(const int *ssl, int fd, off_t offset, size_t n, int flags)
{
	(void)flags;
	return sendfile(*ssl, fd, &offset, n);
}

void SSL_free(const int *ssl)
{
	close(*ssl);
}
