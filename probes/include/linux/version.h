/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* No program here depends on the version: what a kernel can do is tried. */
#ifndef LINUX_VERSION_CODE
#define LINUX_VERSION_CODE 0
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + (c))
#endif
