/* SPDX-License-Identifier: Apache-2.0 */
#include "http2.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>

/* What an encoder may be allowed to keep: browsers ask for this much, others for less. */
#define TABLE_MAX 65536u

#define UNIT_MAX 8u	/* the fixed part of a frame that has one */
#define SETTING_SIZE 6u /* RFC 9113, 6.5.1 */

static const struct slice preface = SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/* RFC 9113, section 6. What is not in the table is passed over. */
static const struct frame_kind {
	bool known;
	bool on_stream, on_connection; /* may, and without the other must */
	bool padded, priority;	       /* where a flag says so */
	bool block;
	unsigned unit; /* bytes of its fixed part, behind the length of the padding */
	unsigned size; /* its payload has exactly so many, 0: any number */
} kinds[] = {
	[NGHTTP2_DATA] = {true, true, false, true, false, false, 0, 0},
	[NGHTTP2_HEADERS] = {true, true, false, true, true, true, 0, 0},
	[NGHTTP2_PRIORITY] = {true, true, false, false, false, false, 0, 5},
	[NGHTTP2_RST_STREAM] = {true, true, false, false, false, false, 4, 4},
	[NGHTTP2_SETTINGS] = {true, false, true, false, false, false, 0, 0},
	[NGHTTP2_PUSH_PROMISE] = {true, true, false, true, false, true, 4, 0},
	[NGHTTP2_PING] = {true, false, true, false, false, false, 0, 8},
	[NGHTTP2_GOAWAY] = {true, false, true, false, false, false, 8, 0},
	[NGHTTP2_WINDOW_UPDATE] = {true, true, true, false, false, false, 0, 4},
	[NGHTTP2_CONTINUATION] = {true, true, false, false, false, true, 0, 0},
};

enum lane_state {
	IN_HEAD,  /* of a frame */
	IN_UNIT,  /* the fixed part of its payload */
	IN_BODY,  /* the rest of it */
	IN_BLOCK, /* a piece of a header block is in hand */
	AT_END,	  /* of the payload */
};

/* One direction. */
struct lane {
	uint64_t at, end; /* of the call in hand: where we are, and where it ends */
	struct slice told;
	uint64_t entered, time;		    /* of the call in hand */
	uint64_t begun_entered, begun_time; /* of the one that had the frame's first byte */
	enum lane_state state;
	bool settled;	  /* the first frame, which is SETTINGS, was seen */
	unsigned preface; /* bytes of it that are still to come */
	uint8_t head[FRAME_HEAD], unit[UNIT_MAX];
	unsigned head_len, unit_len, unit_want;
	uint32_t length, stream;
	uint8_t type, flags;
	uint32_t seen, pad; /* of the payload: passed so far; and what ends it */
	nghttp2_hd_inflater *inflater;
	size_t table, table_wanted;		   /* what the other side lets this one keep */
	struct slice block;			   /* not decoded yet */
	uint32_t block_stream;			   /* 0: no block is under way */
	bool block_last, block_pushed, block_said; /* its HTTP2_HEAD was given, or never is */
};

struct http2 {
	struct lane lane[2];
	struct lane *now; /* whose call is in hand */
	bool bad;
};

struct http2 *http2_new(void)
{
	struct http2 *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->lane[FLOW_SENT].preface = FRAME_PREFACE;
	for (int i = 0; i < 2; i++) {
		h->lane[i].block_said = true;
		h->lane[i].table = h->lane[i].table_wanted = NGHTTP2_DEFAULT_HEADER_TABLE_SIZE;
		if (nghttp2_hd_inflate_new(&h->lane[i].inflater)) {
			http2_free(h);
			return NULL;
		}
	}
	return h;
}

void http2_free(struct http2 *h)
{
	if (!h)
		return;
	for (int i = 0; i < 2; i++)
		if (h->lane[i].inflater)
			nghttp2_hd_inflate_del(h->lane[i].inflater);
	free(h);
}

static uint32_t number(const uint8_t *at, unsigned size)
{
	uint32_t n = 0;

	while (size--)
		n = n << 8 | *at++;
	return n;
}

static const struct frame_kind *kind_of(const struct lane *l)
{
	static const struct frame_kind unknown = {.on_stream = true, .on_connection = true};

	return l->type < sizeof(kinds) / sizeof(kinds[0]) ? &kinds[l->type] : &unknown;
}

static int fail(struct http2 *h)
{
	h->bad = true;
	return -EBADMSG;
}

int http2_call(struct http2 *h, const struct http2_call *call)
{
	struct lane *l = &h->lane[call->direction == FLOW_RECEIVED];

	if (h->bad || call->at < l->at || call->n > UINT64_MAX / 2 ||
	    call->at > UINT64_MAX / 2 - call->n)
		return fail(h);
	/* Calls between that lay wholly in what is not told were not told either. */
	if (call->at > l->at &&
	    (l->state != IN_BODY || l->type != NGHTTP2_DATA || l->seen < FRAME_DATA_TOLD ||
	     call->at - l->at > l->length - l->seen))
		return fail(h);
	l->end = call->at + call->n;
	l->told = call->told;
	l->entered = call->entered;
	l->time = call->time;
	h->now = l;
	return 0;
}

/* Takes up to n of the call's bytes, all of which have to be told. */
static bool take(struct lane *l, uint64_t n, struct slice *bytes)
{
	if (n > l->end - l->at)
		n = l->end - l->at;
	if (n > l->told.n)
		return false;
	*bytes = (struct slice){l->told.p, (size_t)n};
	l->told = slice_from(l->told, (size_t)n);
	l->at += n;
	return true;
}

/* Gathers what may come in pieces. False if it is not told. */
static bool gather(struct lane *l, uint8_t *to, unsigned *have, unsigned want)
{
	struct slice bytes;

	if (!take(l, want - *have, &bytes))
		return false;
	if (bytes.n)
		memcpy(to + *have, bytes.p, bytes.n);
	*have += (unsigned)bytes.n;
	return true;
}

static bool take_preface(struct lane *l)
{
	struct slice bytes, due = slice_from(preface, FRAME_PREFACE - l->preface);

	if (!take(l, l->preface, &bytes))
		return false;
	due.n = bytes.n;
	l->preface -= (unsigned)bytes.n;
	return slice_is(bytes, due);
}

/* The head of a frame is whole: is it one that may come here? */
static bool begin_frame(struct lane *l)
{
	const struct frame_kind *kind;

	l->length = number(l->head, 3);
	l->type = l->head[3];
	l->flags = l->head[4];
	l->stream = number(l->head + 5, 4) & INT32_MAX;
	l->head_len = l->unit_len = l->seen = l->pad = 0;
	kind = kind_of(l);
	if (!l->settled && l->type != NGHTTP2_SETTINGS)
		return false;
	l->settled = true;
	if ((l->block_stream != 0) != (l->type == NGHTTP2_CONTINUATION) ||
	    (l->block_stream && l->block_stream != l->stream))
		return false;
	if (!(l->stream ? kind->on_stream : kind->on_connection) ||
	    (kind->size && kind->size != l->length))
		return false;
	l->unit_want = kind->unit;
	if (kind->padded && (l->flags & NGHTTP2_FLAG_PADDED))
		l->unit_want += 1;
	if (kind->priority && (l->flags & NGHTTP2_FLAG_PRIORITY))
		l->unit_want += 5;
	if (l->type == NGHTTP2_SETTINGS) {
		if (l->length % SETTING_SIZE)
			return false;
		l->unit_want = l->length ? SETTING_SIZE : 0;
	}
	if (l->length < l->unit_want)
		return false;
	l->state = l->unit_want ? IN_UNIT : IN_BODY;
	if (kind->block && l->type != NGHTTP2_CONTINUATION) {
		l->block_stream = l->stream;
		l->block_last = l->flags & NGHTTP2_FLAG_END_STREAM;
		l->block_pushed = l->type == NGHTTP2_PUSH_PROMISE;
		l->block_said = l->block_pushed;
	}
	return true;
}

static int say(const struct lane *l, struct http2_token *token, enum http2_kind kind,
	       uint32_t stream)
{
	*token = (struct http2_token){
		.kind = kind, .stream = stream, .entered = l->begun_entered, .time = l->begun_time};
	return 1;
}

/* How much the other side may keep of what it is told. It never needs less: an
 * encoder that keeps less says so within its blocks. */
static void take_setting(struct http2 *h, const struct lane *l)
{
	struct lane *other = &h->lane[l == &h->lane[FLOW_SENT]];
	uint32_t value = number(l->unit + 2, 4);

	if (number(l->unit, 2) != NGHTTP2_SETTINGS_HEADER_TABLE_SIZE)
		return;
	if (value > TABLE_MAX)
		value = TABLE_MAX;
	if (value > other->table_wanted)
		other->table_wanted = value;
}

/* The fixed part is whole. 1 with a token, 0, or -EBADMSG. */
static int take_unit(struct http2 *h, struct lane *l, struct http2_token *token)
{
	const struct frame_kind *kind = kind_of(l);

	l->state = IN_BODY;
	l->seen += l->unit_want;
	l->unit_len = 0;
	if (kind->padded && (l->flags & NGHTTP2_FLAG_PADDED)) {
		l->pad = l->unit[0];
		if (l->pad > l->length - l->seen)
			return -EBADMSG;
	}
	switch (l->type) {
	case NGHTTP2_SETTINGS:
		take_setting(h, l);
		if (l->seen < l->length)
			l->state = IN_UNIT;
		return 0;
	case NGHTTP2_RST_STREAM:
		return say(l, token, HTTP2_RESET, l->stream);
	case NGHTTP2_GOAWAY:
		return say(l, token, HTTP2_GOAWAY, number(l->unit, 4) & INT32_MAX);
	}
	return 0;
}

/* A run of the payload behind the fixed part. 1 with a token, 0, or -EBADMSG. */
static int take_body(struct lane *l, struct http2_token *token)
{
	const struct frame_kind *kind = kind_of(l);
	uint64_t n = l->length - l->pad - l->seen, told;
	bool padding = l->length - l->seen <= l->pad;
	struct slice bytes;

	if (padding)
		n = l->length - l->seen;
	if (n > l->end - l->at)
		n = l->end - l->at;
	told = n;
	if (l->type == NGHTTP2_DATA) {
		uint32_t room = l->seen < FRAME_DATA_TOLD ? FRAME_DATA_TOLD - l->seen : 0;

		told = n < room ? n : room;
	}
	if (!take(l, told, &bytes))
		return -EBADMSG;
	l->at += n - told;
	l->seen += (uint32_t)n;
	if (padding)
		return 0;
	if (kind->block) {
		l->block = bytes;
		l->state = IN_BLOCK;
	} else if (l->type == NGHTTP2_DATA) {
		say(l, token, HTTP2_DATA, l->stream);
		token->value = bytes;
		token->n = n;
		return n != 0;
	}
	return 0;
}

/* The next field. 1 with a token; 0: none in this piece; -EBADMSG. */
static int decode(struct lane *l, struct http2_token *token, bool final)
{
	nghttp2_nv field;
	int flags = 0;
	ssize_t n;

	if (l->table != l->table_wanted) {
		if (nghttp2_hd_inflate_change_table_size(l->inflater, l->table_wanted) == 0)
			l->table = l->table_wanted;
	}
	do {
		const uint8_t *at = (const uint8_t *)(l->block.n ? l->block.p : "");

		n = nghttp2_hd_inflate_hd2(l->inflater, &field, &flags, at, l->block.n, final);
		if (n < 0)
			return -EBADMSG;
		l->block = slice_from(l->block, (size_t)n);
		if ((flags & NGHTTP2_HD_INFLATE_EMIT) && !l->block_pushed) {
			say(l, token, HTTP2_FIELD, l->block_stream);
			token->name = (struct slice){(const char *)field.name, field.namelen};
			token->value = (struct slice){(const char *)field.value, field.valuelen};
			return 1;
		}
	} while (l->block.n || (flags & NGHTTP2_HD_INFLATE_EMIT));
	return final && !(flags & NGHTTP2_HD_INFLATE_FINAL) ? -EBADMSG : 0;
}

/* The payload is over. 1 with a token, 0, or -EBADMSG. */
static int end_frame(struct lane *l, struct http2_token *token)
{
	uint32_t stream = l->block_stream;
	int err = 0;

	if (kind_of(l)->block) {
		/* No byte is left, but the decoder may have to be asked for the last field. */
		if (l->flags & NGHTTP2_FLAG_END_HEADERS) {
			err = decode(l, token, true);
			if (err)
				return err;
			nghttp2_hd_inflate_end_headers(l->inflater);
			l->block_stream = 0;
			if (!l->block_pushed) {
				err = say(l, token, HTTP2_HEAD_END, stream);
				token->last = l->block_last;
			}
		}
	} else if (l->type == NGHTTP2_DATA) {
		err = say(l, token, HTTP2_DATA_END, l->stream);
		token->last = l->flags & NGHTTP2_FLAG_END_STREAM;
	}
	l->state = IN_HEAD;
	return err;
}

/* One step: 1 with a token, 0, or -EBADMSG. */
static int step(struct http2 *h, struct lane *l, struct http2_token *token)
{
	int err;

	switch (l->state) {
	case IN_HEAD:
		if (l->preface)
			return take_preface(l) ? 0 : -EBADMSG;
		if (l->head_len == 0) {
			l->begun_entered = l->entered;
			l->begun_time = l->time;
		}
		if (!gather(l, l->head, &l->head_len, FRAME_HEAD))
			return -EBADMSG;
		return l->head_len < FRAME_HEAD || begin_frame(l) ? 0 : -EBADMSG;
	case IN_UNIT:
		if (!gather(l, l->unit, &l->unit_len, l->unit_want))
			return -EBADMSG;
		return l->unit_len < l->unit_want ? 0 : take_unit(h, l, token);
	case IN_BODY:
		if (kind_of(l)->block && !l->block_said) {
			l->block_said = true;
			return say(l, token, HTTP2_HEAD, l->block_stream);
		}
		if (l->seen == l->length) {
			l->state = AT_END;
			return 0;
		}
		return take_body(l, token);
	case IN_BLOCK:
		err = decode(l, token, false);
		if (err == 0)
			l->state = IN_BODY;
		return err;
	case AT_END:
		return end_frame(l, token);
	}
	return -EBADMSG;
}

/* Whether something can be done without another byte. */
static bool is_ready(const struct lane *l)
{
	return l->at < l->end || l->state == IN_BLOCK || l->state == AT_END ||
	       (l->state == IN_BODY && (l->seen == l->length || !l->block_said));
}

int http2_next(struct http2 *h, struct http2_token *token)
{
	struct lane *l = h->now;
	int err = 0;

	if (h->bad)
		return -EBADMSG;
	while (l && !err && is_ready(l))
		err = step(h, l, token);
	if (err == 1)
		return 1;
	h->now = NULL;
	return err || (l && l->told.n) ? fail(h) : 0;
}
