/* SPDX-License-Identifier: Apache-2.0 */
/* Every unit suite, one line each; tests/unit/NAME.c defines NAME_tests[]. */
SUITE(http1)
SUITE(s3)
SUITE(text)
SUITE(useragent)
SUITE(settings)
SUITE(filter)
SUITE(sink)
SUITE(histogram)
SUITE(summary)
