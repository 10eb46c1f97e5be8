/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The way from a TLS object to the descriptor of its connection, through the
 * library's structures: what layout.c finds out about a file, and the kernel
 * side walks. Compiled by libbcc and by the host compiler.
 */
#ifndef S3SLOWER_STEPS_H
#define S3SLOWER_STEPS_H

#include <linux/types.h>

#define STEPS_MAX 18
#define LAYOUTS_MAX 128 /* numbered from 1 on; 0: there is none */

/* 8 bytes are read at an offset of the object in hand, and taken & mask: */
struct step {
	__u32 offset;
	__u32 what;
	__u64 mask;
	__u64 value;
};

#define STEP_FOLLOW 0x01u     /* it is the next object */
#define STEP_IS 0x02u	      /* it has to be this value ... */
#define STEP_IS_NOT 0x04u     /* ... or anything else */
#define STEP_DESCRIPTOR 0x08u /* it is the descriptor, if it is less than value */
#define STEP_KIND(what) ((what)&0xff)
#define STEP_FROM_MARK 0x100u /* of the object that was marked; the TLS object is, first */
#define STEP_MARK 0x200u      /* the next object is marked */
#define STEP_OR 0x400u	      /* where it holds, what is tried instead is passed over */

struct steps {
	__u32 off; /* was wrong once: it is not believed any more */
	__u32 unused;
	struct step step[STEPS_MAX];
};

#endif
