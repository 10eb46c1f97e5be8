/* SPDX-License-Identifier: Apache-2.0 */
#include "survey.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "parsers/text.h"
#include "processes.h"
#include "unseen.h"

#define EXAMINED_MAX 64

/* Programs that were looked through already. */
struct examined {
	dev_t dev;
	ino_t ino;
	const struct unseen *kind;
};

struct walk {
	const struct survey *survey;
	struct diagnosis *diagnosis;
	struct examined examined[EXAMINED_MAX];
	size_t n_examined;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

void survey_comm(uint32_t pid, char *to, size_t size)
{
	char path[64], line[64] = "";
	struct text_arena arena = {to, size, 0, false};
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	file = fopen(path, "re");
	if (file && !fgets(line, sizeof(line), file))
		line[0] = '\0';
	if (file)
		fclose(file);
	to[0] = '\0';
	text_clean(&arena, (struct slice){line, strcspn(line, "\n")});
}

/* What has a probed file mapped. */
static bool is_user(const struct diagnosis *d, uint32_t pid)
{
	for (size_t i = 0; i < d->n_users; i++)
		if (d->user[i].pid == pid)
			return true;
	return false;
}

static void take_mapping(void *ctx, uint32_t pid, const struct maps_mapping *mapping)
{
	const struct unseen **kind = ctx;

	(void)pid;
	if (!*kind)
		*kind = unseen_by_mapping(mapping->path);
}

static const struct unseen *examine(struct walk *w, uint32_t pid)
{
	struct examined *e;
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	if (stat(path, &st))
		return NULL;
	for (size_t i = 0; i < w->n_examined; i++)
		if (w->examined[i].dev == st.st_dev && w->examined[i].ino == st.st_ino)
			return w->examined[i].kind;
	if (w->n_examined == EXAMINED_MAX)
		return NULL;
	e = &w->examined[w->n_examined++];
	e->dev = st.st_dev;
	e->ino = st.st_ino;
	e->kind = unseen_by_content(path, w->survey->content_max);
	return e->kind;
}

static void survey_one(struct walk *w, uint32_t pid)
{
	const struct survey *s = w->survey;
	struct diagnosis *d = w->diagnosis;
	const struct unseen *kind = NULL;
	struct diagnosis_unseen *u;

	if (!s->pid && !connections_lead_to(s->connections, pid, s->ports, s->n_ports))
		return;
	processes_mappings(pid, take_mapping, &kind);
	if (!kind && !is_user(d, pid))
		kind = examine(w, pid);
	if (!kind || d->n_unseen == DIAGNOSIS_UNSEEN_MAX)
		return;
	u = &d->unseen[d->n_unseen++];
	*u = (struct diagnosis_unseen){.pid = pid, .kind = kind->name, .reason = kind->reason};
	survey_comm(pid, u->comm, sizeof(u->comm));
}

int survey_unseen(const struct survey *survey, struct diagnosis *d)
{
	static struct walk walk;
	uint32_t self = (uint32_t)getpid();
	struct dirent *entry;
	int err = 0;
	DIR *proc;

	memset(&walk, 0, sizeof(walk));
	walk.survey = survey;
	walk.diagnosis = d;
	if (survey->pid) {
		survey_one(&walk, survey->pid);
		return 0;
	}
	proc = opendir("/proc");
	if (!proc)
		return -errno;
	while (!err && (entry = readdir(proc))) {
		uint32_t pid = (uint32_t)atol(entry->d_name);

		if (!isdigit((unsigned char)entry->d_name[0]) || pid == self)
			continue;
		survey_one(&walk, pid);
		if (survey->until && now_ns() > survey->until)
			err = -ETIME;
	}
	closedir(proc);
	return err;
}
