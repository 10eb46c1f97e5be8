/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What OpenSSL with kTLS looks like from outside, for machines whose kernel has
 * none: a library of OpenSSL's names whose system calls carry plain text. (With
 * kTLS the kernel encrypts behind them.) An SSL object is a descriptor.
 */
#include <stddef.h>
#include <sys/sendfile.h>
#include <unistd.h>

int SSL_write(const int *ssl, const void *data, int n);
int SSL_read(const int *ssl, void *data, int n);
ssize_t SSL_sendfile(const int *ssl, int fd, off_t offset, size_t n, int flags);
void SSL_free(const int *ssl);

int SSL_write(const int *ssl, const void *data, int n)
{
	return (int)write(*ssl, data, (size_t)n);
}

int SSL_read(const int *ssl, void *data, int n)
{
	return (int)read(*ssl, data, (size_t)n);
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
