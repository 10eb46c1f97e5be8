/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server says went wrong, in words for people. Servers repeat what they were
 * sent: nothing that the request said in confidence is in it.
 */
#ifndef S3SLOWER_MESSAGE_H
#define S3SLOWER_MESSAGE_H

#include "http1.h"
#include "text.h"

#define MESSAGE_MAX 2048 /* bytes, as sent */

/* Copies the text of an XML element as clean text, its entities resolved, with "***"
 * for the secrets of the request that it answers, and for what is named like one
 * ("Signature=...", "X-Amz-Security-Token: ..."). NULL for SLICE_NONE, for what is
 * longer than MESSAGE_MAX, and when nothing fits. */
const char *message_text(struct text_arena *arena, struct slice message,
			 const struct http1_request *request);

#endif
