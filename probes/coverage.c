/* SPDX-License-Identifier: Apache-2.0 */
#include "coverage.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "survey.h"

/* Where S3 is usually served: TLS and HTTP, MinIO, Ceph, SeaweedFS, Garage. */
static const uint16_t s3_ports[] = {443, 80, 9000, 8443, 8080, 7480, 8333, 3900};
#define CPU_NS 20000000ULL
#define CONTENT_MAX (8u << 20)
#define PRIORITY 10 /* those that are traced come first */

struct coverage {
	struct diagnosis diagnosis;
	pthread_t thread;
	int err; /* of the survey */
	bool joined, taken;
	atomic_bool done;
};

static void *look(void *p)
{
	struct coverage *c = p;
	struct survey survey = {
		.ports = s3_ports,
		.n_ports = sizeof(s3_ports) / sizeof(s3_ports[0]),
		.content_max = CONTENT_MAX,
		.connections = connections_new(),
	};
	struct timespec t;

	setpriority(PRIO_PROCESS, 0, PRIORITY);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	survey.until = (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec + CPU_NS;
	c->err = survey.connections ? survey_unseen(&survey, &c->diagnosis) : -ENOMEM;
	connections_free(survey.connections);
	atomic_store(&c->done, true);
	return NULL;
}

static void count(struct diagnosis *d, struct discovery *discovery)
{
	struct discovery_counts counts;
	struct discovery_file file;
	size_t at = 0;

	discovery_count(discovery, &counts);
	d->probed_files = counts.files;
	d->probed_processes = counts.processes;
	while (d->n_users < DIAGNOSIS_USERS_MAX &&
	       discovery_next_user(discovery, &at, &d->user[d->n_users].pid, &file))
		d->n_users++;
}

struct coverage *coverage_begin(struct discovery *discovery)
{
	struct coverage *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	count(&c->diagnosis, discovery);
	if (!pthread_create(&c->thread, NULL, look, c))
		return c;
	free(c);
	return NULL;
}

void coverage_wait(struct coverage *c)
{
	if (c && !c->joined)
		pthread_join(c->thread, NULL);
	if (c)
		c->joined = true;
}

const struct diagnosis *coverage_take(struct coverage *c, bool *partial)
{
	if (!c || c->taken || !atomic_load(&c->done))
		return NULL;
	c->taken = true;
	coverage_wait(c);
	*partial = c->err == -ETIME;
	return !c->err || *partial ? &c->diagnosis : NULL;
}

void coverage_free(struct coverage *c)
{
	coverage_wait(c);
	free(c);
}
