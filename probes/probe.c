/* SPDX-License-Identifier: Apache-2.0 */
#include "probe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "elf.h"

/*
 * Exported variants of one operation, each with the program for its entry: they
 * tell their result in different ways. Where all variants that a build has begin
 * by calling the same inner function, that function is probed instead: it sees
 * every call once, and it begins with an instruction that is cheap to probe.
 */
#define VARIANTS 2
struct probe_row {
	const char *symbol[VARIANTS];
	const char *enter[VARIANTS];
	const char *enter_inner; /* NULL: never look for an inner function */
	const char *leave;	 /* NULL: entry only */
	bool first_only;	 /* the first variant that is there calls the others */
};

/* SSL_read() and SSL_read_ex() of OpenSSL 1.1.1 and 3.x both call
 * ssl_read_internal(ssl, buf, size, &count); likewise for write. */
static const struct probe_row openssl[] = {
	{{"SSL_write", "SSL_write_ex"},
	 {"tls_openssl_send", "tls_openssl_send_ex"},
	 "tls_openssl_send_inner",
	 "tls_send_return",
	 false},
	{{"SSL_read", "SSL_read_ex"},
	 {"tls_openssl_receive", "tls_openssl_receive_ex"},
	 "tls_openssl_receive_inner",
	 "tls_receive_return",
	 false},
	{{"SSL_free"}, {"tls_openssl_end"}, NULL, NULL, false},
	{{"SSL_shutdown"}, {"tls_openssl_end"}, NULL, NULL, false},
	{{NULL}, {NULL}, NULL, NULL, false},
};

/* gnutls_record_send(session, data, size) is gnutls_record_send2() with two more
 * arguments, called through the exported symbol (since 3.6.3). */
static const struct probe_row gnutls[] = {
	{{"gnutls_record_send2", "gnutls_record_send"},
	 {"tls_gnutls_send", "tls_gnutls_send"},
	 NULL,
	 "tls_send_return",
	 true},
	{{"gnutls_record_recv"}, {"tls_gnutls_receive"}, NULL, "tls_receive_return", false},
	{{"gnutls_deinit"}, {"tls_gnutls_end"}, NULL, NULL, false},
	{{NULL}, {NULL}, NULL, NULL, false},
};

const struct probe_library probe_libraries[] = {
	{"openssl", "libssl.so", openssl},
	{"gnutls", "libgnutls.so", gnutls},
	{NULL, NULL, NULL},
};

struct point_list {
	struct probe_point *point;
	size_t n, max;
};

static void add(struct point_list *list, uint64_t offset, bool is_return, const char *program)
{
	if (!program || list->n == list->max)
		return;
	struct probe_point *p = &list->point[list->n++];

	p->offset = offset;
	p->is_return = is_return;
	snprintf(p->program, sizeof(p->program), "%s", program);
}

/* The function that every variant calls first, or 0. */
static uint64_t inner_function(const struct probe_row *row, const struct elf_function *function,
			       const char *path, struct decoder *decoder)
{
	uint64_t common = 0, target;
	uint8_t code[256];

	if (!decoder || !row->enter_inner)
		return 0;
	for (int v = 0; v < VARIANTS; v++) {
		size_t n = function[v].size < sizeof(code) ? function[v].size : sizeof(code);
		long got;

		if (!function[v].offset)
			return 0; /* one variant alone proves nothing */
		got = elf_code(path, function[v].offset, code, n);
		if (got <= 0 ||
		    decode_first_call(decoder, code, (size_t)got, function[v].offset, &target))
			return 0;
		if (common && common != target)
			return 0;
		common = target;
	}
	long got = elf_code(path, common, code, 16);
	if (got <= 0 || !decode_emulated(decoder, code, (size_t)got))
		return 0;
	return common;
}

int probe_resolve(const struct probe_library *library, const char *path, struct decoder *decoder,
		  struct probe_point *out, size_t max)
{
	struct point_list list = {out, 0, max};

	for (const struct probe_row *row = library->rows; row->symbol[0]; row++) {
		struct elf_function function[VARIANTS];
		const char *names[VARIANTS];
		size_t n = 0;
		uint64_t inner;
		int found;

		while (n < VARIANTS && row->symbol[n]) {
			names[n] = row->symbol[n];
			n++;
		}
		memset(function, 0, sizeof(function));
		found = elf_functions(path, names, n, function);
		if (found < 0)
			return found;
		inner = inner_function(row, function, path, decoder);
		if (inner) {
			add(&list, inner, false, row->enter_inner);
			add(&list, inner, true, row->leave);
			continue;
		}
		for (size_t v = 0; v < n; v++) {
			if (!function[v].offset)
				continue;
			add(&list, function[v].offset, false, row->enter[v]);
			add(&list, function[v].offset, true, row->leave);
			if (row->first_only)
				break;
		}
	}
	return list.n ? (int)list.n : -ENOENT;
}
