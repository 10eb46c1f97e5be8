/* SPDX-License-Identifier: Apache-2.0 */
#include "maps.h"

#include <errno.h>

/* Takes a number and the character behind it off the front. */
static bool number(struct slice *s, unsigned base, char behind, uint64_t *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t i = 0;

	for (*out = 0; i < s->n && s->p[i] != behind; i++) {
		const char *digit = memchr(digits, s->p[i], base);

		if (!digit || *out > (UINT64_MAX - 15) / base)
			return false;
		*out = *out * base + (uint64_t)(digit - digits);
	}
	if (i == 0 || i == s->n)
		return false;
	*s = slice_from(*s, i + 1);
	return true;
}

int maps_line(struct slice line, struct maps_mapping *out)
{
	static const char deleted[] = " (deleted)";
	const size_t n_deleted = sizeof(deleted) - 1;
	uint64_t offset, major, minor;
	struct slice s = line;

	if (s.n && s.p[s.n - 1] == '\n')
		s.n--;
	if (!number(&s, 16, '-', &out->start) || !number(&s, 16, ' ', &out->end) || s.n < 5 ||
	    s.p[4] != ' ')
		return -EBADMSG;
	out->executable = s.p[2] == 'x';
	s = slice_from(s, 5);
	if (!number(&s, 16, ' ', &offset) || !number(&s, 16, ':', &major) ||
	    !number(&s, 16, ' ', &minor) || out->start >= out->end || major > UINT32_MAX ||
	    minor > UINT32_MAX)
		return -EBADMSG;
	out->major = (uint32_t)major;
	out->minor = (uint32_t)minor;
	/* The inode, and blanks up to a name: only a mapping of a file must have both. */
	if (!number(&s, 10, ' ', &out->inode))
		return -EBADMSG;
	while (s.n && *s.p == ' ')
		s = slice_from(s, 1);
	out->deleted = s.n >= n_deleted && memcmp(s.p + s.n - n_deleted, deleted, n_deleted) == 0;
	if (out->deleted)
		s.n -= n_deleted;
	out->path = s;
	return 0;
}
