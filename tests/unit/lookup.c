/* SPDX-License-Identifier: Apache-2.0 */
#include "parsers/lookup.h"

#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MS 1000000ULL
#define BEGUN (60000 * MS) /* a connection, when nothing else is said */
#define TGID 1000u
#define TID 1001u

static struct lookups *lookups;

/* One that took so many ms, and ended so many before the connection was begun. */
static void add_by(uint32_t tid, const char *name, unsigned took, unsigned before)
{
	struct event_lookup l = {.kind = EVENT_LOOKUP,
				 .tgid = TGID,
				 .tid = tid,
				 .time = BEGUN - before * MS,
				 .n = (__u32)strlen(name) + 1};

	l.entered = l.time - took * MS;
	memcpy(l.name, name, l.n);
	lookups_add(lookups, &l);
}

static void add(const char *name, unsigned took, unsigned before)
{
	add_by(TID + 5, name, took, before);
}

/* A connection's first request, to that host. */
static struct exchange request(const char *host)
{
	static __u64 id;
	struct exchange e = {.kind = EVENT_EXCHANGE,
			     .flags = EXCHANGE_NUMBERED,
			     .id = ++id,
			     .key = {.conn = 7, .tgid = TGID, .layer = LAYER_SOCKET},
			     .tid = TID,
			     .number = 1,
			     .t_setup = BEGUN,
			     .t_start = BEGUN + 5 * MS};

	e.req_len = (__u32)snprintf((char *)e.bytes, EXCHANGE_REQ_CAP,
				    "GET /k HTTP/1.1\r\nHost: %s\r\n\r\n", host);
	return e;
}

/* In ms; -1 if there is none. */
static int found(const char *host)
{
	struct exchange e = request(host);
	int64_t ns = lookups_find(lookups, &e);

	CU_ASSERT_EQUAL(lookups_find(lookups, &e), ns);
	CU_ASSERT(ns < 0 || ns % (int64_t)MS == 0);
	return ns < 0 ? -1 : (int)(ns / (int64_t)MS);
}

static void begin(void)
{
	lookups_free(lookups);
	lookups = lookups_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(lookups);
}

static void names_are_compared(void)
{
	static const struct {
		const char *name, *host;
		bool same;
	} cases[] = {
		{"s3.amazonaws.com", "s3.amazonaws.com", true},
		{"s3.amazonaws.com", "S3.Amazonaws.Com:443", true},
		{"s3.amazonaws.com.", "s3.amazonaws.com", true},
		{"s3.amazonaws.com", "s3.amazonaws.com.:9000", true},
		{"b.s3.amazonaws.com", "b.s3.amazonaws.com", true},
		{"s3.amazonaws.com", "b.s3.amazonaws.com", false},
		{"b.s3.amazonaws.com", "s3.amazonaws.com", false},
		{"127.0.0.1", "127.0.0.1:9000", true},
		{"::1", "[::1]:9000", true},
		{"::1", "[::1]", true},
		{"s3", "s3x", false},
		{"x", "", false},
		{".", ".", false},
		{"", "[", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin();
		add(cases[i].name, 30, 1);
		CU_ASSERT_EQUAL(found(cases[i].host), cases[i].same ? 30 : -1);
	}
}

static void times_are_compared(void)
{
	struct exchange e = request("host");

	begin();
	add("host", 30, 10001);
	CU_ASSERT_EQUAL(found("host"), -1);
	add("host", 40, 10000);
	CU_ASSERT_EQUAL(found("host"), 40);
	begin();
	add("host", 50, 0);
	CU_ASSERT_EQUAL(found("host"), 50);
	/* It ended while the connection was under way: that did not wait for it. */
	begin();
	add("host", 60, 2);
	e.t_setup = BEGUN - 3 * MS;
	CU_ASSERT_EQUAL(lookups_find(lookups, &e), -1);
	/* Nobody knows when that was begun. */
	e.t_setup = 0;
	CU_ASSERT_EQUAL(lookups_find(lookups, &e), (int64_t)(60 * MS));
}

static void first_requests_only(void)
{
	struct exchange e;

	begin();
	add("host", 30, 1);
	e = request("host");
	e.number = 2;
	CU_ASSERT_EQUAL(lookups_find(lookups, &e), -1);
	e.number = 1;
	e.flags = 0;
	CU_ASSERT_EQUAL(lookups_find(lookups, &e), -1);
	e.flags = EXCHANGE_NUMBERED;
	e.key.tgid = TGID + 128; /* another process */
	CU_ASSERT_EQUAL(lookups_find(lookups, &e), -1);
	e.key.tgid = TGID;
	e.req_len = 20; /* no host in hand */
	CU_ASSERT_EQUAL(lookups_find(lookups, &e), -1);
	CU_ASSERT_EQUAL(found("host"), 30);
}

static void each_is_for_one_connection(void)
{
	begin();
	add("host", 10, 5);
	add("host", 20, 4);
	add("host", 30, 3);
	CU_ASSERT_EQUAL(found("host"), 30);
	CU_ASSERT_EQUAL(found("host"), 20);
	CU_ASSERT_EQUAL(found("host"), 10);
	CU_ASSERT_EQUAL(found("host"), -1);
	/* A thread's own comes first. */
	add_by(TID, "host", 40, 9);
	add("host", 50, 5);
	CU_ASSERT_EQUAL(found("host"), 40);
	CU_ASSERT_EQUAL(found("host"), 50);
}

/* A program that looks up one name after another keeps to its bounds. */
static void the_oldest_goes(void)
{
	begin();
	for (unsigned i = 0; i < 1000; i++)
		add("host", 1000 - i, 1000 - i);
	for (int i = 1; i <= 16; i++)
		CU_ASSERT_EQUAL(found("host"), i);
	CU_ASSERT_EQUAL(found("host"), -1);
	lookups_free(lookups);
	lookups = NULL;
	lookups_free(NULL);
}

CU_TestInfo lookup_tests[] = {
	{"names are compared", names_are_compared},
	{"times are compared", times_are_compared},
	{"first requests only", first_requests_only},
	{"each is for one connection", each_is_for_one_connection},
	{"the oldest goes", the_oldest_goes},
	CU_TEST_INFO_NULL,
};
