/* SPDX-License-Identifier: Apache-2.0 */
#include "build_id.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NOTES_MAX 4096
#define SECTIONS_MAX 4096

static bool read_at(int fd, uint64_t offset, void *to, size_t n)
{
	return offset <= INT64_MAX - n && pread(fd, to, n, (off_t)offset) == (ssize_t)n;
}

/* Names and descriptions are padded to 4 bytes. */
static size_t padded(uint32_t n)
{
	return ((size_t)n + 3) & ~(size_t)3;
}

static void search_notes(const unsigned char *notes, size_t n, char *id, size_t size)
{
	Elf64_Nhdr note;

	for (size_t at = 0; at < n && n - at >= sizeof(note);) {
		size_t name, description;

		memcpy(&note, notes + at, sizeof(note));
		name = at + sizeof(note);
		description = name + padded(note.n_namesz);
		if (description > n || note.n_descsz > n - description)
			return;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
		    memcmp(notes + name, "GNU", 4) == 0 && 2 * (size_t)note.n_descsz < size) {
			for (size_t i = 0; i < note.n_descsz; i++)
				snprintf(id + 2 * i, 3, "%02x", notes[description + i]);
			return;
		}
		at = description + padded(note.n_descsz);
	}
}

static void read_notes(int fd, const Elf64_Ehdr *h, char *id, size_t size)
{
	unsigned char notes[NOTES_MAX];
	Elf64_Phdr p;

	for (unsigned i = 0; i < h->e_phnum && !id[0]; i++) {
		if (!read_at(fd, h->e_phoff + i * sizeof(p), &p, sizeof(p)))
			return;
		if (p.p_type == PT_NOTE && p.p_filesz <= sizeof(notes) &&
		    read_at(fd, p.p_offset, notes, p.p_filesz))
			search_notes(notes, p.p_filesz, id, size);
	}
}

static bool has_symbols(int fd, const Elf64_Ehdr *h)
{
	Elf64_Shdr s;

	for (unsigned i = 0; i < h->e_shnum && i < SECTIONS_MAX; i++) {
		if (!read_at(fd, h->e_shoff + i * sizeof(s), &s, sizeof(s)))
			break;
		if (s.sh_type == SHT_SYMTAB)
			return true;
	}
	return false;
}

int build_id_read(const char *path, char *id, size_t size, bool *symbols)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err = -ENOEXEC;
	Elf64_Ehdr h;

	id[0] = '\0';
	*symbols = false;
	if (fd < 0)
		return -errno;
	if (read_at(fd, 0, &h, sizeof(h)) && memcmp(h.e_ident, ELFMAG, SELFMAG) == 0 &&
	    h.e_ident[EI_CLASS] == ELFCLASS64 && h.e_phentsize == sizeof(Elf64_Phdr) &&
	    h.e_phoff < INT64_MAX / 2 && h.e_shoff < INT64_MAX / 2) {
		err = 0;
		read_notes(fd, &h, id, size);
		*symbols = has_symbols(fd, &h);
	}
	close(fd);
	return err;
}
