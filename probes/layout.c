/* SPDX-License-Identifier: Apache-2.0 */
#include "layout.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accessor.h"
#include "elf.h"
#include "go.h"

/* --- the table ------------------------------------------------------------------ */

#define PARTS 6
#define ANY 5
#define SOCKET_BIO 0x505 /* BIO_TYPE_SOCKET of openssl/bio.h, and BoringSSL's */
#define SOCKET_TCP 2	 /* PR_DESC_SOCKET_TCP */
#define NUMBER_MAX 0x7fffffff
#define POINTER_MIN 0x10000 /* where memory begins: vm.mmap_min_addr */

/* One part of the way. All begin at the object that the last STEP_FOLLOW led to. */
struct part {
	unsigned kind; /* STEP_*; 0: there is no more */
	/* Where: what an exported function tells, and so many bytes behind that; or
	 * offsets that are the same in all versions of the row. */
	const char *accessor;
	enum accessor_tells tells;
	uint32_t behind;
	uint32_t offset[ACCESSOR_STEPS];
	uint8_t n;    /* of them */
	uint8_t size; /* bytes of the last; 8 if 0 */
	/* STEP_IS: one of these (0 ends them, but for the first); STEP_DESCRIPTOR: it is
	 * less than the first. */
	uint64_t value[ANY];
	/* Another file has the accessor, too: "ssl" in this one's name is this there. */
	const char *beside;
};

/* The first row of a library by which everything is found is the file's. */
struct row {
	const char *library, *how;
	const char *has, *lacks; /* exported functions that tell the version; or NULL */
	struct part part[PARTS];
};

/* struct ssl_st begins with its type, 0 for TLS, where it may be QUIC's (OpenSSL 3.2).
 * Only that makes SSL_get_rbio() go several ways. */
static const struct accessor_condition is_tls = {{{0}, 1, 4}, 0xffffffff, 0, true};

/* The type is a socket's: of any other BIO, one in memory, say, num means nothing.
 * struct bio_st has retry_reason and num side by side, as BoringSSL's has. */
#define SSL_TO_BIO                                                                                 \
	{                                                                                          \
		STEP_FOLLOW, .accessor = "SSL_get_rbio"                                            \
	}
#define BIO_TYPE STEP_IS, .size = 4, .value = {SOCKET_BIO}
#define BIO_NUM STEP_DESCRIPTOR, .size = 4, .value = {NUMBER_MAX}

/* tls.Conn begins with a net.Conn, an interface: (table, object). Behind two words
 * of the table is the hash of the object's type, which the compiler makes from the
 * type's name: of SHA-256 since Go 1.24 and, turned over, since 1.19, of MD5 before
 * (cmd/compile: TypeHash). net.TCPConn is a pointer to a net.netFD, which begins with
 * a poll.FD: its lock, 16 bytes, and the descriptor. */
#define GO_TCP                                                                                     \
	{                                                                                          \
		0xbc020cb9, 0x43fdf3b9, 0x43fdf347, 0xb954d952                                     \
	}
#define GO_TYPE STEP_IS, .offset = {0, 16}, .n = 2, .size = 4
#define GO_SYSFD STEP_DESCRIPTOR, .offset = {8, 0, 16}, .n = 3, .size = 4, .value = {NUMBER_MAX}

static const struct row rows[] = {
	{"openssl",
	 "as its accessors tell",
	 NULL,
	 NULL,
	 {SSL_TO_BIO,
	  {BIO_TYPE, .accessor = "BIO_method_type", .beside = "crypto"},
	  {BIO_NUM, .accessor = "BIO_get_retry_reason", .behind = 4, .beside = "crypto"}}},
	/* libcrypto is not beside it. */
	{"openssl",
	 "as in all of OpenSSL 3",
	 "SSL_CTX_new_ex",
	 NULL,
	 {SSL_TO_BIO, {BIO_TYPE, .offset = {8, 0}, .n = 2}, {BIO_NUM, .offset = {0x38}, .n = 1}}},
	{"openssl",
	 "as in OpenSSL 1.1.1",
	 "SSL_CTX_set_psk_find_session_callback",
	 "SSL_CTX_new_ex",
	 {SSL_TO_BIO, {BIO_TYPE, .offset = {0, 0}, .n = 2}, {BIO_NUM, .offset = {0x30}, .n = 1}}},
	/* A program's own function to send with may have anything for a "transport
	 * pointer"; that it has one is told by itself. */
	{"gnutls",
	 "as its accessors tell",
	 NULL,
	 NULL,
	 {{STEP_IS, .accessor = "gnutls_transport_set_push_function", .tells = ACCESSOR_KEEPS},
	  {STEP_DESCRIPTOR, .accessor = "gnutls_transport_get_ptr2", .tells = ACCESSOR_STORES_THIRD,
	   .value = {POINTER_MIN}}}},
	{"s2n",
	 "as its accessors tell",
	 NULL,
	 NULL,
	 {{STEP_DESCRIPTOR, .accessor = "s2n_connection_get_write_fd", .tells = ACCESSOR_STORES,
	   .value = {NUMBER_MAX}}}},
	/* struct PRFileDesc of prio.h: methods, secret, lower, whose methods begin with the
	 * kind of descriptor. What is secret of NSPR's own layer has not changed in
	 * NSPR 4; PR_FileDesc2NativeHandle() reads it. */
	{"nss",
	 "as in NSPR 4",
	 NULL,
	 NULL,
	 {{STEP_FOLLOW, .offset = {0x10}, .n = 1},
	  {STEP_IS, .offset = {0, 0}, .n = 2, .size = 4, .value = {SOCKET_TCP}},
	  {STEP_DESCRIPTOR, .offset = {8, 0x1c}, .n = 2, .size = 4, .value = {NUMBER_MAX}}}},
	/* rclone's connections are net.Conns around one of the net package's. */
	{"gotls",
	 "behind rclone's timeoutConn",
	 "github.com/rclone/rclone/fs/fshttp.(*timeoutConn).Write",
	 NULL,
	 {{GO_TYPE, .value = {0xd7af6423, 0x28509b23, 0x28509bdd, 0x6aa7f544}},
	  {STEP_FOLLOW, .offset = {8}, .n = 1},
	  {GO_TYPE, .value = GO_TCP},
	  {GO_SYSFD}}},
	{"gotls", "behind net.TCPConn", NULL, NULL, {{GO_TYPE, .value = GO_TCP}, {GO_SYSFD}}},
};

/* --- finding -------------------------------------------------------------------- */

#define CODE_MAX 2048
#define CODE_UNSIZED 256 /* of a function whose symbol does not say */

struct search {
	const char *path;
	struct decoder *decoder;
	struct layout *layout;
	size_t n; /* steps so far */
};

/* The file beside this one that has "libcrypto" in its name for "libssl". */
static int beside(const char *path, const char *with, char *to, size_t size)
{
	char name[PATH_MAX], *ssl;
	struct stat this, other;
	ssize_t n = readlink(path, name, sizeof(name) - 1);
	size_t before;

	if (n > 0)
		name[n] = '\0';
	else
		snprintf(name, sizeof(name), "%s", path);
	ssl = strstr(strrchr(name, '/') ? strrchr(name, '/') : name, "ssl");
	if (name[0] != '/' || !ssl)
		return -ENOENT;
	before = (size_t)(ssl - name);
	if ((size_t)snprintf(to, size, "%.*s%s%s", (int)before, name, with, ssl + 3) >= size)
		return -ENAMETOOLONG;
	/* Names are those of our mount namespace, the file may be of another. */
	if (stat(path, &this) || stat(to, &other) || this.st_dev != other.st_dev)
		return -ENOENT;
	return 0;
}

static int read_accessor(const struct search *s, const char *path, const struct part *p,
			 struct accessor *out)
{
	struct elf_function f;
	uint8_t code[CODE_MAX];
	long got;
	int err;

	if (!s->decoder || elf_functions(path, &p->accessor, 1, &f) != 1)
		return -ENOENT;
	if (!f.size)
		f.size = CODE_UNSIZED;
	got = elf_code(path, f.offset, code, f.size < sizeof(code) ? f.size : sizeof(code));
	if (got <= 0)
		return -ENOENT;
	err = accessor_read(s->decoder, code, (size_t)got, f.offset, p->tells, NULL, out);
	if (err && p->kind == STEP_FOLLOW)
		err = accessor_read(s->decoder, code, (size_t)got, f.offset, p->tells, &is_tls,
				    out);
	return err;
}

static int add(struct search *s, const struct accessor_place *place, unsigned what, uint64_t mask,
	       uint64_t value)
{
	struct step *step = &s->layout->steps.step[s->n];

	if (s->n + place->n > STEPS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < place->n; i++)
		step[i] = (struct step){place->offset[i], STEP_FOLLOW, ~0ULL, 0};
	step[0].what |= STEP_FROM_MARK;
	step += place->n - 1;
	*step = (struct step){step->offset, (step->what & STEP_FROM_MARK) | what, mask, value};
	s->n += place->n;
	return 0;
}

static uint64_t mask_of(unsigned size)
{
	return size >= 8 ? ~0ULL : (1ULL << 8 * size) - 1;
}

static int add_part(struct search *s, const struct part *p)
{
	struct accessor a = {.place = {.n = p->n, .size = p->size ? p->size : 8}};
	struct accessor_place again;
	char other[PATH_MAX];
	int err = 0;

	memcpy(a.place.offset, p->offset, sizeof(p->offset));
	if (p->accessor) {
		err = read_accessor(s, s->path, p, &a);
		if (err && p->beside && !beside(s->path, p->beside, other, sizeof(other)))
			err = read_accessor(s, other, p, &a);
		if (err || (p->size && a.place.size != p->size))
			return -ENOENT;
	}
	for (size_t i = 0; i < a.n && !err; i++)
		err = add(s, &a.condition[i].place, a.condition[i].is ? STEP_IS : STEP_IS_NOT,
			  a.condition[i].mask, a.condition[i].value);
	a.place.offset[a.place.n - 1] += p->behind;
	if (!err)
		err = add(s, &a.place, p->kind | (p->kind == STEP_FOLLOW ? STEP_MARK : 0),
			  mask_of(a.place.size), p->value[0]);
	/* The same word once more, if it may be something else as well. */
	again = (struct accessor_place){{a.place.offset[a.place.n - 1]}, 1, a.place.size};
	for (size_t i = 1; i < ANY && p->value[i] && !err; i++) {
		s->layout->steps.step[s->n - 1].what |= STEP_OR;
		err = add(s, &again, p->kind, mask_of(a.place.size), p->value[i]);
		s->layout->steps.step[s->n - 1].what &= ~STEP_FROM_MARK;
	}
	return err;
}

static bool has(const char *library, const char *path, const char *function)
{
	struct elf_function f;
	bool registers;

	if (strcmp(library, "gotls") == 0)
		return go_functions(path, &function, 1, &f, &registers) == 1;
	return elf_functions(path, &function, 1, &f) == 1;
}

int layout_find(const struct probe_library *library, const char *path, struct decoder *decoder,
		struct layout *out)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct search s = {.path = path, .decoder = decoder, .layout = out};
		const struct row *row = &rows[i];
		int err = 0;

		if (strcmp(row->library, library->name) != 0 ||
		    (row->has && !has(library->name, path, row->has)) ||
		    (row->lacks && has(library->name, path, row->lacks)))
			continue;
		memset(out, 0, sizeof(*out));
		for (const struct part *p = row->part; p < row->part + PARTS && p->kind && !err;
		     p++)
			err = add_part(&s, p);
		if (err)
			continue;
		snprintf(out->from, sizeof(out->from), "%s", row->how);
		return 0;
	}
	return -ENOENT;
}
