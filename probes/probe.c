/* SPDX-License-Identifier: Apache-2.0 */
#include "probe.h"

#include <errno.h>
#include <string.h>

#include "exchange.h"
#include "find.h"
#include "gotls.h"
#include "go.h"
#include "nss.h"
#include "site.h"

static const struct action send = {"tls_send_enter", "tls_send_return"},
			   receive = {"tls_receive_enter", "tls_receive_return"},
			   handshake = {"tls_handshake_enter", "tls_handshake_return"},
			   end = {"tls_end", NULL}, lookup = {"lookup_enter", "lookup_return"};

/* SSL_read() and SSL_read_ex() of OpenSSL 1.1.1 and 3.x both call
 * ssl_read_internal(ssl, buf, size, &count); likewise for write, with flags before
 * the count since 3.3. BoringSSL has no _ex variants. SSL_sendfile() works with kTLS only.
 * SSL_clear() and SSL_set_connect_state() make an object ready for another connection:
 * their row is the last, so that what is seen there is seen sending, too. SSL_connect()
 * is SSL_set_connect_state(), if nobody called that, and SSL_do_handshake(). */
static const struct probe_row openssl[] = {
	{.action = &send,
	 .find = find_common_inner,
	 .inner = TELLS_INNER,
	 .variant = {{"SSL_write", TELLS_RETURN, 0}, {"SSL_write_ex", TELLS_STORED, 0}}},
	{.action = &receive,
	 .find = find_common_inner,
	 .inner = TELLS_INNER,
	 .variant = {{"SSL_read", TELLS_RETURN, 0}, {"SSL_read_ex", TELLS_STORED, 0}}},
	{.action = &send, .variant = {{"SSL_sendfile", TELLS_UNSEEN, 0}}},
	{.action = &handshake,
	 .variant = {{"SSL_do_handshake", TELLS_ONE, 0}, {"SSL_connect", TELLS_ONE, 0}}},
	{.action = &end, .variant = {{"SSL_free", 0, 0}, {"SSL_shutdown", 0, 0}}},
	{.action = &end,
	 .variant = {{"SSL_clear", TELLS_ANEW, 0}, {"SSL_set_connect_state", TELLS_ANEW, 0}}},
	{.action = NULL},
};

/* gnutls_record_send(session, data, size) is gnutls_record_send2() with two more
 * arguments, called through the exported symbol (since 3.6.3). What is sent while
 * the session is corked is kept, and gnutls_record_uncork() sends it once more,
 * through the same function. gnutls_record_send_file() does so with pieces of a
 * file, or has the kernel send it (kTLS). */
static const struct probe_row gnutls[] = {
	{.action = &send,
	 .find = find_first_variant,
	 .variant = {{"gnutls_record_send2", TELLS_RETURN, 0},
		     {"gnutls_record_send", TELLS_RETURN, 0}}},
	{.action = &send, .variant = {{"gnutls_record_send_range", TELLS_RETURN, 0}}},
	{.action = &send, .variant = {{"gnutls_record_uncork", TELLS_FLUSH, 0}}},
	{.action = &send, .variant = {{"gnutls_record_send_file", TELLS_UNSEEN, 0}}},
	{.action = &receive,
	 .find = find_callees,
	 .inner = TELLS_RETURN,
	 .variant = {{"gnutls_record_recv_seq", TELLS_RETURN, 0},
		     {"gnutls_record_recv", TELLS_RETURN, 0}}},
	{.action = &end, .variant = {{"gnutls_deinit", 0, 0}}},
	{.action = &handshake, .variant = {{"gnutls_handshake", TELLS_ZERO, 0}}},
	{.action = NULL},
};

/* The methods of the TLS layer: only TLS descriptors have them. A peek is no read.
 * SSL_ResetHandshake() makes a descriptor ready for a connection, as a client or a
 * server; the handshake is then the first transfer's, or SSL_ForceHandshake()'s. */
static const struct probe_row nss[] = {
	{.action = &send,
	 .find = find_method,
	 .method = NSS_WRITE,
	 .variant = {{NULL, TELLS_RETURN, 0}}},
	{.action = &send,
	 .find = find_method,
	 .method = NSS_SEND,
	 .variant = {{NULL, TELLS_RETURN, 0}}},
	{.action = &receive,
	 .find = find_method,
	 .method = NSS_READ,
	 .variant = {{NULL, TELLS_RETURN, 0}}},
	{.action = &receive,
	 .find = find_method,
	 .method = NSS_RECV,
	 .variant = {{NULL, TELLS_RETURN, TAKES_FLAGS}}},
	{.action = &end, .find = find_method, .method = NSS_CLOSE},
	{.action = &end, .variant = {{"SSL_ResetHandshake", TELLS_ANEW, 0}}},
	{.action = NULL},
};

/* A vector may be sent from any offset on: what an earlier call left. */
static const struct probe_row s2n[] = {
	{.action = &send,
	 .find = find_called_variant,
	 .variant = {{"s2n_sendv_with_offset", TELLS_RETURN, TAKES_VECTOR_FROM},
		     {"s2n_sendv", TELLS_RETURN, TAKES_VECTOR},
		     {"s2n_send", TELLS_RETURN, 0}}},
	{.action = &receive, .variant = {{"s2n_recv", TELLS_RETURN, 0}}},
	{.action = &end,
	 .variant = {{"s2n_connection_free", 0, 0},
		     {"s2n_connection_wipe", 0, 0},
		     {"s2n_shutdown", 0, 0}}},
	{.action = &handshake, .variant = {{"s2n_negotiate", TELLS_ZERO, 0}}},
	{.action = NULL},
};

/* Where names become addresses. */
static const struct probe_row libc[] = {
	{.action = &lookup, .variant = {{"getaddrinfo", 0, 0}}},
	{.action = NULL},
};

/* Whether what was found shows both what is sent and what is received. */
static bool transfers(const struct search *s)
{
	bool sends = false, receives = false;

	for (size_t i = 0; i < s->n_points; i++) {
		sends |= s->point[i].program == send.enter;
		receives |= s->point[i].program == receive.enter;
	}
	return sends && receives;
}

static int resolve_symbols(const struct probe_library *library, const char *path,
			   struct decoder *decoder, struct probe_point *out, size_t max,
			   const char **refused)
{
	struct search s = {
		.library = library, .path = path, .decoder = decoder, .point = out, .max = max};

	for (s.row = library->rows; s.row->action; s.row++) {
		const char *names[VARIANTS];
		int found;

		s.n = 0;
		while (s.n < VARIANTS && s.row->variant[s.n].symbol) {
			names[s.n] = s.row->variant[s.n].symbol;
			s.n++;
		}
		memset(s.function, 0, sizeof(s.function));
		found = elf_functions(path, names, s.n, s.function);
		if (found < 0)
			return found;
		if (s.row->find && s.row->find(&s))
			continue;
		for (size_t v = 0; v < s.n; v++)
			find_variant(&s, v);
	}
	if (library->guide && !transfers(&s)) {
		*refused = library->guide;
		return -ENOENT;
	}
	return s.n_points ? (int)s.n_points : -ENOENT;
}

const struct probe_library probe_libraries[] = {
	{.name = "openssl",
	 .file = {"libssl.so"},
	 .layer = LAYER_OPENSSL,
	 .resolve = resolve_symbols,
	 .rows = openssl},
	{.name = "gnutls",
	 .file = {"libgnutls.so"},
	 .layer = LAYER_GNUTLS,
	 .resolve = resolve_symbols,
	 .rows = gnutls},
	{.name = "nss",
	 .file = {"libssl3.so"},
	 .layer = LAYER_NSS,
	 .resolve = resolve_symbols,
	 .rows = nss,
	 .mark = "SSL_ImportFD",
	 .guide = "ssl_SetupIOMethods"},
	{.name = "s2n",
	 .file = {"libs2n.so", "_awscrt."},
	 .layer = LAYER_S2N,
	 .resolve = resolve_symbols,
	 .rows = s2n},
	{.name = "gotls",
	 .layer = LAYER_GOTLS,
	 .resolve = gotls_resolve,
	 .is_program = go_is_program},
	{.name = "libc",
	 .file = {"libc.so", "ld-musl-"},
	 .resolve = resolve_symbols,
	 .rows = libc,
	 .mark = "__libc_start_main"},
	{.name = NULL},
};

bool probe_carries(unsigned libraries)
{
	for (unsigned i = 0; probe_libraries[i].name; i++)
		if ((libraries & 1U << i) && probe_libraries[i].layer)
			return true;
	return false;
}

/* Whether functions were found for two kinds of transfer: to send, to receive. */
static bool is_there(const struct probe_library *library, const struct elf_function *function)
{
	const struct action *first = NULL;

	for (const struct probe_row *row = library->rows; row && row->action; row++) {
		for (int v = 0; v < VARIANTS && row->variant[v].symbol; v++, function++) {
			if (!function->offset || (row->action != &send && row->action != &receive))
				continue;
			if (first && first != row->action)
				return true;
			first = row->action;
		}
	}
	return library->mark && function->offset;
}

static size_t add_names(const struct probe_library *library, const char **names, size_t n)
{
	for (const struct probe_row *row = library->rows; row && row->action; row++)
		for (int v = 0; v < VARIANTS && row->variant[v].symbol && n < ELF_NAMES_MAX; v++)
			names[n++] = row->variant[v].symbol;
	if (library->mark && n < ELF_NAMES_MAX)
		names[n++] = library->mark;
	return n;
}

unsigned probe_search(const char *path, unsigned wanted)
{
	struct elf_function function[ELF_NAMES_MAX];
	const char *names[ELF_NAMES_MAX];
	unsigned found = 0;
	size_t n = 0;

	/* All names in one question: most files have none. */
	for (size_t i = 0; probe_libraries[i].name; i++)
		if (wanted & 1U << i)
			n = add_names(&probe_libraries[i], names, n);
	if (elf_functions(path, names, n, function) < 0)
		return 0;
	n = 0;
	for (size_t i = 0; probe_libraries[i].name; i++) {
		const struct probe_library *l = &probe_libraries[i];

		if (!(wanted & 1U << i))
			continue;
		if (l->is_program ? l->is_program(path) : is_there(l, function + n))
			found |= 1U << i;
		n = add_names(l, names, n);
	}
	return found;
}

int probe_resolve(const struct probe_library *library, const char *path, struct decoder *decoder,
		  struct probe_point *out, size_t max, const char **refused)
{
	*refused = NULL;
	return library->resolve(library, path, decoder, out, max, refused);
}
