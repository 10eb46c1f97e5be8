/* SPDX-License-Identifier: Apache-2.0 */
#include "probe.h"

#include <errno.h>
#include <string.h>

#include "elf.h"
#include "exchange.h"
#include "go.h"
#include "gotls.h"
#include "nss.h"
#include "site.h"

/* What a function does with a connection, and the programs that watch it. */
static const struct action {
	const char *enter, *leave; /* leave NULL: entry only */
} send = {"tls_send_enter", "tls_send_return"},
  receive = {"tls_receive_enter", "tls_receive_return"}, end = {"tls_end", NULL};

struct search;

/* Exported variants of one operation, each with how it tells its result, and how
 * the points that serve them are found. All take (connection, buffer, ...). */
#define VARIANTS 3
struct probe_row {
	const struct action *action;
	/* Returns whether it added points that serve the whole row. The exported
	 * functions serve where it did not; NULL: they are right as they are. */
	bool (*find)(struct search *search);
	struct variant {
		const char *symbol;
		uint8_t tells, takes; /* TELLS_*, TAKES_* */
	} variant[VARIANTS];
	uint8_t inner;	/* TELLS_* of an inner function */
	uint8_t method; /* offset in NSS's table of functions */
};

/* A row and a file in hand. */
struct search {
	const struct probe_library *library;
	const struct probe_row *row;
	const char *path;
	struct decoder *decoder;
	struct elf_function function[VARIANTS];
	size_t n;
	struct probe_point *point; /* found so far, for all rows */
	size_t n_points, max;
};

static bool common_inner(struct search *s);
static bool callees(struct search *s);
static bool first_variant(struct search *s);
static bool called_variant(struct search *s);
static bool method(struct search *s);

/* SSL_read() and SSL_read_ex() of OpenSSL 1.1.1 and 3.x both call
 * ssl_read_internal(ssl, buf, size, &count); likewise for write. BoringSSL has no
 * _ex variants. SSL_sendfile() works with kTLS only. SSL_clear() and
 * SSL_set_connect_state() make an object ready for another connection. */
static const struct probe_row openssl[] = {
	{&send,
	 common_inner,
	 {{"SSL_write", TELLS_RETURN, 0}, {"SSL_write_ex", TELLS_STORED, 0}},
	 TELLS_INNER,
	 0},
	{&receive,
	 common_inner,
	 {{"SSL_read", TELLS_RETURN, 0}, {"SSL_read_ex", TELLS_STORED, 0}},
	 TELLS_INNER,
	 0},
	{&send, NULL, {{"SSL_sendfile", TELLS_UNSEEN, 0}}, 0, 0},
	{&end, NULL, {{"SSL_free", 0, 0}, {"SSL_shutdown", 0, 0}}, 0, 0},
	{&end, NULL, {{"SSL_clear", 0, 0}, {"SSL_set_connect_state", 0, 0}}, 0, 0},
	{NULL, NULL, {{NULL, 0, 0}}, 0, 0},
};

/* gnutls_record_send(session, data, size) is gnutls_record_send2() with two more
 * arguments, called through the exported symbol (since 3.6.3). What is sent while
 * the session is corked is kept, and gnutls_record_uncork() sends it once more,
 * through the same function. gnutls_record_send_file() does so with pieces of a
 * file, or has the kernel send it (kTLS). */
static const struct probe_row gnutls[] = {
	{&send,
	 first_variant,
	 {{"gnutls_record_send2", TELLS_RETURN, 0}, {"gnutls_record_send", TELLS_RETURN, 0}},
	 0,
	 0},
	{&send, NULL, {{"gnutls_record_send_range", TELLS_RETURN, 0}}, 0, 0},
	{&send, NULL, {{"gnutls_record_uncork", TELLS_FLUSH, 0}}, 0, 0},
	{&send, NULL, {{"gnutls_record_send_file", TELLS_UNSEEN, 0}}, 0, 0},
	{&receive,
	 callees,
	 {{"gnutls_record_recv_seq", TELLS_RETURN, 0}, {"gnutls_record_recv", TELLS_RETURN, 0}},
	 TELLS_RETURN,
	 0},
	{&end, NULL, {{"gnutls_deinit", 0, 0}}, 0, 0},
	{NULL, NULL, {{NULL, 0, 0}}, 0, 0},
};

/* The methods of the TLS layer: only TLS descriptors have them. A program that
 * peeks for more does not read. */
static const struct probe_row nss[] = {
	{&send, method, {{NULL, TELLS_RETURN, 0}}, 0, NSS_WRITE},
	{&send, method, {{NULL, TELLS_RETURN, 0}}, 0, NSS_SEND},
	{&receive, method, {{NULL, TELLS_RETURN, 0}}, 0, NSS_READ},
	{&receive, method, {{NULL, TELLS_RETURN, TAKES_FLAGS}}, 0, NSS_RECV},
	{&end, method, {{NULL, 0, 0}}, 0, NSS_CLOSE},
	{NULL, NULL, {{NULL, 0, 0}}, 0, 0},
};

static const struct probe_row s2n[] = {
	{&send,
	 called_variant,
	 {{"s2n_sendv_with_offset", TELLS_RETURN, TAKES_VECTOR_FROM},
	  {"s2n_sendv", TELLS_RETURN, TAKES_VECTOR},
	  {"s2n_send", TELLS_RETURN, 0}},
	 0,
	 0},
	{&receive, NULL, {{"s2n_recv", TELLS_RETURN, 0}}, 0, 0},
	{&end,
	 NULL,
	 {{"s2n_connection_free", 0, 0}, {"s2n_connection_wipe", 0, 0}, {"s2n_shutdown", 0, 0}},
	 0,
	 0},
	{NULL, NULL, {{NULL, 0, 0}}, 0, 0},
};

static void add(struct search *s, uint64_t offset, uint64_t site)
{
	const struct action *action = s->row->action;
	const char *const program[] = {action->enter, action->leave};

	for (int i = 0; i < 2; i++)
		if (program[i] && s->n_points < s->max)
			s->point[s->n_points++] = (struct probe_point){
				.offset = offset,
				.site = site,
				.program = program[i],
				.is_return = i == 1,
				.first = i == 1,
			};
}

/* A function as its callers see it. */
static uint64_t site(const struct search *s, uint8_t tells, uint8_t takes)
{
	bool vector = takes == TAKES_VECTOR || takes == TAKES_VECTOR_FROM;

	return SITE(s->library->layer, tells, takes, SITE_ARG1, SITE_ARG2,
		    vector ? SITE_ARG3 : SITE_ARG4, SITE_ARG4);
}

static void add_variant(struct search *s, size_t v)
{
	if (s->function[v].offset)
		add(s, s->function[v].offset,
		    site(s, s->row->variant[v].tells, s->row->variant[v].takes));
}

#define CODE_MAX 2048

/* What a variant's code does, if all of it is there. */
static bool flow_of(const struct search *s, size_t v, struct decode_flow *flow)
{
	const struct elf_function *f = &s->function[v];
	uint8_t code[CODE_MAX];

	return s->decoder && f->offset && f->size && f->size <= sizeof(code) &&
	       elf_code(s->path, f->offset, code, f->size) == (long)f->size &&
	       decode_flow(s->decoder, code, f->size, f->offset, flow) == 0;
}

static bool emulated(const struct search *s, uint64_t offset)
{
	uint8_t code[16];
	long got = elf_code(s->path, offset, code, sizeof(code));

	return got > 0 && decode_emulated(s->decoder, code, (size_t)got);
}

static bool is(const struct decode_call *call, int reg, enum decode_kind kind, uint32_t n)
{
	return call->reg[reg].kind == kind && call->reg[reg].n == n;
}

/* Whether a variant calls an inner function of these arguments: its own
 * connection and buffer, and where the count goes - into its own frame, if it
 * returns the count, or to where its caller wants it. That is what tells it from
 * a function that only reports an error. */
static bool calls_inner(const struct search *s, size_t v, const struct decode_call *call)
{
	return is(call, SITE_ARG1, DECODE_ARGUMENT, 0) && is(call, SITE_ARG2, DECODE_ARGUMENT, 1) &&
	       (s->row->variant[v].tells == TELLS_STORED
			? is(call, SITE_ARG4, DECODE_ARGUMENT, 3)
			: call->reg[SITE_ARG4].kind == DECODE_FRAME);
}

/* The one function that both variants call: it sees every call once, and begins
 * with an instruction that is cheap to probe. */
static bool common_inner(struct search *s)
{
	struct decode_flow flow[2];

	for (size_t v = 0; v < 2; v++)
		if (!flow_of(s, v, &flow[v]))
			return false; /* one variant alone proves nothing */
	for (size_t i = 0; i < flow[0].n; i++) {
		const struct decode_call *a = &flow[0].call[i];

		for (size_t k = 0; k < flow[1].n; k++) {
			const struct decode_call *b = &flow[1].call[k];

			if (a->target != b->target || !calls_inner(s, 0, a) ||
			    !calls_inner(s, 1, b) || !emulated(s, a->target))
				continue;
			add(s, a->target, site(s, s->row->inner, 0));
			return true;
		}
	}
	return false;
}

/* The functions of (connection, type, buffer, ...) that the variants hand their
 * buffer to: on no path is there another way to fill it, and what they return is
 * what the variants return. The first one found begins cheaply; another may be
 * there for a case that is rare. */
static bool callees(struct search *s)
{
	uint64_t target[4];
	size_t n = 0;

	for (size_t v = 0; v < s->n; v++) {
		struct decode_flow flow;

		if (!s->function[v].offset)
			continue;
		if (!flow_of(s, v, &flow) || !flow.whole || (flow.escaped & (1U << 1)))
			return false;
		for (size_t i = 0; i < flow.n; i++) {
			const struct decode_call *call = &flow.call[i];
			size_t k = 0;

			if (!decode_passes(call, 1))
				continue;
			if (!is(call, SITE_ARG1, DECODE_ARGUMENT, 0) ||
			    !is(call, SITE_ARG2, DECODE_NUMBER, TYPE_DATA) ||
			    !is(call, SITE_ARG3, DECODE_ARGUMENT, 1) || !call->passes_result)
				return false;
			while (k < n && target[k] != call->target)
				k++;
			if (k == sizeof(target) / sizeof(target[0]))
				return false;
			target[k] = call->target;
			n += k == n;
		}
	}
	if (!n || !emulated(s, target[0]))
		return false;
	for (size_t k = 0; k < n; k++)
		add(s, target[k],
		    SITE(s->library->layer, s->row->inner, TAKES_TYPE, SITE_ARG1, SITE_ARG3,
			 SITE_ARG4, SITE_ARG2));
	return true;
}

/* The first variant that is there is known to be called by the others. */
static bool first_variant(struct search *s)
{
	for (size_t v = 0; v < s->n; v++) {
		if (!s->function[v].offset)
			continue;
		add_variant(s, v);
		return true;
	}
	return false;
}

/* The first variant, and those of the others that do not always call it. Calls
 * within a call do not count: more probes than needed cost, but never lie. */
static bool called_variant(struct search *s)
{
	if (!s->function[0].offset)
		return false;
	for (size_t v = 0; v < s->n; v++) {
		struct decode_flow flow;

		if (v == 0 || !flow_of(s, v, &flow) || !flow.n || !flow.call[0].always ||
		    flow.call[0].target != s->function[0].offset)
			add_variant(s, v);
	}
	return true;
}

static bool method(struct search *s)
{
	uint64_t offset;

	if (nss_method(s->path, s->decoder, s->row->method, &offset))
		return false;
	add(s, offset, site(s, s->row->variant[0].tells, s->row->variant[0].takes));
	return true;
}

static int resolve_symbols(const struct probe_library *library, const char *path,
			   struct decoder *decoder, struct probe_point *out, size_t max,
			   const char **refused)
{
	struct search s = {
		.library = library, .path = path, .decoder = decoder, .point = out, .max = max};

	(void)refused; /* return probes are safe everywhere in C */
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
			add_variant(&s, v);
	}
	return s.n_points ? (int)s.n_points : -ENOENT;
}

const struct probe_library probe_libraries[] = {
	{"openssl", {"libssl.so"}, LAYER_OPENSSL, resolve_symbols, openssl, NULL, NULL},
	{"gnutls", {"libgnutls.so"}, LAYER_GNUTLS, resolve_symbols, gnutls, NULL, NULL},
	{"nss", {"libssl3.so"}, LAYER_NSS, resolve_symbols, nss, "SSL_ImportFD", NULL},
	{"s2n", {"libs2n.so", "_awscrt."}, LAYER_S2N, resolve_symbols, s2n, NULL, NULL},
	{"gotls", {NULL}, LAYER_GOTLS, gotls_resolve, NULL, NULL, go_is_program},
	{NULL, {NULL}, 0, NULL, NULL, NULL, NULL},
};

/* Whether functions were found for two kinds of transfer: to send, to receive. */
static bool is_there(const struct probe_library *library, const struct elf_function *function)
{
	const struct action *first = NULL;

	for (const struct probe_row *row = library->rows; row && row->action; row++) {
		for (int v = 0; v < VARIANTS && row->variant[v].symbol; v++, function++) {
			if (!function->offset || !row->action->leave)
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
