/* SPDX-License-Identifier: Apache-2.0 */
#include "grouping.h"

#include <stdio.h>
#include <strings.h>

#include "extra.h"
#include "targets.h"

/* field: const char *. */
static const char *string(const void *field, char *room)
{
	(void)room;
	return *(const char *const *)field;
}

/* field: uint32_t. */
static const char *number(const void *field, char *room)
{
	snprintf(room, GROUPING_ROOM, "%u", *(const uint32_t *)field);
	return room;
}

/* field: the request. What has no name among the operations keeps its method. */
static const char *operation(const void *field, char *room)
{
	const struct request *row = field;

	if (row->operation)
		return row->operation;
	snprintf(room, GROUPING_ROOM, "%.32s (%s)", row->method ? row->method : "?",
		 row->is_s3 ? "S3, unknown" : "not S3");
	return room;
}

/* field: struct endpoints. */
static const char *peer(const void *field, char *room)
{
	const struct endpoints *ends = field;

	return address_endpoint(ends->peer, ends->peer_port, room);
}

/* field: int, negative is unknown. */
static const char *status(const void *field, char *room)
{
	if (*(const int *)field < 0)
		return NULL;
	snprintf(room, GROUPING_ROOM, "%d", *(const int *)field);
	return room;
}

/* field: struct target *. */
static const char *target(const void *field, char *room)
{
	const struct target *const *which = field;

	(void)room;
	return *which ? (*which)->id : NULL;
}

#define AT(field) offsetof(struct request, field)

static const struct grouping groupings[] = {
	{"operation", "OPERATION", 0, operation, 0},
	{"bucket", "BUCKET", 0, string, AT(bucket)},
	{"endpoint", "ENDPOINT", 0, string, AT(endpoint)},
	{"region", "REGION", 0, string, AT(region)},
	{"peer", "PEER", 0, peer, AT(ends)},
	{"client", "CLIENT", 0, string, AT(client_type)},
	{"comm", "COMM", 0, string, AT(comm)},
	{"pid", "PID", 0, number, AT(pid)},
	{"uid", "UID", 0, number, AT(uid)},
	{"method", "METHOD", 0, string, AT(method)},
	{"status", "STATUS", 0, status, AT(status)},
	{"error", "ERROR", 0, string, AT(error_code)},
	{"via", "VIA", 0, string, AT(via)},
	{"user", "USER", EXTRA_USER, string, AT(user)},
	{"exe", "EXE", EXTRA_EXE, string, AT(exe)},
	{"container", "CONTAINER", EXTRA_CONTAINER, string, AT(container)},
	{"target", "TARGET", EXTRA_TARGET, target, AT(target)},
};

const struct grouping *grouping_at(size_t i)
{
	return i < sizeof(groupings) / sizeof(groupings[0]) ? &groupings[i] : NULL;
}

const char *grouping_name(size_t i)
{
	const struct grouping *grouping = grouping_at(i);

	return grouping ? grouping->name : NULL;
}

const struct grouping *grouping_find(const char *name)
{
	const struct grouping *grouping;

	for (size_t i = 0; (grouping = grouping_at(i)); i++)
		if (strcasecmp(grouping->name, name) == 0)
			return grouping;
	return NULL;
}
