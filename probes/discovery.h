/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files are probed. The system's libraries, used or not; what any process
 * has mapped; and from then on what any process maps, as it happens. A file is
 * recognised by what it contains, not by its name: a TLS library, or a program
 * or a bundle with one linked into it. Each is examined once and attached to
 * once, for all processes; when nobody has used it for long it is let go.
 */
#ifndef S3SLOWER_DISCOVERY_H
#define S3SLOWER_DISCOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe.h"
#include "tracer.h"

struct discovery;

/* wanted: bit i is probe_libraries[i]. tracer may be NULL, then files are only
 * found; it is borrowed, and has to live longer. A file of no system library is
 * detached unused_s seconds after its last user is gone. NULL: out of memory. */
struct discovery *discovery_new(struct tracer *tracer, unsigned wanted, double unused_s);
/* What is attached stays so: that is the tracer's to end. */
void discovery_free(struct discovery *discovery);

/* Adds a file by hand, for good. 0 or -errno: -ENOENT when the file has none of
 * the library's functions, -ENOEXEC when it is no program or library of this
 * machine, or what the kernel says when it is opened or attached to. */
int discovery_add(struct discovery *discovery, const struct probe_library *library,
		  const char *path);

/* Looks at a program that is about to run, by its name as a shell takes it. */
void discovery_see_program(struct discovery *discovery, const char *name);

/* Begins to listen to what is mapped. 0, or -errno when this machine does not
 * tell us: then a scan is all there is. */
int discovery_listen(struct discovery *discovery);

/* Looks at the system's libraries, and at all processes. */
void discovery_scan(struct discovery *discovery);

/* Readable when something was mapped, -1 when nobody listens. */
int discovery_fd(const struct discovery *discovery);

/* Attaches to what was mapped since: some 100 us for a file never seen before,
 * 10 ms more for each new kind of function. */
void discovery_drain(struct discovery *discovery);

/* To be called now and then: lets go of what is not used any more. now in
 * nanoseconds of CLOCK_MONOTONIC. */
void discovery_expire(struct discovery *discovery, uint64_t now);

/* A file that has something to probe. */
struct discovery_file {
	const char *path;   /* clean text, borrowed; in the mount namespace of whoever used it */
	unsigned libraries; /* bit i: probe_libraries[i] */
	const struct probe_point *point; /* borrowed */
	size_t n_points;
	int err; /* 0: attached, or there is no tracer; -errno */
};

/* One file after another, one use of a file by a process after another. *at is 0
 * for the first. False after the last. */
bool discovery_next_file(const struct discovery *discovery, size_t *at, struct discovery_file *out);
bool discovery_next_user(const struct discovery *discovery, size_t *at, uint32_t *pid,
			 struct discovery_file *out);

/* A file that is left alone because a function in it is not safe to probe, one
 * after another; *at goes on where it was as more are found. path as above. False
 * when all were told. */
bool discovery_next_refused(const struct discovery *discovery, size_t *at, const char **path,
			    const char **function);

struct discovery_counts {
	size_t files;	   /* probed now */
	size_t processes;  /* that use them; as far as they are known */
	uint64_t failed;   /* files that could not be attached to, ever */
	uint64_t left_out; /* files with something to probe, but too many at once, ever */
	uint64_t detached; /* files let go of, ever */
};
void discovery_count(const struct discovery *discovery, struct discovery_counts *out);

#endif
