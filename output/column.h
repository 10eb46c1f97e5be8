/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one row can show of itself, as text: the const table that the table
 * and CSV sinks print from. A cell that is unknown has no text (NULL).
 */
#ifndef S3SLOWER_COLUMN_H
#define S3SLOWER_COLUMN_H

#include <time.h>

#include "parsers/request.h"

/* The last second that was put into words; n is 0 for none. */
struct cell_second {
	time_t second;
	size_t n;
	char text[24];
};

/* Where a text that is not in the request itself is put together. All zeros to
 * begin with; one serves many rows, and remembers. */
struct cell {
	char buf[64];
	struct cell_second local, utc;
};

struct column {
	const char *heading; /* in the table; NULL: not there */
	const char *name;    /* in CSV, the key that JSON uses; NULL: not there */
	int width;	     /* in the table, at least; negative: flush left, as in printf() */
	bool wide;	     /* in the table only with --wide */
	/* field points into the request at offset. */
	const char *(*text)(const void *field, struct cell *cell);
	size_t offset;
	unsigned extra; /* EXTRA_*: there only if asked for; 0: always */
};

/* Whether an output that shows these extras has it. */
static inline bool column_is_shown(const struct column *column, unsigned extras)
{
	return !column->extra || (column->extra & extras);
}

/* The i-th column, NULL after the last. */
const struct column *column_at(size_t i);

/* row is what the column is of: a struct request, or a struct job (job_column.h). */
static inline const char *column_text(const struct column *column, const void *row,
				      struct cell *cell)
{
	return column->text((const char *)row + column->offset, cell);
}

/* "12:00:01.123", local; field: int64_t nanoseconds since 1970. */
const char *column_clock(const void *field, struct cell *cell);
/* "2026-01-31T12:00:01.123456Z"; the same field. */
const char *column_timestamp(const void *field, struct cell *cell);
/* "12.345"; field: int64_t nanoseconds, negative is unknown. */
const char *column_ms(const void *field, struct cell *cell);
/* "12.345678": every nanosecond, so that phases add up to the latency as decimals. */
const char *column_exact_ms(const void *field, struct cell *cell);
/* "12.35", megabytes a second; field: int64_t bytes a second, negative is unknown. */
const char *column_speed(const void *field, struct cell *cell);
/* "12.345678": every byte. */
const char *column_exact_speed(const void *field, struct cell *cell);
/* "12.346"; field: double, negative is unknown. */
const char *column_ratio(const void *field, struct cell *cell);
/* "404"; field: int, negative is unknown. */
const char *column_int(const void *field, struct cell *cell);
/* The same; field: uint32_t. */
const char *column_unsigned(const void *field, struct cell *cell);
/* "0.871"; field: int thousandths, negative is unknown. */
const char *column_share(const void *field, struct cell *cell);
/* A number; field: int64_t, negative is unknown. */
const char *column_size(const void *field, struct cell *cell);
/* field: const char *, NULL is unknown. */
const char *column_string(const void *field, struct cell *cell);
/* field: char[], "" is unknown. */
const char *column_word(const void *field, struct cell *cell);
/* "true" or "false"; field: bool. */
const char *column_truth(const void *field, struct cell *cell);
/* The same; field: int, negative is unknown. */
const char *column_maybe(const void *field, struct cell *cell);
/* "complete"; field: enum request_state. */
const char *column_state(const void *field, struct cell *cell);
/* "4711"; field: uint32_t, 0 is unknown. */
const char *column_pid(const void *field, struct cell *cell);
/* The id of a target, and its labels as one text; field: the pointer to it. */
const char *column_target(const void *field, struct cell *cell);
const char *column_labels(const void *field, struct cell *cell);
/* An end of the connection, "10.0.0.7"; field: struct endpoints, where a port of 0 is
 * unknown. */
const char *column_local_address(const void *field, struct cell *cell);
const char *column_peer_address(const void *field, struct cell *cell);
/* The same with its port, "10.0.0.7:443". */
const char *column_local(const void *field, struct cell *cell);
const char *column_peer(const void *field, struct cell *cell);
/* "443"; field: uint16_t, 0 is unknown. */
const char *column_port(const void *field, struct cell *cell);
/* How fast the bigger body moved (throughput.h): in the table, and exactly; field: the request. */
const char *column_throughput(const void *field, struct cell *cell);
const char *column_exact_throughput(const void *field, struct cell *cell);
/* The operation, or the method of what is none; field: the request. */
const char *column_operation(const void *field, struct cell *cell);

/* What is known of a row's process, and when: the first columns of every table, and of
 * the wide ones that come before its last. AT(field) is the field's offset in the row;
 * word shows its name. */
#define COLUMNS_OF_PROCESS(word)                                                                   \
	{"TIME", NULL, -12, false, column_clock, AT(time_ns), 0},                                  \
		{NULL, "timestamp", 0, false, column_timestamp, AT(time_ns), 0},                   \
		{"PID", "pid", -7, false, column_unsigned, AT(pid), 0},                            \
		{NULL, "tid", 0, false, column_unsigned, AT(tid), 0},                              \
		{"COMM", "comm", -15, false, word, AT(comm), 0},                                   \
		{NULL, "uid", 0, false, column_unsigned, AT(uid), 0},                              \
		{"TARGET", "target", -12, false, column_target, AT(target), EXTRA_TARGET},         \
		{NULL, "labels", 0, false, column_labels, AT(target), EXTRA_TARGET},               \
		{"UID", NULL, -6, false, column_unsigned, AT(uid), EXTRA_UID},                     \
		{"USER", "user", -8, false, column_string, AT(user), EXTRA_USER},                  \
		{"PPID", "ppid", -7, false, column_pid, AT(ppid), EXTRA_PPID},                     \
		{NULL, "exe", 0, false, column_string, AT(exe), EXTRA_EXE},                        \
		{NULL, "cmdline", 0, false, column_string, AT(cmdline), EXTRA_CMDLINE},            \
		{NULL, "cgroup", 0, false, column_string, AT(cgroup), EXTRA_CGROUP},               \
	{                                                                                          \
		NULL, "container", 0, false, column_string, AT(container), EXTRA_CONTAINER         \
	}
#define COLUMNS_OF_PROCESS_WIDE                                                                    \
	{"EXE", NULL, -24, false, column_string, AT(exe), EXTRA_EXE},                              \
		{"CMDLINE", NULL, -32, false, column_string, AT(cmdline), EXTRA_CMDLINE},          \
		{"CGROUP", NULL, -32, false, column_string, AT(cgroup), EXTRA_CGROUP},             \
	{                                                                                          \
		"CONTAINER", NULL, -64, false, column_string, AT(container), EXTRA_CONTAINER       \
	}

#endif
