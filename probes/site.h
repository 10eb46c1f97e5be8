/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program has to know of the function that its probe sits on: whose
 * connections it moves bytes of, where its arguments are, how it tells its
 * result. All of it is one 64-bit number, which the tracer writes into the
 * program's code when it loads it, in place of SITE_UNKNOWN. So one compiled
 * program serves every library on every kernel, and the verifier drops what a
 * library does not need. Compiled by libbcc and by the host compiler.
 */
#ifndef S3SLOWER_SITE_H
#define S3SLOWER_SITE_H

/* "S3SLOWR!": what the compiler leaves where the number belongs. */
#define SITE_UNKNOWN 0x2152574f4c533353ULL

/* layer: LAYER_* of exchange.h; tells and takes: below; conn, buf, out and
 * extra: where the connection, the buffer, the address of the count and what
 * `takes` says are, as SITE_ARG*, as the index of another register in struct
 * pt_regs, or as SITE_STACK(). */
#define SITE(layer, tells, takes, conn, buf, out, extra)                                           \
	((__u64)(layer) | (__u64)(tells) << 8 | (__u64)(conn) << 16 | (__u64)(buf) << 24 |         \
	 (__u64)(out) << 32 | (__u64)(takes) << 40 | (__u64)(extra) << 48)
#define SITE_LAYER(site) ((__u32)((site)&0xff))
#define SITE_TELLS(site) ((__u32)((site) >> 8 & 0xff))
#define SITE_CONN(site) ((__u32)((site) >> 16 & 0xff))
#define SITE_BUF(site) ((__u32)((site) >> 24 & 0xff))
#define SITE_OUT(site) ((__u32)((site) >> 32 & 0xff))
#define SITE_TAKES(site) ((__u32)((site) >> 40 & 0xff))
#define SITE_EXTRA(site) ((__u32)((site) >> 48 & 0xff))
/* Set by the tracer for the programs that watch sends: see tracer.c. */
#define SITE_SEND (1ULL << 56)
#define SITE_SENDS(site) ((site)&SITE_SEND)
/* The number of the layout of its objects (steps.h), for those that see a send begin. */
#define SITE_WITH_LAYOUT(layout) ((__u64)(layout) << 57)
#define SITE_LAYOUT(site) ((__u32)((site) >> 57))

/* As much of it as a program at the function's return asks for; the call's entry
 * notes the rest, and one program serves nearly all functions. */
#define SITE_AT_RETURN(site)                                                                       \
	((__u64)(SITE_TELLS(site) >= TELLS_FLUSH ? SITE_TELLS(site) : 0) << 8 |                    \
	 (__u64)(SITE_TAKES(site) >= TAKES_VECTOR ? SITE_TAKES(site) : 0) << 40)

/* How a function tells its result. */
#define TELLS_RETURN 1	 /* returns the count; 0 is the end of the stream, less an error */
#define TELLS_STORED 2	 /* stores the count and returns 1; 0 is anything else */
#define TELLS_INNER 3	 /* stores the count and returns 1; 0 and less as TELLS_RETURN */
#define TELLS_FLUSH 4	 /* sends on what earlier calls were given: it counted there */
#define TELLS_UNSEEN 5	 /* sends from a file: returns the count, and there is no buffer */
#define TELLS_GO 6	 /* returns count and error in registers; out: how many bytes it takes */
#define TELLS_GO_KEPT 7	 /* the same, and its arguments are then at SITE_STACK(1) and (2) */
#define TELLS_GO_STACK 8 /* takes and returns all on the stack */
#define TELLS_ANEW 9	 /* its object is ready for a new connection */
#define TELLS_ONE 10	 /* a handshake: 1 is success, and objects tell ANEW before it */
#define TELLS_ZERO 11	 /* a handshake: 0 is success */

/* What a function takes, beside the connection. */
#define TAKES_BUFFER 0	    /* one buffer */
#define TAKES_FLAGS 1	    /* one buffer; extra: flags as of recv(), a peek is no read */
#define TAKES_TYPE 2	    /* one buffer; extra: the TLS record's type, only one is data */
#define TAKES_VECTOR 3	    /* buf: struct iovec, out: how many of them */
#define TAKES_VECTOR_FROM 4 /* the same; extra: how many bytes of them were sent before */

#define TYPE_DATA 0x17 /* application data: RFC 8446, section 5.1 */

/* The C calling convention's arguments, as indexes in struct pt_regs. */
#if defined(__TARGET_ARCH_arm64) || defined(__aarch64__)
#define SITE_ARG1 0
#define SITE_ARG2 1
#define SITE_ARG3 2
#define SITE_ARG4 3
#define SITE_ARG5 4
#define SITE_GO_ARG1 0
#define SITE_GO_ARG2 1
#define SITE_GO_ARG3 2
#else
#define SITE_ARG1 14	/* rdi */
#define SITE_ARG2 13	/* rsi */
#define SITE_ARG3 12	/* rdx */
#define SITE_ARG4 11	/* rcx */
#define SITE_ARG5 9	/* r8 */
#define SITE_GO_ARG1 10 /* rax */
#define SITE_GO_ARG2 5	/* rbx */
#define SITE_GO_ARG3 11 /* rcx */
#endif

/* The n-th word above the stack pointer. */
#define SITE_STACK(n) (0x80 | (n))
#define SITE_IS_STACK(slot) ((slot)&0x80)
#define SITE_STACK_WORD(slot) ((slot)&0x7f)

#endif
