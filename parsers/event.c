/* SPDX-License-Identifier: Apache-2.0 */
#include "event.h"

#include <errno.h>
#include <string.h>

int event_check(const struct exchange *e)
{
	if (e->kind != EVENT_EXCHANGE || e->req_len > EXCHANGE_REQ_CAP ||
	    e->resp_len > EXCHANGE_RESP_CAP || e->more_len > EXCHANGE_MORE_CAP ||
	    e->tail_len > EXCHANGE_TAIL_CAP || e->req_len > e->sent || e->resp_len > e->received)
		return -EBADMSG;
	/* Times and sizes leave room for a sign and a sum: 2^62 ns are 146 years. */
	if ((e->t_start | e->t_head | e->t_body | e->t_sent | e->t_interim | e->t_first |
	     e->t_last | e->t_end | e->t_emit | e->stall_ns | e->sent | e->received | e->head_sent |
	     e->connection | e->t_before | e->connect_ns | e->tls_ns | e->t_setup | e->t_read |
	     e->received_before) >>
	    62)
		return -EBADMSG;
	return 0;
}

int event_time(const void *data, size_t size, __u64 *time)
{
	size_t at = offsetof(struct event_process, time);
	__u32 kind;

	if (size < sizeof(kind))
		return -EBADMSG;
	memcpy(&kind, data, sizeof(kind));
	if (kind == EVENT_EXCHANGE)
		at = offsetof(struct exchange, t_emit);
	else if (kind == EVENT_MORE)
		at = offsetof(struct exchange_more, time);
	if (size < at + sizeof(*time))
		return -EBADMSG;
	memcpy(time, (const char *)data + at, sizeof(*time));
	return 0;
}

__u64 event_over(const void *data, size_t size, __u64 sent)
{
	const __u32 both = EXCHANGE_FINAL | EXCHANGE_ENDED;
	__u64 t_last;
	__u32 word;

	if (size < EXCHANGE_FIXED)
		return sent;
	memcpy(&word, data, sizeof(word));
	if (word != EVENT_EXCHANGE)
		return sent;
	memcpy(&word, (const char *)data + offsetof(struct exchange, flags), sizeof(word));
	memcpy(&t_last, (const char *)data + offsetof(struct exchange, t_last), sizeof(t_last));
	return (word & both) == both && t_last < sent ? t_last : sent;
}

static int decode_frames(const void *data, size_t size, struct event *out)
{
	struct event_frames *f = &out->frames;
	const size_t fixed = sizeof(*f) + EXCHANGE_FIXED;

	if (size < fixed)
		return -EBADMSG;
	memcpy(f, data, sizeof(*f));
	memcpy(&out->exchange, (const char *)data + sizeof(*f), EXCHANGE_FIXED);
	if (event_check(&out->exchange) || out->exchange.req_len || out->exchange.resp_len ||
	    f->direction > FLOW_RECEIVED || size - fixed < f->told_len || f->told_len > f->n ||
	    (f->time | f->entered | f->at | f->n) >> 62 || f->entered > f->time)
		return -EBADMSG;
	out->told = (const char *)data + fixed;
	out->time = f->time;
	out->tgid = out->exchange.key.tgid;
	return 0;
}

static int decode_lookup(const void *data, size_t size, struct event *out)
{
	struct event_lookup *l = &out->lookup;

	if (size < LOOKUP_FIXED)
		return -EBADMSG;
	memcpy(l, data, LOOKUP_FIXED);
	if (l->n == 0 || l->n > LOOKUP_NAME_CAP || size - LOOKUP_FIXED < l->n ||
	    l->entered > l->time || l->time >> 62)
		return -EBADMSG;
	memcpy(l->name, (const char *)data + LOOKUP_FIXED, l->n);
	if (memchr(l->name, 0, l->n) != l->name + l->n - 1)
		return -EBADMSG;
	out->time = l->time;
	out->tgid = l->tgid;
	return 0;
}

static int decode_more(const void *data, size_t size, struct event *out)
{
	const char *p = data;

	if (size < MORE_FIXED)
		return -EBADMSG;
	memcpy(&out->more_id, p + offsetof(struct exchange_more, id), sizeof(out->more_id));
	memcpy(&out->more_n, p + offsetof(struct exchange_more, n), sizeof(out->more_n));
	memcpy(&out->time, p + offsetof(struct exchange_more, time), sizeof(out->time));
	if (out->more_n > EXCHANGE_MORE_CAP || size - MORE_FIXED < out->more_n || out->time >> 62)
		return -EBADMSG;
	out->told = p + MORE_FIXED;
	out->tgid = 0;
	return 0;
}

int event_decode(const void *data, size_t size, struct event *out)
{
	struct event_process process;
	__u32 kind;

	if (size < sizeof(kind))
		return -EBADMSG;
	memcpy(&kind, data, sizeof(kind));
	out->kind = kind;
	if (kind == EVENT_EXCHANGE) {
		struct exchange *e = &out->exchange;
		const char *bytes = (const char *)data + EXCHANGE_FIXED;

		if (size < EXCHANGE_FIXED)
			return -EBADMSG;
		memcpy(e, data, EXCHANGE_FIXED);
		if (event_check(e) || size - EXCHANGE_FIXED < e->req_len + e->resp_len)
			return -EBADMSG;
		memcpy(e->bytes, bytes, e->req_len + e->resp_len);
		out->time = out->exchange.t_emit;
		out->tgid = out->exchange.key.tgid;
		return 0;
	}
	if (kind == EVENT_FRAMES)
		return decode_frames(data, size, out);
	if (kind == EVENT_LOOKUP)
		return decode_lookup(data, size, out);
	if (kind == EVENT_MORE)
		return decode_more(data, size, out);
	if ((kind != EVENT_EXIT && kind != EVENT_EXEC) || size < sizeof(process))
		return -EBADMSG;
	memcpy(&process, data, sizeof(process));
	out->time = process.time;
	out->tgid = process.tgid;
	return 0;
}
