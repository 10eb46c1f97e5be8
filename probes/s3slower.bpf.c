/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The programs: what each probe sees, said in terms of exchange.bpf.h. Every
 * function that is not static is a program, here or in a header below; WITH_* macros compile out
 * those that no chosen probe needs. WITHOUT_* macros take out one part or the other of the text, so
 * that both can be compiled at the same time (compile.h).
 */
#include "exchange.h"
#include "site.h"
#include "linked.h"
#include "kernel.bpf.h"
#include "exchange.bpf.h"
#include "hello.bpf.h"
#include "thread.bpf.h"
#include "tls.bpf.h"
#include "peer.bpf.h"
#include "syscall.bpf.h"
#include "process.bpf.h"
#include "go.bpf.h"
#include "lookup.bpf.h"

/* What the programs share: linked.h. */
#ifndef WITHOUT_LINKED

int linked_send(void *moved)
{
	return take_send(moved);
}

int linked_receive(void *moved)
{
	return take_receive(moved);
}

int linked_close(void *moved)
{
	take_close(moved);
	return 0;
}

#ifdef WITH_SOCKET
int linked_hello(void *shaking)
{
	take_hello(shaking);
	return 0;
}
#endif

int linked_tell(void *telling)
{
	take_telling(telling);
	return 0;
}

int linked_gather(void *vector)
{
	gather(vector);
	return 0;
}

int linked_frames(void *framed)
{
	take_frames(framed);
	return 0;
}

int linked_frame(void *nothing)
{
	u32 zero = 0;
	struct framebox *box = frameboxes.lookup(&zero);

	return box ? gather_frame(box) : 1;
}

#endif
