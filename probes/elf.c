/* SPDX-License-Identifier: Apache-2.0 */
#include "elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symtab.h"

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#else
#error "s3slower knows x86-64 and arm64"
#endif

#define SEGMENTS_MAX 64
#define SECTIONS_MAX 4096
#define DYNAMIC_MAX 512	    /* entries */
#define CHAIN_MAX (1 << 16) /* symbols of one hash bucket */
/* The full table is read through: of a program as far as programs go, of a
 * library, many of which may be mapped, as far as it costs no time. */
#define PROGRAM_NAMES_MAX (64u << 20)
#define LIBRARY_NAMES_MAX (4u << 20)

/* A file as far as the loader would look at it. */
struct elf {
	int fd;
	bool program; /* not a library */
	Elf64_Ehdr header;
	size_t n_segments;
	Elf64_Phdr segment[SEGMENTS_MAX];
	/* addresses, 0: there is none */
	uint64_t symbols, strings, gnu_hash, hash;
	uint64_t strings_size;
};

static bool read_at(const struct elf *e, uint64_t offset, void *to, size_t n)
{
	return offset <= INT64_MAX - n && pread(e->fd, to, n, (off_t)offset) == (ssize_t)n;
}

/* Where n bytes of memory are in the file, as loaded with these rights (PF_X or
 * 0 for any). False where it holds none. */
static bool file_offset(const struct elf *e, uint64_t address, size_t n, uint32_t rights,
			uint64_t *out)
{
	for (size_t i = 0; i < e->n_segments; i++) {
		const Elf64_Phdr *p = &e->segment[i];

		if (p->p_type != PT_LOAD || (p->p_flags & rights) != rights ||
		    address < p->p_vaddr || address - p->p_vaddr >= p->p_filesz ||
		    p->p_filesz - (address - p->p_vaddr) < n)
			continue;
		*out = address - p->p_vaddr + p->p_offset;
		return *out >= p->p_offset;
	}
	return false;
}

static bool read_memory(const struct elf *e, uint64_t address, void *to, size_t n)
{
	uint64_t offset;

	return file_offset(e, address, n, 0, &offset) && read_at(e, offset, to, n);
}

static void read_dynamic(struct elf *e, const Elf64_Phdr *p)
{
	Elf64_Dyn d[64];
	size_t n = p->p_filesz / sizeof(d[0]), in_hand = 0;

	for (size_t i = 0; i < n && i < DYNAMIC_MAX; i++) {
		const Elf64_Dyn *entry = &d[i % 64];

		if (i % 64 == 0) {
			in_hand = n - i < 64 ? n - i : 64;
			if (!read_at(e, p->p_offset + i * sizeof(d[0]), d, in_hand * sizeof(d[0])))
				return;
		}
		switch (entry->d_tag) {
		case DT_NULL:
			return;
		case DT_SYMTAB:
			e->symbols = entry->d_un.d_ptr;
			break;
		case DT_STRTAB:
			e->strings = entry->d_un.d_ptr;
			break;
		case DT_STRSZ:
			e->strings_size = entry->d_un.d_val;
			break;
		case DT_GNU_HASH:
			e->gnu_hash = entry->d_un.d_ptr;
			break;
		case DT_HASH:
			e->hash = entry->d_un.d_ptr;
			break;
		case DT_FLAGS_1:
			e->program = e->program || (entry->d_un.d_val & DF_1_PIE);
			break;
		}
	}
}

static int open_elf(struct elf *e, const char *path)
{
	const Elf64_Ehdr *h = &e->header;

	memset(e, 0, sizeof(*e));
	e->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (e->fd < 0)
		return -errno;
	if (!read_at(e, 0, &e->header, sizeof(e->header)) ||
	    memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 || h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != OUR_MACHINE ||
	    h->e_phentsize != sizeof(Elf64_Phdr)) {
		close(e->fd);
		return -ENOEXEC;
	}
	e->program = h->e_type == ET_EXEC;
	e->n_segments = h->e_phnum < SEGMENTS_MAX ? h->e_phnum : SEGMENTS_MAX;
	if (!read_at(e, h->e_phoff, e->segment, e->n_segments * sizeof(e->segment[0])))
		e->n_segments = 0;
	for (size_t i = 0; i < e->n_segments; i++)
		if (e->segment[i].p_type == PT_DYNAMIC)
			read_dynamic(e, &e->segment[i]);
	return 0;
}

/* Whether a symbol is a function that the file holds; then *out is set. */
static bool take_symbol(const struct elf *e, const Elf64_Sym *s, struct elf_function *out)
{
	if (s->st_shndx == SHN_UNDEF || ELF64_ST_TYPE(s->st_info) != STT_FUNC ||
	    !file_offset(e, s->st_value, 1, PF_X, &out->offset) || !out->offset) {
		out->offset = 0;
		return false;
	}
	out->size = s->st_size;
	return true;
}

/* Whether the i-th dynamic symbol is this function. */
static bool is_function(const struct elf *e, uint64_t i, const char *name, struct elf_function *out)
{
	char text[ELF_NAME_MAX + 1];
	size_t n = strlen(name) + 1;
	Elf64_Sym s;

	return read_memory(e, e->symbols + i * sizeof(s), &s, sizeof(s)) && e->strings_size >= n &&
	       s.st_name <= e->strings_size - n &&
	       read_memory(e, e->strings + s.st_name, text, n) && memcmp(text, name, n) == 0 &&
	       take_symbol(e, &s, out);
}

/* The layout that the GNU linker and loader share: header, Bloom filter, buckets, chains.
 * The filter alone says no to nearly every name that is not there. */
static bool find_gnu(const struct elf *e, const char *name, struct elf_function *out)
{
	struct {
		uint32_t n_buckets, first, n_words, shift;
	} h;
	uint32_t hash = 5381, i, link = 0;
	uint64_t word, chains;

	for (const char *c = name; *c; c++)
		hash = hash * 33 + (unsigned char)*c;
	if (!read_memory(e, e->gnu_hash, &h, sizeof(h)) || !h.n_buckets || !h.n_words)
		return false;
	if (!read_memory(e, e->gnu_hash + sizeof(h) + hash / 64 % h.n_words * 8ULL, &word,
			 sizeof(word)) ||
	    !(word >> hash % 64 & word >> (hash >> (h.shift & 31)) % 64 & 1))
		return false;
	chains = e->gnu_hash + sizeof(h) + h.n_words * 8ULL + h.n_buckets * 4ULL;
	if (!read_memory(e, chains - h.n_buckets * 4ULL + hash % h.n_buckets * 4ULL, &i,
			 sizeof(i)) ||
	    i < h.first)
		return false;
	for (int steps = 0; steps < CHAIN_MAX && !(link & 1); steps++, i++) {
		if (!read_memory(e, chains + (i - h.first) * 4ULL, &link, sizeof(link)))
			return false;
		if ((link | 1) == (hash | 1) && is_function(e, i, name, out))
			return true;
	}
	return false;
}

/* The hash table of the System V ABI, in files that have no other. */
static bool find_sysv(const struct elf *e, const char *name, struct elf_function *out)
{
	uint32_t hash = 0, h[2], i;

	for (const char *c = name; *c; c++) {
		hash = (hash << 4) + (unsigned char)*c;
		hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
	}
	if (!read_memory(e, e->hash, h, sizeof(h)) || !h[0] ||
	    !read_memory(e, e->hash + 8 + hash % h[0] * 4ULL, &i, sizeof(i)))
		return false;
	for (int steps = 0; steps < CHAIN_MAX && i; steps++) {
		if (is_function(e, i, name, out))
			return true;
		if (!read_memory(e, e->hash + 8 + h[0] * 4ULL + i * 4ULL, &i, sizeof(i)))
			return false;
	}
	return false;
}

struct search {
	const struct elf *elf;
	struct elf_function *out;
	int found;
};

static void see_symbol(void *ctx, size_t name, const Elf64_Sym *symbol)
{
	struct search *s = ctx;

	if (!s->out[name].offset)
		s->found += take_symbol(s->elf, symbol, &s->out[name]);
}

/* What the loader does not need and a linker leaves behind: .symtab. */
static int find_symtab(const struct elf *e, const char *const *names, size_t n,
		       struct elf_function *out)
{
	const Elf64_Ehdr *h = &e->header;
	struct search search = {e, out, 0};
	Elf64_Shdr s, strings;

	if (h->e_shentsize != sizeof(s))
		return 0;
	for (size_t i = 0; i < h->e_shnum && i < SECTIONS_MAX; i++) {
		if (h->e_shoff > INT64_MAX / 2 ||
		    !read_at(e, h->e_shoff + i * sizeof(s), &s, sizeof(s)))
			return 0;
		if (s.sh_type != SHT_SYMTAB)
			continue;
		if (s.sh_link < h->e_shnum &&
		    read_at(e, h->e_shoff + s.sh_link * sizeof(s), &strings, sizeof(strings)) &&
		    strings.sh_size <= (e->program ? PROGRAM_NAMES_MAX : LIBRARY_NAMES_MAX))
			symtab_search(e->fd, &s, &strings, names, n, see_symbol, &search);
		break;
	}
	return search.found;
}

int elf_functions(const char *path, const char *const *names, size_t n, struct elf_function *out)
{
	int found = 0, err;
	struct elf e;

	memset(out, 0, n * sizeof(*out));
	if (n > ELF_NAMES_MAX)
		return -E2BIG;
	err = open_elf(&e, path);
	if (err)
		return err;
	for (size_t i = 0; i < n && e.symbols; i++) {
		if (strlen(names[i]) > ELF_NAME_MAX)
			continue;
		found += e.gnu_hash ? find_gnu(&e, names[i], &out[i])
			 : e.hash   ? find_sysv(&e, names[i], &out[i])
				    : false;
	}
	/* What a file exports is also what its full table says. */
	if (!found)
		found = find_symtab(&e, names, n, out);
	close(e.fd);
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
