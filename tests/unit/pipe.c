/* SPDX-License-Identifier: Apache-2.0 */
#include "output/pipe.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static sigset_t before;

/* SIGTERM blocked, as while tracing, and there already. */
static void tell_to_end(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &before);
	raise(SIGTERM);
}

static void take_back(void)
{
	sigset_t set;
	int signo;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigwait(&set, &signo);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

static void test_a_reader(void)
{
	char row[1000], got[1000];
	int ends[2];
	FILE *file;

	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	CU_ASSERT(pipe_is(ends[1]));
	file = pipe_stream(ends[1]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	memset(row, 'x', sizeof(row));
	for (int i = 0; i < 50; i++)
		CU_ASSERT_EQUAL(fwrite(row, 1, sizeof(row), file), sizeof(row));
	CU_ASSERT_EQUAL(fflush(file), 0);
	for (int i = 0; i < 50; i++)
		CU_ASSERT_EQUAL(read(ends[0], got, sizeof(got)), (ssize_t)sizeof(got));
	/* It has seen enough. */
	close(ends[0]);
	signal(SIGPIPE, SIG_IGN);
	fputs("more", file);
	errno = 0;
	CU_ASSERT_EQUAL(fflush(file), EOF);
	CU_ASSERT_EQUAL(errno, EPIPE);
	signal(SIGPIPE, SIG_DFL);
	fclose(file);
}

/* One that stands still holds us no longer than that, once we are told to end. */
static void test_no_reader(void)
{
	static char rows[1 << 20];
	int ends[2];
	FILE *file;

	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	file = pipe_stream(ends[1]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	tell_to_end();
	errno = 0;
	CU_ASSERT_NOT_EQUAL(fwrite(rows, 1, sizeof(rows), file), sizeof(rows));
	CU_ASSERT_EQUAL(errno, EINTR);
	take_back();
	/* Nobody waits a second time. */
	errno = 0;
	fputs("more", file);
	CU_ASSERT_EQUAL(fflush(file), EOF);
	CU_ASSERT_EQUAL(errno, EINTR);
	fclose(file);
	close(ends[0]);
}

static void test_files(void)
{
	char dir[] = "/tmp/s3slower-unit.XXXXXX", path[64], link[64];
	int fd, reader;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/f", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
	tell_to_end();
	CU_ASSERT_EQUAL(pipe_open_file(path), -EINTR);
	take_back();
	reader = open(path, O_RDONLY | O_NONBLOCK);
	fd = pipe_open_file(path);
	CU_ASSERT(fd >= 0 && pipe_is(fd) && !(fcntl(fd, F_GETFL) & O_NONBLOCK));
	close(fd);
	close(reader);
	unlink(path);
	fd = pipe_open_file(path);
	CU_ASSERT(fd >= 0 && !pipe_is(fd));
	close(fd);
	CU_ASSERT_EQUAL(symlink(path, link), 0);
	CU_ASSERT_EQUAL(pipe_open_file(link), -ELOOP);
	CU_ASSERT_EQUAL(pipe_open_file(dir), -EISDIR);
	unlink(link);
	unlink(path);
	rmdir(dir);
}

CU_TestInfo pipe_tests[] = {
	{"somebody reads", test_a_reader},
	{"nobody reads", test_no_reader},
	{"files and FIFOs", test_files},
	CU_TEST_INFO_NULL,
};
