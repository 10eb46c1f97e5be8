/* SPDX-License-Identifier: Apache-2.0 */
/* The ends of connections as text: /proc/net/tcp read, addresses written. */
#ifndef S3SLOWER_ADDRESS_H
#define S3SLOWER_ADDRESS_H

#include <stdbool.h>

#include "probes/exchange.h"
#include "slice.h"

#define ADDRESS_TEXT 48	 /* an address with its NUL */
#define ENDPOINT_TEXT 56 /* "[address]:port" with its NUL */

/* Writes "10.0.0.7" or "2001:db8::7". address is as struct endpoints has it:
 * what is mapped from IPv4 is shown as IPv4. to has ADDRESS_TEXT bytes. */
const char *address_text(const __u64 address[2], char *to);

/* The same with the port: "10.0.0.7:443", "[2001:db8::7]:443". to has ENDPOINT_TEXT
 * bytes. NULL when the port is 0: that end is not known. */
const char *address_endpoint(const __u64 address[2], unsigned port, char *to);

/* Reads one line of /proc/PID/net/tcp or tcp6 (proc(5)): the socket's inode and both
 * ends. False for the heading, for what is cut off, and for sockets that nobody
 * holds any more (inode 0). */
bool address_line(struct slice line, __u64 *inode, struct endpoints *ends);

#endif
