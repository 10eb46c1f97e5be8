/* SPDX-License-Identifier: Apache-2.0 */
#include "uprobe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int uprobe_link(int attach_type, int program, const char *path, const uint64_t *offsets, size_t n,
		bool is_return)
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
	attr.attach_type = (uint32_t)attach_type;
	attr.path = (uint64_t)(uintptr_t)path;
	attr.offsets = (uint64_t)(uintptr_t)offsets;
	attr.count = (uint32_t)n;
	attr.multi_flags = is_return ? 1 /* BPF_F_UPROBE_MULTI_RETURN */ : 0;
	fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	return fd < 0 ? -errno : fd;
}

/* A number from a sysfs file of a source of events ("9", or "config:0" for a bit). */
static int source_number(const char *kind, const char *file)
{
	char path[96], text[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/%s/%s", kind, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -EIO;
	text[n] = '\0';
	return atoi(strncmp(text, "config:", 7) == 0 ? text + 7 : text);
}

int uprobe_attr(struct perf_event_attr *attr, const char *kind, const char *where, uint64_t offset,
		bool is_return)
{
	int type = source_number(kind, "type"), bit = source_number(kind, "format/retprobe");

	if (type < 0 || bit < 0)
		return -EOPNOTSUPP;
	memset(attr, 0, sizeof(*attr));
	attr->type = (uint32_t)type;
	attr->config = is_return ? 1ULL << bit : 0;
	attr->uprobe_path = (uint64_t)(uintptr_t)where; /* kprobe_func is the same word */
	attr->probe_offset = offset;
	return 0;
}

int uprobe_event(struct perf_event_attr *attr, int program)
{
	int fd, err;

	attr->size = sizeof(*attr);
	attr->sample_period = 1;
	attr->wakeup_events = 1;
	fd = (int)syscall(SYS_perf_event_open, attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, program) || ioctl(fd, PERF_EVENT_IOC_ENABLE, 0)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}
