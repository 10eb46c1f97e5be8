/* SPDX-License-Identifier: Apache-2.0 */
#include "s3.h"

#include <ctype.h>

#include "s3_host.h"
#include "s3_operation.h"
#include "url.h"

enum verdict {
	UNKNOWN, /* says nothing either way */
	IS_S3,
	NOT_S3,
};

/* Services whose signatures are for S3, by the credential's scope. */
static const struct slice services[] = {
	SLICE("s3"),	      SLICE("s3express"), SLICE("s3-object-lambda"),
	SLICE("s3-outposts"), SLICE("storage"), /* Google's GOOG4 */
};

/* Schemes of the Authorization header. The old ones name no service: only S3
 * has them in a header. */
static const struct {
	struct slice scheme;
	bool scoped;
} schemes[] = {
	{SLICE("AWS4-HMAC-SHA256"), true},
	{SLICE("AWS4-ECDSA-P256-SHA256"), true},
	{SLICE("GOOG4-HMAC-SHA256"), true},
	{SLICE("GOOG4-RSA-SHA256"), true},
	{SLICE("AWS"), false},
	{SLICE("GOOG1"), false},
};

/* What a request's signature says of it. */
struct scope {
	struct slice region;  /* SLICE_NONE unknown */
	struct slice service; /* as sent */
};

static bool is_digits(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

/* Of "AKID/20240101/us-east-1/s3/aws4_request" the last parts, whatever an
 * access key looks like. A scope cut short says nothing. The asymmetric
 * signature is for several regions: the date stands where others have one. */
static enum verdict judge_scope(struct slice credential, struct scope *scope)
{
	struct slice part[3] = {{0}}; /* region, service, end */
	struct slice rest = credential;
	int byte;

	do {
		const char *at = rest.p;

		byte = url_next_byte(&rest);
		if (byte != '/' && byte >= 0)
			continue;
		part[0] = part[1];
		part[1] = part[2];
		part[2] = (struct slice){credential.p, (size_t)(at - credential.p)};
		credential = rest;
	} while (byte >= 0);
	if (!url_is(part[2], SLICE("aws4_request")) && !url_is(part[2], SLICE("goog4_request")))
		return UNKNOWN;
	scope->service = part[1];
	scope->region = is_digits(part[0]) ? SLICE_NONE : part[0];
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (url_is(part[1], services[i]))
			return IS_S3;
	return NOT_S3;
}

static enum verdict judge_authorization(const struct http1_request *request, struct scope *out)
{
	struct slice value = http1_header(&request->headers, SLICE("Authorization"));
	struct slice mark = SLICE("Credential=");

	for (size_t i = 0; value.n && i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		struct slice scheme = schemes[i].scheme;

		if (!slice_begins(value, scheme) || value.n == scheme.n || value.p[scheme.n] != ' ')
			continue;
		if (!schemes[i].scoped)
			return memchr(value.p, ':', value.n) ? IS_S3 : UNKNOWN;
		const char *found = memmem(value.p, value.n, mark.p, mark.n);
		if (!found)
			return UNKNOWN;
		struct slice scope = slice_from(value, (size_t)(found - value.p) + mark.n);
		size_t n = 0;
		while (n < scope.n && scope.p[n] != ',' && scope.p[n] != ' ')
			n++;
		return judge_scope((struct slice){scope.p, n}, out);
	}
	return UNKNOWN;
}

/* Parameters that only presigned URLs have, and those of other services. */
#define SAW_KEY 0x1u /* version 2: all of key, signature and expiry */
#define SAW_SIGNATURE 0x2u
#define SAW_EXPIRES 0x4u
#define SAW_ACTION 0x8u /* the Query API of STS, IAM, EC2: Action and Version */
#define SAW_VERSION 0x10u

static const struct {
	struct slice name;
	unsigned saw; /* 0: its value is a credential's scope */
} params[] = {
	{SLICE("X-Amz-Credential"), 0},	     {SLICE("X-Goog-Credential"), 0},
	{SLICE("AWSAccessKeyId"), SAW_KEY},  {SLICE("GoogleAccessId"), SAW_KEY},
	{SLICE("Signature"), SAW_SIGNATURE}, {SLICE("Expires"), SAW_EXPIRES},
	{SLICE("Action"), SAW_ACTION},	     {SLICE("Version"), SAW_VERSION},
};

static enum verdict judge_query(struct slice query, struct scope *out)
{
	const unsigned presigned = SAW_KEY | SAW_SIGNATURE | SAW_EXPIRES;
	const unsigned query_api = SAW_ACTION | SAW_VERSION;
	enum verdict scope = UNKNOWN;
	struct url_param param;
	unsigned saw = 0;

	while (url_next_param(&query, &param)) {
		for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
			if (!url_is(param.name, params[i].name))
				continue;
			saw |= params[i].saw;
			if (!params[i].saw && scope == UNKNOWN)
				scope = judge_scope(param.value, out);
		}
	}
	if (scope == NOT_S3 || (saw & query_api) == query_api)
		return NOT_S3;
	return (saw & presigned) == presigned ? IS_S3 : scope;
}

/* Headers that a request to S3 never has. */
static const struct slice foreign_headers[] = {
	SLICE("X-aws-ec2-metadata-token"),
	SLICE("X-aws-ec2-metadata-token-ttl-seconds"),
	SLICE("X-Amz-Target"), /* DynamoDB, KMS and others that speak JSON */
	SLICE("X-Prometheus-Scrape-Timeout-Seconds"),
};

/* Link-local services of a cloud instance: metadata, credentials. */
static const struct slice foreign_hosts[] = {
	SLICE("169.254.169.254"), SLICE("169.254.170.2"),  SLICE("169.254.170.23"),
	SLICE("[fd00:ec2::254]"), SLICE("[fd00:ec2::23]"), SLICE("metadata.google.internal"),
};

/* What S3 servers offer beside S3 on the same port. provider: the one that has
 * it; without, servers that people run themselves. */
static const struct {
	struct slice path, provider;
} foreign_paths[] = {
	{SLICE("/minio/admin/"), SLICE_NONE},
	{SLICE("/minio/bootstrap/"), SLICE_NONE},
	{SLICE("/minio/grid/"), SLICE_NONE},
	{SLICE("/minio/health/"), SLICE_NONE},
	{SLICE("/minio/kms/"), SLICE_NONE},
	{SLICE("/minio/lock/"), SLICE_NONE},
	{SLICE("/minio/metrics/"), SLICE_NONE},
	{SLICE("/minio/peer/"), SLICE_NONE},
	{SLICE("/minio/prometheus/"), SLICE_NONE},
	{SLICE("/minio/storage/"), SLICE_NONE},
	{SLICE("/minio/v2/metrics/"), SLICE_NONE},
	{SLICE("/batch/storage/v1"), SLICE("storage.googleapis.com")},
	{SLICE("/download/storage/v1/"), SLICE("storage.googleapis.com")},
	{SLICE("/storage/v1/"), SLICE("storage.googleapis.com")},
	{SLICE("/upload/storage/v1/"), SLICE("storage.googleapis.com")},
};

/* STS and IAM of S3 servers, on the same port: "POST /" with Action and Version in the
 * body, as a form. S3 has no such request without a bucket. */
static bool is_query_api(const struct http1_request *request, const struct s3_host *host,
			 const struct s3_request *asked)
{
	struct slice form = SLICE("application/x-www-form-urlencoded"), type;

	if (!slice_is(request->method, SLICE("POST")) || !slice_is(asked->path, SLICE("/")) ||
	    asked->query.n || host->bucket.p)
		return false;
	type = http1_header(&request->headers, SLICE("Content-Type"));
	return type.n >= form.n && slice_is_nocase((struct slice){type.p, form.n}, form);
}

static bool is_foreign(const struct http1_request *request, const struct s3_host *host,
		       const struct s3_request *asked)
{
	struct slice path = asked->path;

	if (slice_is(request->method, SLICE("CONNECT")) || is_query_api(request, host, asked))
		return true;
	for (size_t i = 0; i < sizeof(foreign_headers) / sizeof(foreign_headers[0]); i++)
		if (http1_header(&request->headers, foreign_headers[i]).p)
			return true;
	for (size_t i = 0; i < sizeof(foreign_hosts) / sizeof(foreign_hosts[0]); i++)
		if (slice_is_nocase(host->name, foreign_hosts[i]))
			return true;
	if (host->bucket.p)
		return false;
	for (size_t i = 0; i < sizeof(foreign_paths) / sizeof(foreign_paths[0]); i++) {
		struct slice provider = foreign_paths[i].provider;

		if (slice_begins(path, foreign_paths[i].path) &&
		    (provider.p ? slice_is_nocase(host->name, provider) : !host->provider))
			return true;
	}
	return false;
}

/* Answers that only S3 servers give: a header, how its value begins, and
 * another header that must be there too. */
static const struct {
	struct slice name, begin, with;
} answers[] = {
	{SLICE("x-amz-request-id"), SLICE(""), SLICE("x-amz-id-2")},
	{SLICE("x-amz-request-id"), SLICE(""), SLICE("x-amz-bucket-region")},
	{SLICE("x-amz-request-id"), SLICE("tx0"), SLICE_NONE}, /* Ceph */
	{SLICE("x-rgw-object-type"), SLICE(""), SLICE_NONE},
	{SLICE("x-rgw-object-count"), SLICE(""), SLICE_NONE},
	{SLICE("x-rgw-bytes-used"), SLICE(""), SLICE_NONE},
	{SLICE("x-minio-error-code"), SLICE(""), SLICE_NONE},
	{SLICE("Server"), SLICE("AmazonS3"), SLICE_NONE},
	{SLICE("Server"), SLICE("Ceph Object Gateway"), SLICE_NONE},
	{SLICE("Server"), SLICE("SeaweedFS S3"), SLICE_NONE},
	{SLICE("Server"), SLICE("StorageGRID"), SLICE_NONE},
	{SLICE("Server"), SLICE("WasabiS3"), SLICE_NONE},
};

static bool answered_by_s3(const struct http1_response *response)
{
	struct slice server = http1_header(&response->headers, SLICE("Server"));

	/* CloudFront hands on what its origin said; the names it is asked for are its own. */
	if (http1_header(&response->headers, SLICE("X-Amz-Cf-Id")).p)
		return false;
	/* "MinIO Console" is another program. */
	if (slice_is(server, SLICE("MinIO")) || slice_begins(server, SLICE("MinIO/")))
		return true;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct slice value = http1_header(&response->headers, answers[i].name);
		struct slice with = answers[i].with;

		if (value.p && slice_begins(value, answers[i].begin) &&
		    (!with.p || http1_header(&response->headers, with).p))
			return true;
	}
	return false;
}

/* Where Ceph's gateway answers, "/admin/" is its own API; elsewhere a bucket may be called
 * so. */
static bool is_ceph_admin(const struct http1_response *response, const struct s3_host *host,
			  struct slice path)
{
	return response && !host->bucket.p && slice_begins(path, SLICE("/admin/")) &&
	       slice_begins(http1_header(&response->headers, SLICE("x-amz-request-id")),
			    SLICE("tx0"));
}

/* The strongest evidence first; without any a request is not S3. */
static bool judge(const struct http1_request *request, const struct http1_response *response,
		  const struct s3_host *host, struct slice query, bool said, struct scope *scope)
{
	struct scope presigned = {SLICE_NONE, SLICE_NONE};
	enum verdict signature = judge_authorization(request, scope);
	enum verdict asked = judge_query(query, &presigned);

	if (signature == UNKNOWN) {
		signature = asked;
		*scope = presigned;
	} else if (asked == NOT_S3) {
		signature = NOT_S3;
	}
	if (signature != UNKNOWN)
		return signature == IS_S3;
	if (host->known || said)
		return true;
	if (http1_header(&request->headers, SLICE("x-amz-content-sha256")).p &&
	    http1_header(&request->headers, SLICE("x-amz-date")).p)
		return true;
	return response && answered_by_s3(response);
}

/* Where in s one of two characters first stands; s.n when neither does. */
static size_t span(struct slice s, char a, char b)
{
	size_t n = 0;

	while (n < s.n && s.p[n] != a && s.p[n] != b)
		n++;
	return n;
}

/* How long the scheme is that an absolute target begins with; 0: it is another one. */
static size_t scheme_length(struct slice target)
{
	struct slice mark = SLICE("://");
	size_t n = 0;

	while (n < target.n && isalpha((unsigned char)target.p[n]))
		n++;
	return n && slice_begins(slice_from(target, n), mark) ? n + mark.n : 0;
}

/* A host without the user and password before it. */
static struct slice without_user(struct slice host)
{
	const char *at = host.n ? memrchr(host.p, '@', host.n) : NULL;

	return at ? slice_from(host, (size_t)(at - host.p) + 1) : host;
}

/* Splits "/path?query", or "http://user@host:port/path?query" as a proxy is
 * sent it. Returns the host: what the target names, else the Host header. */
static struct slice split_target(const struct http1_request *request, struct s3_request *out)
{
	struct slice host = http1_header(&request->headers, SLICE("Host"));
	struct slice rest = request->target;
	size_t scheme = scheme_length(rest);

	if (scheme) {
		rest = slice_from(rest, scheme);
		host = (struct slice){rest.p, span(rest, '/', '?')};
		rest = slice_from(rest, host.n);
		/* Cut off in there, a password may stand where the host should. */
		if (!rest.n && request->minor < 0)
			host = SLICE_NONE;
	}
	size_t n = span(rest, '?', '?');
	out->path = (struct slice){rest.p, n};
	out->query = n < rest.n ? slice_from(rest, n + 1) : SLICE_NONE;
	return without_user(host);
}

/* The answer of an Object Lambda function: its route, a header, is a label of
 * the host as well, wherever that is. */
static bool is_route(const struct http1_request *request, struct s3_request *out)
{
	struct slice route = http1_header(&request->headers, SLICE("x-amz-request-route"));

	if (!route.p || !slice_is(out->path, SLICE("/WriteGetObjectResponse")))
		return false;
	if (route.n && route.n < out->endpoint.n && out->endpoint.p[route.n] == '.' &&
	    slice_is_nocase(route, (struct slice){out->endpoint.p, route.n}))
		out->endpoint = slice_from(out->endpoint, route.n + 1);
	return true;
}

/* Finds bucket and key. Without a Host - it may be in a part of the head that
 * was not read - nobody knows whether the path begins with the bucket; HTTP/1.0
 * has none, and then it does. */
static enum s3_level address(const struct http1_request *request, const struct s3_host *host,
			     const struct scope *scope, struct s3_request *out)
{
	struct slice rest = slice_from(out->path, 1);

	if (request->minor < 0 || (!host->name.n && request->minor != 0) ||
	    host->kind == S3_HOST_CONTROL || (host->kind == S3_HOST_OUTPOSTS && !host->bucket.p) ||
	    (out->path.n && out->path.p[0] != '/'))
		return S3_UNKNOWN;
	if (is_route(request, out))
		return S3_ROUTE;

	out->bucket = host->bucket;
	if (!host->bucket.p) {
		size_t n = span(rest, '/', '/');

		if (!rest.n)
			return host->kind == S3_HOST_DIRECTORIES ||
					       url_is(scope->service, SLICE("s3express"))
				       ? S3_DIRECTORIES
				       : S3_SERVICE;
		if (!n)
			return S3_UNKNOWN;
		out->bucket = (struct slice){rest.p, n};
		rest = slice_from(rest, n + 1);
	}
	if (rest.n)
		out->key = rest;
	if (host->kind == S3_HOST_WEBSITE)
		return S3_WEBSITE;
	return rest.n ? S3_KEY : S3_BUCKET;
}

void s3_classify(const struct http1_request *request, const struct http1_response *response,
		 const struct s3_endpoints *endpoints, struct s3_request *out)
{
	struct scope scope = {SLICE_NONE, SLICE_NONE};
	const struct s3_operation *operation, *said;
	enum s3_level level, said_level;
	struct s3_host host;

	*out = (struct s3_request){0};
	struct slice name = split_target(request, out);
	s3_host_split(name, endpoints, &host);
	/* Which part of a host is a bucket is a question for S3 only. */
	out->endpoint = name.n ? name : SLICE_NONE;
	/* The end of a target that was cut off may be half a name. */
	said = s3_operation_hint(request->method, request->minor < 0 ? SLICE_NONE : out->query,
				 &said_level);
	if (is_foreign(request, &host, out) || is_ceph_admin(response, &host, out->path) ||
	    !judge(request, response, &host, out->query, said != NULL, &scope))
		return;
	if (name.n)
		out->endpoint = host.endpoint;
	out->is_s3 = true;
	out->region = host.region.n ? host.region : scope.region.n ? scope.region : SLICE_NONE;
	level = address(request, &host, &scope, out);
	operation = said ? said : s3_operation(request, level, out->query);
	/* The SDK knows what it asks for: then the bucket stands in the host, and nobody
	 * knows where it ends there. */
	if (said_level == S3_KEY && level == S3_BUCKET && !host.bucket.p) {
		out->key = slice_from(out->path, 1);
		out->bucket = SLICE_NONE;
	}
	if (operation) {
		out->operation = operation->name;
		out->log_operation = operation->log_name;
	}
}
