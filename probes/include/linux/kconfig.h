/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* libbcc includes this file first, from any kernel tree it is given. */
#ifndef CONFIG_BPF_SYSCALL
#define CONFIG_BPF_SYSCALL 1
#endif
