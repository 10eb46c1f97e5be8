/* SPDX-License-Identifier: Apache-2.0 */
#include "stack.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Functions of a library, by name, in the order of struct openssl or gnutls. */
static int load(const char *file, const char *const *names, void **to)
{
	void *library = dlopen(file, RTLD_NOW | RTLD_GLOBAL);

	for (int i = 0; library && names[i]; i++)
		if (!(to[i] = dlsym(library, names[i])))
			return -ENOPKG;
	return library ? 0 : -ENOPKG;
}

/* As openssl/ssl.h has them since 1.1.0. */
static struct openssl {
	const void *(*tls_method)(void);
	void *(*ctx_new)(const void *method);
	long (*ctx_ctrl)(void *ctx, int what, long value, void *more);
	int (*ctx_set_cipher_list)(void *ctx, const char *list);
	void (*ctx_set_psk_client)(void *ctx, unsigned (*get)(void *ssl, const char *hint,
							      char *identity, unsigned size,
							      unsigned char *key, unsigned max));
	void (*ctx_set_psk_server)(void *ctx, unsigned (*get)(void *ssl, const char *identity,
							      unsigned char *key, unsigned max));
	void *(*new)(void *ctx);
	int (*set_fd)(void *ssl, int fd);
	int (*connect)(void *ssl);
	int (*accept)(void *ssl);
	int (*read)(void *ssl, void *to, int n);
	int (*write)(void *ssl, const void *from, int n);
} openssl;

static const char *const openssl_names[] = {"TLS_method",
					    "SSL_CTX_new",
					    "SSL_CTX_ctrl",
					    "SSL_CTX_set_cipher_list",
					    "SSL_CTX_set_psk_client_callback",
					    "SSL_CTX_set_psk_server_callback",
					    "SSL_new",
					    "SSL_set_fd",
					    "SSL_connect",
					    "SSL_accept",
					    "SSL_read",
					    "SSL_write",
					    NULL};
_Static_assert(sizeof(openssl) == sizeof(openssl_names) - sizeof(char *), "a name each");

#define SET_MAX_PROTO_VERSION 124
#define TLS_1_2 0x0303
#define KEY_SIZE 32

static unsigned client_key(void *ssl, const char *hint, char *identity, unsigned size,
			   unsigned char *key, unsigned max)
{
	(void)ssl, (void)hint;
	snprintf(identity, size, "s3slower");
	memset(key, 7, max < KEY_SIZE ? max : KEY_SIZE);
	return KEY_SIZE;
}

static unsigned server_key(void *ssl, const char *identity, unsigned char *key, unsigned max)
{
	(void)ssl, (void)identity;
	memset(key, 7, max < KEY_SIZE ? max : KEY_SIZE);
	return KEY_SIZE;
}

static int openssl_load(const char *file)
{
	return load(file, openssl_names, (void **)&openssl);
}

static int openssl_open(struct side *s)
{
	void *ctx = openssl.ctx_new(openssl.tls_method());

	if (!ctx)
		return -ENOMEM;
	openssl.ctx_ctrl(ctx, SET_MAX_PROTO_VERSION, TLS_1_2, NULL);
	openssl.ctx_set_cipher_list(ctx, "PSK");
	openssl.ctx_set_psk_client(ctx, client_key);
	openssl.ctx_set_psk_server(ctx, server_key);
	s->tls = openssl.new(ctx);
	if (!s->tls || openssl.set_fd(s->tls, s->fd) != 1)
		return -ENOMEM;
	return (s->server ? openssl.accept : openssl.connect)(s->tls) == 1 ? 0 : -EPROTO;
}

static long openssl_send(struct side *s, const void *from, size_t n)
{
	return openssl.write(s->tls, from, (int)n);
}

static long openssl_receive(struct side *s, void *to, size_t n)
{
	return openssl.read(s->tls, to, (int)n);
}

/* As gnutls/gnutls.h has them since 3.0. */
static struct gnutls {
	int (*init)(void **session, unsigned flags);
	int (*priority_set_direct)(void *session, const char *text, const char **where);
	int (*anon_client)(void **credentials);
	int (*anon_server)(void **credentials);
	int (*credentials_set)(void *session, int kind, void *credentials);
	void (*transport_set)(void *session, int from, int to);
	int (*handshake)(void *session);
	ssize_t (*receive)(void *session, void *to, size_t n);
	ssize_t (*send)(void *session, const void *from, size_t n);
} gnutls;

static const char *const gnutls_names[] = {"gnutls_init",
					   "gnutls_priority_set_direct",
					   "gnutls_anon_allocate_client_credentials",
					   "gnutls_anon_allocate_server_credentials",
					   "gnutls_credentials_set",
					   "gnutls_transport_set_int2",
					   "gnutls_handshake",
					   "gnutls_record_recv",
					   "gnutls_record_send",
					   NULL};
_Static_assert(sizeof(gnutls) == sizeof(gnutls_names) - sizeof(char *), "a name each");

#define GNUTLS_SERVER 1
#define GNUTLS_CLIENT 2
#define GNUTLS_CRD_ANON 2

static int gnutls_load(const char *file)
{
	return load(file, gnutls_names, (void **)&gnutls);
}

static int gnutls_open(struct side *s)
{
	void *anonymous = NULL;

	if (gnutls.init(&s->tls, s->server ? GNUTLS_SERVER : GNUTLS_CLIENT) ||
	    (s->server ? gnutls.anon_server : gnutls.anon_client)(&anonymous) ||
	    gnutls.credentials_set(s->tls, GNUTLS_CRD_ANON, anonymous) ||
	    gnutls.priority_set_direct(
		    s->tls, "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ANON-ECDH:+ANON-DH", NULL))
		return -ENOMEM;
	gnutls.transport_set(s->tls, s->fd, s->fd);
	return gnutls.handshake(s->tls) ? -EPROTO : 0;
}

static long gnutls_send(struct side *s, const void *from, size_t n)
{
	return gnutls.send(s->tls, from, n);
}

static long gnutls_receive(struct side *s, void *to, size_t n)
{
	return gnutls.receive(s->tls, to, n);
}

static long plain_send(struct side *s, const void *from, size_t n)
{
	return send(s->fd, from, n, MSG_NOSIGNAL);
}

static long plain_receive(struct side *s, void *to, size_t n)
{
	return recv(s->fd, to, n, 0);
}

static const struct stack stacks[] = {
	{"http", NULL, NULL, NULL, plain_send, plain_receive},
	{"openssl", "libssl.so.3", openssl_load, openssl_open, openssl_send, openssl_receive},
	{"openssl", "libssl.so.1.1", openssl_load, openssl_open, openssl_send, openssl_receive},
	{"gnutls", "libgnutls.so.30", gnutls_load, gnutls_open, gnutls_send, gnutls_receive},
};

const struct stack *stack_at(int i)
{
	return i >= 0 && (size_t)i < sizeof(stacks) / sizeof(stacks[0]) ? &stacks[i] : NULL;
}
