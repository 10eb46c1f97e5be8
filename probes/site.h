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

/* layer: LAYER_* of exchange.h; tells: below; conn, buf and out: where the
 * connection, the buffer and the address of the count are, as SITE_ARG*, or as
 * the index of another register in struct pt_regs. */
#define SITE(layer, tells, conn, buf, out)                                                         \
	((__u64)(layer) | (__u64)(tells) << 8 | (__u64)(conn) << 16 | (__u64)(buf) << 24 |         \
	 (__u64)(out) << 32)
#define SITE_LAYER(site) ((__u32)((site)&0xff))
#define SITE_TELLS(site) ((__u32)((site) >> 8 & 0xff))
#define SITE_CONN(site) ((__u32)((site) >> 16 & 0xff))
#define SITE_BUF(site) ((__u32)((site) >> 24 & 0xff))
#define SITE_OUT(site) ((__u32)((site) >> 32 & 0xff))

/* How a function tells its result. */
#define TELLS_RETURN 1 /* returns the count; 0 is the end of the stream, less an error */
#define TELLS_STORED 2 /* stores the count and returns 1; 0 is anything else */
#define TELLS_INNER 3  /* stores the count and returns 1; 0 and less as TELLS_RETURN */

/* The C calling convention's arguments, as indexes in struct pt_regs. */
#if defined(__TARGET_ARCH_arm64) || defined(__aarch64__)
#define SITE_ARG1 0
#define SITE_ARG2 1
#define SITE_ARG3 2
#define SITE_ARG4 3
#else
#define SITE_ARG1 14 /* rdi */
#define SITE_ARG2 13 /* rsi */
#define SITE_ARG3 12 /* rdx */
#define SITE_ARG4 11 /* rcx */
#endif

#endif
