/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes by id: each is looked up in /proc once, and remembered after it is
 * dead, as long as there is room. Nothing here blocks.
 */
#ifndef S3SLOWER_PROBES_PROCESS_H
#define S3SLOWER_PROBES_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "parsers/process.h"

#define PROCESSES_MAX 1024u

struct processes;

/* A process as remembered. What follows the facts is the caller's to use: all
 * zero when the facts are new. */
struct known_process {
	struct process facts;
	uint32_t uid; /* whose name user is; only if named */
	bool named;
	char user[64];
	unsigned generation;
	const void *found;
	char thread[64];
};

/* NULL when memory is short. With cgroups, these are read as well. */
struct processes *processes_new(bool cgroups);
void processes_free(struct processes *processes);

/* Looks at the programs that run already, as many as there is room for. */
void processes_scan(struct processes *processes, uint64_t now_ns);

/* The process has become another program, or is new: it is looked up afresh. */
void processes_exec(struct processes *processes, uint32_t pid, uint64_t now_ns);

/* The process, good until the next call; looked up unless it is known. One that
 * was gone before anybody looked has no facts. NULL when memory is short. */
struct known_process *processes_get(struct processes *processes, uint32_t pid, uint64_t now_ns);

/* Whether nothing of the process is left that could still use a connection. */
bool process_is_gone(uint32_t pid);

/* Whether that descriptor of the process is a socket; false when it is gone. */
bool process_has_socket(uint32_t pid, int fd);

#endif
