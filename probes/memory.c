/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Large, and asleep most of the time. */
static const char *const seldom[] = {"/libcapstone.so"};

static bool is_seldom(const char *path)
{
	for (size_t i = 0; i < sizeof(seldom) / sizeof(seldom[0]); i++)
		if (strstr(path, seldom[i]))
			return true;
	return false;
}

/* Only what cannot have been written to: the linker wrote its addresses into the rest. */
static int drop(struct dl_phdr_info *object, size_t size, void *unused)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)unused;
	if (!is_seldom(object->dlpi_name))
		return 0;
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &object->dlpi_phdr[i];
		uintptr_t begin = (object->dlpi_addr + h->p_vaddr) & ~(page - 1);

		if (h->p_type == PT_LOAD && !(h->p_flags & PF_W))
			madvise((void *)begin, object->dlpi_addr + h->p_vaddr + h->p_memsz - begin,
				MADV_DONTNEED);
	}
	return 0;
}

void memory_rest(void)
{
	malloc_trim(0);
	dl_iterate_phdr(drop, NULL);
}
