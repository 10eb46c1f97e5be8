/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast a body moved. An upload's time runs from the first byte of the request
 * to the first one of the answer, without what it waited for 100-continue: what the
 * kernel took in is not yet with the server, and its answer is the first sign that
 * it is. A download's runs from the first to the last byte of the answer, also while
 * the program did not read.
 */
#ifndef S3SLOWER_THROUGHPUT_H
#define S3SLOWER_THROUGHPUT_H

#include "request.h"

/* Of a smaller body latency tells more than speed. */
#define THROUGHPUT_LEAST_BYTES 1048576

/* Bytes a second; -1 when no time passed, or nothing moved. */
int64_t throughput(int64_t bytes, int64_t ns);

/* The same of the bigger body of a row; -1 also for one that is not big. */
int64_t throughput_of(const struct request *row);

#endif
