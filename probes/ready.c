/* SPDX-License-Identifier: Apache-2.0 */
#include "ready.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "detach.h"
#include "trial.h"
#include "uprobe.h"

#define AGAIN_US 6000 /* a grace period takes 8 ms at least with 250 ticks a second */
#define PROBES_MAX 32 /* placed before they are taken away together */

struct ready {
	char path[32];
	int program;
	pthread_t thread;
	bool running, stop;
	int file;
	uint64_t until;
	pthread_mutex_t lock;
	pthread_cond_t asked;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

struct ready *ready_new(void)
{
	struct ready *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->asked, NULL);
	r->file = memfd_create("s3slower", MFD_CLOEXEC);
	snprintf(r->path, sizeof(r->path), "/proc/self/fd/%d", r->file);
	r->program = trial_program(BPF_PROG_TYPE_KPROBE, UPROBE_LINK, 0);
	if (r->file >= 0 && ftruncate(r->file, 4096) == 0 && r->program >= 0)
		return r;
	ready_free(r);
	return NULL;
}

void ready_free(struct ready *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_signal(&r->asked);
	pthread_mutex_unlock(&r->lock);
	if (r->running)
		pthread_join(r->thread, NULL);
	if (r->file >= 0)
		close(r->file);
	if (r->program >= 0)
		close(r->program);
	pthread_cond_destroy(&r->asked);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* Whether to go on, as far as anybody has asked for it. */
static bool is_wanted(struct ready *r)
{
	bool wanted;

	pthread_mutex_lock(&r->lock);
	wanted = !r->stop && now_ns() < r->until;
	pthread_mutex_unlock(&r->lock);
	return wanted;
}

static void *keep_ready(void *p)
{
	uint64_t offset = 0;
	int probe[PROBES_MAX];
	struct ready *r = p;
	bool stop = false;

	while (!stop) {
		size_t n = 0;

		while (n < PROBES_MAX && is_wanted(r)) {
			probe[n] = uprobe_link(UPROBE_LINK, r->program, r->path, &offset, 1, false);
			n += probe[n] >= 0;
			usleep(AGAIN_US);
		}
		detach_later(probe, n);
		pthread_mutex_lock(&r->lock);
		while (!r->stop && now_ns() >= r->until)
			pthread_cond_wait(&r->asked, &r->lock);
		stop = r->stop;
		pthread_mutex_unlock(&r->lock);
	}
	return NULL;
}

void ready_for(struct ready *r, unsigned ms)
{
	uint64_t until = now_ns() + ms * 1000000ULL;

	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->until = until > r->until ? until : r->until;
	if (!r->running)
		r->running = pthread_create(&r->thread, NULL, keep_ready, r) == 0;
	pthread_cond_signal(&r->asked);
	pthread_mutex_unlock(&r->lock);
}
