/* SPDX-License-Identifier: Apache-2.0 */
#include "probe.h"

#include <errno.h>
#include <string.h>

#include "elf.h"
#include "exchange.h"
#include "site.h"

/* What a function does with a connection, and the programs that watch it. */
static const struct action {
	const char *enter, *leave; /* leave NULL: entry only */
} send = {"tls_send_enter", "tls_send_return"},
  receive = {"tls_receive_enter", "tls_receive_return"}, end = {"tls_end", NULL};

/*
 * Exported variants of one operation, each with how it tells its result. Where
 * all variants that a build has begin by calling the same inner function, that
 * function is probed instead: it sees every call once, and it begins with an
 * instruction that is cheap to probe. All take (connection, buffer, ...).
 */
#define VARIANTS 2
struct probe_row {
	const struct action *action;
	struct {
		const char *symbol;
		uint8_t tells; /* TELLS_* */
	} variant[VARIANTS];
	uint8_t inner;	 /* TELLS_* of the inner function; 0: never look for one */
	bool first_only; /* the first variant that is there calls the others */
};

/* SSL_read() and SSL_read_ex() of OpenSSL 1.1.1 and 3.x both call
 * ssl_read_internal(ssl, buf, size, &count); likewise for write. */
static const struct probe_row openssl[] = {
	{&send, {{"SSL_write", TELLS_RETURN}, {"SSL_write_ex", TELLS_STORED}}, TELLS_INNER, false},
	{&receive, {{"SSL_read", TELLS_RETURN}, {"SSL_read_ex", TELLS_STORED}}, TELLS_INNER, false},
	{&end, {{"SSL_free", TELLS_RETURN}}, 0, false},
	{&end, {{"SSL_shutdown", TELLS_RETURN}}, 0, false},
	{NULL, {{NULL, 0}}, 0, false},
};

/* gnutls_record_send(session, data, size) is gnutls_record_send2() with two more
 * arguments, called through the exported symbol (since 3.6.3). */
static const struct probe_row gnutls[] = {
	{&send,
	 {{"gnutls_record_send2", TELLS_RETURN}, {"gnutls_record_send", TELLS_RETURN}},
	 0,
	 true},
	{&receive, {{"gnutls_record_recv", TELLS_RETURN}}, 0, false},
	{&end, {{"gnutls_deinit", TELLS_RETURN}}, 0, false},
	{NULL, {{NULL, 0}}, 0, false},
};

const struct probe_library probe_libraries[] = {
	{"openssl", "libssl.so", LAYER_OPENSSL, openssl},
	{"gnutls", "libgnutls.so", LAYER_GNUTLS, gnutls},
	{NULL, NULL, 0, NULL},
};

struct point_list {
	struct probe_point *point;
	size_t n, max;
};

static void add(struct point_list *list, uint64_t offset, uint64_t site,
		const struct action *action)
{
	const char *const program[] = {action->enter, action->leave};

	for (int i = 0; i < 2; i++)
		if (program[i] && list->n < list->max)
			list->point[list->n++] = (struct probe_point){
				.offset = offset,
				.site = site,
				.program = program[i],
				.is_return = i == 1,
			};
}

/* The function that every variant calls first with its own first two arguments,
 * or 0. */
static uint64_t inner_function(const struct probe_row *row, const struct elf_function *function,
			       const char *path, struct decoder *decoder)
{
	uint64_t common = 0;
	uint8_t code[256];
	long got;

	if (!decoder || !row->inner)
		return 0;
	for (int v = 0; v < VARIANTS; v++) {
		size_t n = function[v].size < sizeof(code) ? function[v].size : sizeof(code);
		struct decode_call call;

		if (!function[v].offset)
			return 0; /* one variant alone proves nothing */
		got = elf_code(path, function[v].offset, code, n);
		if (got <= 0 ||
		    decode_first_call(decoder, code, (size_t)got, function[v].offset, &call) ||
		    call.arg[0] != SITE_ARG1 || call.arg[1] != SITE_ARG2 ||
		    (common && common != call.target))
			return 0;
		common = call.target;
	}
	got = elf_code(path, common, code, 16);
	return got > 0 && decode_emulated(decoder, code, (size_t)got) ? common : 0;
}

static uint64_t site(const struct probe_library *library, uint8_t tells)
{
	return SITE(library->layer, tells, SITE_ARG1, SITE_ARG2, SITE_ARG4);
}

int probe_resolve(const struct probe_library *library, const char *path, struct decoder *decoder,
		  struct probe_point *out, size_t max)
{
	struct point_list list = {out, 0, max};

	for (const struct probe_row *row = library->rows; row->action; row++) {
		struct elf_function function[VARIANTS];
		const char *names[VARIANTS];
		size_t n = 0;
		uint64_t inner;
		int found;

		while (n < VARIANTS && row->variant[n].symbol) {
			names[n] = row->variant[n].symbol;
			n++;
		}
		memset(function, 0, sizeof(function));
		found = elf_functions(path, names, n, function);
		if (found < 0)
			return found;
		inner = inner_function(row, function, path, decoder);
		if (inner) {
			add(&list, inner, site(library, row->inner), row->action);
			continue;
		}
		for (size_t v = 0; v < n; v++) {
			if (!function[v].offset)
				continue;
			add(&list, function[v].offset, site(library, row->variant[v].tells),
			    row->action);
			if (row->first_only)
				break;
		}
	}
	return list.n ? (int)list.n : -ENOENT;
}

/* Whether functions were found for two kinds of transfer: to send, to receive. */
static bool is_there(const struct probe_library *library, const struct elf_function *function)
{
	const struct action *first = NULL;

	for (const struct probe_row *row = library->rows; row->action; row++) {
		for (int v = 0; v < VARIANTS && row->variant[v].symbol; v++, function++) {
			if (!function->offset || !row->action->leave)
				continue;
			if (first && first != row->action)
				return true;
			first = row->action;
		}
	}
	return false;
}

static size_t add_names(const struct probe_library *library, const char **names, size_t n)
{
	for (const struct probe_row *row = library->rows; row->action; row++)
		for (int v = 0; v < VARIANTS && row->variant[v].symbol && n < ELF_NAMES_MAX; v++)
			names[n++] = row->variant[v].symbol;
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
	if (elf_functions(path, names, n, function) <= 0)
		return 0;
	n = 0;
	for (size_t i = 0; probe_libraries[i].name; i++) {
		if (!(wanted & 1U << i))
			continue;
		if (is_there(&probe_libraries[i], function + n))
			found |= 1U << i;
		n = add_names(&probe_libraries[i], names, n);
	}
	return found;
}
