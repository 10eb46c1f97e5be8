/* SPDX-License-Identifier: Apache-2.0 */
#include "part.h"

#include "url.h"

static const struct {
	const char *operation;
	enum part_role role;
} roles[] = {
	{"UploadPart", PART_UPLOADED},	       {"UploadPartCopy", PART_COPIED},
	{"GetObject", PART_DOWNLOADED},	       {"CompleteMultipartUpload", PART_COMPLETES},
	{"AbortMultipartUpload", PART_ABORTS},
};

static enum part_role role_of(const char *operation)
{
	for (size_t i = 0; operation && i < sizeof(roles) / sizeof(roles[0]); i++)
		if (strcmp(roles[i].operation, operation) == 0)
			return roles[i].role;
	return PART_NONE;
}

/* Takes the digits that text begins with; -1 when there are none, or too many. */
static int64_t take_number(struct slice *text)
{
	int64_t n = 0;
	size_t i = 0;

	for (; i < text->n && text->p[i] >= '0' && text->p[i] <= '9'; i++) {
		if (i == 18)
			return -1;
		n = n * 10 + (text->p[i] - '0');
	}
	*text = slice_from(*text, i);
	return i ? n : -1;
}

static bool take_char(struct slice *text, char c)
{
	if (!text->n || text->p[0] != c)
		return false;
	*text = slice_from(*text, 1);
	return true;
}

/* "bytes=0-99" of a request, "bytes 0-99/1234" of an answer. Several ranges, or the
 * last so many bytes, are no range that can be told from others by two numbers. */
static void set_range(struct part *part, struct slice text, char separator)
{
	int64_t first, last;

	if (text.n < 6 || strncasecmp(text.p, "bytes", 5) != 0)
		return;
	text = slice_from(text, 5);
	if (!take_char(&text, separator))
		return;
	first = take_number(&text);
	if (first < 0 || !take_char(&text, '-'))
		return;
	last = take_number(&text);
	if (last >= 0 && last < first)
		return;
	if (take_char(&text, '/'))
		part->object_size = take_number(&text);
	else if (text.n)
		return;
	part->first = first;
	part->last = last;
}

static uint64_t mix(uint64_t hash, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		hash = (hash ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
	return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

static int number_of(struct slice text)
{
	int64_t n = take_number(&text);

	return text.n || n > INT32_MAX ? -1 : (int)n;
}

/* Whether it is, or would have been, one piece of an object. */
static bool is_piece(const struct http1_request *request, const struct http1_response *response,
		     struct part *part)
{
	if (response && response->status == 206)
		set_range(part, http1_header(&response->headers, SLICE("content-range")), ' ');
	if (part->first < 0)
		set_range(part, http1_header(&request->headers, SLICE("range")), '=');
	return part->first >= 0 || part->number >= 0 || (response && response->status == 206);
}

struct slice part_parse(const struct http1_request *request, const struct http1_response *response,
			const struct s3_request *s3, struct part *out)
{
	struct slice query = s3->query, upload = SLICE_NONE;
	struct url_param param;

	*out = (struct part){
		.role = role_of(s3->operation),
		.number = -1,
		.first = -1,
		.last = -1,
		.object_size = -1,
	};
	/* Most downloads are whole: no more is asked of them. */
	if (out->role == PART_DOWNLOADED && response && response->status < 400 &&
	    response->status != 206)
		out->role = PART_NONE;
	if (out->role == PART_NONE)
		return SLICE_NONE;
	out->job = mix(UINT64_C(0xcbf29ce484222325), s3->endpoint);
	out->job = mix(mix(out->job, s3->bucket), s3->key);
	while (url_next_param(&query, &param)) {
		if (url_is(param.name, SLICE("uploadId")))
			upload = param.value;
		else if (url_is(param.name, SLICE("partNumber")))
			out->number = number_of(param.value);
		else if (url_is(param.name, SLICE("versionId")))
			out->job = mix(out->job, param.value);
	}
	out->job = mix(out->job, upload);
	if (out->role == PART_COPIED)
		set_range(out, http1_header(&request->headers, SLICE("x-amz-copy-source-range")),
			  '=');
	if (out->role == PART_DOWNLOADED && !is_piece(request, response, out))
		out->role = PART_NONE;
	return upload;
}
