/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc says about a process, as clean text. Pure: somebody else has read
 * the files. NULL, and 0 in numbers, is "unknown".
 */
#ifndef S3SLOWER_PROCESS_H
#define S3SLOWER_PROCESS_H

#include <stdint.h>

#include "text.h"

#define PROCESS_TEXT_SIZE 12288u  /* what the texts of one process can need, at most */
#define PROCESS_CMDLINE_MAX 4096u /* bytes of a command line that are looked at */

struct process {
	uint64_t start; /* clock ticks since boot; with the pid it names a process for good */
	uint32_t ppid;
	const char *comm;
	const char *exe;     /* the program's path, without " (deleted)" */
	const char *cmdline; /* to be matched, never to be shown: secrets are in it */
	const char *shown;   /* the command line with its secrets masked */
	const char *cgroup, *container;
};

/* The files' bytes as read; SLICE_NONE for what could not be, or is not wanted. */
struct process_files {
	struct slice stat, exe, cmdline, cgroup;
};

/* Fills process; its texts are in arena (PROCESS_TEXT_SIZE). */
void process_build(struct process *process, const struct process_files *files,
		   struct text_arena *arena);

#endif
