/* SPDX-License-Identifier: Apache-2.0 */
#include "headers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Creates every directory on the way to path. */
static int make_parents(char *path, size_t from)
{
	for (char *p = path + from; (p = strchr(p, '/')); p++) {
		*p = '\0';
		int failed = mkdir(path, 0700) && errno != EEXIST;
		*p = '/';
		if (failed)
			return -errno;
	}
	return 0;
}

static int write_file(const char *path, const char *text)
{
	size_t n = strlen(text);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int err = 0;

	if (fd < 0)
		return -errno;
	ssize_t done = write(fd, text, n);
	if (done < 0)
		err = -errno;
	else if ((size_t)done != n)
		err = -ENOSPC;
	close(fd);
	return err;
}

int headers_write(char *dir, size_t size)
{
	const char *tmp = getenv("TMPDIR");
	char path[512];
	int err;

	if (!tmp || tmp[0] != '/')
		tmp = "/tmp";
	if ((size_t)snprintf(dir, size, "%s/s3slower.XXXXXX", tmp) >= size)
		return -ENAMETOOLONG;
	if (!mkdtemp(dir))
		return -errno;
	for (const struct embedded_header *h = embedded_headers; h->path; h++) {
		int n = snprintf(path, sizeof(path), "%s/include/%s", dir, h->path);

		if (n < 0 || (size_t)n >= sizeof(path))
			err = -ENAMETOOLONG;
		else
			err = make_parents(path, strlen(dir) + 1);
		if (!err)
			err = write_file(path, h->text);
		if (err) {
			headers_remove(dir);
			return err;
		}
	}
	return 0;
}

void headers_remove(const char *dir)
{
	char path[512];

	for (const struct embedded_header *h = embedded_headers; h->path; h++) {
		snprintf(path, sizeof(path), "%s/include/%s", dir, h->path);
		unlink(path);
	}
	/* Directories, deepest first: each file's parents until one is not empty. */
	for (const struct embedded_header *h = embedded_headers; h->path; h++) {
		snprintf(path, sizeof(path), "%s/include/%s", dir, h->path);
		for (char *p; strlen(path) > strlen(dir) && (p = strrchr(path, '/'));) {
			*p = '\0';
			if (rmdir(path))
				break;
		}
	}
	rmdir(dir);
}
