/* SPDX-License-Identifier: Apache-2.0 */
#include "parsers/maps.h"

#include <CUnit/CUnit.h>
#include <errno.h>

#include "guard.h"

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))

static const char whole[] = "7f630e095000-7f630e0f2000 r-xp 0001e000 fe:0a 14884871"
			    "                   /usr/lib/x86_64-linux-gnu/libssl.so.3\n";

static void a_mapping_of_a_file(void)
{
	struct maps_mapping m;

	CU_ASSERT_EQUAL(maps_line(guard_copy(SLICE(whole)), &m), 0);
	CU_ASSERT_EQUAL(m.start, 0x7f630e095000);
	CU_ASSERT_EQUAL(m.end, 0x7f630e0f2000);
	CU_ASSERT_EQUAL(m.major, 0xfe);
	CU_ASSERT_EQUAL(m.minor, 0x0a);
	CU_ASSERT_EQUAL(m.inode, 14884871);
	CU_ASSERT(m.executable);
	CU_ASSERT(!m.deleted);
	CU_ASSERT(slice_is(m.path, SLICE("/usr/lib/x86_64-linux-gnu/libssl.so.3")));
}

static void names_as_they_come(void)
{
	static const struct {
		const char *line, *path;
		bool executable, deleted;
	} rows[] = {
		{"1000-2000 rw-p 00000000 00:00 0 ", "", false, false},
		{"1000-2000 r-xp 00000000 00:00 0                          [vdso]\n", "[vdso]",
		 true, false},
		{"1000-2000 r-xs 00000000 00:01 7 /a b (deleted)", "/a b", true, true},
		{"1000-2000 r-xs 00000000 00:01 7 /a\\012b\n", "/a\\012b", true, false},
		{"1000-2000 --xp 00000000 00:01 7  (deleted)\n", "(deleted)", true, false},
		{"1000-2000 --xp 00000000 00:01 7 x (deleted)x\n", "x (deleted)x", true, false},
	};

	for (size_t i = 0; i < N_OF(rows); i++) {
		struct slice line = {rows[i].line, strlen(rows[i].line)};
		struct maps_mapping m;

		CU_ASSERT_EQUAL_FATAL(maps_line(guard_copy(line), &m), 0);
		CU_ASSERT(slice_is(m.path, (struct slice){rows[i].path, strlen(rows[i].path)}));
		CU_ASSERT_EQUAL(m.executable, rows[i].executable);
		CU_ASSERT_EQUAL(m.deleted, rows[i].deleted);
	}
}

static void what_is_no_mapping(void)
{
	static const char *const rows[] = {
		"",
		"\n",
		"-2000 r-xp 0 00:00 0 ",
		"1000- r-xp 0 00:00 0 ",
		"1000 2000 r-xp 0 00:00 0 ",
		"2000-1000 r-xp 0 00:00 0 ",
		"1000-2000 r-xp0 00:00 0 ",
		"1000-2000 r-xp 0 100000000:00 0 ",
		"1000-2000 r-xp 0 00 0 ",
		"1000-2000 r-xp 0 00:00 a ",
		"1000-2000 r-xp 0 00:00 99999999999999999999 ",
		"1000-20000000000000000 r-xp 0 00:00 1 ",
		"g000-2000 r-xp 0 00:00 1 ",
	};
	struct maps_mapping m;

	for (size_t i = 0; i < N_OF(rows); i++)
		CU_ASSERT_EQUAL(maps_line(guard_copy((struct slice){rows[i], strlen(rows[i])}), &m),
				-EBADMSG);
	/* Cut short anywhere before the name: read no further. */
	for (size_t n = 0; n < strlen("7f630e095000-7f630e0f2000 r-xp 0001e000 fe:0a 14884871");
	     n++)
		CU_ASSERT_EQUAL(maps_line(guard_copy((struct slice){whole, n}), &m), -EBADMSG);
}

CU_TestInfo maps_tests[] = {
	{"a mapping of a file", a_mapping_of_a_file},
	{"names as they come", names_as_they_come},
	{"what is no mapping", what_is_no_mapping},
	CU_TEST_INFO_NULL,
};
