/* SPDX-License-Identifier: Apache-2.0 */
#include "process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRUST_NS 1000000000ULL /* no id is given to another process within that time */

struct entry {
	struct known_process known;
	uint64_t checked, used;
	char text[];
};

struct processes {
	bool cgroups;
	size_t n;
	uint32_t pid[PROCESSES_MAX];
	struct entry *entry[PROCESSES_MAX];
};

struct processes *processes_new(bool cgroups)
{
	struct processes *all = calloc(1, sizeof(*all));

	if (all)
		all->cgroups = cgroups;
	return all;
}

void processes_free(struct processes *all)
{
	for (size_t i = 0; all && i < all->n; i++)
		free(all->entry[i]);
	free(all);
}

/* --- /proc ----------------------------------------------------------------- */

static struct slice read_file(int process, const char *name, char *to, size_t size)
{
	int fd = openat(process, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return SLICE_NONE;
	n = read(fd, to, size);
	close(fd);
	return n < 0 ? SLICE_NONE : (struct slice){to, (size_t)n};
}

static int open_process(uint32_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u", pid);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The texts move to where they are kept, and the pointers with them. */
static struct entry *keep(const struct process *facts, const struct text_arena *arena)
{
	struct entry *entry = calloc(1, sizeof(*entry) + arena->used);
	struct process *to;

	if (!entry)
		return NULL;
	memcpy(entry->text, arena->buf, arena->used);
	to = &entry->known.facts;
	*to = *facts;
	const char **text[] = {&to->comm,  &to->exe,	&to->cmdline,
			       &to->shown, &to->cgroup, &to->container};
	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		if (*text[i])
			*text[i] = entry->text + (*text[i] - arena->buf);
	return entry;
}

static struct entry *look_up(const struct processes *all, uint32_t pid)
{
	static char stat[1024], exe[4096], cmdline[PROCESS_CMDLINE_MAX], cgroup[4096];
	static char text[PROCESS_TEXT_SIZE];
	struct text_arena arena = {.buf = text, .size = sizeof(text)};
	struct process_files files = {0};
	int process = open_process(pid);
	struct process facts;
	ssize_t n;

	if (process >= 0) {
		files.stat = read_file(process, "stat", stat, sizeof(stat));
		n = readlinkat(process, "exe", exe, sizeof(exe));
		if (n > 0)
			files.exe = (struct slice){exe, (size_t)n};
		files.cmdline = read_file(process, "cmdline", cmdline, sizeof(cmdline));
		if (all->cgroups)
			files.cgroup = read_file(process, "cgroup", cgroup, sizeof(cgroup));
		close(process);
	}
	process_build(&facts, &files, &arena);
	return keep(&facts, &arena);
}

/* Whether pid is still who it was, or nobody any more. */
static bool is_same(uint32_t pid, const struct process *facts)
{
	static char stat[1024], text[256];
	struct text_arena arena = {.buf = text, .size = sizeof(text)};
	struct process_files files = {0};
	int process = open_process(pid);
	struct process now;

	if (process < 0)
		return true;
	files.stat = read_file(process, "stat", stat, sizeof(stat));
	close(process);
	process_build(&now, &files, &arena);
	/* One that is dying has no program any more; what is known stays true. */
	return !now.start || (now.start == facts->start && facts->exe && facts->comm && now.comm &&
			      strcmp(now.comm, facts->comm) == 0);
}

/* --- what is known --------------------------------------------------------- */

static struct entry *put(struct processes *all, size_t at, uint32_t pid, uint64_t now_ns)
{
	struct entry *entry = look_up(all, pid);

	if (!entry)
		return NULL;
	if (at == all->n && all->n == PROCESSES_MAX) {
		at = 0;
		for (size_t i = 1; i < all->n; i++)
			if (all->entry[i]->used < all->entry[at]->used)
				at = i;
	}
	if (at == all->n)
		all->n++;
	else
		free(all->entry[at]);
	entry->checked = entry->used = now_ns;
	all->pid[at] = pid;
	all->entry[at] = entry;
	return entry;
}

static size_t find(const struct processes *all, uint32_t pid)
{
	size_t i = 0;

	while (i < all->n && all->pid[i] != pid)
		i++;
	return i;
}

void processes_scan(struct processes *all, uint64_t now_ns)
{
	DIR *proc = opendir("/proc");
	struct dirent *name;

	while (proc && all->n < PROCESSES_MAX && (name = readdir(proc))) {
		uint32_t pid = (uint32_t)strtoul(name->d_name, NULL, 10);
		struct entry *entry = pid ? put(all, find(all, pid), pid, now_ns) : NULL;

		/* The kernel's own threads, and what is gone again. */
		if (entry && !entry->known.facts.exe && entry == all->entry[all->n - 1]) {
			all->n--;
			free(entry);
		}
	}
	if (proc)
		closedir(proc);
}

void processes_exec(struct processes *all, uint32_t pid, uint64_t now_ns)
{
	put(all, find(all, pid), pid, now_ns);
}

struct known_process *processes_get(struct processes *all, uint32_t pid, uint64_t now_ns)
{
	size_t at = find(all, pid);
	struct entry *entry = at < all->n ? all->entry[at] : NULL;

	if (entry && now_ns > entry->checked + TRUST_NS) {
		if (is_same(pid, &entry->known.facts))
			entry->checked = now_ns;
		else
			entry = NULL;
	}
	if (!entry)
		entry = put(all, at, pid, now_ns);
	if (!entry)
		return NULL;
	entry->used = now_ns;
	return &entry->known;
}

bool process_is_gone(uint32_t pid)
{
	struct dirent *entry;
	bool others = false;
	char path[64];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return true;
	while ((entry = readdir(tasks)))
		if (entry->d_name[0] != '.' && (uint32_t)atol(entry->d_name) != pid)
			others = true;
	closedir(tasks);
	return !others;
}

bool process_has_socket(uint32_t pid, int fd)
{
	char path[64], target[32];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/fd/%d", pid, fd);
	n = readlink(path, target, sizeof(target) - 1);
	return n > 7 && strncmp(target, "socket:", 7) == 0;
}
