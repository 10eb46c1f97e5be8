/* SPDX-License-Identifier: Apache-2.0 */
/* Processes whose TLS cannot be seen, among those that are connected to somewhere. */
#ifndef S3SLOWER_SURVEY_H
#define S3SLOWER_SURVEY_H

#include "connection.h"
#include "parsers/diagnosis.h"

struct survey {
	struct connections *connections;
	uint32_t pid; /* only this one, connected or not; 0: all */
	/* Connected to one of these ports; n_ports 0: to any. */
	const uint16_t *ports;
	size_t n_ports;
	size_t content_max; /* bytes of a program to look through */
	uint64_t until;	    /* CLOCK_THREAD_CPUTIME_ID, ns: when to stop; 0: when done */
};

/* Appends to diagnosis->unseen; the users of probed files, as diagnosis->user has
 * them, are left out unless what they have mapped says otherwise. Returns 0, -ETIME
 * when it stopped early, or -errno. */
int survey_unseen(const struct survey *survey, struct diagnosis *diagnosis);

/* The name of a process's first thread as clean text; "" when it is gone. */
void survey_comm(uint32_t pid, char *to, size_t size);

#endif
