/* SPDX-License-Identifier: Apache-2.0 */
/* Users' names, from /etc/passwd alone: asking the network would block us. */
#ifndef S3SLOWER_USER_H
#define S3SLOWER_USER_H

#include <stddef.h>
#include <stdint.h>

/* Writes the name as clean text. 0, -ENOENT for a user without one, or -errno. */
int user_name(uint32_t uid, char *to, size_t size);

#endif
