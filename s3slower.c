/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3slower shows every S3 request of this machine, seen from the client's
 * side: which operation on which bucket and key, how long, and where the time
 * went.
 *
 * settings -> BPF text and macros -> compile -> attach -> loop -> sinks. In the
 * kernel one record follows each connection (probes/exchange.bpf.h). A snapshot
 * of it arrives when the response begins; most are whole by then. The few that
 * are not are looked up again until they are (follow_up), and what ends early
 * is told by the kernel (a connection that moves on) or found out here (a
 * process that dies). A snapshot becomes a row in parsers/request.c, a filter
 * judges it, a sink prints it. Start reading main().
 */
#include <errno.h>
#include <fcntl.h>
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "output/bundle.h"
#include "output/diagnosis.h"
#include "output/sink.h"
#include "output/summary.h"
#include "parsers/calls.h"
#include "parsers/extra.h"
#include "parsers/event.h"
#include "parsers/filter.h"
#include "parsers/inflight.h"
#include "parsers/pending.h"
#include "parsers/request.h"
#include "parsers/settings.h"
#include "probes/command.h"
#include "probes/connection.h"
#include "probes/discovery.h"
#include "probes/doctor.h"
#include "probes/headers.h"
#include "probes/identity.h"
#include "probes/program.h"
#include "probes/selftest.h"
#include "probes/tracer.h"

#define TICK_MS 50	  /* how often the buffers are drained when nobody wakes us */
#define INFLIGHT_MAX 4096 /* exchanges whose end we wait for */
#define BATCH_MAX 4096	  /* events sorted together */
#define DYING_MAX 256	  /* processes whose exit we wait for */
#define PRIORITY (-10)	  /* our nice value while tracing */
#define EXECS_MAX 512	  /* new programs looked up in one turn */
#define PIPELINED_MAX 8	  /* rows of one exchange */
#define LOOK_MS 1000	  /* how often what is under way is looked at, if anybody asks */
#define CALLS_MAX 4096	  /* calls whose next attempt we wait for */

struct dying {
	uint32_t tgid;
	uint64_t time;
};

/* An event of a batch: when what it tells was over, when it was sent, and where it lies. */
struct arrival {
	uint64_t over, time;
	size_t at, size;
};

struct run {
	size_t refused_told; /* files that are not traced, and why: said */
	struct settings settings;
	struct tracer *tracer;
	struct identity *identity; /* NULL: nobody asked whose a row is */
	struct discovery *discovery;
	struct output output;
	struct summary *summary;
	struct counters counters;
	struct inflight *inflight;
	struct calls *calls;
	struct connections *connections;
	struct request_context context;
	struct request rows[PIPELINED_MAX];
	char *batch; /* events as they came, one behind the other */
	size_t batch_used, batch_size;
	struct arrival arrival[2 * BATCH_MAX]; /* when it is full, each other CPU still has one */
	size_t n_batch;
	uint64_t drain_began;
	struct dying dying[DYING_MAX];
	size_t n_dying;
	uint64_t looked, next_look; /* at what is under way */
	uint64_t unanswered;	    /* records of requests without an answer, deleted from here */
	uint64_t recovered;	    /* counted as lost by the kernel, found in its map at the end */
	uint64_t dropped;	    /* events that found no memory here */
	uint64_t exits_lost;	    /* the last count: when it grows, the dead are looked for */
	unsigned execs;		    /* programs started, in this turn */
	bool stop;
	bool output_said;
};

static int fail(const char *message)
{
	fprintf(stderr, "s3slower: %s\n", message);
	return 1;
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
static void meet(struct run *run)
{
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

/* --- an exchange becomes rows -------------------------------------------- */

/* What became of writing: a reader that has seen enough ends the run, anything
 * else is said once and counted. Passes the error on. */
static int written(struct run *run, int err)
{
	if (err == -EPIPE) {
		run->stop = true;
	} else if (err) {
		run->counters.output_errors++;
		if (!run->output_said)
			fprintf(stderr, "s3slower: cannot write rows: %s; tracing goes on\n",
				strerror(-err));
		run->output_said = true;
	}
	return err;
}

/* Both ends of a connection that the kernel side did not see begin. */
static void find_ends(struct run *run, struct request *row)
{
	struct endpoints ends;
	int err;

	if ((row->ends.peer_port && row->ends.local_port) || row->fd < 0 || !row->socket ||
	    connections_recall(run->connections, row->socket, &row->ends) == 0)
		return;
	err = connections_find(run->connections, row->pid, row->fd, &ends);
	if (err == -EAGAIN)
		return;
	/* What /proc told holds if the descriptor was not closed meanwhile. */
	if (!err && tracer_socket(run->tracer, row->pid, row->fd) == row->socket)
		row->ends = ends;
	connections_keep(run->connections, row->socket, &row->ends);
}

static void show_row(struct run *run, struct request *row)
{
	if (run->stop)
		return;
	identity_fill(run->identity, row, now_ns(CLOCK_MONOTONIC));
	if (!filter_match(&run->settings, row)) {
		run->counters.filtered++;
		return;
	}
	find_ends(run, row);
	if (written(run, sink_emit(&run->output, row)))
		return;
	run->counters.shown++;
	run->counters.truncated += row->truncated;
	summary_add(run->summary, row);
	if (run->settings.count && run->counters.shown == run->settings.count)
		run->stop = true;
}

/* Calls of which nothing came any more by that time. */
static void show_calls(struct run *run, int64_t wall_ns)
{
	struct request *row;

	while (run->settings.calls && (row = calls_take(run->calls, wall_ns))) {
		show_row(run, row);
		free(row);
	}
}

static void show(struct run *run, struct request *row)
{
	if (run->stop)
		return;
	if (!row->is_s3 && !run->settings.all_http) {
		run->counters.not_s3++;
		return;
	}
	/* Asked now, because what is kept may be shown much later. */
	if (run->settings.calls)
		find_ends(run, row);
	show_calls(run, INT64_MIN);
	if (calls_add(run->calls, row))
		show_row(run, row);
}

/* Bytes written to a descriptor that nobody has seen act as a socket: it is one
 * if it answers in HTTP (files can be read back, too), or if the process's own
 * table says so. */
static bool is_connection(const struct exchange *e, bool answers)
{
	char path[64], target[32];
	ssize_t n;

	if (e->key.layer != LAYER_SOCKET || (e->flags & EXCHANGE_SOCKET_PROVEN) || answers)
		return true;
	snprintf(path, sizeof(path), "/proc/%u/fd/%d", e->key.tgid, e->fd);
	n = readlink(path, target, sizeof(target) - 1);
	return n > 7 && strncmp(target, "socket:", 7) == 0;
}

/* Builds the rows of an exchange in run->rows; returns how many. */
static int build_rows(struct run *run, const struct exchange *e, bool final)
{
	static char more[EXCHANGE_MORE_CAP];
	struct slice rest = SLICE_NONE;

	if (e->flags & EXCHANGE_MORE) {
		long got = tracer_more(run->tracer, e, more, sizeof(more));

		if (got > 0)
			rest = (struct slice){more, (size_t)got};
	}
	return request_build(e, rest, &run->context, final, run->rows, PIPELINED_MAX);
}

/* Shows the exchange if it is whole, or if final says that this is all there
 * will be; otherwise keeps it in flight. */
static void feed(struct run *run, const struct exchange *e, bool final)
{
	struct exchange evicted;
	int n = build_rows(run, e, final);

	if (run->rows[0].state == REQUEST_OPEN) {
		n = inflight_put(run->inflight, e, &evicted);
		if (n == 1) {
			run->counters.evicted++;
			feed(run, &evicted, true);
		}
		run->dropped += n < 0;
		return;
	}
	if (e->flags & EXCHANGE_MORE)
		tracer_forget_more(run->tracer, e);
	inflight_remove(run->inflight, e->id);
	if (run->rows[0].state == REQUEST_NOT_HTTP || !is_connection(e, run->rows[0].status > 0))
		return;
	for (int i = 0; i < n; i++)
		show(run, &run->rows[i]);
}

/* A record that will not change any more. */
static void finish(struct run *run, struct exchange *e, uint64_t time)
{
	if (event_check(e) || (e->flags & EXCHANGE_ENDED))
		return;
	/* Reported before and not in flight: shown before. */
	if (e->reports && !inflight_find(run->inflight, e->id))
		return;
	e->t_end = time;
	run->recovered += (e->flags & EXCHANGE_LOST) != 0;
	feed(run, e, true);
}

/* --- events --------------------------------------------------------------- */

/* Takes what was sent before this drain began, as far as there is room: the
 * rest stays in the buffers for the next one. */
static bool take_event(void *ctx, const void *data, size_t size)
{
	struct run *run = ctx;
	__u64 time;

	if (event_time(data, size, &time))
		return true;
	if (run->n_batch == 2 * BATCH_MAX) {
		run->dropped++;
		return false;
	}
	if (size > run->batch_size - run->batch_used) {
		size_t n = 2 * run->batch_size + size + 65536;
		char *grown = realloc(run->batch, n);

		if (!grown) {
			run->dropped++;
			return false;
		}
		run->batch = grown;
		run->batch_size = n;
	}
	memcpy(run->batch + run->batch_used, data, size);
	run->arrival[run->n_batch++] =
		(struct arrival){event_over(data, size, time), time, run->batch_used, size};
	run->batch_used += size;
	return run->n_batch < BATCH_MAX && time < run->drain_began;
}

static int by_time(const void *a, const void *b)
{
	const struct arrival *x = a, *y = b;

	if (x->over != y->over)
		return x->over < y->over ? -1 : 1;
	return (x->time > y->time) - (x->time < y->time);
}

static void process_gone(struct run *run, uint32_t tgid, uint64_t time, bool tls_only)
{
	struct tracer_walk walk = {0};
	struct exchange_key key;
	struct exchange e;

	meet(run);
	while (tracer_walk(run->tracer, &walk, &key)) {
		if (key.tgid != tgid || (tls_only && key.layer == LAYER_SOCKET))
			continue;
		if (tracer_lookup(run->tracer, &key, &e) == 0) {
			bool ended = e.flags & EXCHANGE_ENDED;

			run->unanswered += !(e.flags & (EXCHANGE_FINAL | EXCHANGE_ENDED));

			e.t_end = time;
			if (!ended && (!e.reports || inflight_find(run->inflight, e.id)) &&
			    event_check(&e) == 0) {
				e.flags |= EXCHANGE_ENDED;
				feed(run, &e, true);
			}
		}
		tracer_remove(run->tracer, &key);
	}
	if (!tls_only)
		calls_gone(run->calls, tgid);
}

/* Whether both ask for the same, as far as the first line of their heads tells. */
static bool asks_the_same(const struct exchange *a, const struct exchange *b)
{
	uint32_t n = a->req_len < b->req_len ? a->req_len : b->req_len;
	const void *end = memchr(a->req, '\r', n);

	return end && memcmp(a->req, b->req, (size_t)((const __u8 *)end - a->req)) == 0;
}

/* An attempt is shown before the next one: if its answer was not whole when it was
 * looked at last, it is now. */
static void settle(struct run *run, const struct exchange *next)
{
	struct exchange e;

	for (size_t i = inflight_count(run->inflight); i-- > 0;) {
		struct exchange *open = inflight_at(run->inflight, i);

		if (open->key.tgid == next->key.tgid && open->t_start < next->t_start &&
		    asks_the_same(open, next) && tracer_lookup(run->tracer, &open->key, &e) == 0 &&
		    e.id == open->id && e.changes != open->changes && event_check(&e) == 0)
			feed(run, &e, false);
	}
}

static void handle(struct run *run, const struct event *event)
{
	meet(run);
	switch (event->kind) {
	case EVENT_EXCHANGE:
		identity_see(run->identity, event->tgid, event->time);
		/* Told before, and no longer in flight: shown already. */
		if (event->exchange.reports && !inflight_find(run->inflight, event->exchange.id))
			return;
		settle(run, &event->exchange);
		feed(run, &event->exchange, event->exchange.flags & EXCHANGE_ENDED);
		return;
	case EVENT_EXEC:
		process_gone(run, event->tgid, event->time, true);
		return;
	case EVENT_EXIT:
		if (run->n_dying < DYING_MAX)
			run->dying[run->n_dying++] = (struct dying){event->tgid, event->time};
		return;
	}
}

/* Events of one drain, in the order of what they tell: across CPUs the buffers are
 * only in order each for itself, and an answer's end may be told late. */
static void drain(struct run *run)
{
	static struct event event;
	bool in_order = true;

	run->n_batch = run->batch_used = 0;
	run->drain_began = now_ns(CLOCK_MONOTONIC);
	tracer_drain(run->tracer, take_event, run);
	for (size_t i = 1; i < run->n_batch && in_order; i++)
		in_order = by_time(&run->arrival[i - 1], &run->arrival[i]) <= 0;
	if (!in_order)
		qsort(run->arrival, run->n_batch, sizeof(run->arrival[0]), by_time);
	for (size_t i = 0; i < run->n_batch && !run->stop; i++) {
		const struct arrival *arrival = &run->arrival[i];

		if (event_decode(run->batch + arrival->at, arrival->size, &event) == 0)
			handle(run, &event);
	}
}

/* Looks the unfinished ones up: has the rest of the response come? */
static void follow_up(struct run *run)
{
	struct exchange e;

	for (size_t i = inflight_count(run->inflight); i-- > 0;) {
		struct exchange *open = inflight_at(run->inflight, i);
		int err = tracer_lookup(run->tracer, &open->key, &e);

		if (err == 0 && e.id == open->id && event_check(&e) == 0) {
			if (e.changes != open->changes)
				feed(run, &e, false);
			continue;
		}
		/* Gone, with nothing new since the last snapshot - or its last
		 * event is still on its way: give it one more drain. */
		if (inflight_missed(run->inflight, i) < 2)
			continue;
		e = *open;
		feed(run, &e, true);
	}
}

/* Data, but no request that has ended: it is in no count. */
static void show_pending(struct run *run, struct request *row)
{
	row->state = REQUEST_PENDING;
	identity_fill(run->identity, row, now_ns(CLOCK_MONOTONIC));
	if (!filter_match(&run->settings, row))
		return;
	find_ends(run, row);
	written(run, sink_emit(&run->output, row));
}

/* A record of the kernel's map: if it is a request without a whole answer, its call
 * is not over, and it may be time to show it. */
static void see_open(struct run *run, struct exchange *e, uint64_t before, uint64_t now)
{
	uint64_t first = (uint64_t)(run->settings.pending_s * 1e9);
	bool pending = pending_is_due(before > e->t_start ? before - e->t_start : 0,
				      now > e->t_start ? now - e->t_start : 0, first);

	if ((!pending && !run->settings.calls) || (e->flags & EXCHANGE_ENDED) || event_check(e))
		return;
	pending_until(e, now);
	if (build_rows(run, e, false) < 1 || run->rows[0].state != REQUEST_OPEN)
		return;
	calls_touch(run->calls, &run->rows[0], (int64_t)now + run->context.wall_minus_mono_ns);
	if (pending && is_connection(e, run->rows[0].status > 0))
		show_pending(run, &run->rows[0]);
}

/* Looks at what is under way: shows what hangs, and the calls that are over because
 * no other attempt was made. */
static void look_around(struct run *run)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC), before = run->looked;
	int64_t wall = (int64_t)now + run->context.wall_minus_mono_ns;
	double pending_ms = run->settings.pending_s * 1000;
	bool late = run->settings.calls && calls_due(run->calls, wall);
	struct tracer_walk walk = {0};
	struct exchange_key key;
	struct exchange e;

	if (now < run->next_look || !(late || pending_ms > 0))
		return;
	run->looked = now;
	run->next_look =
		now + (pending_ms > 0 && pending_ms < LOOK_MS * 4 ? (uint64_t)(pending_ms * 250e3)
								  : LOOK_MS * 1000000ULL);
	while (!run->stop && tracer_walk(run->tracer, &walk, &key)) {
		if (tracer_lookup(run->tracer, &key, &e) == 0)
			see_open(run, &e, before, now);
	}
	if (late)
		show_calls(run, wall);
}

/* Whether nothing of the process is left that could still use a connection. */
static bool is_gone(uint32_t tgid)
{
	struct dirent *entry;
	bool others = false;
	char path[64];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%u/task", tgid);
	tasks = opendir(path);
	if (!tasks)
		return true;
	while ((entry = readdir(tasks)))
		if (entry->d_name[0] != '.' && (uint32_t)atol(entry->d_name) != tgid)
			others = true;
	closedir(tasks);
	return !others;
}

static void bury(struct run *run, bool all)
{
	size_t kept = 0;

	for (size_t i = 0; i < run->n_dying; i++) {
		if (all || is_gone(run->dying[i].tgid))
			process_gone(run, run->dying[i].tgid, run->dying[i].time, false);
		else
			run->dying[kept++] = run->dying[i];
	}
	run->n_dying = kept;
}

static void note_lost(struct run *run)
{
	uint64_t exits = tracer_count(run->tracer, COUNT_EXITS_LOST);
	struct tracer_walk walk = {0};
	struct exchange_key key;

	run->counters.lost = tracer_count(run->tracer, COUNT_LOST) - run->recovered + run->dropped;
	if (exits == run->exits_lost)
		return;
	/* Somebody went away and we were not told. */
	run->exits_lost = exits;
	while (tracer_walk(run->tracer, &walk, &key)) {
		if (kill((pid_t)key.tgid, 0) && errno == ESRCH && run->n_dying < DYING_MAX)
			run->dying[run->n_dying++] =
				(struct dying){key.tgid, now_ns(CLOCK_MONOTONIC)};
	}
}

/* Tracing stops while these are under way: their end was not seen. */
static void flush_unfinished(struct run *run)
{
	uint64_t time = now_ns(CLOCK_MONOTONIC);
	struct tracer_walk walk = {0};
	struct exchange_key key;
	struct exchange e;

	while (!run->stop && tracer_walk(run->tracer, &walk, &key)) {
		if (tracer_lookup(run->tracer, &key, &e) == 0)
			finish(run, &e, time);
	}
	while (inflight_count(run->inflight) && !run->stop) {
		e = *inflight_at(run->inflight, 0);
		feed(run, &e, true);
	}
}

/* Requests that are neither answered, nor ended, nor there any more, if nothing
 * happens meanwhile. */
static uint64_t count_missing(struct run *run)
{
	struct tracer *t = run->tracer;
	struct tracer_walk walk = {0};
	struct exchange_key key;
	struct exchange e;
	uint64_t begun = tracer_count(t, COUNT_REQUESTS), accounted;

	accounted = tracer_count(t, COUNT_ANSWERED) + tracer_count(t, COUNT_UNANSWERED) +
		    run->unanswered;
	while (tracer_walk(t, &walk, &key)) {
		if (tracer_lookup(t, &key, &e) == 0 &&
		    !(e.flags & (EXCHANGE_FINAL | EXCHANGE_ENDED)))
			accounted++;
	}
	return begun > accounted ? begun - accounted : 0;
}

/* Those were pushed out by newer ones: the kernel's map does that silently. One that
 * is answered while we count seems to be missing, so the lowest count is right. */
static void count_kernel_side(struct run *run)
{
	struct tracer *t = run->tracer;
	uint64_t missing = count_missing(run);

	for (int i = 0; i < 5 && missing; i++) {
		uint64_t again = count_missing(run);

		missing = again < missing ? again : missing;
	}
	run->counters.evicted += missing;
	run->counters.calls_evicted = calls_evicted(run->calls);
	run->counters.unfollowed =
		tracer_count(t, COUNT_NO_THREAD) + tracer_count(t, COUNT_NOT_INSERTED);
}

/* --- the loop -------------------------------------------------------------- */

static int signals_fd(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
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
	int status = 0, interrupts = 0;

	while (!run->stop) {
		poll(fds, sizeof(fds) / sizeof(fds[0]), TICK_MS);
		tell_refused(run);
		meet(run);
		reload_targets(run);
		drain(run);
		follow_up(run);
		bury(run, false);
		look_around(run);
		note_lost(run);
		written(run, sink_flush(&run->output));
		while (read(signals, &info, sizeof(info)) == sizeof(info)) {
			if (info.ssi_signo == SIGCHLD)
				continue;
			/* A terminal tells the command as well: let it end first. */
			if (command && ++interrupts == 1 && info.ssi_signo == SIGINT)
				continue;
			if (command && info.ssi_signo == SIGTERM)
				kill(command->pid, SIGTERM);
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
		meet(run);
		drain(run);
		bury(run, true);
		drain(run);
		follow_up(run);
		flush_unfinished(run);
		show_calls(run, INT64_MAX);
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

/* What is probed, and who cannot be seen; what could not be probed is said. Returns
 * doctor_coverage()'s result. */
static int cover(struct run *run, struct diagnosis *diagnosis)
{
	struct discovery_file f;
	size_t at = 0;

	if (!(run->settings.modes & MODE_TLS))
		return -ENOENT;
	while (discovery_next_file(run->discovery, &at, &f))
		if (f.err)
			fprintf(stderr, "s3slower: cannot probe %s: %s\n", f.path,
				strerror(-f.err));
	tell_refused(run);
	return doctor_coverage(diagnosis, run->discovery);
}

/* --ebpf: what would be loaded. */
static int print_program(struct run *run, const struct program *p)
{
	struct discovery_file f;
	size_t at = 0;

	if (discover(run))
		return 1;
	for (size_t i = 0; i < p->n; i++)
		printf("// %s\n", p->flags[i]);
	while (discovery_next_file(run->discovery, &at, &f))
		for (size_t k = 0; k < f.n_points; k++)
			printf("// %s %s+%#llx %s\n", f.point[k].program, f.path,
			       (unsigned long long)f.point[k].offset,
			       f.point[k].first ? "return" : "entry");
	fputs(embedded_text, stdout);
	return fflush(stdout) ? 1 : 0;
}

static int open_output(struct run *run, char *message, size_t size)
{
	const struct settings *s = &run->settings;
	FILE *file = stdout;
	int fd, err;

	if (s->file) {
		fd = open(s->file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
		file = fd < 0 ? NULL : fdopen(fd, "w");
		if (!file) {
			snprintf(message, size, "cannot write to %s: %s", s->file, strerror(errno));
			return -errno;
		}
	}
	run->output.wide = s->wide;
	run->output.extras = settings_extras(s);
	run->output.lost = &run->counters.lost;
	run->output.slowest = s->support_bundle;
	err = sink_open(
		&run->output,
		s->support_bundle ? bundle_sink(sink_find(s->output)) : sink_find(s->output), file);
	if (err)
		snprintf(message, size, "cannot write the output: %s", strerror(-err));
	return err;
}

static int prepare(struct run *run)
{
	run->context.wall_minus_mono_ns =
		(int64_t)now_ns(CLOCK_REALTIME) - (int64_t)now_ns(CLOCK_MONOTONIC);
	run->context.endpoints.pattern = run->settings.endpoint.item;
	run->context.endpoints.n = run->settings.endpoint.n;
	run->summary = summary_new();
	run->inflight = inflight_new(INFLIGHT_MAX);
	run->calls = calls_new(CALLS_MAX, run->settings.calls);
	run->connections = connections_new();
	return run->summary && run->inflight && run->calls && run->connections ? 0 : -ENOMEM;
}

/* Traces until the end; returns the exit status. */
static int trace(struct run *run, const struct program *p, struct command *command)
{
	static struct diagnosis diagnosis;
	char message[512];
	int status = 1, signals = signals_fd(), covered;

	run->tracer = tracer_load(&p->object, (unsigned)run->settings.perf_pages, message,
				  sizeof(message));
	if (!run->tracer)
		return fail(message);
	if (program_attach(p, &run->settings, run->tracer, message, sizeof(message)))
		return fail(message);
	if (discover(run))
		return 1;
	identity_begin(run->identity, now_ns(CLOCK_MONOTONIC));
	if (open_output(run, message, sizeof(message)))
		return fail(message);
	/* All that takes long comes before the word that tracing begins: a program that
	 * is started then may be over in milliseconds. */
	covered = cover(run, &diagnosis);
	if (discovery_start(run->discovery))
		return fail("cannot create a thread");
	/* Where the traced programs take every CPU, what we read too late is lost; what
	 * we need is bounded by what they send. */
	setpriority(PRIO_PROCESS, 0, PRIORITY);
	if (command &&
	    (tracer_follow(run->tracer, (uint32_t)command->pid) || command_start(command)))
		return fail("cannot start the command");
	fprintf(stderr, "Tracing S3 requests... Hit Ctrl-C to end.\n");
	if (!covered || covered == -ETIME)
		diagnosis_coverage(&diagnosis, covered == -ETIME, stderr);
	status = loop(run, signals, command);
	note_lost(run);
	written(run, sink_finish(&run->output));
	sink_close(&run->output);
	count_kernel_side(run);
	summary_print(run->settings.no_summary ? NULL : run->summary, &run->counters, stderr);
	fflush(stderr);
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
	err = strcmp(s->output, "json") == 0 ? diagnosis_json(&diagnosis, stdout)
					     : diagnosis_print(&diagnosis, stdout);
	return err || !diagnosis.works;
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
	if (settings_parse(&run.settings, argc, argv, message, sizeof(message))) {
		fprintf(stderr, "s3slower: %s\n", message);
		return 2;
	}
	if (run.settings.help) {
		settings_usage(stdout);
		return 0;
	}
	if (run.settings.version) {
		puts("s3slower " VERSION);
		return 0;
	}
	if (run.settings.doctor)
		return examine(&run);
	if (open_identity(&run, message, sizeof(message))) {
		fprintf(stderr, "s3slower: %s\n", message);
		return 2;
	}
	if (program_check_attached(&run.settings, message, sizeof(message)))
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
	discovery_free(run.discovery);
	tracer_free(run.tracer);
	summary_free(run.summary);
	inflight_free(run.inflight);
	calls_free(run.calls);
	identity_free(run.identity);
	connections_free(run.connections);
	object_free(&program.object);
	free(run.batch);
	return status;
}
