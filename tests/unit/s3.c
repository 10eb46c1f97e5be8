/* SPDX-License-Identifier: Apache-2.0 */
#include "parsers/s3.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

#include "guard.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

#define SCOPE(service)                                                                             \
	"Authorization: AWS4-HMAC-SHA256 Credential=AKID/20240101/us-east-1/" service              \
	"/aws4_request, SignedHeaders=host, Signature=00\r\n"
#define V4 SCOPE("s3")
#define AMZ_DATE "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\nx-amz-date: 20240101T000000Z\r\n"
#define COPY "x-amz-copy-source: /a/b\r\n"

static struct slice text(const char *s)
{
	return s ? (struct slice){s, strlen(s)} : SLICE_NONE;
}

static bool same(struct slice s, const char *wanted)
{
	return wanted ? s.p && slice_is(s, text(wanted)) : !s.p;
}

/* line is "METHOD target"; the head is put together, or cut off before its end. */
static bool classify(const char *line, const char *host, const char *headers, bool whole,
		     const char *answer, const struct s3_endpoints *endpoints,
		     struct s3_request *out)
{
	static struct http1_request request;
	static struct http1_response response;
	static char head[32768], reply[1024];
	int n = snprintf(head, sizeof(head), "%s HTTP/1.1\r\n%s%s%s%s%s", line,
			 host ? "Host: " : "", host ? host : "", host ? "\r\n" : "",
			 headers ? headers : "", whole ? "\r\n" : "");
	int m = snprintf(reply, sizeof(reply), "HTTP/1.1 200 OK\r\n%s\r\n", answer ? answer : "");

	if (http1_request(guard_copy((struct slice){head, (size_t)n}), &request) == HTTP1_BAD ||
	    http1_response((struct slice){reply, (size_t)m}, &response) <= 0)
		return false;
	s3_classify(&request, answer ? &response : NULL, endpoints, out);
	return true;
}

static void report(const char *line, const char *host, const struct s3_request *r)
{
	fprintf(stderr,
		"\n  %s (%s): s3 %d, %s, bucket %.*s, key %.*s, endpoint %.*s, region %.*s\n", line,
		host ? host : "no host", r->is_s3, r->operation ? r->operation : "-",
		(int)r->bucket.n, r->bucket.p, (int)r->key.n, r->key.p, (int)r->endpoint.n,
		r->endpoint.p, (int)r->region.n, r->region.p);
}

static const struct {
	const char *line, *host, *headers, *operation, *bucket, *key, *endpoint;
} addresses[] = {
	/* path style */
	{"GET /b/k", "127.0.0.1:9000", V4, "GetObject", "b", "k", "127.0.0.1:9000"},
	{"GET /b/k", "minio.local", V4, "GetObject", "b", "k", "minio.local"},
	{"GET /b/k", "[::1]:9000", V4, "GetObject", "b", "k", "[::1]:9000"},
	{"GET /", "h", V4, "ListBuckets", 0, 0, "h"},
	{"GET /?events=s3:ObjectCreated:*", "h", V4, 0, 0, 0, "h"},
	{"GET /k?x-id=GetObject", "b.h", V4, "GetObject", 0, "k", "b.h"},
	{"PUT /dir/?x-id=PutObject", "b.h", V4, "PutObject", 0, "dir/", "b.h"},
	{"GET /k?x-id=GetObject", "b.s3.lan", V4, "GetObject", "b", "k", "s3.lan"},
	{"GET /?x-id=ListBuckets", "h", V4, "ListBuckets", 0, 0, "h"},
	{"GET /?x-id=ListDirectoryBuckets", "h", V4, "ListDirectoryBuckets", 0, 0, "h"},
	{"GET /b", "h", V4, "ListObjects", "b", 0, "h"},
	{"GET /b/", "h", V4, "ListObjects", "b", 0, "h"},
	{"HEAD /b/", "h", V4, "HeadBucket", "b", 0, "h"},
	{"PUT /b/", "h", V4, "CreateBucket", "b", 0, "h"},
	{"DELETE /b", "h", V4, "DeleteBucket", "b", 0, "h"},
	{"PUT /b/dir/", "h", V4, "PutObject", "b", "dir/", "h"},
	{"GET /b//k", "h", V4, "GetObject", "b", "/k", "h"},
	{"GET /b/a%2Fb+c%20d/\xc3\xa9?versionId=1", "h", V4, "GetObject", "b",
	 "a%2Fb+c%20d/\xc3\xa9", "h"},
	{"GET //k", "h", V4, 0, 0, 0, "h"},
	{"GET http://h:81/b/k?acl", "other", V4, "GetObjectAcl", "b", "k", "h:81"},
	{"GET HTTP://me:pw@h/b/k", "other", V4, "GetObject", "b", "k", "h"},
	{"GET http://me:p@w@h:81/b/k", "other", V4, "GetObject", "b", "k", "h:81"},
	{"GET /b/k", "me:pw@h:81", V4, "GetObject", "b", "k", "h:81"},
	{"GET http://h?x", "other", V4, "ListBuckets", 0, 0, "h"},
	{"GET /s3.amazonaws.com/k", "h", V4, "GetObject", "s3.amazonaws.com", "k", "h"},
	/* virtual-hosted */
	{"GET /k", "b.s3.amazonaws.com", 0, "GetObject", "b", "k", "s3.amazonaws.com"},
	{"GET /", "b.s3.amazonaws.com", 0, "ListObjects", "b", 0, "s3.amazonaws.com"},
	{"HEAD /key", "b.s3.amazonaws.com", 0, "HeadObject", "b", "key", "s3.amazonaws.com"},
	{"HEAD /", "b.s3.amazonaws.com", 0, "HeadBucket", "b", 0, "s3.amazonaws.com"},
	{"GET /a/b/c", "b.s3.eu-west-1.amazonaws.com:443", 0, "GetObject", "b", "a/b/c",
	 "s3.eu-west-1.amazonaws.com:443"},
	{"GET //", "b.s3.amazonaws.com", 0, "GetObject", "b", "/", "s3.amazonaws.com"},
	{"GET /k", "B.C.S3.AmazonAWS.com.", 0, "GetObject", "B.C", "k", "S3.AmazonAWS.com."},
	{"GET /k", "my.s3.bucket.s3.us-east-1.amazonaws.com", 0, "GetObject", "my.s3.bucket", "k",
	 "s3.us-east-1.amazonaws.com"},
	{"GET /b/k", "s3.us-east-1.amazonaws.com", 0, "GetObject", "b", "k",
	 "s3.us-east-1.amazonaws.com"},
	{"GET /k", "b.s3-us-west-2.amazonaws.com", 0, "GetObject", "b", "k",
	 "s3-us-west-2.amazonaws.com"},
	{"GET /k", "my.s3.s3-us-west-2.amazonaws.com", 0, "GetObject", "my.s3", "k",
	 "s3-us-west-2.amazonaws.com"},
	{"GET /b/k", "xs3.us-west-2.amazonaws.com", V4, "GetObject", "b", "k",
	 "xs3.us-west-2.amazonaws.com"},
	{"GET /k", "b.s3.cn-north-1.amazonaws.com.cn", 0, "GetObject", "b", "k",
	 "s3.cn-north-1.amazonaws.com.cn"},
	{"GET /k", "b.s3.eusc-de-east-1.amazonaws.eu", 0, "GetObject", "b", "k",
	 "s3.eusc-de-east-1.amazonaws.eu"},
	{"GET /k", "b.s3.dualstack.us-east-1.amazonaws.com", 0, "GetObject", "b", "k",
	 "s3.dualstack.us-east-1.amazonaws.com"},
	{"GET /k", "b.s3-accelerate.amazonaws.com", 0, "GetObject", "b", "k",
	 "s3-accelerate.amazonaws.com"},
	{"GET /k", "b.s3-accelerate.dualstack.amazonaws.com", 0, "GetObject", "b", "k",
	 "s3-accelerate.dualstack.amazonaws.com"},
	{"GET /k", "b.s3-fips.dualstack.us-gov-west-1.amazonaws.com", 0, "GetObject", "b", "k",
	 "s3-fips.dualstack.us-gov-west-1.amazonaws.com"},
	{"GET /k", "ap-123.s3-accesspoint.us-east-1.amazonaws.com", 0, "GetObject", "ap-123", "k",
	 "s3-accesspoint.us-east-1.amazonaws.com"},
	{"GET /k", "ap-1.op-2.s3-outposts.us-east-1.amazonaws.com", 0, "GetObject", "ap-1.op-2",
	 "k", "s3-outposts.us-east-1.amazonaws.com"},
	{"GET /v20180820/bucket/b", "s3-outposts.us-east-1.amazonaws.com", V4, 0, 0, 0,
	 "s3-outposts.us-east-1.amazonaws.com"},
	{"GET /k", "x.mrap.accesspoint.s3-global.amazonaws.com", 0, "GetObject", "x.mrap", "k",
	 "accesspoint.s3-global.amazonaws.com"},
	{"GET /?session", "b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com", 0,
	 "CreateSession", "b--use1-az4--x-s3", 0, "s3express-use1-az4.us-east-1.amazonaws.com"},
	{"GET /", "s3express-control.us-east-1.amazonaws.com", 0, "ListDirectoryBuckets", 0, 0,
	 "s3express-control.us-east-1.amazonaws.com"},
	{"PUT /b--x-s3", "s3express-control.us-east-1.amazonaws.com", 0, "CreateBucket", "b--x-s3",
	 0, "s3express-control.us-east-1.amazonaws.com"},
	{"GET /k", "b.bucket.vpce-1a-2b.s3.us-east-1.vpce.amazonaws.com", 0, "GetObject", "b", "k",
	 "bucket.vpce-1a-2b.s3.us-east-1.vpce.amazonaws.com"},
	{"GET /b/k", "bucket.vpce-1a-2b.s3.us-east-1.vpce.amazonaws.com", 0, "GetObject", "b", "k",
	 "bucket.vpce-1a-2b.s3.us-east-1.vpce.amazonaws.com"},
	{"GET /", "b.s3-website-us-east-1.amazonaws.com", 0, "GetObject", "b", 0,
	 "s3-website-us-east-1.amazonaws.com"},
	{"HEAD /i.html", "b.s3-website.eu-central-1.amazonaws.com", 0, "HeadObject", "b", "i.html",
	 "s3-website.eu-central-1.amazonaws.com"},
	{"GET /v20180820/jobs", "123.s3-control.us-east-1.amazonaws.com", V4, 0, 0, 0,
	 "123.s3-control.us-east-1.amazonaws.com"},
	{"POST /WriteGetObjectResponse", "r.s3-object-lambda.us-east-1.amazonaws.com",
	 "x-amz-request-route: r\r\n", "WriteGetObjectResponse", 0, 0,
	 "s3-object-lambda.us-east-1.amazonaws.com"},
	{"POST /WriteGetObjectResponse", "r.own.example.net:9000", V4 "x-amz-request-route: R\r\n",
	 "WriteGetObjectResponse", 0, 0, "own.example.net:9000"},
	{"POST /WriteGetObjectResponse", "other.example.net", V4 "x-amz-request-route: r\r\n",
	 "WriteGetObjectResponse", 0, 0, "other.example.net"},
	{"GET /k", "b.storage.googleapis.com", 0, "GetObject", "b", "k", "storage.googleapis.com"},
	{"GET /b/k", "0a1b.r2.cloudflarestorage.com", 0, "GetObject", "b", "k",
	 "0a1b.r2.cloudflarestorage.com"},
	{"GET /k", "b.0a1b.eu.r2.cloudflarestorage.com", 0, "GetObject", "b", "k",
	 "0a1b.eu.r2.cloudflarestorage.com"},
	{"GET /k", "b.s3.eu-central-1.wasabisys.com", 0, "GetObject", "b", "k",
	 "s3.eu-central-1.wasabisys.com"},
	{"GET /k", "b.s3.us-west-004.backblazeb2.com", 0, "GetObject", "b", "k",
	 "s3.us-west-004.backblazeb2.com"},
	{"GET /k", "b.nyc3.digitaloceanspaces.com", 0, "GetObject", "b", "k",
	 "nyc3.digitaloceanspaces.com"},
	{"GET /b/k", "nyc3.digitaloceanspaces.com", 0, "GetObject", "b", "k",
	 "nyc3.digitaloceanspaces.com"},
	/* names of one's own */
	{"GET /k", "b.s3.example.com:9000", V4, "GetObject", "b", "k", "s3.example.com:9000"},
	{"GET /k", "b.s3.localhost:9000", V4, "GetObject", "b", "k", "s3.localhost:9000"},
	{"GET /b/k", "s3.localhost:9000", V4, "GetObject", "b", "k", "s3.localhost:9000"},
	{"GET /k", "b.s3-eu.example.com", V4, "GetObject", "b", "k", "s3-eu.example.com"},
	{"GET /b/k", "s3-gateway.example.com", V4, "GetObject", "b", "k", "s3-gateway.example.com"},
	{"GET /b/k", "minio.s3.svc.cluster.local", V4, "GetObject", "b", "k",
	 "minio.s3.svc.cluster.local"},
	{"GET /b/k", "s3", V4, "GetObject", "b", "k", "s3"},
	{"GET /b/k", "s3-lb-1.us-east-1.elb.amazonaws.com", V4, "GetObject", "b", "k",
	 "s3-lb-1.us-east-1.elb.amazonaws.com"},
	{"GET /b/k", "s3.amazonaws.com.evil.net", V4, "GetObject", "b", "k",
	 "s3.amazonaws.com.evil.net"},
	{"GET /b/k", "notamazonaws.com", V4, "GetObject", "b", "k", "notamazonaws.com"},
	/* without a Host nobody knows where the bucket stands */
	{"GET /b/k", 0, V4, 0, 0, 0, 0},
	{"GET /b/k?x-id=GetObject", 0, V4, "GetObject", 0, 0, 0},
};

static void bucket_and_key_are_found(void)
{
	for (size_t i = 0; i < COUNT(addresses); i++) {
		struct s3_request r;
		bool ok = classify(addresses[i].line, addresses[i].host, addresses[i].headers, true,
				   NULL, NULL, &r) &&
			  r.is_s3 && same(text(r.operation), addresses[i].operation) &&
			  same(r.bucket, addresses[i].bucket) && same(r.key, addresses[i].key) &&
			  same(r.endpoint, addresses[i].endpoint);

		CU_ASSERT(ok);
		if (!ok)
			report(addresses[i].line, addresses[i].host, &r);
	}
}

/* On a virtual-hosted bucket b, and the same in path style. */
static const struct {
	const char *method, *key, *query, *headers, *operation;
} operations[] = {
	{"GET", "", "prefix=acl&delimiter=/", 0, "ListObjects"},
	{"GET", "", "list-type=2&prefix=uploads", 0, "ListObjectsV2"},
	{"GET", "", "list-type=1", 0, "ListObjects"},
	{"GET", "", "versions", 0, "ListObjectVersions"},
	{"GET", "", "versioning", 0, "GetBucketVersioning"},
	{"GET", "", "uploads=", 0, "ListMultipartUploads"},
	{"GET", "", "uplo%61ds", 0, "ListMultipartUploads"},
	{"GET", "", "Uploads", 0, "ListObjects"},
	{"GET", "", "xuploads&uploadsx", 0, "ListObjects"},
	{"GET", "", "events=s3%3AObjectCreated%3A%2A&ping=10&prefix=", 0, 0},
	{"GET", "", "policyStatus", 0, "GetBucketPolicyStatus"},
	{"GET", "", "policy", 0, "GetBucketPolicy"},
	{"GET", "", "analytics&id=1", 0, "GetBucketAnalyticsConfiguration"},
	{"GET", "", "analytics&x-id=ListBucketAnalyticsConfigurations", 0,
	 "ListBucketAnalyticsConfigurations"},
	{"GET", "", "object-lock", 0, "GetObjectLockConfiguration"},
	{"PUT", "", "lifecycle", 0, "PutBucketLifecycleConfiguration"},
	{"DELETE", "", "lifecycle", 0, "DeleteBucketLifecycle"},
	{"POST", "", "delete", 0, "DeleteObjects"},
	{"POST", "", "", "Content-Type: Multipart/Form-Data; boundary=x\r\n", "PostObject"},
	{"POST", "", "", "Content-Type: application/xml\r\n", 0},
	{"GET", "k", "prefix=x&uploads", 0, "GetObject"},
	{"GET", "k", "versionId=1&partNumber=2", 0, "GetObject"},
	{"GET", "k", "x-id=PutObject", 0, "GetObject"},
	{"GET", "k", "list-type=2", 0, "GetObject"},
	{"GET", "k", "uploadId=1", 0, "ListParts"},
	{"GET", "k", "attributes", 0, "GetObjectAttributes"},
	{"GET", "k", "torrent", 0, "GetObjectTorrent"},
	{"GET", "k", "tagging&versionId=3", 0, "GetObjectTagging"},
	{"PUT", "k", "", 0, "PutObject"},
	{"PUT", "k", "uploadId=", 0, "PutObject"},
	{"PUT", "k", "", COPY, "CopyObject"},
	{"PUT", "k", "partNumber=1&uploadId=x", 0, "UploadPart"},
	{"PUT", "k", "uploadId=x&partNumber=1", COPY, "UploadPartCopy"},
	{"PUT", "k", "acl", 0, "PutObjectAcl"},
	{"PUT", "k", "legal-hold", 0, "PutObjectLegalHold"},
	{"PUT", "k", "renameObject", 0, "RenameObject"},
	{"POST", "k", "uploads", 0, "CreateMultipartUpload"},
	{"POST", "k", "uploadId=x", 0, "CompleteMultipartUpload"},
	{"POST", "k", "select&select-type=2", 0, "SelectObjectContent"},
	{"POST", "k", "restore", 0, "RestoreObject"},
	{"POST", "k", "", 0, 0},
	{"DELETE", "k", "uploadId=x", 0, "AbortMultipartUpload"},
	{"DELETE", "k", "tagging", 0, "DeleteObjectTagging"},
	{"DELETE", "k", "versionId=x", 0, "DeleteObject"},
	{"HEAD", "k", "versionId=x", 0, "HeadObject"},
	{"OPTIONS", "k", "", 0, 0},
	{"PATCH", "k", "", 0, 0},
};

static void operations_have_their_names(void)
{
	for (size_t i = 0; i < COUNT(operations) * 2; i++) {
		bool path_style = i % 2;
		char line[256];
		struct s3_request r;

		snprintf(line, sizeof(line), "%s %s/%s?%s", operations[i / 2].method,
			 path_style ? "/b" : "", operations[i / 2].key, operations[i / 2].query);
		bool ok = classify(line, path_style ? "s3.amazonaws.com" : "b.s3.amazonaws.com",
				   operations[i / 2].headers, true, NULL, NULL, &r) &&
			  same(text(r.operation), operations[i / 2].operation) &&
			  same(r.bucket, "b");

		CU_ASSERT(ok);
		if (!ok)
			report(line, NULL, &r);
	}
}

/* Every form of endpoint: with "/k" the bucket stands in the host, with "/b/k" in
 * the path. signature: what the request is signed for, NULL for unsigned. */
#define SIGNED(region)                                                                             \
	"Authorization: AWS4-HMAC-SHA256 Credential=AKID/20240101/" region                         \
	"/s3/aws4_request, SignedHeaders=host, Signature=00\r\n"
static const struct {
	const char *host, *target, *signature, *bucket, *endpoint, *region;
} forms[] = {
	/* Amazon */
	{"b.s3.eu-west-1.amazonaws.com", "/k", 0, "b", "s3.eu-west-1.amazonaws.com", "eu-west-1"},
	{"s3.eu-west-1.amazonaws.com", "/b/k", 0, "b", "s3.eu-west-1.amazonaws.com", "eu-west-1"},
	{"b.s3-eu-west-1.amazonaws.com", "/k", 0, "b", "s3-eu-west-1.amazonaws.com", "eu-west-1"},
	{"b.s3.amazonaws.com", "/k", 0, "b", "s3.amazonaws.com", 0},
	{"b.s3.amazonaws.com", "/k", SIGNED("us-east-1"), "b", "s3.amazonaws.com", "us-east-1"},
	{"b.s3-external-1.amazonaws.com", "/k", 0, "b", "s3-external-1.amazonaws.com", 0},
	{"b.s3.cn-north-1.amazonaws.com.cn", "/k", 0, "b", "s3.cn-north-1.amazonaws.com.cn",
	 "cn-north-1"},
	{"b.s3.us-isof-south-1.csp.hci.ic.gov", "/k", 0, "b", "s3.us-isof-south-1.csp.hci.ic.gov",
	 "us-isof-south-1"},
	{"b.s3.eu-west-1.amazonaws.com", "/k", SIGNED("us-east-1"), "b",
	 "s3.eu-west-1.amazonaws.com", "eu-west-1"},
	/* dual-stack, accelerate, FIPS */
	{"b.s3.dualstack.us-west-2.amazonaws.com", "/k", 0, "b",
	 "s3.dualstack.us-west-2.amazonaws.com", "us-west-2"},
	{"s3.dualstack.us-west-2.amazonaws.com", "/b/k", 0, "b",
	 "s3.dualstack.us-west-2.amazonaws.com", "us-west-2"},
	{"b.s3-accelerate.amazonaws.com", "/k", 0, "b", "s3-accelerate.amazonaws.com", 0},
	{"b.s3-accelerate.dualstack.amazonaws.com", "/k", SIGNED("ap-south-1"), "b",
	 "s3-accelerate.dualstack.amazonaws.com", "ap-south-1"},
	{"b.s3-fips.us-gov-west-1.amazonaws.com", "/k", 0, "b",
	 "s3-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"},
	{"b.s3-fips-us-gov-west-1.amazonaws.com", "/k", 0, "b",
	 "s3-fips-us-gov-west-1.amazonaws.com", "us-gov-west-1"},
	{"b.s3-fips.dualstack.us-east-2.amazonaws.com", "/k", 0, "b",
	 "s3-fips.dualstack.us-east-2.amazonaws.com", "us-east-2"},
	/* access points */
	{"ap-1.s3-accesspoint.us-east-1.amazonaws.com", "/k", 0, "ap-1",
	 "s3-accesspoint.us-east-1.amazonaws.com", "us-east-1"},
	{"ap-1.s3-accesspoint-fips.dualstack.us-east-1.amazonaws.com", "/k", 0, "ap-1",
	 "s3-accesspoint-fips.dualstack.us-east-1.amazonaws.com", "us-east-1"},
	{"l-1.s3-object-lambda.eu-north-1.amazonaws.com", "/k", 0, "l-1",
	 "s3-object-lambda.eu-north-1.amazonaws.com", "eu-north-1"},
	{"ap-1.op-2.s3-outposts.us-east-1.amazonaws.com", "/k", 0, "ap-1.op-2",
	 "s3-outposts.us-east-1.amazonaws.com", "us-east-1"},
	{"m.mrap.accesspoint.s3-global.amazonaws.com", "/k",
	 "Authorization: AWS4-ECDSA-P256-SHA256 Credential=AKID/20240101/s3/aws4_request, S=0\r\n",
	 "m.mrap", "accesspoint.s3-global.amazonaws.com", 0},
	/* S3 Express, VPC endpoints, websites */
	{"b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com", "/k", 0,
	 "b--use1-az4--x-s3", "s3express-use1-az4.us-east-1.amazonaws.com", "us-east-1"},
	{"s3express-control.us-east-1.amazonaws.com", "/b/k", 0, "b",
	 "s3express-control.us-east-1.amazonaws.com", "us-east-1"},
	{"b.bucket.vpce-1-2.s3.eu-west-1.vpce.amazonaws.com", "/k", 0, "b",
	 "bucket.vpce-1-2.s3.eu-west-1.vpce.amazonaws.com", "eu-west-1"},
	{"ap-1.accesspoint.vpce-1-2.s3.eu-west-1.vpce.amazonaws.com", "/k", 0, "ap-1",
	 "accesspoint.vpce-1-2.s3.eu-west-1.vpce.amazonaws.com", "eu-west-1"},
	{"b.s3-website-eu-west-1.amazonaws.com", "/k", 0, "b", "s3-website-eu-west-1.amazonaws.com",
	 "eu-west-1"},
	{"b.s3-website.eu-central-1.amazonaws.com", "/k", 0, "b",
	 "s3-website.eu-central-1.amazonaws.com", "eu-central-1"},
	/* other providers */
	{"0a.r2.cloudflarestorage.com", "/b/k", SIGNED("auto"), "b", "0a.r2.cloudflarestorage.com",
	 "auto"},
	{"b.0a.r2.cloudflarestorage.com", "/k", 0, "b", "0a.r2.cloudflarestorage.com", 0},
	{"b.storage.googleapis.com", "/k", 0, "b", "storage.googleapis.com", 0},
	{"storage.googleapis.com", "/b/k",
	 "Authorization: GOOG4-HMAC-SHA256 Credential=G/20240101/europe-west4/storage/goog4_request"
	 "\r\n",
	 "b", "storage.googleapis.com", "europe-west4"},
	{"storage.us-east1.rep.googleapis.com", "/b/k", 0, "b",
	 "storage.us-east1.rep.googleapis.com", "us-east1"},
	{"b.s3.wasabisys.com", "/k", 0, "b", "s3.wasabisys.com", 0},
	{"s3.eu-central-2.wasabisys.com", "/b/k", 0, "b", "s3.eu-central-2.wasabisys.com",
	 "eu-central-2"},
	{"b.s3.us-west-004.backblazeb2.com", "/k", 0, "b", "s3.us-west-004.backblazeb2.com",
	 "us-west-004"},
	{"b.nyc3.digitaloceanspaces.com", "/k", 0, "b", "nyc3.digitaloceanspaces.com", "nyc3"},
	{"b.sos-ch-dk-2.exo.io", "/k", 0, "b", "sos-ch-dk-2.exo.io", "ch-dk-2"},
	{"b.s3.private.us-south.cloud-object-storage.appdomain.cloud", "/k", 0, "b",
	 "s3.private.us-south.cloud-object-storage.appdomain.cloud", "us-south"},
	{"b.s3.us-east-va.io.cloud.ovh.us", "/k", 0, "b", "s3.us-east-va.io.cloud.ovh.us",
	 "us-east-va"},
	{"b.oss-cn-hangzhou.aliyuncs.com", "/k", SIGNED("cn-hangzhou"), "b",
	 "oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou"},
	{"b.s3.oss-cn-hangzhou.aliyuncs.com", "/k", SIGNED("cn-hangzhou"), "b",
	 "s3.oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou"},
	{"b-125.cos.ap-guangzhou.myqcloud.com", "/k", SIGNED("x"), "b-125",
	 "cos.ap-guangzhou.myqcloud.com", "ap-guangzhou"},
	{"b.obs.cn-north-4.myhuaweicloud.com:443", "/k", "Authorization: AWS AKID:c2ln\r\n", "b",
	 "obs.cn-north-4.myhuaweicloud.com:443", "cn-north-4"},
	{"obs.cn-north-4.myhuaweicloud.com", "/b/k", SIGNED("x"), "b",
	 "obs.cn-north-4.myhuaweicloud.com", "cn-north-4"},
	/* MinIO, Ceph and others under a name or an address of one's own */
	{"127.0.0.1:9000", "/b/k", SIGNED("us-east-1"), "b", "127.0.0.1:9000", "us-east-1"},
	{"[2001:db8::1]:7480", "/b/k", SIGNED("default"), "b", "[2001:db8::1]:7480", "default"},
	{"10.0.0.5", "/b/k", "Authorization: AWS AKID:c2ln\r\n", "b", "10.0.0.5", 0},
	{"minio:9000", "/b/k", SIGNED(""), "b", "minio:9000", 0},
	{"rgw.example.net", "/b/k", SIGNED("default"), "b", "rgw.example.net", "default"},
	{"h", "/b/k?X-Amz-Credential=A%2F20240101%2Feu-west-3%2Fs3%2Faws4_request", 0, "b", "h",
	 "eu-west-3"},
	/* --endpoint */
	{"minio.lan:9000", "/b/k", 0, "b", "minio.lan:9000", 0},
	{"b.minio.lan:9000", "/k", SIGNED("lan"), "b", "minio.lan:9000", "lan"},
	{"a.b.ceph.lan", "/k", 0, "a.b", "ceph.lan", 0},
};

static void endpoints_have_their_forms(void)
{
	static const char *const pattern[] = {"minio.lan:9000", "*.ceph.lan"};
	static const struct s3_endpoints endpoints = {pattern, COUNT(pattern)};

	for (size_t i = 0; i < COUNT(forms); i++) {
		struct s3_request r;
		char line[256];

		snprintf(line, sizeof(line), "GET %s", forms[i].target);
		bool ok = classify(line, forms[i].host, forms[i].signature, true, NULL, &endpoints,
				   &r) &&
			  r.is_s3 && same(text(r.operation), "GetObject") &&
			  same(r.bucket, forms[i].bucket) && same(r.key, "k") &&
			  same(r.endpoint, forms[i].endpoint) && (r.region.p || !forms[i].region) &&
			  same(r.region, forms[i].region);

		CU_ASSERT(ok);
		if (!ok)
			report(line, forms[i].host, &r);
	}
}

/* Whatever a key looks like, it is one: the bucket never comes out of it. */
static void keys_are_not_read_into(void)
{
	static const struct {
		const char *key, *query, *operation;
	} rows[] = {
		{"a%2Fb", "", "GetObject"},
		{"%2Fa%2F", "", "GetObject"},
		{"a+b%2Bc%20d", "", "GetObject"},
		{"\xc3\xa9/\xe2\x82\xac", "", "GetObject"},
		{"%01%0a%7f", "", "GetObject"},
		{"\x01\x02", "", "GetObject"},
		{"other-bucket/", "", "GetObject"},
		{"/", "", "GetObject"},
		{"//a//", "", "GetObject"},
		{"s3.amazonaws.com/b/k", "", "GetObject"},
		{"http://b.s3.amazonaws.com/x", "", "GetObject"},
		{"acl", "", "GetObject"},
		{"a&acl", "", "GetObject"},
		{"a%3Facl", "", "GetObject"},
		{"uploads", "prefix=x&delimiter=/", "GetObject"},
		{"k", "prefix=acl", "GetObject"},
		{"k", "response-content-type=a/b?acl", "GetObject"},
		{"k", "versionId=1&acl", "GetObjectAcl"},
		{"?acl", "", "GetObjectAcl"}, /* no key, for once: what follows is the query */
	};

	for (size_t i = 0; i < COUNT(rows) * 2; i++) {
		bool path_style = i % 2, none = rows[i / 2].key[0] == '?';
		char line[256];
		struct s3_request r;

		snprintf(line, sizeof(line), "GET %s/%s%s%s", path_style ? "/b" : "",
			 rows[i / 2].key, rows[i / 2].query[0] ? "?" : "", rows[i / 2].query);
		bool ok = classify(line, path_style ? "s3.amazonaws.com" : "b.s3.amazonaws.com",
				   NULL, true, NULL, NULL, &r) &&
			  same(r.bucket, "b") && same(r.key, none ? NULL : rows[i / 2].key) &&
			  same(text(r.operation), none ? "GetBucketAcl" : rows[i / 2].operation);

		CU_ASSERT(ok);
		if (!ok)
			report(line, NULL, &r);
	}
}

/* The log's names that people look for, and some that the log has none for. */
static void operations_are_named_as_in_the_access_log(void)
{
	static const struct {
		const char *line, *host, *headers, *name;
	} rows[] = {
		{"GET /k", "b.s3.amazonaws.com", 0, "REST.GET.OBJECT"},
		{"HEAD /k", "b.s3.amazonaws.com", 0, "REST.HEAD.OBJECT"},
		{"PUT /k?partNumber=1&uploadId=u", "b.s3.amazonaws.com", 0, "REST.PUT.PART"},
		{"PUT /k?partNumber=1&uploadId=u", "b.s3.amazonaws.com", COPY, "REST.COPY.PART"},
		{"PUT /k", "b.s3.amazonaws.com", COPY, "REST.COPY.OBJECT"},
		{"POST /k?uploads", "b.s3.amazonaws.com", 0, "REST.POST.UPLOADS"},
		{"POST /k?uploadId=u", "b.s3.amazonaws.com", 0, "REST.POST.UPLOAD"},
		{"DELETE /k?uploadId=u", "b.s3.amazonaws.com", 0, "REST.DELETE.UPLOAD"},
		{"GET /?list-type=2", "b.s3.amazonaws.com", 0, "REST.GET.BUCKET"},
		{"GET /?versions", "b.s3.amazonaws.com", 0, "REST.GET.BUCKETVERSIONS"},
		{"GET /?logging", "b.s3.amazonaws.com", 0, "REST.GET.LOGGING_STATUS"},
		{"GET /k?tagging", "b.s3.amazonaws.com", 0, "REST.GET.OBJECT_TAGGING"},
		{"GET /?tagging", "b.s3.amazonaws.com", 0, "REST.GET.TAGGING"},
		{"DELETE /?policy", "b.s3.amazonaws.com", 0, "REST.DELETE.BUCKETPOLICY"},
		{"POST /?delete", "b.s3.amazonaws.com", 0, "REST.POST.MULTI_OBJECT_DELETE"},
		{"GET /", "b.s3-website-us-east-1.amazonaws.com", 0, "WEBSITE.GET.OBJECT"},
		{"HEAD /k", "b.s3-website.eu-west-3.amazonaws.com", 0, "WEBSITE.HEAD.OBJECT"},
		{"GET /?session", "b.s3.amazonaws.com", 0, 0},
		{"PATCH /k", "b.s3.amazonaws.com", 0, 0},
		{"GET /k", "h", 0, 0}, /* no S3 */
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct s3_request r;

		CU_ASSERT(classify(rows[i].line, rows[i].host, rows[i].headers, true, NULL, NULL,
				   &r));
		CU_ASSERT(same(text(r.log_operation), rows[i].name));
	}
}

static void a_header_not_read_is_not_guessed(void)
{
	struct s3_request r;

	CU_ASSERT(classify("PUT /b/k", "h", V4, false, NULL, NULL, &r));
	CU_ASSERT(r.is_s3 && r.operation == NULL && same(r.key, "k"));
	CU_ASSERT(classify("PUT /b/k", "h", V4 COPY, false, NULL, NULL, &r));
	CU_ASSERT(same(text(r.operation), "CopyObject"));
	CU_ASSERT(classify("PUT /b/k?x-id=PutObject", "h", V4, false, NULL, NULL, &r));
	CU_ASSERT(same(text(r.operation), "PutObject"));
	CU_ASSERT(classify("GET /b/k", "h", V4, false, NULL, NULL, &r));
	CU_ASSERT(same(text(r.operation), "GetObject"));
}

static const struct {
	bool is_s3;
	const char *line, *host, *headers, *answer;
} kinds[] = {
	/* signatures */
	{true, "GET /b/k", "h", V4, 0},
	{true, "GET /b/k", "h", SCOPE("s3express"), 0},
	{true, "GET /b/k", "h", SCOPE("s3-object-lambda"), 0},
	{true, "GET /b/k", "h", SCOPE("s3-outposts"), 0},
	{false, "POST /", "sts.amazonaws.com", SCOPE("sts") AMZ_DATE, "x-amzn-RequestId: 1\r\n"},
	{false, "POST /", "dynamodb.us-east-1.amazonaws.com", SCOPE("dynamodb") AMZ_DATE, 0},
	{false, "GET /b/k", "b.s3.amazonaws.com", SCOPE("ec2"), "Server: AmazonS3\r\n"},
	{false, "GET /b/k", "h", SCOPE("s3tables"), 0},
	{true, "GET /b/k", "h",
	 "authorization: AWS4-ECDSA-P256-SHA256 Credential=AKID/20240101/s3/aws4_request, S=1\r\n",
	 0},
	{false, "GET /b/k", "h",
	 "Authorization: AWS4-ECDSA-P256-SHA256 Credential=AKID/20240101/sqs/aws4_request,S=1\r\n",
	 0},
	{true, "GET /b/k", "h",
	 "Authorization: AWS4-HMAC-SHA256 Credential=a/b/c/2024/us-east-1/s3/aws4_request\r\n", 0},
	{true, "GET /b/k", "h", "Authorization: AWS AKID:c2ln\r\n", 0},
	{false, "GET /b/k", "h", "Authorization: AWSX AKID:c2ln\r\n", 0},
	{false, "GET /b/k", "h", "Authorization: Basic YTpi\r\n", 0},
	{false, "GET /b/k", "h", "Authorization: AWS4-HMAC-SHA256\r\n", 0},
	{false, "GET /b/k", "h", "Authorization: AWS4-HMAC-SHA256 Credential=s3\r\n", 0},
	/* presigned */
	{true,
	 "GET /b/k?X-Amz-Credential=A%2F20240101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=1",
	 "h", 0, 0},
	{false,
	 "GET /?X-Amz-Credential=A%2F20240101%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Signature=1",
	 "h", 0, 0},
	{true, "GET /b/k?AWSAccessKeyId=A&Signature=b%3D&Expires=1", "h", 0, 0},
	{false, "GET /b/k?AWSAccessKeyId=A&Signature=b%3D", "h", 0, 0},
	{false, "GET /b/k?xAWSAccessKeyId=A&xSignature=b%3D&xExpires=1", "h", 0, 0},
	{true, "GET /b/k?GoogleAccessId=A&Signature=b&Expires=1", "h", 0, 0},
	/* unsigned */
	{true, "GET /k", "b.s3.amazonaws.com", 0, 0},
	{true, "GET /b/k", "h", AMZ_DATE, 0},
	{false, "GET /b/k", "h", "x-amz-content-sha256: x\r\n", 0},
	{true, "GET /b/k?x-id=GetObject", "h", 0, 0},
	{false, "GET /b/k?x-id=Nonsense", "h", 0, 0},
	{true, "GET /b/k", "h", 0, "x-amz-request-id: 1\r\nx-amz-id-2: 2\r\n"},
	{false, "GET /b/k", "h", 0, "x-amz-request-id: 1\r\n"},
	{true, "GET /b/k", "h", 0, "Server: MinIO\r\n"},
	{true, "GET /b/k", "h", 0, "Server: MinIO/RELEASE.2024\r\n"},
	{false, "GET /b/k", "h", 0, "Server: MinIO Console\r\n"},
	{true, "GET /b/k", "h", 0, "Server: AmazonS3\r\n"},
	{true, "GET /b/k", "h", 0, "x-amz-request-id: tx00000abc-default\r\n"},
	{true, "GET /b/k", "h", 0, "x-rgw-object-type: Normal\r\n"},
	{false, "GET /b/k", "h", 0, "Server: nginx\r\n"},
	{false, "GET /b/k", "b.s3.example.com", 0, 0},
	{false, "GET /k", "b.oss-cn-hangzhou.aliyuncs.com", "Authorization: OSS AKID:c2ln\r\n",
	 "Server: AliyunOSS\r\n"},
	/* other traffic */
	{false, "GET /latest/meta-data/iam/security-credentials/role", "169.254.169.254", 0, 0},
	{false, "PUT /latest/api/token", "169.254.169.254:80",
	 "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n", 0},
	{false, "GET /latest/meta-data/", "imds", "X-aws-ec2-metadata-token: AQ==\r\n", 0},
	{false, "GET /v2/credentials/1", "169.254.170.2", 0, 0},
	{false, "GET /v1/credentials", "[fd00:ec2::23]", 0, 0},
	{false, "GET /metrics", "127.0.0.1:9100", "User-Agent: Prometheus/2.45\r\n", 0},
	{false, "GET /minio/v2/metrics/cluster", "minio:9000",
	 "X-Prometheus-Scrape-Timeout-Seconds: 10\r\n", "Server: MinIO\r\n"},
	{false, "GET /minio/health/live", "minio:9000", 0, "Server: MinIO\r\n"},
	{false, "GET /minio/admin/v3/info", "minio:9000", V4, "Server: MinIO\r\n"},
	{false, "GET /admin/user?uid=x", "rgw:7480", V4,
	 "x-amz-request-id: tx00000abc-default\r\n"},
	{true, "GET /admin/user?uid=x", "minio:9000", V4, "Server: MinIO\r\n"},
	{true, "GET /admin/user", "admin.s3.lan", V4, "x-amz-request-id: tx00000abc-default\r\n"},
	{true, "GET /minio/health/live", "s3.us-east-1.amazonaws.com", V4, 0},
	{false, "GET /storage/v1/b/x/o", "storage.googleapis.com", 0, 0},
	{true, "GET /storage/v1/b/x/o", "minio:9000", V4, 0},
	{false, "GET /api/datasources", "grafana:3000", "Authorization: Bearer x\r\n", 0},
	{false, "POST /?Action=AssumeRoleWithWebIdentity&Version=2011-06-15", "minio:9000", 0,
	 "Server: MinIO\r\n"},
	{false, "POST /", "minio:9000", "Content-Type: application/x-www-form-urlencoded\r\n",
	 "Server: MinIO\r\n"},
	{false, "POST /", "rgw:7480",
	 "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n",
	 "x-amz-request-id: tx00000abc-default\r\n"},
	{true, "POST /b?delete", "minio:9000",
	 "Content-Type: application/x-www-form-urlencoded\r\n", "Server: MinIO\r\n"},
	{true, "POST /", "b.s3.amazonaws.com",
	 "Content-Type: application/x-www-form-urlencoded\r\n", 0},
	{false, "GET /assets/app.js", "www.example.com", 0,
	 "Server: AmazonS3\r\nX-Cache: Hit from cloudfront\r\nX-Amz-Cf-Id: 1==\r\n"},
	{true, "GET /b/k", "www.example.com", V4, "Server: AmazonS3\r\nX-Amz-Cf-Id: 1==\r\n"},
	{false, "POST /", "sts.eu-west-1.amazonaws.com",
	 "Content-Type: application/x-www-form-urlencoded\r\n" SCOPE("sts"), 0},
	{false, "POST /?Action=GetCallerIdentity&Version=2011-06-15", "sts.amazonaws.com", 0,
	 "x-amzn-RequestId: 1\r\n"},
	{false, "GET /metrics", "minio:9000", "User-Agent: Prometheus/2.45\r\n", 0},
	{false, "GET /minio/prometheus/metrics", "minio:9000", 0, "Server: MinIO\r\n"},
	{false, "GET /api/v1/query?query=up", "prometheus:9090", 0, 0},
	{false, "GET /api/health", "grafana:3000", "User-Agent: Grafana/10.0\r\n", 0},
	{false, "CONNECT s3.amazonaws.com:443", "s3.amazonaws.com:443", 0, 0},
	{false, "POST /", "kms", "X-Amz-Target: TrentService.Decrypt\r\n" AMZ_DATE, 0},
};

static void s3_is_told_from_the_rest(void)
{
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct s3_request r;
		bool ok = classify(kinds[i].line, kinds[i].host, kinds[i].headers, true,
				   kinds[i].answer, NULL, &r) &&
			  r.is_s3 == kinds[i].is_s3;

		CU_ASSERT(ok);
		if (!ok)
			report(kinds[i].line, kinds[i].host, &r);
		if (!r.is_s3) {
			CU_ASSERT(!r.operation && !r.bucket.p && !r.key.p);
			CU_ASSERT(same(r.endpoint, kinds[i].host));
		}
	}
}

/* What a proxy is asked for: user and password are for the server alone. */
static void absolute_targets_show_no_password(void)
{
	static const struct {
		const char *head, *endpoint, *path;
	} rows[] = {
		{"GET ftp://me:hush@h/f HTTP/1.1\r\n", "h", "/f"},
		{"GET ftp://me:hush@h HTTP/1.1\r\n", "h", ""},
		{"GET ftp://me:hu@sh@h:21/f?x HTTP/1.1\r\n", "h:21", "/f"},
		{"GET http://me:hush", 0, ""},
		{"GET http://me:hush@h", 0, ""},
		{"GET http://me:hush@h/f", "h", "/f"},
		{"GET /a://b@c HTTP/1.1\r\nHost: h\r\n", "h", "/a://b@c"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http1_request request;
		struct s3_request r;

		CU_ASSERT(http1_request(guard_copy(text(rows[i].head)), &request) >= 0);
		s3_classify(&request, NULL, NULL, &r);
		CU_ASSERT(same(r.endpoint, rows[i].endpoint));
		CU_ASSERT(same(r.path, rows[i].path));
	}
}

static void endpoints_the_user_names(void)
{
	static const char *const pattern[] = {"minio.local:9000", "*.ceph.lan",	   "http://web:80/",
					      "10.0.0.5",	  "zone.ceph.lan", ".dot.lan"};
	static const struct s3_endpoints endpoints = {pattern, COUNT(pattern)};
	static const struct {
		const char *host, *bucket, *endpoint; /* bucket: NULL when not S3 */
	} rows[] = {
		{"minio.local:9000", "p", "minio.local:9000"},
		{"minio.local:9001", 0, "minio.local:9001"},
		{"minio.local", 0, "minio.local"},
		{"b.minio.local:9000", "b", "minio.local:9000"},
		{"xminio.local:9000", 0, "xminio.local:9000"},
		{"ceph.lan", "p", "ceph.lan"},
		{"ceph.lan:7480", "p", "ceph.lan:7480"},
		{"a.b.ceph.lan:7480", "a.b", "ceph.lan:7480"},
		{"a.zone.CEPH.lan", "a", "zone.CEPH.lan"},
		{"DOT.lan", "p", "DOT.lan"},
		{"a.dot.lan", "a", "dot.lan"},
		{"adot.lan", 0, "adot.lan"},
		{"web", "p", "web"},
		{"web:80", "p", "web:80"},
		{"web:81", 0, "web:81"},
		{"10.0.0.5:9000", "p", "10.0.0.5:9000"},
		{"10.0.0.6:9000", 0, "10.0.0.6:9000"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct s3_request r;

		CU_ASSERT(classify("GET /p/k", rows[i].host, 0, true, NULL, &endpoints, &r));
		CU_ASSERT_EQUAL(r.is_s3, rows[i].bucket != NULL);
		CU_ASSERT(same(r.bucket, rows[i].bucket));
		CU_ASSERT(same(r.endpoint, rows[i].endpoint));
	}
}

static void long_keys_and_hosts_are_kept_whole(void)
{
	static char line[8192], host[9000];
	struct s3_request r;
	size_t n = (size_t)sprintf(line, "PUT /");

	for (int i = 0; i < 1024; i++)
		n += (size_t)sprintf(line + n, "%%%02X", i % 256);
	memset(host, 'b', 8192);
	strcpy(host + 8192, ".s3.amazonaws.com");
	CU_ASSERT(classify(line, host, 0, true, NULL, NULL, &r));
	CU_ASSERT_EQUAL(r.key.n, 3072);
	CU_ASSERT_EQUAL(r.bucket.n, 8192);
	CU_ASSERT(same(r.endpoint, "s3.amazonaws.com"));
}

/* However little of a head was read, what is said of it is true of the whole. */
static void every_beginning_of_a_head_is_consistent(void)
{
	struct slice in = SLICE("PUT /bucket/a/key?partNumber=1&uploadId=x HTTP/1.1\r\n"
				"Host: s3.amazonaws.com\r\n" V4 COPY "\r\n");

	for (size_t n = 0; n <= in.n; n++) {
		struct http1_request request;
		struct s3_request r;

		CU_ASSERT(http1_request(guard_copy((struct slice){in.p, n}), &request) >= 0);
		s3_classify(&request, NULL, NULL, &r);
		CU_ASSERT(!r.operation || same(text(r.operation), "UploadPartCopy"));
		CU_ASSERT(!r.bucket.p || same(r.bucket, "bucket"));
		CU_ASSERT(!r.key.p || same(r.key, "a/key"));
		CU_ASSERT(!r.region.p || same(r.region, "us-east-1"));
		CU_ASSERT_EQUAL(r.is_s3, n >= in.n - strlen(V4 COPY "\r\n"));
	}
}

static void half_a_name_is_no_operation(void)
{
	struct slice in =
		SLICE("GET /b/k?x-id=GetObjectTagging HTTP/1.1\r\nHost: s3.amazonaws.com\r\n");

	for (size_t n = 0; n <= in.n; n++) {
		struct http1_request request;
		struct s3_request r;

		CU_ASSERT(http1_request(guard_copy((struct slice){in.p, n}), &request) >= 0);
		s3_classify(&request, NULL, NULL, &r);
		CU_ASSERT(!r.operation || same(text(r.operation), "GetObjectTagging"));
	}
}

static void error_documents(void)
{
	static const struct {
		const char *body;
		bool is_error;
		const char *code, *message;
	} rows[] = {
		{"<Error><Code>NoSuchKey</Code><Message>It is gone.</Message></Error>", true,
		 "NoSuchKey", "It is gone."},
		{"<Error><Message>\n It &lt;is&gt; gone. </Message><Code>NoSuchKey</Code>", true,
		 "NoSuchKey", "It &lt;is&gt; gone."},
		{"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>SlowDown</Code>", true,
		 "SlowDown", 0},
		{"\xef\xbb\xbf \r\n\t<?xml?>   <!-- <Error> --> \n<Error\n xmlns='a>b'>\n <Code> A "
		 "</Code>",
		 true, "A", 0},
		{"<?xml version=\"1.0\"?>\n                    <Error><Code>InternalError</Code>",
		 true, "InternalError", 0},
		{"<Error><Message>a<b>c</b><![CDATA[<Code>no</Code>]]></Message><Code>Yes</Code>",
		 true, "Yes", "a"},
		{"<Error><Code>X</Code><StringToSign>AWS4</StringToSign><Message>M</Message>", true,
		 "X", "M"},
		{"<Error><Key/><Code>K</Code>", true, "K", 0},
		{"<Error><Code>K</Code><Message/>", true, "K", 0},
		{"<Error><Code>K</Code><Message>cut o", true, "K", 0},
		{"<Error><Resource><Code>no</Code><Message>no</Message></Resource></Error>", true,
		 0, 0},
		{"<?xml version=\"1.0\"?>\n<ErrorResponse "
		 "xmlns=\"http://awss3control.amazonaws.com/\">"
		 "<Error><Code>NoSuchJob</Code><Message>M</Message></Error><RequestId>1",
		 true, "NoSuchJob", "M"},
		{"<ErrorResponse><RequestId>1</RequestId></ErrorResponse>", false, 0, 0},
		{"<ErrorResponse/><Error><Code>X</Code>", false, 0, 0},
		{"<DeleteResult><Error><Code>AccessDenied</Code></Error></DeleteResult>", false, 0,
		 0},
		{"<Errors><Code>X</Code></Errors>", false, 0, 0},
		{"<error><Code>X</Code></error>", false, 0, 0},
		{"<Error><code>X</code></Error>", true, 0, 0},
		{"<Error><Code></Code></Error>", true, 0, 0},
		{"<Error></Error><Code>X</Code>", true, 0, 0},
		{"<Error/><Code>X</Code>", false, 0, 0},
		{"x<Error><Code>X</Code></Error>", false, 0, 0},
		{"{\"Error\":1}", false, 0, 0},
		{"", false, 0, 0},
	};
	struct s3_error error;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct slice body = text(rows[i].body);

		CU_ASSERT_EQUAL(s3_error(guard_copy(body), &error), rows[i].is_error);
		CU_ASSERT(same(error.code, rows[i].code));
		CU_ASSERT(same(error.message, rows[i].message));
		for (size_t n = 0; n < body.n; n++) {
			bool is = s3_error(guard_copy((struct slice){body.p, n}), &error);

			CU_ASSERT(!is || rows[i].is_error);
			CU_ASSERT(!error.code.p || same(error.code, rows[i].code));
			CU_ASSERT(!error.message.p || same(error.message, rows[i].message));
		}
	}
	CU_ASSERT_FALSE(s3_error(SLICE_NONE, &error));
	CU_ASSERT_PTR_NULL(error.code.p);
}

static void ends_of_error_documents(void)
{
	static const struct {
		const char *end;
		bool is_error;
	} rows[] = {
		{"</HostId></Error>", true},
		{"</Error>\r\n0\r\n\r\n", true},
		{"</Error>\n", true},
		{"</Error>", true},
		{"/Error>", false},
		{"</Error></DeleteResult>", false},
		{"</Error>x", false},
		{"0\r\n\r\n", false},
		{"", false},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		CU_ASSERT_EQUAL(s3_error_ends(guard_copy(text(rows[i].end))), rows[i].is_error);
	CU_ASSERT_FALSE(s3_error_ends(SLICE_NONE));
	CU_ASSERT(s3_is_blank(guard_copy(SLICE("<?xml version='1.0'?>\n    "))));
	CU_ASSERT(s3_is_blank(SLICE_NONE));
	CU_ASSERT_FALSE(s3_is_blank(guard_copy(SLICE("  <E"))));
}

static void operation_names_are_listed_once(void)
{
	size_t n = 0;

	for (; s3_operation_name(n); n++)
		for (size_t i = 0; i < n; i++)
			CU_ASSERT(strcmp(s3_operation_name(i), s3_operation_name(n)) != 0);
	CU_ASSERT(n > 100);
	CU_ASSERT_PTR_NULL(s3_operation_name(n + 1));
}

CU_TestInfo s3_tests[] = {
	{"bucket and key are found", bucket_and_key_are_found},
	{"operations have their names", operations_have_their_names},
	{"endpoints have their forms", endpoints_have_their_forms},
	{"keys are not read into", keys_are_not_read_into},
	{"operations are named as in the access log", operations_are_named_as_in_the_access_log},
	{"a header not read is not guessed", a_header_not_read_is_not_guessed},
	{"S3 is told from the rest", s3_is_told_from_the_rest},
	{"absolute targets show no password", absolute_targets_show_no_password},
	{"endpoints the user names", endpoints_the_user_names},
	{"long keys and hosts are kept whole", long_keys_and_hosts_are_kept_whole},
	{"every beginning of a head is consistent", every_beginning_of_a_head_is_consistent},
	{"half a name is no operation", half_a_name_is_no_operation},
	{"error documents", error_documents},
	{"ends of error documents", ends_of_error_documents},
	{"operation names are listed once", operation_names_are_listed_once},
	CU_TEST_INFO_NULL,
};
