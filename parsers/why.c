/* SPDX-License-Identifier: Apache-2.0 */
#include "why.h"

#include <string.h>

#define MS INT64_C(1000000)

/* Linux delays an acknowledgement by 40 ms, in ticks of 1 to 10 ms (include/net/tcp.h,
 * TCP_DELACK_MIN), so by 30 to 50; at 250 Hz, which distributions have, by 36 to 44.
 * Some room for the reader to wake up. */
#define DELAYED_ACK_LEAST (35 * MS)
#define DELAYED_ACK_MOST (50 * MS)
#define SEGMENT 1460 /* bytes: what goes into one packet of an Ethernet */

static const char *const throttles[] = {
	"BandwidthLimitExceeded",
	"RequestLimitExceeded",
	"RequestThrottled",
	"RequestThrottledException",
	"ServiceUnavailable",
	"SlowDown",
	"SlowDownRead",
	"SlowDownWrite",
	"ThrottledException",
	"Throttling",
	"ThrottlingException",
	"TooManyRequests",
	"TooManyRequestsException",
};

bool why_is_throttle(const struct request *row)
{
	for (size_t i = 0; row->error_code && i < sizeof(throttles) / sizeof(throttles[0]); i++)
		if (strcmp(row->error_code, throttles[i]) == 0)
			return true;
	return row->status == 429 ||
	       (!row->error_code && (row->status == 503 || row->status == 509));
}

/* Each of these says how many nanoseconds it explains. */

static int64_t throttled(const struct request *row)
{
	if (row->is_call)
		return row->throttled_ns;
	return why_is_throttle(row) ? row->latency_ns : 0;
}

static int64_t retry(const struct request *row)
{
	return row->is_call ? row->backoff_ns : 0;
}

/* The server sends head and body apart and holds a small body back until the head is
 * acknowledged, which this side's kernel is in no hurry to do. */
static int64_t delayed_ack(const struct request *row)
{
	if (row->response_size < 1 || row->response_size > SEGMENT ||
	    row->recv_ns < DELAYED_ACK_LEAST || row->recv_ns > DELAYED_ACK_MOST)
		return 0;
	return row->recv_ns;
}

/* What did not go out whole was still to be handed over when it ended: the
 * program waited to be rid of it, not for an answer. Without a body, SEND is one call
 * on a busy machine. */
static int64_t upload(const struct request *row)
{
	if (row->request_size == 0)
		return 0;
	return row->send_ns + (row->unsent > 0 ? row->wait_ns : 0);
}

static int64_t download(const struct request *row)
{
	return row->response_size == 0 ? 0 : row->recv_ns;
}

/* Also a head in pieces, when nothing follows it. */
static int64_t server(const struct request *row)
{
	return row->expect_ns - row->expect_timeout_ns + (row->unsent ? 0 : row->wait_ns) +
	       (row->response_size == 0 ? row->recv_ns : 0);
}

#define AT(field) offsetof(struct request, field)

static const struct rule {
	const char *word;
	int64_t (*explains)(const struct request *row); /* NULL: what the field says */
	size_t field;					/* int64_t, ns; negative: unknown */
} rules[] = {
	{"throttled", throttled, 0},
	{"retry", retry, 0},
	{"network-loss", NULL, AT(retransmit_ns)},
	{"expect-timeout", NULL, AT(expect_timeout_ns)},
	{"dns", NULL, AT(dns_ns)},
	{"connect", NULL, AT(connect_ns)},
	{"handshake", NULL, AT(tls_ns)},
	{"client-stall", NULL, AT(stall_ns)},
	{"delayed-ack", delayed_ack, 0},
	{"upload", upload, 0},
	{"download", download, 0},
	{"server", server, 0},
};

#define RULES (sizeof(rules) / sizeof(rules[0]))
_Static_assert(RULES + 1 == WHY_WORDS, "WHY_WORDS");

/* Set-up of the connection, before the request. */
static const size_t setups[] = {AT(dns_ns), AT(connect_ns), AT(tls_ns)};

static const char unknown[] = "unknown";

const char *why_word(size_t i)
{
	if (i < RULES)
		return rules[i].word;
	return i == RULES ? unknown : NULL;
}

static int64_t at(const struct request *row, size_t field)
{
	return *(const int64_t *)(const void *)((const char *)row + field);
}

int64_t why_setup(const struct request *row)
{
	int64_t ns = 0;

	for (size_t i = 0; i < sizeof(setups) / sizeof(setups[0]); i++)
		if (at(row, setups[i]) > 0 && __builtin_add_overflow(ns, at(row, setups[i]), &ns))
			return INT64_MAX;
	return ns;
}

static int64_t felt(const struct request *row)
{
	bool several = row->is_call && row->attempts > 1;
	int64_t ns;

	if (__builtin_add_overflow(row->latency_ns, several ? row->before_ns : why_setup(row), &ns))
		return INT64_MAX;
	return ns;
}

void why_judge(struct request *row)
{
	int64_t all = felt(row);

	row->why = all > 0 ? unknown : NULL;
	row->felt_ns = all > 0 ? all : -1;
	row->why_ns = row->why_share = -1;
	for (size_t i = 0; all > 0 && i < RULES; i++) {
		const struct rule *rule = &rules[i];
		int64_t ns = rule->explains ? rule->explains(row) : at(row, rule->field);

		if (ns <= all / 2)
			continue;
		if (ns > all)
			ns = all;
		row->why = rule->word;
		row->why_ns = ns;
		row->why_share = (int)((double)ns * 1000 / (double)all);
		return;
	}
}
