/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One SSL object, used for one connection after another.
 *
 *     reuse PORT CA clear|state /BUCKET/FIRST /BUCKET/SECOND
 *
 * Asks for FIRST, does not wait for the answer, makes the object ready for the
 * next connection by SSL_clear() or SSL_set_connect_state(), and asks for SECOND
 * on that.
 */
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void ask(SSL *ssl, const char *path)
{
	char head[4096];
	size_t n = wire_head(head, sizeof(head), "GET", path, "127.0.0.1", "", "");

	if (SSL_write(ssl, head, (int)n) != (int)n)
		die("SSL_write");
}

int main(int argc, char **argv)
{
	struct wire_options options = {0};
	struct wire first, second;
	struct place place;
	char answer[4096];
	int n;

	if (argc != 6)
		die("reuse PORT CA clear|state PATH PATH");
	place = (struct place){atoi(argv[1]), argv[2]};
	wire_open(&first, &place, &options);
	ask(first.ssl, argv[4]);
	wire_open(&second, &(struct place){place.port, NULL}, &options);
	if (strcmp(argv[3], "clear") == 0 && SSL_clear(first.ssl) != 1)
		die("SSL_clear");
	if (strcmp(argv[3], "state") == 0)
		SSL_set_connect_state(first.ssl);
	close(first.fd);
	if (!SSL_set_fd(first.ssl, second.fd) || SSL_connect(first.ssl) != 1)
		die("the second handshake");
	ask(first.ssl, argv[5]);
	n = SSL_read(first.ssl, answer, sizeof(answer) - 1);
	if (n < 12)
		die("SSL_read: %d", n);
	answer[n] = '\0';
	puts(answer + 9);
	SSL_free(first.ssl);
	close(second.fd);
	return 0;
}
