/* SPDX-License-Identifier: Apache-2.0 */
/* One line of /proc/PID/maps: what of which file is mapped where. */
#ifndef S3SLOWER_MAPS_H
#define S3SLOWER_MAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

struct maps_mapping {
	uint64_t start, end; /* addresses, end exclusive */
	uint32_t major, minor;
	uint64_t inode; /* 0: no file */
	bool executable;
	bool deleted;	   /* the file has lost this name */
	struct slice path; /* in the process's mount namespace, without " (deleted)" */
};

/* Reads a line, with or without its end. The format is that of proc(5); path
 * points into line and is as the kernel wrote it (a newline in a name is \012).
 * 0, or -EBADMSG when it is no such line. */
int maps_line(struct slice line, struct maps_mapping *out);

#endif
