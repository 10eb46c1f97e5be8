/* SPDX-License-Identifier: Apache-2.0 */
#include "pending.h"

bool pending_is_due(__u64 age_before, __u64 age, __u64 first)
{
	__u64 last = first;

	if (!first || age < first)
		return false;
	while (last <= age / 2)
		last *= 2;
	return age_before < last;
}

void pending_until(struct exchange *exchange, __u64 now)
{
	exchange->t_end = exchange->t_emit = now;
	if (exchange->t_last && exchange->t_last < now)
		exchange->t_last = now;
}
