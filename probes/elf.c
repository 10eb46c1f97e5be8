/* SPDX-License-Identifier: Apache-2.0 */
#include "elf.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#else
#error "s3slower knows x86-64 and arm64"
#endif

/* A virtual address as an offset in the file, 0 if it is not executable code. */
static uint64_t file_offset(Elf *elf, uint64_t address)
{
	size_t n;

	if (elf_getphdrnum(elf, &n))
		return 0;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr p;

		if (gelf_getphdr(elf, (int)i, &p) && p.p_type == PT_LOAD && (p.p_flags & PF_X) &&
		    address >= p.p_vaddr && address - p.p_vaddr < p.p_filesz)
			return address - p.p_vaddr + p.p_offset;
	}
	return 0;
}

static int scan_section(Elf *elf, Elf_Scn *section, const GElf_Shdr *header,
			const char *const *names, size_t n, struct elf_function *out)
{
	Elf_Data *data = elf_getdata(section, NULL);
	int found = 0;

	if (!data || header->sh_entsize == 0)
		return 0;
	for (size_t i = 0; i < header->sh_size / header->sh_entsize; i++) {
		GElf_Sym symbol;
		const char *name;

		if (!gelf_getsym(data, (int)i, &symbol) || symbol.st_shndx == SHN_UNDEF ||
		    GELF_ST_TYPE(symbol.st_info) != STT_FUNC)
			continue;
		name = elf_strptr(elf, header->sh_link, symbol.st_name);
		if (!name)
			continue;
		for (size_t k = 0; k < n; k++) {
			if (out[k].offset || strcmp(name, names[k]) != 0)
				continue;
			out[k].offset = file_offset(elf, symbol.st_value);
			out[k].size = symbol.st_size;
			found += out[k].offset != 0;
		}
	}
	return found;
}

int elf_functions(const char *path, const char *const *names, size_t n, struct elf_function *out)
{
	int fd, found = -ENOEXEC;
	GElf_Ehdr ehdr;
	Elf *elf;

	memset(out, 0, n * sizeof(*out));
	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOSYS;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &ehdr) &&
	    ehdr.e_machine == OUR_MACHINE) {
		Elf_Scn *section = NULL;

		found = 0;
		while ((section = elf_nextscn(elf, section))) {
			GElf_Shdr header;

			if (gelf_getshdr(section, &header) &&
			    (header.sh_type == SHT_DYNSYM || header.sh_type == SHT_SYMTAB))
				found += scan_section(elf, section, &header, names, n, out);
		}
	}
	elf_end(elf);
	close(fd);
	return found;
}

long elf_code(const char *path, uint64_t offset, void *to, size_t n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return -errno;
	got = pread(fd, to, n, (off_t)offset);
	if (got < 0)
		got = -errno;
	close(fd);
	return got;
}
