/* SPDX-License-Identifier: Apache-2.0 */
#include "changes.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

int changes_open(void)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

int changes_watch(int changes, const char *path)
{
	int file = inotify_add_watch(changes, path, IN_MODIFY);

	return file < 0 ? -errno : file;
}

void changes_forget(int changes, int file)
{
	inotify_rm_watch(changes, file);
}

void changes_drain(int changes, void (*take)(void *ctx, int file), void *ctx)
{
	char text[4096];
	ssize_t got;

	while ((got = read(changes, text, sizeof(text))) > 0) {
		struct inotify_event e;

		for (ssize_t at = 0; at + (ssize_t)sizeof(e) <= got;
		     at += (ssize_t)sizeof(e) + e.len) {
			memcpy(&e, text + at, sizeof(e));
			if (e.mask & IN_MODIFY)
				take(ctx, e.wd);
		}
	}
}
