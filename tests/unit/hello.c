/* SPDX-License-Identifier: Apache-2.0 */
/* The BPF side's look at TLS hellos, on the host: what a handshake was. */
#include "tests/host/host.c"
#include "tests/host/hello.h"

#include <CUnit/CUnit.h>

#include "guard.h"

#define SESSION "0123456789abcdef0123456789abcdef"
#define OTHER "0123450000abcdef0123456789abcdef"
#define ON (-1) /* nothing yet: look at what comes next */
#define FD 7

/* RFC 8446, section 4.1.3 */
static const u8 retry[32] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
			     0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
			     0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

static struct hello hello;
static struct hello_text server;

/* The client has named this session. */
static void client(const char *session)
{
	static struct hello_text text;
	u64 word;

	hello_begin(&text, 1, NULL, session);
	hello_extension(&text, 0, 40);
	hello_end(&text, text.n - 44);
	memcpy(&word, text.bytes, sizeof(word));
	CU_ASSERT(begins_hello(word));
	hello_sent(&hello, FD, (u64)text.bytes);
}

/* A server's hello with such extensions, in this order; 0 ends them. */
static void answer(const void *random, const char *session, const unsigned *types)
{
	size_t at;

	hello_begin(&server, 2, random, session);
	at = server.n;
	if (*types)
		hello_number(&server, 0, 2);
	for (; *types; types++)
		hello_extension(&server, *types, *types == 51 ? 1120 : *types % 7);
	hello_end(&server, at);
}

/* n bytes are read: the verdict, ON, or 0 when that was all. */
static int read_bytes(const void *bytes, size_t n)
{
	int verdict = (int)hello_received(&hello, (u64)bytes, n);

	CU_ASSERT(hello.fd == 0 || hello.fd == FD + 1);
	CU_ASSERT(!verdict || !hello.fd);
	return verdict ? verdict : hello.fd ? ON : 0;
}

/* The hello as libraries read it: header and content, or with what follows. */
static int read_server(bool whole)
{
	if (whole) {
		memset(server.bytes + server.n, 0x55, 64);
		return read_bytes(server.bytes, server.n + 64);
	}
	CU_ASSERT_EQUAL(read_bytes(server.bytes, 5), ON);
	return read_bytes(server.bytes + 5, server.n - 5);
}

static const unsigned none[] = {0}, v13[] = {43, 51, 0}, v13_psk[] = {43, 51, 41, 0},
		      psk_v13[] = {41, 51, 43, 0}, v12[] = {65281, 35, 23, 0},
		      v12_psk[] = {65281, 41, 0};

static void sessions_go_on(void)
{
	static const struct {
		const char *client, *server;
		const unsigned *extensions;
		int verdict;
	} cases[] = {
		/* TLS 1.3 repeats the session whatever it does */
		{SESSION, SESSION, v13, EXCHANGE_FULL},
		{SESSION, SESSION, v13_psk, EXCHANGE_RESUMED},
		{SESSION, SESSION, psk_v13, EXCHANGE_RESUMED},
		{"", "", v13, EXCHANGE_FULL},
		{"", "", v13_psk, EXCHANGE_RESUMED},
		/* and others do not */
		{SESSION, SESSION, v12, EXCHANGE_RESUMED},
		{SESSION, SESSION, none, EXCHANGE_RESUMED},
		{SESSION, OTHER, v12, EXCHANGE_FULL},
		{SESSION, "0123456789abcdef", v12, EXCHANGE_FULL},
		{SESSION, "", v12, EXCHANGE_FULL},
		{SESSION, "", none, EXCHANGE_FULL},
		{"", SESSION, v12, EXCHANGE_FULL},
		{"", "", v12, EXCHANGE_FULL},
		{"", "", v12_psk, EXCHANGE_FULL},
		/* too short to be compared */
		{"abcdefg", "abcdefg", v12, EXCHANGE_RESUMED},
		{"abcdef", "abcdef", v12, 0},
		{"a", "a", v12, 0},
		{"a", "a", v13, EXCHANGE_FULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int whole = 0; whole < 2; whole++) {
			host_reset();
			client(cases[i].client);
			answer(NULL, cases[i].server, cases[i].extensions);
			CU_ASSERT_EQUAL(read_server(whole), cases[i].verdict);
		}
	}
}

/* HelloRetryRequest: the next one decides, behind a change of ciphers. */
static void the_second_hello_decides(void)
{
	static const u8 change[] = {0x14, 3, 3, 0, 1, 1};

	for (int whole = 0; whole < 2; whole++) {
		for (int resumed = 0; resumed < 2; resumed++) {
			host_reset();
			client(SESSION);
			answer(retry, SESSION, v13);
			CU_ASSERT_EQUAL(read_server(whole), ON);
			if (whole) {
				CU_ASSERT_EQUAL(read_bytes(change, 6), ON);
			} else {
				CU_ASSERT_EQUAL(read_bytes(change, 5), ON);
				CU_ASSERT_EQUAL(read_bytes(change + 5, 1), ON);
			}
			answer(NULL, SESSION, resumed ? v13_psk : v13);
			CU_ASSERT_EQUAL(read_server(whole),
					resumed ? EXCHANGE_RESUMED : EXCHANGE_FULL);
		}
	}
}

/* The hello ends early, whatever lies behind it: then nothing is said. */
static void cut_hellos_say_nothing(void)
{
	static const unsigned *const all[] = {none, v12, v13, v13_psk};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		host_reset();
		answer(NULL, SESSION, all[i]);
		memset(server.bytes + server.n, 0x55, 64);
		for (size_t n = 0; n < server.n; n++) {
			struct slice part = {(char *)server.bytes, n};
			struct slice guarded = guard_copy(part);

			client(SESSION);
			host.end = (u64)guarded.p + n;
			CU_ASSERT_EQUAL(read_bytes(guarded.p, n), n == 5 ? ON : n == 6 ? ON : 0);
			host.end = 0;
			client(SESSION);
			CU_ASSERT_EQUAL(read_bytes(server.bytes, n), n == 5 || n == 6 ? ON : 0);
			if (n < 7)
				continue;
			client(SESSION);
			CU_ASSERT_EQUAL(read_bytes(server.bytes, 5), ON);
			CU_ASSERT_EQUAL(read_bytes(server.bytes + 5, n - 5), 0);
		}
	}
}

static void what_is_none_says_nothing(void)
{
	static const char alert[] = "\x15\x03\x03\0\x02\x02\x28............................"
				    "............................................";

	static const int lengths[] = {6, 7, 8, 83, 84};

	host_reset();
	client(SESSION);
	CU_ASSERT_EQUAL(read_bytes(alert, 7), 0);
	client(SESSION);
	CU_ASSERT_EQUAL(read_bytes(alert, 5), ON);
	CU_ASSERT_EQUAL(read_bytes(alert + 5, 2), 0);
	/* lengths that do not fit: the message's, an extension's */
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		client(SESSION);
		answer(NULL, SESSION, v13_psk);
		server.bytes[lengths[i]] ^= 0x01;
		CU_ASSERT_EQUAL(read_server(true), 0);
	}
	/* memory that cannot be read */
	answer(NULL, SESSION, v13_psk);
	for (u32 fault = 1; fault <= 4; fault++) {
		client(SESSION);
		host.fault_at = fault;
		CU_ASSERT_EQUAL(read_server(true), 0);
	}
	host.fault_at = 0;
}

static void client_hellos_are_recognised(void)
{
	static const struct {
		char bytes[9];
		bool is;
	} cases[] = {
		{"\x16\x03\x01\x02\x00\x01\x00\x01", true},
		{"\x16\x03\x03\x00\xc8\x01\x00\x00", true},
		{"\x16\x03\x03\x00\xc8\x02\x00\x00", false}, /* a server's */
		{"\x17\x03\x03\x00\xc8\x01\x00\x00", false}, /* data */
		{"\x16\x02\x03\x00\xc8\x01\x00\x00", false},
		{"GET / HT", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		u64 word;

		memcpy(&word, cases[i].bytes, sizeof(word));
		CU_ASSERT_EQUAL(begins_hello(word) != 0, cases[i].is);
	}
}

/* What was found out is the connection's. */
static void the_connection_knows(void)
{
	struct exchange_key key = host_key(FD);
	struct socket s = {.connected = 1};

	host_reset();
	sockets.update(&key, &s);
	client(SESSION);
	answer(NULL, SESSION, v13_psk);
	connection_hello(&hello, &key, (u64)server.bytes, 5);
	CU_ASSERT_EQUAL(sockets.lookup(&key)->shaken, 0);
	connection_hello(&hello, &key, (u64)server.bytes + 5, server.n - 5);
	CU_ASSERT_EQUAL(sockets.lookup(&key)->shaken, EXCHANGE_RESUMED);
	/* One that nobody saw connect. */
	sockets.delete(&key);
	client(SESSION);
	connection_hello(&hello, &key, (u64)server.bytes, server.n);
	CU_ASSERT_PTR_NULL(sockets.lookup(&key));
}

CU_TestInfo hello_tests[] = {
	{"sessions go on, or do not", sessions_go_on},
	{"the second hello decides", the_second_hello_decides},
	{"cut hellos say nothing", cut_hellos_say_nothing},
	{"what is none says nothing", what_is_none_says_nothing},
	{"client hellos are recognised", client_hellos_are_recognised},
	{"the connection knows", the_connection_knows},
	CU_TEST_INFO_NULL,
};
