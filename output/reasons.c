/* SPDX-License-Identifier: Apache-2.0 */
#include "reasons.h"

#include <string.h>

void reasons_add(struct reasons *reasons, const struct request *row)
{
	const char *word;

	for (size_t i = 0; row->why && (word = why_word(i)); i++) {
		uint64_t *ns = &reasons->felt_ns[i];

		if (strcmp(word, row->why) != 0)
			continue;
		if (__builtin_add_overflow(*ns, (uint64_t)row->felt_ns, ns))
			*ns = UINT64_MAX;
		return;
	}
}

void reasons_print(const struct reasons *reasons, FILE *file)
{
	struct reasons left = *reasons;
	double all = 0;

	for (size_t i = 0; i < WHY_WORDS; i++)
		all += (double)left.felt_ns[i];
	for (bool first = true; all > 0; first = false) {
		size_t most = 0;

		for (size_t i = 1; i < WHY_WORDS; i++)
			if (left.felt_ns[i] > left.felt_ns[most])
				most = i;
		if (!left.felt_ns[most])
			break;
		fprintf(file, "%s%s %.1f %%", first ? "why, by time: " : ", ", why_word(most),
			100 * (double)left.felt_ns[most] / all);
		left.felt_ns[most] = 0;
	}
	if (all > 0)
		putc('\n', file);
}
