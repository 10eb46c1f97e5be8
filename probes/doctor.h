/* SPDX-License-Identifier: Apache-2.0 */
/* What can be traced on this machine, and what cannot and why. */
#ifndef S3SLOWER_DOCTOR_H
#define S3SLOWER_DOCTOR_H

#include "discovery.h"
#include "parsers/diagnosis.h"

/* Fills diagnosis with what this machine offers, the files that discovery has found
 * with their probe points and cost, and the processes; of one process only if
 * diagnosis->pid is set. Ends with its verdict. Needs no rights, but finds little
 * without them. 0 or -errno: -ESRCH when there is no such process. */
int doctor_examine(struct diagnosis *diagnosis, struct discovery *discovery, const char *cache_dir);

#endif
