/* SPDX-License-Identifier: Apache-2.0 */
#include "kept.h"

#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(struct request, field)

/* Texts that may lie in the row itself. */
static const size_t own[] = {
	AT(comm),      AT(method),	  AT(operation),     AT(bucket),     AT(key),
	AT(endpoint),  AT(path),	  AT(client_type),   AT(error_code), AT(request_id),
	AT(host_id),   AT(via),		  AT(invocation_id), AT(region),     AT(client_version),
	AT(upload_id), AT(error_message),
};

/* Texts of others. */
static const size_t borrowed[] = {AT(user), AT(exe), AT(cmdline), AT(cgroup), AT(container)};

struct request *kept_row(const struct request *row)
{
	size_t used = row->text_used < sizeof(row->text) ? row->text_used : sizeof(row->text);
	struct request *copy = malloc(AT(text) + used + 1);

	if (!copy)
		return NULL;
	memcpy(copy, row, AT(text));
	memcpy((char *)copy + AT(text), row->text, used);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		const char **text = (const char **)(void *)((char *)copy + own[i]);

		if (*text >= row->text && *text < row->text + used)
			*text = (char *)copy + AT(text) + (*text - row->text);
	}
	for (size_t i = 0; i < sizeof(borrowed) / sizeof(borrowed[0]); i++)
		*(const char **)(void *)((char *)copy + borrowed[i]) = NULL;
	copy->ppid = 0;
	copy->target = NULL;
	return copy;
}
