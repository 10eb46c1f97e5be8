/* SPDX-License-Identifier: Apache-2.0 */
#include "trial.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int trial_program(enum bpf_prog_type type, int attach_type, int btf_id)
{
	struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts);

	opts.expected_attach_type = (enum bpf_attach_type)attach_type;
	opts.attach_btf_id = (uint32_t)btf_id;
	return bpf_prog_load(type, "s3slower_try", "GPL", nothing, 2, &opts);
}

int trial_done(int fd)
{
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int number_in(const char *path)
{
	char text[32];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n <= 0 ? -EIO : atoi(text);
}

/* Two functions of ours to put a probe on: the first begins with an instruction
 * that the kernel emulates, the second with one that it steps. */
#if defined(__x86_64__)
asm(".pushsection .text\n"
    ".globl trial_emulated, trial_stepped\n"
    "trial_emulated: push %rbx\n pop %rbx\n ret\n"
    "trial_stepped: mov %rax, %rax\n ret\n"
    ".popsection");
#else
asm(".pushsection .text\n"
    ".globl trial_emulated, trial_stepped\n"
    "trial_emulated: nop\n ret\n"
    "trial_stepped: mov x9, x9\n ret\n"
    ".popsection");
#endif

/* A function of ours as an offset in our file, 0 if /proc does not tell. */
static uint64_t offset_of(void (*function)(void))
{
	uint64_t at = (uint64_t)(uintptr_t)function, found = 0;
	unsigned long long from, to, offset;
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "re");

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%llx-%llx %*s %llx", &from, &to, &offset) == 3 && at >= from &&
		    at < to)
			found = at - from + offset;
	if (maps)
		fclose(maps);
	return found;
}

int trial_perf(const char *kind, uint64_t what, uint64_t offset, int prog)
{
	char path[96];
	struct perf_event_attr attr = {.size = sizeof(attr), .sample_period = 1};
	int type, fd, err = 0;

	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/%s/type", kind);
	type = number_in(path);
	if (type < 0)
		return -EOPNOTSUPP;
	attr.type = (uint32_t)type;
	attr.uprobe_path = what;
	attr.probe_offset = offset;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, prog) || ioctl(fd, PERF_EVENT_IOC_ENABLE, 0)) {
		err = -errno;
		close(fd);
	}
	return err ? err : fd;
}

int trial_uprobe(void (*function)(void))
{
	int prog = trial_program(BPF_PROG_TYPE_KPROBE, 0, 0), fd;

	if (prog < 0)
		return prog;
	fd = trial_perf("uprobe", (uint64_t)(uintptr_t) "/proc/self/exe", offset_of(function),
			prog);
	close(prog);
	return fd;
}

/* A link of this kind on a function of ours. */
int trial_link(int type)
{
	/* union bpf_attr, link_create with uprobe_multi, as of Linux 6.6 */
	struct {
		uint32_t prog_fd, target_fd, attach_type, flags;
		uint64_t path, offsets, ref_ctr_offsets, cookies;
		uint32_t count, multi_flags, pid, pad;
	} attr;
	uint64_t offset = offset_of(trial_emulated);
	int prog = trial_program(BPF_PROG_TYPE_KPROBE, type, 0), fd;

	if (prog < 0)
		return prog;
	memset(&attr, 0, sizeof(attr));
	attr.prog_fd = (uint32_t)prog;
	attr.attach_type = (uint32_t)type;
	attr.path = (uint64_t)(uintptr_t) "/proc/self/exe";
	attr.offsets = (uint64_t)(uintptr_t)&offset;
	attr.count = 1;
	fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	if (fd < 0)
		fd = -errno;
	close(prog);
	return fd;
}

/* --- what a probe costs ------------------------------------------------------- */

#define BATCHES 20
#define CALLS 50

/* The fastest of many batches: the others were interrupted. */
static double call_us(void (*function)(void))
{
	double best = 1e9;

	for (int b = 0; b < BATCHES; b++) {
		struct timespec from, to;
		double us;

		clock_gettime(CLOCK_MONOTONIC, &from);
		for (int i = 0; i < CALLS; i++)
			function();
		clock_gettime(CLOCK_MONOTONIC, &to);
		us = ((double)(to.tv_sec - from.tv_sec) * 1e9 +
		      (double)(to.tv_nsec - from.tv_nsec)) /
		     1e3 / CALLS;
		best = us < best ? us : best;
	}
	return best;
}

static double probe_us(void (*function)(void))
{
	int fd = trial_uprobe(function);
	double us;

	if (fd < 0)
		return -1;
	us = call_us(function);
	close(fd);
	us -= call_us(function);
	return us > 0 ? us : 0;
}

void trial_cost(double *emulated_us, double *stepped_us)
{
	*emulated_us = probe_us(trial_emulated);
	*stepped_us = probe_us(trial_stepped);
}
