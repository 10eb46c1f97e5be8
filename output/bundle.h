/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --support-bundle: what a provider's support asks for - request ids, times in UTC,
 * addresses - of the slowest requests and of those that failed. A sink that shows
 * nothing until the end. Bounded: KEPT_MAX of each kind are kept.
 */
#ifndef S3SLOWER_BUNDLE_H
#define S3SLOWER_BUNDLE_H

#include "sink.h"

/* As text for people, or as rows of JSON. How many of the slowest to keep is in
 * struct output. */
extern const struct sink bundle_text_sink, bundle_json_sink;

/* Which of them is shown instead of such rows. */
static inline const struct sink *bundle_sink(const struct sink *rows)
{
	return rows == &json_sink ? &bundle_json_sink : &bundle_text_sink;
}

#endif
