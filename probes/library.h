/* SPDX-License-Identifier: Apache-2.0 */
/* Which files to probe: the system's TLS libraries, used or not, and those
 * that running processes have mapped, each file once. */
#ifndef S3SLOWER_LIBRARY_H
#define S3SLOWER_LIBRARY_H

#include <stddef.h>
#include <sys/types.h>

#include "probe.h"

#define LIBRARY_MAX 32

struct library_file {
	const struct probe_library *library;
	char path[512]; /* as this process can open it */
	dev_t dev;
	ino_t ino;
	struct probe_point point[PROBE_POINTS_MAX];
	int n_points; /* or -errno, once resolved */
};

struct library_list {
	struct library_file file[LIBRARY_MAX];
	size_t n;
	size_t left_out; /* found, but the list was full */
};

/* Fills list with the files of one kind of library. 0 or -errno; what a
 * process does not let us see is passed over. */
int library_scan(struct library_list *list, const struct probe_library *library);

/* Finds the probe points of every file. */
void library_resolve(struct library_list *list);

#endif
