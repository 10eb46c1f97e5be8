/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The bytes that a call moved: where they are, what they begin with, and how those of
 * a vector become one run.
 */
#ifndef S3SLOWER_BYTES_BPF_H
#define S3SLOWER_BYTES_BPF_H

#include "maps.bpf.h"

/* The bytes of a call. A vectored call's pieces are first gathered into a
 * stage of this CPU, so that everything below sees one run of bytes. */
#define IOV_PIECES 8
#define STAGED_WHOLE 2 /* bytes.staged: the last piece is there as well */
struct bytes {
	u64 at;	  /* where they are: in the program, or in the stage */
	u64 have; /* how many of them are there: all, or as many as the stage holds */
	u64 n;	  /* how many the call took or gave */
	u64 last; /* where the last piece is, 0 bytes of it if that is not known */
	u64 last_n;
	u32 staged;
};

/* The description and what the loop that gathers counts lie in the stage too: what
 * is read back from a map is any number to the verifier, so the many ways to gather
 * become one again. */
#define STAGE_PIECE (EXCHANGE_MORE_CAP - 128) /* a per-CPU value may have 32 KiB in all */
struct stage {
	struct bytes b;
	u64 left, from; /* bytes of the call still to come, and to pass over before them */
	u64 filled;
	/* What is known of the call besides: see struct moved. */
	u64 entered, polled;
	u32 flags;
	u32 taken;				   /* by a call that is not done with it */
	u8 bytes[EXCHANGE_MORE_CAP + STAGE_PIECE]; /* the upper half is slack */
};

BPF_TABLE("percpu_array", u32, struct stage, stages, 1); /* of system calls */

/* One buffer of the program. */
static __always_inline void bytes_plain(struct bytes *b, u64 address, u64 n)
{
	b->at = b->last = address;
	b->have = b->n = b->last_n = n;
	b->staged = 0;
}

/* 1 if x is 0, else 0 - in arithmetic: a comparison is a branch, and every
 * branch doubles what the verifier has to walk behind it. */
static __always_inline u64 is_zero(u64 x)
{
	u64 minus = -x;

	KEEP(minus); /* or the compiler makes it a comparison again */
	return ((x | minus) >> 63) ^ 1;
}

/* The smaller one of two numbers below 2^63, in the same way. A mask instead of the
 * product would do as well, but the verifier takes it for two ways again. */
static __always_inline u64 least(u64 a, u64 b)
{
	u64 over = a - b, less = over >> 63;

	KEEP(less);
	return b + over * less;
}

/* The pieces of an iovec, as far as the call took or filled them: n bytes, behind
 * the first `from`. */
struct vector {
	struct stage *stage;
	u64 iov, pieces, n, from;
};

#ifndef WITHOUT_LINKED
static __always_inline void gather(const struct vector *v)
{
	struct stage *stage = v->stage;
	struct bytes *b = &stage->b;
	u64 vec[2], at, take, iov = v->iov, pieces = v->pieces, n = v->n;

	b->at = (u64)stage->bytes;
	b->n = n;
	b->last = b->last_n = 0;
	b->staged = 1;
	stage->left = n;
	stage->from = v->from;
	stage->filled = 0;
	LOOP
	for (u32 i = 0; i < IOV_PIECES; i++) {
		at = stage->filled;
		if (i >= pieces || stage->left == 0 || at >= EXCHANGE_MORE_CAP)
			break;
		if (read_user(vec, sizeof(vec), (void *)(iov + i * sizeof(vec)))) {
			count(COUNT_FAULT);
			break;
		}
		take = least(vec[1], stage->from);
		stage->from -= take;
		vec[0] += take;
		vec[1] -= take;
		vec[1] = least(vec[1], stage->left);
		stage->left -= vec[1];
		take = least(vec[1], STAGE_PIECE);
		KEEP(at);
		at &= EXCHANGE_MORE_CAP - 1;
		KEEP(take);
		if (take > STAGE_PIECE)
			break;
		read_user(stage->bytes + at, take, (void *)vec[0]);
		stage->filled = at + take;
		if (vec[1]) {
			b->last = vec[0];
			b->last_n = vec[1];
		}
	}
	at = stage->filled;
	b->have = least(at, EXCHANGE_MORE_CAP);
	if (stage->left) {
		b->last_n = 0; /* there are pieces that were not looked at */
	} else if (at == n) {
		b->last = b->at; /* all of them are here, and end like one */
		b->last_n = n;
		b->staged = STAGED_WHOLE;
	}
}
#endif

#ifdef HOST_BUILD
#define call_gather gather
#else
static int (*call_gather)(const struct vector *v) = (void *)LINKED_GATHER;
#endif

static __always_inline void bytes_gather(struct stage *stage, u64 iov, u64 pieces, u64 n, u64 from)
{
	struct vector v = {stage, iov, pieces, n, from};

	call_gather(&v);
}

/* size bytes from offset on. The caller knows that they are there. */
static __always_inline long fetch(void *to, u32 size, const struct bytes *b, u64 offset)
{
	long err = b->staged ? read_kernel(to, size, (void *)(b->at + offset))
			     : read_user(to, size, (void *)(b->at + offset));

	if (err)
		count(COUNT_FAULT);
	return err;
}

/* The same of the last piece. */
static __always_inline long fetch_last(void *to, u32 size, const struct bytes *b, u64 offset)
{
	return b->staged == STAGED_WHOLE ? read_kernel(to, size, (void *)(b->last + offset))
					 : read_user(to, size, (void *)(b->last + offset));
}

/* The first up to 8 bytes as a little-endian number, zero-filled. 0, or not when
 * they cannot be read. */
static __always_inline long read_first(u64 *word, const struct bytes *b)
{
	u64 few = b->have < 8 ? b->have : 8;

	*word = 0;
	KEEP(few);
	if (few > 8)
		few = 8;
	return few ? fetch(word, few, b, 0) : 0;
}

static __always_inline u64 first_bytes(const struct bytes *b)
{
	u64 word;

	return read_first(&word, b) ? 0 : word;
}

#define PREFACE 0x5448202a20495250ULL /* "PRI * HT": how a client begins to speak HTTP/2 */

/* A method and its space in the first n bytes, or as much of them as n allows. */
static __always_inline u64 begins_request(u64 word, u64 n)
{
	u64 have = n >= 8 ? ~0ULL : (1ULL << (8 * n)) - 1, match;

	match = is_zero((word ^ 0x20544547ULL) & have & 0xffffffffULL);		     /* "GET " */
	match |= is_zero((word ^ 0x20545550ULL) & have & 0xffffffffULL);	     /* "PUT " */
	match |= is_zero((word ^ 0x2054534f50ULL) & have & 0xffffffffffULL);	     /* "POST " */
	match |= is_zero((word ^ 0x2044414548ULL) & have & 0xffffffffffULL);	     /* "HEAD " */
	match |= is_zero((word ^ 0x204843544150ULL) & have & 0xffffffffffffULL);     /* "PATCH " */
	match |= is_zero((word ^ 0x204554454c4544ULL) & have & 0xffffffffffffffULL); /* "DELETE " */
	match |= is_zero((word ^ 0x20534e4f4954504fULL) & have); /* "OPTIONS " */
	match |= is_zero((word ^ PREFACE) & have);
	match &= is_zero(is_zero(have));
	KEEP(match);
	return match;
}

/* A call that moved bytes on a connection, or ended it. */
struct moved {
	void *ctx;
	struct exchange_key *key;
	const struct bytes *b; /* not for an end */
	u64 entered;	       /* when the call was entered, 0 if not seen */
	union {
		u64 polled; /* receive: what this thread spent waiting in poll and its like, ever */
		u64 layout; /* send: the number of the TLS object's layout, 0 not known */
	};
	s32 fd;	   /* the descriptor under a TLS object, -1 if not seen */
	u32 flags; /* EXCHANGE_* to add to the record's */
};

#endif
