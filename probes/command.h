/* SPDX-License-Identifier: Apache-2.0 */
/* The program behind `--`: created first, started when the probes are in. */
#ifndef S3SLOWER_COMMAND_H
#define S3SLOWER_COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

struct command {
	pid_t pid;
	int gate; /* writing to it lets the program start */
};

/* Forks a child that waits. stdout_to_stderr: its standard output goes to our
 * standard error. 0 or -errno. */
int command_new(struct command *command, char *const argv[], bool stdout_to_stderr);

/* Lets it run. 0 or -errno. */
int command_start(struct command *command);

/* Ends a program that never started. */
void command_abandon(struct command *command);

/* Its exit status as a shell would say it (128 + signal), once it has ended;
 * -EAGAIN while it runs. */
int command_status(struct command *command);

#endif
