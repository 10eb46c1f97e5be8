/* SPDX-License-Identifier: Apache-2.0 */
/* A command line, one argument a line: it is refused with one sentence, or what
 * it asks for can be matched and fits into macros. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "parsers/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct request request = {.state = REQUEST_COMPLETE,
					       .method = "GET",
					       .operation = "GetObject",
					       .bucket = "bucket",
					       .key = "a/key",
					       .endpoint = "host:9000",
					       .is_s3 = true,
					       .status = 404,
					       .latency_ns = 1000000};
	static struct settings settings;
	static struct filter_flags flags;
	char *argv[101] = {"s3slower"}, message[256], *rest, *text = malloc(size + 1);
	int argc = 1;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	rest = text;
	for (char *word; argc < 100 && (word = strsep(&rest, "\n"));)
		argv[argc++] = word;
	memset(message, '#', sizeof(message));
	if (settings_parse(&settings, argc, argv, message, sizeof(message))) {
		size_t length = strnlen(message, sizeof(message));
		if (length == 0 || length == sizeof(message))
			abort();
		for (size_t i = 0; i < length; i++)
			if ((unsigned char)message[i] < ' ')
				abort();
	} else {
		filter_match(&settings, &request);
		if (filter_macros(&settings, &flags))
			abort();
	}
	free(text);
	return 0;
}
