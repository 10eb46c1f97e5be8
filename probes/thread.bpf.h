/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What is known of a thread between the entry of a call and its return, and whose calls
 * are wanted. */
#ifndef S3SLOWER_THREAD_BPF_H
#define S3SLOWER_THREAD_BPF_H

#include "hello.bpf.h"

#ifndef WITHOUT_PROGRAMS

/* A TLS call under way. "send" and "receive" can nest in one another (Node.js). */
struct tls_call {
	u64 conn; /* 0: none */
	u64 buf;
	u64 out;  /* user address of the count, or how many pieces a vector has */
	u64 from; /* how much of a vector was sent before */
	u64 entered;
	u64 sp;	    /* stack pointer at entry: a call that was left by longjmp is recognised */
	u64 moved;  /* ciphertext that the system calls inside sent, or received */
	s32 fd;	    /* their descriptor; FD_NONE, FD_SEVERAL */
	u16 layer;  /* whose object conn is */
	u16 tells;  /* how the function tells its result */
	u16 depth;  /* nested calls of the same direction */
	u16 ended;  /* a read inside met the end of the connection: ENDED_* */
	u32 layout; /* of the object */
};

#define FD_NONE (-1)
#define FD_SEVERAL (-2)

#define ENDED_EOF 1
#define ENDED_ERROR 2

#define TLS_SEND 0
#define TLS_RECEIVE 1

struct thread {
	struct tls_call tls[2];
	u64 entered; /* of the socket call under way */
	u64 poll_entered;
	u64 polled;	 /* time spent in poll and its like, and in reads that gave nothing */
	u64 try_conn;	 /* a TLS send that has to be repeated got rid of a part already ... */
	u64 try_entered; /* ... and that is when it was first tried */
	struct hello hello;
};

BPF_TABLE("hash", u32, struct thread, threads, MAX_THREADS);
BPF_TABLE("percpu_array", u32, struct thread, blank_thread, 1);
#ifdef TREE
BPF_TABLE("lru_hash", u32, u32, tree, 16384);
#endif

#ifdef TELL_EXECS
/* Every new program, at once: it may be gone before its first request is read. */
EVENT_BUFFER(execs);
#endif

/* Whether this process is one of those that were asked for: a name is its
 * thread's. */
static __always_inline int process_listed(u32 tgid)
{
#ifdef PROCESS_FILTER
	u64 comm[2] = {0, 0};

	bpf_get_current_comm(&comm, sizeof(comm));
	return PROCESS_FILTER(tgid, comm[0], comm[1]);
#else
	return 1;
#endif
}

/* Whether it is a child of one of them, when those are wanted, too. */
static __always_inline int process_wanted(u32 tgid)
{
#ifdef COMM_FILTER
	u64 comm[2] = {0, 0};
#endif

#ifdef FOLLOW
	if (!tree.lookup(&tgid) && !process_listed(tgid))
		return 0;
#else
#ifdef TREE
	if (!tree.lookup(&tgid))
		return 0;
#endif
	if (!process_listed(tgid))
		return 0;
#endif
#ifdef COMM_FILTER
	bpf_get_current_comm(&comm, sizeof(comm));
	if (!COMM_FILTER(comm[0], comm[1]))
		return 0;
#endif
	return 1;
}

static __always_inline struct thread *thread_get(u32 tid)
{
	struct thread *t = threads.lookup(&tid);
	u32 zero = 0;

	if (t)
		return t;
	t = blank_thread.lookup(&zero);
	if (!t)
		return 0;
	if (threads.update(&tid, t)) {
		count(COUNT_NO_THREAD);
		return 0;
	}
	return threads.lookup(&tid);
}

#endif

#endif
