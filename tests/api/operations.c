/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parsers make of request heads: the other half of botocore_requests.py.
 * Reads heads from standard input, each "LENGTH\n" and so many bytes, and prints
 * a line for each: operation, bucket, key, endpoint and region, with tabs between
 * them, "-" for what is not known. Arguments are patterns as --endpoint takes them.
 */
#include <stdio.h>

#include "parsers/s3.h"
#include "parsers/text.h"

#define HEAD_MAX 65536

static void put(const char *text, char after)
{
	printf("%s%c", text ? text : "-", after);
}

int main(int argc, char **argv)
{
	const struct s3_endpoints endpoints = {(const char *const *)argv + 1, (size_t)argc - 1};
	static char head[HEAD_MAX], texts[4 * HEAD_MAX];
	size_t n;

	while (scanf("%zu%*1[\n]", &n) == 1) {
		struct text_arena arena = {texts, sizeof(texts), 0, false};
		struct http1_request request;
		struct s3_request s3;

		if (n > sizeof(head) || fread(head, 1, n, stdin) != n ||
		    http1_request((struct slice){head, n}, &request) <= 0) {
			fprintf(stderr, "operations: not a head\n");
			return 1;
		}
		s3_classify(&request, NULL, &endpoints, &s3);
		put(s3.is_s3 ? s3.operation : "not S3", '\t');
		put(text_decoded(&arena, s3.bucket), '\t');
		put(text_decoded(&arena, s3.key), '\t');
		put(text_clean(&arena, s3.endpoint), '\t');
		put(text_decoded(&arena, s3.region), '\n');
	}
	return 0;
}
