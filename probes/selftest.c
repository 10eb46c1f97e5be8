/* SPDX-License-Identifier: Apache-2.0 */
#include "selftest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 24
#define READY_MS 60000
#define PLAY_MS 60000
#define COLUMNS_MAX 64

/* A child and the pipes to and from it. */
struct child {
	pid_t pid;
	int to, from, err;
};

static void end(struct child *c, int sig)
{
	int *fds[] = {&c->to, &c->from, &c->err};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (*fds[i] > 0)
			close(*fds[i]);
	if (c->pid > 0) {
		if (sig)
			kill(c->pid, sig);
		while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
}

static bool wait_for(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) > 0;
}

/* The rest of a child's life is its own: nothing of it is printed. */
static int start_player(struct child *c, int i, const struct rehearsal_script *script)
{
	int go[2], report[2];

	if (pipe2(go, O_CLOEXEC))
		return -errno;
	if (pipe2(report, O_CLOEXEC)) {
		close(go[0]);
		close(go[1]);
		return -ENFILE;
	}
	c->pid = fork();
	if (c->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		close(go[1]);
		close(report[0]);
		_exit(rehearsal_play(i, script, go[0], report[1]) ? 1 : 0);
	}
	close(go[0]);
	close(report[1]);
	c->to = go[1];
	c->from = report[0];
	return c->pid < 0 ? -errno : 0;
}

static bool take_report(const struct child *c, struct rehearsal_report *report)
{
	return wait_for(c->from, PLAY_MS) &&
	       read(c->from, report, sizeof(*report)) == sizeof(*report);
}

/* Ourselves once more, on that process. */
static int start_tracer(struct child *c, const char *const *arguments, pid_t pid)
{
	const char *argv[ARGUMENTS_MAX] = {"s3slower"};
	int out[2], err[2], n = 1;
	char number[16];

	snprintf(number, sizeof(number), "%d", (int)pid);
	argv[n++] = "--pid";
	argv[n++] = number;
	while (*arguments && n + 1 < ARGUMENTS_MAX)
		argv[n++] = *arguments++;
	if (pipe2(out, O_CLOEXEC))
		return -errno;
	if (pipe2(err, O_CLOEXEC)) {
		close(out[0]);
		close(out[1]);
		return -ENFILE;
	}
	c->pid = fork();
	if (c->pid == 0) {
		char *none[] = {NULL};

		prctl(PR_SET_PDEATHSIG, SIGTERM);
		dup2(out[1], 1);
		dup2(err[1], 2);
		/* What the environment would set is not what is tested. */
		execve("/proc/self/exe", (char *const *)argv, none);
		_exit(127);
	}
	close(out[1]);
	close(err[1]);
	c->from = out[0];
	c->err = err[0];
	return c->pid < 0 ? -errno : 0;
}

/* Until it says that it traces; or its last words, in problem. */
static bool traces(const struct child *c, char *problem, size_t size)
{
	char text[2048];
	size_t used = 0;
	ssize_t n;

	while (used + 1 < sizeof(text) && wait_for(c->err, READY_MS) &&
	       (n = read(c->err, text + used, sizeof(text) - 1 - used)) > 0) {
		used += (size_t)n;
		text[used] = '\0';
		if (strstr(text, "Tracing "))
			return true;
	}
	text[used] = '\0';
	text[strcspn(text, "\n")] = '\0';
	snprintf(problem, size, "the tracer did not start: %.150s", text);
	return false;
}

/* The i-th cell of a line; none of ours needs quotes. */
static const char *cell(const char *line, int i)
{
	while (line && i--)
		line = strchr(line, ',') ? strchr(line, ',') + 1 : NULL;
	return line;
}

static int column_of(const char *head, const char *name)
{
	size_t n = strlen(name);

	for (int i = 0; i < COLUMNS_MAX; i++) {
		const char *at = cell(head, i);

		if (!at)
			return -1;
		if (strncmp(at, name, n) == 0 && (at[n] == ',' || at[n] == '\n'))
			return i;
	}
	return -1;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The rows against what the client says. */
static void compare(struct diagnosis_test *t, FILE *rows, const struct rehearsal_report *report)
{
	double error[REHEARSAL_REQUESTS];
	bool seen[REHEARSAL_REQUESTS] = {false};
	int key = -1, latency = -1;
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, rows) > 0) {
		const char *number, *ms;
		int i;

		if (key < 0) {
			key = column_of(line, "key");
			latency = column_of(line, "latency_ms");
			continue;
		}
		number = cell(line, key);
		ms = cell(line, latency);
		i = number && ms ? atoi(number + strcspn(number, "0123456789")) : -1;
		if (i < 0 || i >= REHEARSAL_REQUESTS || seen[i]) {
			snprintf(t->problem, sizeof(t->problem), "a row of a request nobody sent");
			continue;
		}
		seen[i] = true;
		error[t->seen++] = report->latency_us[i] - strtod(ms, NULL) * 1000;
	}
	free(line);
	if (t->seen < t->sent)
		snprintf(t->problem, sizeof(t->problem), "%d requests were not seen",
			 t->sent - t->seen);
	if (!t->seen)
		return;
	qsort(error, (size_t)t->seen, sizeof(error[0]), by_size);
	t->error_us = error[t->seen / 2];
	t->error_max_us = error[t->seen - 1];
	/* Our clock runs within the client's. */
	if (error[0] < 0)
		snprintf(t->problem, sizeof(t->problem), "a latency is longer than the client's");
}

/* What a library was asked and what was seen of it. */
static void test_library(struct diagnosis_test *t, int i, const struct rehearsal_script *script,
			 const char *const *arguments)
{
	struct child player = {0}, tracer = {0};
	struct rehearsal_report report = {0};
	FILE *rows;

	if (start_player(&player, i, script) || !take_report(&player, &report)) {
		snprintf(t->problem, sizeof(t->problem), "the client could not be started");
	} else if (report.error) {
		snprintf(t->problem, sizeof(t->problem), "%s", report.problem);
	} else {
		t->tried = true;
		t->sent = REHEARSAL_REQUESTS;
		t->calls = REHEARSAL_CALLS;
		t->plain_us = report.request_us;
		if (start_tracer(&tracer, arguments, player.pid) ||
		    !traces(&tracer, t->problem, sizeof(t->problem)) ||
		    write(player.to, "g", 1) != 1 || !take_report(&player, &report) ||
		    report.error) {
			if (!t->problem[0])
				snprintf(t->problem, sizeof(t->problem), "it ended early: %s",
					 report.problem);
		} else {
			t->probed_us = report.request_us;
			rows = fdopen(tracer.from, "r");
			if (rows) {
				compare(t, rows, &report);
				fclose(rows);
				tracer.from = 0;
			}
		}
	}
	end(&tracer, SIGTERM);
	end(&player, SIGKILL);
}

int selftest_run(struct diagnosis *d, const struct rehearsal_script *script,
		 const char *const *tracer)
{
	const char *library, *file;
	int err = 0;

	for (int i = 0; (library = rehearsal_library(i, &file)) && d->n_tests < DIAGNOSIS_TESTS_MAX;
	     i++) {
		struct diagnosis_test *t = &d->test[d->n_tests++];

		t->library = library;
		t->name = file ? file : "sockets";
		test_library(t, i, script, tracer);
		if (t->tried && t->problem[0])
			err = -EBADMSG;
	}
	return err;
}
