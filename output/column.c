/* SPDX-License-Identifier: Apache-2.0 */
#include "column.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "parsers/extra.h"
#include "parsers/targets.h"

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

const char *column_clock(const void *field, struct cell *cell)
{
	long ns;
	time_t seconds = split(*(const int64_t *)field, &ns);
	struct tm tm;

	if (!localtime_r(&seconds, &tm))
		return NULL;
	char *p = digits(cell->buf, (unsigned)tm.tm_hour, 2);
	*p++ = ':';
	p = digits(p, (unsigned)tm.tm_min, 2);
	*p++ = ':';
	p = digits(p, (unsigned)tm.tm_sec, 2);
	*p++ = '.';
	*digits(p, (unsigned)(ns / 1000000), 3) = '\0';
	return cell->buf;
}

/* By hand: printf() would be a third of what a JSON line costs. */
const char *column_timestamp(const void *field, struct cell *cell)
{
	long ns;
	time_t seconds = split(*(const int64_t *)field, &ns);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900)
		return NULL;
	char *p = digits(cell->buf, (unsigned)(tm.tm_year + 1900), 4);
	*p++ = '-';
	p = digits(p, (unsigned)(tm.tm_mon + 1), 2);
	*p++ = '-';
	p = digits(p, (unsigned)tm.tm_mday, 2);
	*p++ = 'T';
	p = digits(p, (unsigned)tm.tm_hour, 2);
	*p++ = ':';
	p = digits(p, (unsigned)tm.tm_min, 2);
	*p++ = ':';
	p = digits(p, (unsigned)tm.tm_sec, 2);
	*p++ = '.';
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
		if (written++ == n)
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

const char *column_int(const void *field, struct cell *cell)
{
	if (*(const int *)field < 0)
		return NULL;
	snprintf(cell->buf, sizeof(cell->buf), "%d", *(const int *)field);
	return cell->buf;
}

static const char *number(const void *field, struct cell *cell)
{
	snprintf(cell->buf, sizeof(cell->buf), "%" PRIu32, *(const uint32_t *)field);
	return cell->buf;
}

const char *column_pid(const void *field, struct cell *cell)
{
	return *(const uint32_t *)field ? number(field, cell) : NULL;
}

static const char *size(const void *field, struct cell *cell)
{
	if (*(const int64_t *)field < 0)
		return NULL;
	snprintf(cell->buf, sizeof(cell->buf), "%" PRId64, *(const int64_t *)field);
	return cell->buf;
}

static const char *string(const void *field, struct cell *cell)
{
	(void)cell;
	return *(const char *const *)field;
}

static const char *truth(const void *field, struct cell *cell)
{
	(void)cell;
	return *(const bool *)field ? "true" : "false";
}

static const char *state(const void *field, struct cell *cell)
{
	(void)cell;
	return request_state_name(*(const enum request_state *)field);
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

#define AT(field) offsetof(struct request, field)

/* Rows without extra are always there. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* Columns with a heading make the table, in this order; those with a name make
 * CSV. A few facts need other words for people than for programs: two rows. */
static const struct column columns[] = {
	{"TIME", NULL, -12, false, column_clock, AT(time_ns)},
	{NULL, "timestamp", 0, false, column_timestamp, AT(time_ns)},
	{"PID", "pid", -7, false, number, AT(pid)},
	{NULL, "tid", 0, false, number, AT(tid)},
	{"COMM", "comm", -15, false, string, AT(comm)},
	{NULL, "uid", 0, false, number, AT(uid)},
	{"TARGET", "target", -12, false, column_target, AT(target), EXTRA_TARGET},
	{NULL, "labels", 0, false, column_labels, AT(target), EXTRA_TARGET},
	{"UID", NULL, -6, false, number, AT(uid), EXTRA_UID},
	{"USER", "user", -8, false, string, AT(user), EXTRA_USER},
	{"PPID", "ppid", -7, false, column_pid, AT(ppid), EXTRA_PPID},
	{NULL, "exe", 0, false, string, AT(exe), EXTRA_EXE},
	{NULL, "cmdline", 0, false, string, AT(cmdline), EXTRA_CMDLINE},
	{NULL, "cgroup", 0, false, string, AT(cgroup), EXTRA_CGROUP},
	{NULL, "container", 0, false, string, AT(container), EXTRA_CONTAINER},
	{NULL, "method", 0, false, string, AT(method)},
	{"OP", NULL, -23, false, column_operation, 0},
	{NULL, "operation", 0, false, string, AT(operation)},
	{"LAT(ms)", NULL, 10, false, column_ms, AT(latency_ns)},
	{"STATUS", NULL, 6, false, column_int, AT(status)},
	{"BUCKET", "bucket", -16, false, string, AT(bucket)},
	{NULL, "key", 0, false, string, AT(key)},
	{"ENDPOINT", "endpoint", -24, false, string, AT(endpoint)},
	{NULL, "path", 0, false, string, AT(path)},
	{NULL, "latency_ms", 0, false, column_exact_ms, AT(latency_ns)},
	{NULL, "ttfb_ms", 0, false, column_exact_ms, AT(ttfb_ns)},
	{NULL, "send_ms", 0, false, column_exact_ms, AT(send_ns)},
	{NULL, "expect_ms", 0, false, column_exact_ms, AT(expect_ns)},
	{NULL, "wait_ms", 0, false, column_exact_ms, AT(wait_ns)},
	{NULL, "recv_ms", 0, false, column_exact_ms, AT(recv_ns)},
	{NULL, "stall_ms", 0, false, column_exact_ms, AT(stall_ns)},
	{"TTFB", NULL, 9, true, column_ms, AT(ttfb_ns)},
	{"SEND", NULL, 9, true, column_ms, AT(send_ns)},
	{"EXPECT", NULL, 9, true, column_ms, AT(expect_ns)},
	{"WAIT", NULL, 9, true, column_ms, AT(wait_ns)},
	{"RECV", NULL, 9, true, column_ms, AT(recv_ns)},
	{"STALL", NULL, 9, true, column_ms, AT(stall_ns)},
	{"REQ_BYTES", "request_size", 10, true, size, AT(request_size)},
	{"RESP_BYTES", "response_size", 10, true, size, AT(response_size)},
	{NULL, "status_code", 0, false, column_int, AT(status)},
	{NULL, "is_error", 0, false, truth, AT(is_error)},
	{NULL, "error_code", 0, false, string, AT(error_code)},
	{NULL, "request_id", 0, false, string, AT(request_id)},
	{NULL, "host_id", 0, false, string, AT(host_id)},
	{"STATE", "state", -11, true, state, AT(state)},
	{"CLIENT", "client_type", -10, true, string, AT(client_type)},
	{"VIA", "via", -7, true, string, AT(via)},
	{NULL, "fd", 0, false, column_int, AT(fd)},
	{NULL, "is_s3", 0, false, truth, AT(is_s3)},
	{NULL, "truncated", 0, false, truth, AT(truncated)},
	{"EXE", NULL, -24, false, string, AT(exe), EXTRA_EXE},
	{"CMDLINE", NULL, -32, false, string, AT(cmdline), EXTRA_CMDLINE},
	{"CGROUP", NULL, -32, false, string, AT(cgroup), EXTRA_CGROUP},
	{"CONTAINER", NULL, -64, false, string, AT(container), EXTRA_CONTAINER},
	{"PATH", NULL, 0, false, string, AT(path)},
};

const struct column *column_at(size_t i)
{
	return i < sizeof(columns) / sizeof(columns[0]) ? &columns[i] : NULL;
}
