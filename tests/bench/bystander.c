/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bystander SECONDS: a process that has nothing to do with S3 makes system calls, each kind for
 * SECONDS, in short turns. Prints the nanoseconds of one call as a JSON object. "read" and "write"
 * are calls that s3slower looks at, "getppid" is one that it does not.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCH 1000
#define TURN_NS 20000000ULL
#define SECONDS_MAX 30

static int zero, null;

static void call_read(void)
{
	char byte;

	if (read(zero, &byte, 1) != 1)
		exit(3);
}

static void call_write(void)
{
	if (write(null, "x", 1) != 1)
		exit(3);
}

static void call_getppid(void)
{
	syscall(SYS_getppid);
}

static struct kind {
	const char *name;
	void (*call)(void);
	uint64_t ns, n;
} kinds[] = {
	{"read", call_read, 0, 0},
	{"write", call_write, 0, 0},
	{"getppid", call_getppid, 0, 0},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

int main(int argc, char *argv[])
{
	uint64_t want = argc == 2 ? (uint64_t)(atof(argv[1]) * 1e9) : 0;

	zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (!want || want > SECONDS_MAX * 1000000000ULL || zero < 0 || null < 0) {
		fprintf(stderr, "usage: bystander SECONDS\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(SECONDS_MAX * KINDS);
	while (kinds[KINDS - 1].ns < want) {
		for (struct kind *kind = kinds; kind < kinds + KINDS; kind++) {
			uint64_t start = now_ns(), took;

			do {
				for (int i = 0; i < BATCH; i++)
					kind->call();
				kind->n += BATCH;
				took = now_ns() - start;
			} while (took < TURN_NS);
			kind->ns += took;
		}
	}
	for (struct kind *kind = kinds; kind < kinds + KINDS; kind++)
		printf("%s\"%s\":%.2f", kind == kinds ? "{" : ",", kind->name,
		       (double)kind->ns / (double)kind->n);
	puts("}");
	return 0;
}
