/* SPDX-License-Identifier: Apache-2.0 */
/* What to probe in a Go program: crypto/tls.(*Conn).Write, Read and Close. */
#ifndef S3SLOWER_GOTLS_H
#define S3SLOWER_GOTLS_H

#include "probe.h"

/* The points of one program; there are no return probes among them. As
 * probe_resolve(), and -EBADMSG also for a program whose Write or Read cannot be
 * decoded whole: *refused is then its name. */
int gotls_resolve(const struct probe_library *library, const char *path, struct decoder *decoder,
		  struct probe_point *out, size_t max, const char **refused);

#endif
