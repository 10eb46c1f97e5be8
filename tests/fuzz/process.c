/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the files of /proc/PID. The first byte says where the command line
 * ends and the other files begin. An option's secret is never shown. */
#include <stdlib.h>
#include <string.h>

#include "parsers/cmdline.h"
#include "parsers/process.h"

#define CHECK(truth) ((truth) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_clean(const char *s)
{
	for (; s && *s; s++)
		CHECK((unsigned char)*s >= ' ' && *s != 0x7f);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static const char secret[] = "\0--secret-key\0HUSH\0";
	static char buf[PROCESS_TEXT_SIZE];
	struct text_arena arena = {.buf = buf, .size = sizeof(buf)};
	struct slice all = {(const char *)data + 1, size - 1}, rest;
	struct process_files files;
	struct process process;
	char *line, *out;
	size_t n, room;

	if (size < 1)
		return 0;
	files.cmdline = (struct slice){all.p, all.n * data[0] / 256};
	rest = slice_from(all, files.cmdline.n);
	files.stat = files.exe = files.cgroup = rest;
	process_build(&process, &files, &arena);
	CHECK(arena.used <= sizeof(buf));
	check_clean(process.comm);
	check_clean(process.exe);
	check_clean(process.shown);
	check_clean(process.cgroup);
	CHECK(!process.container || strlen(process.container) <= 64);

	if (memmem(all.p, all.n, "HUS", 3))
		return 0;
	n = all.n + sizeof(secret) - 1;
	room = CMDLINE_GROWS(n);
	line = malloc(n);
	out = malloc(room);
	CHECK(line && out);
	memcpy(line, all.p, all.n);
	memcpy(line + all.n, secret, sizeof(secret) - 1);
	room = cmdline_masked((struct slice){line, n}, out, room);
	CHECK(room <= CMDLINE_GROWS(n));
	CHECK(!memmem(out, room, "HUSH", 4));
	free(line);
	free(out);
	return 0;
}
