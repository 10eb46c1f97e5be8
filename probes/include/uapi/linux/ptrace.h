/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* struct pt_regs as the kernel lays it out, per architecture. The fields'
 * names are the kernel's, because libbcc's PT_REGS_* macros use them. */
#ifndef S3SLOWER_UAPI_LINUX_PTRACE_H
#define S3SLOWER_UAPI_LINUX_PTRACE_H

#if defined(__TARGET_ARCH_arm64) || defined(__aarch64__)
struct user_pt_regs {
	unsigned long long regs[31];
	unsigned long long sp;
	unsigned long long pc;
	unsigned long long pstate;
};
struct pt_regs {
	unsigned long long regs[31];
	unsigned long long sp;
	unsigned long long pc;
	unsigned long long pstate;
	unsigned long long orig_x0;
	int syscallno;
	unsigned int unused;
};
#else
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx;
	unsigned long r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax;
	unsigned long ip, cs, flags, sp, ss;
};
#endif

#endif
