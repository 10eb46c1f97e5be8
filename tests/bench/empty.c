/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a probe costs before it does anything: a BPF program of two instructions.
 *
 *     empty FILE OFFSET entry|return [OFFSET entry|return ...]
 *
 * Prints a line once it is attached everywhere, and ends with its stdin. The ways to
 * attach are the tracer's: uprobe links where the kernel has them, else perf events.
 */
#include <bpf/bpf.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/bpf.h of 6.6 */
#define TYPE_UPROBE_MULTI 48
#define FLAG_UPROBE_MULTI_RETURN 1

static int load(int attach_type)
{
	struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = (enum bpf_attach_type)attach_type);

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "empty", "GPL", nothing, 2, &opts);
}

static int link_attach(int program, const char *path, uint64_t offset, int is_return)
{
	/* union bpf_attr, link_create with uprobe_multi */
	struct {
		uint32_t prog_fd, target_fd, attach_type, flags;
		uint64_t path, offsets, ref_ctr_offsets, cookies;
		uint32_t count, multi_flags, pid, pad;
	} attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_fd = (uint32_t)program;
	attr.attach_type = TYPE_UPROBE_MULTI;
	attr.path = (uint64_t)(uintptr_t)path;
	attr.offsets = (uint64_t)(uintptr_t)&offset;
	attr.count = 1;
	attr.multi_flags = is_return ? FLAG_UPROBE_MULTI_RETURN : 0;
	return (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
}

static int number(const char *path)
{
	char text[32] = "";
	FILE *file = fopen(path, "re");

	if (file && !fgets(text, sizeof(text), file))
		text[0] = '\0';
	if (file)
		fclose(file);
	return atoi(strncmp(text, "config:", 7) == 0 ? text + 7 : text);
}

static int perf_attach(int program, const char *path, uint64_t offset, int is_return)
{
	struct perf_event_attr attr = {.size = sizeof(attr), .sample_period = 1};
	int fd;

	attr.type = (uint32_t)number("/sys/bus/event_source/devices/uprobe/type");
	if (is_return)
		attr.config = 1ULL
			      << number("/sys/bus/event_source/devices/uprobe/format/retprobe");
	attr.uprobe_path = (uint64_t)(uintptr_t)path;
	attr.probe_offset = offset;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0 || ioctl(fd, PERF_EVENT_IOC_SET_BPF, program) ||
	    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0))
		return -1;
	return fd;
}

int main(int argc, char **argv)
{
	int multi = load(TYPE_UPROBE_MULTI), single = load(0);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 2; i + 1 < argc; i += 2) {
		uint64_t offset = strtoull(argv[i], NULL, 0);
		int is_return = strcmp(argv[i + 1], "return") == 0;

		if ((multi < 0 || link_attach(multi, argv[1], offset, is_return) < 0) &&
		    perf_attach(single, argv[1], offset, is_return) < 0) {
			perror(argv[1]);
			return 1;
		}
	}
	puts("attached");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
