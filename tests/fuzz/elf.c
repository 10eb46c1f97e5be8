/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a file holds that some process has mapped, looking functions up in
 * it ends, and says only what can be. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../../probes/elf.c"
#include "../../probes/symtab.c"

#define CHECK(truth) ((truth) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static const char *const names[] = {"SSL_read", "SSL_write", "gnutls_record_send", "x"};
	struct elf_function f[4];
	static char path[32];
	static int fd;
	int found, n = 0;

	if (!fd) {
		fd = memfd_create("elf", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
	found = elf_functions(path, names, 4, f);
	for (int i = 0; i < 4; i++)
		n += f[i].offset != 0;
	CHECK(found == n || (found < 0 && n == 0));
	CHECK(!f[3].offset);
	return 0;
}
