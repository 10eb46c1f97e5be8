/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row of the table in settings.c, and the kinds of values that a row can
 * have. Not for other rooms: they see settings.h.
 */
#ifndef S3SLOWER_SETTING_H
#define S3SLOWER_SETTING_H

#include "settings.h"

/* What a value is read on behalf of: where it goes, and whom to blame. */
struct reader {
	struct settings *settings;
	const char *name; /* as the user wrote it: "--uid", "S3SLOWER_UID" */
	char *message;
	size_t size;
};

struct kind;

/* A row without a kind is a heading of the usage text, one without a flag is
 * the positional argument. */
struct setting {
	const char *flag;
	char letter;
	const char *argument; /* NULL: a switch */
	const char *environment;
	const struct kind *kind;
	size_t offset; /* of the field in struct settings */
	const char *fallback;
	double min, max;
	/* Lists: an item as it is to be kept, or NULL when it makes no sense. */
	const char *(*item)(char *text);
	/* Choices: what it can be. */
	const char *const *words;
	/* What it can be, for "did you mean". */
	const char *(*word)(size_t i);
	const char *wants; /* completes "--uid needs ..." */
	/* What a switch stands for, "yes" when NULL; with an argument, what it is when
	 * there is none: a number may then follow or not. */
	const char *value;
	bool doctor; /* doctor takes it, too */
	const char *help;
};

struct kind {
	size_t size; /* of the field */
	/* Reads text into field: 0, or -EINVAL and a message. */
	int (*read)(struct reader *reader, const struct setting *setting, const char *text,
		    void *field);
};

/* The table; the row after the last has no help. */
#define SETTING_ROWS_MAX 64
extern const struct setting setting_table[];

extern const struct kind kind_number, kind_count, kind_power, kind_bytes, kind_switch, kind_text,
	kind_directory, kind_choice, kind_modes, kind_list;

/* Items of lists. */
const char *setting_process(char *item);
const char *setting_name(char *item);
const char *setting_library(char *item);
const char *setting_uid(char *item);
const char *setting_operation(char *item);
const char *setting_method(char *item);
const char *setting_status(char *item);
const char *setting_why(char *item);
const char *setting_method_name(size_t i);
const char *setting_extra(char *item);
const char *setting_grouping(char *item);

static inline void *setting_field(const struct setting *setting, struct settings *settings)
{
	return (char *)settings + setting->offset;
}

int setting_read(struct reader *reader, const struct setting *setting, const char *text);

/* Writes the message and returns -EINVAL. */
int setting_complain(struct reader *reader, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
