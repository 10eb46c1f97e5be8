/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client and its server in one process, talking over 127.0.0.1 through a TLS
 * library that is loaded for this, with a clock of their own: what the self-test
 * traces. To be run in a fork. No certificates: keys are agreed on without.
 */
#ifndef S3SLOWER_REHEARSAL_H
#define S3SLOWER_REHEARSAL_H

#include <stdbool.h>
#include <stdint.h>

#define REHEARSAL_REQUESTS 23
#define REHEARSAL_CALLS 4 /* of the library in one request: both sides send and receive */

/* What is said. A request is before, a number, and after. */
struct rehearsal_text {
	const char *before, *after;
};

struct rehearsal_script {
	struct rehearsal_text request; /* the ones that are counted */
	struct rehearsal_text other;   /* those that only take their time */
	const char *answer;	       /* ends with a body, known to be whole by its length */
};

/* The libraries that are known, by index; NULL after the last. file: as dlopen()
 * takes it, NULL for plain sockets. */
const char *rehearsal_library(int i, const char **file);

/* What the child writes, first when it is set up, then when all is done. */
struct rehearsal_report {
	int32_t error; /* 0, or -errno: -ENOPKG when the library cannot be loaded */
	char problem[100];
	double request_us; /* of the others: without probes, then with */
	double latency_us[REHEARSAL_REQUESTS];
};

/* Plays library i: reports, waits for a byte from `go`, plays on, reports again. The
 * child's whole life. Returns 0 or -errno. */
int rehearsal_play(int i, const struct rehearsal_script *script, int go, int report);

#endif
