/* SPDX-License-Identifier: Apache-2.0 */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whatever can end a change; a file that was only begun to be written is none. */
#define ENDS (IN_CLOSE_WRITE | IN_MOVED_TO)

static void watch_directory(struct watch *watch, const char *path)
{
	char copy[PATH_MAX];

	if (!path || strlen(path) >= sizeof(copy))
		return;
	strcpy(copy, path);
	inotify_add_watch(watch->fd, dirname(copy), ENDS | IN_ONLYDIR);
}

void watch_open(struct watch *watch, const char *path)
{
	char *real = realpath(path, NULL);

	memset(watch, 0, sizeof(*watch));
	watch->path = path;
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch->fd >= 0) {
		watch_directory(watch, path);
		watch_directory(watch, real);
	}
	free(real);
}

void watch_close(struct watch *watch)
{
	if (watch->fd >= 0)
		close(watch->fd);
	watch->fd = -1;
}

static void remember(struct watch *watch, const struct stat *st)
{
	watch->seen.device = st->st_dev;
	watch->seen.inode = st->st_ino;
	watch->seen.size = st->st_size;
	watch->seen.changed = st->st_mtim;
}

static bool is_as_seen(const struct watch *watch, const struct stat *st)
{
	return watch->seen.device == st->st_dev && watch->seen.inode == st->st_ino &&
	       watch->seen.size == st->st_size &&
	       watch->seen.changed.tv_sec == st->st_mtim.tv_sec &&
	       watch->seen.changed.tv_nsec == st->st_mtim.tv_nsec;
}

long watch_read(struct watch *watch, char *to, size_t size)
{
	/* Opening a pipe would wait for its writer. */
	int fd = open(watch->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t used = 0;
	struct stat st;
	char beyond;
	long err = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -EINVAL;
	else
		remember(watch, &st);
	while (!err) {
		bool full = used == size;

		n = full ? read(fd, &beyond, 1) : read(fd, to + used, size - used);
		if (n <= 0) {
			err = n < 0 ? -errno : (long)used;
			break;
		}
		if (full)
			err = -EFBIG;
		else
			used += (size_t)n;
	}
	close(fd);
	return err;
}

bool watch_changed(struct watch *watch)
{
	char news[4096];
	bool any = false;
	struct stat st;

	for (int i = 0; i < 64 && read(watch->fd, news, sizeof(news)) > 0; i++)
		any = true;
	return any && stat(watch->path, &st) == 0 && !is_as_seen(watch, &st);
}
