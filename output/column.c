/* SPDX-License-Identifier: Apache-2.0 */
#include "column.h"

#include <string.h>

#include "parsers/address.h"
#include "parsers/extra.h"
#include "parsers/targets.h"
#include "parsers/throughput.h"

#define SECOND INT64_C(1000000000)

/* Seconds and nanoseconds, the latter never negative. */
static time_t split(int64_t ns, long *rest)
{
	*rest = (long)(ns % SECOND);
	if (*rest < 0)
		*rest += SECOND;
	return (time_t)((ns - *rest) / SECOND);
}

/* Writes value with exactly that many digits and returns the place after. */
static char *digits(char *out, unsigned value, int n)
{
	for (int i = n; i-- > 0; value /= 10)
		out[i] = (char)('0' + value % 10);
	return out + n;
}

/* "12:00:01" and the place after it. */
static char *time_of_day(char *p, const struct tm *tm)
{
	p = digits(p, (unsigned)tm->tm_hour, 2);
	*p++ = ':';
	p = digits(p, (unsigned)tm->tm_min, 2);
	*p++ = ':';
	return digits(p, (unsigned)tm->tm_sec, 2);
}

static size_t local_second(time_t second, char *out)
{
	struct tm tm;

	if (!localtime_r(&second, &tm))
		return 0;
	return (size_t)(time_of_day(out, &tm) - out);
}

static size_t utc_second(time_t second, char *out)
{
	struct tm tm;

	if (!gmtime_r(&second, &tm) || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900)
		return 0;
	char *p = digits(out, (unsigned)(tm.tm_year + 1900), 4);
	*p++ = '-';
	p = digits(p, (unsigned)(tm.tm_mon + 1), 2);
	*p++ = '-';
	p = digits(p, (unsigned)tm.tm_mday, 2);
	*p++ = 'T';
	return (size_t)(time_of_day(p, &tm) - out);
}

/* The second in words, with a point, into the cell; returns the place after, or
 * NULL. Rows come by the thousand in a second: the last one's words are kept. */
static char *second_text(struct cell_second *last, time_t second,
			 size_t (*words)(time_t second, char *out), struct cell *cell)
{
	if (!last->n || last->second != second) {
		last->second = second;
		last->n = words(second, last->text);
	}
	if (!last->n)
		return NULL;
	memcpy(cell->buf, last->text, sizeof(last->text));
	cell->buf[last->n] = '.';
	return cell->buf + last->n + 1;
}

const char *column_clock(const void *field, struct cell *cell)
{
	long ns;
	time_t second = split(*(const int64_t *)field, &ns);
	char *p = second_text(&cell->local, second, local_second, cell);

	if (!p)
		return NULL;
	*digits(p, (unsigned)(ns / 1000000), 3) = '\0';
	return cell->buf;
}

/* By hand: printf() would be a third of what a JSON line costs. */
const char *column_timestamp(const void *field, struct cell *cell)
{
	long ns;
	time_t second = split(*(const int64_t *)field, &ns);
	char *p = second_text(&cell->utc, second, utc_second, cell);

	if (!p)
		return NULL;
	p = digits(p, (unsigned)(ns / 1000), 6);
	*p++ = 'Z';
	*p = '\0';
	return cell->buf;
}

/* value / 10^n with n decimals, digit by digit: exact, and cheap. */
static const char *fixed(int64_t value, int n, struct cell *cell)
{
	/* cppcheck-suppress ctuuninitvar ; the address is taken, nothing is read */
	char *p = cell->buf + sizeof(cell->buf) - 1;
	int written = 0;

	*p = '\0';
	for (; value > 0 || written <= n; value /= 10) {
		if (written++ == n && n)
			*--p = '.';
		*--p = (char)('0' + value % 10);
	}
	return p;
}

const char *column_ms(const void *field, struct cell *cell)
{
	int64_t ns = *(const int64_t *)field;

	return ns < 0 ? NULL : fixed(ns / 1000 + (ns % 1000 >= 500), 3, cell);
}

const char *column_exact_ms(const void *field, struct cell *cell)
{
	int64_t ns = *(const int64_t *)field;

	return ns < 0 ? NULL : fixed(ns, 6, cell);
}

const char *column_speed(const void *field, struct cell *cell)
{
	int64_t speed = *(const int64_t *)field;

	return speed < 0 ? NULL : fixed(speed / 10000 + (speed % 10000 >= 5000), 2, cell);
}

const char *column_exact_speed(const void *field, struct cell *cell)
{
	int64_t speed = *(const int64_t *)field;

	return speed < 0 ? NULL : fixed(speed, 6, cell);
}

const char *column_throughput(const void *field, struct cell *cell)
{
	int64_t speed = throughput_of(field);

	return column_speed(&speed, cell);
}

const char *column_exact_throughput(const void *field, struct cell *cell)
{
	int64_t speed = throughput_of(field);

	return column_exact_speed(&speed, cell);
}

const char *column_ratio(const void *field, struct cell *cell)
{
	double ratio = *(const double *)field;

	if (ratio < 0)
		return NULL;
	return fixed(ratio < 1e15 ? (int64_t)(ratio * 1000 + .5) : INT64_MAX, 3, cell);
}

static const char *number(int64_t value, struct cell *cell)
{
	return value < 0 ? NULL : fixed(value, 0, cell);
}

const char *column_int(const void *field, struct cell *cell)
{
	return number(*(const int *)field, cell);
}

const char *column_unsigned(const void *field, struct cell *cell)
{
	return number(*(const uint32_t *)field, cell);
}

const char *column_pid(const void *field, struct cell *cell)
{
	return *(const uint32_t *)field ? column_unsigned(field, cell) : NULL;
}

const char *column_share(const void *field, struct cell *cell)
{
	int share = *(const int *)field;

	return share < 0 ? NULL : fixed(share, 3, cell);
}

const char *column_size(const void *field, struct cell *cell)
{
	return number(*(const int64_t *)field, cell);
}

const char *column_string(const void *field, struct cell *cell)
{
	(void)cell;
	return *(const char *const *)field;
}

const char *column_word(const void *field, struct cell *cell)
{
	const char *text = field;

	(void)cell;
	return *text ? text : NULL;
}

const char *column_truth(const void *field, struct cell *cell)
{
	(void)cell;
	return *(const bool *)field ? "true" : "false";
}

const char *column_maybe(const void *field, struct cell *cell)
{
	int maybe = *(const int *)field;

	(void)cell;
	return maybe < 0 ? NULL : maybe ? "true" : "false";
}

const char *column_state(const void *field, struct cell *cell)
{
	(void)cell;
	return request_state_name(*(const enum request_state *)field);
}

const char *column_local_address(const void *field, struct cell *cell)
{
	const struct endpoints *ends = field;

	return ends->local_port ? address_text(ends->local, cell->buf) : NULL;
}

const char *column_peer_address(const void *field, struct cell *cell)
{
	const struct endpoints *ends = field;

	return ends->peer_port ? address_text(ends->peer, cell->buf) : NULL;
}

const char *column_port(const void *field, struct cell *cell)
{
	uint16_t port = *(const uint16_t *)field;

	return port ? number(port, cell) : NULL;
}

const char *column_local(const void *field, struct cell *cell)
{
	const struct endpoints *ends = field;

	return address_endpoint(ends->local, ends->local_port, cell->buf);
}

const char *column_peer(const void *field, struct cell *cell)
{
	const struct endpoints *ends = field;

	return address_endpoint(ends->peer, ends->peer_port, cell->buf);
}

const char *column_operation(const void *field, struct cell *cell)
{
	const struct request *request = field;

	(void)cell;
	return request->operation ? request->operation : request->method;
}

const char *column_target(const void *field, struct cell *cell)
{
	const struct target *target = *(const struct target *const *)field;

	(void)cell;
	return target ? target->id : NULL;
}

const char *column_labels(const void *field, struct cell *cell)
{
	const struct target *target = *(const struct target *const *)field;

	(void)cell;
	return target ? target->labels : NULL;
}

_Static_assert(sizeof(((struct cell *)NULL)->buf) >= ENDPOINT_TEXT, "an end fits a cell");

#define AT(field) offsetof(struct request, field)

/* Columns with a heading make the table, in this order; those with a name make
 * CSV. A few facts need other words for people than for programs: two rows. */
static const struct column columns[] = {
	COLUMNS_OF_PROCESS(column_string),
	{NULL, "method", 0, false, column_string, AT(method), 0},
	{"OP", NULL, -23, false, column_operation, 0, 0},
	{NULL, "operation", 0, false, column_string, AT(operation), 0},
	{NULL, "log_operation", 0, false, column_string, AT(log_operation), 0},
	{"LAT(ms)", NULL, 10, false, column_ms, AT(latency_ns), 0},
	{"STATUS", NULL, 6, false, column_int, AT(status), 0},
	{"WHY", NULL, -14, false, column_string, AT(why), 0},
	{"ATTEMPTS", NULL, 8, false, column_int, AT(attempts), EXTRA_CALLS},
	{"BACKOFF", NULL, 9, false, column_ms, AT(backoff_ns), EXTRA_CALLS},
	{"FIRST_ERROR", NULL, -12, false, column_word, AT(first_error), EXTRA_CALLS},
	{"WAITS_FOR", NULL, -9, false, column_string, AT(waiting_for), EXTRA_PENDING},
	{"BUCKET", "bucket", -16, false, column_string, AT(bucket), 0},
	{NULL, "key", 0, false, column_string, AT(key), 0},
	{"ENDPOINT", "endpoint", -24, false, column_string, AT(endpoint), 0},
	{NULL, "region", 0, false, column_string, AT(region), 0},
	{NULL, "path", 0, false, column_string, AT(path), 0},
	{NULL, "latency_ms", 0, false, column_exact_ms, AT(latency_ns), 0},
	{NULL, "ttfb_ms", 0, false, column_exact_ms, AT(ttfb_ns), 0},
	{NULL, "send_ms", 0, false, column_exact_ms, AT(send_ns), 0},
	{NULL, "expect_ms", 0, false, column_exact_ms, AT(expect_ns), 0},
	{NULL, "wait_ms", 0, false, column_exact_ms, AT(wait_ns), 0},
	{NULL, "recv_ms", 0, false, column_exact_ms, AT(recv_ns), 0},
	{NULL, "stall_ms", 0, false, column_exact_ms, AT(stall_ns), 0},
	{NULL, "why", 0, false, column_string, AT(why), 0},
	{NULL, "why_ms", 0, false, column_exact_ms, AT(why_ns), 0},
	{NULL, "why_share", 0, false, column_share, AT(why_share), 0},
	{NULL, "felt_ms", 0, false, column_exact_ms, AT(felt_ns), 0},
	{NULL, "retransmits", 0, false, column_int, AT(retransmits), 0},
	{NULL, "retransmit_ms", 0, false, column_exact_ms, AT(retransmit_ns), 0},
	{"SHARE", NULL, 6, true, column_share, AT(why_share), 0},
	{"DNS", NULL, 9, true, column_ms, AT(dns_ns), 0},
	{"CONN", NULL, 9, true, column_ms, AT(connect_ns), 0},
	{"TLS", NULL, 9, true, column_ms, AT(tls_ns), 0},
	{"TTFB", NULL, 9, true, column_ms, AT(ttfb_ns), 0},
	{"SEND", NULL, 9, true, column_ms, AT(send_ns), 0},
	{"EXPECT", NULL, 9, true, column_ms, AT(expect_ns), 0},
	{"WAIT", NULL, 9, true, column_ms, AT(wait_ns), 0},
	{"RECV", NULL, 9, true, column_ms, AT(recv_ns), 0},
	{"STALL", NULL, 9, true, column_ms, AT(stall_ns), 0},
	{"MB/s", NULL, 9, false, column_throughput, 0, EXTRA_THROUGHPUT},
	{"RESENT", NULL, 6, true, column_int, AT(retransmits), 0},
	{"REQ_BYTES", "request_size", 10, true, column_size, AT(request_size), 0},
	{"RESP_BYTES", "response_size", 10, true, column_size, AT(response_size), 0},
	{NULL, "throughput_mb_s", 0, false, column_exact_throughput, 0, 0},
	{NULL, "status_code", 0, false, column_int, AT(status), 0},
	{NULL, "is_error", 0, false, column_truth, AT(is_error), 0},
	{NULL, "error_code", 0, false, column_string, AT(error_code), 0},
	{NULL, "error_message", 0, false, column_string, AT(error_message), 0},
	{NULL, "request_id", 0, false, column_string, AT(request_id), 0},
	{NULL, "host_id", 0, false, column_string, AT(host_id), 0},
	{NULL, "attempt", 0, false, column_int, AT(attempt), 0},
	{NULL, "max_attempts", 0, false, column_int, AT(max_attempts), 0},
	{NULL, "invocation_id", 0, false, column_string, AT(invocation_id), 0},
	{NULL, "backoff_ms", 0, false, column_exact_ms, AT(backoff_ns), 0},
	{NULL, "attempts", 0, false, column_int, AT(attempts), EXTRA_CALLS},
	{NULL, "first_error", 0, false, column_word, AT(first_error), EXTRA_CALLS},
	{NULL, "throttled_ms", 0, false, column_exact_ms, AT(throttled_ns), EXTRA_CALLS},
	{"STATE", "state", -11, true, column_state, AT(state), 0},
	{NULL, "waiting_for", 0, false, column_string, AT(waiting_for), EXTRA_PENDING},
	{"CLIENT", "client_type", -10, true, column_string, AT(client_type), 0},
	{NULL, "client_version", 0, false, column_string, AT(client_version), 0},
	{"VIA", "via", -7, true, column_string, AT(via), 0},
	{NULL, "http_version", 0, false, column_string, AT(http_version), 0},
	{NULL, "stream_id", 0, false, column_size, AT(stream_id), 0},
	{NULL, "fd", 0, false, column_int, AT(fd), 0},
	{NULL, "local_address", 0, false, column_local_address, AT(ends), 0},
	{NULL, "local_port", 0, false, column_port, AT(ends.local_port), 0},
	{NULL, "peer_address", 0, false, column_peer_address, AT(ends), 0},
	{NULL, "peer_port", 0, false, column_port, AT(ends.peer_port), 0},
	{"PEER", NULL, -21, true, column_peer, AT(ends), 0},
	{NULL, "connection_id", 0, false, column_size, AT(connection_id), 0},
	{NULL, "request_number", 0, false, column_int, AT(number), 0},
	{NULL, "reused", 0, false, column_maybe, AT(reused), 0},
	{NULL, "idle_ms", 0, false, column_exact_ms, AT(idle_ns), 0},
	{NULL, "dns_ms", 0, false, column_exact_ms, AT(dns_ns), 0},
	{NULL, "connect_ms", 0, false, column_exact_ms, AT(connect_ns), 0},
	{NULL, "tls_ms", 0, false, column_exact_ms, AT(tls_ns), 0},
	{NULL, "tls_resumed", 0, false, column_maybe, AT(resumed), 0},
	{NULL, "is_s3", 0, false, column_truth, AT(is_s3), 0},
	{NULL, "truncated", 0, false, column_truth, AT(truncated), 0},
	COLUMNS_OF_PROCESS_WIDE,
	{"PATH", NULL, 0, false, column_string, AT(path), 0},
};

const struct column *column_at(size_t i)
{
	return i < sizeof(columns) / sizeof(columns[0]) ? &columns[i] : NULL;
}
