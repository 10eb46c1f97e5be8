/* SPDX-License-Identifier: Apache-2.0 */
#include "user.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "parsers/text.h"

#define LINES_MAX 100000

int user_name(uint32_t uid, char *to, size_t size)
{
	struct text_arena arena = {.buf = to, .size = size};
	FILE *file = fopen("/etc/passwd", "re");
	struct passwd entry, *found;
	char line[4096];
	int err = -ENOENT;

	if (!file)
		return -errno;
	for (int i = 0; i < LINES_MAX; i++) {
		int end = fgetpwent_r(file, &entry, line, sizeof(line), &found);

		if (end == ERANGE)
			continue; /* a line too long for us */
		if (end)
			break;
		if (entry.pw_uid != uid)
			continue;
		if (text_clean(&arena, (struct slice){entry.pw_name, strlen(entry.pw_name)}))
			err = 0;
		break;
	}
	fclose(file);
	return err;
}
