/* SPDX-License-Identifier: Apache-2.0 */
/* Why a request took so long: each rule, what decides between them, and what holds
 * whatever the numbers are. */
#include "parsers/why.h"

#include <CUnit/CUnit.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output/reasons.h"

#define MS INT64_C(1000000)

#define NO_BODY (-2)

static struct request row;

/* Times in ms; what is not said is 0, or unknown where that can be. */
struct times {
	double dns, connect, tls, send, expect, timeout, wait, recv, stall, resent, backoff,
		throttled;
	int64_t size, sent; /* of the bodies; a sent of 0 is unknown */
	int status;
	const char *code;
	bool call; /* of two attempts */
	double before;
	int unsent;
};

static int64_t ns(double ms)
{
	return (int64_t)(ms * 1e6);
}

static void make(const struct times *t)
{
	row = (struct request){
		.state = REQUEST_COMPLETE,
		.status = t->status ? t->status : 200,
		.error_code = t->code,
		.is_call = t->call,
		.attempts = t->call ? 2 : 1,
		.before_ns = ns(t->before),
		.unsent = t->unsent,
		.response_size = t->size,
		.request_size = t->sent == NO_BODY ? 0
				: t->sent	   ? t->sent
						   : -1,
		.dns_ns = t->dns > 0 ? ns(t->dns) : -1,
		.connect_ns = t->connect > 0 ? ns(t->connect) : -1,
		.tls_ns = t->tls > 0 ? ns(t->tls) : -1,
		.send_ns = ns(t->send),
		.expect_ns = ns(t->expect),
		.expect_timeout_ns = ns(t->timeout),
		.wait_ns = ns(t->wait),
		.recv_ns = ns(t->recv),
		.stall_ns = ns(t->stall),
		.retransmit_ns = t->resent > 0 ? ns(t->resent) : -1,
		.backoff_ns = t->call	       ? ns(t->backoff)
			      : t->backoff > 0 ? ns(t->backoff)
					       : -1,
		.throttled_ns = ns(t->throttled),
	};
	row.latency_ns = row.send_ns + row.expect_ns + row.wait_ns + row.recv_ns + row.stall_ns;
	row.latency_ns += t->call ? ns(t->backoff) : 0;
}

static const struct {
	struct times times;
	const char *why;
	double ms, felt;
} rules[] = {
	{{.wait = 60, .send = 10, .recv = 20, .size = 9}, "server", 60, 90},
	{{.send = 600, .wait = 500}, "upload", 600, 1100},
	{{.send = 600, .wait = 500, .sent = 1}, "upload", 600, 1100},
	/* what has no body is not uploaded */
	{{.send = 600, .wait = 500, .sent = NO_BODY}, "unknown", -1, 1100},
	{{.recv = 600, .wait = 500, .size = 1 << 20}, "download", 600, 1100},
	{{.stall = 3000, .wait = 200, .recv = 1}, "client-stall", 3000, 3201},
	{{.tls = 600, .wait = 20}, "handshake", 600, 620},
	{{.connect = 600, .tls = 10, .wait = 20}, "connect", 600, 630},
	{{.dns = 5000, .connect = 1, .tls = 10, .wait = 20}, "dns", 5000, 5031},
	{{.dns = 20, .wait = 600}, "server", 600, 620},
	/* none of them alone has the majority */
	{{.connect = 300, .tls = 300, .wait = 300}, "unknown", -1, 900},
	{{.send = 10, .wait = 10}, "unknown", -1, 20},
	/* the server's 100 is the server's time, the time until nobody waits for it is not */
	{{.expect = 300, .wait = 500, .send = 1}, "server", 800, 801},
	{{.expect = 1000, .timeout = 1000, .wait = 5}, "expect-timeout", 1000, 1005},
	{{.expect = 1000, .timeout = 1000, .wait = 5000}, "server", 5000, 6000},
	/* what was lost is seen in another phase, too */
	{{.wait = 1000, .resent = 600}, "network-loss", 600, 1000},
	{{.wait = 1000, .resent = 400}, "server", 1000, 1000},
	{{.connect = 1003, .wait = 2, .resent = 1000}, "network-loss", 1000, 1005},
	{{.send = 900, .wait = 100, .resent = 700}, "network-loss", 700, 1000},
	/* a small body that came 40 ms behind its head */
	{{.recv = 40, .wait = 1, .size = 100}, "delayed-ack", 40, 41},
	{{.recv = 40, .wait = 1, .size = 1460}, "delayed-ack", 40, 41},
	{{.recv = 40, .wait = 1, .size = 1461}, "download", 40, 41},
	{{.recv = 40, .wait = 1, .size = 0}, "server", 41, 41},
	{{.recv = 40, .wait = 1, .size = -1}, "download", 40, 41},
	{{.recv = 34.9, .wait = 1, .size = 100}, "download", 34.9, 35.9},
	{{.recv = 35, .wait = 1, .size = 100}, "delayed-ack", 35, 36},
	{{.recv = 50, .wait = 1, .size = 100}, "delayed-ack", 50, 51},
	{{.recv = 50.1, .wait = 1, .size = 100}, "download", 50.1, 51.1},
	{{.recv = 40, .wait = 41, .size = 100}, "server", 41, 81},
	/* a refusal is one, however long it took */
	{{.wait = 5, .status = 503}, "throttled", 5, 5},
	{{.wait = 5, .status = 429}, "throttled", 5, 5},
	{{.wait = 5, .status = 429, .code = "InternalError"}, "throttled", 5, 5},
	{{.wait = 5, .status = 509}, "throttled", 5, 5},
	{{.wait = 5, .status = 503, .code = "SlowDown"}, "throttled", 5, 5},
	{{.wait = 5, .status = 400, .code = "ThrottlingException"}, "throttled", 5, 5},
	{{.wait = 5, .status = 503, .code = "XMinioServerNotInitialized"}, "server", 5, 5},
	{{.wait = 5, .status = 500, .code = "InternalError"}, "server", 5, 5},
	{{.wait = 5, .tls = 600, .status = 503}, "handshake", 600, 605},
	/* an attempt's back-off lies before it, a call's is in it */
	{{.wait = 5, .backoff = 900}, "server", 5, 5},
	{{.wait = 5, .backoff = 900, .call = true}, "retry", 900, 905},
	/* the last attempt's connection was made between the attempts */
	{{.wait = 5, .backoff = 900, .call = true, .before = 10, .connect = 400},
	 "retry",
	 900,
	 915},
	{{.wait = 1005, .backoff = 900, .call = true}, "server", 1005, 1905},
	{{.wait = 5, .backoff = 900, .throttled = 903, .call = true}, "throttled", 903, 905},
	{{.wait = 5, .backoff = 900, .throttled = 300, .call = true}, "retry", 900, 905},
	{{.wait = 5, .status = 503, .throttled = 5, .call = true}, "throttled", 5, 5},
	/* it never got rid of its request: nobody answers half of one */
	{{.send = 10, .wait = 5000, .unsent = 1}, "upload", 5010, 5010},
	{{.send = 10, .wait = 5000, .unsent = -1}, "unknown", -1, 5010},
	/* exactly the half is no majority */
	{{.wait = 10, .stall = 10}, "unknown", -1, 20},
	{{.wait = 10.000001, .stall = 10}, "server", 10.000001, 20.000001},
};

static void each_rule(void)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		make(&rules[i].times);
		why_judge(&row);
		CU_ASSERT_PTR_NOT_NULL_FATAL(row.why);
		CU_ASSERT_STRING_EQUAL(row.why, rules[i].why);
		CU_ASSERT(llabs(row.felt_ns - ns(rules[i].felt)) <= 2);
		if (rules[i].ms < 0) {
			CU_ASSERT_EQUAL(row.why_ns, -1);
			CU_ASSERT_EQUAL(row.why_share, -1);
		} else {
			CU_ASSERT(llabs(row.why_ns - ns(rules[i].ms)) <= 2);
			CU_ASSERT_EQUAL(row.why_share,
					(int)((double)row.why_ns * 1000 / (double)row.felt_ns));
		}
	}
}

static void every_word_has_a_rule_that_is_tested(void)
{
	size_t i;

	for (i = 0; why_word(i); i++) {
		bool found = false;

		for (size_t k = 0; k < sizeof(rules) / sizeof(rules[0]) && !found; k++)
			found = strcmp(rules[k].why, why_word(i)) == 0;
		CU_ASSERT(found);
	}
	CU_ASSERT_EQUAL(i, WHY_WORDS);
	CU_ASSERT_STRING_EQUAL(why_word(WHY_WORDS - 1), "unknown");
	CU_ASSERT_PTR_NULL(why_word(SIZE_MAX));
}

/* The manual has the same rules, in the same order. */
static void rules_are_in_the_manual(void)
{
	static char manual[131072];
	FILE *file = fopen("man/s3slower.8", "r");
	const char *at;
	char entry[64];

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	manual[fread(manual, 1, sizeof(manual) - 1, file)] = '\0';
	fclose(file);
	at = strstr(manual, "\n.Sh WHY\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	for (size_t i = 0; why_word(i); i++) {
		snprintf(entry, sizeof(entry), "\n.It Cm %s\n", why_word(i));
		at = strstr(at, entry);
		CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	}
}

static void no_time_no_word(void)
{
	make(&(struct times){.wait = 0});
	why_judge(&row);
	CU_ASSERT_PTR_NULL(row.why);
	CU_ASSERT_EQUAL(row.felt_ns, -1);
	CU_ASSERT_EQUAL(row.why_ns, -1);
	CU_ASSERT_EQUAL(row.why_share, -1);
}

static char *line_of(const struct reasons *reasons)
{
	static char line[512];
	FILE *file = fmemopen(line, sizeof(line), "w");

	line[0] = '\0';
	reasons_print(reasons, file);
	fclose(file);
	return line;
}

/* Shares of the time, not of the rows. */
static void a_line_for_all_rows(void)
{
	struct reasons reasons = {{0}};

	CU_ASSERT_STRING_EQUAL(line_of(&reasons), "");
	make(&(struct times){.wait = 0});
	why_judge(&row);
	reasons_add(&reasons, &row);
	CU_ASSERT_STRING_EQUAL(line_of(&reasons), "");
	for (int i = 0; i < 10; i++) {
		make(&(struct times){.wait = 10, .connect = i ? 0 : 1});
		why_judge(&row);
		reasons_add(&reasons, &row);
	}
	CU_ASSERT_STRING_EQUAL(line_of(&reasons), "why, by time: server 100.0 %\n");
	make(&(struct times){.tls = 798, .wait = 1});
	why_judge(&row);
	reasons_add(&reasons, &row);
	make(&(struct times){.recv = 50, .stall = 50});
	why_judge(&row);
	reasons_add(&reasons, &row);
	CU_ASSERT_STRING_EQUAL(line_of(&reasons),
			       "why, by time: handshake 79.9 %, server 10.1 %, unknown 10.0 %\n");
	reasons.felt_ns[0] = UINT64_MAX - 1;
	make(&(struct times){.wait = 5, .status = 429});
	why_judge(&row);
	reasons_add(&reasons, &row);
	CU_ASSERT_STRING_EQUAL(line_of(&reasons),
			       "why, by time: throttled 100.0 %, handshake 0.0 %, server 0.0 %, "
			       "unknown 0.0 %\n");
}

static uint64_t state = 88172645463325252;

static int64_t number(void)
{
	static const int64_t odd[] = {-1, 0, 1, INT64_MAX, 40 * MS, INT64_MAX / 2, 1000 * MS};

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	if (state % 4 == 0)
		return odd[state / 4 % (sizeof(odd) / sizeof(odd[0]))];
	return (int64_t)(state % (1U << (1 + state / 8 % 31)));
}

/* Whatever the numbers are: a word of the table, and a share that is one. */
static void always_a_share(void)
{
	for (int n = 0; n < 200000; n++) {
		int64_t *const fields[] = {
			&row.connect_ns,   &row.tls_ns,	       &row.backoff_ns, &row.retransmit_ns,
			&row.throttled_ns, &row.response_size, &row.latency_ns, &row.request_size};
		int64_t *const phases[] = {&row.send_ns, &row.expect_ns, &row.wait_ns, &row.recv_ns,
					   &row.stall_ns};
		bool known = false;

		row = (struct request){.attempts = (int)(number() & 3),
				       .before_ns = llabs(number() % (1000000 * MS)),
				       .status = (int)(number() % 600),
				       .is_call = number() & 1,
				       .unsent = (int)(number() & 3) - 1};
		for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
			*fields[i] = number();
		for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
			*phases[i] = llabs(number() % (1000000 * MS));
		if (row.expect_ns)
			row.expect_timeout_ns = number() & 1 ? row.expect_ns : 0;
		why_judge(&row);
		if (!row.why) {
			CU_ASSERT(row.latency_ns <= 0 && row.felt_ns == -1);
			continue;
		}
		for (size_t i = 0; why_word(i); i++)
			known |= row.why == why_word(i);
		CU_ASSERT(known);
		CU_ASSERT(row.felt_ns > 0);
		if (strcmp(row.why, "unknown") == 0) {
			CU_ASSERT(row.why_ns == -1 && row.why_share == -1);
		} else {
			CU_ASSERT(row.why_ns > 0 && row.why_ns <= row.felt_ns);
			CU_ASSERT(row.why_ns > row.felt_ns / 2);
			CU_ASSERT(row.why_share >= 500 && row.why_share <= 1000);
		}
	}
}

CU_TestInfo why_tests[] = {
	{"each rule", each_rule},
	{"every word has a rule that is tested", every_word_has_a_rule_that_is_tested},
	{"rules are in the manual", rules_are_in_the_manual},
	{"no time, no word", no_time_no_word},
	{"a line for all rows", a_line_for_all_rows},
	{"always a share", always_a_share},
	CU_TEST_INFO_NULL,
};
