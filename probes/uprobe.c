/* SPDX-License-Identifier: Apache-2.0 */
#include "uprobe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEVICE "/sys/bus/event_source/devices/uprobe/"

int uprobe_nothing(void)
{
	struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = UPROBE_LINK);

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "s3slower_try", "GPL", nothing, 2, &opts);
}

int uprobe_link(int program, const char *path, const uint64_t *offsets, size_t n, bool is_return)
{
	/* union bpf_attr, link_create with uprobe_multi, as of Linux 6.6 */
	struct {
		uint32_t prog_fd, target_fd, attach_type, flags;
		uint64_t path, offsets, ref_ctr_offsets, cookies;
		uint32_t count, multi_flags, pid, pad;
	} attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_fd = (uint32_t)program;
	attr.attach_type = UPROBE_LINK;
	attr.path = (uint64_t)(uintptr_t)path;
	attr.offsets = (uint64_t)(uintptr_t)offsets;
	attr.count = (uint32_t)n;
	attr.multi_flags = is_return ? 1 /* BPF_F_UPROBE_MULTI_RETURN */ : 0;
	fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	return fd < 0 ? -errno : fd;
}

/* A number from a sysfs file ("9", or "config:0" for a bit). */
static int sysfs_number(const char *path)
{
	char text[32];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -EIO;
	text[n] = '\0';
	return atoi(strncmp(text, "config:", 7) == 0 ? text + 7 : text);
}

int uprobe_attr(struct perf_event_attr *attr, const char *path, uint64_t offset, bool is_return)
{
	int type = sysfs_number(DEVICE "type"), bit = sysfs_number(DEVICE "format/retprobe");

	if (type < 0 || bit < 0)
		return -EOPNOTSUPP;
	memset(attr, 0, sizeof(*attr));
	attr->size = sizeof(*attr);
	attr->type = (uint32_t)type;
	attr->config = is_return ? 1ULL << bit : 0;
	attr->uprobe_path = (uint64_t)(uintptr_t)path;
	attr->probe_offset = offset;
	return 0;
}
