/* SPDX-License-Identifier: Apache-2.0 */
#include "cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define ENTRIES_MAX 16
#define UNFINISHED ".new."
#define UNFINISHED_S 60 /* writing one takes milliseconds */

/* FNV-1a, going on from h. No secret: it names files, whose whole keys are compared, and
 * finds what a disk did to them. */
#define HASH_BEGIN 0xcbf29ce484222325ULL

static uint64_t hash(uint64_t h, const void *data, size_t n)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	return h;
}

static uint64_t sum_of(const struct object *object)
{
	return hash(hash(HASH_BEGIN, object, offsetof(struct object, code)), object->code,
		    object->code_size);
}

/* A file as it is now: replaced, rebuilt or touched, it is another one. */
static void print_file(FILE *out, const char *path)
{
	struct stat st;

	if (path && stat(path, &st) == 0)
		fprintf(out, "%s %llu %llu %lld %lld.%09ld\n", path, (unsigned long long)st.st_dev,
			(unsigned long long)st.st_ino, (long long)st.st_size,
			(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

int cache_open(struct cache *c, const char *dir, const char *text, const char *const *flags,
	       size_t n_flags)
{
	struct utsname kernel;
	FILE *out;

	memset(c, 0, sizeof(*c));
	if (!dir || dir[0] != '/' || geteuid() != 0 || uname(&kernel))
		return -ENOENT;
	if ((size_t)snprintf(c->dir, sizeof(c->dir), "%s", dir) >= sizeof(c->dir))
		return -ENAMETOOLONG;
	out = open_memstream(&c->key, &c->key_size);
	if (!out)
		return -ENOMEM;
	fprintf(out, "%s %s %s %d\n", VERSION, kernel.release, kernel.version, get_nprocs_conf());
	print_file(out, compile_library());
	for (size_t i = 0; i < n_flags; i++)
		fprintf(out, "%s\n", flags[i]);
	fputs(text, out);
	if (fclose(out)) {
		free(c->key);
		c->key = NULL;
		return -ENOMEM;
	}
	snprintf(c->path, sizeof(c->path), "%s/%016llx", c->dir,
		 (unsigned long long)hash(HASH_BEGIN, c->key, c->key_size));
	return 0;
}

void cache_close(struct cache *c)
{
	free(c->key);
	memset(c, 0, sizeof(*c));
}

/* Root's, and nobody else's to write. */
static bool is_ours(int fd, mode_t type)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == type && st.st_uid == 0 &&
	       (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* The directory, created if need be. A descriptor or -errno. */
static int open_dir(const struct cache *c, bool create)
{
	int fd;

	if (!c->key)
		return -ENOENT;
	if (create)
		mkdir(c->dir, 0700);
	fd = open(c->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!is_ours(fd, S_IFDIR)) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

int cache_load(const struct cache *c, struct object *object)
{
	int dir = open_dir(c, false), fd, err = -ESTALE;
	uint64_t size = 0, sum = 0;
	char *key;

	if (dir < 0)
		return dir;
	fd = openat(dir, strrchr(c->path, '/') + 1, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	close(dir);
	if (fd < 0)
		return -errno;
	key = malloc(c->key_size);
	if (key && is_ours(fd, S_IFREG) && object_read_all(fd, &size, sizeof(size)) == 0 &&
	    size == c->key_size && object_read_all(fd, key, c->key_size) == 0 &&
	    memcmp(key, c->key, c->key_size) == 0 && object_read_all(fd, &sum, sizeof(sum)) == 0)
		err = object_read(object, fd);
	/* The kernel would refuse it, at every start. */
	if (!err && sum_of(object) != sum) {
		object_free(object);
		err = -EBADMSG;
	}
	free(key);
	close(fd);
	return err;
}

/* Makes room for one more, and clears away what nobody will finish. */
static void prune(int dir)
{
	char oldest[256];
	struct dirent *entry;
	struct stat st;
	time_t since = 0;
	int n;

	do {
		DIR *list = fdopendir(dup(dir));

		n = 0;
		if (!list)
			return;
		rewinddir(list);
		while ((entry = readdir(list))) {
			if (fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
				continue;
			if (strncmp(entry->d_name, UNFINISHED, strlen(UNFINISHED)) == 0 &&
			    time(NULL) - st.st_mtim.tv_sec > UNFINISHED_S)
				unlinkat(dir, entry->d_name, 0);
			if (entry->d_name[0] == '.')
				continue;
			if (n++ == 0 || st.st_mtim.tv_sec < since) {
				since = st.st_mtim.tv_sec;
				snprintf(oldest, sizeof(oldest), "%s", entry->d_name);
			}
		}
		closedir(list);
	} while (n >= ENTRIES_MAX && unlinkat(dir, oldest, 0) == 0);
}

int cache_store(const struct cache *c, const struct object *object)
{
	int dir = open_dir(c, true), fd, err;
	uint64_t size = c->key_size, sum = sum_of(object);
	char name[64];

	if (dir < 0)
		return dir;
	prune(dir);
	snprintf(name, sizeof(name), UNFINISHED "%d", (int)getpid());
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		err = -errno;
		close(dir);
		return err;
	}
	err = object_write_all(fd, &size, sizeof(size));
	if (!err)
		err = object_write_all(fd, c->key, c->key_size);
	if (!err)
		err = object_write_all(fd, &sum, sizeof(sum));
	if (!err)
		err = object_write(object, fd);
	close(fd);
	/* Whole or not at all. */
	if (!err && renameat(dir, name, dir, strrchr(c->path, '/') + 1))
		err = -errno;
	if (err)
		unlinkat(dir, name, 0);
	close(dir);
	return err;
}
