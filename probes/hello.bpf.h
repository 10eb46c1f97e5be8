/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * Whether a TLS handshake goes on with an earlier session, from what both sides
 * say in the clear at its beginning, whatever library says it (RFC 8446, section
 * 4.1.3; RFC 5246, section 7.4.1.3). With TLS 1.3 the server chooses one of the
 * keys that it was offered, or none. Before, it repeats the session that the client
 * named - with a ticket, a made-up one. Records are read in pieces as libraries do:
 * their headers first, or all that there is. In pieces of another kind nothing is
 * known. Compiled for the host as well, and fuzzed there.
 */
#ifndef S3SLOWER_HELLO_BPF_H
#define S3SLOWER_HELLO_BPF_H

#define RECORD_HEADER 5
#define RECORD_HANDSHAKE 0x16
#define HANDSHAKE_CLIENT_HELLO 1
#define HANDSHAKE_SERVER_HELLO 2
#define EXTENSION_PRE_SHARED_KEY 41
#define EXTENSION_SUPPORTED_VERSIONS 43 /* of a server: TLS 1.3 and later only */
#define EXTENSIONS_MAX 16

/* A hello: type and length, version, random number, session. */
#define HELLO_SESSION 38
#define HELLO_WORDS 6

/* Bytes 8 to 15 of a ServerHello that is a HelloRetryRequest, by its "random" number. */
#define HELLO_RETRY 0x1dbe11619ae574adULL

/* A client's handshake, until the server's choice was read. The session is its length
 * and its first 7 bytes: no other one has the same. A shorter one is not compared. */
struct hello {
	u64 session; /* that the client named */
	u32 fd;	     /* its descriptor, plus one; 0: none */
	u32 header;  /* 1: the next record's header was read */
};
#define SESSION_LENGTH(session) ((u8)(session))

/* The first 8 bytes of a record with a ClientHello. */
static __always_inline u64 begins_hello(u64 word)
{
	return (word & 0xff000000ffffULL) ==
	       (RECORD_HANDSHAKE | 3 << 8 | (u64)HANDSHAKE_CLIENT_HELLO << 40);
}

/* A ClientHello is about to be sent. One that is too short for a session is not one. */
static __always_inline void hello_sent(struct hello *h, u64 fd, u64 at)
{
	h->fd = (u32)fd + 1;
	h->header = 0;
	read_user(&h->session, sizeof(h->session), (void *)(at + RECORD_HEADER + HELLO_SESSION));
}

/* Bytes that were read on a connection in its handshake. */
struct shaking {
	struct hello *hello;
	struct exchange_key *key;
	u64 at, n;
};

#ifndef WITHOUT_LINKED

/* n bytes that were read: EXCHANGE_RESUMED or EXCHANGE_FULL if they tell; else 0, and
 * h->fd is 0 if the next ones will not tell, either. */
static __always_inline u32 hello_received(struct hello *h, u64 at, u64 n)
{
	u64 w[HELLO_WORDS], session, end;
	u32 fd = h->fd, resumed, versioned = 0, chosen = 0;

	if (!h->header) {
		if (n <= RECORD_HEADER) {
			h->header = 1;
			if (n < RECORD_HEADER)
				h->fd = 0;
			return 0;
		}
		at += RECORD_HEADER;
		n -= RECORD_HEADER;
	}
	h->header = 0;
	/* A change of ciphers, for the eyes of middleboxes, is a record with one byte. */
	if (n == 1)
		return 0;
	h->fd = 0;
	if (read_user(w, sizeof(w), (void *)at))
		return 0;
	end = (__builtin_bswap32(w[0]) & 0xffffff) + 4;
	if ((u8)w[0] != HANDSHAKE_SERVER_HELLO || end > n)
		return 0;
	if (w[1] == HELLO_RETRY) {
		h->fd = fd;
		return 0;
	}
	session = w[4] >> 48 | w[5] << 16;
	resumed = SESSION_LENGTH(session) && session == h->session;
	end += at;
	/* Behind the session: the cipher suite, compression, and the extensions' length. */
	at += HELLO_SESSION + 1 + SESSION_LENGTH(session) + 5;
	LOOP
	for (u32 i = 0; i < EXTENSIONS_MAX && at < end; i++) {
		u16 extension[2]; /* type, length */

		if (read_user(extension, sizeof(extension), (void *)at))
			return 0;
		versioned |=
			is_zero(extension[0] ^ __builtin_bswap16(EXTENSION_SUPPORTED_VERSIONS));
		chosen |= is_zero(extension[0] ^ __builtin_bswap16(EXTENSION_PRE_SHARED_KEY));
		at += sizeof(extension) + __builtin_bswap16(extension[1]);
	}
	/* Without any, not even their length is there. */
	if (at != end && at != end + 2)
		return 0;
	if (versioned)
		resumed = chosen;
	else if (SESSION_LENGTH(session) - 1U < 6)
		return 0;
	return resumed ? EXCHANGE_RESUMED : EXCHANGE_FULL;
}

/* What they tell is the connection's. */
static __always_inline void take_hello(const struct shaking *shaking)
{
	u32 shaken = hello_received(shaking->hello, shaking->at, shaking->n);
	struct socket *s = shaken ? sockets.lookup(shaking->key) : 0;

	if (s)
		s->shaken = shaken;
}

#endif

#ifdef HOST_BUILD
#define call_hello take_hello
#else
static int (*call_hello)(const struct shaking *shaking) = (void *)LINKED_HELLO;
#endif

static __always_inline void connection_hello(struct hello *h, struct exchange_key *key, u64 at,
					     u64 n)
{
	struct shaking shaking = {h, key, at, n};

	call_hello(&shaking);
}

#endif
