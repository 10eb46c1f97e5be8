/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The record that the kernel side writes and user space reads: one HTTP
 * exchange on one connection. This file is compiled three times - by libbcc
 * into BPF, by the host compiler, and into the fuzzed host build of the BPF
 * logic - so it uses fixed-width types only and asserts its own layout.
 *
 * "sent" and "received" are always the traced program's: what it handed to a
 * write or got from a read. Times are CLOCK_MONOTONIC nanoseconds, 0 is "has
 * not happened".
 */
#ifndef S3SLOWER_EXCHANGE_H
#define S3SLOWER_EXCHANGE_H

#ifdef __KERNEL__
#include <uapi/linux/ptrace.h>
#include <linux/types.h>
#else
#include <linux/types.h>
#endif

#define EXCHANGE_REQ_CAP 2048u	 /* first bytes of the request, kept in the record */
#define EXCHANGE_RESP_CAP 2048u	 /* first bytes of the current response head and body */
#define EXCHANGE_MORE_CAP 16384u /* request head bytes beyond REQ_CAP, in the side map */
#define EXCHANGE_TAIL_CAP 64u	 /* last bytes received: where a chunked body ends */
#define EXCHANGE_COMM_CAP 16u

/* HTTP/2 (RFC 9113): the first bytes of a client, the head of each frame, and how much
 * of a DATA frame's payload is told: an error document begins there. Of all others
 * everything is. */
#define FRAME_PREFACE 24u
#define FRAME_HEAD 9u
#define FRAME_DATA 0u /* its type */
#define FRAME_DATA_TOLD 256u

/* Numbers that are unique while the tracer runs count up on each CPU, whose number
 * is in the lower bits: Linux has room for so many, and they stay below 2^53, which
 * every reader of JSON can hold. */
#define SERIAL_CPU_BITS 13

/* Which layer of the traced program the bytes were seen in. */
#define LAYER_SOCKET 1u
#define LAYER_OPENSSL 2u
#define LAYER_GNUTLS 3u
#define LAYER_NSS 4u
#define LAYER_S2N 5u
#define LAYER_GOTLS 6u

struct exchange_key {
	__u64 conn; /* the TLS object, or file descriptor for LAYER_SOCKET */
	__u32 tgid;
	__u32 layer;
};

/* Both ends of a connection. An address is one of IPv6 as the network has it,
 * an IPv4 one is mapped into it; a port of 0 says that this end is not known. */
struct endpoints {
	__u64 peer[2];
	__u64 local[2];
	__u16 peer_port; /* in the host's order */
	__u16 local_port;
	__u32 unused;
};

/* A connection that is in use: a descriptor, from the connect() or the first
 * request that was seen on it until it is closed; or a TLS object, from its
 * handshake or first request until it is freed. */
struct socket {
	struct endpoints ends; /* of a descriptor */
	__u64 id;	       /* unique while the tracer runs; 0 before the first request */
	__u32 connected;       /* 1: seen from its beginning; a descriptor is then a socket */
	__u32 requests;	       /* seen on it so far */
	__u64 begun;	       /* entry of the call that began to connect or shake hands, or 0 */
	__u64 setup_ns;	       /* from there until that was done; 0 unknown */
	__u32 joined;	       /* HTTP/2 was seen on it, and not its beginning */
	__u32 shaken;	       /* EXCHANGE_RESUMED or EXCHANGE_FULL: what its TLS handshake was */
};

/* A stretch in which nothing that a connection sent got through, as far as its
 * kernel knew: nothing new was acknowledged since begin, until at end something was
 * sent again. */
struct loss {
	__u64 begin; /* 0: never anything before; a SYN */
	__u64 end;
	__u64 packets; /* sent again since begin */
};

/* The latest of a connection: the i-th lies in last[i % LOSSES_KEPT]. */
#define LOSSES_KEPT 8u
struct losses {
	__u64 n; /* stretches so far */
	struct loss last[LOSSES_KEPT];
};

/* exchange.flags */
#define EXCHANGE_HEAD_DONE 0x01u      /* a send ended with CRLF CRLF: the head went out whole */
#define EXCHANGE_RESP_HEAD_DONE 0x02u /* the same of the current response head */
#define EXCHANGE_INTERIM 0x04u	      /* the current response head is a 1xx */
#define EXCHANGE_FINAL 0x08u	      /* a final status was read: the request is answered */
#define EXCHANGE_EOF 0x10u	      /* the peer closed: a read returned 0 */
#define EXCHANGE_ENDED 0x20u	      /* the connection moved on, or is gone */
#define EXCHANGE_MORE 0x40u	      /* the side map got request bytes beyond REQ_CAP */
#define EXCHANGE_SOCKET_PROVEN 0x80u  /* conn is known to be a socket (LAYER_SOCKET) */
#define EXCHANGE_FD_MISMATCH 0x100u   /* two descriptors were seen under one TLS object */
#define EXCHANGE_LATE_START                                                                        \
	0x200u			/* the first send's entry was not seen: t_start is its return      \
				 */
#define EXCHANGE_FAILED 0x1000u /* a read failed for good */
#define EXCHANGE_LOST 0x800u	/* counted as lost: no snapshot of it got through so far */
#define EXCHANGE_DRAINED 0x400u /* kernel side only: a read found nothing since the last data */
#define EXCHANGE_READY                                                                             \
	0x80000u		  /* ... the reader's poll has found something since its last read \
				   */
#define EXCHANGE_NUMBERED 0x2000u /* its connection was seen from its beginning */
#define EXCHANGE_FRAMES 0x20000u  /* HTTP/2: the record of a connection, or of one stream */
#define EXCHANGE_CUT 0x40000u	  /* ... some bytes of which could not be told */

/* Where the frames of one direction stand, in bytes since its first. */
struct exchange_flow {
	__u64 told_to; /* of the frame's payload: what is before that is told */
	__u64 next;    /* where the next frame begins */
	__u32 head_len;
	__u8 head[28]; /* of the next frame, as far as it was seen; most of it is slack */
};
#define FLOW_SENT 0
#define FLOW_RECEIVED 1
#define EXCHANGE_FD_READ 0x10000u /* fd was read from the TLS object: steps.h */
/* Of the connection's first request: what its handshake was. Neither: not known. */
#define EXCHANGE_RESUMED 0x4000u /* it went on with an earlier session */
#define EXCHANGE_FULL 0x8000u	 /* it agreed on a new one */

struct exchange {
	__u32 kind;  /* EVENT_EXCHANGE: the record begins its own event */
	__u32 flags; /* EXCHANGE_* */
	struct exchange_key key;
	__u64 id;	 /* unique while the tracer runs */
	__u64 t_start;	 /* entry of the call that sent the first byte */
	__u64 t_head;	 /* return of the send that completed the head, 0 if never seen alone */
	__u64 t_body;	 /* entry of the first send after t_head */
	__u64 t_sent;	 /* return of the last send that took bytes */
	__u64 t_interim; /* return of the last read that gave bytes of a 1xx head */
	__u64 t_first;	 /* return of the read that gave the first byte of the current head */
	__u64 t_last;	 /* return of the last read that gave bytes */
	__u64 t_read;	 /* t_last and received as they were before that read */
	__u64 received_before;
	__u64 t_end;	     /* when the connection moved on or ended */
	__u64 t_emit;	     /* when this snapshot was taken */
	__u64 stall_ns;	     /* response unfinished and readable, program not reading */
	__u64 sent;	     /* request bytes taken, head included */
	__u64 received;	     /* bytes from the first byte of the current response head on */
	__u64 interim_bytes; /* bytes of earlier 1xx heads, not in received */
	__u64 head_sent;     /* value of sent at t_head */
	__u64 poll_mark;     /* kernel side only: the reader's poll time at the last read */
	__u32 req_len;	     /* valid bytes of the request in bytes */
	__u32 resp_len;	     /* ... and of the response, which lie behind them */
	__u32 more_len;	     /* bytes that the side map got */
	__u32 tid;	     /* thread that sent the first byte */
	__u32 uid;
	__s32 fd;      /* -1 unknown */
	__u32 changes; /* bumped by every read and send that took bytes, and by EOF */
	__u32 changes_reported;
	__u32 reports;	  /* snapshots sent before this one */
	__u32 reader;	  /* kernel side only: thread of the last read */
	__u32 tail_len;	  /* valid bytes in tail, from its start */
	__u32 number;	  /* of the requests seen on its connection, from 1; 0 unknown */
	__u64 connection; /* struct socket's id of the connection: key's; 0 unknown */
	__u64 t_before;	  /* return of the last read of the answer before, on the same one */
	__u64 connect_ns; /* of the connection's first request: what connect() took; 0 unknown */
	__u64 tls_ns;	  /* ... and the TLS handshake */
	__u64 t_setup;	  /* ... entry of the call that began the first of them; 0 unknown */
	__u64 socket;	  /* struct socket's id of the descriptor, 0 unknown */
	__u64 stream;	  /* user space only: of HTTP/2, its number */
	struct endpoints ends;
	__u8 tail[EXCHANGE_TAIL_CAP];
	__u8 comm[EXCHANGE_COMM_CAP];
	union {
		/* Of the request, then of the response: see exchange_response(). */
		__u8 bytes[EXCHANGE_REQ_CAP + EXCHANGE_RESP_CAP];
		struct exchange_flow flow[2]; /* of a connection with EXCHANGE_FRAMES */
	};
};

/* Where the response's bytes are. When the first of them comes, those of the request
 * are as many as they will be. */
#define EXCHANGE_RESPONSE(e) ((e)->bytes + (e)->req_len)

/* An event is the record up to the last valid one of its bytes: mostly a third of the
 * whole. */
#define EXCHANGE_FIXED (sizeof(struct exchange) - EXCHANGE_REQ_CAP - EXCHANGE_RESP_CAP)

/* A request head longer than REQ_CAP goes on here, by exchange id, until it is told: it is
 * an event up to its last valid byte, sent before the first snapshot of its exchange. */
struct exchange_more {
	__u32 kind;			   /* EVENT_MORE */
	__u32 n;			   /* valid bytes */
	__u64 id;			   /* the exchange's */
	__u64 time;			   /* its t_start: that is before all that is told of it */
	__u8 bytes[EXCHANGE_MORE_CAP * 2]; /* the upper half is slack, as below */
};
#define MORE_FIXED (sizeof(struct exchange_more) - EXCHANGE_MORE_CAP * 2)

/* Where a walk from a TLS object to its descriptor is. What the verifier knows of a
 * register makes every way through a step another one, and of memory it knows nothing: a
 * walk of 18 steps then costs it a tenth. */
struct fd_walk {
	__u64 object, mark, skip;
	__s64 fd;
};

/* The map's value. The slack is never used: the verifier cannot relate offset
 * and length of a bounded append, so it has to see room for the sum of both, or for a
 * word behind the last byte. */
struct exchange_slot {
	struct exchange exchange;
	__u8 slack[EXCHANGE_RESP_CAP + 8];
	struct fd_walk walk;
	__u8 join[EXCHANGE_TAIL_CAP * 2]; /* an old tail, and what comes behind it */
};

/* The first 4 bytes of any event say what it is. */
#define EVENT_EXCHANGE 1u
#define EVENT_EXIT 2u	/* a process with exchanges is going away */
#define EVENT_EXEC 3u	/* ... or becomes another program: its TLS objects are gone */
#define EVENT_FRAMES 4u /* a call moved bytes of a connection that speaks HTTP/2 */
#define EVENT_LOOKUP 5u /* a name was looked up */
#define EVENT_MORE 6u	/* the rest of a long request head */

/* What such a call moved. Behind it come the first EXCHANGE_FIXED bytes of the
 * connection's record as it is behind the call, and then told_len bytes: all that the
 * call moved, except what lies in DATA frames beyond FRAME_DATA_TOLD. Calls that moved
 * nothing else, and ended no frame, are not told. */
struct event_frames {
	__u32 kind;
	__u32 direction; /* FLOW_* */
	__u64 time;	 /* return of the call; Go's Write is told when it is entered */
	__u64 entered;	 /* 0 not seen */
	__u64 at;	 /* bytes of that direction before it */
	__u64 n;	 /* bytes that it moved */
	__u32 told_len;
	__u32 tid;
};

struct event_process {
	__u32 kind;
	__u32 tgid;
	__u64 time;
};

/* The longest name of a host has 253 bytes: RFC 1035, section 2.3.4. */
#define LOOKUP_NAME_CAP 256u

/* A call of getaddrinfo() that has returned. */
struct event_lookup {
	__u32 kind;
	__u32 tgid;
	__u64 time; /* its return */
	__u64 entered;
	__u32 tid;
	__u32 n; /* valid bytes in name, with a NUL at the end; the event ends there */
	__u8 name[LOOKUP_NAME_CAP]; /* as the program gave it */
};
#define LOOKUP_FIXED (sizeof(struct event_lookup) - LOOKUP_NAME_CAP)

/* Rows of the per-CPU counter array. */
#define COUNT_EVENTS 0u	      /* snapshots that found room in the event buffer */
#define COUNT_LOST 1u	      /* exchanges of which no snapshot found room there */
#define COUNT_REQUESTS 2u     /* requests begun ... */
#define COUNT_ANSWERED 3u     /* ... of which a final status was read, */
#define COUNT_UNANSWERED 8u   /* ... and those whose connection ended or moved on without one */
#define COUNT_NO_THREAD 4u    /* calls not followed: no room to note what they are about */
#define COUNT_FAULT 5u	      /* user memory that could not be read */
#define COUNT_FD_MISMATCH 6u  /* two descriptors under one TLS object */
#define COUNT_NOT_INSERTED 7u /* requests not followed: the record could not be created */
#define COUNT_EXITS_LOST 9u   /* exits and execs that found no room there */
#define COUNT_OPAQUE 10u      /* HTTP/2 connections whose beginning was not seen */
#define COUNT_SENT_AGAIN 11u  /* packets that a TCP connection of this machine sent again */
#define COUNT_FD_WRONG 12u    /* descriptors read from TLS objects that calls disproved */
#define COUNT_MAX 16u

_Static_assert(sizeof(struct exchange_key) == 16, "struct exchange_key: padding");
_Static_assert(sizeof(struct endpoints) == 40, "struct endpoints: padding");
_Static_assert(sizeof(struct exchange) % 8 == 0, "struct exchange: padding");
_Static_assert(sizeof(struct exchange_flow) == 48, "struct exchange_flow: padding");
_Static_assert(sizeof(struct event_process) == 16, "struct event_process: padding");
_Static_assert(sizeof(struct event_frames) == 48, "struct event_frames: padding");
_Static_assert(MORE_FIXED == 24, "struct exchange_more: padding");
_Static_assert(sizeof(struct event_lookup) == 32 + LOOKUP_NAME_CAP, "struct event_lookup: padding");

#endif
