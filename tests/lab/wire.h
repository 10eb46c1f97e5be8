/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection of the laboratory's clients, TLS or plain, on which each call
 * of the library or the kernel is made exactly as asked and timed on
 * CLOCK_MONOTONIC from outside.
 */
#ifndef LAB_WIRE_H
#define LAB_WIRE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ALARM_S 600 /* so that a client that hangs ends, on the slowest machine */

/* The clock just before and just after a call. */
struct stamp {
	int64_t before, after;
};

enum way {
	WAY_WRITE, /* SSL_write or write, SSL_read or read */
	WAY_EX,	   /* SSL_write_ex, SSL_read_ex; plain as WAY_WRITE */
	WAY_SEND,  /* send, recv */
	WAY_VEC,   /* writev, readv, of several pieces */
	WAY_MSG,   /* sendmsg, whose first piece is empty, recvmsg */
	WAY_FILE,  /* sendfile */
	WAY_PEEK,  /* SSL_peek, recv(MSG_PEEK) */
	WAY_ASIDE, /* as WAY_WRITE; plain: send(MSG_ZEROCOPY). Before it reads, it reads nothing, and
		      what is not of the stream */
};

#define WIRE_AGAIN (-1L) /* repeat the call with the same buffer, after wire_wait() */
#define WIRE_FAILED (-2L)

struct wire {
	int fd;
	SSL *ssl; /* NULL: plain */
	bool nonblock;
	short events; /* what WIRE_AGAIN waits for */
};

struct place {
	int port;
	const char *ca; /* NULL: plain */
};

int64_t now_ns(void);
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* The way of that name; dies when there is none. */
enum way way_named(const char *name);

struct wire_options {
	bool nonblock;
	bool proxy;	    /* "CONNECT" first, then TLS on the same descriptor */
	bool partial;	    /* SSL_write may take a part of what it is offered */
	int sndbuf, rcvbuf; /* 0: the system's */
};

/* Connects and shakes hands; dies when it cannot. */
void wire_open(struct wire *wire, const struct place *place, const struct wire_options *options);

/* One call. Bytes taken or given, 0 at the end of the stream, WIRE_*. */
long wire_send(struct wire *wire, enum way way, const char *data, size_t n, int pieces,
	       struct stamp *stamp);
long wire_recv(struct wire *wire, enum way way, char *data, size_t n, struct stamp *stamp);

/* Until the descriptor is ready after WIRE_AGAIN. */
void wire_wait(struct wire *wire);
/* Whether it is readable (TLS: also what was read ahead) within ms. */
bool wire_readable(struct wire *wire, int ms);

enum wire_end {
	END_PROPER, /* SSL_shutdown, SSL_free, close */
	END_FREE,   /* SSL_free without a word, close */
	END_FD,	    /* close() of the descriptor first, SSL_free after */
	END_RESET,  /* RST */
};
void wire_close(struct wire *wire, enum wire_end end);

/* Writes the head of a request that looks like S3 into out; returns its length. The
 * Authorization header is signed by nobody. more is header lines, each with CRLF. */
size_t wire_head(char *out, size_t size, const char *method, const char *target, const char *host,
		 const char *front, const char *more);

#endif
