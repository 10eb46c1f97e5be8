/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of a row that are shown only when somebody asks for them. */
#ifndef S3SLOWER_EXTRA_H
#define S3SLOWER_EXTRA_H

#include <stddef.h>

#define EXTRA_UID 0x01u
#define EXTRA_USER 0x02u
#define EXTRA_PPID 0x04u
#define EXTRA_EXE 0x08u
#define EXTRA_CMDLINE 0x10u
#define EXTRA_CGROUP 0x20u
#define EXTRA_CONTAINER 0x40u
/* asked for by flags of their own, not by name */
#define EXTRA_TARGET 0x80u	/* --targets */
#define EXTRA_CALLS 0x100u	/* --calls */
#define EXTRA_PENDING 0x200u	/* --pending */
#define EXTRA_THROUGHPUT 0x400u /* --max-mbps, --wide */

/* What an identity has to know; the rest is the request's. */
#define EXTRA_WHOSE 0xffu

/* What is read from /proc for them. */
#define EXTRA_PROCESS                                                                              \
	(EXTRA_PPID | EXTRA_EXE | EXTRA_CMDLINE | EXTRA_CGROUP | EXTRA_CONTAINER | EXTRA_TARGET)

/* The i-th name that --fields takes, NULL after the last. */
const char *extra_name(size_t i);

/* The EXTRA_* of a name, case aside; 0 if it is none. */
unsigned extra_bit(const char *name);

#endif
