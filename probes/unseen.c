/* SPDX-License-Identifier: Apache-2.0 */
#include "unseen.h"

#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE (1u << 20)
#define OVERLAP 64 /* longer than any marker */

/* A marker is what a build cannot well do without, also when it is stripped: names
 * of source files that error reports carry. In this order: the first that fits. */
static const struct unseen kinds[] = {
	{"JSSE", "libjvm.so", NULL,
	 "Java has TLS of its own, in code that it compiles while it runs"},
	{"Go", NULL, "crypto/tls.(*Conn).Write",
	 "the functions of crypto/tls could not be found in it"},
	{"rustls", NULL, "/rustls-0.", "rustls is compiled into the program, without symbols"},
	{"BoringSSL", NULL, "ssl/ssl_lib.cc",
	 "BoringSSL is linked into the program, without symbols"},
	{"OpenSSL inside", NULL, "ssl/ssl_lib.c",
	 "OpenSSL is linked into the program, without symbols"},
	{"TLS inside", NULL, "CLIENT_TRAFFIC_SECRET_0",
	 "a TLS library without symbols is linked into the program"},
	{NULL, NULL, NULL, NULL},
};

const struct unseen *unseen_by_mapping(struct slice path)
{
	size_t n = path.n;

	while (n && path.p[n - 1] != '/')
		n--;
	path = slice_from(path, n);
	for (const struct unseen *k = kinds; k->name; k++)
		if (k->mapped && slice_begins(path, (struct slice){k->mapped, strlen(k->mapped)}))
			return k;
	return NULL;
}

/* Looks through a part of the file in pieces that overlap by a marker's length. Not
 * through a mapping: a file that shrinks meanwhile must not end us. */
static const struct unseen *search(int fd, uint64_t at, uint64_t n, char *piece)
{
	const struct unseen *found = NULL;
	uint64_t end = at + n;

	while (at < end) {
		size_t want = end - at < PIECE ? (size_t)(end - at) : PIECE;
		ssize_t got = pread(fd, piece, want, (off_t)at);

		if (got <= 0)
			break;
		for (const struct unseen *k = kinds; k->name && (!found || k < found); k++)
			if (k->marker && memmem(piece, (size_t)got, k->marker, strlen(k->marker)))
				found = k;
		at += (uint64_t)got;
		if (got <= OVERLAP || at >= end)
			break;
		at -= OVERLAP;
	}
	return found;
}

/* Segments that are not executed: constants and data. */
static const struct unseen *search_segments(int fd, size_t max, char *piece)
{
	const struct unseen *found = NULL, *here;
	Elf64_Ehdr header;
	Elf64_Phdr p;

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(p))
		return NULL;
	for (unsigned i = 0; i < header.e_phnum && max; i++) {
		if (pread(fd, &p, sizeof(p), (off_t)(header.e_phoff + i * sizeof(p))) != sizeof(p))
			break;
		if (p.p_type != PT_LOAD || (p.p_flags & PF_X))
			continue;
		if (p.p_filesz > max)
			p.p_filesz = max;
		max -= p.p_filesz;
		here = search(fd, p.p_offset, p.p_filesz, piece);
		if (here && (!found || here < found))
			found = here;
	}
	return found;
}

const struct unseen *unseen_by_content(const char *path, size_t max)
{
	const struct unseen *found = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *piece;

	if (fd < 0)
		return NULL;
	piece = malloc(PIECE);
	if (piece)
		found = search_segments(fd, max, piece);
	free(piece);
	close(fd);
	return found;
}
