/* SPDX-License-Identifier: Apache-2.0 */
/* What a Host says: whether it is an S3 endpoint, and which bucket it names. */
#ifndef S3SLOWER_S3_HOST_H
#define S3SLOWER_S3_HOST_H

#include "s3.h"

enum s3_host_kind {
	S3_HOST_OBJECTS,     /* buckets and keys */
	S3_HOST_WEBSITE,     /* keys only: "/" is an index document */
	S3_HOST_DIRECTORIES, /* S3 Express: creates and lists directory buckets */
	S3_HOST_CONTROL,     /* accounts, jobs, access points: no bucket in the path */
	S3_HOST_OUTPOSTS,    /* objects, of an access point that the host names; else the same */
};

struct s3_host {
	bool known;    /* an S3 endpoint for certain: by the table, or the user says so */
	bool provider; /* by the table */
	enum s3_host_kind kind;
	struct slice bucket;   /* of a virtual-hosted request; SLICE_NONE: look in the path */
	struct slice endpoint; /* the rest, with the port */
	struct slice region;   /* as the name says it; SLICE_NONE if it does not */
	struct slice name;     /* host without the port and the root's dot */
};

/* host is "name[:port]" as sent. A name that nothing is known about is its own
 * endpoint, without a bucket. */
void s3_host_split(struct slice host, const struct s3_endpoints *endpoints, struct s3_host *out);

#endif
