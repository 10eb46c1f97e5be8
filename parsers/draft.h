/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML documents against a schema. A mapping is read into its draft: a struct of
 * node pointers, one for each key that it may have, NULL for those that are not
 * there. What is wrong is said in one plain sentence that names file and line.
 */
#ifndef S3SLOWER_DRAFT_H
#define S3SLOWER_DRAFT_H

#include <yaml.h>

#include "slice.h"

/* A document being read, and where complaints about it go. */
struct draft {
	yaml_document_t document;
	const char *name; /* the file, as messages call it */
	char *message;
	size_t size;
};

struct draft_key {
	const char *name;
	size_t offset; /* in the draft; two names of one thing have the same */
};

struct draft_schema {
	const char *what; /* begins a sentence: "a target" */
	/* The i-th key, NULL after the last. */
	const struct draft_key *(*key)(size_t i);
	const char *(*name)(size_t i);
};

/* Parses the first document of a text. 0; -EINVAL or -ENOMEM and a message. After
 * 0 it has to be closed. */
int draft_open(struct draft *draft, struct slice text);
void draft_close(struct draft *draft);

/* Reads a mapping into to, which is all NULL. 0, or -EINVAL and a message. */
int draft_read(struct draft *draft, const yaml_node_t *node, const struct draft_schema *schema,
	       void *to);

/* The bytes of a scalar; SLICE_NONE for anything else, and for NULL. */
struct slice draft_scalar(const yaml_node_t *node);

yaml_node_t *draft_node(struct draft *draft, int index);
size_t draft_line(const yaml_node_t *node);

/* Writes "FILE, line N: ..." without control characters, and returns -EINVAL. */
int draft_complain(struct draft *draft, size_t line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
