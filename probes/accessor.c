/* SPDX-License-Identifier: Apache-2.0 */
#include "accessor.h"

#include <errno.h>
#include <string.h>

#include "accessor_state.h"
#include "decoder.h"

#define LENGTH 256	  /* instructions of a path */
#define OFFSET_MAX 0xffff /* objects are not larger */

uint64_t accessor_mask(unsigned size)
{
	return size >= 8 ? ~0ULL : (1ULL << 8 * size) - 1;
}

static bool is_same_place(const struct accessor_place *a, const struct accessor_place *b)
{
	return a->n == b->n && a->size == b->size &&
	       memcmp(a->offset, b->offset, a->n * sizeof(a->offset[0])) == 0;
}

struct value accessor_part(struct value v, unsigned size)
{
	if (v.kind == NUMBER)
		v.n &= accessor_mask(size);
	else if (v.kind == PLACE && v.behind == 0 && size < v.place.size)
		v.place.size = (uint8_t)size; /* the lower bytes of it */
	else if (size < 8 && (v.kind == ARGUMENT || v.behind))
		v.kind = NOTHING;
	return v;
}

struct value accessor_behind(struct value v, int64_t n)
{
	if (v.kind == PLACE && v.place.size != 8)
		v.kind = NOTHING;
	v.behind += n;
	return v;
}

struct value accessor_load(const struct walk *w, struct value v, unsigned size)
{
	if ((v.kind != PLACE && !(v.kind == ARGUMENT && v.n == 0)) || v.behind < 0 ||
	    v.behind > OFFSET_MAX || (v.kind == PLACE && v.place.n == ACCESSOR_STEPS))
		return (struct value){0};
	if (v.kind == ARGUMENT)
		memset(&v.place, 0, sizeof(v.place));
	v.kind = PLACE;
	v.place.offset[v.place.n++] = (uint32_t)v.behind;
	v.place.size = (uint8_t)size;
	v.behind = 0;
	if (w->assumed && is_same_place(&v.place, &w->assumed->place))
		return (struct value){.kind = NUMBER, .n = w->assumed->value};
	return v;
}

bool accessor_store(const struct walk *w, struct path *p, const struct value *at,
		    const struct value *v, unsigned size)
{
	uint64_t wanted = w->tells == ACCESSOR_STORES	      ? 1
			  : w->tells == ACCESSOR_STORES_THIRD ? 2
							      : 0;

	if (at->kind != ARGUMENT)
		return false; /* maybe to the object */
	if (w->tells == ACCESSOR_KEEPS) {
		if (v->kind != ARGUMENT || v->n != 1 || v->behind || at->n != 0)
			return true;
		if (at->behind < 0 || at->behind > OFFSET_MAX || p->told)
			return false;
		p->told = true;
		p->out.place = (struct accessor_place){
			.offset = {(uint32_t)at->behind}, .n = 1, .size = (uint8_t)size};
		return true;
	}
	if (at->n == 0)
		return false;
	if (wanted == 0 || at->n != wanted)
		return true;
	p->told = v->kind == PLACE && v->behind == 0 && at->behind == 0;
	p->out.place = v->place;
	return true;
}

struct comparison accessor_compare(const struct value *left, const struct value *right,
				   unsigned size)
{
	uint64_t mask = accessor_mask(size);

	return (struct comparison){right->kind == NUMBER, *left, mask, right->n & mask};
}

struct comparison accessor_test(const struct value *left, const struct value *right, unsigned size)
{
	uint64_t mask = accessor_mask(size);

	if (!right)
		return (struct comparison){true, *left, mask, 0};
	return (struct comparison){right->kind == NUMBER, *left, mask & right->n, 0};
}

/* --- paths ------------------------------------------------------------------- */

void accessor_fork(struct walk *w, const struct path *p, uint64_t target)
{
	if (target < w->pc || target - w->pc >= w->n)
		return; /* to another function: not understood */
	if (w->known == ACCESSOR_PATHS) {
		w->overflow = true;
		return;
	}
	w->path[w->known] = *p;
	w->path[w->known++].at = target - w->pc;
}

/* A pointer that was followed to get to the answer is not NULL. */
static bool goes_without_saying(const struct accessor_condition *c, const struct accessor_place *to)
{
	return !c->is && c->value == 0 && c->mask == ~0ULL && c->place.n < to->n &&
	       memcmp(c->place.offset, to->offset, c->place.n * sizeof(to->offset[0])) == 0;
}

static void end_path(struct walk *w, struct path *p)
{
	struct accessor *out = &p->out;
	const struct value *result = &p->reg[w->machine->result];
	size_t n = 0;

	if (w->tells == ACCESSOR_RETURNS) {
		p->told = result->kind == PLACE && result->behind == 0;
		out->place = result->place;
	}
	if (!p->told)
		return;
	for (size_t i = 0; i < out->n; i++)
		if (!goes_without_saying(&out->condition[i], &out->place))
			out->condition[n++] = out->condition[i];
	out->n = n;
	w->answers++;
	w->answer = *out;
}

/* What holds behind a branch. Returns false if it cannot, or if it cannot be told. */
static bool hold(struct path *p, const struct comparison *c, bool equal)
{
	const struct value *v = &c->left;

	if (v->kind == NUMBER)
		return ((v->n & c->mask) == c->right) == equal;
	if (v->kind == ARGUMENT) /* all that we follow are pointers */
		return c->right == 0 && c->mask == ~0ULL && v->behind == 0 && !equal;
	if (v->kind != PLACE || v->behind || p->out.n == ACCESSOR_CONDITIONS)
		return false;
	p->out.condition[p->out.n++] =
		(struct accessor_condition){v->place, c->mask, c->right, equal};
	return true;
}

/* Comparisons of what is a number here. Returns whether it was one. */
static bool decided(const struct comparison *c, enum when when, bool *taken)
{
	uint64_t left = c->left.n & c->mask;

	if (c->left.kind != NUMBER)
		return false;
	*taken = when == WHEN_ABOVE	 ? left > c->right
		 : when == WHEN_AT_LEAST ? left >= c->right
		 : when == WHEN_BELOW	 ? left < c->right
					 : left <= c->right;
	return when >= WHEN_ABOVE;
}

bool accessor_branch(struct walk *w, struct path *p, const struct comparison *c, enum when when,
		     uint64_t target)
{
	struct path other;
	bool taken;

	if (!c->known)
		return false;
	if (decided(c, when, &taken)) {
		if (taken)
			accessor_fork(w, p, target);
		return !taken;
	}
	if (when != WHEN_EQUAL && when != WHEN_NOT_EQUAL)
		return false;
	other = *p;
	if (hold(&other, c, when == WHEN_EQUAL))
		accessor_fork(w, &other, target);
	return hold(p, c, when == WHEN_NOT_EQUAL);
}

static void follow(struct walk *w, struct path p)
{
	const uint8_t *code = w->code + p.at;
	uint64_t pc = w->pc + p.at;
	size_t n = w->n - p.at;

	for (int i = 0; i < LENGTH && decoder_next(w->decoder, &code, &n, &pc); i++) {
		enum path_state state = w->machine->run(w, &p);

		if (state == PATH_RETURNED)
			end_path(w, &p);
		if (state != PATH_ON)
			return;
	}
}

int accessor_walk(const struct accessor_machine *machine, struct decoder *d, const uint8_t *code,
		  size_t n, uint64_t pc, enum accessor_tells tells,
		  const struct accessor_condition *assumed, struct accessor *out)
{
	struct walk w = {.machine = machine,
			 .decoder = d,
			 .code = code,
			 .n = n,
			 .pc = pc,
			 .tells = tells,
			 .assumed = assumed};

	for (size_t i = 0; i < sizeof(machine->argument); i++)
		w.path[0].reg[machine->argument[i]] = (struct value){.kind = ARGUMENT, .n = i};
	if (assumed)
		w.path[0].out.condition[w.path[0].out.n++] = *assumed;
	w.known = 1;
	while (w.next < w.known)
		follow(&w, w.path[w.next++]);
	if (w.answers != 1 || w.overflow)
		return -ENOENT;
	*out = w.answer;
	return 0;
}

int accessor_read(struct decoder *d, const uint8_t *code, size_t n, uint64_t pc,
		  enum accessor_tells tells, const struct accessor_condition *assumed,
		  struct accessor *out)
{
#if defined(__x86_64__)
	const struct accessor_machine *machine = &accessor_x86;
#else
	const struct accessor_machine *machine = &accessor_arm64;
#endif

	return accessor_walk(machine, d, code, n, pc, tells, assumed, out);
}
