/* SPDX-License-Identifier: Apache-2.0 */
#include "output/hitters.h"

#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output/cut.h"

#define PLACES 16
#define NAMES 600

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void add(struct hitters *h, unsigned name, uint64_t weight)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "prefix-%u/", name);

	hitters_add(h, text, (size_t)n, weight);
}

/* Everything that the header promises, against exact sums. */
static bool keeps_its_promises(struct hitters *h, const uint64_t *exact, const uint64_t *times)
{
	const struct hitter *top[PLACES];
	bool there[NAMES] = {false}, good = true;
	uint64_t total = 0, weights = 0, least;
	size_t n = hitters_top(h, top, PLACES);

	for (unsigned i = 0; i < NAMES; i++)
		total += exact[i];
	for (size_t i = 0; i < n; i++) {
		unsigned name;

		good &= sscanf(top[i]->text, "prefix-%u/", &name) == 1 && name < NAMES;
		if (!good)
			return false;
		good &= !there[name];
		there[name] = true;
		weights += top[i]->weight;
		good &= top[i]->weight >= exact[name];
		good &= top[i]->weight - top[i]->error <= exact[name];
		good &= top[i]->error <= total / PLACES;
		good &= top[i]->count <= times[name];
		good &= i == 0 || top[i - 1]->weight >= top[i]->weight;
	}
	least = n == PLACES ? top[n - 1]->weight : 0;
	for (unsigned i = 0; i < NAMES; i++)
		good &= there[i] || exact[i] <= least;
	return good && weights == total && hitters_total(h) == total && n == hitters_count(h) &&
	       least <= total / PLACES;
}

static void test_error_bound(void)
{
	struct hitters *h = hitters_new(PLACES);
	uint64_t seed = 88172645463325252u;

	CU_ASSERT_PTR_NOT_NULL_FATAL(h);
	/* From all alike to a few that are nearly everything. */
	for (unsigned skew = 1; skew <= 10; skew++) {
		uint64_t exact[NAMES] = {0}, times[NAMES] = {0};

		hitters_clear(h);
		for (int i = 0; i < 20000; i++) {
			unsigned name = NAMES;
			uint64_t weight = next(&seed) >> (next(&seed) % 20 + 40);

			for (unsigned k = 0; k < skew; k++)
				name = (unsigned)(next(&seed) % name) + 1;
			name--;
			exact[name] += weight;
			times[name]++;
			add(h, name, weight);
			if (i % 997 == 0)
				CU_ASSERT(keeps_its_promises(h, exact, times));
		}
		CU_ASSERT(keeps_its_promises(h, exact, times));
	}
	hitters_free(h);
}

/* As long as there is room everything is exact. */
static void test_exact(void)
{
	struct hitters *h = hitters_new(PLACES);
	const struct hitter *top[3];

	CU_ASSERT_PTR_NOT_NULL_FATAL(h);
	CU_ASSERT_EQUAL(hitters_top(h, top, 3), 0);
	for (unsigned i = 0; i < 100; i++)
		add(h, i % PLACES, i % PLACES);
	CU_ASSERT_EQUAL(hitters_top(h, top, 3), 3);
	CU_ASSERT_STRING_EQUAL(top[0]->text, "prefix-15/");
	CU_ASSERT(top[0]->weight == 90 && top[0]->error == 0 && top[0]->count == 6);
	CU_ASSERT_STRING_EQUAL(top[2]->text, "prefix-13/");
	hitters_clear(h);
	CU_ASSERT(hitters_count(h) == 0 && hitters_total(h) == 0);
	/* Equals by name. */
	add(h, 2, 5);
	add(h, 1, 5);
	CU_ASSERT_EQUAL(hitters_top(h, top, 3), 2);
	CU_ASSERT_STRING_EQUAL(top[0]->text, "prefix-1/");
	hitters_free(h);
	hitters_free(NULL);
}

/* A key is the traced program's to choose: of any length, in UTF-8. */
static void test_cut(void)
{
	char to[8];
	static const struct {
		const char *text, *cut;
	} cases[] = {
		{"", ""},
		{"seven..", "seven.."},
		{"eight...", "eight.."},
		{"sechzehn", "sechz.."},
		{"abcd\xc3\xa4\xc3\xb6\xc3\xbc", "abcd.."}, /* cut before, not in, the a */
		{"abc\xc3\xa4\xc3\xb6\xc3\xbc", "abc\xc3\xa4.."},
		{"\xf0\x9f\x98\x80\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80.."},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice text = {cases[i].text, strlen(cases[i].text)};
		uint64_t hash = cut_text(to, sizeof(to), text);

		CU_ASSERT_STRING_EQUAL(to, cases[i].cut);
		/* The same text, the same hash. */
		text = (struct slice){cases[i].cut, strlen(cases[i].cut)};
		CU_ASSERT_EQUAL(cut_text(to, sizeof(to), text), hash);
	}
	CU_ASSERT_NOT_EQUAL(cut_text(to, sizeof(to), SLICE("a")),
			    cut_text(to, sizeof(to), SLICE("b")));
	cut_text(to, sizeof(to), SLICE_NONE);
	CU_ASSERT_STRING_EQUAL(to, "");
}

static void test_long_names(void)
{
	struct hitters *h = hitters_new(PLACES);
	const struct hitter *top[2];
	char name[4096];

	CU_ASSERT_PTR_NOT_NULL_FATAL(h);
	memset(name, 'x', sizeof(name));
	/* What differs beyond the cut is added up. */
	for (char c = 'a'; c <= 'c'; c++) {
		name[sizeof(name) - 1] = c;
		hitters_add(h, name, sizeof(name), 7);
	}
	CU_ASSERT_EQUAL(hitters_top(h, top, 2), 1);
	CU_ASSERT_EQUAL(strlen(top[0]->text), HITTER_TEXT - 1);
	CU_ASSERT_STRING_EQUAL(top[0]->text + HITTER_TEXT - 4, "x..");
	CU_ASSERT_EQUAL(top[0]->weight, 21);
	/* Sums stop, they do not wrap. */
	hitters_add(h, "a", 1, UINT64_MAX);
	hitters_add(h, "a", 1, 1);
	CU_ASSERT_EQUAL(hitters_total(h), UINT64_MAX);
	CU_ASSERT_EQUAL(hitters_top(h, top, 1), 1);
	CU_ASSERT_EQUAL(top[0]->weight, UINT64_MAX);
	hitters_free(h);
}

CU_TestInfo hitters_tests[] = {
	{"error within the bound", test_error_bound},
	{"exact while there is room", test_exact},
	{"cut to size", test_cut},
	{"long names", test_long_names},
	CU_TEST_INFO_NULL,
};
