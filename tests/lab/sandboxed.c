/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that locks itself in, as browsers and sandboxed services do: once it is
 * connected, any system call but reading, writing, the clock, memory and the end
 * kills it.
 *
 *     sandboxed PORT CA /BUCKET/PREFIX
 *
 * Asks for PREFIX0, PREFIX1, ... one after the other with 1 ms between them until
 * stdin ends, and prints how many were answered with 200.
 */
#include "wire.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const unsigned allowed[] = {
	SYS_read,	  SYS_write, SYS_clock_gettime, SYS_clock_nanosleep, SYS_mmap,	SYS_munmap,
	SYS_rt_sigreturn, SYS_futex, SYS_brk,		SYS_exit_group,	     SYS_close,
#ifdef SYS_getrandom
	SYS_getrandom,
#endif
};
#define ALLOWED (sizeof(allowed) / sizeof(allowed[0]))

static void lock_in(void)
{
	struct sock_filter code[ALLOWED + 3];
	struct sock_fprog program = {ALLOWED + 3, code};
	size_t n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < ALLOWED; i++)
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i],
							 (unsigned char)(ALLOWED - i), 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		die("seccomp");
}

/* Whether it was answered with 200. */
static bool ask(SSL *ssl, const char *prefix, unsigned long i)
{
	char target[300], head[4096], answer[4096];
	size_t n, have = 0;

	snprintf(target, sizeof(target), "%s%lu", prefix, i);
	n = wire_head(head, sizeof(head), "GET", target, "127.0.0.1", "", "");
	if (SSL_write(ssl, head, (int)n) != (int)n)
		return false;
	/* The answers of these tests have no body. */
	do {
		int got = SSL_read(ssl, answer + have, (int)(sizeof(answer) - 1 - have));

		if (got <= 0)
			return false;
		have += (size_t)got;
		answer[have] = '\0';
	} while (!strstr(answer, "\r\n\r\n") && have < sizeof(answer) - 1);
	return strncmp(answer, "HTTP/1.1 200", 12) == 0;
}

int main(int argc, char **argv)
{
	struct wire_options options = {0};
	struct timespec pause = {0, 1000000};
	unsigned long asked = 0, answered = 0;
	struct place place;
	struct wire wire;
	char byte;

	if (argc != 4)
		die("sandboxed PORT CA /BUCKET/PREFIX");
	place = (struct place){atoi(argv[1]), argv[2]};
	wire_open(&wire, &place, &options);
	setvbuf(stdout, NULL, _IONBF, 0);
	fcntl(0, F_SETFL, O_NONBLOCK);
	lock_in();
	printf("locked in\n");
	while (read(0, &byte, 1) < 0) { /* until the end of stdin */
		answered += ask(wire.ssl, argv[3], asked++);
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
	printf("%lu asked, %lu answered\n", asked, answered);
	return asked != answered;
}
