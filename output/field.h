/* SPDX-License-Identifier: Apache-2.0 */
/* A key of the JSON sink: one row of a const table, as a column is. */
#ifndef S3SLOWER_FIELD_H
#define S3SLOWER_FIELD_H

#include "column.h"

enum field_kind {
	BARE,	/* numbers and truth values */
	QUOTED, /* a text of our own making: nothing to escape */
	TEXT,	/* anything else */
	LABELS, /* a target's, as an object */
};

/* What a column shows is the value. */
struct field {
	const char *name;
	struct slice before; /* what stands before the value */
	enum field_kind kind;
	const char *(*text)(const void *field, struct cell *cell);
	size_t offset;
	unsigned extra; /* EXTRA_*: there only if asked for; 0: always */
};

/* The first two of them, after what opens the object or divides it from the one before. */
#define KEY(opens, name) name, SLICE(opens "\"" name "\":")

/* The keys that every object begins with: COLUMNS_OF_PROCESS, as JSON. */
#define FIELDS_OF_PROCESS(word)                                                                    \
	{KEY("{", "timestamp"), QUOTED, column_timestamp, AT(time_ns), 0},                         \
		{KEY(",", "pid"), BARE, column_unsigned, AT(pid), 0},                              \
		{KEY(",", "tid"), BARE, column_unsigned, AT(tid), 0},                              \
		{KEY(",", "comm"), TEXT, word, AT(comm), 0},                                       \
		{KEY(",", "uid"), BARE, column_unsigned, AT(uid), 0},                              \
		{KEY(",", "target"), TEXT, column_target, AT(target), EXTRA_TARGET},               \
		{KEY(",", "labels"), LABELS, column_target, AT(target), EXTRA_TARGET},             \
		{KEY(",", "user"), TEXT, column_string, AT(user), EXTRA_USER},                     \
		{KEY(",", "ppid"), BARE, column_pid, AT(ppid), EXTRA_PPID},                        \
		{KEY(",", "exe"), TEXT, column_string, AT(exe), EXTRA_EXE},                        \
		{KEY(",", "cmdline"), TEXT, column_string, AT(cmdline), EXTRA_CMDLINE},            \
		{KEY(",", "cgroup"), TEXT, column_string, AT(cgroup), EXTRA_CGROUP},               \
	{                                                                                          \
		KEY(",", "container"), TEXT, column_string, AT(container), EXTRA_CONTAINER         \
	}

#endif
