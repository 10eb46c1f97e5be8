/* SPDX-License-Identifier: Apache-2.0 */
/* Every suite of this runner, one line each; tests/points/NAME.c defines NAME_tests[]. */
SUITE(accessor)
SUITE(decode)
SUITE(layout)
SUITE(stores)
SUITE(point)
