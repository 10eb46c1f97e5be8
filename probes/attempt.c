/* SPDX-License-Identifier: Apache-2.0 */
#include "attempt.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ring.h"
#include "tracefs.h"
#include "trial.h"
#include "uprobe.h"

/* Not in the headers of Debian 12: linux/bpf.h of 6.6, 6.14 and 6.9. */
#define TYPE_UPROBE_SESSION 57
#define COMMAND_TOKEN_CREATE 36

/* Each returns 0 or -errno, and may say something in detail. */

static int try_bpf(char *detail, size_t size)
{
	int err = trial_done(bpf_map_create(BPF_MAP_TYPE_ARRAY, "s3slower_try", 4, 8, 1, NULL));

	(void)detail, (void)size;
	return err ? err : trial_done(trial_program(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0));
}

static int raw_tracepoint(const char *name)
{
	int prog = trial_program(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0), fd;

	if (prog < 0)
		return prog;
	fd = bpf_raw_tracepoint_open(name, prog);
	if (fd < 0)
		fd = -errno;
	close(prog);
	return trial_done(fd);
}

static int try_raw_tracepoints(char *detail, size_t size)
{
	static const char *const names[] = {"sched_process_exit", "sched_process_exec", "sys_enter",
					    "sys_exit"};
	int err = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !err; i++) {
		err = raw_tracepoint(names[i]);
		snprintf(detail, size, err ? "%s is refused" : "%s and others", names[i]);
	}
	return err;
}

static int try_state_tracepoint(char *detail, size_t size)
{
	snprintf(detail, size, "inet_sock_set_state");
	return raw_tracepoint("inet_sock_set_state");
}

static int try_retransmit_tracepoint(char *detail, size_t size)
{
	snprintf(detail, size, "tcp_retransmit_skb");
	return raw_tracepoint("tcp_retransmit_skb");
}

static int try_uprobe(char *detail, size_t size)
{
	(void)detail, (void)size;
	return trial_done(trial_uprobe(trial_emulated));
}

static int try_uprobe_multi(char *detail, size_t size)
{
	(void)detail, (void)size;
	return trial_done(trial_link(UPROBE_LINK));
}

/* With either kind of uprobe TLS libraries can be probed. */
static int try_any_uprobe(char *detail, size_t size)
{
	int err = try_uprobe_multi(detail, size), perf;

	if (!err) {
		snprintf(detail, size, "by links");
		return 0;
	}
	perf = try_uprobe(detail, size);
	if (!perf)
		snprintf(detail, size, "by perf events");
	return perf;
}

static int try_uprobe_session(char *detail, size_t size)
{
	(void)detail, (void)size;
	return trial_done(trial_link(TYPE_UPROBE_SESSION));
}

static int try_kprobe(char *detail, size_t size)
{
	int prog = trial_program(BPF_PROG_TYPE_KPROBE, 0, 0), fd;

	if (prog < 0)
		return prog;
	snprintf(detail, size, "tcp_sendmsg");
	fd = trial_perf("kprobe", "tcp_sendmsg", 0, prog);
	close(prog);
	return trial_done(fd);
}

static int try_btf(char *detail, size_t size)
{
	snprintf(detail, size, "/sys/kernel/btf/vmlinux");
	return access("/sys/kernel/btf/vmlinux", R_OK) ? -errno : 0;
}

static int try_fentry(char *detail, size_t size)
{
	int id = libbpf_find_vmlinux_btf_id("tcp_sendmsg", BPF_TRACE_FENTRY), prog, fd;

	snprintf(detail, size, "tcp_sendmsg");
	if (id < 0)
		return id;
	prog = trial_program(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, id);
	if (prog < 0)
		return prog;
	fd = bpf_raw_tracepoint_open(NULL, prog);
	if (fd < 0)
		fd = -errno;
	close(prog);
	return trial_done(fd);
}

static int try_tracefs(char *detail, size_t size)
{
	struct tracefs_event event;
	int err = tracefs_event("sched/sched_process_fork", "child_pid", &event);

	if (access("/sys/kernel/tracing/events", R_OK) == 0)
		snprintf(detail, size, "mounted at /sys/kernel/tracing");
	else if (access("/sys/kernel/debug/tracing/events", R_OK) == 0)
		snprintf(detail, size, "mounted at /sys/kernel/debug/tracing");
	else
		snprintf(detail, size, "not mounted; %s",
			 err ? "a private mount is refused" : "a private mount serves");
	return err;
}

static int try_perf_buffer(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_type = PERF_SAMPLE_RAW,
	};
	size_t bytes = 3 * (size_t)sysconf(_SC_PAGESIZE);
	int fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	void *buffer;
	int err = 0;

	if (fd < 0)
		return -errno;
	buffer = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (buffer == MAP_FAILED)
		err = -errno;
	else
		munmap(buffer, bytes);
	close(fd);
	return err;
}

static int try_event_buffers(char *detail, size_t size)
{
	bool ring = ring_is_there();

	snprintf(detail, size, ring ? "a ring" : "perf buffers");
	return ring ? 0 : try_perf_buffer();
}

/* Asked with a descriptor that is none: a kernel that knows the command says so. */
static int try_token(char *detail, size_t size)
{
	struct {
		uint32_t flags;
		int32_t bpffs;
	} attr = {0, -1};
	int err = syscall(SYS_bpf, COMMAND_TOKEN_CREATE, &attr, sizeof(attr)) < 0 ? -errno : 0;

	(void)detail, (void)size;
	return err == -EBADF ? 0 : err ? err : -EINVAL;
}

static const struct attempt {
	const char *name, *use;
	bool needed;
	int (*attempt)(char *detail, size_t size);
} attempts[] = {
	{"BPF maps and programs", "everything", true, try_bpf},
	{"event buffers", "events of the kernel side", true, try_event_buffers},
	{"raw tracepoints", "sockets, and the end of processes", true, try_raw_tracepoints},
	{"uprobes", "TLS libraries", true, try_any_uprobe},
	{"uprobes by perf events", "TLS libraries on older kernels", false, try_uprobe},
	{"uprobe links", "TLS libraries, attached at once", false, try_uprobe_multi},
	{"uprobe sessions", "not used: entry and return in one program", false, try_uprobe_session},
	{"socket states", "local addresses", false, try_state_tracepoint},
	{"retransmissions", "packets sent again: network-loss", false, try_retransmit_tracepoint},
	{"tracefs", "following a command's children", false, try_tracefs},
	{"kprobes", "not used", false, try_kprobe},
	{"BTF", "not used", false, try_btf},
	{"fentry", "not used", false, try_fentry},
	{"BPF token", "not used: rights handed to a container", false, try_token},
};

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

int attempt_all(struct diagnosis *d)
{
	int first = 0;

	libbpf_set_print(quiet);
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		const struct attempt *a = &attempts[i];
		struct finding *f = &d->finding[d->n_findings];

		if (d->n_findings == FINDINGS_MAX)
			break;
		d->n_findings++;
		f->name = a->name;
		f->use = a->use;
		f->needed = a->needed;
		f->error = a->attempt(f->detail, sizeof(f->detail));
		f->state = f->error ? FINDING_NO : FINDING_YES;
		if (f->error && f->needed && !first)
			first = f->error;
	}
	return first;
}
