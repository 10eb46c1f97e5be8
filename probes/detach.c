/* SPDX-License-Identifier: Apache-2.0 */
#include "detach.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS_MAX 128

/* What one thread closes: every step-th. */
struct part {
	const int *fd;
	size_t n, step;
};

static void *close_part(void *p)
{
	const struct part *part = p;

	for (size_t i = 0; i < part->n; i += part->step)
		close(part->fd[i]);
	return NULL;
}

void detach_all(const int *fd, size_t n)
{
	size_t step = n < THREADS_MAX ? n : THREADS_MAX;
	struct part part[THREADS_MAX];
	pthread_t thread[THREADS_MAX];
	bool running[THREADS_MAX];

	for (size_t i = 0; i < step; i++) {
		part[i] = (struct part){fd + i, n - i, step};
		running[i] = pthread_create(&thread[i], NULL, close_part, &part[i]) == 0;
		if (!running[i])
			close_part(&part[i]);
	}
	for (size_t i = 0; i < step; i++)
		if (running[i])
			pthread_join(thread[i], NULL);
}

struct list {
	size_t n;
	int fd[];
};

static void *close_list(void *p)
{
	struct list *list = p;

	detach_all(list->fd, list->n);
	free(list);
	return NULL;
}

void detach_later(const int *fd, size_t n)
{
	struct list *list = n ? malloc(sizeof(*list) + n * sizeof(*fd)) : NULL;
	pthread_attr_t attr;
	pthread_t thread;

	if (!list) {
		detach_all(fd, n);
		return;
	}
	list->n = n;
	memcpy(list->fd, fd, n * sizeof(*fd));
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attr, close_list, list))
		close_list(list);
	pthread_attr_destroy(&attr);
}
