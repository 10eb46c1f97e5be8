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
	struct bytes b; /* of the one that returns now */
	u64 entered;	/* of the socket call under way */
	u64 poll_entered;
	u64 polled;	 /* time spent in poll and its like, and in reads that gave nothing */
	u32 ready;	 /* EXCHANGE_READY, or 0 */
	u64 try_conn;	 /* a TLS send that has to be repeated got rid of a part already ... */
	u64 try_entered; /* ... and that is when it was first tried */
	struct hello hello;
};

/* A thread has the place that the lower bits of its number say, as long as nobody else
 * does: that costs a tenth of a look-up in a hash, which every system call of the machine
 * would pay. Who finds it taken is in the hash. */
struct place {
	u32 tid;    /* whose it is; 0: nobody's */
	u32 others; /* some that wanted it are in the hash, or were */
	struct thread thread;
};
BPF_TABLE("array", u32, struct place, places, MAX_PLACES);
BPF_TABLE("hash", u32, u32, owners, MAX_PLACES); /* of two that want a place, one is here */
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
	(void)tgid;
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

static __always_inline struct place *place_of(u32 tid)
{
	u32 at = tid & (MAX_PLACES - 1);

	return places.lookup(&at);
}

/* What is known of a thread, if anything is. */
static __always_inline struct thread *thread_find(u32 tid)
{
	struct place *p = place_of(tid);

	if (p && p->tid == tid)
		return &p->thread;
	return p && p->others ? threads.lookup(&tid) : 0;
}

/* A thread that is not known yet; 0 if there is no room. */
static __always_inline struct thread *thread_new(u32 tid)
{
	struct place *p = place_of(tid);
	u32 zero = 0, at = tid & (MAX_PLACES - 1);
	struct thread *t = blank_thread.lookup(&zero);

	if (!p || !t)
		return 0;
	if (!p->tid && !owners.insert(&at, &tid)) {
		p->thread = *t;
		p->tid = tid;
		return &p->thread;
	}
	p->others = 1;
	if (threads.update(&tid, t)) {
		count(COUNT_NO_THREAD);
		return 0;
	}
	return threads.lookup(&tid);
}

static __always_inline struct thread *thread_get(u32 tid)
{
	struct thread *t = thread_find(tid);

	return t ? t : thread_new(tid);
}

static __always_inline void thread_forget(u32 tid)
{
	struct place *p = place_of(tid);
	u32 at = tid & (MAX_PLACES - 1);

	if (p && p->tid == tid) {
		p->tid = 0;
		owners.delete(&at);
	} else if (p && p->others) {
		threads.delete(&tid);
	}
}

#endif

#endif
