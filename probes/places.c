/* SPDX-License-Identifier: Apache-2.0 */
#include "places.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parsers/ldcache.h"

#define LDCACHE "/etc/ld.so.cache"
#define LDCACHE_MAX (8u << 20)

/* A file name is appended. */
static const char *const places[] = {
	"/usr/lib/*-linux-gnu/",
	"/lib/*-linux-gnu/",
	"/usr/lib64/",
	"/lib64/",
	"/usr/lib/",
	"/lib/",
	"/usr/local/lib/",
	"/usr/local/lib64/",
	/* Python's own extensions: a TLS library may be linked into one. */
	"/usr/lib/python3/dist-packages/",
	"/usr/local/lib/python3*/*-packages/",
};

/* The loader's cache as a whole; the caller frees it. */
static struct slice read_cache(void)
{
	int fd = open(LDCACHE, O_RDONLY | O_CLOEXEC);
	struct slice cache = SLICE_NONE;
	struct stat st;
	ssize_t n = -1;
	char *text;

	if (fd < 0)
		return cache;
	text = fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size <= LDCACHE_MAX
		       ? malloc((size_t)st.st_size)
		       : NULL;
	if (text)
		n = read(fd, text, (size_t)st.st_size);
	close(fd);
	if (n > 0)
		return (struct slice){text, (size_t)n};
	free(text);
	return cache;
}

static void search_cache(const char *prefix, void (*see)(void *ctx, const char *path), void *ctx)
{
	struct slice cache = read_cache(), name, path;
	size_t at = 0;

	/* Both are followed by a NUL in the cache. */
	while (ldcache_next(cache, &at, &name, &path))
		if (strncmp(name.p, prefix, strlen(prefix)) == 0)
			see(ctx, path.p);
	free((void *)cache.p);
}

void places_search(const char *prefix, void (*see)(void *ctx, const char *path), void *ctx)
{
	char pattern[256];
	glob_t found;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		/* A version may follow: libssl.so.3, libssl.so.1.1 */
		snprintf(pattern, sizeof(pattern), "%s%s*", places[i], prefix);
		if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0) {
			for (size_t k = 0; k < found.gl_pathc; k++)
				see(ctx, found.gl_pathv[k]);
			globfree(&found);
		}
	}
	search_cache(prefix, see, ctx);
}

void places_program(const char *name, void (*see)(void *ctx, const char *path), void *ctx)
{
	const char *p = strchr(name, '/') ? "" : getenv("PATH");
	char path[512];

	if (strchr(name, '/'))
		see(ctx, name);
	for (; p && *p; p += strspn(p, ":")) {
		size_t n = strcspn(p, ":");

		if ((size_t)snprintf(path, sizeof(path), "%.*s/%s", (int)n, p, name) <
			    sizeof(path) &&
		    access(path, X_OK) == 0) {
			see(ctx, path);
			return;
		}
		p += n;
	}
}
