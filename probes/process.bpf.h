/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The programs on the life of processes. */
#ifndef S3SLOWER_PROCESS_BPF_H
#define S3SLOWER_PROCESS_BPF_H

#include "thread.bpf.h"

#ifndef WITHOUT_PROGRAMS

static __always_inline void process_event(void *ctx, u32 kind, u32 tgid)
{
	struct event_process event = {};

	if (!processes.lookup(&tgid))
		return;
	event.kind = kind;
	event.tgid = tgid;
	event.time = bpf_ktime_get_ns();
	if (submit(ctx, &event, sizeof(event)))
		count(COUNT_EXITS_LOST);
}

int on_process_exit(struct raw_args *ctx)
{
	u64 id = bpf_get_current_pid_tgid();
	u32 tid = id, tgid = id >> 32;

	thread_forget(tid);
	if (tid != tgid)
		return 0;
	process_event(ctx, EVENT_EXIT, tgid);
#ifdef TREE
	tree.delete(&tgid);
#endif
	return 0;
}

int on_process_exec(struct raw_args *ctx)
{
	u64 id = bpf_get_current_pid_tgid();
	u32 tid = id, before = ctx->arg[1]; /* the thread's number: it is the process's now */

	thread_forget(tid);
	if (before != tid)
		thread_forget(before);
	process_event(ctx, EVENT_EXEC, id >> 32);
#ifdef TELL_EXECS
	u32 tgid = id >> 32;

	if (process_wanted(tgid))
#ifdef WITH_RING
		execs.ringbuf_output(&tgid, sizeof(tgid), RING_WAKE);
#else
		execs.perf_submit(ctx, &tgid, sizeof(tgid));
#endif
#endif
	return 0;
}

#ifdef TREE
/* Offsets come from the tracepoint's format file: they change between kernels. */
int on_process_fork(void *ctx)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32, child = 0, one = 1;

	if (!tree.lookup(&tgid)
#ifdef FOLLOW
	    && !process_listed(tgid)
#endif
	)
		return 0;
	read_kernel(&child, sizeof(child), (void *)((u64)ctx + FORK_CHILD_OFFSET));
	tree.update(&child, &one);
	return 0;
}
#endif

#endif

#endif
