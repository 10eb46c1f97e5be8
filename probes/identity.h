/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who sent a row: its process's facts, and the target that these fit. Puts
 * together the processes that are known and the targets file.
 */
#ifndef S3SLOWER_IDENTITY_H
#define S3SLOWER_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#include "parsers/request.h"

struct identity;

/* extras: EXTRA_* of what is to be known. path is the targets file, NULL: none.
 * reserved(i) is the i-th name that no label may have. NULL on failure, with one
 * sentence in message that names the file, and the line if it is about one. */
struct identity *identity_new(unsigned extras, const char *path, const char *(*reserved)(size_t i),
			      char *message, size_t size);
void identity_free(struct identity *identity);

/* The rest takes NULL, too, for an identity that nobody asked for. */

/* Readable when the targets file may have changed; -1: never. */
int identity_fd(const struct identity *identity);

/* Reads a changed file again. 0; or -EINVAL with one sentence, the targets stay
 * as they were, and it is not said again until the file changes again. */
int identity_reload(struct identity *identity, char *message, size_t size);

/* Looks at what runs already: to be called when new programs are told, once. */
void identity_begin(struct identity *identity, uint64_t now_ns);

/* A process became another program. */
void identity_exec(struct identity *identity, uint32_t pid, uint64_t now_ns);

/* Something of a process was seen: it is looked up while it lives. */
void identity_see(struct identity *identity, uint32_t pid, uint64_t now_ns);

/* Fills user, exe, cmdline, cgroup, container, ppid and target, which are good
 * until the next call of any function here. */
void identity_fill(struct identity *identity, struct request *row, uint64_t now_ns);

#endif
