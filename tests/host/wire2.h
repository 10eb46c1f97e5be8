/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client and a server that speak HTTP/2 over one connection of the host: frames
 * are gathered, and leave in calls of at most `cut` bytes. Header blocks are made by
 * nghttp2's own encoder. Included behind rows.h.
 */
#ifndef S3SLOWER_TESTS_WIRE2_H
#define S3SLOWER_TESTS_WIRE2_H

#include <nghttp2/nghttp2.h>
#include <stdio.h>

#define WIRE_CONN 5
#define WIRE_MAX (1u << 18)

static struct wire {
	size_t cut;
	u64 step; /* ns between calls */
	nghttp2_hd_deflater *encoder[2];
	struct wire_flow {
		u8 bytes[WIRE_MAX];
		size_t n;
	} flow[2];
} wire;

/* Sends what was gathered, and takes the rows. */
static HOST_UNUSED void wire_flush(int direction)
{
	struct wire_flow *f = &wire.flow[direction];
	struct slice rest = {(char *)f->bytes, f->n};

	while (rest.n) {
		size_t n = rest.n < wire.cut ? rest.n : wire.cut;
		struct slice bytes = {rest.p, n};

		if (direction == FLOW_SENT)
			host_send(WIRE_CONN, bytes);
		else
			host_receive(WIRE_CONN, bytes);
		rest = slice_from(rest, n);
		host.now += wire.step;
		rows_take();
	}
	f->n = 0;
}

static HOST_UNUSED void wire_bytes(int direction, const void *bytes, size_t n)
{
	struct wire_flow *f = &wire.flow[direction];

	if (n > WIRE_MAX - f->n)
		abort();
	if (n)
		memcpy(f->bytes + f->n, bytes, n);
	f->n += n;
}

static HOST_UNUSED void wire_frame(int direction, u8 type, u8 flags, u32 stream,
				   const void *payload, size_t n)
{
	u8 head[] = {
		(u8)(n >> 16),	    (u8)(n >> 8),      (u8)n,	  type, flags, (u8)(stream >> 24),
		(u8)(stream >> 16), (u8)(stream >> 8), (u8)stream};

	wire_bytes(direction, head, sizeof(head));
	wire_bytes(direction, payload, n);
}

struct wire_field {
	const char *name, *value;
};

/* A header block. Returns its length. */
static HOST_UNUSED size_t wire_block(int direction, const struct wire_field *field, size_t n,
				     u8 *to, size_t size)
{
	nghttp2_nv nv[64];
	ssize_t made;

	for (size_t i = 0; i < n; i++)
		nv[i] = (nghttp2_nv){(u8 *)field[i].name, (u8 *)field[i].value,
				     strlen(field[i].name), strlen(field[i].value), 0};
	made = nghttp2_hd_deflate_hd(wire.encoder[direction], to, size, nv, n);
	if (made < 0)
		abort();
	return (size_t)made;
}

#define WIRE_FIELDS 24

static HOST_UNUSED void wire_head(int direction, u32 stream, const struct wire_field *field,
				  bool last)
{
	u8 block[32768], flags = NGHTTP2_FLAG_END_HEADERS;
	size_t n = 0;

	while (n < WIRE_FIELDS && field[n].name)
		n++;
	if (last)
		flags |= NGHTTP2_FLAG_END_STREAM;
	n = wire_block(direction, field, n, block, sizeof(block));
	wire_frame(direction, NGHTTP2_HEADERS, flags, stream, block, n);
}

/* A request as SDKs send it; more: further fields, up to a NULL name. */
static HOST_UNUSED void wire_request(u32 stream, const char *method, const char *path,
				     const struct wire_field *more_fields, bool last)
{
	struct wire_field field[WIRE_FIELDS + 1] = {
		{":method", method},
		{":scheme", "https"},
		{":path", path},
		{":authority", "s3.eu-west-1.amazonaws.com"},
		{"user-agent", "aws-cli/2.9.19 Python/3.11"},
		{"authorization", "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/s3/"
				  "aws4_request, SignedHeaders=host, Signature=5ec4e7"},
	};

	for (size_t i = 0; more_fields && more_fields[i].name; i++)
		field[6 + i] = more_fields[i];
	wire_head(FLOW_SENT, stream, field, last);
}

static HOST_UNUSED void wire_answer(u32 stream, const char *status,
				    const struct wire_field *more_fields, bool last)
{
	struct wire_field field[WIRE_FIELDS + 1] = {{":status", status}, {"server", "AmazonS3"}};

	for (size_t i = 0; more_fields && more_fields[i].name; i++)
		field[2 + i] = more_fields[i];
	wire_head(FLOW_RECEIVED, stream, field, last);
}

/* n bytes of a body in frames of at most `size`. */
static HOST_UNUSED void wire_data(int direction, u32 stream, size_t n, size_t size, bool last)
{
	static u8 zeros[65536];

	do {
		size_t take = n < size ? n : size;
		bool end = last && take == n;

		wire_frame(direction, NGHTTP2_DATA, end ? NGHTTP2_FLAG_END_STREAM : 0, stream,
			   zeros, take);
		n -= take;
	} while (n);
}

static HOST_UNUSED void wire_reset_stream(int direction, u32 stream, u32 error)
{
	u8 code[4] = {0, 0, 0, (u8)error};

	wire_frame(direction, NGHTTP2_RST_STREAM, 0, stream, code, sizeof(code));
}

static HOST_UNUSED void wire_free(void)
{
	for (int i = 0; i < 2; i++) {
		if (wire.encoder[i])
			nghttp2_hd_deflate_del(wire.encoder[i]);
		wire.encoder[i] = NULL;
		wire.flow[i].n = 0;
	}
}

/* A connection of which nothing was sent yet. */
static HOST_UNUSED void wire_reset(size_t cut)
{
	wire_free();
	for (int i = 0; i < 2; i++)
		if (nghttp2_hd_deflate_new(&wire.encoder[i], 4096))
			abort();
	wire.cut = cut;
	wire.step = 1000;
}

/* ... and one that both have begun. */
static HOST_UNUSED void wire_begin(size_t cut)
{
	static const u8 setting[] = {0, 3, 0, 0, 0, 100, 0, 4, 2, 0, 0, 0};

	/* By its first eight bytes the kernel side knows the connection: all clients send
	 * more than that in their first call. */
	wire_reset(cut < FRAME_PREFACE ? FRAME_PREFACE : cut);
	wire_bytes(FLOW_SENT, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", FRAME_PREFACE);
	wire_frame(FLOW_SENT, NGHTTP2_SETTINGS, 0, 0, setting, sizeof(setting));
	wire_frame(FLOW_SENT, NGHTTP2_WINDOW_UPDATE, 0, 0, "\0\0\1\0", 4);
	wire_flush(FLOW_SENT);
	wire.cut = cut;
	wire_frame(FLOW_RECEIVED, NGHTTP2_SETTINGS, 0, 0, setting, sizeof(setting));
	wire_frame(FLOW_RECEIVED, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, NULL, 0);
	wire_flush(FLOW_RECEIVED);
	wire_frame(FLOW_SENT, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, NULL, 0);
}

#endif
