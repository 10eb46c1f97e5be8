/* SPDX-License-Identifier: Apache-2.0 */
#include "s3_operation.h"

#include <stdint.h>

#include "s3.h"
#include "url.h"

/* The first row that fits counts, so a row that needs more stands before one
 * that needs less. What is needed is written as on the wire: a parameter of the
 * query by its whole name ("acl", "list-type=2"), then a header ("Name:", or
 * "Name:how its value begins").
 *
 * Rows without a name are what other servers added to S3: MinIO tells of events for as
 * long as the request is open, which is no listing.
 *
 * The name in the access log follows from a pattern that Amazon documents and
 * the resource's name, which logs show; where they show none, there is none here. */
struct row {
	const char *method;
	enum s3_level level;
	const char *needs[3];
	struct s3_operation is;
};

static const struct row rows[] = {
	/* clang-format off */
	{"GET",    S3_DIRECTORIES, {0},                         {"ListDirectoryBuckets", NULL}},
	{"GET",    S3_SERVICE,     {"x-id=ListDirectoryBuckets"}, {"ListDirectoryBuckets", NULL}},
	{"GET",    S3_SERVICE,     {"max-directory-buckets"},   {"ListDirectoryBuckets", NULL}},
	{"GET",    S3_SERVICE,     {"events"},                  {NULL, NULL}},
	{"GET",    S3_SERVICE,     {0},                         {"ListBuckets", NULL}},
	{"POST",   S3_ROUTE,       {0},                         {"WriteGetObjectResponse", NULL}},

	{"HEAD",   S3_KEY,         {0},                         {"HeadObject", "REST.HEAD.OBJECT"}},
	{"HEAD",   S3_WEBSITE,     {0},                         {"HeadObject", "WEBSITE.HEAD.OBJECT"}},
	{"GET",    S3_KEY,         {"uploadId"},                {"ListParts", "REST.GET.UPLOAD"}},
	{"GET",    S3_KEY,         {"acl"},                     {"GetObjectAcl", "REST.GET.ACL"}},
	{"GET",    S3_KEY,         {"attributes"},              {"GetObjectAttributes", "REST.GET.OBJECT_ATTRIBUTES"}},
	{"GET",    S3_KEY,         {"legal-hold"},              {"GetObjectLegalHold", NULL}},
	{"GET",    S3_KEY,         {"retention"},               {"GetObjectRetention", NULL}},
	{"GET",    S3_KEY,         {"tagging"},                 {"GetObjectTagging", "REST.GET.OBJECT_TAGGING"}},
	{"GET",    S3_KEY,         {"torrent"},                 {"GetObjectTorrent", "REST.GET.TORRENT"}},
	{"GET",    S3_KEY,         {0},                         {"GetObject", "REST.GET.OBJECT"}},
	{"GET",    S3_WEBSITE,     {0},                         {"GetObject", "WEBSITE.GET.OBJECT"}},
	{"PUT",    S3_KEY,         {"uploadId", "partNumber", "x-amz-copy-source:"}, {"UploadPartCopy", "REST.COPY.PART"}},
	{"PUT",    S3_KEY,         {"uploadId", "partNumber"},  {"UploadPart", "REST.PUT.PART"}},
	{"PUT",    S3_KEY,         {"acl"},                     {"PutObjectAcl", "REST.PUT.ACL"}},
	{"PUT",    S3_KEY,         {"encryption"},              {"UpdateObjectEncryption", NULL}},
	{"PUT",    S3_KEY,         {"legal-hold"},              {"PutObjectLegalHold", NULL}},
	{"PUT",    S3_KEY,         {"renameObject"},            {"RenameObject", NULL}},
	{"PUT",    S3_KEY,         {"retention"},               {"PutObjectRetention", NULL}},
	{"PUT",    S3_KEY,         {"tagging"},                 {"PutObjectTagging", "REST.PUT.OBJECT_TAGGING"}},
	{"PUT",    S3_KEY,         {"x-amz-copy-source:"},      {"CopyObject", "REST.COPY.OBJECT"}},
	{"PUT",    S3_KEY,         {0},                         {"PutObject", "REST.PUT.OBJECT"}},
	{"POST",   S3_KEY,         {"uploads"},                 {"CreateMultipartUpload", "REST.POST.UPLOADS"}},
	{"POST",   S3_KEY,         {"uploadId"},                {"CompleteMultipartUpload", "REST.POST.UPLOAD"}},
	{"POST",   S3_KEY,         {"restore"},                 {"RestoreObject", "REST.POST.RESTORE"}},
	{"POST",   S3_KEY,         {"select"},                  {"SelectObjectContent", NULL}},
	{"DELETE", S3_KEY,         {"uploadId"},                {"AbortMultipartUpload", "REST.DELETE.UPLOAD"}},
	{"DELETE", S3_KEY,         {"tagging"},                 {"DeleteObjectTagging", "REST.DELETE.OBJECT_TAGGING"}},
	{"DELETE", S3_KEY,         {0},                         {"DeleteObject", "REST.DELETE.OBJECT"}},

	{"HEAD",   S3_BUCKET,      {0},                         {"HeadBucket", "REST.HEAD.BUCKET"}},
	{"GET",    S3_BUCKET,      {"abac"},                    {"GetBucketAbac", NULL}},
	{"GET",    S3_BUCKET,      {"accelerate"},              {"GetBucketAccelerateConfiguration", "REST.GET.ACCELERATE"}},
	{"GET",    S3_BUCKET,      {"acl"},                     {"GetBucketAcl", "REST.GET.ACL"}},
	{"GET",    S3_BUCKET,      {"analytics", "id"},         {"GetBucketAnalyticsConfiguration", "REST.GET.ANALYTICS"}},
	{"GET",    S3_BUCKET,      {"analytics"},               {"ListBucketAnalyticsConfigurations", "REST.GET.ANALYTICS"}},
	{"GET",    S3_BUCKET,      {"cors"},                    {"GetBucketCors", "REST.GET.CORS"}},
	{"GET",    S3_BUCKET,      {"encryption"},              {"GetBucketEncryption", "REST.GET.ENCRYPTION"}},
	{"GET",    S3_BUCKET,      {"intelligent-tiering", "id"}, {"GetBucketIntelligentTieringConfiguration", "REST.GET.INTELLIGENT_TIERING"}},
	{"GET",    S3_BUCKET,      {"intelligent-tiering"},     {"ListBucketIntelligentTieringConfigurations", "REST.GET.INTELLIGENT_TIERING"}},
	{"GET",    S3_BUCKET,      {"inventory", "id"},         {"GetBucketInventoryConfiguration", "REST.GET.INVENTORY"}},
	{"GET",    S3_BUCKET,      {"inventory"},               {"ListBucketInventoryConfigurations", "REST.GET.INVENTORY"}},
	{"GET",    S3_BUCKET,      {"lifecycle"},               {"GetBucketLifecycleConfiguration", "REST.GET.LIFECYCLE"}},
	{"GET",    S3_BUCKET,      {"location"},                {"GetBucketLocation", "REST.GET.LOCATION"}},
	{"GET",    S3_BUCKET,      {"logging"},                 {"GetBucketLogging", "REST.GET.LOGGING_STATUS"}},
	{"GET",    S3_BUCKET,      {"metadataConfiguration"},   {"GetBucketMetadataConfiguration", NULL}},
	{"GET",    S3_BUCKET,      {"metadataTable"},           {"GetBucketMetadataTableConfiguration", NULL}},
	{"GET",    S3_BUCKET,      {"metrics", "id"},           {"GetBucketMetricsConfiguration", "REST.GET.METRICS"}},
	{"GET",    S3_BUCKET,      {"metrics"},                 {"ListBucketMetricsConfigurations", "REST.GET.METRICS"}},
	{"GET",    S3_BUCKET,      {"notification"},            {"GetBucketNotificationConfiguration", "REST.GET.NOTIFICATION"}},
	{"GET",    S3_BUCKET,      {"object-lock"},             {"GetObjectLockConfiguration", "REST.GET.OBJECT_LOCK_CONFIGURATION"}},
	{"GET",    S3_BUCKET,      {"ownershipControls"},       {"GetBucketOwnershipControls", "REST.GET.OWNERSHIP_CONTROLS"}},
	{"GET",    S3_BUCKET,      {"policy"},                  {"GetBucketPolicy", "REST.GET.BUCKETPOLICY"}},
	{"GET",    S3_BUCKET,      {"policyStatus"},            {"GetBucketPolicyStatus", "REST.GET.POLICY_STATUS"}},
	{"GET",    S3_BUCKET,      {"publicAccessBlock"},       {"GetPublicAccessBlock", "REST.GET.PUBLIC_ACCESS_BLOCK"}},
	{"GET",    S3_BUCKET,      {"replication"},             {"GetBucketReplication", "REST.GET.REPLICATION"}},
	{"GET",    S3_BUCKET,      {"requestPayment"},          {"GetBucketRequestPayment", "REST.GET.REQUEST_PAYMENT"}},
	{"GET",    S3_BUCKET,      {"session"},                 {"CreateSession", NULL}},
	{"GET",    S3_BUCKET,      {"tagging"},                 {"GetBucketTagging", "REST.GET.TAGGING"}},
	{"GET",    S3_BUCKET,      {"uploads"},                 {"ListMultipartUploads", "REST.GET.UPLOADS"}},
	{"GET",    S3_BUCKET,      {"versioning"},              {"GetBucketVersioning", "REST.GET.VERSIONING"}},
	{"GET",    S3_BUCKET,      {"versions"},                {"ListObjectVersions", "REST.GET.BUCKETVERSIONS"}},
	{"GET",    S3_BUCKET,      {"website"},                 {"GetBucketWebsite", "REST.GET.WEBSITE"}},
	{"GET",    S3_BUCKET,      {"events"},                  {NULL, NULL}},
	{"GET",    S3_BUCKET,      {"list-type=2"},             {"ListObjectsV2", "REST.GET.BUCKET"}},
	{"GET",    S3_BUCKET,      {0},                         {"ListObjects", "REST.GET.BUCKET"}},
	{"PUT",    S3_BUCKET,      {"abac"},                    {"PutBucketAbac", NULL}},
	{"PUT",    S3_BUCKET,      {"accelerate"},              {"PutBucketAccelerateConfiguration", "REST.PUT.ACCELERATE"}},
	{"PUT",    S3_BUCKET,      {"acl"},                     {"PutBucketAcl", "REST.PUT.ACL"}},
	{"PUT",    S3_BUCKET,      {"analytics"},               {"PutBucketAnalyticsConfiguration", "REST.PUT.ANALYTICS"}},
	{"PUT",    S3_BUCKET,      {"cors"},                    {"PutBucketCors", "REST.PUT.CORS"}},
	{"PUT",    S3_BUCKET,      {"encryption"},              {"PutBucketEncryption", "REST.PUT.ENCRYPTION"}},
	{"PUT",    S3_BUCKET,      {"intelligent-tiering"},     {"PutBucketIntelligentTieringConfiguration", "REST.PUT.INTELLIGENT_TIERING"}},
	{"PUT",    S3_BUCKET,      {"inventory"},               {"PutBucketInventoryConfiguration", "REST.PUT.INVENTORY"}},
	{"PUT",    S3_BUCKET,      {"lifecycle"},               {"PutBucketLifecycleConfiguration", "REST.PUT.LIFECYCLE"}},
	{"PUT",    S3_BUCKET,      {"logging"},                 {"PutBucketLogging", "REST.PUT.LOGGING_STATUS"}},
	{"PUT",    S3_BUCKET,      {"metadataInventoryTable"},  {"UpdateBucketMetadataInventoryTableConfiguration", NULL}},
	{"PUT",    S3_BUCKET,      {"metadataJournalTable"},    {"UpdateBucketMetadataJournalTableConfiguration", NULL}},
	{"PUT",    S3_BUCKET,      {"metrics"},                 {"PutBucketMetricsConfiguration", "REST.PUT.METRICS"}},
	{"PUT",    S3_BUCKET,      {"notification"},            {"PutBucketNotificationConfiguration", "REST.PUT.NOTIFICATION"}},
	{"PUT",    S3_BUCKET,      {"object-lock"},             {"PutObjectLockConfiguration", "REST.PUT.OBJECT_LOCK_CONFIGURATION"}},
	{"PUT",    S3_BUCKET,      {"ownershipControls"},       {"PutBucketOwnershipControls", "REST.PUT.OWNERSHIP_CONTROLS"}},
	{"PUT",    S3_BUCKET,      {"policy"},                  {"PutBucketPolicy", "REST.PUT.BUCKETPOLICY"}},
	{"PUT",    S3_BUCKET,      {"publicAccessBlock"},       {"PutPublicAccessBlock", "REST.PUT.PUBLIC_ACCESS_BLOCK"}},
	{"PUT",    S3_BUCKET,      {"replication"},             {"PutBucketReplication", "REST.PUT.REPLICATION"}},
	{"PUT",    S3_BUCKET,      {"requestPayment"},          {"PutBucketRequestPayment", "REST.PUT.REQUEST_PAYMENT"}},
	{"PUT",    S3_BUCKET,      {"tagging"},                 {"PutBucketTagging", "REST.PUT.TAGGING"}},
	{"PUT",    S3_BUCKET,      {"versioning"},              {"PutBucketVersioning", "REST.PUT.VERSIONING"}},
	{"PUT",    S3_BUCKET,      {"website"},                 {"PutBucketWebsite", "REST.PUT.WEBSITE"}},
	{"PUT",    S3_BUCKET,      {0},                         {"CreateBucket", "REST.PUT.BUCKET"}},
	{"POST",   S3_BUCKET,      {"delete"},                  {"DeleteObjects", "REST.POST.MULTI_OBJECT_DELETE"}},
	{"POST",   S3_BUCKET,      {"metadataConfiguration"},   {"CreateBucketMetadataConfiguration", NULL}},
	{"POST",   S3_BUCKET,      {"metadataTable"},           {"CreateBucketMetadataTableConfiguration", NULL}},
	{"POST",   S3_BUCKET,      {"Content-Type:multipart/form-data"}, {"PostObject", "REST.POST.OBJECT"}},
	{"DELETE", S3_BUCKET,      {"analytics"},               {"DeleteBucketAnalyticsConfiguration", "REST.DELETE.ANALYTICS"}},
	{"DELETE", S3_BUCKET,      {"cors"},                    {"DeleteBucketCors", "REST.DELETE.CORS"}},
	{"DELETE", S3_BUCKET,      {"encryption"},              {"DeleteBucketEncryption", "REST.DELETE.ENCRYPTION"}},
	{"DELETE", S3_BUCKET,      {"intelligent-tiering"},     {"DeleteBucketIntelligentTieringConfiguration", "REST.DELETE.INTELLIGENT_TIERING"}},
	{"DELETE", S3_BUCKET,      {"inventory"},               {"DeleteBucketInventoryConfiguration", "REST.DELETE.INVENTORY"}},
	{"DELETE", S3_BUCKET,      {"lifecycle"},               {"DeleteBucketLifecycle", "REST.DELETE.LIFECYCLE"}},
	{"DELETE", S3_BUCKET,      {"metadataConfiguration"},   {"DeleteBucketMetadataConfiguration", NULL}},
	{"DELETE", S3_BUCKET,      {"metadataTable"},           {"DeleteBucketMetadataTableConfiguration", NULL}},
	{"DELETE", S3_BUCKET,      {"metrics"},                 {"DeleteBucketMetricsConfiguration", "REST.DELETE.METRICS"}},
	{"DELETE", S3_BUCKET,      {"ownershipControls"},       {"DeleteBucketOwnershipControls", "REST.DELETE.OWNERSHIP_CONTROLS"}},
	{"DELETE", S3_BUCKET,      {"policy"},                  {"DeleteBucketPolicy", "REST.DELETE.BUCKETPOLICY"}},
	{"DELETE", S3_BUCKET,      {"publicAccessBlock"},       {"DeletePublicAccessBlock", "REST.DELETE.PUBLIC_ACCESS_BLOCK"}},
	{"DELETE", S3_BUCKET,      {"replication"},             {"DeleteBucketReplication", "REST.DELETE.REPLICATION"}},
	{"DELETE", S3_BUCKET,      {"tagging"},                 {"DeleteBucketTagging", "REST.DELETE.TAGGING"}},
	{"DELETE", S3_BUCKET,      {"website"},                 {"DeleteBucketWebsite", "REST.DELETE.WEBSITE"}},
	{"DELETE", S3_BUCKET,      {0},                         {"DeleteBucket", "REST.DELETE.BUCKET"}},
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

const struct s3_operation *s3_operation(const struct http1_request *request, enum s3_level level,
					struct slice query)
{
	uint64_t begun = firsts(query);

	for (const struct row *row = rows; row < rows + ROWS; row++) {
		if (row->level != level || !is_text(request->method, row->method))
			continue;
		switch (find_needs(request, query, begun, row)) {
		case PRESENT:
			return &row->is;
		case UNREAD:
			return NULL;
		case ABSENT:
			break;
		}
	}
	return NULL;
}

const struct s3_operation *s3_operation_hint(struct slice method, struct slice query,
					     enum s3_level *level)
{
	struct url_param param;

	while (url_next_param(&query, &param)) {
		if (!param.value.p || !url_is(param.name, SLICE("x-id")))
			continue;
		for (const struct row *row = rows; row < rows + ROWS; row++) {
			if (!row->is.name || !is_text(method, row->method) ||
			    !url_is(param.value, text(row->is.name)))
				continue;
			*level = row->level;
			return &row->is;
		}
	}
	*level = S3_UNKNOWN;
	return NULL;
}

/* Rows of one operation stand together: a name is listed once. */
const char *s3_operation_name(size_t i)
{
	for (const struct row *row = rows; row < rows + ROWS; row++) {
		if (!row->is.name ||
		    (row > rows && row[-1].is.name && strcmp(row->is.name, row[-1].is.name) == 0))
			continue;
		if (i-- == 0)
			return row->is.name;
	}
	return NULL;
}
