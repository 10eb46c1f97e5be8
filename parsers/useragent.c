/* SPDX-License-Identifier: Apache-2.0 */
#include "useragent.h"

#define LOOK_AT 1024 /* who speaks is said early */

/* Programs before the libraries they are built on, because a User-Agent names
 * both: the first row whose words (in lower case) stand in it counts. Words end where they end:
 * "s3fs" is not in "s3fstool", but it is in "s3fs/1.90" and in "s3fs-fuse". */
static const struct {
	char words[20];
	const char *client;
} rows[] = {
	/* programs */
	{"aws-cli", "aws-cli"},
	{"mountpoint-s3", "mountpoint-s3"},
	{"mc/", "mc"},
	{"warp", "warp"},
	{"rclone", "rclone"},
	{"s5cmd", "s5cmd"},
	{"s3cmd", "s3cmd"},
	{"s4cmd", "s4cmd"},
	{"s3fs", "s3fs"},
	{"goofys", "goofys"},
	{"geesefs", "geesefs"},
	{"juicefs", "juicefs"},
	{"restic", "restic"},
	{"kopia", "kopia"},
	{"velero", "velero"},
	{"pgbackrest", "pgbackrest"},
	{"wal-g", "wal-g"},
	{"thanos", "thanos"},
	{"loki", "loki"},
	{"mimir", "mimir"},
	{"cyberduck", "cyberduck"},
	{"terraform", "terraform"},
	{"trino", "trino"},
	{"presto", "presto"},
	{"duckdb", "duckdb"},
	{"clickhouse", "clickhouse"},
	{"hadoop", "hadoop-s3a"},
	{"s3a", "hadoop-s3a"},
	{"prometheus", "prometheus"},
	{"grafana", "grafana"},
	/* SDKs */
	{"boto3", "boto3"},
	{"aiobotocore", "aiobotocore"},
	{"botocore", "botocore"},
	{"boto", "boto"},
	{"crts3nativeclient", "aws-crt"},
	{"aws-sdk-go-v2", "aws-sdk-go-v2"},
	{"aws-sdk-go", "aws-sdk-go"},
	{"aws-sdk-java", "aws-sdk-java"},
	{"aws-sdk-kotlin", "aws-sdk-kotlin"},
	{"aws-sdk-android", "aws-sdk-android"},
	{"aws-sdk-ios", "aws-sdk-ios"},
	{"aws-sdk-swift", "aws-sdk-swift"},
	{"aws-sdk-js", "aws-sdk-js"},
	{"aws-sdk-nodejs", "aws-sdk-js"},
	{"aws-sdk-cpp", "aws-sdk-cpp"},
	{"aws-sdk-php", "aws-sdk-php"},
	{"aws-sdk-ruby3", "aws-sdk-ruby"},
	{"aws-sdk-ruby2", "aws-sdk-ruby"},
	{"aws-sdk-ruby", "aws-sdk-ruby"},
	{"aws-sdk-rust", "aws-sdk-rust"},
	{"aws-sdk-dotnet", "aws-sdk-dotnet"},
	{"aws-sdk-net", "aws-sdk-dotnet"},
	{"aws-crt", "aws-crt"},
	{"minio-go", "minio-go"},
	{"minio-py", "minio-py"},
	{"minio-js", "minio-js"},
	{"minio-java", "minio-java"},
	{"minio-cpp", "minio-cpp"},
	{"minio-rs", "minio-rs"},
	{"minio-dotnet", "minio-dotnet"},
	{"minio", "minio"},
	{"gcloud-python", "google-cloud"},
	{"gsutil", "gsutil"},
	{"libs3", "libs3"}, /* says Mozilla as well */
	/* HTTP libraries */
	{"curl", "curl"},
	{"libcurl", "curl"},
	{"wget", "wget"},
	{"python-requests", "python-requests"},
	{"python-httpx", "python-httpx"},
	{"aiohttp", "aiohttp"},
	{"python-urllib3", "python-urllib3"},
	{"python-urllib", "python-urllib"},
	{"urllib3", "python-urllib3"},
	{"go-http-client", "go-http-client"},
	{"okhttp", "okhttp"},
	{"apache-httpclient", "apache-httpclient"},
	{"java-http-client", "java-http-client"},
	{"axios", "axios"},
	{"node-fetch", "node-fetch"},
	{"undici", "undici"},
	{"libwww-perl", "libwww-perl"},
	{"apachebench", "apachebench"},
	{"mozilla", "browser"},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* "mc/" ends with its own mark, the others at anything that is not a word. */
static bool begins(struct slice text, const char *words)
{
	size_t n = 0;

	for (; words[n]; n++)
		if (n == text.n || lower(text.p[n]) != words[n])
			return false;
	return text.n == n || !is_word(words[n - 1]) || !is_word(text.p[n]);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "/1.26.27", "#1.34.0", " 3.3.4", or the same after the rest of a name:
 * "-coreclr/3.7.1". A version has a number in it. */
static struct slice version_after(struct slice text)
{
	size_t n = 0;
	bool numbered = false;

	if (text.n && text.p[0] == '-')
		while (n < text.n && (is_word(text.p[n]) || text.p[n] == '-'))
			n++;
	/* "mc/" took its mark along. */
	if (n < text.n && strchr("/# ", text.p[n]) && text.p[n])
		n++;
	text = slice_from(text, n);
	if (text.n > 1 && (text.p[0] == 'v' || text.p[0] == 'V') && is_digit(text.p[1]))
		text = slice_from(text, 1);
	for (n = 0; n < text.n && (is_word(text.p[n]) || strchr(".-+~", text.p[n])) && text.p[n];
	     n++)
		numbered |= is_digit(text.p[n]);
	return numbered ? (struct slice){text.p, n} : SLICE_NONE;
}

const char *useragent_client(struct slice user_agent, struct slice *version)
{
	size_t best = ROWS;

	*version = SLICE_NONE;
	if (user_agent.n > LOOK_AT)
		user_agent.n = LOOK_AT;
	for (size_t i = 0; i < user_agent.n; i++) {
		struct slice here = slice_from(user_agent, i);
		char first = lower(here.p[0]);

		/* Every row begins with a letter. */
		if (first < 'a' || first > 'z' ||
		    (i > 0 && (is_word(here.p[-1]) || here.p[-1] == '-')))
			continue;
		for (size_t row = 0; row < best; row++) {
			if (rows[row].words[0] == first && begins(here, rows[row].words)) {
				best = row;
				*version = version_after(slice_from(here, strlen(rows[row].words)));
			}
		}
	}
	/* What browsers write behind that word is no version of theirs. */
	if (best == ROWS - 1)
		*version = SLICE_NONE;
	return best < ROWS ? rows[best].client : NULL;
}
