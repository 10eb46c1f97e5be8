/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel side, opaque: load the compiled programs, attach them, hand over
 * the events, look records up. Everything attached goes away with the
 * process, however it dies: links and events are file descriptors.
 */
#ifndef S3SLOWER_TRACER_H
#define S3SLOWER_TRACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exchange.h"
#include "object.h"
#include "parsers/records.h"
#include "probe.h"
#include "steps.h"

struct tracer;

/* Creates the maps and begins to load the programs; those on functions are loaded when
 * they are attached, once for each kind of site. NULL on failure, with one
 * sentence in message. Borrows object until tracer_free(). */
struct tracer *tracer_load(const struct object *object, unsigned perf_pages, char *message,
			   size_t size);
/* Waits until the programs that are on no function are loaded: 0, or -errno with one
 * sentence in message. */
int tracer_ready(struct tracer *tracer, char *message, size_t size);
/* The verifier's own reason for the first program that it refused, at one time or another, or
 * "": size bytes of it at most. */
void tracer_reason(struct tracer *tracer, char *to, size_t size);
/* Detaches and frees everything. */
void tracer_free(struct tracer *tracer);

/* Attaches the points of one file; offsets are file offsets. path is only
 * followed now: /proc/self/fd/N of a file that is held open is as good, and
 * cannot become another file meanwhile. Returns a handle for tracer_detach(), or
 * -errno (-ENOENT: a program that was compiled out), and then nothing of it is
 * attached. Loading a program for a kind of site that is new takes some 10 ms,
 * everything else 20 us for each point. */
int tracer_attach_points(struct tracer *tracer, const char *path, const struct probe_point *points,
			 size_t n);

/* Tells how the TLS objects of a library lead to their descriptors, before the points of
 * one file that are about them are attached. */
void tracer_lay_out(struct tracer *tracer, const struct steps *steps, struct probe_point *points,
		    size_t n);

/* Gives a handle back. Returns at once: a thread waits for the kernel. */
void tracer_detach(struct tracer *tracer, int handle);

/* Attach by program name. Both return 0 or -errno; a program that was compiled
 * out is -ENOENT. */
int tracer_attach_raw(struct tracer *tracer, const char *program, const char *tracepoint);
int tracer_attach_tracepoint(struct tracer *tracer, const char *program, uint64_t id);

/* Readable when events are waiting. */
int tracer_fd(const struct tracer *tracer);

/* Hands every waiting event to take(), in no particular order across CPUs: see
 * buffer_drain(). take() has to end it, or a program that sends as fast as we read would
 * keep us here for ever. */
int tracer_drain(struct tracer *tracer, bool (*take)(void *ctx, const void *data, size_t size),
		 void *ctx);

/* The same for programs that were started (built with TELL_EXECS): data is the
 * process id, a __u32. Without that there is nothing to read, and fd is -1. */
int tracer_execs_fd(const struct tracer *tracer);
int tracer_drain_execs(struct tracer *tracer,
		       bool (*take)(void *ctx, const void *data, size_t size), void *ctx);

/* Copies the record of a connection; -ENOENT when it is gone. A record that
 * changes while it is copied is read again. */
int tracer_lookup(struct tracer *tracer, const struct exchange_key *key, struct exchange *out);
int tracer_remove(struct tracer *tracer, const struct exchange_key *key);

/* Gives the next key, false after the last. What it gave may be removed. Keys that
 * come and go meanwhile may be missed or seen twice, but the walk ends. */
bool tracer_walk(struct tracer *tracer, struct records_walk *walk, struct exchange_key *key);

/* The id of what a process has open as fd (struct socket), 0 if nobody knows. */
uint64_t tracer_socket(struct tracer *tracer, uint32_t tgid, int fd);

/* Whether the kernel tells what is sent again (COUNT_SENT_AGAIN counts it); and what
 * it told of the connection between these two ends: 0, or -ENOENT when that is
 * nothing, or long ago. */
bool tracer_sees_losses(const struct tracer *tracer);
int tracer_losses(struct tracer *tracer, const struct endpoints *ends, struct losses *out);
/* When the process last closed a TCP socket, or began to connect one; 0 never. Only
 * where nobody watches sockets (built with TLS_ONLY): else tracer_socket() knows. */
uint64_t tracer_changed(struct tracer *tracer, uint32_t tgid);

/* The rest of a long request head. Returns bytes stored, or -ENOENT. */
long tracer_more(struct tracer *tracer, const struct exchange *exchange, void *to, size_t size);

void tracer_forget_more(struct tracer *tracer, const struct exchange *exchange);

/* Sums a counter (COUNT_*) over the CPUs. */
uint64_t tracer_count(struct tracer *tracer, unsigned what);

/* Restricts tracing to a process and its children (programs built with TREE). */
int tracer_follow(struct tracer *tracer, uint32_t tgid);

#endif
