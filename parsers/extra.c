/* SPDX-License-Identifier: Apache-2.0 */
#include "extra.h"

#include <strings.h>

static const struct {
	const char *name;
	unsigned bit;
} extras[] = {
	{"uid", EXTRA_UID},
	{"user", EXTRA_USER},
	{"ppid", EXTRA_PPID},
	{"exe", EXTRA_EXE},
	{"cmdline", EXTRA_CMDLINE},
	{"cgroup", EXTRA_CGROUP},
	{"container", EXTRA_CONTAINER},
};

const char *extra_name(size_t i)
{
	return i < sizeof(extras) / sizeof(extras[0]) ? extras[i].name : NULL;
}

unsigned extra_bit(const char *name)
{
	for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]); i++)
		if (strcasecmp(extras[i].name, name) == 0)
			return extras[i].bit;
	return 0;
}
