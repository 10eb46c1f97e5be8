/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything a user can set, from one table in settings.c: flag, type,
 * default, range, environment name, help. Usage text is printed from it.
 */
#ifndef S3SLOWER_SETTINGS_H
#define S3SLOWER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SETTINGS_LIST_MAX 64
#define SETTINGS_TEXT_SIZE 16384
#define SETTINGS_BY_MAX 4

struct settings_list {
	const char *item[SETTINGS_LIST_MAX]; /* borrowed from argv, the environment or text[] */
	size_t n;
};

#define MODE_OPENSSL 0x1u
#define MODE_HTTP 0x2u
#define MODE_GNUTLS 0x4u
#define MODE_NSS 0x8u
#define MODE_S2N 0x10u
#define MODE_GOTLS 0x20u
#define MODE_TLS (MODE_OPENSSL | MODE_GNUTLS | MODE_NSS | MODE_S2N | MODE_GOTLS)
#define MODE_AUTO (MODE_TLS | MODE_HTTP)

struct settings {
	/* what to look at */
	unsigned modes;		      /* MODE_* */
	struct settings_list process; /* -p PID|NAME, --watch NAME */
	bool run, attach, doctor;     /* words: what to do; attach is to what is there */
	bool follow;		      /* children of process as well */
	bool no_dns;		      /* leave the C library alone */
	struct settings_list comm;    /* --comm NAME */
	struct settings_list uid;     /* --uid UID, digits only */
	/* which requests to show */
	double min_latency_ms, min_ttfb_ms;
	uint64_t min_size; /* bytes of either body */
	double max_mbps;   /* 10^6 bytes a second, 0: any */
	struct settings_list bucket, key_prefix, op, method, status, host;
	struct settings_list why; /* words of why.h */
	bool errors_only;
	bool all_http;
	struct settings_list endpoint; /* also S3 */
	struct settings_list library;  /* TYPE:PATH, TYPE being a mode of one library */
	/* how to show them */
	const char *output;	     /* a sink's name */
	struct settings_list fields; /* --fields, by the names of extra.h */
	const char *targets;	     /* --targets FILE, NULL: none */
	bool only_targets;
	bool wide;
	bool calls;		 /* a row a call, not an attempt */
	bool jobs;		 /* a row a job (jobs.h), not a request */
	double pending_s;	 /* requests that have had no answer for so long, 0: none */
	uint64_t support_bundle; /* so many of the slowest, 0: rows as they come */
	const char *file;	 /* -o FILE, NULL: stdout */
	/* how to sum them up */
	const char *summary;	 /* a format's name */
	struct settings_list by; /* by the names of grouping.h; none: operation */
	double interval_s;	 /* 0: only at the end */
	uint64_t prefix_levels;
	/* how long */
	uint64_t count;	   /* 0: no end */
	double duration_s; /* 0: no end */
	/* bounds */
	uint64_t max_connections; /* records in the kernel */
	uint64_t perf_pages;	  /* per CPU, a power of two */
	const char *event_buffer; /* a word: auto, ring, perf */
	double detach_after_s;	  /* a library that nobody uses any more */
	const char *cache;	  /* directory of compiled programs; "none": no cache */
	/* instead of tracing */
	bool ebpf, self_test, help, version;
	/* -- command args: NULL-terminated, borrowed; NULL if none */
	char *const *command;
	/* Items cut out of comma lists: lists point into it, so a settings is never copied. */
	char text[SETTINGS_TEXT_SIZE];
	size_t text_used;
};

/* Defaults, then the environment, then the command line; each replaces what
 * came before. argv[0] is skipped. Returns 0, or -EINVAL with one plain
 * sentence in message (bounded by size): what is wrong and what to do. argv's
 * strings are borrowed for the life of settings. */
int settings_parse(struct settings *settings, int argc, char *const argv[], char *message,
		   size_t size);

/* The EXTRA_* that rows are to show. */
unsigned settings_extras(const struct settings *settings);

/* The MODE_* of a name that --mode takes, 0 if it is none. */
unsigned settings_mode(const char *name);

/* Whether an item of the list of processes is a number, not a name. */
bool setting_is_pid(const char *item);

/* Usage text, from the table. */
void settings_usage(FILE *file);

/* One row of the table, for man-page checks and shell completion. */
struct settings_name {
	const char *flag;	 /* "min-latency"; NULL for the positional */
	char letter;		 /* 'p', 0 if none */
	const char *environment; /* "S3SLOWER_MIN_LATENCY", NULL if none */
	const char *argument;	 /* "MS", NULL for a switch */
};

/* The i-th setting. False after the last. */
bool settings_at(size_t i, struct settings_name *out);

#endif
