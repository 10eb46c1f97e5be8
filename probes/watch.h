/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small file that users change while we run. Its directory is watched, not
 * the file: editors and package managers put a new file in its place. The same
 * goes for the directory of what a symbolic link leads to.
 */
#ifndef S3SLOWER_WATCH_H
#define S3SLOWER_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct watch {
	const char *path; /* borrowed */
	int fd;		  /* readable when something changed beside it; -1: not watched */
	struct {
		dev_t device;
		ino_t inode;
		off_t size;
		struct timespec changed;
	} seen; /* of the file as it was last read */
};

/* Begins to watch. A directory that cannot be watched is no error: the file is
 * then as it is. fd has to be closed with watch_close(). */
void watch_open(struct watch *watch, const char *path);
void watch_close(struct watch *watch);

/* Reads the whole file. Returns its bytes, or -errno: -EFBIG when it is longer
 * than size, -EINVAL when it is no plain file. */
long watch_read(struct watch *watch, char *to, size_t size);

/* Takes the news: whether there is another file, or another content, since it
 * was last read. Never blocks. */
bool watch_changed(struct watch *watch);

#endif
