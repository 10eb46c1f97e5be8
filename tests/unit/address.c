/* SPDX-License-Identifier: Apache-2.0 */
#include "parsers/address.h"

#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <string.h>

#include "guard.h"

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct {
	const char *ipv6; /* as inet_pton() takes it */
	unsigned port;
	const char *address, *endpoint;
} ends[] = {
	{"::ffff:10.0.0.7", 443, "10.0.0.7", "10.0.0.7:443"},
	{"::ffff:255.255.255.255", 65535, "255.255.255.255", "255.255.255.255:65535"},
	{"::1", 9000, "::1", "[::1]:9000"},
	{"2001:db8::7", 80, "2001:db8::7", "[2001:db8::7]:80"},
	{"1111:2222:3333:4444:5555:6666:7777:8888", 65535,
	 "1111:2222:3333:4444:5555:6666:7777:8888",
	 "[1111:2222:3333:4444:5555:6666:7777:8888]:65535"},
	{"::ffff:1.2.3.4", 0, "1.2.3.4", NULL},
};

static void addresses_are_written(void)
{
	for (size_t i = 0; i < N_OF(ends); i++) {
		char text[ENDPOINT_TEXT];
		const char *got;
		__u64 raw[2];

		CU_ASSERT_EQUAL_FATAL(inet_pton(AF_INET6, ends[i].ipv6, raw), 1);
		CU_ASSERT_STRING_EQUAL(address_text(raw, text), ends[i].address);
		got = address_endpoint(raw, ends[i].port, text);
		CU_ASSERT((!got && !ends[i].endpoint) ||
			  (got && ends[i].endpoint && strcmp(got, ends[i].endpoint) == 0));
	}
}

#define REST " 01 00000000:00000000 00:00000000 00000000  1000        0 4242 1 00000000 20 4 0\n"

static const struct {
	const char *line, *local, *peer; /* NULL: no row */
	__u64 inode;
} lines[] = {
	{"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
	 "timeout inode\n",
	 NULL, NULL, 0},
	{"   0: 0100007F:1F90 0700000A:01BB" REST, "127.0.0.1:8080", "10.0.0.7:443", 4242},
	{" 12: 0000000000000000FFFF00000100007F:C350 0000000000000000FFFF00000700000A:01BB" REST,
	 "127.0.0.1:50000", "10.0.0.7:443", 4242},
	{" 3: 00000000000000000000000001000000:C350 B80D0120000000000000000007000000:2328" REST,
	 "[::1]:50000", "[2001:db8::7]:9000", 4242},
	{"   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        "
	 "0 77 1\n",
	 "0.0.0.0:8080", NULL, 77},
	/* nobody's: waiting for stray segments */
	{"   1: 0100007F:A68B 0100007F:BE88 06 00000000:00000000 03:00001191 00000000     0        "
	 "0 0 3\n",
	 NULL, NULL, 0},
	{"   0: 0100007F:1F90 0700000A:01BB 01 00000000:00000000 00:00000000", NULL, NULL, 0},
	{"   0: 0100007F-1F90 0700000A:01BB" REST, NULL, NULL, 0},
	{"   0: 0100007G:1F90 0700000A:01BB" REST, NULL, NULL, 0},
	{"   0: 0100007F:1F90", NULL, NULL, 0},
	{"", NULL, NULL, 0},
};

static void lines_are_read(void)
{
	for (size_t i = 0; i < N_OF(lines); i++) {
		char text[ENDPOINT_TEXT];
		struct endpoints got;
		__u64 inode = 0;
		struct slice line =
			guard_copy((struct slice){lines[i].line, strlen(lines[i].line)});
		const char *peer;

		CU_ASSERT_EQUAL_FATAL(address_line(line, &inode, &got), lines[i].local != NULL);
		if (!lines[i].local)
			continue;
		CU_ASSERT_EQUAL(inode, lines[i].inode);
		CU_ASSERT_STRING_EQUAL(address_endpoint(got.local, got.local_port, text),
				       lines[i].local);
		peer = address_endpoint(got.peer, got.peer_port, text);
		CU_ASSERT((!peer && !lines[i].peer) ||
			  (peer && lines[i].peer && strcmp(peer, lines[i].peer) == 0));
	}
}

static void any_prefix_is_safe(void)
{
	for (size_t i = 0; i < N_OF(lines); i++) {
		for (size_t n = 0; n <= strlen(lines[i].line); n++) {
			struct endpoints got;
			__u64 inode;

			address_line(guard_copy((struct slice){lines[i].line, n}), &inode, &got);
		}
	}
}

CU_TestInfo address_tests[] = {
	{"addresses are written", addresses_are_written},
	{"lines are read", lines_are_read},
	{"any prefix is safe", any_prefix_is_safe},
	CU_TEST_INFO_NULL,
};
