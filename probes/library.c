/* SPDX-License-Identifier: Apache-2.0 */
#include "library.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Where distributions keep shared libraries; a file name is appended. */
static const char *const places[] = {
	"/usr/lib/*-linux-gnu/",
	"/lib/*-linux-gnu/",
	"/usr/lib64/",
	"/lib64/",
	"/usr/lib/",
	"/lib/",
	"/usr/local/lib/",
	"/usr/local/lib64/",
};

static void add(struct library_list *list, const struct probe_library *library, const char *path)
{
	struct library_file *f;
	struct stat st;

	if (stat(path, &st) || !S_ISREG(st.st_mode))
		return;
	for (size_t i = 0; i < list->n; i++)
		if (list->file[i].dev == st.st_dev && list->file[i].ino == st.st_ino)
			return;
	if (list->n == LIBRARY_MAX || strlen(path) >= sizeof(f->path)) {
		list->left_out++;
		return;
	}
	f = &list->file[list->n++];
	f->library = library;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	strcpy(f->path, path);
}

static void scan_places(struct library_list *list, const struct probe_library *library)
{
	char pattern[256];
	glob_t found;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		/* A dot or nothing must follow: libssl.so.3, libssl.so.1.1 */
		snprintf(pattern, sizeof(pattern), "%s%s*", places[i], library->file);
		if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0) {
			for (size_t k = 0; k < found.gl_pathc; k++)
				add(list, library, found.gl_pathv[k]);
			globfree(&found);
		}
	}
}

/* One line of /proc/PID/maps: an executable mapping of a library of this kind.
 * Its path is that of the process's own mount namespace. */
static void scan_mapping(struct library_list *list, const struct probe_library *library,
			 const char *pid, char *line)
{
	char path[512], *slash, *permissions = strchr(line, ' ');
	unsigned long mapped = 0;
	struct stat st;

	slash = strchr(line, '/');
	if (!permissions || !slash || permissions[3] != 'x')
		return;
	slash[strcspn(slash, "\n")] = '\0';
	if (strncmp(strrchr(slash, '/') + 1, library->file, strlen(library->file)) != 0)
		return;
	sscanf(line, "%*s %*s %*s %*s %lu", &mapped);
	/* The same file under the same name for us, or through the process's root. */
	if (stat(slash, &st) || st.st_ino != mapped) {
		if ((size_t)snprintf(path, sizeof(path), "/proc/%s/root%s", pid, slash) >=
		    sizeof(path))
			return;
		slash = path;
	}
	add(list, library, slash);
}

static void scan_process(struct library_list *list, const struct probe_library *library,
			 const char *pid)
{
	char path[300], *line = NULL;
	size_t size = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return;
	while (getline(&line, &size, maps) > 0)
		scan_mapping(list, library, pid, line);
	free(line);
	fclose(maps);
}

int library_scan(struct library_list *list, const struct probe_library *library)
{
	struct dirent *entry;
	DIR *proc;

	scan_places(list, library);
	proc = opendir("/proc");
	if (!proc)
		return -errno;
	while ((entry = readdir(proc)))
		if (isdigit((unsigned char)entry->d_name[0]))
			scan_process(list, library, entry->d_name);
	closedir(proc);
	return 0;
}

void library_resolve(struct library_list *list)
{
	struct decoder *decoder = list->n ? decoder_new() : NULL;

	for (size_t i = 0; i < list->n; i++) {
		struct library_file *f = &list->file[i];

		f->n_points =
			probe_resolve(f->library, f->path, decoder, f->point, PROBE_POINTS_MAX);
	}
	decoder_free(decoder);
}
