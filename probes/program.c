/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "compile.h"
#include "headers.h"
#include "machine.h"
#include "parsers/extra.h"
#include "processes.h"
#include "ring.h"

#define WORDS_MAX 256 /* of a command that may name a program */

static void flag(struct program *p, const char *text)
{
	if (p->n < COMPILE_FLAGS_MAX)
		p->flags[p->n++] = text;
}

/* Where rights are missing, that is the reason, whatever failed for it. */
static int blame_rights(int err, char *message, size_t size)
{
	char detail[160];

	if (err && machine_rights(detail, sizeof(detail)))
		snprintf(message, size, "rights are missing (%s): run as root", detail);
	else if (err && strstr(message, strerror(EPERM)))
		snprintf(message, size,
			 "the kernel does not let us use BPF here: run as root of the machine, "
			 "not of a container or a user namespace; see s3slower doctor");
	return err;
}

static int specialise(struct program *p, const struct settings *settings, char *message,
		      size_t size)
{
	int err = filter_macros(settings, &p->filter);

	if (err) {
		snprintf(message, size, "too many values for one filter; list fewer");
		return err;
	}
	for (size_t i = 0; i < p->filter.n; i++)
		flag(p, p->filter.flag[i]);
	flag(p, "-Werror=implicit-function-declaration");
	/* libbcc optimises for itself; clang before it, and debug information, would
	 * only double the time until tracing begins. */
	flag(p, "-g0");
	flag(p, "-Xclang");
	flag(p, "-disable-llvm-passes");
	snprintf(p->own[0], sizeof(p->own[0]), "-DMAX_EXCHANGES=%llu",
		 (unsigned long long)settings->max_connections);
	flag(p, p->own[0]);
	if (strcmp(settings->event_buffer, "perf") != 0 && ring_is_there()) {
		snprintf(p->own[2], sizeof(p->own[2]), "-DRING_LATE=%u",
			 ring_late((unsigned)settings->perf_pages));
		flag(p, "-DWITH_RING");
		flag(p, p->own[2]);
	} else if (strcmp(settings->event_buffer, "ring") == 0) {
		snprintf(
			message, size,
			"this kernel has no BPF ring buffers (they came with 5.8), or does not let "
			"us have one; leave --event-buffer out");
		return -EOPNOTSUPP;
	}
	if (settings->modes & MODE_HTTP)
		flag(p, "-DWITH_SOCKET");
	else
		flag(p, "-DTLS_ONLY");
	if (settings->modes & MODE_TLS)
		flag(p, "-DWITH_TLS");
	if (settings_extras(settings) & EXTRA_PROCESS)
		flag(p, "-DTELL_EXECS");
	if (settings->command || settings->follow) {
		err = tracefs_event("sched/sched_process_fork", "child_pid", &p->fork_event);
		if (err) {
			snprintf(message, size,
				 "following children needs tracefs: mount it at "
				 "/sys/kernel/tracing, or trace with -p alone");
			return err;
		}
		snprintf(p->own[1], sizeof(p->own[1]), "-DFORK_CHILD_OFFSET=%d",
			 p->fork_event.field_offset);
		flag(p, "-DTREE");
		flag(p, p->own[1]);
		if (settings->follow && settings->process.n)
			flag(p, "-DFOLLOW");
	}
	return 0;
}

int program_build(struct program *p, const struct settings *settings, char *message, size_t size)
{
	static const char *const parts[COMPILE_PARTS] = {"-DWITHOUT_LINKED", "-DWITHOUT_PROGRAMS"};
	int err = specialise(p, settings, message, size);
	struct cache cache;

	if (err)
		return blame_rights(err, message, size);
	cache_open(&cache, settings->cache, embedded_text, p->flags, p->n);
	err = cache_load(&cache, &p->object);
	if (err) {
		err = compile(embedded_text, p->flags, p->n, parts, &p->object, message, size);
		if (!err)
			cache_store(&cache, &p->object);
	}
	cache_close(&cache);
	return blame_rights(err, message, size);
}

/* Whether -p names this process, by number or by name. */
static bool is_listed(void *ctx, uint32_t pid, const char *comm)
{
	const struct settings_list *list = ctx;

	for (size_t i = 0; i < list->n; i++)
		if (setting_is_pid(list->item[i]) ? strtoul(list->item[i], NULL, 10) == pid
						  : strncmp(list->item[i], comm, 15) == 0)
			return true;
	return false;
}

static void follow_one(void *ctx, uint32_t pid)
{
	tracer_follow(ctx, pid);
}

/* Those that are there already; the kernel adds those that they fork. */
static void follow_children(const struct settings *settings, struct tracer *tracer)
{
	/* Twice: a child may fork before it is known to be one. */
	for (int i = 0; i < 2; i++)
		processes_tree(is_listed, (void *)&settings->process, follow_one, tracer);
}

/* Of what is given by its number, or known by it: whether the kernel knows it by another. */
static bool is_renumbered(const struct settings *settings)
{
	bool numbered = settings->command || settings->follow;

	for (size_t i = 0; i < settings->process.n; i++)
		numbered |= setting_is_pid(settings->process.item[i]);
	return numbered && !settings->ebpf && machine_renumbers();
}

int program_check_processes(const struct settings *settings, char *message, size_t size)
{
	if (is_renumbered(settings)) {
		snprintf(message, size,
			 "this PID namespace numbers processes otherwise than the machine: "
			 "without -p NUMBER, --follow and -- command, or started with the "
			 "machine's (docker run --pid=host), s3slower works");
		return -EOPNOTSUPP;
	}
	for (size_t i = 0; settings->attach && i < settings->process.n; i++) {
		const char *item = settings->process.item[i];

		if (setting_is_pid(item) && kill((pid_t)strtoul(item, NULL, 10), 0) &&
		    errno == ESRCH) {
			snprintf(message, size, "there is no process %s to attach to", item);
			return -ESRCH;
		}
	}
	return 0;
}

static const struct attachment {
	const char *program, *tracepoint;
	unsigned modes;
	bool optional; /* without it something stays unknown */
} attachments[] = {
	{"on_process_exit", "sched_process_exit", MODE_AUTO, false},
	{"on_process_exec", "sched_process_exec", MODE_AUTO, false},
	{"on_sys_exit", "sys_exit", MODE_HTTP, false},
	{"on_sys_enter", "sys_enter", MODE_HTTP, false},
	{"on_socket_state", "inet_sock_set_state", MODE_AUTO, true},
	{"on_retransmit", "tcp_retransmit_skb", MODE_HTTP, true},
};

int program_attach(const struct program *p, const struct settings *settings, struct tracer *tracer,
		   char *message, size_t size)
{
	int err = tracer_ready(tracer, message, size);

	if (err)
		return blame_rights(err, message, size);
	if (settings->command || settings->follow) {
		err = tracer_attach_tracepoint(tracer, "on_process_fork", p->fork_event.id);
		if (err) {
			snprintf(message, size, "cannot follow children: %s", strerror(-err));
			return err;
		}
	}
	for (size_t i = 0; i < sizeof(attachments) / sizeof(attachments[0]); i++) {
		const struct attachment *a = &attachments[i];

		if (!(settings->modes & a->modes))
			continue;
		err = tracer_attach_raw(tracer, a->program, a->tracepoint);
		if (err && !a->optional) {
			snprintf(message, size, "cannot attach to the tracepoint %s: %s",
				 a->tracepoint, strerror(-err));
			return err;
		}
	}
	if (settings->follow)
		follow_children(settings, tracer);
	return 0;
}

struct discovery *program_discover(const struct settings *s, struct tracer *tracer, bool *deaf,
				   char *message, size_t size)
{
	struct discovery *d;
	unsigned wanted = 0;
	int err;

	/* What doctor tells is about connections. */
	for (unsigned i = 0; probe_libraries[i].name; i++)
		if (probe_libraries[i].layer ? s->modes & settings_mode(probe_libraries[i].name)
					     : !s->no_dns && !s->doctor)
			wanted |= 1U << i;
	d = discovery_new(tracer, wanted, s->detach_after_s);
	if (!d) {
		snprintf(message, size, "out of memory");
		return NULL;
	}
	/* Listening first: nothing that is mapped after the scan is missed. */
	*deaf = tracer && wanted && discovery_listen(d);
	for (size_t i = 0; i < s->library.n; i++) {
		const char *item = s->library.item[i], *path = strchr(item, ':') + 1;
		const struct probe_library *l = probe_libraries;

		while (l->name && (strncmp(l->name, item, strlen(l->name)) != 0 ||
				   item[strlen(l->name)] != ':'))
			l++;
		err = l->name ? discovery_add(d, l, path) : -ENOENT;
		if (err) {
			snprintf(message, size, "cannot probe %.400s: %s", path,
				 access(path, F_OK) ? strerror(errno)
				 : err == -ENOENT   ? "it has none of the functions of that library"
				 : err == -ENOEXEC  ? "it is no program or library of this machine"
						    : strerror(-err));
			discovery_free(d);
			return NULL;
		}
	}
	discovery_scan(d);
	/* Also what the command starts with its first words: "env A=B program". */
	for (size_t i = 0; s->command && s->command[i] && i < WORDS_MAX; i++)
		discovery_see_program(d, s->command[i]);
	return d;
}
