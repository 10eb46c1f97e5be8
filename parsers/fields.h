/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of an HTTP/2 message, written as the HTTP/1.1 head that a gateway would
 * make of them (RFC 9113, section 8.3): what a request means has one definition, and
 * it reads such heads. What cannot stand in one is left out, as that section says.
 */
#ifndef S3SLOWER_FIELDS_H
#define S3SLOWER_FIELDS_H

#include "slice.h"

struct fields;

/* An empty message. The caller owns it; NULL when memory is short. */
struct fields *fields_new(void);
void fields_free(struct fields *fields);

/* The next field of the block. Both slices are copied. */
void fields_add(struct fields *fields, struct slice name, struct slice value);

/* 100-599, 0 if it has none: then it is no answer. */
int fields_status(const struct fields *fields);

/* The head, at most size bytes of it. has_body: data follows, of whatever length.
 * Returns its whole length, which may be more; a head without method or path has none
 * (0). Fields for which size has no room are left out before the head is cut. */
size_t fields_request(const struct fields *fields, bool has_body, char *to, size_t size);
size_t fields_response(const struct fields *fields, char *to, size_t size);

#endif
