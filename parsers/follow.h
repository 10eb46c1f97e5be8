/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows exchanges from the first event to the row. A snapshot of a connection's
 * record arrives when the response begins; most are whole by then. The few that
 * are not are looked up again until they are, and what ends early is told by the
 * kernel side (a connection that moves on) or found out here (a process that dies).
 * What was seen of a connection before its first request is that one's.
 *
 * Where records are kept, and what is done with rows, is the caller's.
 */
#ifndef S3SLOWER_FOLLOW_H
#define S3SLOWER_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "records.h"
#include "request.h"

struct follow;

/* Who asked. Rows are good during the call. */
struct follower {
	void *ctx;
	/* A request has ended. */
	void (*ended)(void *ctx, struct request *row);
	/* One is under way; pending says that it is time to show it (follow_look()). */
	void (*open)(void *ctx, struct request *row, bool pending);
	/* A process sent something, and: nothing more will come from it. */
	void (*seen)(void *ctx, uint32_t tgid, uint64_t time);
	void (*gone)(void *ctx, uint32_t tgid);
	/* Called where a turn takes its time: others may be waiting. */
	void (*meanwhile)(void *ctx);
	/* Whether nothing of a process is left that could still use a connection, and
	 * whether a descriptor is a socket. */
	bool (*is_gone)(uint32_t tgid);
	bool (*is_socket)(uint32_t tgid, int fd);
	const bool *stop; /* no more rows are wanted */
};

/* All but records->tracer is borrowed. The caller owns it; NULL when memory is short. */
struct follow *follow_new(const struct records *records, const struct follower *follower,
			  const struct request_context *context);
void follow_free(struct follow *follow);

/* One drain of the buffers: follow_begin(), follow_take() for every event (ctx is
 * the struct follow; as tracer_drain() has it), and follow_events() handles them.
 * Times here and below are monotonic, in ns. */
void follow_begin(struct follow *follow, uint64_t now);
bool follow_take(void *ctx, const void *data, size_t size);
void follow_events(struct follow *follow);

/* Looks the unfinished ones up: has the rest of the response come? */
void follow_up(struct follow *follow);

/* Ends what belonged to processes that are gone; to all that were said to be ending. */
void follow_bury(struct follow *follow, bool all);

/* Shows every request that is under way to the follower. Those that have become as
 * old as first_ns since the look before, or twice, four times that, are pending;
 * 0: none is. */
void follow_look(struct follow *follow, uint64_t now, uint64_t first_ns);

/* Tracing stops while some are under way: their end was not seen. */
void follow_end(struct follow *follow, uint64_t now);

/* When the kernel side lost word of a process that ended, the dead are looked for. */
void follow_find_dead(struct follow *follow, uint64_t now);

/* Snapshots that were lost; and, after follow_end(), requests that were pushed out
 * by newer ones, here and in the kernel. */
uint64_t follow_lost(const struct follow *follow);
uint64_t follow_evicted(const struct follow *follow);

/* Connections that speak HTTP/2 and cannot be followed: joined in the middle, say. */
uint64_t follow_opaque(const struct follow *follow);

#endif
