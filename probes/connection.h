/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that were there before the tracer: both ends of a socket, from
 * what /proc tells about a process and its network namespace. It tells how
 * things are now: whether the descriptor still is what it was is the caller's
 * to know (struct socket's id), and what it found out is kept by that id.
 */
#ifndef S3SLOWER_CONNECTION_H
#define S3SLOWER_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exchange.h"

struct connections;

/* The caller owns it; NULL when memory is short. */
struct connections *connections_new(void);
void connections_free(struct connections *connections);

/* What connections_keep() was told about a socket. 0 (a port of 0 is then an end
 * that cannot be known), or -ENOENT. */
int connections_recall(const struct connections *connections, uint64_t socket,
		       struct endpoints *ends);
void connections_keep(struct connections *connections, uint64_t socket,
		      const struct endpoints *ends);

/* Asks /proc. Reading a namespace's table takes a while where there are many
 * connections, so a table serves again, and at most a tenth of the time goes by
 * in reading them. 0; -ENOENT when it is no TCP socket or is gone; -EAGAIN when it
 * is too early to look again. */
int connections_find(struct connections *connections, uint32_t tgid, int fd,
		     struct endpoints *ends);

/* Whether the process has a TCP connection to one of n ports; to any, if n is 0.
 * Reads the table of its namespace if that is not the one read last. */
bool connections_lead_to(struct connections *connections, uint32_t tgid, const uint16_t *ports,
			 size_t n);

#endif
