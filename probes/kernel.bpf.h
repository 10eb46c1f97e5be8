/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What the BPF text asks of the kernel: helpers, registers, system call
 * numbers - and the macros that specialise it. Every macro has a default that
 * means "everything", so the text is valid C before anybody specialises it.
 */
#ifndef S3SLOWER_KERNEL_BPF_H
#define S3SLOWER_KERNEL_BPF_H

#ifndef MAX_EXCHANGES
#define MAX_EXCHANGES 4096
#endif
#ifndef MAX_PLACES
#define MAX_PLACES 16384 /* of threads, a power of two ... */
#endif
#ifndef MAX_THREADS
#define MAX_THREADS 8192 /* ... and room for those whose place was taken */
#endif
#ifndef MAX_CLIENTS
#define MAX_CLIENTS 16384 /* processes with connections, a power of two */
#endif
#ifndef MAX_MORE
#define MAX_MORE 128
#endif
#ifndef RING_LATE
#define RING_LATE 1 /* bytes that a CPU tells before it wakes the ring's reader */
#endif
#ifndef MIN_LATENCY_NS
#define MIN_LATENCY_NS 0ULL
#endif
#ifndef MIN_TTFB_NS
#define MIN_TTFB_NS 0ULL
#endif
#ifndef UID_FILTER
#define UID_FILTER(uid) 1
#endif
#ifndef METHOD_FILTER
#define METHOD_FILTER(first8) 1
#endif
#ifndef STATUS_FILTER
#define STATUS_FILTER(status) 1
#else
#define STATUS_FILTERED
#endif

#ifndef HOST_BUILD
/*
 * Helpers by number. libbcc reads /proc/kallsyms again for every
 * bpf_probe_read_user() it finds in a text; through pointers of our own the
 * same programs compile four times as fast. Numbers: linux/bpf.h (UAPI).
 */
static long (*read_user)(void *to, u32 size, const void *from) = (void *)112;
static long (*read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static long (*read_user_text)(void *to, u32 size, const void *from) = (void *)114;
#endif

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* Keeps the compiler from dropping a bound that the verifier needs. */
#define KEEP(x) asm volatile("" : "+r"(x))
/* What was stored in a map is loaded from there again: of memory the verifier knows
 * nothing, so that the ways that led here are one way from here on. */
#define FORGET() asm volatile("" : : : "memory")

/* Unrolled loops cost the compiler most of its time, and gain nothing here. */
#define LOOP _Pragma("clang loop unroll(disable)")

/* The context of a raw tracepoint. */
struct raw_args {
	u64 arg[4];
};

#if defined(__TARGET_ARCH_arm64) || defined(__aarch64__)
#define SYSCALL_NR_OFFSET __builtin_offsetof(struct pt_regs, syscallno)
#define REGS_ARG0(r) ((r)->orig_x0)
#define REGS_ARG1(r) ((r)->regs[1])
#define REGS_ARG2(r) ((r)->regs[2])
#define REGS_ARG3(r) ((r)->regs[3])
#define REGS_SP(r) ((r)->sp)
#define REGS_NATIVE(r) (((r)->pstate & 0x10) == 0)
#define REGS_GO_RESULT(r) ((r)->regs[0]) /* cmd/compile/abi-internal.md */
#define REGS_GO_ERROR(r) ((r)->regs[2])	 /* the value; its type is before it */
#define REGS_GO_ROUTINE(r) ((r)->regs[28])
#define SYS_close 57
#define SYS_read 63
#define SYS_write 64
#define SYS_readv 65
#define SYS_writev 66
#define SYS_sendfile 71
#define SYS_splice 76
#define SYS_connect 203
#define SYS_sendto 206
#define SYS_recvfrom 207
#define SYS_sendmsg 211
#define SYS_recvmsg 212
#define SYS_epoll_pwait 22
#define SYS_pselect6 72
#define SYS_ppoll 73
#define SYS_dup3 24
#else
#define SYSCALL_NR_OFFSET __builtin_offsetof(struct pt_regs, orig_ax)
#define REGS_ARG0(r) ((r)->di)
#define REGS_ARG1(r) ((r)->si)
#define REGS_ARG2(r) ((r)->dx)
#define REGS_ARG3(r) ((r)->r10)
#define REGS_SP(r) ((r)->sp)
#define REGS_NATIVE(r) ((r)->cs == 0x33) /* not a 32-bit system call: other numbers */
#define REGS_GO_RESULT(r) ((r)->ax)	 /* cmd/compile/abi-internal.md */
#define REGS_GO_ERROR(r) ((r)->cx)	 /* the value; its type is before it */
#define REGS_GO_ROUTINE(r) ((r)->r14)
#define SYS_read 0
#define SYS_write 1
#define SYS_close 3
#define SYS_poll 7
#define SYS_readv 19
#define SYS_writev 20
#define SYS_select 23
#define SYS_dup2 33
#define SYS_sendfile 40
#define SYS_connect 42
#define SYS_sendto 44
#define SYS_recvfrom 45
#define SYS_sendmsg 46
#define SYS_recvmsg 47
#define SYS_epoll_wait 232
#define SYS_pselect6 270
#define SYS_ppoll 271
#define SYS_splice 275
#define SYS_epoll_pwait 281
#define SYS_dup3 292
#endif
#define SYS_close_range 436
#define SYS_epoll_pwait2 441

#define RING_WAKE_NOT 1 /* BPF_RB_NO_WAKEUP, BPF_RB_FORCE_WAKEUP */
#define RING_WAKE 2
#define MSG_PEEK_FLAG 0x2
#define MSG_ASIDE_FLAGS 0x2003 /* MSG_OOB, MSG_PEEK, MSG_ERRQUEUE */
#define FAMILY_INET 2
#define FAMILY_INET6 10
#define STATE_ESTABLISHED 1
#define STATE_SYN_SENT 2
#define STATE_CLOSE_WAIT 8
#define SOCK_IPV6 56	    /* of struct sock_common: skc_v6_daddr, skc_v6_rcv_saddr */
#define PACKET_ACKED 80	    /* of struct sk_buff: cb's tx.delivered_mstamp, microseconds */
#define CRLFCRLF 0x0a0d0a0d /* as a little-endian u32 */

#endif
