/* SPDX-License-Identifier: Apache-2.0 */
#include "parsers/process.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

#include "guard.h"
#include "parsers/cgroup.h"
#include "parsers/cmdline.h"
#include "parsers/extra.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct slice text(const char *s)
{
	return s ? (struct slice){s, strlen(s)} : SLICE_NONE;
}

static void cgroup_paths(void)
{
	static const struct {
		const char *file, *path;
	} rows[] = {
		{"0::/user.slice/session-1.scope\n", "/user.slice/session-1.scope"},
		{"0::/a:b\n", "/a:b"},
		{"0::/\n", "/"},
		{"12:memory:/docker/x\n1:name=systemd:/docker/y\n0::/\n", "/docker/x"},
		{"12:memory:/\n0::/system.slice/a\n", "/system.slice/a"},
		{"5:cpu,cpuacct:/x", "/x"},
		{"nonsense\n", NULL},
		{"0:\n", NULL},
		{"0::relative\n", NULL},
		{"", NULL},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct slice path = cgroup_path(guard_copy(text(rows[i].file)));

		CU_ASSERT_EQUAL(path.p == NULL, rows[i].path == NULL);
		CU_ASSERT(slice_is(path, text(rows[i].path)));
	}
}

static void containers(void)
{
	static const struct {
		const char *path, *id;
	} rows[] = {
		{"/system.slice/docker-" ID ".scope", ID},
		{"/docker/" ID, ID},
		{"/docker/" ID "/init.scope", ID},
		{"/docker/0123456789ab", "0123456789ab"},
		{"/docker/0123456789a", NULL},
		{"/docker/buildkit/ahlmsyfv7tfkjeo3a9muzjgjq", NULL},
		{"/docker/" ID "0", NULL},
		{"/kubepods/besteffort/pod2f0a4c3e-1111-2222-3333-444455556666/" ID, ID},
		{"/kubepods/besteffort/pod2f0a4c3e-1111-2222-3333-444455556666", NULL},
		{"/kubepods.slice/kubepods-pod2f0a.slice/cri-containerd-" ID ".scope", ID},
		{"/machine.slice/libpod-" ID ".scope/container", ID},
		{"/crio-0123456789abcdef.scope", "0123456789abcdef"},
		{"/ecs/task/" ID, ID},
		{"/other-runtime-" ID ".scope", ID},
		{"/docker-" ID ".slice", NULL},
		{"/user.slice/user-1000.slice/session-3.scope", NULL},
		{"/system.slice/abcdefabcdef.service", NULL},
		{"/abcdefabcdef", NULL},
		{"/docker/" ID "/docker/aaaaaaaaaaaa", "aaaaaaaaaaaa"},
		{"/", NULL},
		{"", NULL},
		{NULL, NULL},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct slice id = cgroup_container(guard_copy(text(rows[i].path)));

		CU_ASSERT_EQUAL(id.p == NULL, rows[i].id == NULL);
		CU_ASSERT(slice_is(id, text(rows[i].id)));
	}
}

/* '|' stands for the NUL behind an argument. */
static const char *masked(const char *line)
{
	static char raw[512], out[CMDLINE_GROWS(512) + 1];
	size_t n = strlen(line);

	memcpy(raw, line, n);
	for (size_t i = 0; i < n; i++)
		if (raw[i] == '|')
			raw[i] = '\0';
	out[cmdline_masked(guard_copy((struct slice){raw, n}), out, sizeof(out) - 1)] = '\0';
	return out;
}

static void secrets_on_command_lines(void)
{
	static const struct {
		const char *line, *shown;
	} rows[] = {
		{"aws|s3|cp|a|s3://b/c|", "aws s3 cp a s3://b/c"},
		{"x|", "x"},
		{"x||y|", "x  y"},
		{"", ""},
		{"a|--secret|hush|b|", "a --secret *** b"},
		{"a|--secret-key=hush me|b|", "a --secret-key=*** b"},
		{"a|--secret=h\"u&sh|b|", "a --secret=*** b"},
		{"a|--password|a\"b 'c|b|", "a --password *** b"},
		{"a|--password|--hush|b|", "a --password *** b"},
		{"a|--password-stdin|--token|hush|b|", "a --password-stdin *** *** b"},
		{"a|-password=hush|", "a -password=***"},
		{"a|--token=hush|--verbose|", "a --token=*** --verbose"},
		{"a|--api-key|hush|", "a --api-key ***"},
		{"env|AWS_SECRET_ACCESS_KEY=hush|aws|", "env AWS_SECRET_ACCESS_KEY=*** aws"},
		{"sh|-c|AWS_SECRET_ACCESS_KEY=hush aws s3 ls|",
		 "sh -c AWS_SECRET_ACCESS_KEY=*** aws s3 ls"},
		{"sh|-c|export PASSWORD='hush hush' ; ls|", "sh -c export PASSWORD='***' ; ls"},
		{"sh|-c|mc --secret-key hush ls|", "sh -c mc --secret-key *** ls"},
		{"AWS_SESSION_TOKEN=hush|", "AWS_SESSION_TOKEN=***"},
		{"GITHUB_TOKEN=hush|x|", "GITHUB_TOKEN=*** x"},
		{"x|password=hush|y|", "x password=*** y"},
		{"psql|host=h password=hush dbname=d|", "psql host=h password=*** dbname=d"},
		{"curl|https://h/b/k?X-Amz-Credential=AK&X-Amz-Security-Token=hush&x=1|",
		 "curl https://h/b/k?X-Amz-Credential=AK&X-Amz-Security-Token=***&x=1"},
		{"curl|https://h/k?X-Amz-Signature=hush|-v|",
		 "curl https://h/k?X-Amz-Signature=*** -v"},
		{"curl|h/k?AWSAccessKeyId=AK&Signature=hush%3D&Expires=1|",
		 "curl h/k?AWSAccessKeyId=AK&Signature=***&Expires=1"},
		{"curl|h/?X%2DAmz%2DSignature=hush|", "curl h/?X%2DAmz%2DSignature=***"},
		{"x|url=https%3A%2F%2Fh%3Fa%3D1%26X-Amz-Signature%3Dhush|y|", "x url=*** y"},
		{"curl|-H|Authorization: AWS4-HMAC-SHA256 Credential=a, Signature=hush|-v|",
		 "curl -H Authorization: *** -v"},
		{"sh|-c|curl -H 'Cookie: hush; b=hush' h|", "sh -c curl -H 'Cookie: ***' h"},
		{"curl|-d|{\"password\": \"hu\\\"sh\", \"a\":1}|",
		 "curl -d {\"password\": \"***\", \"a\":1}"},
		{"sh|-c|curl -d {\\\"secret\\\":\\\"hush\\\"}|",
		 "sh -c curl -d {\\\"secret\\\":\\\"***\\\"}"},
		{"rclone|https://me:hush@h:9000/x|", "rclone https://me:***@h:9000/x"},
		{"rclone|https://me:hu@sh@h/x|", "rclone https://me:***@h/x"},
		{"rclone|https://h:9000/me@x|", "rclone https://h:9000/me@x"},
		{"curl|-u|me:hush|h|", "curl -u me:*** h"},
		{"curl|--user=me:hush|h|", "curl --user=me:*** h"},
		{"curl|-sSu|me:hush|h|", "curl -sSu me:*** h"},
		{"curl|-ume@x:hush|h|", "curl -ume@x:*** h"},
		{"curl|-x|me:hush@p:8080|h|", "curl -x me:***@p:8080 h"},
		{"curl|--proxy|p:8080|h:1|", "curl --proxy p:8080 h:1"},
		{"curl|-x|http://me:hush@p:8080|", "curl -x http://me:***@p:8080"},
		{"curl|--cert|c.pem:hush|--proxy-pass|hush|",
		 "curl --cert c.pem:*** --proxy-pass ***"},
		{"curl|--oauth2-bearer|hush|h|", "curl --oauth2-bearer *** h"},
		{"x|-url=http://h:9000/b|", "x -url=http://h:9000/b"},
		{"rsync|-avu|h:/a|b|", "rsync -avu h:/a b"},
		{"id|-u|me|", "id -u me"},
		{"aws|s3|cp|a|s3://b/k|--sse-c-key|hush|", "aws s3 cp a s3://b/k --sse-c-key ***"},
		{"aws|s3|cp|--sse-c-copy-source-key|hush|",
		 "aws s3 cp --sse-c-copy-source-key ***"},
		{"aws|sts|x|--token-code|hush|--mfa|s hush|",
		 "aws sts x --token-code *** --mfa ***"},
		{"aws|configure|set|aws_secret_access_key|hush|--profile|p|",
		 "aws configure set aws_secret_access_key *** --profile p"},
		{"aws|s3api|upload-part|--upload-id|u|", "aws s3api upload-part --upload-id u"},
		{"mc|alias|set|m|http://h|AK|hush|--api|S3v4|",
		 "mc alias set m http://h AK *** --api S3v4"},
		{"mc|--quiet|config|host|add|m|http://h|AK|hush|",
		 "mc --quiet config host add m http://h AK ***"},
		{"mc|alias|set|m|http://h|", "mc alias set m http://h"},
		{"mc|cp|--enc-c|m/b=hush|--encrypt-key|m/b=hush|a|",
		 "mc cp --enc-c *** --encrypt-key *** a"},
		{"hadoop|fs|-Dfs.s3a.encryption.key=hush|-Dfs.s3a.secret.key=hush|",
		 "hadoop fs -Dfs.s3a.encryption.key=*** -Dfs.s3a.secret.key=***"},
		{"rclone|--rc-pass=hush|--sftp-pass|hush|", "rclone --rc-pass=*** --sftp-pass ***"},
		{"rclone|config|create|r|s3|secret_access_key|hush|",
		 "rclone config create r s3 secret_access_key ***"},
		{"duckdb|-c|CREATE SECRET (TYPE s3, KEY_ID 'AK', SECRET 'hush', REGION 'r')|",
		 "duckdb -c CREATE SECRET (TYPE s3, KEY_ID 'AK', SECRET '***', REGION 'r')"},
		{"x|--secret=|y|", "x --secret= y"},
		{"x|--secret|", "x --secret"},
		{"x|--secret=hush", "x --secret=***"},
		{"secret|", "secret"},
		{"x|/run/secrets/a|b|", "x /run/secrets/a b"},
		{"x|--sort=token:desc|", "x --sort=token:***"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		CU_ASSERT_STRING_EQUAL(masked(rows[i].line), rows[i].shown);
		if (strcmp(masked(rows[i].line), rows[i].shown) != 0)
			fprintf(stderr, "\n%s\n  not %s\n", masked(rows[i].line), rows[i].shown);
	}
}

/* Wherever the kernel, or our buffer, cuts it off. */
static void a_command_line_cut_short(void)
{
	const char *line =
		"aws|--secret-key|hush hush|https://me:hush@h/?X-Amz-Signature=hush&a=b|";
	char cut[128], out[400];

	for (size_t n = 0; n <= strlen(line); n++) {
		snprintf(cut, sizeof(cut), "%.*s", (int)n, line);
		/* "https://me:hush" without the host may be host and port */
		const char *hush = strstr(masked(cut), "hus");
		CU_ASSERT(!hush || hush[-1] == ':');
	}
	for (size_t size = 0; size < 100; size++) {
		CU_ASSERT(cmdline_masked(text("a --secret=hush b"), out, size) <= size);
		CU_ASSERT(cmdline_joined(text("a --secret=hush b"), out, size) <= size);
	}
}

static void a_process_is_built(void)
{
	static const char stat[] = "12 (a) b\x1b(c) S 7 12 12 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 "
				   "98765 1 2";
	static const char cmdline[] = "py\0--secret=hush\0\xff\n";
	char buf[PROCESS_TEXT_SIZE];
	struct text_arena arena = {.buf = buf, .size = sizeof(buf)};
	struct process_files files = {SLICE(stat), SLICE("/opt/a b (deleted)"), SLICE(cmdline),
				      SLICE("0::/docker/" ID "\n")};
	struct process process;

	process_build(&process, &files, &arena);
	CU_ASSERT_STRING_EQUAL(process.comm, "a) b\\x1b(c");
	CU_ASSERT_EQUAL(process.ppid, 7);
	CU_ASSERT_EQUAL(process.start, 98765);
	CU_ASSERT_STRING_EQUAL(process.exe, "/opt/a b");
	CU_ASSERT_STRING_EQUAL(process.cmdline, "py --secret=hush \\xff\\x0a");
	CU_ASSERT_STRING_EQUAL(process.shown, "py --secret=*** \\xff\\x0a");
	CU_ASSERT_STRING_EQUAL(process.cgroup, "/docker/" ID);
	CU_ASSERT_STRING_EQUAL(process.container, ID);

	/* A process that is gone, and lines that are none. */
	for (size_t n = 0; n < sizeof(stat); n++) {
		files = (struct process_files){.stat = guard_copy((struct slice){stat, n})};
		arena.used = 0;
		process_build(&process, &files, &arena);
		CU_ASSERT(!process.exe && !process.cmdline && !process.shown && !process.cgroup);
		CU_ASSERT_EQUAL(process.comm != NULL, n > 5);
	}
	/* The longest that can be. */
	char line[PROCESS_CMDLINE_MAX + 10];

	memset(line, 0x1b, sizeof(line));
	files = (struct process_files){.cmdline = {line, sizeof(line)}};
	arena = (struct text_arena){.buf = buf, .size = sizeof(buf)};
	process_build(&process, &files, &arena);
	CU_ASSERT(arena.used <= sizeof(buf));
}

static void extras_have_names(void)
{
	unsigned all = 0;

	for (size_t i = 0; extra_name(i); i++) {
		CU_ASSERT_EQUAL(all & extra_bit(extra_name(i)), 0);
		all |= extra_bit(extra_name(i));
	}
	CU_ASSERT_EQUAL(extra_bit("CMDLINE"), EXTRA_CMDLINE);
	CU_ASSERT_EQUAL(extra_bit("target"), 0);
	CU_ASSERT_EQUAL(extra_bit(""), 0);
}

CU_TestInfo process_tests[] = {
	{"cgroup paths", cgroup_paths},
	{"containers", containers},
	{"secrets on command lines", secrets_on_command_lines},
	{"a command line cut short", a_command_line_cut_short},
	{"a process is built", a_process_is_built},
	{"extras have names", extras_have_names},
	CU_TEST_INFO_NULL,
};
