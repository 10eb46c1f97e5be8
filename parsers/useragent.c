/* SPDX-License-Identifier: Apache-2.0 */
#include "useragent.h"

#include <ctype.h>

#define LOOK_AT 1024 /* who speaks is said early */

/* Programs before the libraries they are built on, because a User-Agent names
 * both: the first row whose words (in lower case) stand in it counts. Words end where they end:
 * "s3fs" is not in "s3fstool", but it is in "s3fs/1.90" and in "s3fs-fuse". */
static const struct {
	struct slice words;
	const char *client;
} rows[] = {
	/* programs */
	{SLICE("aws-cli"), "aws-cli"},
	{SLICE("mountpoint-s3"), "mountpoint-s3"},
	{SLICE("mc/"), "mc"},
	{SLICE("warp"), "warp"},
	{SLICE("rclone"), "rclone"},
	{SLICE("s5cmd"), "s5cmd"},
	{SLICE("s3cmd"), "s3cmd"},
	{SLICE("s4cmd"), "s4cmd"},
	{SLICE("s3fs"), "s3fs"},
	{SLICE("goofys"), "goofys"},
	{SLICE("geesefs"), "geesefs"},
	{SLICE("juicefs"), "juicefs"},
	{SLICE("restic"), "restic"},
	{SLICE("kopia"), "kopia"},
	{SLICE("velero"), "velero"},
	{SLICE("pgbackrest"), "pgbackrest"},
	{SLICE("wal-g"), "wal-g"},
	{SLICE("thanos"), "thanos"},
	{SLICE("loki"), "loki"},
	{SLICE("mimir"), "mimir"},
	{SLICE("cyberduck"), "cyberduck"},
	{SLICE("terraform"), "terraform"},
	{SLICE("trino"), "trino"},
	{SLICE("presto"), "presto"},
	{SLICE("duckdb"), "duckdb"},
	{SLICE("clickhouse"), "clickhouse"},
	{SLICE("hadoop"), "hadoop-s3a"},
	{SLICE("s3a"), "hadoop-s3a"},
	{SLICE("prometheus"), "prometheus"},
	{SLICE("grafana"), "grafana"},
	/* SDKs */
	{SLICE("boto3"), "boto3"},
	{SLICE("aiobotocore"), "aiobotocore"},
	{SLICE("botocore"), "botocore"},
	{SLICE("boto"), "boto"},
	{SLICE("crts3nativeclient"), "aws-crt"},
	{SLICE("aws-sdk-go-v2"), "aws-sdk-go-v2"},
	{SLICE("aws-sdk-go"), "aws-sdk-go"},
	{SLICE("aws-sdk-java"), "aws-sdk-java"},
	{SLICE("aws-sdk-kotlin"), "aws-sdk-kotlin"},
	{SLICE("aws-sdk-android"), "aws-sdk-android"},
	{SLICE("aws-sdk-ios"), "aws-sdk-ios"},
	{SLICE("aws-sdk-swift"), "aws-sdk-swift"},
	{SLICE("aws-sdk-js"), "aws-sdk-js"},
	{SLICE("aws-sdk-nodejs"), "aws-sdk-js"},
	{SLICE("aws-sdk-cpp"), "aws-sdk-cpp"},
	{SLICE("aws-sdk-php"), "aws-sdk-php"},
	{SLICE("aws-sdk-ruby3"), "aws-sdk-ruby"},
	{SLICE("aws-sdk-ruby2"), "aws-sdk-ruby"},
	{SLICE("aws-sdk-ruby"), "aws-sdk-ruby"},
	{SLICE("aws-sdk-rust"), "aws-sdk-rust"},
	{SLICE("aws-sdk-dotnet"), "aws-sdk-dotnet"},
	{SLICE("aws-sdk-net"), "aws-sdk-dotnet"},
	{SLICE("aws-crt"), "aws-crt"},
	{SLICE("minio-go"), "minio-go"},
	{SLICE("minio-py"), "minio-py"},
	{SLICE("minio-js"), "minio-js"},
	{SLICE("minio-java"), "minio-java"},
	{SLICE("minio-cpp"), "minio-cpp"},
	{SLICE("minio-rs"), "minio-rs"},
	{SLICE("minio-dotnet"), "minio-dotnet"},
	{SLICE("minio"), "minio"},
	{SLICE("gcloud-python"), "google-cloud"},
	{SLICE("gsutil"), "gsutil"},
	{SLICE("libs3"), "libs3"}, /* says Mozilla as well */
	/* HTTP libraries */
	{SLICE("curl"), "curl"},
	{SLICE("libcurl"), "curl"},
	{SLICE("wget"), "wget"},
	{SLICE("python-requests"), "python-requests"},
	{SLICE("python-httpx"), "python-httpx"},
	{SLICE("aiohttp"), "aiohttp"},
	{SLICE("python-urllib3"), "python-urllib3"},
	{SLICE("python-urllib"), "python-urllib"},
	{SLICE("urllib3"), "python-urllib3"},
	{SLICE("go-http-client"), "go-http-client"},
	{SLICE("okhttp"), "okhttp"},
	{SLICE("apache-httpclient"), "apache-httpclient"},
	{SLICE("java-http-client"), "java-http-client"},
	{SLICE("axios"), "axios"},
	{SLICE("node-fetch"), "node-fetch"},
	{SLICE("undici"), "undici"},
	{SLICE("libwww-perl"), "libwww-perl"},
	{SLICE("apachebench"), "apachebench"},
	{SLICE("mozilla"), "browser"},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* "mc/" ends with its own mark, the others at anything that is not a word. */
static bool begins(struct slice text, struct slice words)
{
	if (tolower((unsigned char)text.p[0]) != words.p[0] || text.n < words.n ||
	    strncasecmp(text.p, words.p, words.n) != 0)
		return false;
	return text.n == words.n || !is_word(words.p[words.n - 1]) || !is_word(text.p[words.n]);
}

const char *useragent_client(struct slice user_agent)
{
	size_t best = ROWS;

	if (user_agent.n > LOOK_AT)
		user_agent.n = LOOK_AT;
	for (size_t i = 0; i < user_agent.n; i++) {
		struct slice here = slice_from(user_agent, i);

		if (i > 0 && (is_word(here.p[-1]) || here.p[-1] == '-'))
			continue;
		for (size_t row = 0; row < best; row++) {
			if (begins(here, rows[row].words))
				best = row;
		}
	}
	return best < ROWS ? rows[best].client : NULL;
}
