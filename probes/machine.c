/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "compile.h"

/* The first line of a file; "" if it cannot be read. */
static void first_line(const char *path, char *to, size_t size)
{
	FILE *file = fopen(path, "re");

	to[0] = '\0';
	if (!file)
		return;
	if (!fgets(to, (int)size, file))
		to[0] = '\0';
	to[strcspn(to, "\n")] = '\0';
	fclose(file);
}

static int look_kernel(char *detail, size_t size)
{
	struct utsname name;

	if (uname(&name))
		return -errno;
	snprintf(detail, size, "%s %.64s %.32s, %d CPUs", name.sysname, name.release, name.machine,
		 get_nprocs());
	return 0;
}

/* Capabilities that tracing takes, as the manual lists them (linux/capability.h). */
static const struct {
	const char *name;
	int bit;
} rights[] = {
	{"CAP_BPF", 39},
	{"CAP_PERFMON", 38},
	{"CAP_SYS_PTRACE", 19},
	{"CAP_DAC_READ_SEARCH", 2},
};
#define SYS_ADMIN 21 /* stands for the first two */

int machine_rights(char *detail, size_t size)
{
	unsigned long long have = 0;
	char line[128];
	FILE *status = fopen("/proc/self/status", "re");
	size_t used;
	int err = 0;

	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "CapEff: %llx", &have);
	if (status)
		fclose(status);
	used = (size_t)snprintf(detail, size, "user %u", geteuid());
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]) && used < size; i++) {
		if (have >> rights[i].bit & 1 || (i < 2 && (have >> SYS_ADMIN & 1)))
			continue;
		used += (size_t)snprintf(detail + used, size - used, "%s %s", err ? "," : "; lacks",
					 rights[i].name);
		err = -EPERM;
	}
	if (!err && used < size)
		snprintf(detail + used, size - used, ", with every capability that tracing takes");
	return err;
}

/* The kernel's own number for the first namespace of process ids (linux/nsfs.h). */
#define FIRST_PID_NAMESPACE 0xEFFFFFFCU

bool machine_renumbers(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 && st.st_ino != FIRST_PID_NAMESPACE;
}

static int look_ids(char *detail, size_t size)
{
	bool own = machine_renumbers();

	snprintf(detail, size, "%s", own ? "a PID namespace of our own" : "the machine's");
	return own ? -EOPNOTSUPP : 0;
}

static int look_lockdown(char *detail, size_t size)
{
	char line[128];

	first_line("/sys/kernel/security/lockdown", line, sizeof(line));
	if (!line[0])
		snprintf(detail, size,
			 access("/sys/kernel/security", X_OK) == 0
				 ? "this kernel has none, or securityfs is not mounted"
				 : "not known: no securityfs");
	else
		snprintf(detail, size, "%s", line);
	/* Integrity still lets BPF read user memory; confidentiality does not. */
	return strstr(line, "[confidentiality]") ? -EPERM : 0;
}

static int look_lsm(char *detail, size_t size)
{
	first_line("/sys/kernel/security/lsm", detail, size);
	if (!detail[0])
		snprintf(detail, size, "not known: securityfs is not mounted");
	return 0;
}

static int look_sysctl(char *detail, size_t size)
{
	char bpf[32], perf[32];

	first_line("/proc/sys/kernel/unprivileged_bpf_disabled", bpf, sizeof(bpf));
	first_line("/proc/sys/kernel/perf_event_paranoid", perf, sizeof(perf));
	snprintf(detail, size, "unprivileged_bpf_disabled %s, perf_event_paranoid %s",
		 bpf[0] ? bpf : "-", perf[0] ? perf : "-");
	return 0;
}

static int look_compiler(char *detail, size_t size)
{
	const char *path = compile_library();
	char *whole;

	if (!path) {
		snprintf(detail, size, "not found (Debian: apt-get install libbpfcc)");
		return -ENOPKG;
	}
	/* Its version is in its file's name. */
	whole = realpath(path, NULL);
	snprintf(detail, size, "%s", whole ? whole : path);
	free(whole);
	return 0;
}

static const struct fact {
	const char *name, *use;
	bool needed;
	int (*look)(char *detail, size_t size);
} facts[] = {
	{"kernel", NULL, false, look_kernel},
	{"rights", "everything", true, machine_rights},
	{"process ids", "-p, --follow, -- command, self-test", false, look_ids},
	{"lockdown permits it", "reading what programs send", true, look_lockdown},
	{"security modules", NULL, false, look_lsm},
	{"sysctl", NULL, false, look_sysctl},
	{"libbcc", "compiling the programs", true, look_compiler},
};

static struct finding *add(struct diagnosis *d, const char *name, const char *use, bool needed)
{
	struct finding *f = &d->finding[d->n_findings];

	if (d->n_findings == FINDINGS_MAX)
		return NULL;
	d->n_findings++;
	f->name = name;
	f->use = use;
	f->needed = needed;
	return f;
}

static void look_cache(struct diagnosis *d, const char *dir)
{
	struct finding *f = add(d, "compile cache", "starting in milliseconds", false);
	struct dirent *entry;
	int n = 0;
	DIR *entries;

	if (!f)
		return;
	entries = opendir(dir);
	if (!entries) {
		f->error = -errno;
		f->state = FINDING_NO;
		snprintf(f->detail, sizeof(f->detail), "%.150s", dir);
		return;
	}
	while ((entry = readdir(entries)))
		n += entry->d_name[0] != '.';
	closedir(entries);
	f->state = FINDING_YES;
	snprintf(f->detail, sizeof(f->detail), "%.150s, %d programs", dir, n);
}

int machine_facts(struct diagnosis *d, const char *cache_dir)
{
	int first = 0;

	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		struct finding *f = add(d, facts[i].name, facts[i].use, facts[i].needed);

		if (!f)
			break;
		f->error = facts[i].look(f->detail, sizeof(f->detail));
		f->state = f->error ? FINDING_NO : facts[i].use ? FINDING_YES : FINDING_FACT;
		if (f->error && f->needed && !first)
			first = f->error;
	}
	look_cache(d, cache_dir);
	return first;
}
