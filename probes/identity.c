/* SPDX-License-Identifier: Apache-2.0 */
#include "identity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "parsers/extra.h"
#include "parsers/targets.h"
#include "process.h"
#include "user.h"
#include "watch.h"

struct identity {
	unsigned extras;
	struct processes *processes;
	const char *(*reserved)(size_t i);
	struct watch watch;
	struct targets *targets; /* NULL: no file was given */
	struct targets *spare;	 /* the next ones are read into */
	unsigned generation;	 /* of targets; what was found in others is void */
};

static int load(struct identity *identity, char *message, size_t size)
{
	static char text[TARGETS_FILE_MAX + 1];
	const char *path = identity->watch.path;
	struct targets *loaded = identity->spare;
	long n = watch_read(&identity->watch, text, sizeof(text));
	int err;

	if (n < 0 && n != -EFBIG) {
		snprintf(message, size, "cannot read the targets file %s: %s", path,
			 n == -EINVAL ? "it is no plain file" : strerror((int)-n));
		return (int)n;
	}
	/* One byte too many is for targets_load() to refuse. */
	if (n == -EFBIG)
		n = (long)sizeof(text);
	err = targets_load(loaded, path, (struct slice){text, (size_t)n}, identity->reserved,
			   message, size);
	if (err)
		return err;
	identity->spare = identity->targets;
	identity->targets = loaded;
	identity->generation++;
	return 0;
}

struct identity *identity_new(unsigned extras, const char *path, const char *(*reserved)(size_t i),
			      char *message, size_t size)
{
	struct identity *identity = calloc(1, sizeof(*identity));

	if (!identity)
		goto no_memory;
	identity->extras = extras;
	identity->reserved = reserved;
	identity->watch.fd = -1;
	identity->processes = processes_new(extras & (EXTRA_CGROUP | EXTRA_CONTAINER));
	if (!identity->processes)
		goto no_memory;
	if (!path)
		return identity;
	identity->targets = calloc(1, sizeof(*identity->targets));
	identity->spare = calloc(1, sizeof(*identity->spare));
	if (!identity->targets || !identity->spare)
		goto no_memory;
	/* First watched, then read: no change falls between. */
	watch_open(&identity->watch, path);
	if (load(identity, message, size) == 0)
		return identity;
	identity_free(identity);
	return NULL;
no_memory:
	snprintf(message, size, "out of memory");
	identity_free(identity);
	return NULL;
}

void identity_free(struct identity *identity)
{
	if (!identity)
		return;
	watch_close(&identity->watch);
	processes_free(identity->processes);
	free(identity->targets);
	free(identity->spare);
	free(identity);
}

int identity_fd(const struct identity *identity)
{
	return identity ? identity->watch.fd : -1;
}

int identity_reload(struct identity *identity, char *message, size_t size)
{
	if (!identity || identity->watch.fd < 0 || !watch_changed(&identity->watch))
		return 0;
	return load(identity, message, size) ? -EINVAL : 0;
}

void identity_begin(struct identity *identity, uint64_t now_ns)
{
	if (identity && (identity->extras & EXTRA_PROCESS))
		processes_scan(identity->processes, now_ns);
}

void identity_exec(struct identity *identity, uint32_t pid, uint64_t now_ns)
{
	if (identity)
		processes_exec(identity->processes, pid, now_ns);
}

void identity_see(struct identity *identity, uint32_t pid, uint64_t now_ns)
{
	if (identity && (identity->extras & EXTRA_PROCESS))
		processes_get(identity->processes, pid, now_ns);
}

/* The target is found once for each process and name of a thread. */
static const struct target *find_target(const struct identity *identity,
					struct known_process *process, const char *thread)
{
	if (!process)
		return targets_match(identity->targets, thread, NULL);
	if (!thread || strlen(thread) >= sizeof(process->thread))
		return targets_match(identity->targets, thread, &process->facts);
	if (process->generation != identity->generation || strcmp(process->thread, thread) != 0) {
		process->found = targets_match(identity->targets, thread, &process->facts);
		process->generation = identity->generation;
		strcpy(process->thread, thread);
	}
	return process->found;
}

static const char *find_user(struct known_process *process, uint32_t uid)
{
	if (!process->named || process->uid != uid) {
		process->named = true;
		process->uid = uid;
		if (user_name(uid, process->user, sizeof(process->user)))
			*process->user = '\0';
	}
	return *process->user ? process->user : NULL;
}

void identity_fill(struct identity *identity, struct request *row, uint64_t now_ns)
{
	struct known_process *process;

	if (!identity)
		return;
	process = processes_get(identity->processes, row->pid, now_ns);
	if (process) {
		row->exe = process->facts.exe;
		row->cmdline = process->facts.shown;
		row->cgroup = process->facts.cgroup;
		row->container = process->facts.container;
		row->ppid = process->facts.ppid;
		if (identity->extras & EXTRA_USER)
			row->user = find_user(process, row->uid);
	}
	if (identity->targets)
		row->target = find_target(identity, process, row->comm);
}
