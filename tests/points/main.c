/* SPDX-License-Identifier: Apache-2.0 */
#define SUITES "tests/points/suites.h"
#define RUNNER "points"
#include "tests/unit/main.c"
