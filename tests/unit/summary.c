/* SPDX-License-Identifier: Apache-2.0 */
#include "output/summary.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)

static struct summary *summary;

/* By those groupings, whose names end with NULL. */
static void begin(const char *const *by, bool calls)
{
	struct summary_options options = {.prefix_levels = 2, .calls = calls};

	for (; *by; by++) {
		options.by[options.n_by] = grouping_find(*by);
		CU_ASSERT_PTR_NOT_NULL_FATAL(options.by[options.n_by++]);
	}
	summary = summary_new(&options);
	CU_ASSERT_PTR_NOT_NULL_FATAL(summary);
}

static void end(void)
{
	summary_free(summary);
	summary = NULL;
}

static const char *const by_operation[] = {"operation", NULL};
static const char *const by_two[] = {"bucket", "client", NULL};

/* A request as most are; the rest is up to the test. */
static struct request *a_request(void)
{
	static struct request request;

	request = (struct request){.state = REQUEST_COMPLETE,
				   .is_s3 = true,
				   .method = "GET",
				   .operation = "GetObject",
				   .via = "openssl",
				   .status = 200,
				   .request_size = -1,
				   .response_size = 23,
				   .attempt = -1,
				   .backoff_ns = -1,
				   .dns_ns = -1,
				   .connect_ns = -1,
				   .tls_ns = -1,
				   .number = -1,
				   .latency_ns = 5 * MS,
				   .wait_ns = 4 * MS,
				   .recv_ns = 1 * MS};
	return &request;
}

/* The group whose name's parts are these, or NULL. */
static const struct summary_group *group_of(const char *first, const char *second)
{
	const struct summary_group *group[SUMMARY_GROUPS_MAX + 1];
	size_t n = summary_groups(summary, group);

	for (size_t i = 0; i < n; i++)
		if (strcmp(group[i]->part[0], first) == 0 && strcmp(group[i]->part[1], second) == 0)
			return group[i];
	return NULL;
}

static void test_groups(void)
{
	const struct summary_group *group[SUMMARY_GROUPS_MAX + 1];
	struct request *r;

	begin(by_two, false);
	for (int i = 0; i < 6; i++) {
		r = a_request();
		r->bucket = i % 2 ? "logs" : "media";
		r->client_type = i < 4 ? "boto3" : NULL;
		r->is_error = i == 1;
		summary_add(summary, r);
	}
	CU_ASSERT_EQUAL(summary_groups(summary, group), 4);
	CU_ASSERT_PTR_EQUAL(group[0], group_of("logs", "boto3"));
	CU_ASSERT_PTR_EQUAL(group[1], group_of("media", "boto3"));
	CU_ASSERT_PTR_EQUAL(group[2], group_of("logs", ""));
	CU_ASSERT_PTR_EQUAL(group[3], group_of("media", ""));
	CU_ASSERT(group[0]->latency.count == 2 && group[0]->errors == 1);
	CU_ASSERT(group[3]->latency.count == 1 && group[3]->errors == 0);
	CU_ASSERT(summary->all->latency.count == 6 && summary->all->errors == 1);
	CU_ASSERT_EQUAL(summary->all->bytes, 6 * 23);
	CU_ASSERT(summary->all->phase_ns[PHASE_WAIT] == 24 * MS &&
		  summary->all->phase_ns[PHASE_RECV] == 6 * MS);

	summary_clear(summary);
	CU_ASSERT_EQUAL(summary_groups(summary, group), 0);
	CU_ASSERT(summary->all->latency.count == 0 && summary->all->bytes == 0 &&
		  summary->all->phase_ns[PHASE_WAIT] == 0);
	r = a_request();
	r->bucket = "logs";
	summary_add(summary, r);
	CU_ASSERT_EQUAL(summary_groups(summary, group), 1);
	CU_ASSERT_EQUAL(summary->all->latency.count, 1);
	end();
	summary_free(NULL);
}

/* "a" + "bc" is not "ab" + "c". */
static void test_parts_stay_apart(void)
{
	struct request *r;

	begin(by_two, false);
	for (int i = 0; i < 2; i++) {
		r = a_request();
		r->bucket = i ? "a" : "ab";
		r->client_type = i ? "bc" : "c";
		summary_add(summary, r);
	}
	CU_ASSERT(group_of("a", "bc") && group_of("ab", "c"));
	end();
}

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t sum_of(const struct summary_group *group)
{
	return group->latency.count + group->errors * 3 + group->bytes * 5 + group->retries * 7 +
	       group->backoff_ns * 11 + group->phase_ns[PHASE_WAIT] * 13 +
	       group->phase_ns[PHASE_STALL] * 17 + group->opened * 19 + group->reused * 23 +
	       group->unfollowed * 29 + group->setup_ns[SETUP_CONNECT] * 31 +
	       group->setup_ns[SETUP_TLS] * 37 + group->setup_unknown * 41 +
	       group->latency.sum * 43 + group->setup_within_ns * 47;
}

/* A traced program may invent operations for ever: groups stay bounded, what is busy
 * stays a group, and nothing is left out of the counts. */
static void test_bounded(void)
{
	const struct summary_group *group[SUMMARY_GROUPS_MAX + 1];
	uint64_t seed = 88172645463325252u, sum = 0, named = 0, exact[3] = {0};
	char name[200];

	for (int calls = 0; calls < 2; calls++) {
		begin(by_operation, calls);
		sum = named = 0;
		memset(exact, 0, sizeof(exact));
		for (unsigned i = 0; i < 20000; i++) {
			struct request *r = a_request();
			unsigned which = (unsigned)(next(&seed) % 6);

			/* Half are those of three, half are never seen again. */
			if (which < 3)
				exact[which]++;
			snprintf(name, sizeof(name), "%s%u", which < 3 ? "Busy" : "Once",
				 which < 3 ? which : i);
			r->operation = name;
			r->latency_ns = (int64_t)(next(&seed) % 1000000000);
			r->is_error = next(&seed) & 1;
			r->attempts = (int)(next(&seed) % 3);
			r->backoff_ns = r->attempts > 1 ? (int64_t)(next(&seed) % 1000) : -1;
			r->number = (int)(next(&seed) % 4) - 1;
			r->connect_ns = (int64_t)(next(&seed) % 1000) - 1;
			r->tls_ns = (int64_t)(next(&seed) % 1000) - 1;
			summary_add(summary, r);
		}
		size_t n = summary_groups(summary, group);
		CU_ASSERT_EQUAL(n, SUMMARY_GROUPS_MAX + 1);
		CU_ASSERT_PTR_EQUAL(group[n - 1], summary->other);
		for (size_t i = 0; i < n; i++) {
			sum += sum_of(group[i]);
			named += group[i]->latency.count;
			CU_ASSERT(i == 0 || i == n - 1 ||
				  group[i - 1]->latency.count >= group[i]->latency.count);
		}
		CU_ASSERT_EQUAL(sum, sum_of(summary->all));
		CU_ASSERT_EQUAL(named, 20000);
		CU_ASSERT(summary->merged > 9000);
		for (unsigned i = 0; i < 3; i++) {
			snprintf(name, sizeof(name), "Busy%u", i);
			const struct summary_group *busy = group_of(name, "");
			CU_ASSERT_PTR_NOT_NULL_FATAL(busy);
			CU_ASSERT(busy->latency.count == exact[i] && !busy->late);
		}
		/* The newest came when others had made room. */
		CU_ASSERT(group[n - 2]->late);
		end();
	}
}

/* Among equals the one that was not seen longest makes room. */
static void test_oldest_makes_room(void)
{
	char name[24];

	begin(by_operation, false);
	for (unsigned i = 0; i <= SUMMARY_GROUPS_MAX; i++) {
		struct request *r = a_request();

		snprintf(name, sizeof(name), "Op%u", i);
		r->operation = name;
		summary_add(summary, r);
	}
	CU_ASSERT_PTR_NULL(group_of("Op0", ""));
	CU_ASSERT(group_of("Op1", "") && group_of("Op64", ""));
	end();
}

static void test_long_names(void)
{
	static char name[600];
	struct request *r = a_request();

	begin(by_operation, false);
	memset(name, 'x', sizeof(name) - 1);
	r->operation = name;
	summary_add(summary, r);
	name[sizeof(name) - 2] = 'y';
	summary_add(summary, r);
	CU_ASSERT_EQUAL(summary->n, 1);
	CU_ASSERT_EQUAL(strlen(summary->group[0]->part[0]), SUMMARY_TEXT - 1);
	end();
}

static void add_connection(int number, int64_t connect_ns, int64_t tls_ns, const char *via,
			   int attempts)
{
	struct request *r = a_request();

	r->number = number;
	r->connect_ns = connect_ns;
	r->tls_ns = tls_ns;
	r->via = via;
	r->attempts = attempts;
	summary_add(summary, r);
}

/* A look-up that nobody saw may not have been one. */
static void test_look_ups(void)
{
	struct request *r = a_request();

	begin(by_operation, false);
	r->number = 1;
	r->dns_ns = 3 * MS;
	r->connect_ns = r->tls_ns = 1 * MS;
	summary_add(summary, r);
	r->dns_ns = -1;
	summary_add(summary, r);
	CU_ASSERT_EQUAL(summary_setup_ns(summary->all), 7 * MS);
	CU_ASSERT_FALSE(summary_setup_is_partial(summary->all));
	end();
}

static void test_handshakes(void)
{
	begin(by_operation, false);
	/* Two of three requests have a connection of their own; 5 ms each. */
	add_connection(1, 10 * MS, 20 * MS, "openssl", 0);
	add_connection(2, -1, -1, "openssl", 0);
	add_connection(1, 5 * MS, 20 * MS, "openssl", 0);
	CU_ASSERT(summary->all->opened == 2 && summary->all->reused == 1);
	CU_ASSERT_EQUAL(summary_setup_ns(summary->all), 55 * MS);
	CU_ASSERT_DOUBLE_EQUAL(summary_handshake_share(summary->all), 55.0 / 70, 1e-12);
	CU_ASSERT_FALSE(summary_setup_is_partial(summary->all));
	/* Without TLS there is no handshake that could be unknown. */
	add_connection(1, 10 * MS, -1, "http", 0);
	CU_ASSERT_DOUBLE_EQUAL(summary_handshake_share(summary->all), 65.0 / 85, 1e-12);
	CU_ASSERT_FALSE(summary_setup_is_partial(summary->all));
	/* One whose handshake was not seen: it is at least that much. */
	add_connection(1, 10 * MS, -1, "nss", 0);
	CU_ASSERT_DOUBLE_EQUAL(summary_handshake_share(summary->all), 75.0 / 100, 1e-12);
	CU_ASSERT(summary_setup_is_partial(summary->all));
	end();

	/* Connections that were there before us: nobody knows. */
	begin(by_operation, false);
	add_connection(-1, -1, -1, "openssl", 0);
	CU_ASSERT(summary_handshake_share(summary->all) < 0);
	CU_ASSERT_EQUAL(summary->all->unfollowed, 1);
	/* New ones of a client whose handshakes cannot be seen. */
	add_connection(1, -1, -1, "nss", 0);
	CU_ASSERT(summary_handshake_share(summary->all) < 0);
	/* All are kept: none was paid for. */
	summary_clear(summary);
	add_connection(2, -1, -1, "openssl", 0);
	CU_ASSERT_EQUAL(summary_handshake_share(summary->all), 0);
	CU_ASSERT_FALSE(summary_setup_is_partial(summary->all));
	end();
}

/* The last attempt's connection was made while its call waited: not twice. */
static void test_handshakes_of_calls(void)
{
	begin(by_operation, true);
	add_connection(1, 1 * MS, 1 * MS, "openssl", 1);
	CU_ASSERT_DOUBLE_EQUAL(summary_handshake_share(summary->all), 2.0 / 7, 1e-12);
	CU_ASSERT_FALSE(summary_setup_is_partial(summary->all));
	add_connection(1, 1 * MS, 1 * MS, "openssl", 3);
	CU_ASSERT_DOUBLE_EQUAL(summary_handshake_share(summary->all), 4.0 / 12, 1e-12);
	CU_ASSERT(summary_setup_is_partial(summary->all));
	CU_ASSERT_EQUAL(summary->all->retries, 2);
	end();
}

static void test_retries(void)
{
	struct request *r;

	begin(by_operation, false);
	r = a_request();
	r->attempt = 1;
	summary_add(summary, r);
	CU_ASSERT_EQUAL(summary->all->retries, 0);
	/* The SDK says so, though nobody saw the first one. */
	r->attempt = 2;
	summary_add(summary, r);
	CU_ASSERT(summary->all->retries == 1 && summary->all->backoff_ns == 0);
	/* Nobody says so, it was seen. */
	r->attempt = -1;
	r->attempts = 2;
	r->backoff_ns = 300 * MS;
	summary_add(summary, r);
	CU_ASSERT(summary->all->retries == 2 && summary->all->backoff_ns == 300 * MS);
	end();
}

static void add_key(const char *bucket, const char *key, int status, const char *first_error)
{
	struct request *r = a_request();

	r->bucket = bucket;
	r->key = key;
	r->status = status;
	strcpy(r->first_error, first_error);
	summary_add(summary, r);
}

static void test_prefixes(void)
{
	static const struct {
		const char *key, *prefix;
	} cases[] = {
		{"a/b/c/d", "logs/a/b/"},
		{"a/b/c", "logs/a/b/"},
		{"a/b/", "logs/a/b/"},
		{"a/b", "logs/a/"},
		{"a/", "logs/a/"},
		{"a", "logs/"},
		{"", "logs/"},
		{"/", "logs//"},
		{"//x", "logs///"},
		{NULL, "logs/"},
	};
	const struct hitter *top[1];

	begin(by_operation, false);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		summary_clear(summary);
		add_key("logs", cases[i].key, 200, "");
		CU_ASSERT_EQUAL(hitters_top(summary->by_time, top, 1), 1);
		CU_ASSERT_STRING_EQUAL(top[0]->text, cases[i].prefix);
		CU_ASSERT_EQUAL(top[0]->weight, 5 * MS);
		CU_ASSERT_EQUAL(hitters_count(summary->by_503), 0);
	}
	summary_clear(summary);
	add_key("logs", "a/x", 503, "");
	add_key("logs", "a/y", 200, "503 SlowDown"); /* a call that was refused first */
	add_key("logs", "b/y", 500, "500 InternalError");
	add_key(NULL, "a/x", 503, "");
	CU_ASSERT_EQUAL(hitters_top(summary->by_503, top, 1), 1);
	CU_ASSERT_STRING_EQUAL(top[0]->text, "logs/a/");
	CU_ASSERT_EQUAL(top[0]->weight, 2);
	CU_ASSERT_EQUAL(hitters_total(summary->by_503), 2);
	CU_ASSERT_EQUAL(hitters_total(summary->by_time), 15 * MS);
	end();
}

static void test_unknown_values(void)
{
	struct request *r = a_request();

	begin(by_operation, false);
	r->state = REQUEST_NO_RESPONSE;
	r->operation = NULL;
	r->response_size = -1;
	r->status = -1;
	r->latency_ns = -1;
	summary_add(summary, r);
	CU_ASSERT_PTR_NOT_NULL(group_of("GET (S3, unknown)", ""));
	CU_ASSERT(summary->all->latency.sum == 0 && summary->all->bytes == 0);
	end();
}

CU_TestInfo summary_tests[] = {
	{"groups", test_groups},
	{"parts stay apart", test_parts_stay_apart},
	{"bounded", test_bounded},
	{"the oldest makes room", test_oldest_makes_room},
	{"long names", test_long_names},
	{"handshakes", test_handshakes},
	{"look-ups", test_look_ups},
	{"handshakes of calls", test_handshakes_of_calls},
	{"retries", test_retries},
	{"prefixes", test_prefixes},
	{"unknown values", test_unknown_values},
	CU_TEST_INFO_NULL,
};
