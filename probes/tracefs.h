/* SPDX-License-Identifier: Apache-2.0 */
/* Facts about tracepoints that only tracefs tells. Where it is not mounted, a
 * private mount that nobody else sees serves, and goes with its descriptor. */
#ifndef S3SLOWER_TRACEFS_H
#define S3SLOWER_TRACEFS_H

#include <stdint.h>

struct tracefs_event {
	uint64_t id;
	int field_offset; /* of the field asked for, in the tracepoint's record */
};

/* event is "sched/sched_process_fork". 0 or -errno: -ENODEV when no tracefs
 * can be had, -ENOENT when there is no such event or field. */
int tracefs_event(const char *event, const char *field, struct tracefs_event *out);

#endif
