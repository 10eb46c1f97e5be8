/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command on a kernel that refuses some system calls.
 *
 *     deny NAME:ERRNO[,NAME:ERRNO...] command args...
 *
 * NAME is bpf, perf_event_open or mount; ERRNO a number.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RULES_MAX 8

static const struct {
	const char *name;
	unsigned number;
} calls[] = {
	{"bpf", SYS_bpf},
	{"perf_event_open", SYS_perf_event_open},
	{"mount", SYS_mount},
};

int main(int argc, char **argv)
{
	struct sock_filter code[2 * RULES_MAX + 2];
	struct sock_fprog program = {0, code};
	unsigned short n = 0;
	char *save;

	if (argc < 3)
		return 125;
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr));
	for (char *rule = strtok_r(argv[1], ",", &save); rule; rule = strtok_r(NULL, ",", &save)) {
		char *colon = strchr(rule, ':');
		size_t i = 0;

		if (!colon || n > 2 * RULES_MAX - 1)
			return 125;
		*colon = 0;
		while (i < sizeof(calls) / sizeof(*calls) && strcmp(calls[i].name, rule))
			i++;
		if (i == sizeof(calls) / sizeof(*calls))
			return 125;
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i].number,
							 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(
			BPF_RET | BPF_K,
			SECCOMP_RET_ERRNO | ((unsigned)atoi(colon + 1) & SECCOMP_RET_DATA));
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program.len = n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
		perror("deny: seccomp");
		return 125;
	}
	execvp(argv[2], argv + 2);
	perror("deny: exec");
	return 127;
}
