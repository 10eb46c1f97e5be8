/* SPDX-License-Identifier: Apache-2.0 */
#include "targets.h"

#include <string.h>

#define COMM_MAX 15u /* bytes that the kernel keeps */

static bool is(const char *text, const char *value)
{
	return text && strcmp(text, value) == 0;
}

static bool fits_comm(const char *value, const char *thread, const struct process *process)
{
	return is(thread, value) || (process && is(process->comm, value));
}

static bool fits_exe(const char *value, const char *thread, const struct process *process)
{
	const char *slash = process && process->exe ? strrchr(process->exe, '/') : NULL;

	(void)thread;
	return is(slash ? slash + 1 : process ? process->exe : NULL, value);
}

static bool fits_cmdline(const char *value, const char *thread, const struct process *process)
{
	(void)thread;
	return process && process->cmdline && strstr(process->cmdline, value);
}

static const struct target_type types[] = {
	{"comm", fits_comm, COMM_MAX},
	{"exe_basename", fits_exe, TARGET_VALUE_MAX},
	{"cmdline_substring", fits_cmdline, TARGET_VALUE_MAX},
};

const struct target_type *target_type_at(size_t i)
{
	return i < sizeof(types) / sizeof(types[0]) ? &types[i] : NULL;
}

const struct target *targets_match(const struct targets *targets, const char *thread,
				   const struct process *process)
{
	for (size_t i = 0; i < targets->n; i++) {
		const struct target *target = &targets->target[i];

		for (size_t k = 0; k < target->n_rules; k++) {
			const struct target_rule *rule = &targets->rule[target->first_rule + k];

			if (rule->type->fits(rule->value, thread, process))
				return target;
		}
	}
	return NULL;
}
