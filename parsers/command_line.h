/* SPDX-License-Identifier: Apache-2.0 */
#ifndef S3SLOWER_COMMAND_LINE_H
#define S3SLOWER_COMMAND_LINE_H

#include "setting.h"

/* Reads what argv gives for the rows of setting_table, and the command after
 * "--". 0, or -EINVAL and a message. Leaves getopt's globals as a program finds
 * them. */
int command_line_read(struct reader *reader, int argc, char *const argv[]);

#endif
