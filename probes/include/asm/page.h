/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Ring buffers are sized in pages; only libbcc's macros look at this. */
#ifndef PAGE_SIZE
#define PAGE_SIZE 4096
#endif
