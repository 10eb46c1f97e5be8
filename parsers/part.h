/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which piece of a bigger job a request is: a part of a multipart upload, what ends
 * that, or a range of an object that is fetched piece by piece. Pure.
 */
#ifndef S3SLOWER_PART_H
#define S3SLOWER_PART_H

#include "s3.h"

enum part_role {
	PART_NONE,
	PART_UPLOADED,
	PART_COPIED, /* on the server: its bytes do not pass here */
	PART_DOWNLOADED,
	PART_COMPLETES, /* no part: ends the upload */
	PART_ABORTS,
};

struct part {
	enum part_role role;
	int number;	     /* partNumber; -1 none */
	int64_t first, last; /* bytes of the object, both included; -1 unknown */
	int64_t object_size; /* -1 unknown */
	uint64_t job; /* the same for all requests of one job; of a download, in one process */
};

/* Fills out from a request that s3_classify() has seen; response may be NULL, also
 * while there is none. A GetObject is a part when its answer is (206), or, without
 * a good answer, when it asked for one. Returns the upload id, as sent, or
 * SLICE_NONE. */
struct slice part_parse(const struct http1_request *request, const struct http1_response *response,
			const struct s3_request *s3, struct part *out);

#endif
