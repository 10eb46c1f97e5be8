/* SPDX-License-Identifier: Apache-2.0 */
#include "loaded.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#define RELATIVE R_X86_64_RELATIVE
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#define RELATIVE R_AARCH64_RELATIVE
#else
#error "s3slower knows x86-64 and arm64"
#endif

#define SECTIONS_MAX 1024
#define NAMES_MAX 65536 /* bytes of them that are looked at */
#define DYNAMIC_MAX 128
#define RELA_MAX (4u << 20) /* 96 MiB of them: some 20 times the largest seen */
#define PIECE (1u << 20)

/* All n bytes of the file, or -EFAULT. */
static int read_file(const struct loaded *image, uint64_t offset, void *to, size_t n)
{
	char *p = to;

	if (offset > image->size || n > image->size - offset)
		return -EFAULT;
	while (n) {
		ssize_t got = pread(image->fd, p, n, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -EFAULT;
		p += got;
		offset += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

/* The segment that holds n bytes at an address in the file, or NULL. */
static const Elf64_Phdr *segment_at(const struct loaded *image, uint64_t address, uint64_t n)
{
	for (size_t i = 0; i < image->n_segments; i++) {
		const Elf64_Phdr *s = &image->segment[i];

		if (address >= s->p_vaddr && address - s->p_vaddr <= s->p_filesz &&
		    n <= s->p_filesz - (address - s->p_vaddr))
			return s;
	}
	return NULL;
}

static int read_memory(const struct loaded *image, uint64_t address, void *to, size_t n)
{
	const Elf64_Phdr *s = segment_at(image, address, n);

	return s ? read_file(image, s->p_offset + (address - s->p_vaddr), to, n) : -EFAULT;
}

/* Those that add the base: their addend is the value before it. */
void loaded_relocate(struct loaded *image)
{
	Elf64_Dyn entry[DYNAMIC_MAX];
	uint64_t at = 0, bytes = 0;
	size_t n = image->dynamic.p_filesz / sizeof(entry[0]);

	if (n > DYNAMIC_MAX)
		n = DYNAMIC_MAX;
	if (read_file(image, image->dynamic.p_offset, entry, n * sizeof(entry[0])))
		return;
	for (size_t i = 0; i < n && entry[i].d_tag != DT_NULL; i++) {
		if (entry[i].d_tag == DT_RELA)
			at = entry[i].d_un.d_ptr;
		if (entry[i].d_tag == DT_RELASZ)
			bytes = entry[i].d_un.d_val;
	}
	bytes -= bytes % sizeof(Elf64_Rela);
	if (!bytes || bytes > RELA_MAX * sizeof(Elf64_Rela) || !segment_at(image, at, bytes))
		return;
	image->rela = malloc(bytes);
	if (!image->rela || read_memory(image, at, image->rela, bytes))
		return;
	for (size_t i = 0; i < bytes / sizeof(Elf64_Rela); i++)
		if (ELF64_R_TYPE(image->rela[i].r_info) == RELATIVE)
			image->rela[image->n_rela++] = image->rela[i];
}

static int read_headers(struct loaded *image)
{
	Elf64_Phdr header;
	Elf64_Shdr names;
	Elf64_Ehdr e;

	if (read_file(image, 0, &e, sizeof(e)) || memcmp(e.e_ident, ELFMAG, SELFMAG) != 0 ||
	    e.e_ident[EI_CLASS] != ELFCLASS64 || e.e_ident[EI_DATA] != ELFDATA2LSB ||
	    e.e_machine != OUR_MACHINE || e.e_phentsize != sizeof(header))
		return -ENOEXEC;
	for (size_t i = 0; i < e.e_phnum && image->n_segments < LOADED_SEGMENTS; i++) {
		if (read_file(image, e.e_phoff + i * sizeof(header), &header, sizeof(header)))
			return -ENOEXEC;
		if (header.p_type == PT_DYNAMIC)
			image->dynamic = header;
		if (header.p_type == PT_LOAD && header.p_offset <= image->size) {
			if (header.p_filesz > image->size - header.p_offset)
				header.p_filesz = image->size - header.p_offset;
			image->segment[image->n_segments++] = header;
		}
	}
	if (e.e_shnum == 0 || e.e_shnum > SECTIONS_MAX || e.e_shentsize != sizeof(names) ||
	    e.e_shstrndx >= e.e_shnum ||
	    read_file(image, e.e_shoff + e.e_shstrndx * sizeof(names), &names, sizeof(names)))
		return 0;
	image->n_sections = e.e_shnum;
	image->sections = e.e_shoff;
	image->names = names.sh_offset;
	image->names_size = names.sh_size;
	return 0;
}

int loaded_open(struct loaded *image, const char *path)
{
	struct stat st;
	int err;

	memset(image, 0, sizeof(*image));
	image->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (image->fd < 0)
		return -errno;
	err = fstat(image->fd, &st) ? -errno : S_ISREG(st.st_mode) ? 0 : -ENOEXEC;
	if (!err) {
		image->size = (uint64_t)st.st_size;
		err = read_headers(image);
	}
	if (err)
		loaded_close(image);
	return err;
}

void loaded_close(struct loaded *image)
{
	if (image->fd >= 0)
		close(image->fd);
	free(image->rela);
	memset(image, 0, sizeof(*image));
	image->fd = -1;
}

static bool find_section(const struct loaded *image, const Elf64_Shdr *section, const char *names,
			 size_t size, const char *name, struct loaded_part *out)
{
	size_t length = strlen(name) + 1;

	for (size_t i = 0; i < image->n_sections; i++) {
		const Elf64_Shdr *s = &section[i];

		if (s->sh_type == SHT_NULL || s->sh_type == SHT_NOBITS || s->sh_name > size ||
		    length > size - s->sh_name || memcmp(names + s->sh_name, name, length) != 0)
			continue;
		out->address = s->sh_addr;
		out->size = s->sh_size;
		return segment_at(image, s->sh_addr, s->sh_size) != NULL;
	}
	return false;
}

bool loaded_section(const struct loaded *image, const char *name, struct loaded_part *out)
{
	size_t size = image->names_size < NAMES_MAX ? image->names_size : NAMES_MAX;
	size_t headers = image->n_sections * sizeof(Elf64_Shdr);
	char *bytes = malloc(headers + size + 1);
	bool found;

	found = bytes && headers && !read_file(image, image->sections, bytes, headers) &&
		!read_file(image, image->names, bytes + headers, size) &&
		find_section(image, (Elf64_Shdr *)(void *)bytes, bytes + headers, size, name, out);
	free(bytes);
	return found;
}

/* Lays the relocated values over n bytes that were read from an address. */
static void relocate(const struct loaded *image, uint64_t address, void *bytes, size_t n)
{
	for (size_t i = 0; i < image->n_rela; i++) {
		uint64_t at = image->rela[i].r_offset - address;

		if (at < n && n - at >= sizeof(image->rela[i].r_addend))
			memcpy((char *)bytes + at, &image->rela[i].r_addend,
			       sizeof(image->rela[i].r_addend));
	}
}

int loaded_memory(const struct loaded *image, uint64_t address, void *to, size_t n)
{
	int err = read_memory(image, address, to, n);

	if (!err)
		relocate(image, address, to, n);
	return err;
}

uint64_t loaded_code(const struct loaded *image, uint64_t address, uint64_t n)
{
	const Elf64_Phdr *s = segment_at(image, address, n);

	return s && (s->p_flags & PF_X) ? s->p_offset + (address - s->p_vaddr) : 0;
}

bool loaded_search(const struct loaded *image, bool writable, size_t overlap,
		   bool (*see)(void *ctx, uint64_t address, const uint8_t *p, size_t n), void *ctx)
{
	uint8_t *piece = malloc(PIECE + overlap);
	bool found = false;

	for (size_t i = 0; piece && i < image->n_segments && !found; i++) {
		const Elf64_Phdr *s = &image->segment[i];
		uint64_t at = (8 - s->p_vaddr % 8) % 8;

		if (writable && !(s->p_flags & PF_W))
			continue;
		for (; at < s->p_filesz && !found; at += PIECE) {
			uint64_t left = s->p_filesz - at;
			size_t n = left < PIECE + overlap ? left : PIECE + overlap;

			if (loaded_memory(image, s->p_vaddr + at, piece, n))
				break;
			found = see(ctx, s->p_vaddr + at, piece, n);
		}
	}
	free(piece);
	return found;
}
