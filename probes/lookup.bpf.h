/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * getaddrinfo(name, service, hints, result) of the C library: who looked which name
 * up, and how long that took.
 */
#ifndef S3SLOWER_LOOKUP_BPF_H
#define S3SLOWER_LOOKUP_BPF_H
#ifndef WITHOUT_PROGRAMS

/* A call under way. */
struct looking {
	u64 name;
	u64 entered;
};

BPF_TABLE("lru_hash", u32, struct looking, looking, 1024); /* by thread */

int lookup_enter(struct pt_regs *ctx)
{
	struct looking l = {.name = PT_REGS_PARM1(ctx), .entered = bpf_ktime_get_ns()};
	u32 tid = bpf_get_current_pid_tgid();

	if (l.name)
		looking.update(&tid, &l);
	return 0;
}

int lookup_return(struct pt_regs *ctx)
{
	u64 id = bpf_get_current_pid_tgid();
	u32 tid = id, tgid = id >> 32;
	struct looking *l = looking.lookup(&tid);
	struct event_lookup event;
	u64 name, n;

	if (!l)
		return 0;
	name = l->name;
	event.kind = EVENT_LOOKUP;
	event.tgid = tgid;
	event.time = bpf_ktime_get_ns();
	event.entered = l->entered;
	event.tid = tid;
	looking.delete(&tid);
	if (!process_wanted(tgid))
		return 0;
	/* Its page was read a moment ago. */
	n = read_user_text(event.name, sizeof(event.name), (void *)name);
	if (n < 2)
		return 0;
	KEEP(n);
	if (n > sizeof(event.name)) /* an error is, too */
		return 0;
	event.n = n;
	submit(ctx, &event, LOOKUP_FIXED + n);
	return 0;
}

#endif
#endif
