/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <stdlib.h>
#include <string.h>

#include "command_line.h"
#include "extra.h"
#include "grouping.h"
#include "kept.h"
#include "s3.h"
#include "setting.h"
#include "why.h"

static const char *const outputs[] = {"table", "json", "simple", "csv", NULL};
static const char *const summaries[] = {"text", "json", "none", NULL};
static const char *const event_buffers[] = {"auto", "ring", "perf", NULL};

#define FIELD(name) offsetof(struct settings, name)
#define DAY_MS 86400e3
#define YEAR_S 31536000.0
#define HEADING(text)                                                                              \
	{                                                                                          \
		.help = text                                                                       \
	}

const struct setting setting_table[] = {
	HEADING("What to look at:"),
	{"pid", 'p', "PID|NAME", "S3SLOWER_PID", &kind_list, FIELD(process), .doctor = true,
	 .item = setting_process, .wants = "a process id or a program's name",
	 .help = "only this process, or processes of this name"},
	{"watch", 0, "NAME", "S3SLOWER_WATCH", &kind_list, FIELD(process), .item = setting_name,
	 .wants = "a program's name",
	 .help = "only programs of this name, such as mc,warp: now and later"},
	{"follow", 0, NULL, "S3SLOWER_FOLLOW", &kind_switch, FIELD(follow),
	 .help = "with --pid or --watch: the children of these processes as well"},
	{"comm", 0, "NAME", "S3SLOWER_COMM", &kind_list, FIELD(comm), .wants = "a thread's name",
	 .help = "only threads of this name (15 bytes count)"},
	{"uid", 0, "UID", "S3SLOWER_UID", &kind_list, FIELD(uid), .item = setting_uid,
	 .wants = "a user id in digits", .help = "only processes of this user"},
	{"mode", 0, "auto|openssl|gnutls|nss|s2n|gotls|http", "S3SLOWER_MODE", &kind_modes,
	 FIELD(modes), .fallback = "auto", .doctor = true,
	 .wants = "auto, openssl, gnutls, nss, s2n, gotls or http", .help = "which calls to probe"},
	{"no-dns", 0, NULL, "S3SLOWER_NO_DNS", &kind_switch, FIELD(no_dns),
	 .help = "do not probe the C library for look-ups of names"},
	{"library", 0, "TYPE:PATH", "S3SLOWER_LIBRARY", &kind_list, FIELD(library), .doctor = true,
	 .item = setting_library,
	 .wants = "a TLS library's mode and a file, such as openssl:/opt/lib/libssl.so.3",
	 .help = "probe this file, too, such as openssl:/opt/lib/libssl.so.3"},
	{"endpoint", 0, "PATTERN", "S3SLOWER_ENDPOINT", &kind_list, FIELD(endpoint),
	 .wants = "a host such as minio.local:9000 or *.ceph.lan",
	 .help = "this host speaks S3, too"},
	{"all-http", 0, NULL, "S3SLOWER_ALL_HTTP", &kind_switch, FIELD(all_http),
	 .help = "show HTTP requests that are not S3 as well"},
	{"targets", 0, "FILE", "S3SLOWER_TARGETS", &kind_text, FIELD(targets),
	 .wants = "a file's name", .help = "names and labels for processes, from this YAML file"},

	HEADING("Which requests to show:"),
	{NULL, 0, "MIN_MS", NULL, &kind_number, FIELD(min_latency_ms), .max = DAY_MS,
	 .wants = "milliseconds", .help = "the same as --min-latency MIN_MS"},
	{"min-latency", 0, "MS", "S3SLOWER_MIN_LATENCY", &kind_number, FIELD(min_latency_ms),
	 .fallback = "0", .max = DAY_MS, .wants = "milliseconds",
	 .help = "those that took at least as long"},
	{"min-ttfb", 0, "MS", "S3SLOWER_MIN_TTFB", &kind_number, FIELD(min_ttfb_ms),
	 .fallback = "0", .max = DAY_MS, .wants = "milliseconds",
	 .help = "those whose first response byte took at least as long"},
	{"min-size", 0, "BYTES", "S3SLOWER_MIN_SIZE", &kind_bytes, FIELD(min_size), .fallback = "0",
	 .wants = "bytes such as 4096, 64k, 10M or 1GiB",
	 .help = "those with a body of at least as many bytes, either way"},
	{"max-mbps", 0, "MBPS", "S3SLOWER_MAX_MBPS", &kind_number, FIELD(max_mbps), .fallback = "0",
	 .max = 1e6, .wants = "megabytes a second",
	 .help = "those whose body, of 1 MiB or more, moved slower: megabytes (10^6 bytes, not "
		 "bits) "
		 "a second"},
	{"bucket", 0, "NAME", "S3SLOWER_BUCKET", &kind_list, FIELD(bucket),
	 .wants = "a bucket's name", .help = "on this bucket; * stands for anything"},
	{"key-prefix", 0, "PREFIX", "S3SLOWER_KEY_PREFIX", &kind_list, FIELD(key_prefix),
	 .wants = "the beginning of a key", .help = "on keys that begin so"},
	{"op", 0, "OPERATION", "S3SLOWER_OP", &kind_list, FIELD(op), .item = setting_operation,
	 .word = s3_operation_name, .wants = "an S3 operation such as PutObject",
	 .help = "of this operation, such as PutObject"},
	{"method", 0, "METHOD", "S3SLOWER_METHOD", &kind_list, FIELD(method),
	 .item = setting_method, .word = setting_method_name, .wants = "an HTTP method such as GET",
	 .help = "of this HTTP method"},
	{"status", 0, "CODE", "S3SLOWER_STATUS", &kind_list, FIELD(status), .item = setting_status,
	 .wants = "a status such as 404 or a class such as 5xx",
	 .help = "answered with this status or class, such as 404,5xx"},
	{"why", 0, "WORD", "S3SLOWER_WHY", &kind_list, FIELD(why), .item = setting_why,
	 .word = why_word, .wants = "a word of the column WHY such as server",
	 .help = "that took so long for this reason, such as server,handshake"},
	{"errors", 'x', NULL, "S3SLOWER_ERRORS", &kind_switch, FIELD(errors_only),
	 .help = "only errors: 4xx, 5xx, an error in a 200, no response"},
	{"host", 0, "HOST", "S3SLOWER_HOST", &kind_list, FIELD(host), .wants = "a host's name",
	 .help = "to this host, with or without port; * stands for anything"},
	{"only-targets", 0, NULL, "S3SLOWER_ONLY_TARGETS", &kind_switch, FIELD(only_targets),
	 .help = "of processes that --targets names"},

	HEADING("How to show them:"),
	{"json", 0, NULL, NULL, &kind_choice, FIELD(output), .words = outputs, .value = "json",
	 .doctor = true, .help = "the same as --output json"},
	{"output", 0, "table|json|simple|csv", "S3SLOWER_OUTPUT", &kind_choice, FIELD(output),
	 .fallback = "table", .words = outputs, .wants = "table, json, simple or csv",
	 .help = "format of the rows"},
	{"wide", 0, NULL, "S3SLOWER_WIDE", &kind_switch, FIELD(wide),
	 .help = "table: phases, sizes, state, client and peer as well"},
	{"calls", 0, NULL, "S3SLOWER_CALLS", &kind_switch, FIELD(calls),
	 .help = "one row for all attempts of a call, with its back-off"},
	{"jobs", 0, NULL, "S3SLOWER_JOBS", &kind_switch, FIELD(jobs),
	 .help = "one row for all parts of a multipart upload or ranged download"},
	{"pending", 0, "[SECONDS]", "S3SLOWER_PENDING", &kind_number, FIELD(pending_s),
	 .fallback = "0", .max = 86400, .wants = "seconds", .value = "2",
	 .help = "also those that hang for SECONDS (2), twice as long, and so on"},
	{"support-bundle", 0, "N", "S3SLOWER_SUPPORT_BUNDLE", &kind_count, FIELD(support_bundle),
	 .min = 1, .max = KEPT_MAX, .wants = "a whole number",
	 .help = "no rows; at the end the N slowest and the failed, for the provider's support"},
	{"fields", 0, "FIELD", "S3SLOWER_FIELDS", &kind_list, FIELD(fields), .item = setting_extra,
	 .word = extra_name,
	 .wants = "fields of uid, user, ppid, exe, cmdline, cgroup and container",
	 .help = "also uid, user, ppid, exe, cmdline, cgroup, container"},
	{"output-file", 'o', "FILE", "S3SLOWER_OUTPUT_FILE", &kind_text, FIELD(file),
	 .wants = "a file's name", .help = "write rows to FILE; - is standard output"},

	HEADING("How to sum them up, on standard error:"),
	{"summary", 0, "text|json|none", "S3SLOWER_SUMMARY", &kind_choice, FIELD(summary),
	 .fallback = "text", .words = summaries, .wants = "text, json or none",
	 .help = "tables, one JSON object a line, or only the counts of what was left out"},
	{"no-summary", 0, NULL, NULL, &kind_choice, FIELD(summary), .words = summaries,
	 .value = "none", .help = "the same as --summary none"},
	{"by", 0, "GROUPING", "S3SLOWER_BY", &kind_list, FIELD(by), .item = setting_grouping,
	 .word = grouping_name,
	 .wants = "operation, bucket, endpoint, region, peer, client, comm, pid, uid, method, "
		  "status, error, via, user, exe, container or target",
	 .help = "a line for each operation (that unless said otherwise), bucket, endpoint, "
		 "region, peer, client, comm, pid, uid, method, status, error, via, user, exe, "
		 "container, target; of several, for each combination"},
	{"interval", 0, "SECONDS", "S3SLOWER_INTERVAL", &kind_number, FIELD(interval_s), .min = 1,
	 .max = DAY_MS / 1e3, .wants = "seconds",
	 .help = "also sum up every SECONDS what came since; SIGUSR1: all so far, now"},
	{"prefix-levels", 0, "N", "S3SLOWER_PREFIX_LEVELS", &kind_count, FIELD(prefix_levels),
	 .fallback = "3", .min = 1, .max = 32, .wants = "a whole number",
	 .help = "how many directories of a key are its prefix"},

	HEADING("How long:"),
	{"count", 'n', "N", "S3SLOWER_COUNT", &kind_count, FIELD(count), .fallback = "0",
	 .max = 1e15, .wants = "a whole number", .help = "end after N rows; 0 is never"},
	{"duration", 'd', "SECONDS", "S3SLOWER_DURATION", &kind_number, FIELD(duration_s),
	 .fallback = "0", .max = YEAR_S, .wants = "seconds",
	 .help = "end after SECONDS; 0 is never"},

	HEADING("Bounds:"),
	{"max-connections", 0, "N", "S3SLOWER_MAX_CONNECTIONS", &kind_count, FIELD(max_connections),
	 .fallback = "4096", .min = 16, .max = 262144, .wants = "a whole number",
	 .help = "unfinished requests kept in the kernel, 6 KB each"},
	{"perf-pages", 0, "PAGES", "S3SLOWER_PERF_PAGES", &kind_power, FIELD(perf_pages),
	 .fallback = "512", .min = 2, .max = 16384, .wants = "a power of two",
	 .help = "size of the event buffer of each CPU, a power of two"},

	{"event-buffer", 0, "auto|ring|perf", "S3SLOWER_EVENT_BUFFER", &kind_choice,
	 FIELD(event_buffer), .fallback = "auto", .words = event_buffers,
	 .wants = "auto, ring or perf",
	 .help = "how events come: a ring buffer where the kernel has one (5.8), or perf buffers"},
	{"detach-after", 0, "SECONDS", "S3SLOWER_DETACH_AFTER", &kind_number, FIELD(detach_after_s),
	 .fallback = "60", .max = YEAR_S, .wants = "seconds",
	 .help = "let go of a library so long after its last user has gone"},
	{"cache", 0, "DIR", "S3SLOWER_CACHE", &kind_directory, FIELD(cache),
	 .fallback = "/var/cache/s3slower", .doctor = true,
	 .wants = "a directory's whole path, or none",
	 .help = "keep compiled programs here, so that starting is fast; none: do not"},

	HEADING("Instead of tracing:"),
	{"ebpf", 0, NULL, NULL, &kind_switch, FIELD(ebpf),
	 .help = "print the BPF program and its flags, and exit"},
	{"self-test", 0, NULL, NULL, &kind_switch, FIELD(self_test), .doctor = true,
	 .help = "doctor: send 23 requests through each library, and see what is seen of them"},
	{"help", 'h', NULL, NULL, &kind_switch, FIELD(help), .doctor = true,
	 .help = "print this, and exit"},
	{"version", 'V', NULL, NULL, &kind_switch, FIELD(version), .doctor = true,
	 .help = "print the version, and exit"},
	{.help = NULL},
};

_Static_assert(sizeof(setting_table) / sizeof(setting_table[0]) <= SETTING_ROWS_MAX + 1,
	       "SETTING_ROWS_MAX");

bool settings_at(size_t i, struct settings_name *out)
{
	for (const struct setting *row = setting_table; row->help; row++) {
		if (row->kind && i-- == 0) {
			*out = (struct settings_name){row->flag, row->letter, row->environment,
						      row->argument};
			return true;
		}
	}
	return false;
}

static int read_environment(struct reader *reader)
{
	for (const struct setting *row = setting_table; row->help; row++) {
		const char *value = row->environment ? getenv(row->environment) : NULL;
		if (!value || !*value)
			continue;
		reader->name = row->environment;
		int error = setting_read(reader, row, value);
		if (error)
			return error;
	}
	return 0;
}

/* attach is to processes that are there; children are those of somebody. */
static int check_processes(struct reader *reader)
{
	const struct settings *settings = reader->settings;
	size_t numbers = 0;

	for (size_t i = 0; i < settings->process.n; i++)
		numbers += setting_is_pid(settings->process.item[i]);
	if (settings->attach && !numbers)
		return setting_complain(reader, "attach needs --pid and the number of a process.");
	if (settings->follow && !settings->process.n && !settings->command)
		return setting_complain(reader, "--follow needs --pid or --watch: whose children?");
	return 0;
}

/* What is asked of requests cannot be asked of the jobs that are made of them. */
static int check_jobs(struct reader *reader)
{
	const struct settings *settings = reader->settings;
	const struct {
		bool given;
		const char *flag;
	} others[] = {{settings->calls, "--calls"},
		      {settings->pending_s > 0, "--pending"},
		      {settings->support_bundle > 0, "--support-bundle"},
		      {settings->min_ttfb_ms > 0, "--min-ttfb"},
		      {settings->status.n > 0, "--status"}};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (others[i].given)
			return setting_complain(reader,
						"--jobs and %s do not go together: a row is a "
						"job or a request.",
						others[i].flag);
	return 0;
}

/* A grouping is there once, and what it shows is known. */
static int check_groupings(struct reader *reader)
{
	const struct settings *settings = reader->settings;
	const struct settings_list *by = &settings->by;

	if (by->n > SETTINGS_BY_MAX)
		return setting_complain(reader, "--by lists too much: give %d items at most.",
					SETTINGS_BY_MAX);
	for (size_t i = 0; i < by->n; i++) {
		const struct grouping *grouping = grouping_find(by->item[i]);

		for (size_t k = 0; k < i; k++)
			if (by->item[k] == by->item[i])
				return setting_complain(reader, "--by has %s twice.", by->item[i]);
		if (!(grouping->extra & ~settings_extras(settings)))
			continue;
		if (grouping->extra == EXTRA_TARGET)
			return setting_complain(reader, "--by target needs a file of targets: add "
							"--targets FILE.");
		return setting_complain(reader,
					"--by %s needs that field to be asked for: add --fields "
					"%s.",
					by->item[i], by->item[i]);
	}
	return 0;
}

/* What doctor is asked with, and only doctor. */
static int check_doctor(struct reader *reader)
{
	const struct settings *settings = reader->settings;

	if (settings->self_test && !settings->doctor)
		return setting_complain(reader, "--self-test is a test of doctor's: write s3slower "
						"doctor --self-test.");
	if (settings->doctor && settings->command)
		return setting_complain(reader, "doctor takes no command: it does not trace.");
	return 0;
}

int settings_parse(struct settings *settings, int argc, char *const argv[], char *message,
		   size_t size)
{
	struct reader reader = {settings, "", message, size};
	int environment, error;

	memset(settings, 0, sizeof(*settings));
	for (const struct setting *row = setting_table; row->help; row++)
		if (row->fallback)
			setting_read(&reader, row, row->fallback);
	environment = read_environment(&reader);

	error = command_line_read(&reader, argc, argv);
	if (!error && (settings->help || settings->version))
		return 0; /* whatever the environment holds, help is to be had */
	if (!error && !settings->doctor && (settings->attach || settings->follow))
		error = check_processes(&reader);
	if (settings->file && strcmp(settings->file, "-") == 0)
		settings->file = NULL;
	if (error || environment)
		return error ? error : environment;
	if ((error = check_doctor(&reader)) || settings->doctor)
		return error;
	if (settings->jobs && (error = check_jobs(&reader)))
		return error;
	if (settings->only_targets && !settings->targets)
		return setting_complain(&reader, "--only-targets needs a file of targets: add "
						 "--targets FILE.");
	return check_groupings(&reader);
}

unsigned settings_extras(const struct settings *settings)
{
	unsigned extras = settings->targets ? EXTRA_TARGET : 0;

	extras |= settings->calls ? EXTRA_CALLS : 0;
	extras |= settings->pending_s > 0 ? EXTRA_PENDING : 0;
	extras |= settings->max_mbps > 0 || settings->wide ? EXTRA_THROUGHPUT : 0;
	for (size_t i = 0; i < settings->fields.n; i++)
		extras |= extra_bit(settings->fields.item[i]);
	return extras;
}

#define USAGE_COLUMN 36
#define USAGE_WIDTH 100

/* Prints text word by word; a line that is full goes on below where it began.
 * Returns the column it got to. */
static size_t usage_text(const char *text, size_t column, FILE *file)
{
	while (*text) {
		size_t n = strcspn(text, " ");
		if (column > USAGE_COLUMN && column + 1 + n > USAGE_WIDTH) {
			fprintf(file, "\n%*s", USAGE_COLUMN, "");
			column = USAGE_COLUMN;
		}
		column += (size_t)fprintf(file, "%s%.*s", column > USAGE_COLUMN ? " " : "", (int)n,
					  text);
		text += n;
		text += strspn(text, " ");
	}
	return column;
}

static void usage_row(const struct setting *row, FILE *file)
{
	char left[80], fallback[64], letter[8] = "";
	size_t column;

	if (row->letter)
		snprintf(letter, sizeof(letter), "-%c, ", row->letter);
	if (row->flag)
		snprintf(left, sizeof(left), "  %4s--%s%s%s", letter, row->flag,
			 row->argument ? " " : "", row->argument ? row->argument : "");
	else
		snprintf(left, sizeof(left), "      %s", row->argument);
	if (strlen(left) >= USAGE_COLUMN)
		fprintf(file, "%s\n%*s", left, USAGE_COLUMN, "");
	else
		fprintf(file, "%-*s", USAGE_COLUMN, left);
	column = usage_text(row->help, USAGE_COLUMN, file);
	if (row->fallback && strcmp(row->fallback, "0") != 0) {
		snprintf(fallback, sizeof(fallback), "(%s)", row->fallback);
		usage_text(fallback, column, file);
	}
	fputc('\n', file);
}

void settings_usage(FILE *file)
{
	const struct setting *example = NULL;

	fputs("Usage: s3slower [run] [options] [MIN_MS] [-- command args]\n"
	      "       s3slower doctor [--pid PID] [--self-test] [--json]\n"
	      "Shows each S3 request on this machine with its latency.\n",
	      file);
	for (const struct setting *row = setting_table; row->help; row++) {
		if (row->kind)
			usage_row(row, file);
		else
			fprintf(file, "\n%s\n", row->help);
		if (!example && row->environment && row->kind == &kind_number)
			example = row;
	}
	fputs("\nLists are separated by commas, and their flags can be repeated: any of them "
	      "fits.\n"
	      "With several filters, all must fit. A comma within a name is written \\, .\n",
	      file);
	if (example)
		fprintf(file, "Most flags have an environment variable: --%s 10 is %s=10.\n",
			example->flag, example->environment);
}
