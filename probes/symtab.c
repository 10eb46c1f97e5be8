/* SPDX-License-Identifier: Apache-2.0 */
#include "symtab.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "elf.h"

#define PIECE (192u << 10) /* bytes read at once; whole symbols */
#define HITS_MAX 128
#define TAIL sizeof(uint32_t)

_Static_assert(PIECE % sizeof(Elf64_Sym) == 0, "a piece holds whole symbols");

/* A wanted name, and how it ends. */
struct wanted {
	const char *name;
	size_t n; /* bytes; 0: not looked for */
	uint32_t tail;
};

/* Where in the strings a wanted name was found. */
struct hit {
	uint32_t at;
	uint16_t name;
};

struct hits {
	struct hit hit[HITS_MAX];
	size_t n;
};

/* Linkers let "SSL_read" be the end of "MY_SSL_read": so what counts is how a
 * string ends. end points at the final NUL, of which room bytes are in hand
 * before; at is its place among the strings. */
static void look(const struct wanted *wanted, size_t n, const char *end, size_t room, uint64_t at,
		 struct hits *hits)
{
	uint32_t tail;

	if (room < TAIL)
		return;
	memcpy(&tail, end - TAIL, TAIL);
	for (size_t i = 0; i < n; i++) {
		const struct wanted *w = &wanted[i];

		if (w->tail == tail && w->n && w->n <= room &&
		    memcmp(end - w->n, w->name, w->n) == 0 && hits->n < HITS_MAX)
			hits->hit[hits->n++] = (struct hit){(uint32_t)(at - w->n), (uint16_t)i};
	}
}

static void search_strings(int fd, const Elf64_Shdr *strings, char *piece,
			   const struct wanted *wanted, size_t n, struct hits *hits)
{
	size_t kept = 0; /* the end of the last piece: a name may go over the edge */

	for (uint64_t at = 0; at < strings->sh_size;) {
		size_t want = PIECE - kept;
		const char *c = piece + kept, *end;
		ssize_t got;

		if (want > strings->sh_size - at)
			want = (size_t)(strings->sh_size - at);
		got = pread(fd, piece + kept, want, (off_t)(strings->sh_offset + at));
		if (got <= 0)
			return;
		for (end = c + got; (c = memchr(c, '\0', (size_t)(end - c))); c++) {
			size_t room = (size_t)(c - piece);

			look(wanted, n, c, room, at + room - kept, hits);
			if (c + 1 == end)
				break;
		}
		at += (size_t)got;
		kept += (size_t)got;
		if (kept > ELF_NAME_MAX) {
			memmove(piece, piece + kept - ELF_NAME_MAX, ELF_NAME_MAX);
			kept = ELF_NAME_MAX;
		}
	}
}

void symtab_search(int fd, const Elf64_Shdr *symbols, const Elf64_Shdr *strings,
		   const char *const *names, size_t n,
		   void (*see)(void *ctx, size_t name, const Elf64_Sym *symbol), void *ctx)
{
	struct wanted wanted[ELF_NAMES_MAX] = {0};
	struct hits hits = {.n = 0};
	char *piece = malloc(PIECE);

	for (size_t i = 0; i < n && i < ELF_NAMES_MAX; i++) {
		size_t length = strlen(names[i]);

		if (length < TAIL || length > ELF_NAME_MAX)
			continue;
		wanted[i] = (struct wanted){names[i], length, 0};
		memcpy(&wanted[i].tail, names[i] + length - TAIL, TAIL);
	}
	if (piece && strings->sh_offset < INT64_MAX / 2)
		search_strings(fd, strings, piece, wanted, n, &hits);
	for (uint64_t at = 0; hits.n && at < symbols->sh_size && symbols->sh_offset < INT64_MAX / 2;
	     at += PIECE) {
		uint64_t left = symbols->sh_size - at;
		ssize_t got = pread(fd, piece, left < PIECE ? (size_t)left : PIECE,
				    (off_t)(symbols->sh_offset + at));

		for (ssize_t k = 0; k + (ssize_t)sizeof(Elf64_Sym) <= got;
		     k += (ssize_t)sizeof(Elf64_Sym)) {
			Elf64_Sym symbol;

			memcpy(&symbol, piece + k, sizeof(symbol));
			for (size_t i = 0; i < hits.n; i++)
				if (hits.hit[i].at == symbol.st_name)
					see(ctx, hits.hit[i].name, &symbol);
		}
		if (got < (ssize_t)PIECE)
			break;
	}
	free(piece);
}
