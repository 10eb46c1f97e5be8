/* SPDX-License-Identifier: Apache-2.0 */
#include "find.h"

#include <linux/types.h>
#include <string.h>

#include "nss.h"
#include "site.h"

/* What a call target begins with where the compiler was asked for it
 * (-fcf-protection). It has to be single-stepped, but does nothing: the probe may
 * as well sit behind it, where the return address is still on top of the stack. */
static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};

/* Whether the kernel emulates a function's first instruction, and where that is. */
static bool emulated(const struct search *s, uint64_t *offset)
{
	uint8_t code[16 + sizeof(endbr64)];
	long got = s->decoder ? elf_code(s->path, *offset, code, sizeof(code)) : 0;
	size_t skip = got > (long)sizeof(endbr64) && memcmp(code, endbr64, sizeof(endbr64)) == 0
			      ? sizeof(endbr64)
			      : 0;

	if (got <= 0 || !decode_emulated(s->decoder, code + skip, (size_t)got - skip))
		return false;
	*offset += skip;
	return true;
}

static void add(struct search *s, uint64_t offset, uint64_t site)
{
	const struct action *action = s->row->action;
	const char *const program[] = {action->enter, action->leave};

	emulated(s, &offset); /* else it serves as it is */
	for (int i = 0; i < 2; i++)
		if (program[i] && s->n_points < s->max)
			s->point[s->n_points++] = (struct probe_point){
				.offset = offset,
				.site = i == 1 ? SITE_AT_RETURN(site) : site,
				.program = program[i],
				.is_return = i == 1,
				.first = i == 1,
			};
}

/* A function as its callers see it. */
static uint64_t site(const struct search *s, uint8_t tells, uint8_t takes)
{
	bool vector = takes == TAKES_VECTOR || takes == TAKES_VECTOR_FROM;

	return SITE(s->library->layer, tells, takes, SITE_ARG1, SITE_ARG2,
		    vector ? SITE_ARG3 : SITE_ARG4, SITE_ARG4);
}

void find_variant(struct search *s, size_t v)
{
	if (s->function[v].offset)
		add(s, s->function[v].offset,
		    site(s, s->row->variant[v].tells, s->row->variant[v].takes));
}

#define CODE_MAX 2048

/* What a variant's code does, if all of it is there. */
static bool flow_of(const struct search *s, size_t v, struct decode_flow *flow)
{
	const struct elf_function *f = &s->function[v];
	uint8_t code[CODE_MAX];

	return s->decoder && f->offset && f->size && f->size <= sizeof(code) &&
	       elf_code(s->path, f->offset, code, f->size) == (long)f->size &&
	       decode_flow(s->decoder, code, f->size, f->offset, flow) == 0;
}

static bool is(const struct decode_call *call, int reg, enum decode_kind kind, uint32_t n)
{
	return call->reg[reg].kind == kind && call->reg[reg].n == n;
}

/* Whether a variant calls with its own connection and buffer, and with the place
 * for the count in that register: in its own frame, if it returns the count, or
 * where its caller wants it. That tells an inner function from one that only
 * reports an error. */
static bool calls_inner(const struct search *s, size_t v, const struct decode_call *call, int out)
{
	return is(call, SITE_ARG1, DECODE_ARGUMENT, 0) && is(call, SITE_ARG2, DECODE_ARGUMENT, 1) &&
	       (s->row->variant[v].tells == TELLS_STORED ? is(call, out, DECODE_ARGUMENT, 3)
							 : call->reg[out].kind == DECODE_FRAME);
}

bool find_common_inner(struct search *s)
{
	static const uint8_t outs[] = {SITE_ARG4, SITE_ARG5};
	struct decode_flow flow[2];

	for (size_t v = 0; v < 2; v++)
		if (!flow_of(s, v, &flow[v]))
			return false; /* one variant alone proves nothing */
	for (size_t i = 0; i < flow[0].n * flow[1].n * sizeof(outs); i++) {
		uint8_t out = outs[i % sizeof(outs)];
		const struct decode_call *a = &flow[0].call[i / sizeof(outs) % flow[0].n];
		const struct decode_call *b = &flow[1].call[i / sizeof(outs) / flow[0].n];
		uint64_t target = a->target;

		if (a->target != b->target || !calls_inner(s, 0, a, out) ||
		    !calls_inner(s, 1, b, out) || !emulated(s, &target))
			continue;
		add(s, a->target,
		    SITE(s->library->layer, s->row->inner, TAKES_BUFFER, SITE_ARG1, SITE_ARG2, out,
			 SITE_ARG4));
		return true;
	}
	return false;
}

bool find_callees(struct search *s)
{
	uint64_t target[4], first;
	size_t n = 0;

	for (size_t v = 0; v < s->n; v++) {
		struct decode_flow flow;

		if (!s->function[v].offset)
			continue;
		if (!flow_of(s, v, &flow) || !flow.whole || (flow.escaped & (1U << 1)))
			return false;
		for (size_t i = 0; i < flow.n; i++) {
			const struct decode_call *call = &flow.call[i];
			size_t k = 0;

			if (!decode_passes(call, 1))
				continue;
			if (!is(call, SITE_ARG1, DECODE_ARGUMENT, 0) ||
			    !is(call, SITE_ARG2, DECODE_NUMBER, TYPE_DATA) ||
			    !is(call, SITE_ARG3, DECODE_ARGUMENT, 1) || !call->passes_result)
				return false;
			while (k < n && target[k] != call->target)
				k++;
			if (k == sizeof(target) / sizeof(target[0]))
				return false;
			target[k] = call->target;
			n += k == n;
		}
	}
	first = n ? target[0] : 0;
	if (!n || !emulated(s, &first))
		return false;
	for (size_t k = 0; k < n; k++)
		add(s, target[k],
		    SITE(s->library->layer, s->row->inner, TAKES_TYPE, SITE_ARG1, SITE_ARG3,
			 SITE_ARG4, SITE_ARG2));
	return true;
}

bool find_first_variant(struct search *s)
{
	for (size_t v = 0; v < s->n; v++) {
		if (!s->function[v].offset)
			continue;
		find_variant(s, v);
		return true;
	}
	return false;
}

bool find_called_variant(struct search *s)
{
	if (!s->function[0].offset)
		return false;
	for (size_t v = 0; v < s->n; v++) {
		struct decode_flow flow;

		if (v == 0 || !flow_of(s, v, &flow) || !flow.n || !flow.call[0].always ||
		    flow.call[0].target != s->function[0].offset)
			find_variant(s, v);
	}
	return true;
}

bool find_method(struct search *s)
{
	uint64_t offset;

	if (nss_method(s->path, s->decoder, s->row->method, &offset))
		return false;
	add(s, offset, site(s, s->row->variant[0].tells, s->row->variant[0].takes));
	return true;
}
