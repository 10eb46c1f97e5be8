/* SPDX-License-Identifier: Apache-2.0 */
#include "users.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define FULL (USERS_MAX / 4 * 3)

/* An open hash table: a pair is where its hash says, or in the next free place
 * behind. pid 0: free. */
struct users {
	size_t n;
	struct pair {
		uint32_t pid, file;
	} pair[USERS_MAX];
};

struct users *users_new(void)
{
	return calloc(1, sizeof(struct users));
}

void users_free(struct users *u)
{
	free(u);
}

bool users_add(struct users *u, uint32_t pid, uint32_t file)
{
	uint32_t i = (pid * 0x9e3779b1u ^ file * 0x85ebca6bu) % USERS_MAX;

	if (!pid)
		return true;
	for (; u->pair[i].pid; i = (i + 1) % USERS_MAX)
		if (u->pair[i].pid == pid && u->pair[i].file == file)
			return true;
	if (u->n >= FULL)
		return false;
	u->pair[i] = (struct pair){pid, file};
	u->n++;
	return true;
}

static bool is_alive(uint32_t pid)
{
	return kill((pid_t)pid, 0) == 0 || errno != ESRCH;
}

void users_sweep(struct users *u, bool (*keep)(void *ctx, uint32_t file), void *ctx)
{
	struct users *old = malloc(sizeof(*old));
	size_t at = 0;
	uint32_t pid, file;

	if (!old)
		return;
	*old = *u;
	memset(u, 0, sizeof(*u));
	while (users_next(old, &at, &pid, &file))
		if ((!keep || keep(ctx, file)) && is_alive(pid))
			users_add(u, pid, file);
	free(old);
}

bool users_next(const struct users *u, size_t *at, uint32_t *pid, uint32_t *file)
{
	while (*at < USERS_MAX && !u->pair[*at].pid)
		++*at;
	if (*at == USERS_MAX)
		return false;
	*pid = u->pair[*at].pid;
	*file = u->pair[(*at)++].file;
	return true;
}
