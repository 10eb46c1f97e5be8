/* SPDX-License-Identifier: Apache-2.0 */
#include "parsers/useragent.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

#include "guard.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct {
	const char *user_agent, *client;
} agents[] = {
	{"Boto3/1.26.27 Python/3.11.2 Linux/6.1.0 Botocore/1.29.27", "boto3"},
	{"Boto3/1.34.0 md/Botocore#1.34.0 ua/2.0 os/linux#6.1 lang/python#3.11.2", "boto3"},
	{"Botocore/1.29.27 Python/3.11.2 Linux/6.1.0", "botocore"},
	{"aiobotocore/2.7.0 md/Botocore#1.31.64 os/linux", "aiobotocore"},
	{"aws-cli/1.27.27 Python/3.11.2 Linux/6.1.0 botocore/1.29.27", "aws-cli"},
	{"aws-cli/2.13.0 md/awscrt#0.19 ua/2.0 exe/x86_64", "aws-cli"},
	{"Boto/2.49.0 Python/2.7.18", "boto"},
	{"aws-sdk-go/1.44.0 (go1.19; linux; amd64) S3Manager", "aws-sdk-go"},
	{"aws-sdk-go-v2/1.30.0 os/linux lang/go#1.22", "aws-sdk-go-v2"},
	{"m/E aws-sdk-go-v2/1.30.0", "aws-sdk-go-v2"},
	{"aws-sdk-java/2.20.1 Linux/6.1 OpenJDK", "aws-sdk-java"},
	{"Hadoop 3.3.4, aws-sdk-java/1.12.262 Linux", "hadoop-s3a"},
	{"aws-sdk-js/3.400.0 ua/2.0 os/linux lang/js md/nodejs#18", "aws-sdk-js"},
	{"aws-sdk-nodejs/2.1000.0 linux/v18", "aws-sdk-js"},
	{"aws-sdk-cpp/1.11.1 ua/2.0", "aws-sdk-cpp"},
	{"aws-sdk-php/3.200 OS/Linux", "aws-sdk-php"},
	{"aws-sdk-ruby3/3.180.0 ruby/3.1", "aws-sdk-ruby"},
	{"aws-sdk-rust/1.0 os/linux", "aws-sdk-rust"},
	{"aws-sdk-kotlin/1.0", "aws-sdk-kotlin"},
	{"aws-sdk-dotnet-coreclr/3.7.1 OS/linux", "aws-sdk-dotnet"},
	{"mountpoint-s3/1.4.0 CRTS3NativeClient/0.1.x platform/unknown", "mountpoint-s3"},
	{"CRTS3NativeClient/0.1.x platform/unknown", "aws-crt"},
	{"MinIO (linux; amd64) minio-go/v7.0.63 mc/RELEASE.2023-09-13T23-08-58Z", "mc"},
	{"MinIO (linux; amd64) minio-go/v7.0.52 warp/0.6.8", "warp"},
	{"MinIO (Linux; x86_64) minio-py/7.1.0", "minio-py"},
	{"MinIO (linux; x64) minio-js/7.1.0", "minio-js"},
	{"MinIO (linux; amd64) minio-go/v7.0.52", "minio-go"},
	{"rclone/v1.60.1-DEV", "rclone"},
	{"s3cmd/2.3.0", "s3cmd"},
	{"s3fs/1.90 (commit hash unknown; GnuTLS(gcrypt))", "s3fs"},
	{"curl/7.88.1", "curl"},
	{"Wget/1.21.3", "wget"},
	{"python-requests/2.28.1", "python-requests"},
	{"python-urllib3/1.26.12", "python-urllib3"},
	{"Go-http-client/1.1", "go-http-client"},
	{"okhttp/4.10.0", "okhttp"},
	{"Prometheus/2.45.0", "prometheus"},
	{"Mozilla/5.0 (X11; Linux x86_64)", "browser"},
	{"Mozilla/4.0 (Compatible; s3; libs3 2.0; Linux x86_64)", "libs3"},
	{"MyTool/1.0", 0},
	{"emc/1.0 curlew/2 warped/3 xboto3 aws-sdk", 0},
	{"", 0},
};

static void clients_are_told_from_the_user_agent(void)
{
	for (size_t i = 0; i < COUNT(agents); i++) {
		const char *wanted = agents[i].client;
		struct slice in = {agents[i].user_agent, strlen(agents[i].user_agent)};
		const char *client = useragent_client(guard_copy(in));
		bool ok = wanted ? client && strcmp(client, wanted) == 0 : !client;

		CU_ASSERT(ok);
		if (!ok)
			fprintf(stderr, "\n  %s: %s\n", agents[i].user_agent,
				client ? client : "-");
	}
	CU_ASSERT_PTR_NULL(useragent_client(SLICE_NONE));
}

static void a_very_long_one_is_not_read_to_its_end(void)
{
	static char text[16384];

	memset(text, 'x', sizeof(text));
	memcpy(text + sizeof(text) - 5, " curl", 5);
	CU_ASSERT_PTR_NULL(useragent_client(guard_copy((struct slice){text, sizeof(text)})));
}

CU_TestInfo useragent_tests[] = {
	{"clients are told from the User-Agent", clients_are_told_from_the_user_agent},
	{"a very long one is not read to its end", a_very_long_one_is_not_read_to_its_end},
	CU_TEST_INFO_NULL,
};
