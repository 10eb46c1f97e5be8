/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `s3slower doctor` finds out, as plain facts: filled by the rooms that know
 * the kernel, printed by output/diagnosis.c. Texts are clean and NUL-terminated;
 * pointers are to static storage.
 */
#ifndef S3SLOWER_DIAGNOSIS_H
#define S3SLOWER_DIAGNOSIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FINDINGS_MAX 32
#define DIAGNOSIS_FILES_MAX 64
#define DIAGNOSIS_USERS_MAX 2048
#define DIAGNOSIS_UNSEEN_MAX 256
#define DIAGNOSIS_TESTS_MAX 8

enum finding_state { FINDING_FACT, FINDING_YES, FINDING_NO };

/* One thing that was tried or looked up. */
struct finding {
	const char *name, *use;
	bool needed; /* without it nothing is traced */
	enum finding_state state;
	int error; /* FINDING_NO: what the kernel said, -errno, or 0 */
	char detail[200];
};

/* A file with TLS in it, and how it is probed. */
struct diagnosis_file {
	char library[64]; /* "openssl" */
	char path[512];
	char build_id[48]; /* hexadecimal; "" has none */
	bool symbols;	   /* a full symbol table, not only what it exports */
	int error;	   /* 0, or why there are no points: -errno */
	char refused[64];  /* its function that cannot be decoded whole; or "" */
	size_t n_points, n_emulated;
	char points[256];	  /* "send +0x3c1a0, receive +0x3bf20" */
	char descriptor[64];	  /* how that is read from objects: "behind net.TCPConn"; or "" */
	bool mixed;		  /* cost_us is that of the dearest, others cost less */
	double cost_us;		  /* of one call, entry and return; < 0 unknown */
	uint32_t users, left_out; /* processes; those that are not in user[] */
};

struct diagnosis_user {
	uint32_t pid;
	char comm[16];
	uint16_t file; /* index */
};

/* A process whose TLS cannot be seen. */
struct diagnosis_unseen {
	uint32_t pid;
	char comm[16];
	const char *kind, *reason;
};

/* 23 requests through one library, watched by a tracer of our own. */
struct diagnosis_test {
	const char *library, *name; /* "openssl", "libssl.so.3" */
	char problem[200];	    /* why it could not be tried, or what was wrong; "" */
	bool tried;
	int sent, seen;
	double error_us, error_max_us; /* the client's clock less ours: median, largest */
	double plain_us, probed_us;    /* of a request, without and with probes */
	int calls;		       /* of the library, in one request */
};

struct diagnosis {
	struct finding finding[FINDINGS_MAX];
	struct diagnosis_file file[DIAGNOSIS_FILES_MAX];
	struct diagnosis_user user[DIAGNOSIS_USERS_MAX];
	struct diagnosis_unseen unseen[DIAGNOSIS_UNSEEN_MAX];
	struct diagnosis_test test[DIAGNOSIS_TESTS_MAX];
	size_t n_findings, n_files, n_users, n_unseen, n_tests;
	double emulated_us, stepped_us; /* what one probe costs; < 0 not measured */
	size_t probed_files, probed_processes;
	uint32_t pid; /* 0, or the only process asked about */
	bool works;
	char verdict[256]; /* one sentence */
};

#endif
