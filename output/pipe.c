/* SPDX-License-Identifier: Apache-2.0 */
#include "pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TICK_MS 50

struct pipe {
	int fd;
	bool given_up;
};

/* They are blocked, and will be read when we come back. */
static bool told_to_end(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
	sigset_t pending;

	sigpending(&pending);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (sigismember(&pending, ends[i]))
			return true;
	return false;
}

bool pipe_is(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

int pipe_open_file(const char *path)
{
	int fd;

	/* ENXIO: nobody reads this FIFO. */
	while ((fd = open(path,
			  O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK |
				  O_NOCTTY,
			  0640)) < 0 &&
	       errno == ENXIO) {
		if (told_to_end())
			return -EINTR;
		poll(NULL, 0, TICK_MS);
	}
	if (fd < 0)
		return -errno;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	return fd;
}

/* Until there is room, or there is no use in waiting. */
static bool has_room(int fd)
{
	struct pollfd room = {fd, POLLOUT, 0};

	for (int left = PIPE_PATIENCE_MS; left > 0; left -= told_to_end() ? TICK_MS : 0)
		if (poll(&room, 1, TICK_MS) > 0)
			return true;
	return false;
}

/* Of fopencookie(3): less than all is failure. */
static ssize_t write_all(void *cookie, const char *data, size_t n)
{
	struct pipe *p = cookie;
	size_t done = 0;
	ssize_t some;

	while (done < n) {
		if (p->given_up || !has_room(p->fd)) {
			p->given_up = true;
			errno = EINTR;
			break;
		}
		/* Where there is room, there is room for that much. */
		some = write(p->fd, data + done, n - done < PIPE_BUF ? n - done : PIPE_BUF);
		if (some < 0)
			break;
		done += (size_t)some;
	}
	return (ssize_t)done;
}

static int close_it(void *cookie)
{
	struct pipe *p = cookie;
	int err = close(p->fd);

	free(p);
	return err;
}

FILE *pipe_stream(int fd)
{
	const cookie_io_functions_t functions = {.write = write_all, .close = close_it};
	struct pipe *p = calloc(1, sizeof(*p));
	FILE *file = NULL;

	if (p) {
		p->fd = fd;
		file = fopencookie(p, "w", functions);
	}
	if (!file)
		free(p);
	return file;
}
