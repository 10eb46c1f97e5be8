/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/2: an input is what the two sides of a connection say, in pieces of
 * {direction and cut, length: 2 bytes, bytes}, behind a preface and two SETTINGS. Rows
 * keep their sums whatever it is. And it does not matter how calls are cut: what can be
 * read in whole pieces gives the same rows byte by byte.
 */
#include "tests/host/host.c"
#include "tests/host/rows.h"
#include "tests/host/wire2.h"

#define CHECK(truth) ((truth) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_row(const struct request *row)
{
	CHECK(row->send_ns >= 0 && row->expect_ns >= 0 && row->wait_ns >= 0);
	CHECK(row->recv_ns >= 0 && row->stall_ns >= 0 && row->latency_ns >= 0);
	CHECK(row->send_ns + row->expect_ns + row->wait_ns + row->recv_ns + row->stall_ns ==
	      row->latency_ns);
	CHECK(row->ttfb_ns >= -1 && row->ttfb_ns <= row->latency_ns);
	CHECK(row->request_size >= -1 && row->response_size >= -1);
	CHECK(row->state != REQUEST_COMPLETE || row->status != -1);
	CHECK(row->state != REQUEST_NO_RESPONSE || row->status == -1);
	CHECK(row->state != REQUEST_OPEN && row->state != REQUEST_NOT_HTTP);
	CHECK(row->number > 0 && row->stream_id % 2 == 1 && !strcmp(row->http_version, "2"));
	/* nothing of a head's own lines gets anywhere */
	CHECK(!row->path || !strpbrk(row->path, "\r\n"));
	CHECK(!row->key || !strpbrk(row->key, "\r\n"));
}

/* What a row says but for its times. */
struct told {
	int64_t stream, request_size, response_size;
	int status;
	enum request_state state;
	uint64_t likeness;
};

/* Plays the input; rows are in rows.row. Returns whether all of it was understood. */
static bool play(struct slice input, size_t cut)
{
	static u8 zeros[8192];

	host_reset();
	host.call_ns = 10;
	rows_reset();
	wire_begin(cut);
	wire_flush(FLOW_SENT);
	while (input.n >= 3) {
		unsigned char op = (unsigned char)input.p[0];
		size_t n = (size_t)(unsigned char)input.p[1] << 8 | (unsigned char)input.p[2];
		int direction = op & 1 ? FLOW_RECEIVED : FLOW_SENT;

		input = slice_from(input, 3);
		if (op & 2) { /* a long frame of data, of which the input has only the head */
			wire_frame(direction, 0, op & 4, (op >> 3) * 2u + 1, zeros, n % 8192);
		} else {
			n = n < input.n ? n : input.n;
			wire_bytes(direction, input.p, n);
			input = slice_from(input, n);
		}
		wire_flush(direction);
		if (op == 0x80)
			host_end(WIRE_CONN);
	}
	host_end(WIRE_CONN);
	rows_take();
	for (size_t i = 0; i < rows.n; i++)
		if (!strcmp(rows.row[i].http_version ? rows.row[i].http_version : "", "2"))
			check_row(&rows.row[i]);
	return follow_opaque(rows.follow) == 0 && follow_lost(rows.follow) == 0;
}

static struct told tell(const struct request *row)
{
	return (struct told){row->stream_id, row->request_size, row->response_size,
			     row->status,    row->state,	row->likeness};
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static struct told told[ROWS_MAX];
	struct slice input = {(const char *)data, size};
	bool understood = play(input, 4096);
	size_t n = rows.n;

	for (size_t i = 0; i < n; i++) {
		memset(&told[i], 0, sizeof(told[i]));
		told[i] = tell(&rows.row[i]);
	}
	if (size < 2048 && understood && n < ROWS_MAX) {
		CHECK(play(input, size % 37 + 1));
		CHECK(rows.n == n);
		for (size_t i = 0; i < n; i++) {
			struct told now = tell(&rows.row[i]);

			CHECK(now.stream == told[i].stream && now.status == told[i].status &&
			      now.state == told[i].state && now.likeness == told[i].likeness &&
			      now.request_size == told[i].request_size &&
			      now.response_size == told[i].response_size);
		}
	}
	wire_free();
	return 0;
}
