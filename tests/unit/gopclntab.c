/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/gopclntab.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <string.h>

#include "guard.h"

/* A table of three functions as each version of Go writes it. */
#define TEXT 0x401000u
#define NAMES_MAX 8
static struct {
	uint8_t p[1024];
	size_t n;
} made;

static const char *const names[] = {"runtime.text", "crypto/tls.(*Conn).Read",
				    "crypto/tls.(*Conn).Write"};
static const uint32_t entry[] = {0, 0x40, 0x100, 0x180}; /* the last is the end */
#define FUNCTIONS 3u

static void put(size_t at, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		made.p[at + i] = (uint8_t)(value >> (8 * i));
	if (at + size > made.n)
		made.n = at + size;
}

static uint32_t put_names(size_t at, uint32_t offset[])
{
	size_t begin = at;

	for (size_t i = 0; i < FUNCTIONS; i++) {
		offset[i] = (uint32_t)(at - begin);
		memcpy(made.p + at, names[i], strlen(names[i]) + 1);
		at += strlen(names[i]) + 1;
	}
	return (uint32_t)(at - begin);
}

/* magic says which; text is what the header says of the code's start. */
static void make(uint32_t magic, uint64_t text)
{
	bool old = magic == 0xfffffffb, relative = magic == 0xfffffff0 || magic == 0xfffffff1;
	unsigned size = relative ? 4 : 8;
	size_t at_names = 0x60, index, record;
	uint32_t name[FUNCTIONS], length;

	memset(&made, 0, sizeof(made));
	put(0, magic, 4);
	put(6, 1, 1);
	put(7, 8, 1);
	put(8, FUNCTIONS, 8);
	length = put_names(at_names, name);
	index = old ? 16 : (at_names + length + 7) / 8 * 8;
	record = old ? 0xc0 : index + 2 * FUNCTIONS * size + size;
	if (!old) {
		put(relative ? 32 : 24, at_names, 8);
		put(relative ? 64 : 56, index, 8);
		if (relative)
			put(24, text, 8);
	}
	/* The oldest index lies where newer ones have their names. */
	if (old) {
		at_names = 0x120;
		put_names(at_names, name);
	}
	for (size_t i = 0; i <= FUNCTIONS; i++) {
		uint64_t address = relative ? entry[i] : TEXT + entry[i];

		put(index + 2 * i * size, address, size);
		if (i == FUNCTIONS)
			break;
		put(index + (2 * i + 1) * size, record - (old ? 0 : index), size);
		put(record, address, size);
		put(record + size, name[i] + (old ? at_names : 0), 4);
		record += 16;
	}
	made.n = sizeof(made.p);
}

static const struct {
	uint32_t magic;
	unsigned since;
	bool relative;
} layouts[] = {
	{0xfffffffb, 2, false},
	{0xfffffffa, 16, false},
	{0xfffffff0, 18, true},
	{0xfffffff1, 20, true},
};
#define LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

static void every_layout_is_understood(void)
{
	static const char *const wanted[] = {"crypto/tls.(*Conn).Write", "no.such", "runtime.text",
					     "crypto/tls.(*Conn).Rea"};

	for (size_t l = 0; l < LAYOUTS; l++) {
		struct gopclntab_function f[4];
		struct gopclntab t;
		uint64_t base = layouts[l].relative ? 0 : TEXT, first, end;

		make(layouts[l].magic, TEXT);
		CU_ASSERT_EQUAL_FATAL(gopclntab_open(&t, made.p, made.n), 0);
		CU_ASSERT_TRUE(gopclntab_begins(made.p));
		CU_ASSERT_EQUAL(t.since, layouts[l].since);
		CU_ASSERT_EQUAL(t.relative, layouts[l].relative);
		CU_ASSERT_EQUAL(t.text, layouts[l].relative ? TEXT : 0);
		CU_ASSERT_EQUAL(gopclntab_range(&t, &first, &end), 0);
		CU_ASSERT_EQUAL(first, base);
		CU_ASSERT_EQUAL(end, base + 0x180);
		CU_ASSERT_EQUAL(gopclntab_find(&t, wanted, 4, f), 2);
		CU_ASSERT_EQUAL(f[0].entry, base + 0x100);
		CU_ASSERT_EQUAL(f[0].size, 0x80); /* the last function ends, too */
		CU_ASSERT_EQUAL(f[1].size, 0);
		CU_ASSERT_EQUAL(f[2].entry, base);
		CU_ASSERT_EQUAL(f[2].size, 0x40);
		CU_ASSERT_EQUAL(f[3].size, 0); /* a name's beginning is not the name */
	}
}

static void what_is_no_table_is_refused(void)
{
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = {{0, 0}, {3, 0}, {4, 1}, {5, 1}, {6, 2}, {7, 4}, {8, 0}, {15, 0xff}};
	struct gopclntab t;

	for (size_t l = 0; l < LAYOUTS; l++)
		for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
			make(layouts[l].magic, TEXT);
			made.p[wrong[i].at] = wrong[i].value;
			CU_ASSERT_EQUAL(gopclntab_open(&t, made.p, made.n), -EBADMSG);
		}
}

/* Cut anywhere, it is no table or one that contradicts itself, or what was asked
 * for is before the cut. */
static void a_table_may_be_cut_anywhere(void)
{
	struct gopclntab_function f[FUNCTIONS];
	struct gopclntab t;

	for (size_t l = 0; l < LAYOUTS; l++) {
		make(layouts[l].magic, TEXT);
		for (size_t n = 0; n <= made.n; n++) {
			struct slice s = guard_copy((struct slice){(const char *)made.p, n});
			int found;

			if (gopclntab_open(&t, (const uint8_t *)s.p, s.n))
				continue;
			found = gopclntab_find(&t, names, FUNCTIONS, f);
			CU_ASSERT_TRUE(found == -EBADMSG || found <= (int)FUNCTIONS);
		}
	}
}

/* Every byte replaced by the worst ones: whatever is said lies in the table. */
static void no_byte_leads_out_of_the_table(void)
{
	static const uint8_t worst[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
	struct gopclntab_function f[FUNCTIONS];
	struct gopclntab t;

	for (size_t l = 0; l < LAYOUTS; l++) {
		make(layouts[l].magic, TEXT);
		made.n = 0x180;
		for (size_t i = 0; i < made.n * sizeof(worst); i++) {
			struct slice s = guard_copy((struct slice){(const char *)made.p, made.n});
			uint8_t *p = (uint8_t *)s.p;

			p[i / sizeof(worst)] = worst[i % sizeof(worst)];
			if (gopclntab_open(&t, p, s.n))
				continue;
			if (gopclntab_find(&t, names, FUNCTIONS, f) < 0)
				continue;
			for (size_t k = 0; k < FUNCTIONS; k++)
				CU_ASSERT_TRUE(f[k].size <= GOPCLNTAB_FUNCTION_MAX);
		}
	}
}

static void functions_must_be_in_order(void)
{
	struct gopclntab_function f[FUNCTIONS];
	struct gopclntab t;

	make(0xfffffff1, TEXT);
	CU_ASSERT_EQUAL_FATAL(gopclntab_open(&t, made.p, made.n), 0);
	put(t.index + 2 * 4 * 2, 0x40, 4); /* Write begins where Read does */
	CU_ASSERT_EQUAL(gopclntab_find(&t, names, FUNCTIONS, f), -EBADMSG);
	make(0xfffffff1, TEXT);
	put(t.index + 2 * 4 * 3, 0x10000000, 4); /* and is too long */
	CU_ASSERT_EQUAL(gopclntab_find(&t, names, FUNCTIONS, f), -EBADMSG);
}

CU_TestInfo gopclntab_tests[] = {
	{"every layout is understood", every_layout_is_understood},
	{"what is no table is refused", what_is_no_table_is_refused},
	{"a table may be cut anywhere", a_table_may_be_cut_anywhere},
	{"no byte leads out of the table", no_byte_leads_out_of_the_table},
	{"functions must be in order", functions_must_be_in_order},
	CU_TEST_INFO_NULL,
};
