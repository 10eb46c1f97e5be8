/* SPDX-License-Identifier: Apache-2.0 */
#include "parsers/useragent.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

#include "guard.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct {
	const char *user_agent, *client, *version;
} agents[] = {
	{"Boto3/1.26.27 Python/3.11.2 Linux/6.1.0 Botocore/1.29.27", "boto3", "1.26.27"},
	{"Boto3/1.34.0 md/Botocore#1.34.0 ua/2.0 os/linux#6.1 lang/python#3.11.2", "boto3",
	 "1.34.0"},
	{"Botocore/1.29.27 Python/3.11.2 Linux/6.1.0", "botocore", "1.29.27"},
	{"aiobotocore/2.7.0 md/Botocore#1.31.64 os/linux", "aiobotocore", "2.7.0"},
	{"aws-cli/1.27.27 Python/3.11.2 Linux/6.1.0 botocore/1.29.27", "aws-cli", "1.27.27"},
	{"aws-cli/2.13.0 md/awscrt#0.19 ua/2.0 exe/x86_64", "aws-cli", "2.13.0"},
	{"Boto/2.49.0 Python/2.7.18", "boto", "2.49.0"},
	{"aws-sdk-go/1.44.0 (go1.19; linux; amd64) S3Manager", "aws-sdk-go", "1.44.0"},
	{"aws-sdk-go-v2/1.30.0 os/linux lang/go#1.22", "aws-sdk-go-v2", "1.30.0"},
	{"m/E aws-sdk-go-v2/1.30.0", "aws-sdk-go-v2", "1.30.0"},
	{"aws-sdk-java/2.20.1 Linux/6.1 OpenJDK", "aws-sdk-java", "2.20.1"},
	{"Hadoop 3.3.4, aws-sdk-java/1.12.262 Linux", "hadoop-s3a", "3.3.4"},
	{"aws-sdk-js/3.400.0 ua/2.0 os/linux lang/js md/nodejs#18", "aws-sdk-js", "3.400.0"},
	{"aws-sdk-nodejs/2.1000.0 linux/v18", "aws-sdk-js", "2.1000.0"},
	{"aws-sdk-cpp/1.11.1 ua/2.0", "aws-sdk-cpp", "1.11.1"},
	{"aws-sdk-php/3.200 OS/Linux", "aws-sdk-php", "3.200"},
	{"aws-sdk-ruby3/3.180.0 ruby/3.1", "aws-sdk-ruby", "3.180.0"},
	{"aws-sdk-rust/1.0 os/linux", "aws-sdk-rust", "1.0"},
	{"aws-sdk-kotlin/1.0", "aws-sdk-kotlin", "1.0"},
	{"aws-sdk-dotnet-coreclr/3.7.1 OS/linux", "aws-sdk-dotnet", "3.7.1"},
	{"mountpoint-s3/1.4.0 CRTS3NativeClient/0.1.x platform/unknown", "mountpoint-s3", "1.4.0"},
	{"CRTS3NativeClient/0.1.x platform/unknown", "aws-crt", "0.1.x"},
	{"MinIO (linux; amd64) minio-go/v7.0.63 mc/RELEASE.2023-09-13T23-08-58Z", "mc",
	 "RELEASE.2023-09-13T23-08-58Z"},
	{"MinIO (linux; amd64) minio-go/v7.0.52 warp/0.6.8", "warp", "0.6.8"},
	{"MinIO (Linux; x86_64) minio-py/7.1.0", "minio-py", "7.1.0"},
	{"MinIO (linux; x64) minio-js/7.1.0", "minio-js", "7.1.0"},
	{"MinIO (linux; amd64) minio-go/v7.0.52", "minio-go", "7.0.52"},
	{"rclone/v1.60.1-DEV", "rclone", "1.60.1-DEV"},
	{"s3cmd/2.3.0", "s3cmd", "2.3.0"},
	{"s3fs/1.90 (commit hash unknown; GnuTLS(gcrypt))", "s3fs", "1.90"},
	{"curl/7.88.1", "curl", "7.88.1"},
	{"Wget/1.21.3", "wget", "1.21.3"},
	{"python-requests/2.28.1", "python-requests", "2.28.1"},
	{"python-urllib3/1.26.12", "python-urllib3", "1.26.12"},
	{"Go-http-client/1.1", "go-http-client", "1.1"},
	{"okhttp/4.10.0", "okhttp", "4.10.0"},
	{"Prometheus/2.45.0", "prometheus", "2.45.0"},
	{"Mozilla/5.0 (X11; Linux x86_64)", "browser", 0},
	{"Mozilla/4.0 (Compatible; s3; libs3 2.0; Linux x86_64)", "libs3", "2.0"},
	{"MinIO (linux; amd64)", "minio", 0},
	{"s3fs-fuse/1.93 (x)", "s3fs", "1.93"},
	{"curl", "curl", 0},
	{"curl/", "curl", 0},
	{"curl/(dev)", "curl", 0},
	{"mc/DEVELOPMENT", "mc", 0},
	{"rclone/v", "rclone", 0},
	{"trino is 3 years old", "trino", 0},
	{"MyTool/1.0", 0, 0},
	{"emc/1.0 curlew/2 warped/3 xboto3 aws-sdk", 0, 0},
	{"", 0, 0},
};

static void clients_are_told_from_the_user_agent(void)
{
	struct slice none;

	for (size_t i = 0; i < COUNT(agents); i++) {
		const char *wanted = agents[i].client;
		struct slice in = {agents[i].user_agent, strlen(agents[i].user_agent)};
		struct slice version;
		const char *client = useragent_client(guard_copy(in), &version);
		bool ok = wanted ? client && strcmp(client, wanted) == 0 : !client;

		wanted = agents[i].version;
		ok = ok && (wanted ? slice_is(version, (struct slice){wanted, strlen(wanted)})
				   : !version.p);

		CU_ASSERT(ok);
		if (!ok)
			fprintf(stderr, "\n  %s: %s %.*s\n", agents[i].user_agent,
				client ? client : "-", (int)version.n, version.p);
	}
	CU_ASSERT_PTR_NULL(useragent_client(SLICE_NONE, &none));
}

static void a_very_long_one_is_not_read_to_its_end(void)
{
	static char text[16384];
	struct slice version;

	memset(text, 'x', sizeof(text));
	memcpy(text + sizeof(text) - 5, " curl", 5);
	CU_ASSERT_PTR_NULL(
		useragent_client(guard_copy((struct slice){text, sizeof(text)}), &version));
}

CU_TestInfo useragent_tests[] = {
	{"clients are told from the User-Agent", clients_are_told_from_the_user_agent},
	{"a very long one is not read to its end", a_very_long_one_is_not_read_to_its_end},
	CU_TEST_INFO_NULL,
};
