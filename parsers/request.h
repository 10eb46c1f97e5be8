/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request as the user sees it: the row that filters judge and sinks print.
 * Everything in it is clean text and plain numbers; strings point into the
 * row's own arena or to static storage. NULL, and -1 in numbers, is "unknown".
 */
#ifndef S3SLOWER_REQUEST_H
#define S3SLOWER_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "part.h"
#include "probes/exchange.h"
#include "s3.h"

struct target;

enum request_state {
	REQUEST_OPEN,	 /* more of the response is to come: not a row yet */
	REQUEST_PENDING, /* the same, shown all the same (pending.h) */
	REQUEST_COMPLETE,
	REQUEST_PARTIAL,     /* answered, but its end was not seen */
	REQUEST_NO_RESPONSE, /* the connection ended without an answer */
	REQUEST_NOT_HTTP,    /* the head is not an HTTP/1.x request: no row */
};

struct request {
	enum request_state state;
	int64_t time_ns; /* wall clock (since 1970) of t_start */
	uint32_t pid, tid, uid;
	int fd;		       /* -1 unknown */
	uint64_t socket;       /* what fd was then: struct socket's id, 0 unknown */
	struct endpoints ends; /* a port of 0: that end is unknown */
	int64_t connection_id; /* -1 unknown */
	int number;	       /* of the requests on this connection, from 1; -1 unknown */
	int reused;	       /* whether it had one before: 1 or 0; -1 unknown */
	int64_t idle_ns;       /* since the answer before; -1 none, or unknown */
	/* Of the connection's first request, before it; -1 of the others, or unknown. */
	int64_t dns_ns, connect_ns, tls_ns;
	int resumed; /* whether its TLS session was an earlier one: 1 or 0; -1 likewise */
	const char *comm;
	const char *http_version; /* "1.0", "1.1", "2"; NULL unknown */
	int64_t stream_id;	  /* of HTTP/2; -1: another */
	const char *via;	  /* "openssl", "gnutls", "nss", "s2n", "gotls", "http" */
	bool is_s3;
	const char *method;
	const char *operation;	   /* SDK name; NULL for what is not S3 */
	const char *log_operation; /* Amazon's access log's name */
	const char *bucket, *key, *endpoint, *region;
	const char *path; /* clean, secrets masked, with query */
	const char *client_type, *client_version;
	const char *error_code, *error_message; /* of the body */
	const char *request_id, *host_id;
	int status;	/* -1: none was read */
	bool is_error;	/* status >= 400, an error inside a 200, or no response */
	bool truncated; /* part of the head or a text was beyond our buffers */
	int64_t request_size, response_size; /* body bytes, -1 unknown */
	/* Which attempt of a call (sdk.h); -1 and NULL: the client does not say. */
	int attempt, max_attempts;
	const char *invocation_id;
	uint64_t likeness; /* the same for requests that ask for the same */
	/* Of the job it belongs to (jobs.h). */
	struct part part;
	const char *upload_id;
	/* Of the call it belongs to (calls.h). */
	int64_t backoff_ns;	 /* since the attempt before, or of the whole call; -1 unknown */
	const char *waiting_for; /* of an open one: "send", "continue", "response", "body" */
	int attempts;		 /* seen so far */
	char first_error[64];	 /* "503 SlowDown"; "" none */
	/* Of the process; unknown unless somebody asks (extra.h). Borrowed. */
	const char *user, *exe, *cmdline, *cgroup, *container;
	uint32_t ppid;		     /* 0 unknown */
	const struct target *target; /* NULL: none fits */
	int64_t latency_ns;
	int64_t ttfb_ns;					/* -1 when no response */
	int64_t send_ns, expect_ns, wait_ns, recv_ns, stall_ns; /* sum to latency_ns */
	int64_t expect_timeout_ns; /* of expect_ns: until the program gave waiting up */
	int unsent; /* it ended, unanswered, before all of it was handed over: 1 or 0; -1 unknown */
	/* Packets of it that were sent again, and how long nothing got through before that
	 * (losses.h); -1 unknown. */
	int retransmits;
	int64_t retransmit_ns;
	/* Of a call: attempts that were throttled, and the back-off behind them. */
	bool is_call; /* it stands for all attempts (calls.h) */
	int64_t throttled_ns;
	int64_t before_ns; /* set-up before the first of several */
	/* Judged by why.h; NULL and -1 before. */
	const char *why;
	int64_t why_ns, felt_ns;
	int why_share; /* thousandths */
	size_t text_used;
	char text[24576];
};

/* What the builder knows beyond the record. */
struct request_context {
	int64_t wall_minus_mono_ns; /* added to a monotonic time gives wall time */
	struct s3_endpoints endpoints;
};

/* Builds up to max rows from a snapshot: one, or more when the program
 * pipelined requests in it. more is the rest of its head (EXCHANGE_MORE).
 * final says that nothing more will come; without it an unfinished exchange
 * gives a single row in state REQUEST_OPEN. Returns the number of rows. */
int request_build(const struct exchange *exchange, struct slice more,
		  const struct request_context *context, bool final, struct request *rows, int max);

const char *request_state_name(enum request_state state); /* "complete" ... */

#endif
