/* SPDX-License-Identifier: Apache-2.0 */
/* The unit runner. CU_basic_run_tests() returns 0 even when tests fail, so
 * the exit status comes from the failure count. */
#include <CUnit/Basic.h>
#include <stdio.h>

/* Another runner sets these before it includes this file. */
#ifndef SUITES
#define SUITES "suites.h"
#define RUNNER "unit"
#endif

#define SUITE(name) extern CU_TestInfo name##_tests[];
#include SUITES
#undef SUITE

int main(void)
{
	CU_SuiteInfo suites[] = {
#define SUITE(name) {#name, NULL, NULL, NULL, NULL, name##_tests},
#include SUITES
#undef SUITE
		CU_SUITE_INFO_NULL,
	};

	if (CU_initialize_registry() || CU_register_suites(suites))
		return 2;
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	unsigned run = CU_get_number_of_tests_run(), failed = CU_get_number_of_tests_failed();
	unsigned broken = CU_get_number_of_suites_failed() + CU_get_number_of_failure_records();
	CU_cleanup_registry();
	printf(RUNNER ": %u passed, %u failed\n", run - failed, failed);
	return run == 0 || failed || broken;
}
