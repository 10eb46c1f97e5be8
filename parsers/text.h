/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door through which bytes of a traced process become text. Whatever went
 * in, what comes out is valid UTF-8 without control characters, bounded, and
 * without secrets.
 */
#ifndef S3SLOWER_TEXT_H
#define S3SLOWER_TEXT_H

#include "slice.h"

/* A bump allocator over a caller's buffer; text_* functions never write past
 * it and set truncated instead. */
struct text_arena {
	char *buf;
	size_t size, used;
	bool truncated;
};

/* Copies s as clean text, NUL-terminated. Control characters (C0, DEL, C1),
 * Unicode line/paragraph separators and bidirectional overrides, and bytes
 * that are not valid UTF-8 become \xNN (one escape per byte), a backslash
 * itself becomes "\\". NULL for SLICE_NONE, and when nothing fits. */
const char *text_clean(struct text_arena *arena, struct slice s);

/* The same after percent-decoding (%41 -> A); a malformed escape stays as is.
 * '+' stays '+': in a path it is a plus. Of a signed URL whose '?' was encoded, the
 * values of secret parameters are masked as below. */
const char *text_decoded(struct text_arena *arena, struct slice s);

/* path and query joined for display, with the value of every secret query
 * parameter (X-Amz-Signature, X-Amz-Security-Token, Signature, ...; any case,
 * also percent-encoded names, and in the path) replaced by "***". query may be SLICE_NONE. */
const char *text_target(struct text_arena *arena, struct slice path, struct slice query);

/* Whether a header's value must never be shown (Authorization, Cookie,
 * x-amz-security-token, SSE-C keys ...). */
bool text_secret_header(struct slice name);

/* The same of a parameter's value, by its percent-encoded name. */
bool text_secret_name(struct slice name);

/* Whether a value carries a secret of its own: a whole signed URL handed on as
 * a parameter has its "&X-Amz-Signature=" in it, encoded once more. */
bool text_carries_secret(struct slice value);

#endif
