/* SPDX-License-Identifier: Apache-2.0 */
#include "diagnosis.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

static const char *const state_words[] = {
	[FINDING_FACT] = "", [FINDING_YES] = "yes", [FINDING_NO] = "no"};

static const char *why(const struct finding *f)
{
	return f->state == FINDING_NO && f->error ? strerror(-f->error) : "";
}

static void print_findings(const struct diagnosis *d, FILE *file)
{
	fputs("This machine\n", file);
	for (size_t i = 0; i < d->n_findings; i++) {
		const struct finding *f = &d->finding[i];
		const char *error = f->detail[0] && f->needed ? "" : why(f);

		fprintf(file, "  %-24s %-4s", f->name, state_words[f->state]);
		if (f->detail[0])
			fprintf(file, " %s", f->detail);
		if (error[0])
			fprintf(file, "%s%s", f->detail[0] ? ": " : " ", error);
		if (f->use)
			fprintf(file, "  [%s%s]", f->needed ? "needed: " : "", f->use);
		putc('\n', file);
	}
	if (d->emulated_us >= 0 && d->stepped_us >= 0)
		fprintf(file,
			"  %-24s %-4s %.2f us where the kernel emulates the instruction, %.1f us "
			"where it steps it\n",
			"cost of a probe", "", d->emulated_us, d->stepped_us);
}

static void print_users(const struct diagnosis *d, size_t file_index, FILE *file)
{
	const struct diagnosis_file *f = &d->file[file_index];

	fprintf(file, "    used by %u process%s", f->users, f->users == 1 ? "" : "es");
	for (size_t i = 0, n = 0; i < d->n_users; i++)
		if (d->user[i].file == file_index)
			fprintf(file, "%s%s %u", n++ ? ", " : ": ", d->user[i].comm,
				d->user[i].pid);
	fprintf(file, "%s\n", f->left_out ? " ..." : "");
}

static void print_files(const struct diagnosis *d, FILE *file)
{
	fputs("\nLibraries\n", file);
	for (size_t i = 0; i < d->n_files; i++) {
		const struct diagnosis_file *f = &d->file[i];

		if (d->pid && !f->users && !f->refused[0])
			continue;
		fprintf(file, "  %s (%s)\n    build id %s, %s\n", f->path, f->library,
			f->build_id[0] ? f->build_id : "none",
			f->symbols ? "with all symbols" : "with exported symbols only");
		if (f->refused[0])
			fprintf(file,
				"    cannot be probed: its function %s cannot be decoded whole\n",
				f->refused);
		else if (f->error || !f->n_points)
			fprintf(file, "    cannot be probed: %s\n",
				f->error == -ENOENT || !f->error ? "none of its functions is there"
								 : strerror(-f->error));
		else
			fprintf(file, "    probed at %s", f->points);
		if (f->cost_us >= 0)
			fprintf(file, ": %s %.1f us a call", f->mixed ? "up to" : "about",
				f->cost_us);
		if (f->n_points)
			fprintf(file, "\n    descriptors %s%s\n",
				f->descriptor[0] ? "read from its objects, "
						 : "not known from its objects",
				f->descriptor);
		print_users(d, i, file);
	}
	if (!d->n_files)
		fputs("  none\n", file);
}

static void print_unseen(const struct diagnosis *d, FILE *file)
{
	fputs("\nProcesses with TLS that cannot be seen\n", file);
	for (size_t i = 0; i < d->n_unseen; i++)
		fprintf(file, "  %s %u (%s): %s\n", d->unseen[i].comm, d->unseen[i].pid,
			d->unseen[i].kind, d->unseen[i].reason);
	if (!d->n_unseen)
		fputs("  none\n", file);
}

static void print_tests(const struct diagnosis *d, FILE *file)
{
	if (d->n_tests)
		fputs("\nSelf-test\n", file);
	for (size_t i = 0; i < d->n_tests; i++) {
		const struct diagnosis_test *t = &d->test[i];

		fprintf(file, "  %s (%s): ", t->library, t->name);
		if (t->tried)
			fprintf(file, "%d of %d requests seen", t->seen, t->sent);
		if (t->seen)
			fprintf(file,
				"; the client's clock says %.1f us more (median; %.1f at most)",
				t->error_us, t->error_max_us);
		if (t->probed_us > t->plain_us)
			fprintf(file,
				"; %.1f us a request without probes, %.1f with: %.2f us a call",
				t->plain_us, t->probed_us, (t->probed_us - t->plain_us) / t->calls);
		else if (t->probed_us > 0)
			fprintf(file, "; %.1f us a request, with probes or without", t->plain_us);
		fprintf(file, "%s%s\n", t->tried && t->problem[0] ? "; " : "", t->problem);
	}
}

int diagnosis_print(const struct diagnosis *d, FILE *file)
{
	print_findings(d, file);
	print_files(d, file);
	print_unseen(d, file);
	print_tests(d, file);
	fprintf(file, "\n%s\n", d->verdict);
	return fflush(file) || ferror(file) ? -EIO : 0;
}

/* A number that is unknown when it is negative. */
static json_t *known(double number)
{
	return number < 0 ? json_null() : json_real(number);
}

static json_t *findings(const struct diagnosis *d)
{
	json_t *list = json_array();

	for (size_t i = 0; i < d->n_findings; i++) {
		const struct finding *f = &d->finding[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:s?, s:b, s:o, s:s, s:s}", "name", f->name,
						"use", f->use, "needed", f->needed, "available",
						f->state == FINDING_FACT
							? json_null()
							: json_boolean(f->state == FINDING_YES),
						"detail", f->detail, "error", why(f)));
	}
	return list;
}

static json_t *files(const struct diagnosis *d)
{
	json_t *list = json_array();

	for (size_t i = 0; i < d->n_files; i++) {
		const struct diagnosis_file *f = &d->file[i];
		json_t *users = json_array();

		for (size_t k = 0; k < d->n_users; k++)
			if (d->user[k].file == i)
				json_array_append_new(users, json_pack("{s:i, s:s}", "pid",
								       (int)d->user[k].pid, "comm",
								       d->user[k].comm));
		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:s?, s:b, s:i, s:i, s:s, s:s?, s:s?, s:o, s:o}",
				  "library", f->library, "path", f->path, "build_id",
				  f->build_id[0] ? f->build_id : NULL, "symbols", f->symbols,
				  "probes", (int)f->n_points, "emulated", (int)f->n_emulated,
				  "points", f->points, "refused", f->refused[0] ? f->refused : NULL,
				  "descriptors", f->descriptor[0] ? f->descriptor : NULL,
				  "us_per_call", known(f->cost_us), "processes", users));
	}
	return list;
}

static json_t *unseen(const struct diagnosis *d)
{
	json_t *list = json_array();

	for (size_t i = 0; i < d->n_unseen; i++)
		json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:s}", "pid",
						      (int)d->unseen[i].pid, "comm",
						      d->unseen[i].comm, "kind", d->unseen[i].kind,
						      "reason", d->unseen[i].reason));
	return list;
}

static json_t *tests(const struct diagnosis *d)
{
	json_t *list = json_array();

	for (size_t i = 0; i < d->n_tests; i++) {
		const struct diagnosis_test *t = &d->test[i];

		json_array_append_new(
			list, json_pack("{s:s, s:s, s:b, s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:i}",
					"library", t->library, "file", t->name, "tried", t->tried,
					"problem", t->problem, "sent", t->sent, "seen", t->seen,
					"clock_error_us", t->error_us, "clock_error_max_us",
					t->error_max_us, "us_per_request", t->plain_us,
					"us_per_request_probed", t->probed_us, "calls_per_request",
					t->calls));
	}
	return list;
}

int diagnosis_json(const struct diagnosis *d, FILE *file)
{
	json_t *all = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:s}", "machine", findings(d),
				"probe_us_emulated", known(d->emulated_us), "probe_us_stepped",
				known(d->stepped_us), "libraries", files(d), "unseen", unseen(d),
				"self_test", tests(d), "works", d->works, "verdict", d->verdict);
	int err;

	if (!all)
		return -ENOMEM;
	err = json_dumpf(all, file, JSON_COMPACT | JSON_REAL_PRECISION(6));
	json_decref(all);
	putc('\n', file);
	return err || fflush(file) || ferror(file) ? -EIO : 0;
}

static const char *plural(size_t n, const char *one, const char *many)
{
	return n == 1 ? one : many;
}

#define NAMED_MAX 8

void diagnosis_coverage(const struct diagnosis *d, bool partial, FILE *file)
{
	fprintf(file, "probing %zu %s in %zu %s", d->probed_files,
		plural(d->probed_files, "library", "libraries"), d->probed_processes,
		plural(d->probed_processes, "process", "processes"));
	if (d->n_unseen)
		fprintf(file, "; %s%zu cannot be seen", partial ? "at least " : "", d->n_unseen);
	else if (partial)
		fputs("; not all that cannot be seen were looked for: see s3slower doctor", file);
	for (size_t i = 0; i < d->n_unseen && i < NAMED_MAX; i++)
		fprintf(file, "%s%s %u (%s)", i ? ", " : ": ", d->unseen[i].comm, d->unseen[i].pid,
			d->unseen[i].kind);
	fprintf(file, "%s\n", d->n_unseen > NAMED_MAX ? " ..." : "");
}
