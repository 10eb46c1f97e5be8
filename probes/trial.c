/* SPDX-License-Identifier: Apache-2.0 */
#include "trial.h"

#include <bpf/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "uprobe.h"

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

int trial_perf(const char *kind, const char *where, uint64_t offset, int prog)
{
	struct perf_event_attr attr;
	int err = uprobe_attr(&attr, kind, where, offset, false);

	return err ? err : uprobe_event(&attr, prog);
}

int trial_uprobe(void (*function)(void))
{
	int prog = trial_program(BPF_PROG_TYPE_KPROBE, 0, 0), fd;

	if (prog < 0)
		return prog;
	fd = trial_perf("uprobe", "/proc/self/exe", offset_of(function), prog);
	close(prog);
	return fd;
}

int trial_link(int type)
{
	uint64_t offset = offset_of(trial_emulated);
	int prog = trial_program(BPF_PROG_TYPE_KPROBE, type, 0), fd;

	if (prog < 0)
		return prog;
	fd = uprobe_link(type, prog, "/proc/self/exe", &offset, 1, false);
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
