/* SPDX-License-Identifier: Apache-2.0 */
#include "s3_operation.h"

#include <stdint.h>

#include "s3.h"
#include "url.h"

/* The first row that fits counts, so a row that needs more stands before one
 * that needs less. What is needed is written as on the wire: a parameter of the
 * query by its whole name ("acl", "list-type=2"), then a header ("Name:", or
 * "Name:how its value begins"). */
struct row {
	const char *method;
	enum s3_level level;
	const char *operation;
	const char *needs[3];
};

static const struct row rows[] = {
	/* clang-format off */
	{"GET",    S3_DIRECTORIES, "ListDirectoryBuckets", {0}},
	{"GET",    S3_SERVICE, "ListDirectoryBuckets", {"x-id=ListDirectoryBuckets"}},
	{"GET",    S3_SERVICE, "ListDirectoryBuckets", {"max-directory-buckets"}},
	{"GET",    S3_SERVICE, "ListBuckets", {0}},
	{"POST",   S3_ROUTE,   "WriteGetObjectResponse", {0}},

	{"HEAD",   S3_KEY,     "HeadObject", {0}},
	{"GET",    S3_KEY,     "ListParts", {"uploadId"}},
	{"GET",    S3_KEY,     "GetObjectAcl", {"acl"}},
	{"GET",    S3_KEY,     "GetObjectAttributes", {"attributes"}},
	{"GET",    S3_KEY,     "GetObjectLegalHold", {"legal-hold"}},
	{"GET",    S3_KEY,     "GetObjectRetention", {"retention"}},
	{"GET",    S3_KEY,     "GetObjectTagging", {"tagging"}},
	{"GET",    S3_KEY,     "GetObjectTorrent", {"torrent"}},
	{"GET",    S3_KEY,     "GetObject", {0}},
	{"PUT",    S3_KEY,     "UploadPartCopy", {"uploadId", "partNumber", "x-amz-copy-source:"}},
	{"PUT",    S3_KEY,     "UploadPart", {"uploadId", "partNumber"}},
	{"PUT",    S3_KEY,     "PutObjectAcl", {"acl"}},
	{"PUT",    S3_KEY,     "UpdateObjectEncryption", {"encryption"}},
	{"PUT",    S3_KEY,     "PutObjectLegalHold", {"legal-hold"}},
	{"PUT",    S3_KEY,     "RenameObject", {"renameObject"}},
	{"PUT",    S3_KEY,     "PutObjectRetention", {"retention"}},
	{"PUT",    S3_KEY,     "PutObjectTagging", {"tagging"}},
	{"PUT",    S3_KEY,     "CopyObject", {"x-amz-copy-source:"}},
	{"PUT",    S3_KEY,     "PutObject", {0}},
	{"POST",   S3_KEY,     "CreateMultipartUpload", {"uploads"}},
	{"POST",   S3_KEY,     "CompleteMultipartUpload", {"uploadId"}},
	{"POST",   S3_KEY,     "RestoreObject", {"restore"}},
	{"POST",   S3_KEY,     "SelectObjectContent", {"select"}},
	{"DELETE", S3_KEY,     "AbortMultipartUpload", {"uploadId"}},
	{"DELETE", S3_KEY,     "DeleteObjectTagging", {"tagging"}},
	{"DELETE", S3_KEY,     "DeleteObject", {0}},

	{"HEAD",   S3_BUCKET,  "HeadBucket", {0}},
	{"GET",    S3_BUCKET,  "GetBucketAbac", {"abac"}},
	{"GET",    S3_BUCKET,  "GetBucketAccelerateConfiguration", {"accelerate"}},
	{"GET",    S3_BUCKET,  "GetBucketAcl", {"acl"}},
	{"GET",    S3_BUCKET,  "GetBucketAnalyticsConfiguration", {"analytics", "id"}},
	{"GET",    S3_BUCKET,  "ListBucketAnalyticsConfigurations", {"analytics"}},
	{"GET",    S3_BUCKET,  "GetBucketCors", {"cors"}},
	{"GET",    S3_BUCKET,  "GetBucketEncryption", {"encryption"}},
	{"GET",    S3_BUCKET,  "GetBucketIntelligentTieringConfiguration",
		{"intelligent-tiering", "id"}},
	{"GET",    S3_BUCKET,  "ListBucketIntelligentTieringConfigurations",
		{"intelligent-tiering"}},
	{"GET",    S3_BUCKET,  "GetBucketInventoryConfiguration", {"inventory", "id"}},
	{"GET",    S3_BUCKET,  "ListBucketInventoryConfigurations", {"inventory"}},
	{"GET",    S3_BUCKET,  "GetBucketLifecycleConfiguration", {"lifecycle"}},
	{"GET",    S3_BUCKET,  "GetBucketLocation", {"location"}},
	{"GET",    S3_BUCKET,  "GetBucketLogging", {"logging"}},
	{"GET",    S3_BUCKET,  "GetBucketMetadataConfiguration", {"metadataConfiguration"}},
	{"GET",    S3_BUCKET,  "GetBucketMetadataTableConfiguration", {"metadataTable"}},
	{"GET",    S3_BUCKET,  "GetBucketMetricsConfiguration", {"metrics", "id"}},
	{"GET",    S3_BUCKET,  "ListBucketMetricsConfigurations", {"metrics"}},
	{"GET",    S3_BUCKET,  "GetBucketNotificationConfiguration", {"notification"}},
	{"GET",    S3_BUCKET,  "GetObjectLockConfiguration", {"object-lock"}},
	{"GET",    S3_BUCKET,  "GetBucketOwnershipControls", {"ownershipControls"}},
	{"GET",    S3_BUCKET,  "GetBucketPolicy", {"policy"}},
	{"GET",    S3_BUCKET,  "GetBucketPolicyStatus", {"policyStatus"}},
	{"GET",    S3_BUCKET,  "GetPublicAccessBlock", {"publicAccessBlock"}},
	{"GET",    S3_BUCKET,  "GetBucketReplication", {"replication"}},
	{"GET",    S3_BUCKET,  "GetBucketRequestPayment", {"requestPayment"}},
	{"GET",    S3_BUCKET,  "CreateSession", {"session"}},
	{"GET",    S3_BUCKET,  "GetBucketTagging", {"tagging"}},
	{"GET",    S3_BUCKET,  "ListMultipartUploads", {"uploads"}},
	{"GET",    S3_BUCKET,  "GetBucketVersioning", {"versioning"}},
	{"GET",    S3_BUCKET,  "ListObjectVersions", {"versions"}},
	{"GET",    S3_BUCKET,  "GetBucketWebsite", {"website"}},
	{"GET",    S3_BUCKET,  "ListObjectsV2", {"list-type=2"}},
	{"GET",    S3_BUCKET,  "ListObjects", {0}},
	{"PUT",    S3_BUCKET,  "PutBucketAbac", {"abac"}},
	{"PUT",    S3_BUCKET,  "PutBucketAccelerateConfiguration", {"accelerate"}},
	{"PUT",    S3_BUCKET,  "PutBucketAcl", {"acl"}},
	{"PUT",    S3_BUCKET,  "PutBucketAnalyticsConfiguration", {"analytics"}},
	{"PUT",    S3_BUCKET,  "PutBucketCors", {"cors"}},
	{"PUT",    S3_BUCKET,  "PutBucketEncryption", {"encryption"}},
	{"PUT",    S3_BUCKET,  "PutBucketIntelligentTieringConfiguration", {"intelligent-tiering"}},
	{"PUT",    S3_BUCKET,  "PutBucketInventoryConfiguration", {"inventory"}},
	{"PUT",    S3_BUCKET,  "PutBucketLifecycleConfiguration", {"lifecycle"}},
	{"PUT",    S3_BUCKET,  "PutBucketLogging", {"logging"}},
	{"PUT",    S3_BUCKET,  "UpdateBucketMetadataInventoryTableConfiguration",
		{"metadataInventoryTable"}},
	{"PUT",    S3_BUCKET,  "UpdateBucketMetadataJournalTableConfiguration",
		{"metadataJournalTable"}},
	{"PUT",    S3_BUCKET,  "PutBucketMetricsConfiguration", {"metrics"}},
	{"PUT",    S3_BUCKET,  "PutBucketNotificationConfiguration", {"notification"}},
	{"PUT",    S3_BUCKET,  "PutObjectLockConfiguration", {"object-lock"}},
	{"PUT",    S3_BUCKET,  "PutBucketOwnershipControls", {"ownershipControls"}},
	{"PUT",    S3_BUCKET,  "PutBucketPolicy", {"policy"}},
	{"PUT",    S3_BUCKET,  "PutPublicAccessBlock", {"publicAccessBlock"}},
	{"PUT",    S3_BUCKET,  "PutBucketReplication", {"replication"}},
	{"PUT",    S3_BUCKET,  "PutBucketRequestPayment", {"requestPayment"}},
	{"PUT",    S3_BUCKET,  "PutBucketTagging", {"tagging"}},
	{"PUT",    S3_BUCKET,  "PutBucketVersioning", {"versioning"}},
	{"PUT",    S3_BUCKET,  "PutBucketWebsite", {"website"}},
	{"PUT",    S3_BUCKET,  "CreateBucket", {0}},
	{"POST",   S3_BUCKET,  "DeleteObjects", {"delete"}},
	{"POST",   S3_BUCKET,  "CreateBucketMetadataConfiguration", {"metadataConfiguration"}},
	{"POST",   S3_BUCKET,  "CreateBucketMetadataTableConfiguration", {"metadataTable"}},
	{"POST",   S3_BUCKET,  "PostObject", {"Content-Type:multipart/form-data"}},
	{"DELETE", S3_BUCKET,  "DeleteBucketAnalyticsConfiguration", {"analytics"}},
	{"DELETE", S3_BUCKET,  "DeleteBucketCors", {"cors"}},
	{"DELETE", S3_BUCKET,  "DeleteBucketEncryption", {"encryption"}},
	{"DELETE", S3_BUCKET,  "DeleteBucketIntelligentTieringConfiguration",
		{"intelligent-tiering"}},
	{"DELETE", S3_BUCKET,  "DeleteBucketInventoryConfiguration", {"inventory"}},
	{"DELETE", S3_BUCKET,  "DeleteBucketLifecycle", {"lifecycle"}},
	{"DELETE", S3_BUCKET,  "DeleteBucketMetadataConfiguration", {"metadataConfiguration"}},
	{"DELETE", S3_BUCKET,  "DeleteBucketMetadataTableConfiguration", {"metadataTable"}},
	{"DELETE", S3_BUCKET,  "DeleteBucketMetricsConfiguration", {"metrics"}},
	{"DELETE", S3_BUCKET,  "DeleteBucketOwnershipControls", {"ownershipControls"}},
	{"DELETE", S3_BUCKET,  "DeleteBucketPolicy", {"policy"}},
	{"DELETE", S3_BUCKET,  "DeletePublicAccessBlock", {"publicAccessBlock"}},
	{"DELETE", S3_BUCKET,  "DeleteBucketReplication", {"replication"}},
	{"DELETE", S3_BUCKET,  "DeleteBucketTagging", {"tagging"}},
	{"DELETE", S3_BUCKET,  "DeleteBucketWebsite", {"website"}},
	{"DELETE", S3_BUCKET,  "DeleteBucket", {0}},
	/* clang-format on */
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static struct slice text(const char *s)
{
	return (struct slice){s, strlen(s)};
}

/* Equal, without looking for the text's end first: tables are walked so. */
static bool is_text(struct slice s, const char *wanted)
{
	size_t n = 0;

	while (n < s.n && wanted[n] && s.p[n] == wanted[n])
		n++;
	return n == s.n && !wanted[n];
}

enum found {
	ABSENT,
	PRESENT,
	UNREAD, /* a header that may stand where the head was cut off */
};

/* The characters that parameters begin with, as a set: most rows need one that
 * begins with another. */
static uint64_t first_of(char c)
{
	return UINT64_C(1) << (c & 63);
}

static uint64_t firsts(struct slice query)
{
	struct url_param param;
	uint64_t set = 0;

	while (url_next_param(&query, &param))
		set |= first_of((char)url_next_byte(&param.name));
	return set;
}

static enum found find_param(struct slice query, const char *wanted)
{
	size_t n = strcspn(wanted, "=");
	struct url_param param;

	while (url_next_param(&query, &param))
		if (url_is(param.name, (struct slice){wanted, n}) &&
		    (!wanted[n] || (param.value.p && url_is(param.value, text(wanted + n + 1)))))
			return PRESENT;
	return ABSENT;
}

static enum found find_header(const struct http1_request *request, const char *wanted, size_t n)
{
	struct slice value = http1_header(&request->headers, (struct slice){wanted, n});
	struct slice begin = text(wanted + n + 1);

	if (!value.p)
		return request->whole ? ABSENT : UNREAD;
	if (value.n < begin.n || strncasecmp(value.p, begin.p, begin.n) != 0)
		return ABSENT;
	return PRESENT;
}

static enum found find_needs(const struct http1_request *request, struct slice query,
			     uint64_t begun, const struct row *row)
{
	enum found found = PRESENT;

	for (size_t i = 0; i < 3 && row->needs[i] && found == PRESENT; i++) {
		const char *need = row->needs[i], *colon = strchr(need, ':');

		if (colon)
			found = find_header(request, need, (size_t)(colon - need));
		else
			found = begun & first_of(*need) ? find_param(query, need) : ABSENT;
	}
	return found;
}

const char *s3_operation(const struct http1_request *request, enum s3_level level,
			 struct slice query)
{
	uint64_t begun = firsts(query);

	for (const struct row *row = rows; row < rows + ROWS; row++) {
		if (row->level != level || !is_text(request->method, row->method))
			continue;
		switch (find_needs(request, query, begun, row)) {
		case PRESENT:
			return row->operation;
		case UNREAD:
			return NULL;
		case ABSENT:
			break;
		}
	}
	return NULL;
}

const char *s3_operation_hint(struct slice method, struct slice query)
{
	struct url_param param;

	while (url_next_param(&query, &param)) {
		if (!param.value.p || !url_is(param.name, SLICE("x-id")))
			continue;
		for (const struct row *row = rows; row < rows + ROWS; row++)
			if (is_text(method, row->method) &&
			    url_is(param.value, text(row->operation)))
				return row->operation;
	}
	return NULL;
}

/* Rows of one operation stand together: a name is listed once. */
const char *s3_operation_name(size_t i)
{
	for (const struct row *row = rows; row < rows + ROWS; row++) {
		if (row > rows && strcmp(row->operation, row[-1].operation) == 0)
			continue;
		if (i-- == 0)
			return row->operation;
	}
	return NULL;
}
