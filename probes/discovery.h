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
/* Ends the thread. What is attached stays so: that is the tracer's to end. */
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

/* Attends to what was and is mapped since it listens, in a thread: the file of a
 * stranger may take long to read, and attaching waits for the kernel. Some
 * 300 us for a file never seen before; see ready.h. 0 or -errno. */
int discovery_start(struct discovery *discovery);

/* A file that has something to probe. */
struct discovery_file {
	const char *path;   /* clean text, borrowed; in the mount namespace of whoever used it */
	unsigned libraries; /* bit i: probe_libraries[i] */
	const struct probe_point *point; /* borrowed */
	size_t n_points;
	const char *descriptor; /* where that of a connection is read from; "": nowhere; borrowed */
	int err;		/* 0: attached, or there is no tracer; -errno */
};

/* One file after another; one use of a file that carries connections by a process after
 * another. *at is 0
 * for the first. False after the last. Not after discovery_start(). */
bool discovery_next_file(const struct discovery *discovery, size_t *at, struct discovery_file *out);
bool discovery_next_user(const struct discovery *discovery, size_t *at, uint32_t *pid,
			 struct discovery_file *out);

/* A file that is left alone because a function in it is not safe to probe, one
 * after another; *at goes on where it was as more are found. path as above. False
 * when all were told. At any time. */
bool discovery_next_refused(struct discovery *discovery, size_t *at, const char **path,
			    const char **function);

struct discovery_counts {
	size_t files;	   /* probed now that carry connections */
	size_t processes;  /* that use them; as far as they are known */
	uint64_t failed;   /* files that could not be attached to, ever */
	uint64_t left_out; /* files with something to probe, but too many at once, ever */
	uint64_t detached; /* files let go of, ever */
};
/* At any time. */
void discovery_count(struct discovery *discovery, struct discovery_counts *out);

#endif
