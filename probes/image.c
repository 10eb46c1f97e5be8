/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#define IMPORT_64 R_X86_64_64
#define IMPORT_SLOT R_X86_64_GLOB_DAT
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#define IMPORT_64 R_AARCH64_ABS64
#define IMPORT_SLOT R_AARCH64_GLOB_DAT
#else
#error "s3slower knows x86-64 and arm64"
#endif

#define FILE_MAX (64 << 20) /* TLS libraries have half a megabyte */

struct image {
	char *bytes;
	size_t size;
	Elf *elf;
};

/* A virtual address as an offset in the file, 0 if it is not executable code. left:
 * how many bytes of the segment there are from there on; may be NULL. */
static uint64_t file_offset(Elf *elf, uint64_t address, uint64_t *left)
{
	size_t n;

	if (elf_getphdrnum(elf, &n))
		return 0;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr p;

		if (gelf_getphdr(elf, (int)i, &p) && p.p_type == PT_LOAD && (p.p_flags & PF_X) &&
		    address >= p.p_vaddr && address - p.p_vaddr < p.p_filesz) {
			if (left)
				*left = p.p_filesz - (address - p.p_vaddr);
			return address - p.p_vaddr + p.p_offset;
		}
	}
	return 0;
}

/* The whole file, -errno if it cannot be read. */
static int read_file(const char *path, struct image *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = -ENOEXEC;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    st.st_size <= FILE_MAX) {
		e->bytes = malloc((size_t)st.st_size);
		err = e->bytes ? 0 : -ENOMEM;
		if (!err && pread(fd, e->bytes, (size_t)st.st_size, 0) != st.st_size)
			err = -EIO;
		e->size = (size_t)st.st_size;
	}
	close(fd);
	return err;
}

int image_open(const char *path, struct image **out)
{
	struct image *e = calloc(1, sizeof(*e));
	GElf_Ehdr ehdr;
	int err;

	if (!e)
		return -ENOMEM;
	err = elf_version(EV_CURRENT) == EV_NONE ? -ENOSYS : read_file(path, e);
	if (!err) {
		e->elf = elf_memory(e->bytes, e->size);
		if (e->elf && elf_kind(e->elf) == ELF_K_ELF && gelf_getehdr(e->elf, &ehdr) &&
		    ehdr.e_machine == OUR_MACHINE) {
			*out = e;
			return 0;
		}
		err = -ENOEXEC;
	}
	image_close(e);
	return err;
}

void image_close(struct image *e)
{
	elf_end(e->elf);
	free(e->bytes);
	free(e);
}

uint64_t image_offset(const struct image *e, uint64_t address)
{
	return file_offset(e->elf, address, NULL);
}

/* The symbols of one section of relocations. */
static int scan_imports(Elf *elf, Elf_Scn *section, const GElf_Shdr *header,
			const char *const *names, size_t n, uint64_t *address)
{
	Elf_Data *data = elf_getdata(section, NULL);
	Elf_Scn *symbols = elf_getscn(elf, header->sh_link);
	Elf_Data *table = symbols ? elf_getdata(symbols, NULL) : NULL;
	GElf_Shdr linked;
	int found = 0;

	if (!data || !table || header->sh_entsize == 0 || !gelf_getshdr(symbols, &linked))
		return 0;
	for (size_t i = 0; i < header->sh_size / header->sh_entsize; i++) {
		GElf_Sym symbol;
		GElf_Rela r;
		const char *name;

		if (!gelf_getrela(data, (int)i, &r) ||
		    (GELF_R_TYPE(r.r_info) != IMPORT_64 && GELF_R_TYPE(r.r_info) != IMPORT_SLOT) ||
		    !gelf_getsym(table, (int)GELF_R_SYM(r.r_info), &symbol))
			continue;
		name = elf_strptr(elf, linked.sh_link, symbol.st_name);
		for (size_t k = 0; name && k < n; k++) {
			if (address[k] || strcmp(name, names[k]) != 0)
				continue;
			address[k] = r.r_offset;
			found++;
		}
	}
	return found;
}

int image_imports(const struct image *e, const char *const *names, size_t n, uint64_t *address)
{
	Elf_Scn *section = NULL;
	int found = 0;

	memset(address, 0, n * sizeof(*address));
	while ((section = elf_nextscn(e->elf, section))) {
		GElf_Shdr header;

		if (gelf_getshdr(section, &header) && header.sh_type == SHT_RELA)
			found += scan_imports(e->elf, section, &header, names, n, address);
	}
	return found;
}

/* struct of .eh_frame_hdr (Linux Standard Base, core part): a table of functions'
 * starts, sorted; distances are from the header. */
struct unwind_header {
	uint8_t version, frame_encoding, count_encoding, table_encoding;
	int32_t frame;
	uint32_t count;
	struct {
		int32_t start, entry;
	} row[];
};

#define UDATA4 0x03	    /* DW_EH_PE_udata4 */
#define DATAREL_SDATA4 0x3b /* DW_EH_PE_datarel | DW_EH_PE_sdata4 */

void image_each_function(const struct image *e,
			 bool (*look)(void *ctx, uint64_t address, const uint8_t *code, size_t n),
			 void *ctx)
{
	const struct unwind_header *header = NULL;
	const uint8_t *file = (const uint8_t *)e->bytes;
	size_t size = e->size, n_segments, rows;
	uint64_t base = 0;
	GElf_Phdr p;

	if (elf_getphdrnum(e->elf, &n_segments))
		return;
	for (size_t i = 0; i < n_segments; i++) {
		if (!gelf_getphdr(e->elf, (int)i, &p) || p.p_type != PT_GNU_EH_FRAME ||
		    p.p_offset % 4 || p.p_filesz < sizeof(*header) || p.p_offset > size ||
		    p.p_filesz > size - p.p_offset)
			continue;
		header = (const void *)(file + p.p_offset);
		base = p.p_vaddr;
		break;
	}
	if (!header || header->version != 1 || header->count_encoding != UDATA4 ||
	    header->table_encoding != DATAREL_SDATA4)
		return;
	rows = (p.p_filesz - sizeof(*header)) / sizeof(header->row[0]);
	if (header->count < rows)
		rows = header->count;
	for (size_t i = 0; i < rows; i++) {
		uint64_t start = base + (uint64_t)(int64_t)header->row[i].start, n = 0, next = 0;
		uint64_t offset = file_offset(e->elf, start, &n);

		/* To the next one, if that is behind it in the same segment. */
		if (i + 1 < rows)
			next = base + (uint64_t)(int64_t)header->row[i + 1].start;
		if (next > start && next - start < n)
			n = next - start;
		if (offset && offset < size && n <= size - offset &&
		    !look(ctx, start, file + offset, n))
			return;
	}
}
