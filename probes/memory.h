/* SPDX-License-Identifier: Apache-2.0 */
/* What the start needed, and the rest of the run seldom does, is given back. */
#ifndef S3SLOWER_MEMORY_H
#define S3SLOWER_MEMORY_H

/* To be called once everything is probed that was there. Nothing becomes invalid: free
 * memory goes to the kernel, and pages of the disassembler's code and tables are read
 * from its file again when another library has to be looked at. */
void memory_rest(void);

#endif
