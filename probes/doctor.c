/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attempt.h"
#include "build_id.h"
#include "elf.h"
#include "machine.h"
#include "parsers/text.h"
#include "survey.h"
#include "trial.h"

#define EXAMINE_CONTENT (256u << 20)

/* What a program of ours sees pass, for people; NULL for ends and returns. */
static const char *verb(const char *program)
{
	static const struct {
		const char *program, *verb;
	} verbs[] = {
		{"tls_send_enter", "send"},
		{"tls_receive_enter", "receive"},
		{"go_send_enter", "send"},
		{"go_receive_enter", "receive"},
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].program, program) == 0)
			return verbs[i].verb;
	return NULL;
}

/* A file may have its name in another mount namespace only: that of who uses it. */
static void find_path(const struct discovery *discovery, const struct discovery_file *file,
		      char *to, size_t size)
{
	struct discovery_file used;
	size_t at = 0;
	uint32_t pid;

	snprintf(to, size, "%s", file->path);
	if (access(to, R_OK) == 0)
		return;
	while (discovery_next_user(discovery, &at, &pid, &used)) {
		if (used.point != file->point)
			continue;
		snprintf(to, size, "/proc/%u/root%s", pid, file->path);
		return;
	}
}

/* Where bytes pass: a return probe costs about as much as the entry it belongs to, Go's
 * return instructions are probed themselves, and the end of a connection is in nobody's
 * way. */
static void describe_points(struct diagnosis *d, struct diagnosis_file *f, const char *path,
			    const struct discovery_file *file, struct decoder *decoder)
{
	size_t used = 0, dear = 0, calls = 0;
	bool dear_return = false;

	f->n_points = file->n_points;
	for (size_t i = 0; i < file->n_points; i++) {
		const struct probe_point *p = &file->point[i];
		uint8_t code[16];
		long got = elf_code(path, p->offset, code, sizeof(code));
		bool cheap = decoder && got > 0 && decode_emulated(decoder, code, (size_t)got);

		f->n_emulated += cheap;
		dear_return |= p->first && !p->is_return && !cheap;
		if (!verb(p->program))
			continue;
		calls++;
		dear += !cheap;
		if (used < sizeof(f->points))
			used += (size_t)snprintf(f->points + used, sizeof(f->points) - used,
						 "%s%s +%#llx%s", used ? ", " : "",
						 verb(p->program), (unsigned long long)p->offset,
						 cheap ? "" : " (single-stepped)");
	}
	f->mixed = dear && dear < calls;
	f->cost_us = -1;
	if (calls && d->emulated_us >= 0 && d->stepped_us >= 0)
		f->cost_us = (dear ? d->stepped_us : d->emulated_us) +
			     (dear || dear_return ? d->stepped_us : d->emulated_us);
}

/* "openssl", or "openssl, gnutls" of a program that has both. */
static void name_libraries(unsigned libraries, char *to, size_t size)
{
	size_t used = 0;

	for (unsigned i = 0; probe_libraries[i].name && used < size; i++)
		if (libraries & 1U << i)
			used += (size_t)snprintf(to + used, size - used, "%s%s", used ? ", " : "",
						 probe_libraries[i].name);
}

static void add_user(struct diagnosis *d, uint32_t pid, size_t file)
{
	d->file[file].users++;
	if (d->n_users == DIAGNOSIS_USERS_MAX) {
		d->file[file].left_out++;
		return;
	}
	d->user[d->n_users].pid = pid;
	d->user[d->n_users].file = (uint16_t)file;
	survey_comm(pid, d->user[d->n_users].comm, sizeof(d->user[0].comm));
	d->n_users++;
}

static void put_path(struct diagnosis_file *f, const char *path)
{
	char *whole = realpath(path, NULL);
	const char *text = whole ? whole : path;

	text_clean(&(struct text_arena){f->path, sizeof(f->path), 0, false},
		   (struct slice){text, strlen(text)});
	free(whole);
}

/* Those that nothing was probed of, for good reason. */
static void describe_refused(struct diagnosis *d, struct discovery *discovery)
{
	const char *path, *function;
	size_t at = 0;

	while (d->n_files < DIAGNOSIS_FILES_MAX &&
	       discovery_next_refused(discovery, &at, &path, &function)) {
		struct diagnosis_file *f = &d->file[d->n_files++];

		put_path(f, path);
		name_libraries(probe_search(path, ~0u), f->library, sizeof(f->library));
		snprintf(f->refused, sizeof(f->refused), "%s", function);
		build_id_read(path, f->build_id, sizeof(f->build_id), &f->symbols);
		f->cost_us = -1;
	}
}

static void describe_files(struct diagnosis *d, struct discovery *discovery)
{
	const struct probe_point *points[DIAGNOSIS_FILES_MAX] = {NULL};
	struct decoder *decoder = decoder_new();
	struct discovery_file file;
	char path[600];
	uint32_t pid;
	size_t at = 0;

	while (d->n_files < DIAGNOSIS_FILES_MAX && discovery_next_file(discovery, &at, &file)) {
		struct diagnosis_file *f = &d->file[d->n_files];

		points[d->n_files++] = file.point;
		put_path(f, file.path);
		name_libraries(file.libraries, f->library, sizeof(f->library));
		f->error = file.err;
		snprintf(f->descriptor, sizeof(f->descriptor), "%s", file.descriptor);
		find_path(discovery, &file, path, sizeof(path));
		build_id_read(path, f->build_id, sizeof(f->build_id), &f->symbols);
		describe_points(d, f, path, &file, decoder);
	}
	decoder_free(decoder);
	at = 0;
	while (discovery_next_user(discovery, &at, &pid, &file))
		for (size_t i = 0; i < d->n_files && (!d->pid || d->pid == pid); i++)
			if (points[i] == file.point)
				add_user(d, pid, i);
	describe_refused(d, discovery);
}

static void decide(struct diagnosis *d, int err)
{
	const struct finding *lacking = NULL;

	for (size_t i = 0; i < d->n_findings && !lacking; i++)
		if (d->finding[i].needed && d->finding[i].state == FINDING_NO)
			lacking = &d->finding[i];
	d->works = !lacking && !err;
	if (!lacking)
		snprintf(d->verdict, sizeof(d->verdict), "Tracing works on this machine.");
	else if (strcmp(lacking->name, "rights") == 0)
		snprintf(d->verdict, sizeof(d->verdict),
			 "Tracing does not work, because rights are missing (%.120s): run as root.",
			 lacking->detail);
	else
		snprintf(d->verdict, sizeof(d->verdict),
			 "Tracing does not work, because this machine does not offer %s (%.150s).",
			 lacking->name,
			 lacking->detail[0] ? lacking->detail : strerror(-lacking->error));
}

int doctor_examine(struct diagnosis *d, struct discovery *discovery, const char *cache_dir)
{
	struct survey survey = {.pid = d->pid, .content_max = EXAMINE_CONTENT};
	int err, first;

	if (d->pid && kill((pid_t)d->pid, 0) && errno == ESRCH)
		return -ESRCH;
	survey.connections = connections_new();
	if (!survey.connections)
		return -ENOMEM;
	first = machine_facts(d, cache_dir);
	err = attempt_all(d);
	d->emulated_us = d->stepped_us = -1;
	if (!err)
		trial_cost(&d->emulated_us, &d->stepped_us);
	describe_files(d, discovery);
	survey_unseen(&survey, d);
	connections_free(survey.connections);
	decide(d, first ? first : err);
	return 0;
}
