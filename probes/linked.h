/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that several programs call. libbcc knows programs and what is inlined
 * into them, nothing between; so a program calls such a function as if it were a
 * helper of the kernel with one of these numbers, and the tracer puts the function
 * behind the program's code and turns the call into one to there.
 */
#ifndef S3SLOWER_LINKED_H
#define S3SLOWER_LINKED_H

#define LINKED_FIRST 0x53330001
#define LINKED_SEND 0x53330001
#define LINKED_RECEIVE 0x53330002
#define LINKED_CLOSE 0x53330003
#define LINKED_GATHER 0x53330004
#define LINKED_FRAMES 0x53330005
#define LINKED_FRAME 0x53330006
#define LINKED_HELLO 0x53330007
#define LINKED_TELL 0x53330008

/* Their names, in this order. */
#define LINKED_NAMES                                                                               \
	{                                                                                          \
		"linked_send", "linked_receive", "linked_close", "linked_gather", "linked_frames", \
			"linked_frame", "linked_hello", "linked_tell"                              \
	}

/* The address of such a function is a constant with its number below this; it is for the
 * helper bpf_loop() of kernels from 5.17 on, which calls it again and again. On others
 * the call is one to nothing. */
#define LINKED_ADDRESS 0x43414c4cULL
#define LINKED_REPEAT 181

#endif
