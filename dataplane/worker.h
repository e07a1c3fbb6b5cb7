/*
 * The inside of a worker, shared by worker.c (sessions in turn), worker_tcp.c (what TCP asks of us)
 * and worker_care.c (who must go). Its door for the other files is in lcore.h.
 */
#ifndef SLUICE_WORKER_H
#define SLUICE_WORKER_H

#include "dataplane/session.h"

struct worker {
	struct lcore *l;
	struct tcp_stack *tcp;
	struct session *sessions; /* limits.sessions of them, untouched until used */
	uint32_t *free_slots;
	uint32_t free_count, slots;
	uint32_t count;	       /* sessions in use */
	struct session *ready; /* head of the circle of those with something to read */
	bool no_room;	       /* the last read of a ready session found no block */
	uint64_t next_id;
	uint32_t swept; /* next slot that is looked at for idleness */
	uint64_t swept_us, evicted_us;
	uint64_t rcv_total;	/* bound of TCP's receive buffers, by true size */
	uint64_t policy_number; /* all sessions before `checked` were held against this one */
	uint32_t checked;
	struct framing_span spans[SESSION_SPANS]; /* scratch of session_read() */
};

/* Sessions wait for blocks, not for their peers. */
static inline bool worker_held_up(const struct worker *w)
{
	return w->ready && w->no_room;
}

/* worker.c: an event of a connection (tcp.h); `ctx` is the worker. */
void worker_event(void *ctx, struct tcp_conn *conn, enum tcp_event ev);

/* worker_tcp.c: a stack of `w`'s own, its bounds from the configuration; NULL when out of memory.
 */
struct tcp_stack *worker_tcp_new(struct worker *w);

/*
 * worker_care.c: ends sessions that the policy forbids, that are silent or do not go on, or that
 * hold most of the memory when it is nearly used up; a bounded number of them a round. true: there
 * is more to look at, so the lcore must not sleep.
 */
bool worker_care(struct worker *w);

#endif
