/* SPDX-License-Identifier: Apache-2.0 */
#include "tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A directory descriptor of tracefs's events/, or -errno. */
static int open_events(void)
{
	static const char *const mounted[] = {"/sys/kernel/tracing/events",
					      "/sys/kernel/debug/tracing/events"};
	int fs, mnt, fd;

	for (size_t i = 0; i < sizeof(mounted) / sizeof(mounted[0]); i++) {
		fd = open(mounted[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	/* A mount of our own, attached nowhere (Linux 5.2). */
	fs = (int)syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC);
	if (fs < 0)
		return -ENODEV;
	fd = -ENODEV;
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0) {
		mnt = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
		if (mnt >= 0) {
			fd = openat(mnt, "events", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			close(mnt);
		}
	}
	close(fs);
	return fd < 0 ? -ENODEV : fd;
}

static int read_file(int dir, const char *event, const char *file, char *text, size_t size)
{
	char path[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", event, file);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	text[n] = '\0';
	return 0;
}

int tracefs_event(const char *event, const char *field, struct tracefs_event *out)
{
	char text[4096], want[64];
	int dir = open_events(), err;
	char *at;

	if (dir < 0)
		return dir;
	err = read_file(dir, event, "id", text, sizeof(text));
	if (!err) {
		out->id = strtoull(text, NULL, 10);
		err = read_file(dir, event, "format", text, sizeof(text));
	}
	close(dir);
	if (err)
		return err;
	/* field:pid_t child_pid;	offset:44;	size:4;	signed:1; */
	snprintf(want, sizeof(want), " %s;\toffset:", field);
	at = strstr(text, want);
	if (!at)
		return -ENOENT;
	out->field_offset = atoi(at + strlen(want));
	return 0;
}
