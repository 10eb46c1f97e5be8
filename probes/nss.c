/* SPDX-License-Identifier: Apache-2.0 */
#include "nss.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "stores.h"

#define FILE_TYPE 0x00
#define ACCEPT_READ 0xb0
#define SEND_FILE 0xf0
#define LAYERED 4 /* PR_DESC_LAYERED */

static const char *const imported[] = {"PR_EmulateSendFile", "PR_EmulateAcceptRead"};

#define CODE_MAX 4096

static const struct store *stored(const struct stores *s, uint64_t address)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->store[i].address == address)
			return &s->store[i];
	return NULL;
}

static bool holds(const struct stores *s, uint64_t address, enum store_kind kind, uint64_t value)
{
	const struct store *store = stored(s, address);

	return store && store->kind == kind && store->value == value;
}

/* Where the table is that these stores fill, or 0: it begins with the kind of
 * descriptor, and NSPR's two functions are in their places. */
static uint64_t table_of(const struct stores *s, const uint64_t slot[2])
{
	for (size_t i = 0; i < s->n; i++) {
		uint64_t table = s->store[i].address - SEND_FILE;

		if (s->store[i].kind == STORE_CONTENT && s->store[i].value == slot[0] &&
		    holds(s, table + ACCEPT_READ, STORE_CONTENT, slot[1]) &&
		    holds(s, table + FILE_TYPE, STORE_VALUE, LAYERED))
			return table;
	}
	return 0;
}

struct search {
	const char *path;
	struct decoder *decoder;
	uint64_t slot[2];
	unsigned offset;
	uint64_t found;
};

/* Returns whether to go on. */
static bool look_at(void *ctx, uint64_t address, const uint8_t *code, size_t n)
{
	struct search *search = ctx;
	const struct store *method;
	struct stores stores;
	uint64_t table;

	if (n > CODE_MAX || !stores_may_name(code, n, address, search->slot[0]) ||
	    stores_find(search->decoder, code, n, address, &stores))
		return true;
	table = table_of(&stores, search->slot);
	method = table ? stored(&stores, table + search->offset) : NULL;
	if (!method || method->kind != STORE_VALUE)
		return true;
	search->found = method->value;
	return false;
}

int nss_method(const char *path, struct decoder *decoder, unsigned offset, uint64_t *out)
{
	struct search search = {.path = path, .decoder = decoder, .offset = offset};
	struct image *elf;
	int err;

	if (!decoder)
		return -ENOENT;
	err = image_open(path, &elf);
	if (err)
		return err;
	err = -ENOENT;
	if (image_imports(elf, imported, 2, search.slot) == 2) {
		image_each_function(elf, look_at, &search);
		*out = search.found ? image_offset(elf, search.found) : 0;
		err = *out ? 0 : -ENOENT;
	}
	image_close(elf);
	return err;
}
