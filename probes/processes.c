/* SPDX-License-Identifier: Apache-2.0 */
#include "processes.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LINE_MAX_ 8192 /* a path has 4096 bytes at most; a newline in it takes four */
#define NAMES 3

/* Where the file of a mapping can be had. The first is the file itself, but
 * needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE, and the mapping still in place;
 * the others are names and may lead elsewhere, the last one when the process has
 * ended. */
static bool name_of(int i, uint32_t pid, const struct maps_mapping *m, char *path, size_t size)
{
	int n;

	if (i == 0)
		n = snprintf(path, size, "/proc/%u/map_files/%llx-%llx", pid,
			     (unsigned long long)m->start, (unsigned long long)m->end);
	else if (!m->path.n || *m->path.p != '/')
		return false;
	else if (i == 1)
		n = snprintf(path, size, "/proc/%u/root%.*s", pid, (int)m->path.n, m->path.p);
	else
		n = snprintf(path, size, "%.*s", (int)m->path.n, m->path.p);
	return n > 0 && (size_t)n < size;
}

/* Only the inode tells whether a name leads to the mapped file: on btrfs, and on
 * overlayfs before Linux 6.8, a mapping has another device number than stat(2)
 * says. */
static bool is_it(int i, const struct maps_mapping *m, const struct stat *st)
{
	return S_ISREG(st->st_mode) && (i == 0 || st->st_ino == m->inode);
}

int processes_stat(uint32_t pid, const struct maps_mapping *m, struct stat *out)
{
	char path[LINE_MAX_];

	for (int i = 0; i < NAMES; i++)
		if (name_of(i, pid, m, path, sizeof(path)) && stat(path, out) == 0 &&
		    is_it(i, m, out))
			return 0;
	return -ENOENT;
}

int processes_open(uint32_t pid, const struct maps_mapping *m)
{
	char path[LINE_MAX_];
	struct stat st;

	for (int i = 0; i < NAMES; i++) {
		int fd;

		/* What is opened must not be a device or a pipe. */
		if (!name_of(i, pid, m, path, sizeof(path)) || stat(path, &st) || !is_it(i, m, &st))
			continue;
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (fd < 0)
			continue;
		if (fstat(fd, &st) == 0 && is_it(i, m, &st))
			return fd;
		close(fd);
	}
	return -ENOENT;
}

static void one_process(uint32_t pid,
			void (*take)(void *ctx, uint32_t pid, const struct maps_mapping *mapping),
			void *ctx)
{
	char text[2 * LINE_MAX_];
	size_t n = 0;
	ssize_t got;
	int fd;

	snprintf(text, sizeof(text), "/proc/%u/maps", pid);
	fd = open(text, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	while ((got = read(fd, text + n, sizeof(text) - n)) > 0) {
		char *line = text, *end;

		n += (size_t)got;
		while ((end = memchr(line, '\n', n - (size_t)(line - text)))) {
			struct maps_mapping m;

			if (maps_line((struct slice){line, (size_t)(end - line)}, &m) == 0 &&
			    m.executable && m.inode)
				take(ctx, pid, &m);
			line = end + 1;
		}
		n -= (size_t)(line - text);
		if (n == sizeof(text))
			break; /* that is no line */
		memmove(text, line, n);
	}
	close(fd);
}

int processes_mappings(uint32_t pid,
		       void (*take)(void *ctx, uint32_t pid, const struct maps_mapping *mapping),
		       void *ctx)
{
	struct dirent *entry;
	DIR *proc;

	if (pid) {
		one_process(pid, take, ctx);
		return 0;
	}
	proc = opendir("/proc");
	if (!proc)
		return -errno;
	while ((entry = readdir(proc)))
		if (isdigit((unsigned char)entry->d_name[0]))
			one_process((uint32_t)strtoul(entry->d_name, NULL, 10), take, ctx);
	closedir(proc);
	return 0;
}

/* linux/nsfs.h of 6.11: a number that is never used again, unlike the inode's. */
#define NAMESPACE_ID _IOR(0xb7, 0x5, __u64)

uint64_t processes_namespace(uint32_t pid)
{
	struct stat st;
	char path[64];
	__u64 id = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/ns/mnt", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (ioctl(fd, NAMESPACE_ID, &id) && fstat(fd, &st) == 0)
		id = st.st_ino;
	close(fd);
	return id;
}

/* --- parents and children --------------------------------------------------- */

#define PROCESSES_MAX 65536

struct process {
	uint32_t pid, parent;
	bool wanted;
};

/* Its parent and its name: /proc/PID/stat is "PID (NAME) STATE PARENT ...", and
 * the name may hold anything. */
static bool read_process(const char *pid, struct process *out, char *comm, size_t size)
{
	char text[512], *begin, *end;
	ssize_t n;
	int fd;

	snprintf(text, sizeof(text), "/proc/%.20s/stat", pid);
	fd = open(text, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	begin = strchr(text, '(');
	end = strrchr(text, ')');
	if (!begin || !end || end < begin || strlen(end) < 5)
		return false;
	*end = '\0';
	snprintf(comm, size, "%s", begin + 1);
	*out = (struct process){.pid = (uint32_t)strtoul(pid, NULL, 10),
				.parent = (uint32_t)strtoul(end + 4, NULL, 10)};
	return true;
}

static bool is_child(const struct process *p, size_t n, uint32_t parent)
{
	for (size_t i = 0; i < n; i++)
		if (p[i].wanted && p[i].pid == parent)
			return true;
	return false;
}

int processes_tree(bool (*is_root)(void *ctx, uint32_t pid, const char *comm), void *root_ctx,
		   void (*take)(void *ctx, uint32_t pid), void *take_ctx)
{
	struct process *p = malloc(PROCESSES_MAX * sizeof(*p));
	DIR *proc = p ? opendir("/proc") : NULL;
	struct dirent *entry;
	char comm[64];
	size_t n = 0;
	bool more = true;

	if (!proc) {
		int err = p ? -errno : -ENOMEM;

		free(p);
		return err;
	}
	while ((entry = readdir(proc)) && n < PROCESSES_MAX) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !read_process(entry->d_name, &p[n], comm, sizeof(comm)))
			continue;
		p[n].wanted = is_root(root_ctx, p[n].pid, comm);
		n++;
	}
	closedir(proc);
	/* One generation after another. */
	while (more) {
		more = false;
		for (size_t i = 0; i < n; i++) {
			if (p[i].wanted || !is_child(p, n, p[i].parent))
				continue;
			p[i].wanted = more = true;
		}
	}
	for (size_t i = 0; i < n; i++)
		if (p[i].wanted)
			take(take_ctx, p[i].pid);
	free(p);
	return 0;
}
