/* SPDX-License-Identifier: Apache-2.0 */
/* The door for what the kernel side sends: sizes are checked here once, and
 * trusted afterwards. */
#ifndef S3SLOWER_EVENT_H
#define S3SLOWER_EVENT_H

#include <stddef.h>

#include "probes/exchange.h"

struct event {
	__u32 kind;		  /* EVENT_* */
	__u64 time;		  /* when it was sent; of EVENT_MORE: when the exchange began */
	__u32 tgid;		  /* not of EVENT_MORE */
	struct exchange exchange; /* EVENT_EXCHANGE; of EVENT_FRAMES, EXCHANGE_FIXED bytes of it */
	struct event_frames frames; /* EVENT_FRAMES only */
	const void *told;	    /* its bytes, where they were; of EVENT_MORE, too */
	__u64 more_id;		    /* EVENT_MORE only: the exchange's, and how many bytes */
	__u32 more_n;
	struct event_lookup lookup; /* EVENT_LOOKUP only */
};

/* When it was sent, as in struct event. 0, or -EBADMSG for what is too short to tell. */
int event_time(const void *data, size_t size, __u64 *time);

/* When what it tells was over, which is before it was sent for an answer whose end was
 * only noticed when the connection moved on; sent is what event_time() says. */
__u64 event_over(const void *data, size_t size, __u64 sent);

/* Checks and copies - all but what is told, which stays the caller's. 0, or -EBADMSG for
 * what no program of ours can have sent. */
int event_decode(const void *data, size_t size, struct event *out);

/* The same checks for a record that was looked up. */
int event_check(const struct exchange *exchange);

#endif
