/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3slower shows every S3 request of this machine, seen from the client's
 * side: which operation on which bucket and key, how long, and where the time
 * went.
 *
 * settings -> BPF text and macros -> compile -> attach -> loop -> sinks. In the
 * kernel one record follows each connection (probes/exchange.bpf.h). Snapshots of
 * it are followed until they are whole (parsers/follow.c) and become rows
 * (parsers/request.c), which are judged and shown (output/show.c). Here all of
 * that is put together. Start reading main().
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "output/diagnosis.h"
#include "output/show.h"
#include "parsers/extra.h"
#include "parsers/follow.h"
#include "parsers/losses.h"
#include "parsers/settings.h"
#include "probes/command.h"
#include "probes/connection.h"
#include "probes/coverage.h"
#include "probes/discovery.h"
#include "probes/doctor.h"
#include "probes/headers.h"
#include "probes/identity.h"
#include "probes/memory.h"
#include "probes/process.h"
#include "probes/program.h"
#include "probes/selftest.h"
#include "probes/tracer.h"

#define TICK_MS 50	/* how often the buffers are drained when nobody wakes us ... */
#define TICK_BUSY_MS 10 /* ... and when many events came the last time */
#define BUSY 100
#define PRIORITY (-10) /* our nice value while tracing */
#define CLOCK_TRIES 10
#define EXECS_MAX 512	      /* new programs looked up in one turn */
#define LOOK_NS 1000000000ULL /* how often what is under way is looked at, if anybody asks */

struct run {
	size_t refused_told; /* files that are not traced, and why: said */
	struct settings settings;
	struct tracer *tracer;
	struct identity *identity; /* NULL: nobody asked whose a row is */
	struct discovery *discovery;
	struct coverage *coverage; /* NULL: nobody looks */
	struct connections *connections;
	struct request_context context;
	struct follow *follow;
	struct show *show;
	struct counters counters;
	uint64_t resent, resent_until; /* packets sent again by anybody, and when that was seen */
	uint64_t next_look;	       /* at what is under way */
	uint64_t next_summary;
	unsigned execs; /* programs started, in this turn */
	bool busy;
	bool stop;
};

static int fail(const char *message)
{
	fprintf(stderr, "s3slower: %s\n", message);
	return 1;
}

/* After a text that is all we have to say; errno was 0 before it. Returns the exit status:
 * this one, also when the reader has seen enough. */
static int printed(int status)
{
	char message[128];

	if ((fflush(stdout) == 0 && !ferror(stdout)) || errno == EPIPE)
		return status;
	snprintf(message, sizeof(message), "cannot write to standard output: %s",
		 strerror(errno ? errno : EIO));
	return fail(message);
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

/* --- whose rows they are --------------------------------------------------- */

/* A program was started: it is looked up now, for it may be gone soon. */
static bool take_exec(void *ctx, const void *data, size_t size)
{
	struct run *run = ctx;
	uint32_t pid;

	if (size < sizeof(pid))
		return true;
	memcpy(&pid, data, sizeof(pid));
	identity_exec(run->identity, pid, now_ns(CLOCK_MONOTONIC));
	return ++run->execs < EXECS_MAX;
}

/* Called wherever a turn of the loop may take its time. */
static void meet(void *ctx)
{
	struct run *run = ctx;

	run->execs = 0;
	tracer_drain_execs(run->tracer, take_exec, run);
}

static void reload_targets(struct run *run)
{
	char message[512];

	if (identity_reload(run->identity, message, sizeof(message)))
		fprintf(stderr, "s3slower: %s (the targets stay as they were)\n", message);
}

static int open_identity(struct run *run, char *message, size_t size)
{
	unsigned extras = settings_extras(&run->settings) & EXTRA_WHOSE;

	if (!extras)
		return 0;
	run->identity = identity_new(extras, run->settings.targets, json_key, message, size);
	return run->identity ? 0 : -EINVAL;
}

static void tell_whose(void *ctx, struct request *row)
{
	struct run *run = ctx;

	identity_fill(run->identity, row, now_ns(CLOCK_MONOTONIC));
}

/* Both ends of a connection that the kernel side did not see begin. */
static void tell_ends(void *ctx, struct request *row)
{
	struct run *run = ctx;
	struct endpoints ends;
	int err;

	if ((row->ends.peer_port && row->ends.local_port) || row->fd < 0 || !row->socket ||
	    connections_recall(run->connections, row->socket, &row->ends) == 0)
		return;
	err = connections_find(run->connections, row->pid, row->fd, &ends);
	if (err == -EAGAIN)
		return;
	/* Nobody watches sockets, and this process has closed or opened one: which, nobody
	 * knows. A later request on the connection may tell. */
	if (!err && (int64_t)tracer_changed(run->tracer, row->pid) >
			    row->time_ns - run->context.wall_minus_mono_ns)
		return;
	/* What /proc told holds if the descriptor was not closed meanwhile. */
	if (!err && tracer_socket(run->tracer, row->pid, row->fd) == row->socket)
		row->ends = ends;
	connections_keep(run->connections, row->socket, &row->ends);
}

/* Before rows are made: where nothing at all was sent again, none has to be asked. */
static void note_resent(struct run *run)
{
	uint64_t n = tracer_count(run->tracer, COUNT_SENT_AGAIN);

	if (n != run->resent)
		run->resent_until = now_ns(CLOCK_MONOTONIC);
	run->resent = n;
}

static void tell_losses(void *ctx, struct request *row)
{
	struct run *run = ctx;
	struct losses losses;
	bool some = losses_from(row, &run->context) <= (int64_t)run->resent_until;

	if (!tracer_sees_losses(run->tracer))
		return;
	if (some)
		tell_ends(ctx, row);
	if (some && !(row->ends.peer_port && row->ends.local_port))
		return;
	some = some && tracer_losses(run->tracer, &row->ends, &losses) == 0;
	losses_fill(row, some ? &losses : NULL, &run->context);
}

/* --- between following and showing ------------------------------------------ */

static int64_t wall_ns(const struct run *run, uint64_t mono)
{
	return (int64_t)mono + run->context.wall_minus_mono_ns;
}

static void on_ended(void *ctx, struct request *row)
{
	struct run *run = ctx;

	show_ended(run->show, row);
}

static void on_open(void *ctx, struct request *row, bool pending)
{
	struct run *run = ctx;

	show_open_request(run->show, row, pending, wall_ns(run, now_ns(CLOCK_MONOTONIC)));
}

static void on_seen(void *ctx, uint32_t tgid, uint64_t time)
{
	struct run *run = ctx;

	identity_see(run->identity, tgid, time);
}

static void on_gone(void *ctx, uint32_t tgid)
{
	struct run *run = ctx;

	show_gone(run->show, tgid);
}

static int begin_following(struct run *run)
{
	const struct records records = {run->tracer, tracer_lookup,	 tracer_remove, tracer_walk,
					tracer_more, tracer_forget_more, tracer_count};
	const struct follower follower = {run,	     on_ended, on_open,		on_seen,
					  on_gone,   meet,     process_is_gone, process_has_socket,
					  &run->stop};

	run->follow = follow_new(&records, &follower, &run->context);
	return run->follow ? 0 : -ENOMEM;
}

/* Looks at what is under way: shows what hangs, and the calls and jobs that are over
 * because nothing of them is. */
static void look_around(struct run *run)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC), first = (uint64_t)(run->settings.pending_s * 1e9);
	bool late = show_is_late(run->show, wall_ns(run, now));

	if (now < run->next_look || !(late || first))
		return;
	run->next_look = now + (first && first < LOOK_NS * 4 ? first / 4 : LOOK_NS);
	note_resent(run);
	follow_look(run->follow, now, first);
	if (late)
		show_late(run->show, wall_ns(run, now));
}

/* What came, and what ended without a word. */
static void turn(struct run *run)
{
	meet(run);
	follow_begin(run->follow, now_ns(CLOCK_MONOTONIC));
	run->busy = tracer_drain(run->tracer, follow_take, run->follow) >= BUSY;
	note_resent(run);
	follow_events(run->follow);
	follow_up(run->follow);
}

static void note_lost(struct run *run)
{
	run->counters.lost = follow_lost(run->follow);
	follow_find_dead(run->follow, now_ns(CLOCK_MONOTONIC));
}

/* --- summaries --------------------------------------------------------------- */

static void count_all(struct run *run)
{
	note_lost(run);
	run->counters.evicted = follow_evicted(run->follow);
	run->counters.opaque = follow_opaque(run->follow);
	run->counters.misread = tracer_count(run->tracer, COUNT_FD_WRONG);
	run->counters.unfollowed = tracer_count(run->tracer, COUNT_NO_THREAD) +
				   tracer_count(run->tracer, COUNT_NOT_INSERTED);
}

static void sum_up(struct run *run)
{
	count_all(run);
	show_summary(run->show, wall_ns(run, now_ns(CLOCK_MONOTONIC)));
}

static uint64_t interval_ns(const struct run *run)
{
	return (uint64_t)(run->settings.interval_s * 1e9);
}

static void begin_summaries(struct run *run)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC);

	show_begin(run->show, wall_ns(run, now));
	run->next_summary = now + interval_ns(run);
}

/* Every so often since the beginning; those that are missed are not made up for. */
static void sum_up_interval(struct run *run)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC), step = interval_ns(run);

	if (!step || now < run->next_summary)
		return;
	count_all(run);
	show_interval(run->show, wall_ns(run, now), false);
	run->next_summary += step * ((now - run->next_summary) / step + 1);
}

/* --- the loop -------------------------------------------------------------- */

/* A summary may be asked for before there is anything to sum up: it waits. */
static void hold_back(int signal)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static int signals_fd(void)
{
	struct sigaction hangup;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR1);
	/* nohup(1) wants it ignored; one that is blocked would not be. */
	if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
		sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* One line for each file that cannot be traced, once: there are few. */
static void tell_refused(struct run *run)
{
	const char *path, *function;

	while (discovery_next_refused(run->discovery, &run->refused_told, &path, &function))
		fprintf(stderr,
			"s3slower: %s is not traced: its function %s cannot be decoded whole\n",
			path, function);
}

/* What could not be probed is said; who cannot be seen is looked for meanwhile. */
static void cover(struct run *run)
{
	struct discovery_file f;
	char reason[160];
	size_t at = 0;

	if (!(run->settings.modes & MODE_TLS))
		return;
	tracer_reason(run->tracer, reason, sizeof(reason));
	while (discovery_next_file(run->discovery, &at, &f))
		if (f.err)
			fprintf(stderr, "s3slower: cannot probe %s: %s%s%s\n", f.path,
				strerror(-f.err), reason[0] ? ": " : "", reason);
	tell_refused(run);
	run->coverage = coverage_begin(run->discovery);
}

static void tell_coverage(struct run *run)
{
	bool partial;
	const struct diagnosis *found = coverage_take(run->coverage, &partial);

	if (found)
		diagnosis_coverage(found, partial, stderr);
}

/* Returns the exit status. */
static int loop(struct run *run, int signals, struct command *command)
{
	uint64_t until =
		run->settings.duration_s > 0
			? now_ns(CLOCK_MONOTONIC) + (uint64_t)(run->settings.duration_s * 1e9)
			: 0;
	struct pollfd fds[] = {{tracer_fd(run->tracer), POLLIN, 0},
			       {signals, POLLIN, 0},
			       {tracer_execs_fd(run->tracer), POLLIN, 0},
			       {identity_fd(run->identity), POLLIN, 0}};
	struct signalfd_siginfo info;
	int status = 0, told = 0;

	while (!run->stop) {
		poll(fds, sizeof(fds) / sizeof(fds[0]), run->busy ? TICK_BUSY_MS : TICK_MS);
		tell_refused(run);
		tell_coverage(run);
		reload_targets(run);
		turn(run);
		follow_bury(run->follow, false);
		look_around(run);
		note_lost(run);
		show_flush(run->show);
		sum_up_interval(run);
		while (read(signals, &info, sizeof(info)) == sizeof(info)) {
			if (info.ssi_signo == SIGUSR1)
				sum_up(run);
			if (info.ssi_signo == SIGCHLD || info.ssi_signo == SIGUSR1)
				continue;
			/* A terminal tells the command as well; of others we tell it. */
			if (command && info.ssi_signo != SIGINT)
				kill(command->pid, (int)info.ssi_signo);
			/* It ends first, unless we are told again. */
			if (!command || ++told > 1)
				run->stop = true;
		}
		if (until && now_ns(CLOCK_MONOTONIC) >= until)
			run->stop = true;
		if (command && (status = command_status(command)) != -EAGAIN)
			break;
	}
	if (status < 0)
		status = 0;
	/* What was captured until now is shown; -n and a closed pipe stay final. */
	if (!run->settings.count || run->counters.shown < run->settings.count) {
		run->stop = false;
		turn(run);
		follow_bury(run->follow, true);
		turn(run);
		follow_end(run->follow, now_ns(CLOCK_MONOTONIC));
		show_late(run->show, INT64_MAX);
	}
	return status;
}

/* --- life cycle ------------------------------------------------------------ */

/* Returns 1 when it failed, and was said why. */
static int discover(struct run *run)
{
	char message[512];
	bool deaf;

	run->discovery =
		program_discover(&run->settings, run->tracer, &deaf, message, sizeof(message));
	if (!run->discovery)
		return fail(message);
	if (deaf)
		fprintf(stderr, "s3slower: libraries that are first used from now on are not seen: "
				"the kernel does not tell what is mapped\n");
	return 0;
}

/* --ebpf: what would be loaded. */
static int print_program(struct run *run, const struct program *p)
{
	struct discovery_file f;
	size_t at = 0;

	if (discover(run))
		return 1;
	errno = 0;
	for (size_t i = 0; i < p->n; i++)
		printf("// %s\n", p->flags[i]);
	while (discovery_next_file(run->discovery, &at, &f))
		for (size_t k = 0; k < f.n_points; k++)
			printf("// %s %s+%#llx %s\n", f.point[k].program, f.path,
			       (unsigned long long)f.point[k].offset,
			       f.point[k].first ? "return" : "entry");
	fputs(embedded_text, stdout);
	return printed(0);
}

/* What is added to a monotonic time for the whole run. A busy machine may stop us between two
 * readings: of some tries the quickest is right. */
static int64_t wall_minus_mono(void)
{
	uint64_t least = UINT64_MAX;
	int64_t difference = 0;

	for (int i = 0; i < CLOCK_TRIES; i++) {
		uint64_t before = now_ns(CLOCK_MONOTONIC), wall = now_ns(CLOCK_REALTIME);
		uint64_t took = now_ns(CLOCK_MONOTONIC) - before;

		if (took < least) {
			least = took;
			difference = (int64_t)(wall - before - took / 2);
		}
	}
	return difference;
}

static int prepare(struct run *run)
{
	run->context.wall_minus_mono_ns = wall_minus_mono();
	run->context.endpoints.pattern = run->settings.endpoint.item;
	run->context.endpoints.n = run->settings.endpoint.n;
	run->connections = connections_new();
	return run->connections ? 0 : -ENOMEM;
}

/* Traces until the end; returns the exit status. */
static int trace(struct run *run, const struct program *p, struct command *command)
{
	const struct show_asks asks = {run, tell_whose, tell_ends, tell_losses};
	char message[512];
	int status = 1, signals = signals_fd();

	run->tracer = tracer_load(&p->object, (unsigned)run->settings.perf_pages, message,
				  sizeof(message));
	if (!run->tracer)
		return fail(message);
	/* Meanwhile the verifier is at work on what is attached then. */
	if (discover(run))
		return 1;
	if (program_attach(p, &run->settings, run->tracer, message, sizeof(message)))
		return fail(message);
	identity_begin(run->identity, now_ns(CLOCK_MONOTONIC));
	if (show_open(&run->show, &run->settings, &asks, &run->counters, &run->stop, message,
		      sizeof(message)))
		return fail(message);
	if (begin_following(run))
		return fail("out of memory");
	/* All that takes long comes before the word that tracing begins: a program that
	 * is started then may be over in milliseconds. */
	cover(run);
	if (discovery_start(run->discovery))
		return fail("cannot create a thread");
	/* Where the traced programs take every CPU, what we read too late is lost; what
	 * we need is bounded by what they send. */
	setpriority(PRIO_PROCESS, 0, PRIORITY);
	begin_summaries(run);
	if (command &&
	    (tracer_follow(run->tracer, (uint32_t)command->pid) || command_start(command)))
		return fail("cannot start the command");
	fprintf(stderr, "Tracing S3 requests... Hit Ctrl-C to end.\n");
	memory_rest();
	status = loop(run, signals, command);
	coverage_wait(run->coverage);
	tell_coverage(run);
	note_lost(run);
	show_close(run->show);
	count_all(run);
	show_interval(run->show, wall_ns(run, now_ns(CLOCK_MONOTONIC)), true);
	sum_up(run);
	return status;
}

/* What is sent and answered in the self-test, and a tracer that shows the counted ones. */
#define SELFTEST_HEAD                                                                              \
	" HTTP/1.1\r\nHost: 127.0.0.1\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"               \
	"Authorization: AWS4-HMAC-SHA256 Credential=none/20260101/us-east-1/s3/aws4_request, "     \
	"SignedHeaders=host, Signature=0\r\n\r\n"
static const struct rehearsal_script selftest_script = {
	.request = {"GET /s3slower-self-test/k", SELFTEST_HEAD},
	.other = {"GET /s3slower-other/k", SELFTEST_HEAD},
	.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx-amz-request-id: SELFTEST\r\n\r\nok",
};
static const char *const selftest_tracer[] = {
	"--bucket", "s3slower-self-test", "--output", "csv", "--no-summary", "-n", "23", "-d", "20",
	NULL};

/* What this machine offers; returns the exit status. */
static int examine(struct run *run)
{
	static struct diagnosis diagnosis;
	const struct settings *s = &run->settings;
	int err;

	if (s->process.n)
		diagnosis.pid = (uint32_t)strtoul(s->process.item[0], NULL, 10);
	if (s->process.n > 1 || (s->process.n && !setting_is_pid(s->process.item[0]))) {
		fail("doctor looks at one process: give its id, as in --pid 4711");
		return 2;
	}
	if (discover(run))
		return 1;
	err = doctor_examine(&diagnosis, run->discovery, s->cache);
	discovery_free(run->discovery);
	if (err)
		return fail(err == -ESRCH ? "there is no such process" : strerror(-err));
	if (s->self_test && diagnosis.works &&
	    selftest_run(&diagnosis, &selftest_script, selftest_tracer)) {
		diagnosis.works = false;
		snprintf(diagnosis.verdict, sizeof(diagnosis.verdict),
			 "Tracing does not work as it should: see what the self-test says.");
	}
	errno = 0;
	err = strcmp(s->output, "json") == 0 ? diagnosis_json(&diagnosis, stdout)
					     : diagnosis_print(&diagnosis, stdout);
	return err == -ENOMEM ? fail("out of memory") : printed(!diagnosis.works);
}

int main(int argc, char *argv[])
{
	static struct run run;
	static struct program program;
	struct command command = {0};
	char message[1024];
	int status;

	/* A closed standard stream must not become somebody's file. */
	while ((status = open("/dev/null", O_RDWR)) >= 0 && status <= 2)
		;
	close(status);
	hold_back(SIGUSR1);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	/* Who starts us may ignore what becomes of us; the command's status is asked for. */
	signal(SIGCHLD, SIG_DFL);
	if (settings_parse(&run.settings, argc, argv, message, sizeof(message))) {
		fprintf(stderr, "s3slower: %s\n", message);
		return 2;
	}
	errno = 0;
	if (run.settings.help) {
		settings_usage(stdout);
		return printed(0);
	}
	if (run.settings.version) {
		puts("s3slower " VERSION);
		return printed(0);
	}
	if (run.settings.doctor)
		return examine(&run);
	if (open_identity(&run, message, sizeof(message))) {
		fprintf(stderr, "s3slower: %s\n", message);
		return 2;
	}
	if (program_check_processes(&run.settings, message, sizeof(message)))
		return fail(message);
	if (prepare(&run))
		return fail("out of memory");
	if (program_build(&program, &run.settings, message, sizeof(message)))
		return fail(message);
	if (run.settings.ebpf)
		return print_program(&run, &program);
	if (run.settings.command &&
	    command_new(&command, run.settings.command, run.settings.file == NULL))
		return fail("cannot create a process for the command");
	status = trace(&run, &program, command.pid ? &command : NULL);
	if (command.gate > 0)
		command_abandon(&command);
	/* Detaching takes the kernel a while; everything is written by now. */
	coverage_free(run.coverage);
	discovery_free(run.discovery);
	tracer_free(run.tracer);
	show_free(run.show);
	follow_free(run.follow);
	identity_free(run.identity);
	connections_free(run.connections);
	object_free(&program.object);
	return status;
}
