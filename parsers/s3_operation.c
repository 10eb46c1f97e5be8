/* SPDX-License-Identifier: Apache-2.0 */
#include "s3_operation.h"

#include "s3.h"
#include "url.h"

/* The first row that fits counts, so a row with more conditions stands before
 * one with fewer. query: parameters that must be there, by their whole name, or
 * as NAME=VALUE. header: one that must be there, and how its value begins. */
struct row {
	const char *method;
	enum s3_level level;
	const char *query[2];
	const char *header, *value;
	const char *operation;
};

static const struct row rows[] = {
	/* clang-format off */
	{"GET",    S3_DIRECTORIES, {0}, 0, 0, "ListDirectoryBuckets"},
	{"GET",    S3_SERVICE, {"x-id=ListDirectoryBuckets"}, 0, 0, "ListDirectoryBuckets"},
	{"GET",    S3_SERVICE, {"max-directory-buckets"}, 0, 0, "ListDirectoryBuckets"},
	{"GET",    S3_SERVICE, {0}, 0, 0, "ListBuckets"},
	{"POST",   S3_ROUTE,   {0}, 0, 0, "WriteGetObjectResponse"},

	{"HEAD",   S3_KEY,     {0}, 0, 0, "HeadObject"},
	{"GET",    S3_KEY,     {"uploadId"}, 0, 0, "ListParts"},
	{"GET",    S3_KEY,     {"acl"}, 0, 0, "GetObjectAcl"},
	{"GET",    S3_KEY,     {"attributes"}, 0, 0, "GetObjectAttributes"},
	{"GET",    S3_KEY,     {"legal-hold"}, 0, 0, "GetObjectLegalHold"},
	{"GET",    S3_KEY,     {"retention"}, 0, 0, "GetObjectRetention"},
	{"GET",    S3_KEY,     {"tagging"}, 0, 0, "GetObjectTagging"},
	{"GET",    S3_KEY,     {"torrent"}, 0, 0, "GetObjectTorrent"},
	{"GET",    S3_KEY,     {0}, 0, 0, "GetObject"},
	{"PUT",    S3_KEY,     {"uploadId", "partNumber"}, "x-amz-copy-source", 0, "UploadPartCopy"},
	{"PUT",    S3_KEY,     {"uploadId", "partNumber"}, 0, 0, "UploadPart"},
	{"PUT",    S3_KEY,     {"acl"}, 0, 0, "PutObjectAcl"},
	{"PUT",    S3_KEY,     {"encryption"}, 0, 0, "UpdateObjectEncryption"},
	{"PUT",    S3_KEY,     {"legal-hold"}, 0, 0, "PutObjectLegalHold"},
	{"PUT",    S3_KEY,     {"renameObject"}, 0, 0, "RenameObject"},
	{"PUT",    S3_KEY,     {"retention"}, 0, 0, "PutObjectRetention"},
	{"PUT",    S3_KEY,     {"tagging"}, 0, 0, "PutObjectTagging"},
	{"PUT",    S3_KEY,     {0}, "x-amz-copy-source", 0, "CopyObject"},
	{"PUT",    S3_KEY,     {0}, 0, 0, "PutObject"},
	{"POST",   S3_KEY,     {"uploads"}, 0, 0, "CreateMultipartUpload"},
	{"POST",   S3_KEY,     {"uploadId"}, 0, 0, "CompleteMultipartUpload"},
	{"POST",   S3_KEY,     {"restore"}, 0, 0, "RestoreObject"},
	{"POST",   S3_KEY,     {"select"}, 0, 0, "SelectObjectContent"},
	{"DELETE", S3_KEY,     {"uploadId"}, 0, 0, "AbortMultipartUpload"},
	{"DELETE", S3_KEY,     {"tagging"}, 0, 0, "DeleteObjectTagging"},
	{"DELETE", S3_KEY,     {0}, 0, 0, "DeleteObject"},

	{"HEAD",   S3_BUCKET,  {0}, 0, 0, "HeadBucket"},
	{"GET",    S3_BUCKET,  {"abac"}, 0, 0, "GetBucketAbac"},
	{"GET",    S3_BUCKET,  {"accelerate"}, 0, 0, "GetBucketAccelerateConfiguration"},
	{"GET",    S3_BUCKET,  {"acl"}, 0, 0, "GetBucketAcl"},
	{"GET",    S3_BUCKET,  {"analytics", "id"}, 0, 0, "GetBucketAnalyticsConfiguration"},
	{"GET",    S3_BUCKET,  {"analytics"}, 0, 0, "ListBucketAnalyticsConfigurations"},
	{"GET",    S3_BUCKET,  {"cors"}, 0, 0, "GetBucketCors"},
	{"GET",    S3_BUCKET,  {"encryption"}, 0, 0, "GetBucketEncryption"},
	{"GET",    S3_BUCKET,  {"intelligent-tiering", "id"}, 0, 0, "GetBucketIntelligentTieringConfiguration"},
	{"GET",    S3_BUCKET,  {"intelligent-tiering"}, 0, 0, "ListBucketIntelligentTieringConfigurations"},
	{"GET",    S3_BUCKET,  {"inventory", "id"}, 0, 0, "GetBucketInventoryConfiguration"},
	{"GET",    S3_BUCKET,  {"inventory"}, 0, 0, "ListBucketInventoryConfigurations"},
	{"GET",    S3_BUCKET,  {"lifecycle"}, 0, 0, "GetBucketLifecycleConfiguration"},
	{"GET",    S3_BUCKET,  {"location"}, 0, 0, "GetBucketLocation"},
	{"GET",    S3_BUCKET,  {"logging"}, 0, 0, "GetBucketLogging"},
	{"GET",    S3_BUCKET,  {"metadataConfiguration"}, 0, 0, "GetBucketMetadataConfiguration"},
	{"GET",    S3_BUCKET,  {"metadataTable"}, 0, 0, "GetBucketMetadataTableConfiguration"},
	{"GET",    S3_BUCKET,  {"metrics", "id"}, 0, 0, "GetBucketMetricsConfiguration"},
	{"GET",    S3_BUCKET,  {"metrics"}, 0, 0, "ListBucketMetricsConfigurations"},
	{"GET",    S3_BUCKET,  {"notification"}, 0, 0, "GetBucketNotificationConfiguration"},
	{"GET",    S3_BUCKET,  {"object-lock"}, 0, 0, "GetObjectLockConfiguration"},
	{"GET",    S3_BUCKET,  {"ownershipControls"}, 0, 0, "GetBucketOwnershipControls"},
	{"GET",    S3_BUCKET,  {"policy"}, 0, 0, "GetBucketPolicy"},
	{"GET",    S3_BUCKET,  {"policyStatus"}, 0, 0, "GetBucketPolicyStatus"},
	{"GET",    S3_BUCKET,  {"publicAccessBlock"}, 0, 0, "GetPublicAccessBlock"},
	{"GET",    S3_BUCKET,  {"replication"}, 0, 0, "GetBucketReplication"},
	{"GET",    S3_BUCKET,  {"requestPayment"}, 0, 0, "GetBucketRequestPayment"},
	{"GET",    S3_BUCKET,  {"session"}, 0, 0, "CreateSession"},
	{"GET",    S3_BUCKET,  {"tagging"}, 0, 0, "GetBucketTagging"},
	{"GET",    S3_BUCKET,  {"uploads"}, 0, 0, "ListMultipartUploads"},
	{"GET",    S3_BUCKET,  {"versioning"}, 0, 0, "GetBucketVersioning"},
	{"GET",    S3_BUCKET,  {"versions"}, 0, 0, "ListObjectVersions"},
	{"GET",    S3_BUCKET,  {"website"}, 0, 0, "GetBucketWebsite"},
	{"GET",    S3_BUCKET,  {"list-type=2"}, 0, 0, "ListObjectsV2"},
	{"GET",    S3_BUCKET,  {0}, 0, 0, "ListObjects"},
	{"PUT",    S3_BUCKET,  {"abac"}, 0, 0, "PutBucketAbac"},
	{"PUT",    S3_BUCKET,  {"accelerate"}, 0, 0, "PutBucketAccelerateConfiguration"},
	{"PUT",    S3_BUCKET,  {"acl"}, 0, 0, "PutBucketAcl"},
	{"PUT",    S3_BUCKET,  {"analytics"}, 0, 0, "PutBucketAnalyticsConfiguration"},
	{"PUT",    S3_BUCKET,  {"cors"}, 0, 0, "PutBucketCors"},
	{"PUT",    S3_BUCKET,  {"encryption"}, 0, 0, "PutBucketEncryption"},
	{"PUT",    S3_BUCKET,  {"intelligent-tiering"}, 0, 0, "PutBucketIntelligentTieringConfiguration"},
	{"PUT",    S3_BUCKET,  {"inventory"}, 0, 0, "PutBucketInventoryConfiguration"},
	{"PUT",    S3_BUCKET,  {"lifecycle"}, 0, 0, "PutBucketLifecycleConfiguration"},
	{"PUT",    S3_BUCKET,  {"logging"}, 0, 0, "PutBucketLogging"},
	{"PUT",    S3_BUCKET,  {"metadataInventoryTable"}, 0, 0, "UpdateBucketMetadataInventoryTableConfiguration"},
	{"PUT",    S3_BUCKET,  {"metadataJournalTable"}, 0, 0, "UpdateBucketMetadataJournalTableConfiguration"},
	{"PUT",    S3_BUCKET,  {"metrics"}, 0, 0, "PutBucketMetricsConfiguration"},
	{"PUT",    S3_BUCKET,  {"notification"}, 0, 0, "PutBucketNotificationConfiguration"},
	{"PUT",    S3_BUCKET,  {"object-lock"}, 0, 0, "PutObjectLockConfiguration"},
	{"PUT",    S3_BUCKET,  {"ownershipControls"}, 0, 0, "PutBucketOwnershipControls"},
	{"PUT",    S3_BUCKET,  {"policy"}, 0, 0, "PutBucketPolicy"},
	{"PUT",    S3_BUCKET,  {"publicAccessBlock"}, 0, 0, "PutPublicAccessBlock"},
	{"PUT",    S3_BUCKET,  {"replication"}, 0, 0, "PutBucketReplication"},
	{"PUT",    S3_BUCKET,  {"requestPayment"}, 0, 0, "PutBucketRequestPayment"},
	{"PUT",    S3_BUCKET,  {"tagging"}, 0, 0, "PutBucketTagging"},
	{"PUT",    S3_BUCKET,  {"versioning"}, 0, 0, "PutBucketVersioning"},
	{"PUT",    S3_BUCKET,  {"website"}, 0, 0, "PutBucketWebsite"},
	{"PUT",    S3_BUCKET,  {0}, 0, 0, "CreateBucket"},
	{"POST",   S3_BUCKET,  {"delete"}, 0, 0, "DeleteObjects"},
	{"POST",   S3_BUCKET,  {"metadataConfiguration"}, 0, 0, "CreateBucketMetadataConfiguration"},
	{"POST",   S3_BUCKET,  {"metadataTable"}, 0, 0, "CreateBucketMetadataTableConfiguration"},
	{"POST",   S3_BUCKET,  {0}, "Content-Type", "multipart/form-data", "PostObject"},
	{"DELETE", S3_BUCKET,  {"analytics"}, 0, 0, "DeleteBucketAnalyticsConfiguration"},
	{"DELETE", S3_BUCKET,  {"cors"}, 0, 0, "DeleteBucketCors"},
	{"DELETE", S3_BUCKET,  {"encryption"}, 0, 0, "DeleteBucketEncryption"},
	{"DELETE", S3_BUCKET,  {"intelligent-tiering"}, 0, 0, "DeleteBucketIntelligentTieringConfiguration"},
	{"DELETE", S3_BUCKET,  {"inventory"}, 0, 0, "DeleteBucketInventoryConfiguration"},
	{"DELETE", S3_BUCKET,  {"lifecycle"}, 0, 0, "DeleteBucketLifecycle"},
	{"DELETE", S3_BUCKET,  {"metadataConfiguration"}, 0, 0, "DeleteBucketMetadataConfiguration"},
	{"DELETE", S3_BUCKET,  {"metadataTable"}, 0, 0, "DeleteBucketMetadataTableConfiguration"},
	{"DELETE", S3_BUCKET,  {"metrics"}, 0, 0, "DeleteBucketMetricsConfiguration"},
	{"DELETE", S3_BUCKET,  {"ownershipControls"}, 0, 0, "DeleteBucketOwnershipControls"},
	{"DELETE", S3_BUCKET,  {"policy"}, 0, 0, "DeleteBucketPolicy"},
	{"DELETE", S3_BUCKET,  {"publicAccessBlock"}, 0, 0, "DeletePublicAccessBlock"},
	{"DELETE", S3_BUCKET,  {"replication"}, 0, 0, "DeleteBucketReplication"},
	{"DELETE", S3_BUCKET,  {"tagging"}, 0, 0, "DeleteBucketTagging"},
	{"DELETE", S3_BUCKET,  {"website"}, 0, 0, "DeleteBucketWebsite"},
	{"DELETE", S3_BUCKET,  {0}, 0, 0, "DeleteBucket"},
	/* clang-format on */
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static struct slice text(const char *s)
{
	return (struct slice){s, strlen(s)};
}

/* wanted is NAME or NAME=VALUE. */
static bool has_param(struct slice query, const char *wanted)
{
	size_t n = strcspn(wanted, "=");
	struct url_param param;

	while (url_next_param(&query, &param))
		if (url_is(param.name, (struct slice){wanted, n}) &&
		    (!wanted[n] || (param.value.p && url_is(param.value, text(wanted + n + 1)))))
			return true;
	return false;
}

static bool has_params(struct slice query, const struct row *row)
{
	for (size_t i = 0; i < 2 && row->query[i]; i++)
		if (!has_param(query, row->query[i]))
			return false;
	return true;
}

static bool has_header(struct slice headers, const struct row *row)
{
	struct slice value = http1_header(headers, text(row->header));
	struct slice begin = text(row->value ? row->value : "");

	return value.p && value.n >= begin.n && strncasecmp(value.p, begin.p, begin.n) == 0;
}

const char *s3_operation(const struct http1_request *request, enum s3_level level,
			 struct slice query)
{
	for (const struct row *row = rows; row < rows + ROWS; row++) {
		if (row->level != level || !slice_is(request->method, text(row->method)) ||
		    !has_params(query, row))
			continue;
		if (!row->header || has_header(request->headers, row))
			return row->operation;
		if (!request->whole)
			return NULL;
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
			if (slice_is(method, text(row->method)) &&
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
