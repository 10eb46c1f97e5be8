/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup.h"

#define ID_LENGTH 64u	/* of all runtimes today */
#define ID_SHORTEST 12u /* what people write */

/* Cuts s at its first c: what stood before it. */
static struct slice cut(struct slice *s, char c)
{
	const char *at = s->n ? memchr(s->p, c, s->n) : NULL;
	struct slice before = {s->p, at ? (size_t)(at - s->p) : s->n};

	*s = at ? slice_from(*s, before.n + 1) : slice_from(*s, s->n);
	return before;
}

struct slice cgroup_path(struct slice file)
{
	struct slice root = SLICE_NONE, other = SLICE_NONE;

	while (file.n) {
		struct slice path = cut(&file, '\n'), number = cut(&path, ':');
		struct slice controllers = cut(&path, ':');
		bool says_more = !slice_is(path, SLICE("/"));

		if (!path.n || *path.p != '/')
			continue;
		if (says_more && slice_is(number, SLICE("0")) && !controllers.n)
			return path;
		if (says_more && !other.p)
			other = path;
		if (!says_more)
			root = path;
	}
	return other.p ? other : root;
}

/* What runtimes write before an id in the last part of a path ("docker-ID.scope"). */
static const struct slice runtimes[] = {
	SLICE("docker-"), SLICE("cri-containerd-"), SLICE("crio-"),
	SLICE("libpod-"), SLICE("containerd-"),	    SLICE("nerdctl-"),
};

/* Directories in which the names are ids ("/docker/ID"). */
static const struct slice directories[] = {
	SLICE("docker"), SLICE("libpod"), SLICE("containerd"), SLICE("crio"), SLICE("buildkit"),
};

static size_t hex_digits(struct slice s)
{
	size_t n = 0;

	while (n < s.n && ((s.p[n] >= '0' && s.p[n] <= '9') || (s.p[n] >= 'a' && s.p[n] <= 'f')))
		n++;
	return n;
}

static bool ends_id(struct slice s, size_t n)
{
	return n == s.n || slice_is(slice_from(s, n), SLICE(".scope"));
}

/* The id that a part of the path is, or holds; parent is the part before it. */
static struct slice id_in(struct slice part, struct slice parent)
{
	struct slice id = part;
	bool known = false;
	size_t n;

	for (size_t i = 0; i < sizeof(runtimes) / sizeof(runtimes[0]); i++) {
		if (slice_begins(part, runtimes[i])) {
			id = slice_from(part, runtimes[i].n);
			known = true;
		}
	}
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		known |= slice_is(parent, directories[i]);
	if (!known) {
		/* Another runtime's prefix: whatever ends with a dash. */
		for (size_t i = part.n; i > 0; i--) {
			if (part.p[i - 1] == '-') {
				id = slice_from(part, i);
				break;
			}
		}
	}
	n = hex_digits(id);
	if (!ends_id(id, n) || (known ? n < ID_SHORTEST || n > ID_LENGTH : n != ID_LENGTH))
		return SLICE_NONE;
	return (struct slice){id.p, n};
}

struct slice cgroup_container(struct slice path)
{
	struct slice found = SLICE_NONE, parent = SLICE_NONE;

	while (path.n) {
		struct slice part = cut(&path, '/'), id = id_in(part, parent);

		if (id.p)
			found = id;
		parent = part;
	}
	return found;
}
