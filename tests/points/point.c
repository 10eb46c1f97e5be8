/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The points in this machine's libraries, and in some that are built for this
 * (like.c): each is on the boundary of an instruction that is found by decoding
 * from the start of a function, and returns are on a function's first.
 */
#include <CUnit/CUnit.h>
#include <glob.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#include "probes/decoder.h"
#include "probes/elf.h"
#include "probes/image.h"
#include "probes/exchange.h"
#include "probes/probe.h"
#include "probes/site.h"

static struct probe_point point[PROBE_POINTS_MAX];
static int n_points;
static const char *refused;

static const struct probe_library *named(const char *name)
{
	const struct probe_library *l = probe_libraries;

	while (strcmp(l->name, name) != 0)
		l++;
	return l;
}

/* Resolves the first file of that pattern; false if there is none. */
static bool resolve(const char *library, const char *pattern, char *path, size_t size)
{
	struct decoder *d = decoder_new();
	glob_t found;

	n_points = 0;
	if (glob(pattern, 0, NULL, &found))
		return false;
	snprintf(path, size, "%s", found.gl_pathv[0]);
	globfree(&found);
	n_points = probe_resolve(named(library), path, d, point, PROBE_POINTS_MAX, &refused);
	decoder_free(d);
	CU_ASSERT_TRUE(n_points > 0);
	return n_points > 0;
}

static size_t count(const char *program)
{
	size_t n = 0;

	for (int i = 0; i < n_points; i++)
		n += strcmp(point[i].program, program) == 0;
	return n;
}

/* Functions that begin at these points, by unwinding information. */
struct starts {
	const struct image *elf;
	bool on_boundary[PROBE_POINTS_MAX], on_start[PROBE_POINTS_MAX];
};

static bool look_at(void *ctx, uint64_t address, const uint8_t *code, size_t n)
{
	struct starts *s = ctx;
	uint64_t begin = image_offset(s->elf, address);
	struct decoder *d = NULL;

	for (int i = 0; i < n_points; i++) {
		const uint8_t *at = code;
		uint64_t pc = begin;
		size_t left = n;

		if (point[i].offset < begin || point[i].offset >= begin + n)
			continue;
		d = d ? d : decoder_new();
		s->on_start[i] =
			point[i].offset == begin || (point[i].offset == begin + 4 && n > 4 &&
						     memcmp(code, "\xf3\x0f\x1e\xfa", 4) == 0);
		s->on_boundary[i] = s->on_start[i];
		while (!s->on_boundary[i] && decoder_next(d, &at, &left, &pc))
			s->on_boundary[i] = pc == point[i].offset;
	}
	decoder_free(d);
	return true;
}

static void check_boundaries(const char *path)
{
	struct starts s = {0};
	struct image *elf;

	CU_ASSERT_EQUAL_FATAL(image_open(path, &elf), 0);
	s.elf = elf;
	image_each_function(elf, look_at, &s);
	image_close(elf);
	for (int i = 0; i < n_points; i++) {
		CU_ASSERT_TRUE(s.on_boundary[i]);
		CU_ASSERT_TRUE(s.on_start[i] || !point[i].is_return);
	}
}

/* Whether what moves data is cheap to probe. */
static void check_cheap(const char *path, const char *program)
{
	struct decoder *d = decoder_new();

	for (int i = 0; i < n_points; i++) {
		uint8_t code[16];
		long got = elf_code(path, point[i].offset, code, sizeof(code));

		if (strcmp(point[i].program, program) != 0 ||
		    SITE_TELLS(point[i].site) == TELLS_UNSEEN)
			continue;
		CU_ASSERT_TRUE(got > 0 && decode_emulated(d, code, (size_t)got));
	}
	decoder_free(d);
}

#define LIB "/usr/lib/*-linux-gnu/"

static void openssl(void)
{
	char path[512];

	if (!resolve("openssl", LIB "libssl.so.3", path, sizeof(path)))
		return;
	check_boundaries(path);
	check_cheap(path, "tls_send_enter");
	check_cheap(path, "tls_receive_enter");
	CU_ASSERT_EQUAL(count("tls_receive_enter"), 1);
	CU_ASSERT_EQUAL(count("tls_send_enter"), 2); /* and SSL_sendfile */
	CU_ASSERT_EQUAL(count("tls_handshake_enter"), 2);
	/* What is seen to begin is seen in all that follows: it is attached last. */
	CU_ASSERT_EQUAL(SITE_TELLS(point[n_points - 1].site), TELLS_ANEW);
	for (int i = 0; i < n_points; i++)
		if (strcmp(point[i].program, "tls_receive_enter") == 0)
			CU_ASSERT_EQUAL(SITE_TELLS(point[i].site), TELLS_INNER);
}

static void gnutls(void)
{
	char path[512];
	bool typed = false;

	if (!resolve("gnutls", LIB "libgnutls.so.30", path, sizeof(path)))
		return;
	check_boundaries(path);
	check_cheap(path, "tls_send_enter");
	for (int i = 0; i < n_points; i++)
		if (strcmp(point[i].program, "tls_receive_enter") == 0) {
			typed = true;
			CU_ASSERT_EQUAL(SITE_TAKES(point[i].site), TAKES_TYPE);
			CU_ASSERT_EQUAL(SITE_BUF(point[i].site), SITE_ARG3);
			CU_ASSERT_EQUAL(SITE_EXTRA(point[i].site), SITE_ARG2);
		}
	CU_ASSERT_TRUE(typed);
	CU_ASSERT_EQUAL(count("tls_handshake_enter"), 1);
	CU_ASSERT_EQUAL(count("tls_handshake_return"), 1);
}

static void nss(void)
{
	char path[512];

	if (!resolve("nss", LIB "libssl3.so", path, sizeof(path)))
		return;
	check_boundaries(path);
	check_cheap(path, "tls_send_enter");
	check_cheap(path, "tls_receive_enter");
	CU_ASSERT_EQUAL(count("tls_send_enter"), 2);
	CU_ASSERT_EQUAL(count("tls_receive_enter"), 2);
	CU_ASSERT_EQUAL(count("tls_end"), 2);
}

static void s2n(void)
{
	char path[512];

	if (!resolve("s2n", "/usr/lib/python3/dist-packages/_awscrt*.so", path, sizeof(path)))
		return;
	check_boundaries(path);
	check_cheap(path, "tls_send_enter");
	check_cheap(path, "tls_receive_enter");
	CU_ASSERT_EQUAL(count("tls_send_enter"), 1);
	CU_ASSERT_EQUAL(SITE_TAKES(point[0].site), TAKES_VECTOR_FROM);
	CU_ASSERT_EQUAL(count("tls_handshake_enter"), 1);
}

/* Libraries as other compilers and versions make them: see like.c. */
static void likenesses(void)
{
	char path[512];

	if (!resolve("openssl", "build/points/like-openssl-3.3.so", path, sizeof(path)))
		return;
	check_boundaries(path);
	CU_ASSERT_EQUAL(count("tls_send_enter"), 1);
	CU_ASSERT_EQUAL(SITE_OUT(point[0].site), SITE_ARG5);

	CU_ASSERT_TRUE(resolve("openssl", "build/points/like-boringssl.so", path, sizeof(path)));
	check_boundaries(path);
	check_cheap(path, "tls_send_enter"); /* behind its endbr64 */
	CU_ASSERT_EQUAL(count("tls_send_enter"), 1);
	CU_ASSERT_EQUAL(SITE_TELLS(point[0].site), TELLS_RETURN);

	/* Another function that gets the same arguments first is not taken for the
	 * inner one, and where two ways lead to data the exported symbols serve. */
	CU_ASSERT_TRUE(resolve("openssl", "build/points/like-logging.so", path, sizeof(path)));
	CU_ASSERT_EQUAL(count("tls_send_enter"), 1);
	CU_ASSERT_EQUAL(SITE_TELLS(point[0].site), TELLS_INNER);
	CU_ASSERT_TRUE(resolve("gnutls", "build/points/like-gnutls.so", path, sizeof(path)));
	CU_ASSERT_EQUAL(count("tls_receive_enter"), 2);
	for (int i = 0; i < n_points; i++)
		CU_ASSERT_EQUAL(SITE_TAKES(point[i].site), TAKES_BUFFER);
	CU_ASSERT_TRUE(resolve("s2n", "build/points/like-s2n.so", path, sizeof(path)));
	CU_ASSERT_EQUAL(count("tls_send_enter"), 2);
}

/* Where data passes cannot be found: that is said, and nothing else is probed, either. */
static void what_is_not_understood_is_named(void)
{
	static const char *const path = "build/points/like-nss.so";
	struct decoder *d = decoder_new();

	CU_ASSERT_TRUE(probe_carries(probe_search(path, ~0u)));
	n_points = probe_resolve(named("nss"), path, d, point, PROBE_POINTS_MAX, &refused);
	CU_ASSERT_EQUAL(n_points, -ENOENT);
	CU_ASSERT_PTR_NOT_NULL_FATAL(refused);
	CU_ASSERT_STRING_EQUAL(refused, "ssl_SetupIOMethods");
	decoder_free(d);
}

/* Its one function, whole: entry and return on its first instruction. */
static void c_library(void)
{
	char path[512];
	unsigned found;

	if (!resolve("libc", "/lib/*-linux-gnu/libc.so.6", path, sizeof(path)))
		return;
	check_boundaries(path);
	CU_ASSERT_EQUAL(n_points, 2);
	CU_ASSERT_EQUAL(count("lookup_enter"), 1);
	CU_ASSERT_EQUAL(count("lookup_return"), 1);
	found = probe_search(path, ~0u);
	CU_ASSERT_TRUE(found != 0 && !probe_carries(found));
	CU_ASSERT_EQUAL(probe_search("/proc/self/exe", found), 0);
}

static void without_a_decoder(void)
{
	static const char *const path = "/usr/lib/x86_64-linux-gnu/libssl.so.3";

	n_points = probe_resolve(named("openssl"), path, NULL, point, PROBE_POINTS_MAX, &refused);
	if (n_points == -ENOENT || n_points == -2)
		return;
	CU_ASSERT_EQUAL(count("tls_receive_enter"), 2);
	check_boundaries(path);
}

static void no_library(void)
{
	struct decoder *d = decoder_new();

	for (const struct probe_library *l = probe_libraries; l->name; l++) {
		CU_ASSERT_TRUE(probe_resolve(l, "/dev/null", d, point, PROBE_POINTS_MAX, &refused) <
			       0);
		CU_ASSERT_TRUE(probe_resolve(l, "/nowhere", d, point, PROBE_POINTS_MAX, &refused) <
			       0);
		CU_ASSERT_TRUE(probe_resolve(l, "/proc/self/exe", d, point, PROBE_POINTS_MAX,
					     &refused) < 0);
	}
	decoder_free(d);
}

/* No return probe, ever; all returns before any entry. */
static void go_program(void)
{
	char path[256];
	int entries = 0;

	if (!resolve("gotls", "/usr/bin/rclone", path, sizeof(path)))
		return;
	CU_ASSERT_PTR_NULL(refused);
	CU_ASSERT_EQUAL(count("go_send_enter"), 1);
	CU_ASSERT_EQUAL(count("go_receive_enter"), 1);
	CU_ASSERT_EQUAL(count("go_end"), 1);
	CU_ASSERT_TRUE(count("go_send_return") > 1 && count("go_receive_return") > 1);
	for (int i = 0; i < n_points; i++) {
		CU_ASSERT_FALSE(point[i].is_return);
		CU_ASSERT_EQUAL(SITE_LAYER(point[i].site), LAYER_GOTLS);
		CU_ASSERT_TRUE(point[i].first == (strstr(point[i].program, "return") != NULL));
		entries += !point[i].first;
		CU_ASSERT_TRUE(!point[i].first || !entries);
	}
}

CU_TestInfo point_tests[] = {
	{"OpenSSL", openssl},
	{"GnuTLS", gnutls},
	{"NSS", nss},
	{"what is not understood is named", what_is_not_understood_is_named},
	{"s2n", s2n},
	{"libraries as others build them", likenesses},
	{"C library", c_library},
	{"without a decoder", without_a_decoder},
	{"Go program", go_program},
	{"no library", no_library},
	CU_TEST_INFO_NULL,
};
