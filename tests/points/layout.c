/* SPDX-License-Identifier: Apache-2.0 */
/* The layouts of this machine's libraries, of some built like others, and of files that are none.
 */
#include <CUnit/CUnit.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/layout.h"

static struct layout layout;

static int find(const char *library, const char *pattern, bool decodes)
{
	const struct probe_library *l = probe_libraries;
	struct decoder *d = decodes ? decoder_new() : NULL;
	int err = -2;
	glob_t files;

	while (strcmp(l->name, library) != 0)
		l++;
	memset(&layout, 0, sizeof(layout));
	if (glob(pattern, 0, NULL, &files) == 0) {
		err = layout_find(l, files.gl_pathv[0], d, &layout);
		globfree(&files);
	}
	decoder_free(d);
	return err;
}

/* The steps as text: ">" follows, "=" and "!" compare, "#" is the descriptor; "^" begins at
 * the mark, "*" sets it, "|" has an alternative. */
static const char *steps(void)
{
	static const char signs[] = "?>=?!???#";
	static char text[1024];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < STEPS_MAX && layout.steps.step[i].what; i++) {
		const struct step *s = &layout.steps.step[i];
		char sign = STEP_KIND(s->what) <= 8 ? signs[STEP_KIND(s->what)] : '?';

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s%c%x%s%s", i ? " " : "",
				      s->what & STEP_FROM_MARK ? "^" : "", sign, s->offset,
				      s->what & STEP_MARK ? "*" : "", s->what & STEP_OR ? "|" : "");
	}
	return text;
}

#define SSL "/usr/lib/*-linux-gnu/libssl.so.3"

/* Read from the code of its accessors, and what version has it where: both are right. */
static void openssl(void)
{
	CU_ASSERT_EQUAL(find("openssl", SSL, true), 0);
	CU_ASSERT_STRING_EQUAL(steps(), "^>10* ^>8 =0 ^#38");
	CU_ASSERT_EQUAL(layout.steps.step[2].value, 0x505);
	CU_ASSERT_STRING_EQUAL(layout.from, "as its accessors tell");
}

/* Alone, as in a container whose files have no names here. */
static void openssl_alone(void)
{
	struct layout beside;
	const char *copy = "build/points/alone-ssl.so";
	char command[256];

	CU_ASSERT_EQUAL(find("openssl", SSL, true), 0);
	beside = layout;
	snprintf(command, sizeof(command), "cp " SSL " %s", copy);
	CU_ASSERT_EQUAL_FATAL(system(command), 0);
	CU_ASSERT_EQUAL(find("openssl", copy, true), 0);
	CU_ASSERT_STRING_EQUAL(layout.from, "as in all of OpenSSL 3");
	CU_ASSERT_EQUAL(memcmp(&beside.steps, &layout.steps, sizeof(beside.steps)), 0);
	remove(copy);
}

/* An object that is not QUIC's, and a build whose BIOs are smaller. */
static void openssl_3_3(void)
{
	CU_ASSERT_EQUAL(find("openssl", "build/points/like-openssl-3.3.so", true), 0);
	CU_ASSERT_STRING_EQUAL(steps(), "^=0 ^>40* ^>8 =0 ^#30");
	CU_ASSERT_EQUAL(layout.steps.step[0].value, 0);
	CU_ASSERT_EQUAL(layout.steps.step[0].mask, 0xffffffff);
}

static void gnutls(void)
{
	CU_ASSERT_EQUAL(find("gnutls", "/usr/lib/*-linux-gnu/libgnutls.so.30", true), 0);
	CU_ASSERT_EQUAL(strncmp(steps(), "^=", 2), 0);
	CU_ASSERT_PTR_NOT_NULL(strchr(steps(), '#'));
	CU_ASSERT_EQUAL(layout.steps.step[0].value, 0);
	CU_ASSERT_EQUAL(layout.steps.step[0].mask, ~0ULL);
	CU_ASSERT_EQUAL(layout.steps.step[1].value, 0x10000);
}

static void s2n(void)
{
	if (find("s2n", "/usr/lib/python3/dist-packages/_awscrt*.so", true))
		return; /* it is not installed */
	CU_ASSERT_EQUAL(strncmp(steps(), "^!1 ^>", 6), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(steps(), " #0"));
}

static void nss(void)
{
	CU_ASSERT_EQUAL(find("nss", "/usr/lib/*-linux-gnu/libssl3.so", true), 0);
	CU_ASSERT_STRING_EQUAL(steps(), "^>10* ^>0 =0 ^>8 #1c");
}

static void go(void)
{
	if (find("gotls", "/usr/bin/rclone", true))
		return;
	CU_ASSERT_STRING_EQUAL(steps(), "^>0 =10| =10| =10| =10 ^>8* "
					"^>0 =10| =10| =10| =10 ^>8 >0 #10");
	CU_ASSERT_STRING_EQUAL(layout.from, "behind rclone's timeoutConn");
	/* Which needs no decoder. */
	CU_ASSERT_EQUAL(find("gotls", "/usr/bin/rclone", false), 0);
}

static void unknown_ones(void)
{
	CU_ASSERT_EQUAL(find("openssl", SSL, false), -2);
	CU_ASSERT_EQUAL(find("openssl", "build/points/like-boringssl.so", true), -2);
	CU_ASSERT_EQUAL(find("gnutls", "build/points/like-gnutls.so", true), -2);
	CU_ASSERT_EQUAL(find("s2n", "build/points/like-s2n.so", true), -2);
	CU_ASSERT_EQUAL(find("openssl", "Makefile", true), -2);
}

CU_TestInfo layout_tests[] = {
	{"OpenSSL", openssl},
	{"OpenSSL without its libcrypto", openssl_alone},
	{"OpenSSL 3.3", openssl_3_3},
	{"GnuTLS", gnutls},
	{"s2n", s2n},
	{"NSS", nss},
	{"Go", go},
	{"what is not known", unknown_ones},
	CU_TEST_INFO_NULL,
};
