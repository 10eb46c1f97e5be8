/* SPDX-License-Identifier: Apache-2.0 */
#include "go.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gopclntab.h"
#include "loaded.h"

#define TABLE_MAX (128u << 20) /* some 10 times rclone's */

/* The minor version of Go from which on arguments are in registers. */
#if defined(__x86_64__)
#define REGISTERS_SINCE 17
#else
#define REGISTERS_SINCE 18
#endif

/* debug/buildinfo of Go: a magic, the size of a pointer, flags; then pointers to
 * two strings, or from Go 1.18 on the strings. */
#define BUILDINFO_MAGIC "\xff Go buildinf:"
#define BUILDINFO_SIZE 32
#define BUILDINFO_FLAGS 15
#define BUILDINFO_INLINE 2
#define BUILDINFO_VERSION 16

/* --- where things are ------------------------------------------------------ */

static bool see_table(void *ctx, uint64_t address, const uint8_t *p, size_t n)
{
	struct loaded_part *part = ctx;

	for (size_t at = 0; at + GOPCLNTAB_HEADER <= n; at += 8) {
		struct gopclntab table;

		/* The header's offsets are only checked for what cannot be: the rest
		 * of the table need not be in this piece. */
		if (!gopclntab_begins(p + at))
			continue;
		memcpy(&table.n_functions, p + at + 8, sizeof(table.n_functions));
		if (table.n_functions == 0 || table.n_functions > TABLE_MAX / 8)
			continue;
		part->address = address + at;
		return true;
	}
	return false;
}

/* To the end of what the file holds there. */
static void to_end(const struct loaded *image, struct loaded_part *part)
{
	part->size = 0;
	for (size_t i = 0; i < image->n_segments; i++) {
		const Elf64_Phdr *s = &image->segment[i];

		if (part->address >= s->p_vaddr && part->address - s->p_vaddr < s->p_filesz)
			part->size = s->p_filesz - (part->address - s->p_vaddr);
	}
}

/* The function table. A linker other than Go's own may have merged its section
 * into another one. 0, -ENOENT, or -E2BIG. */
static int find_table(const struct loaded *image, struct loaded_part *out)
{
	struct loaded_part unused;

	if (!loaded_section(image, ".gopclntab", out) &&
	    !loaded_section(image, ".data.rel.ro.gopclntab", out)) {
		if (image->n_sections && !loaded_section(image, ".go.buildinfo", &unused))
			return -ENOENT;
		if (!loaded_search(image, false, GOPCLNTAB_HEADER, see_table, out))
			return -ENOENT;
		to_end(image, out);
		if (out->size > TABLE_MAX)
			out->size = TABLE_MAX;
	}
	return out->size > TABLE_MAX ? -E2BIG : 0;
}

bool go_is_program(const char *path)
{
	struct loaded_part part;
	struct loaded image;
	bool is;

	if (loaded_open(&image, path))
		return false;
	is = find_table(&image, &part) == 0;
	loaded_close(&image);
	return is;
}

/* --- where the code starts ------------------------------------------------- */

struct module_search {
	const struct loaded *image;
	uint64_t table, first, end; /* address of the table; its lowest entry and its end */
	uint64_t text;
};

/* runtime.moduledata begins with the table's address. Somewhere behind it are
 * the addresses of the code's first function and of its end, side by side: what
 * lies between them differs from version to version, their distance is known. */
#define MODULE_WORDS 64
static bool see_module(void *ctx, uint64_t address, const uint8_t *p, size_t n)
{
	struct module_search *s = ctx;

	(void)address;
	for (size_t at = 0; at + MODULE_WORDS * 8 <= n; at += 8) {
		uint64_t word[MODULE_WORDS];

		memcpy(word, p + at, 8);
		if (word[0] != s->table)
			continue;
		memcpy(word, p + at, sizeof(word));
		for (size_t i = 1; i + 1 < MODULE_WORDS; i++) {
			if (word[i + 1] - word[i] != s->end - s->first || word[i] < s->first)
				continue;
			s->text = word[i] - s->first;
			if (loaded_code(s->image, word[i], s->end - s->first))
				return true;
		}
	}
	return false;
}

/* What entries count from. Go 1.26 no longer says so in the table. */
static int find_text(const struct loaded *image, uint64_t address, const struct gopclntab *table,
		     uint64_t *text)
{
	struct module_search search = {.image = image, .table = address};

	*text = table->text;
	if (*text || !table->relative)
		return 0;
	if (gopclntab_range(table, &search.first, &search.end))
		return -EBADMSG;
	if (!loaded_search(image, true, MODULE_WORDS * 8, see_module, &search))
		return -ENODATA;
	*text = search.text;
	return 0;
}

/* --- how arguments are passed ---------------------------------------------- */

static bool see_buildinfo(void *ctx, uint64_t address, const uint8_t *p, size_t n)
{
	struct loaded_part *part = ctx;

	for (size_t at = 0; at + BUILDINFO_SIZE <= n; at += 8) {
		if (memcmp(p + at, BUILDINFO_MAGIC, sizeof(BUILDINFO_MAGIC) - 1) != 0)
			continue;
		part->address = address + at;
		return true;
	}
	return false;
}

/* Go 1.16 and 1.17 write the same table: whether it is 1.17 or later, from the
 * version's text, "go1.17.1". 1, 0 or -ENODATA. */
static int is_go_1_17(const struct loaded *image)
{
	uint8_t info[BUILDINFO_SIZE];
	uint64_t at, string[2];
	struct loaded_part part;
	char text[16] = "";

	if ((!loaded_section(image, ".go.buildinfo", &part) &&
	     !loaded_search(image, true, BUILDINFO_SIZE, see_buildinfo, &part)) ||
	    loaded_memory(image, part.address, info, sizeof(info)) ||
	    memcmp(info, BUILDINFO_MAGIC, sizeof(BUILDINFO_MAGIC) - 1) != 0)
		return -ENODATA;
	if (info[BUILDINFO_FLAGS] & BUILDINFO_INLINE)
		return 1;
	memcpy(&at, info + BUILDINFO_VERSION, sizeof(at));
	if (loaded_memory(image, at, string, sizeof(string)) || string[1] < strlen("go1.16") ||
	    loaded_memory(image, string[0], text, strlen("go1.16")))
		return -ENODATA;
	return strcmp(text, "go1.17") == 0 ? 1 : strcmp(text, "go1.16") == 0 ? 0 : -ENODATA;
}

/* 1, 0 or -ENODATA. */
static int in_registers(const struct loaded *image, const struct gopclntab *table)
{
	if (table->since == 16 && REGISTERS_SINCE == 17)
		return is_go_1_17(image);
	return table->since >= REGISTERS_SINCE;
}

/* --- together -------------------------------------------------------------- */

static int look_up(const struct loaded *image, const struct loaded_part *part, const uint8_t *bytes,
		   const char *const *names, size_t n, struct elf_function *out, bool *registers)
{
	struct gopclntab_function *function;
	struct gopclntab table;
	uint64_t text;
	int found = gopclntab_open(&table, bytes, part->size), how;

	if (found)
		return found;
	how = in_registers(image, &table);
	if (how < 0)
		return how;
	*registers = how;
	found = find_text(image, part->address, &table, &text);
	if (found)
		return found;
	function = calloc(n, sizeof(*function));
	if (!function)
		return -ENOMEM;
	found = gopclntab_find(&table, names, n, function);
	for (size_t i = 0; i < n && found > 0; i++) {
		if (!function[i].size)
			continue;
		out[i].offset = loaded_code(image, text + function[i].entry, function[i].size);
		out[i].size = function[i].size;
		if (!out[i].offset)
			found = -EBADMSG;
	}
	free(function);
	return found;
}

int go_functions(const char *path, const char *const *names, size_t n, struct elf_function *out,
		 bool *registers)
{
	struct loaded_part part;
	struct loaded image;
	uint8_t *bytes;
	int err;

	memset(out, 0, n * sizeof(*out));
	*registers = false;
	err = loaded_open(&image, path);
	if (err)
		return err;
	err = find_table(&image, &part);
	if (!err) {
		loaded_relocate(&image);
		bytes = malloc(part.size ? part.size : 1);
		err = bytes ? loaded_memory(&image, part.address, bytes, part.size) : -ENOMEM;
		if (!err)
			err = look_up(&image, &part, bytes, names, n, out, registers);
		free(bytes);
	}
	loaded_close(&image);
	return err;
}
