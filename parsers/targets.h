/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The targets file: which processes are whose, and what to call them.
 *
 *   targets:
 *     - id: backup-job
 *       match:                          any of them fits
 *         - {type: comm, value: restic}
 *         - {type: exe_basename, value: python3.11}
 *         - {type: cmdline_substring, value: nightly}
 *       labels: {team: storage}
 *
 * YAML, read by libyaml; nothing else here allocates. Everything is bounded, and
 * a target's texts are clean.
 */
#ifndef S3SLOWER_TARGETS_H
#define S3SLOWER_TARGETS_H

#include "process.h"

#define TARGETS_MAX 128u
#define TARGETS_RULES_MAX 512u	/* of all targets together */
#define TARGETS_FILE_MAX 65536u /* bytes of the file */
#define TARGETS_TEXT_SIZE 98304u
#define TARGET_LABELS_MAX 16u
#define TARGET_ID_MAX 64u     /* bytes, as those below */
#define TARGET_VALUE_MAX 256u /* of what is to be matched */
#define LABEL_NAME_MAX 64u
#define LABEL_VALUE_MAX 128u

struct label {
	const char *name, *value;
};

struct target {
	const char *id;
	struct label label[TARGET_LABELS_MAX];
	size_t n_labels;
	const char *labels; /* as one text: "team=storage;tier=batch"; NULL: none */
	size_t first_rule, n_rules;
};

/* A way to match, by the name that the file uses. */
struct target_type {
	const char *name;
	bool (*fits)(const char *value, const char *thread, const struct process *process);
	size_t max; /* bytes of the value that count */
};

struct target_rule {
	const struct target_type *type;
	const char *value;
};

struct targets {
	struct target target[TARGETS_MAX];
	size_t n;
	struct target_rule rule[TARGETS_RULES_MAX];
	size_t n_rules;
	char text[TARGETS_TEXT_SIZE];
};

/* Reads a whole file. name is what messages call it. reserved(i) is the i-th
 * name that no label may have, NULL after the last; reserved itself may be NULL.
 * 0; -EINVAL with one plain sentence in message that names file, line and key;
 * or -ENOMEM, with a sentence as well. On failure targets is unusable. file may
 * be freed afterwards. */
int targets_load(struct targets *targets, const char *name, struct slice file,
		 const char *(*reserved)(size_t i), char *message, size_t size);

/* The first target that fits, or NULL; it belongs to targets. thread is the name
 * of the thread that sent the request, as the row has it; a rule on comm fits it
 * or the process's own. Both can be NULL. */
const struct target *targets_match(const struct targets *targets, const char *thread,
				   const struct process *process);

/* The i-th way to match, NULL after the last. */
const struct target_type *target_type_at(size_t i);

#endif
