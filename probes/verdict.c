/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict.h"

#include <stdio.h>
#include <string.h>

/* How lines begin that are behind the reason: kernel/bpf/verifier.c, print_verification_stats(). */
static const char *const statistics[] = {"processed ", "verification time", "stack depth"};

static int is_reason(const char *line, size_t n)
{
	for (size_t i = 0; i < sizeof(statistics) / sizeof(statistics[0]); i++)
		if (strncmp(line, statistics[i], strlen(statistics[i])) == 0)
			return 0;
	return n > 0;
}

void verdict_reason(const char *log, char *to, size_t size)
{
	const char *reason = "";
	size_t n = 0;

	while (*log) {
		size_t length = strcspn(log, "\n");

		if (is_reason(log, length)) {
			reason = log;
			n = length;
		}
		log += length + (log[length] == '\n');
	}
	snprintf(to, size, "%.*s", (int)n, reason);
}
