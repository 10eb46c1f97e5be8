/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl, in the flavour that is asked for: one handle, so connections are kept.
 *
 *     easy LIBRARY PORT CA BUCKET N
 *
 * N GETs of /BUCKET/k0 and on, a PUT of 100 000 bytes to /BUCKET/up that begin like a
 * request, a GET of /BUCKET/none. Prints the status of each answer.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers of curl/curl.h, which its ABI keeps. */
enum {
	OPT_URL = 10002,
	OPT_WRITEFUNCTION = 20011,
	OPT_READFUNCTION = 20012,
	OPT_READDATA = 10009,
	OPT_HTTPHEADER = 10023,
	OPT_UPLOAD = 46,
	OPT_HTTPGET = 80,
	OPT_CAINFO = 10065,
	OPT_INFILESIZE = 14,
	INFO_STATUS = 0x200002,
};

#define BODY 100000

static size_t drop(char *data, size_t size, size_t n, void *ctx)
{
	(void)data, (void)ctx;
	return size * n;
}

static size_t give(char *data, size_t size, size_t n, void *ctx)
{
	static const char like[] = "GET /like-a-request HTTP/1.1\r\n\r\n";
	size_t *given = ctx, take = size * n < BODY - *given ? size * n : BODY - *given;

	memset(data, 'y', take);
	if (*given == 0 && take >= sizeof(like) - 1)
		memcpy(data, like, sizeof(like) - 1);
	*given += take;
	return take;
}

static void *function(void *handle, const char *name)
{
	void *p = dlsym(handle, name);

	if (!p) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	return p;
}

static void *curl;
static int (*setopt)(void *curl, int option, ...);
static int (*getinfo)(void *curl, int info, ...);
static int (*perform)(void *curl);

static void request(const char *port, const char *bucket, const char *key)
{
	char url[512];
	long status = 0;
	int err;

	snprintf(url, sizeof(url), "https://localhost:%s/%s/%s", port, bucket, key);
	setopt(curl, OPT_URL, url);
	err = perform(curl);
	getinfo(curl, INFO_STATUS, &status);
	if (err) {
		fprintf(stderr, "curl: %d\n", err);
		exit(1);
	}
	printf("%ld\n", status);
}

int main(int argc, char **argv)
{
	void *handle = argc == 6 ? dlopen(argv[1], RTLD_NOW) : NULL;
	void *(*append)(void *list, const char *text);
	char key[32];
	size_t given = 0;

	if (!handle) {
		fprintf(stderr, "easy LIBRARY PORT CA BUCKET N: %s\n", dlerror());
		return 1;
	}
	*(void **)&setopt = function(handle, "curl_easy_setopt");
	*(void **)&getinfo = function(handle, "curl_easy_getinfo");
	*(void **)&perform = function(handle, "curl_easy_perform");
	*(void **)&append = function(handle, "curl_slist_append");
	curl = ((void *(*)(void))function(handle, "curl_easy_init"))();
	setopt(curl, OPT_CAINFO, argv[3]);
	setopt(curl, OPT_WRITEFUNCTION, drop);
	setopt(curl, OPT_READFUNCTION, give);
	setopt(curl, OPT_READDATA, &given);
	setopt(curl, OPT_HTTPHEADER,
	       append(append(NULL, "x-amz-content-sha256: UNSIGNED-PAYLOAD"), "Expect:"));
	for (int i = 0; i < atoi(argv[5]); i++) {
		snprintf(key, sizeof(key), "k%d", i);
		request(argv[2], argv[4], key);
	}
	setopt(curl, OPT_UPLOAD, 1L);
	setopt(curl, OPT_INFILESIZE, (long)BODY);
	request(argv[2], argv[4], "up");
	setopt(curl, OPT_HTTPGET, 1L);
	setopt(curl, OPT_UPLOAD, 0L);
	request(argv[2], argv[4], "none");
	((void (*)(void *))function(handle, "curl_easy_cleanup"))(curl);
	return 0;
}
