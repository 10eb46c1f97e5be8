/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs.h"

#include <stdlib.h>
#include <string.h>

#include "pieces.h"
#include "throughput.h"

#define NONE UINT32_MAX
#define GONE_IDLE_NS INT64_C(10000000000) /* a script sends each part with a process of its own */
#define UNDER_WAY_NS INT64_C(2000000000)  /* how long a touch is good for */
#define ANOTHER_RANGE (INT64_MIN / 2)	  /* ids of parts that have a number, but no range */

/* What is looked at often; what is shown lies apart, by the same index. */
struct entry {
	uint64_t hash;
	uint32_t pid;	/* 0: nobody's, for another job has its name */
	uint32_t chain; /* the next entry in its bucket, or the next free place */
	uint32_t older, newer;
	struct pieces_list parts;
	int64_t end;	    /* of all requests so far */
	int64_t completing; /* the first request to end it began, 0: none */
	int64_t until;	    /* given up then */
	int64_t bytes, object_size;
	int64_t enough; /* bytes, and so many pieces: time to see whether all is there */
	uint32_t enough_pieces;
	bool over; /* ended */
	bool gone; /* its process */
	bool told; /* taken: what comes late is of an old job */
};

struct jobs {
	uint32_t n, max, used, free, oldest, newest, mask;
	int64_t soonest; /* no entry is given up before */
	uint64_t evicted;
	struct entry *entry;
	struct job *job;
	struct pieces *pieces;
	uint32_t bucket[];
};

struct jobs *jobs_new(size_t max, size_t max_parts)
{
	uint32_t buckets = 1;
	struct jobs *c;

	while (buckets < max)
		buckets *= 2;
	c = calloc(1, sizeof(*c) + buckets * sizeof(c->bucket[0]));
	if (!c)
		return NULL;
	/* Not touched before it is used, so that what nobody needs is no memory. */
	c->entry = malloc(max * sizeof(*c->entry));
	c->job = malloc(max * sizeof(*c->job));
	c->pieces = pieces_new(max_parts);
	if (!c->entry || !c->job || !c->pieces) {
		jobs_free(c);
		return NULL;
	}
	memset(c->bucket, 0xff, buckets * sizeof(c->bucket[0])); /* NONE */
	c->max = (uint32_t)max;
	c->mask = buckets - 1;
	c->free = c->oldest = c->newest = NONE;
	c->soonest = INT64_MAX;
	return c;
}

void jobs_free(struct jobs *c)
{
	if (!c)
		return;
	free(c->entry);
	free(c->job);
	pieces_free(c->pieces);
	free(c);
}

uint64_t jobs_evicted(const struct jobs *c)
{
	return c->evicted;
}

/* --- the table ------------------------------------------------------------- */

static uint32_t index_of(const struct jobs *c, const struct entry *entry)
{
	return (uint32_t)(entry - c->entry);
}

static bool is_download(const struct jobs *c, const struct entry *entry)
{
	return c->job[index_of(c, entry)].kind == JOB_RANGED_DOWNLOAD;
}

static uint32_t *bucket_of(struct jobs *c, uint64_t hash)
{
	return &c->bucket[(hash * UINT64_C(0x9e3779b97f4a7c15) >> 32) & c->mask];
}

static struct entry *find(struct jobs *c, const struct request *row)
{
	bool download = row->part.role == PART_DOWNLOADED;
	uint32_t i = c->n ? *bucket_of(c, row->part.job) : NONE;

	while (i != NONE && (c->entry[i].hash != row->part.job || c->entry[i].pid != row->pid ||
			     is_download(c, &c->entry[i]) != download))
		i = c->entry[i].chain;
	return i == NONE ? NULL : &c->entry[i];
}

static void unlink_age(struct jobs *c, const struct entry *entry)
{
	*(entry->older == NONE ? &c->oldest : &c->entry[entry->older].newer) = entry->newer;
	*(entry->newer == NONE ? &c->newest : &c->entry[entry->newer].older) = entry->older;
}

static void make_newest(struct jobs *c, struct entry *entry)
{
	uint32_t i = index_of(c, entry);

	entry->older = c->newest;
	entry->newer = NONE;
	*(c->newest == NONE ? &c->oldest : &c->entry[c->newest].newer) = i;
	c->newest = i;
}

static void make_oldest(struct jobs *c, struct entry *entry)
{
	uint32_t i = index_of(c, entry);

	entry->newer = c->oldest;
	entry->older = NONE;
	*(c->oldest == NONE ? &c->newest : &c->entry[c->oldest].older) = i;
	c->oldest = i;
}

static void unchain(struct jobs *c, const struct entry *entry)
{
	uint32_t *at = bucket_of(c, entry->hash), i = index_of(c, entry);

	while (*at != i)
		at = &c->entry[*at].chain;
	*at = entry->chain;
}

static void chain(struct jobs *c, struct entry *entry)
{
	uint32_t *bucket = bucket_of(c, entry->hash);

	entry->chain = *bucket;
	*bucket = index_of(c, entry);
}

static void forget(struct jobs *c, struct entry *entry)
{
	pieces_drop(c->pieces, &entry->parts);
	unchain(c, entry);
	unlink_age(c, entry);
	entry->chain = c->free;
	c->free = index_of(c, entry);
	c->n--;
}

static void evict(struct jobs *c)
{
	struct entry *entry = &c->entry[c->oldest];

	/* One range alone was no job so far. */
	c->evicted += !entry->told && entry->parts.n > is_download(c, entry);
	forget(c, entry);
}

static void give_up_at(struct jobs *c, struct entry *entry, int64_t when)
{
	entry->until = when;
	if (when < c->soonest)
		c->soonest = when;
}

/* --- requests -------------------------------------------------------------- */

static bool fits(char *to, size_t size, const char *text)
{
	size_t n = text ? strlen(text) : 0;

	*to = '\0';
	if (n >= size)
		return false;
	memcpy(to, text ? text : "", n + 1);
	return true;
}

#define KEEP(job, row, field) fits((job)->field, sizeof((job)->field), (row)->field)

static struct entry *begin(struct jobs *c, const struct request *row)
{
	struct entry *entry;
	struct job *job;
	uint32_t i;

	if (c->n == c->max)
		evict(c);
	i = c->free != NONE ? c->free : c->used++;
	entry = &c->entry[i];
	if (c->free != NONE)
		c->free = entry->chain;
	*entry = (struct entry){.hash = row->part.job,
				.pid = row->pid,
				.end = row->time_ns,
				.until = INT64_MIN,
				.object_size = -1};
	chain(c, entry);
	make_newest(c, entry);
	c->n++;

	job = &c->job[i];
	memset(job, 0, sizeof(*job));
	job->kind = row->part.role == PART_DOWNLOADED ? JOB_RANGED_DOWNLOAD : JOB_MULTIPART_UPLOAD;
	job->state = JOB_OPEN;
	job->time_ns = row->time_ns;
	job->pid = row->pid;
	job->tid = row->tid;
	job->uid = row->uid;
	job->processes = 1;
	job->client_type = row->client_type;
	job->truncated = !KEEP(job, row, comm) | !KEEP(job, row, bucket) | !KEEP(job, row, key) |
			 !KEEP(job, row, endpoint) | !KEEP(job, row, region) |
			 !KEEP(job, row, upload_id);
	return entry;
}

static bool succeeded(const struct request *row)
{
	return row->state == REQUEST_COMPLETE && !row->is_error && row->status / 100 == 2;
}

static int64_t idle_ns(const struct jobs *c, const struct entry *entry)
{
	return is_download(c, entry) ? JOBS_DOWNLOAD_IDLE_NS : JOBS_UPLOAD_IDLE_NS;
}

/* What is true of every request of a job. */
static void join(struct jobs *c, struct entry *entry, const struct request *row)
{
	struct job *job = &c->job[index_of(c, entry)];
	int64_t end = row->time_ns + row->latency_ns;

	job->truncated |= row->truncated;
	entry->gone = false;
	if (end > entry->end)
		entry->end = end;
	if (!entry->over && entry->until < entry->end + idle_ns(c, entry))
		give_up_at(c, entry, entry->end + idle_ns(c, entry));
	unlink_age(c, entry);
	make_newest(c, entry);
}

static void finish(struct jobs *c, struct entry *entry, enum job_state state)
{
	c->job[index_of(c, entry)].state = state;
	entry->over = true;
	give_up_at(c, entry, INT64_MIN);
}

static void complete(struct jobs *c, struct entry *entry, const struct request *row)
{
	join(c, entry, row);
	if (!entry->completing || row->time_ns < entry->completing)
		entry->completing = row->time_ns;
	if (succeeded(row))
		finish(c, entry, row->part.role == PART_ABORTS ? JOB_ABORTED : JOB_COMPLETE);
}

static void note_slowest(struct job *job, const struct request *row)
{
	struct job_part *slowest = &job->slowest;

	if (slowest->time_ns && row->latency_ns <= slowest->latency_ns)
		return;
	*slowest = (struct job_part){
		.time_ns = row->time_ns,
		.latency_ns = row->latency_ns,
		.number = row->part.number,
		.first = row->part.first,
		.last = row->part.last,
		.status = row->status,
		.ends = row->ends,
	};
	KEEP(slowest, row, request_id);
	KEEP(slowest, row, host_id);
}

/* Counting is put off until it may succeed, and never done for each request. */
static bool is_whole(struct jobs *c, struct entry *entry)
{
	int64_t lacking;

	if (entry->object_size <= 0 || entry->bytes < entry->object_size ||
	    entry->bytes < entry->enough || entry->parts.n < entry->enough_pieces)
		return false;
	lacking = pieces_missing(c->pieces, &entry->parts, entry->object_size);
	entry->enough = entry->bytes + lacking;
	entry->enough_pieces = entry->parts.n + entry->parts.n / 8;
	return lacking == 0;
}

static int64_t passed(const struct request *row)
{
	int64_t bytes = row->part.role == PART_UPLOADED	    ? row->request_size
			: row->part.role == PART_DOWNLOADED ? row->response_size
							    : 0;

	return bytes > 0 ? bytes : 0;
}

static int64_t id_of(const struct part *part)
{
	if (part->role != PART_DOWNLOADED)
		return part->number;
	/* Of one that failed the end is only what was asked for. */
	return part->first >= 0 ? part->first : ANOTHER_RANGE + part->number;
}

static void join_part(struct jobs *c, struct entry *entry, const struct request *row)
{
	const struct part *part = &row->part;
	struct piece piece = {.begin = row->time_ns,
			      .end = row->time_ns + row->latency_ns,
			      .first = part->first,
			      .last = part->last,
			      .part = id_of(part),
			      .failed = !succeeded(row)};

	pieces_add(c->pieces, &entry->parts, &piece);
	if (!piece.failed && entry->bytes < INT64_MAX / 2)
		entry->bytes += passed(row);
	if (!piece.failed && part->object_size >= 0)
		entry->object_size = part->object_size;
	note_slowest(&c->job[index_of(c, entry)], row);
	join(c, entry, row);
	if (part->role == PART_DOWNLOADED && !entry->over && is_whole(c, entry))
		finish(c, entry, JOB_COMPLETE);
}

/* The older job becomes part of the newer one. */
static void take_over(struct jobs *c, struct entry *entry, struct entry *from)
{
	struct job *job = &c->job[index_of(c, entry)], *old = &c->job[index_of(c, from)];

	if (old->time_ns < job->time_ns || !entry->parts.n) {
		job->time_ns = old->time_ns;
		job->pid = old->pid;
		job->tid = old->tid;
		job->uid = old->uid;
		memcpy(job->comm, old->comm, sizeof(job->comm));
	}
	if (old->slowest.latency_ns > job->slowest.latency_ns)
		job->slowest = old->slowest;
	job->processes = 2;
	job->truncated |= old->truncated;
	pieces_move(c->pieces, &entry->parts, &from->parts);
	if (entry->bytes < INT64_MAX / 2)
		entry->bytes += from->bytes;
	if (from->end > entry->end)
		entry->end = from->end;
	if (from->completing && (!entry->completing || from->completing < entry->completing))
		entry->completing = from->completing;
	forget(c, from);
}

/* What processes that have gone did of the same upload. */
static void inherit(struct jobs *c, struct entry *entry)
{
	uint32_t next;

	for (uint32_t i = *bucket_of(c, entry->hash); i != NONE; i = next) {
		struct entry *from = &c->entry[i];

		next = from->chain;
		if (from != entry && from->hash == entry->hash && from->gone && !from->over &&
		    !is_download(c, from))
			take_over(c, entry, from);
	}
}

void jobs_add(struct jobs *c, const struct request *row)
{
	enum part_role role = row->part.role;
	struct entry *entry;

	if (role == PART_NONE)
		return;
	if (role == PART_COMPLETES || role == PART_ABORTS) {
		entry = find(c, row);
		if (!entry)
			entry = begin(c, row);
		if (entry->over)
			return;
		inherit(c, entry);
		complete(c, entry, row);
		return;
	}
	while (pieces_full(c->pieces))
		evict(c);
	entry = find(c, row);
	if (entry && entry->over && row->time_ns >= entry->end) {
		/* Another job with the same name. */
		entry->pid = 0;
		entry = NULL;
	}
	if (!entry)
		entry = begin(c, row);
	if (entry->told)
		return;
	if (role != PART_DOWNLOADED)
		inherit(c, entry);
	join_part(c, entry, row);
}

void jobs_touch(struct jobs *c, const struct request *row, int64_t now_ns)
{
	struct entry *entry = row->part.role == PART_NONE ? NULL : find(c, row);

	if (entry && !entry->over && entry->until < now_ns + UNDER_WAY_NS)
		entry->until = now_ns + UNDER_WAY_NS;
}

void jobs_gone(struct jobs *c, uint32_t pid)
{
	for (uint32_t i = c->oldest; i != NONE; i = c->entry[i].newer) {
		struct entry *entry = &c->entry[i];
		int64_t when = is_download(c, entry) ? INT64_MIN : entry->end + GONE_IDLE_NS;

		if (entry->pid != pid || entry->over)
			continue;
		entry->gone = true;
		if (entry->until > when)
			give_up_at(c, entry, when);
	}
}

/* --- jobs that are over ------------------------------------------------------ */

static bool build(struct jobs *c, const struct entry *entry, struct job *out)
{
	*out = c->job[index_of(c, entry)];
	if (entry->parts.n)
		pieces_measure(c->pieces, &entry->parts, entry->end, entry->completing, out);
	out->bytes = entry->bytes;
	out->throughput = throughput(out->bytes, out->duration_ns);
	return out->parts > (out->kind == JOB_RANGED_DOWNLOAD);
}

/* The next one that is over, or given up; NULL, and then soonest is right. */
static struct entry *late(struct jobs *c, int64_t now_ns)
{
	int64_t soonest = INT64_MAX;

	if (now_ns < c->soonest)
		return NULL;
	for (uint32_t i = c->oldest; i != NONE; i = c->entry[i].newer) {
		struct entry *entry = &c->entry[i];

		if (entry->told)
			continue;
		if (entry->until <= now_ns)
			return entry;
		if (entry->until < soonest)
			soonest = entry->until;
	}
	c->soonest = soonest;
	return NULL;
}

bool jobs_due(struct jobs *c, int64_t now_ns)
{
	return late(c, now_ns) != NULL;
}

bool jobs_take(struct jobs *c, int64_t now_ns, struct job *out)
{
	struct entry *entry;
	bool built = false;

	while (!built && (entry = late(c, now_ns))) {
		built = build(c, entry, out);
		if (is_download(c, entry) || !entry->over) {
			forget(c, entry);
			continue;
		}
		/* What is still under way for it will be no job of its own. */
		entry->told = true;
		pieces_drop(c->pieces, &entry->parts);
		unlink_age(c, entry);
		make_oldest(c, entry);
	}
	return built;
}
