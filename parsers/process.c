/* SPDX-License-Identifier: Apache-2.0 */
#include "process.h"

#include "cgroup.h"
#include "cmdline.h"

#define FIELD_PPID 4 /* of /proc/PID/stat, as proc(5) counts */
#define FIELD_START 22

static uint64_t number(struct slice s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.n && i < 19 && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		n = n * 10 + (uint64_t)(s.p[i] - '0');
	return n;
}

/* "12 (a name) S 1 ...": the name may hold anything, also blanks and ")". */
static struct slice read_stat(struct slice stat, struct process *process)
{
	const char *open = stat.n ? memchr(stat.p, '(', stat.n) : NULL;
	const char *shut = stat.n ? memrchr(stat.p, ')', stat.n) : NULL;
	struct slice rest;
	int field = 2;

	if (!open || !shut || shut < open)
		return SLICE_NONE;
	rest = slice_from(stat, (size_t)(shut + 1 - stat.p));
	for (size_t i = 0; i < rest.n; i++) {
		if (rest.p[i] != ' ')
			continue;
		field++;
		if (field == FIELD_PPID)
			process->ppid = (uint32_t)number(slice_from(rest, i + 1));
		if (field == FIELD_START)
			process->start = number(slice_from(rest, i + 1));
	}
	return (struct slice){open + 1, (size_t)(shut - open - 1)};
}

/* The kernel marks a program whose file was replaced or removed. */
static struct slice without_deleted(struct slice exe)
{
	static const struct slice mark = SLICE(" (deleted)");

	if (exe.n > mark.n && slice_is(slice_from(exe, exe.n - mark.n), mark))
		exe.n -= mark.n;
	return exe;
}

void process_build(struct process *process, const struct process_files *files,
		   struct text_arena *arena)
{
	char raw[CMDLINE_GROWS(PROCESS_CMDLINE_MAX)];
	struct slice line = files->cmdline, group = cgroup_path(files->cgroup);

	memset(process, 0, sizeof(*process));
	if (line.n > PROCESS_CMDLINE_MAX)
		line.n = PROCESS_CMDLINE_MAX;
	process->comm = text_clean(arena, read_stat(files->stat, process));
	process->exe = text_clean(arena, without_deleted(files->exe));
	process->cgroup = text_clean(arena, group);
	process->container = text_clean(arena, cgroup_container(group));
	if (!line.n) /* of a kernel's thread, or overwritten by the program */
		return;
	process->cmdline =
		text_clean(arena, (struct slice){raw, cmdline_joined(line, raw, sizeof(raw))});
	process->shown =
		text_clean(arena, (struct slice){raw, cmdline_masked(line, raw, sizeof(raw))});
}
