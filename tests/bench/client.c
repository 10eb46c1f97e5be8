/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client PORT CONNECTIONS SECONDS REQUESTS SIZE BUCKET: a closed loop of signed-looking GETs over
 * TLS keep-alive to 127.0.0.1. Each connection has a thread that sends the next request when the
 * last answer is whole, until SECONDS are over or REQUESTS (of all connections together) are
 * answered; both bounds must be given. The clock starts when all have shaken hands and warmed up.
 * Prints one JSON object; "sent" counts the warm-up too: that many rows a tracer shall show.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 32
#define SECONDS_MAX 60
#define REQUESTS_MAX 10000000ULL
#define WARM_UP 20
#define READ_SIZE 65536
#define BUCKETS 4096 /* of the latency histogram: 1/16 of an octave each */

struct loop {
	pthread_t thread;
	SSL *ssl;
	unsigned id;
	char request[512], *number; /* the number's end */
	int n;
	size_t whole; /* bytes of an answer, 0 not known yet */
	uint64_t sent, measured, bytes;
	uint64_t histogram[BUCKETS];
};

static SSL_CTX *ctx;
static pthread_barrier_t barrier;
static const char *bucket;
static size_t body_size;
static uint64_t deadline, left;
static int seconds_ms;

static void die(const char *what)
{
	fprintf(stderr, "client: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(3);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static unsigned bucket_of(uint64_t ns)
{
	unsigned octave = 63 - (unsigned)__builtin_clzll(ns | 16);

	return octave * 16 + (unsigned)(ns >> (octave - 4) & 15);
}

static double bucket_us(unsigned i)
{
	return (double)(16 + i % 16) * (double)(1ULL << (i / 16)) / 16 / 1000;
}

static SSL *connect_to(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	SSL *ssl = SSL_new(ctx);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("cannot connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!ssl || !SSL_set_fd(ssl, fd) || SSL_connect(ssl) != 1)
		die("TLS handshake");
	return ssl;
}

#define NUMBER_DIGITS 8

/* The request of a connection, once: only its number changes. What tracing costs shows the
 * better, the less the load itself does. */
static void make_request(struct loop *loop)
{
	static const char path[] = "GET /%s/%zu/%02u/00000000";

	loop->n = snprintf(
		loop->request, sizeof(loop->request),
		"GET /%s/%zu/%02u/00000000 HTTP/1.1\r\n"
		"Host: s3.us-east-1.amazonaws.com\r\n"
		"User-Agent: bench/1.0\r\n"
		"X-Amz-Date: 20260101T000000Z\r\n"
		"X-Amz-Content-SHA256: UNSIGNED-PAYLOAD\r\n"
		"Authorization: AWS4-HMAC-SHA256 "
		"Credential=AKIDEXAMPLE/20260101/us-east-1/s3/aws4_request, "
		"SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
		"Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n"
		"Accept-Encoding: identity\r\n\r\n",
		bucket, body_size, loop->id);
	loop->number = loop->request + snprintf(NULL, 0, path, bucket, body_size, loop->id);
	if (loop->n >= (int)sizeof(loop->request))
		die("a bucket's name has 63 letters at most");
}

/* The size of the whole answer, by its first read: the head is in that. */
static size_t answer_size(char *buf, size_t got)
{
	char *end, *length;

	buf[got] = '\0';
	end = strstr(buf, "\r\n\r\n");
	length = strstr(buf, "Content-Length: ");
	if (!end || !length)
		die("not the answer that was expected");
	return (size_t)(end + 4 - buf) + strtoul(length + 16, NULL, 10);
}

static void ask(struct loop *loop)
{
	static __thread char buf[READ_SIZE + 1];
	uint64_t number = loop->sent;
	size_t have = 0;

	for (int i = 1; i <= NUMBER_DIGITS; i++, number /= 10)
		loop->number[-i] = (char)('0' + number % 10);
	if (SSL_write(loop->ssl, loop->request, loop->n) != loop->n)
		die("write");
	do {
		int got = SSL_read(loop->ssl, buf, READ_SIZE);

		if (got <= 0)
			die("read");
		if (have == 0 && (got < 13 || memcmp(buf, "HTTP/1.1 200 ", 13) != 0))
			die("not the answer that was expected");
		if (!loop->whole) /* all answers of a load are as long as the first */
			loop->whole = answer_size(buf, (size_t)got);
		have += (size_t)got;
	} while (have < loop->whole);
	if (have != loop->whole)
		die("more than was asked for");
	loop->sent++;
	loop->bytes += have;
}

static void *run(void *arg)
{
	struct loop *loop = arg;
	uint64_t before, after;

	make_request(loop);
	for (int i = 0; i < WARM_UP; i++)
		ask(loop);
	loop->bytes = 0;
	pthread_barrier_wait(&barrier); /* main takes the time */
	pthread_barrier_wait(&barrier);
	after = now_ns();
	while (after < deadline && (int64_t)__atomic_sub_fetch(&left, 1, __ATOMIC_RELAXED) >= 0) {
		before = after;
		ask(loop);
		after = now_ns();
		loop->measured++;
		loop->histogram[bucket_of(after - before)]++;
	}
	return NULL;
}

static double percentile(const uint64_t *histogram, uint64_t n, double part)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < BUCKETS; i++) {
		sum += histogram[i];
		if (sum && (double)sum >= part * (double)n)
			return bucket_us(i);
	}
	return 0;
}

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char *argv[])
{
	static struct loop loops[CONNECTIONS_MAX];
	struct loop all = {0};
	uint64_t start, end;
	double cpu;
	int n, port;

	if (argc != 7) {
		fprintf(stderr, "usage: client PORT CONNECTIONS SECONDS REQUESTS SIZE BUCKET\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "bench-client");
	signal(SIGPIPE, SIG_IGN);
	port = atoi(argv[1]);
	n = atoi(argv[2]);
	seconds_ms = (int)(atof(argv[3]) * 1000);
	left = strtoull(argv[4], NULL, 10);
	body_size = strtoul(argv[5], NULL, 10);
	bucket = argv[6];
	if (n < 1 || n > CONNECTIONS_MAX || seconds_ms < 1 || seconds_ms > SECONDS_MAX * 1000 ||
	    left < 1 || left > REQUESTS_MAX)
		die("a bound is out of range");
	alarm(SECONDS_MAX + 15);
	ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx)
		die("no memory");
	pthread_barrier_init(&barrier, NULL, (unsigned)n + 1);
	for (int i = 0; i < n; i++) {
		loops[i].id = (unsigned)i;
		loops[i].ssl = connect_to(port);
		if (pthread_create(&loops[i].thread, NULL, run, &loops[i]))
			die("no thread");
	}
	pthread_barrier_wait(&barrier);
	cpu = cpu_s();
	start = now_ns();
	deadline = start + (uint64_t)seconds_ms * 1000000ULL;
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < n; i++)
		pthread_join(loops[i].thread, NULL);
	end = now_ns();
	cpu = cpu_s() - cpu;
	for (int i = 0; i < n; i++) {
		all.sent += loops[i].sent;
		all.measured += loops[i].measured;
		all.bytes += loops[i].bytes;
		for (unsigned k = 0; k < BUCKETS; k++)
			all.histogram[k] += loops[i].histogram[k];
		SSL_shutdown(loops[i].ssl);
		close(SSL_get_fd(loops[i].ssl));
		SSL_free(loops[i].ssl);
	}
	printf("{\"sent\":%llu,\"measured\":%llu,\"seconds\":%.6f,\"bytes\":%llu,"
	       "\"p50_us\":%.1f,\"p99_us\":%.1f,\"cpu_s\":%.6f}\n",
	       (unsigned long long)all.sent, (unsigned long long)all.measured,
	       (double)(end - start) / 1e9, (unsigned long long)all.bytes,
	       percentile(all.histogram, all.measured, .5),
	       percentile(all.histogram, all.measured, .99), cpu);
	SSL_CTX_free(ctx);
	return 0;
}
