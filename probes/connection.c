/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "parsers/address.h"

#define KEPT_MAX 1024	/* a power of two */
#define ROWS_MAX 131072 /* sockets of one namespace */
#define REST 10		/* after reading for so long, rest for so many times as long */

struct row {
	__u64 inode;
	struct endpoints ends;
};

struct connections {
	struct kept {
		uint64_t socket;
		struct endpoints ends;
	} kept[KEPT_MAX];
	/* The table that was read last, by inode. */
	struct row *row;
	size_t n, size;
	ino_t namespace;
	uint64_t not_before; /* when it may be read again */
};

struct connections *connections_new(void)
{
	return calloc(1, sizeof(struct connections));
}

void connections_free(struct connections *c)
{
	if (!c)
		return;
	free(c->row);
	free(c);
}

static size_t place(uint64_t socket)
{
	return (size_t)(socket ^ socket >> SERIAL_CPU_BITS) & (KEPT_MAX - 1);
}

int connections_recall(const struct connections *c, uint64_t socket, struct endpoints *ends)
{
	const struct kept *k = &c->kept[place(socket)];

	if (k->socket != socket)
		return -ENOENT;
	*ends = k->ends;
	return 0;
}

void connections_keep(struct connections *c, uint64_t socket, const struct endpoints *ends)
{
	c->kept[place(socket)] = (struct kept){socket, *ends};
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static int add(struct connections *c, const struct row *row)
{
	if (c->n == ROWS_MAX)
		return -E2BIG;
	if (c->n == c->size) {
		size_t size = c->size ? c->size * 2 : 256;
		struct row *grown = realloc(c->row, size * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		c->row = grown;
		c->size = size;
	}
	c->row[c->n++] = *row;
	return 0;
}

static void read_table(struct connections *c, uint32_t tgid, const char *name)
{
	char path[64], *line = NULL;
	size_t size = 0;
	ssize_t n;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/net/%s", tgid, name);
	file = fopen(path, "re");
	if (!file)
		return;
	while ((n = getline(&line, &size, file)) > 0) {
		struct row row;

		if (address_line((struct slice){line, (size_t)n}, &row.inode, &row.ends) &&
		    add(c, &row))
			break;
	}
	free(line);
	fclose(file);
}

static int by_inode(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return (x->inode > y->inode) - (x->inode < y->inode);
}

static const struct row *lookup(const struct connections *c, __u64 inode)
{
	struct row want = {.inode = inode};

	return c->n ? bsearch(&want, c->row, c->n, sizeof(want), by_inode) : NULL;
}

/* The descriptor's inode and the process's network namespace. */
static int identify(uint32_t tgid, int fd, __u64 *inode, ino_t *namespace)
{
	char path[64], target[64];
	unsigned long long number;
	struct stat st;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/fd/%d", tgid, fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return -ENOENT;
	target[n] = '\0';
	if (sscanf(target, "socket:[%llu]", &number) != 1)
		return -ENOENT;
	*inode = number;
	snprintf(path, sizeof(path), "/proc/%u/ns/net", tgid);
	if (stat(path, &st))
		return -ENOENT;
	*namespace = st.st_ino;
	return 0;
}

static void read_tables(struct connections *c, uint32_t tgid, ino_t namespace)
{
	uint64_t begun = now_ns();

	c->n = 0;
	read_table(c, tgid, "tcp");
	read_table(c, tgid, "tcp6");
	if (c->n)
		qsort(c->row, c->n, sizeof(*c->row), by_inode);
	c->namespace = namespace;
	c->not_before = now_ns() + REST * (now_ns() - begun);
}

static bool is_one_of(uint16_t port, const uint16_t *ports, size_t n)
{
	bool found = n == 0 && port != 0;

	for (size_t i = 0; i < n && !found; i++)
		found = ports[i] == port;
	return found;
}

bool connections_lead_to(struct connections *c, uint32_t tgid, const uint16_t *ports, size_t n)
{
	const struct row *row;
	bool any = false, found = false;
	struct dirent *entry;
	char path[64];
	struct stat st;
	ino_t namespace;
	__u64 inode;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%u/ns/net", tgid);
	if (stat(path, &st))
		return false;
	if (c->namespace != st.st_ino)
		read_tables(c, tgid, st.st_ino);
	/* Nobody there has one: then neither has this process. */
	for (size_t i = 0; i < c->n && !any; i++)
		any = is_one_of(c->row[i].ends.peer_port, ports, n);
	if (!any)
		return false;
	snprintf(path, sizeof(path), "/proc/%u/fd", tgid);
	fds = opendir(path);
	while (fds && !found && (entry = readdir(fds))) {
		if (identify(tgid, atoi(entry->d_name), &inode, &namespace))
			continue;
		row = lookup(c, inode);
		found = row && is_one_of(row->ends.peer_port, ports, n);
	}
	if (fds)
		closedir(fds);
	return found;
}

int connections_find(struct connections *c, uint32_t tgid, int fd, struct endpoints *ends)
{
	const struct row *row = NULL;
	ino_t namespace;
	__u64 inode;
	int err = identify(tgid, fd, &inode, &namespace);

	if (err)
		return err;
	/* An inode's number is not used twice: a table of a while ago is as good. */
	if (c->namespace == namespace)
		row = lookup(c, inode);
	if (!row) {
		if (now_ns() < c->not_before)
			return -EAGAIN;
		read_tables(c, tgid, namespace);
		row = lookup(c, inode);
	}
	if (!row)
		return -ENOENT;
	*ends = row->ends;
	return 0;
}
