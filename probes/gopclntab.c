/* SPDX-License-Identifier: Apache-2.0 */
#include "gopclntab.h"

#include <errno.h>
#include <string.h>

/*
 * The four layouts. All begin with magic, two zero bytes, the unit of code
 * lengths (1 on x86, 4 on arm64), the size of a pointer, the number of functions.
 */
static const struct layout {
	uint32_t magic;
	unsigned since;
	uint8_t entry_size; /* of one number of the index: address or offset */
	bool relative;
	uint8_t text, names, index; /* where the header has these; 0: not at all */
} layouts[] = {
	{0xfffffffbu, 2, 8, false, 0, 0, 0},
	{0xfffffffau, 16, 8, false, 0, 24, 56},
	{0xfffffff0u, 18, 4, true, 24, 32, 64},
	{0xfffffff1u, 20, 4, true, 24, 32, 64},
};

/* size little-endian bytes at an offset. False when they are not all there. */
static bool number(const struct gopclntab *t, uint64_t at, unsigned size, uint64_t *out)
{
	*out = 0;
	if (at > t->n || size > t->n - at)
		return false;
	for (unsigned i = 0; i < size; i++)
		*out |= (uint64_t)t->p[at + i] << (8 * i);
	return true;
}

static const struct layout *layout_of(const uint8_t *p)
{
	uint32_t magic = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;

	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (layouts[i].magic == magic && p[4] == 0 && p[5] == 0 &&
		    (p[6] == 1 || p[6] == 4) && p[7] == 8)
			return &layouts[i];
	return NULL;
}

bool gopclntab_begins(const uint8_t *p)
{
	return layout_of(p) != NULL;
}

static unsigned entry_size(const struct gopclntab *t)
{
	return t->relative ? 4 : 8;
}

int gopclntab_open(struct gopclntab *t, const uint8_t *p, size_t n)
{
	const struct layout *layout;
	uint64_t ends;

	memset(t, 0, sizeof(*t));
	t->p = p;
	t->n = n;
	if (n < GOPCLNTAB_HEADER)
		return -EBADMSG;
	layout = layout_of(p);
	if (!layout)
		return -EBADMSG;
	t->since = layout->since;
	t->relative = layout->relative;
	number(t, 8, 8, &t->n_functions);
	if (layout->text)
		number(t, layout->text, 8, &t->text);
	if (layout->names) {
		number(t, layout->names, 8, &t->names);
		number(t, layout->index, 8, &t->index);
		t->base = t->index;
	} else {
		t->index = 16; /* behind the count; all else counts from the table's start */
	}
	/* The index has two numbers a function, and at last where the code ends. */
	if (t->index > n || t->names > n || t->n_functions == 0 ||
	    t->n_functions > n / (2ULL * entry_size(t)))
		return -EBADMSG;
	ends = (2 * t->n_functions + 1) * entry_size(t);
	return ends > n - t->index ? -EBADMSG : 0;
}

/* The i-th function's entry; that of the last but one is where the code ends. */
static uint64_t entry_at(const struct gopclntab *t, uint64_t i)
{
	uint64_t entry;

	number(t, t->index + 2 * i * entry_size(t), entry_size(t), &entry);
	return entry;
}

int gopclntab_range(const struct gopclntab *t, uint64_t *first, uint64_t *end)
{
	*first = entry_at(t, 0);
	*end = entry_at(t, t->n_functions);
	return *first < *end ? 0 : -EBADMSG;
}

/* Where the i-th function's name is and how long it may be, 0 if nowhere. */
static size_t name_at(const struct gopclntab *t, uint64_t i, const char **name)
{
	unsigned size = entry_size(t);
	uint64_t record, at;

	/* A record begins with the entry again, then 4 bytes say where the name is. */
	if (!number(t, t->index + (2 * i + 1) * size, size, &record) || record > t->n ||
	    !number(t, t->base + record + size, 4, &at) || at >= t->n - t->names)
		return 0;
	at += t->names;
	*name = (const char *)t->p + at;
	return t->n - at;
}

int gopclntab_find(const struct gopclntab *t, const char *const *names, size_t n,
		   struct gopclntab_function *out)
{
	size_t found = 0;

	memset(out, 0, n * sizeof(*out));
	for (uint64_t i = 0; i < t->n_functions && found < n; i++) {
		const char *name;
		size_t room = name_at(t, i, &name);

		if (!room)
			return -EBADMSG;
		for (size_t k = 0; k < n; k++) {
			size_t length = strlen(names[k]) + 1;
			uint64_t entry, next;

			if (out[k].size || length > room || memcmp(name, names[k], length) != 0)
				continue;
			entry = entry_at(t, i);
			next = entry_at(t, i + 1);
			if (next <= entry || next - entry > GOPCLNTAB_FUNCTION_MAX)
				return -EBADMSG;
			out[k].entry = entry;
			out[k].size = next - entry;
			found++;
		}
	}
	return (int)found;
}
