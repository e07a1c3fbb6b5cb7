/*
 * The inside of a worker, shared by worker.c (sessions in turn), worker_tcp.c (what TCP asks of us)
 * and worker_care.c (who must go). Its door for the other files is in lcore.h.
 */
#ifndef SLUICE_WORKER_H
#define SLUICE_WORKER_H

#include "dataplane/acks.h"
#include "dataplane/framing/oftp.h"
#include "dataplane/session.h"
#include "tls/tls.h"

#define PLAIN_BYTES    65536u /* plaintext that one turn of a session decrypts */
#define SOURCE_SLOTS   4096u
#define HANDSHAKE_LOOK 64u /* sessions whose handshakes a round looks at */
/* Units of tls_conn_weight() that a round pays for: what a step costs beyond is paid by the rounds
 * that follow, in which there is no step. */
#define HANDSHAKE_PAID 4u

/* Sessions at one stage, oldest first. */
struct session_line {
	struct session *first, *last;
	uint32_t count;
};

/* New handshakes of one source within a second. */
struct source_rate {
	struct ip_addr addr;
	uint64_t second;
	uint32_t count;
};

struct worker {
	struct lcore *l;
	struct tcp_stack *tcp;
	struct session *sessions; /* limits.sessions of them, untouched until used */
	uint32_t *free_slots;
	uint32_t free_count, slots;
	uint32_t top;		 /* no slot from here on is taken */
	uint32_t count;		 /* sessions in use */
	struct session *ready;	 /* head of the circle of those with something to read */
	struct session *shaking; /* the same of those that shake hands */
	struct session_line lines[SESSION_STAGES]; /* of all stages but SESSION_OPEN */
	struct carry_pool carry;
	bool carry_short; /* somebody could not read for want of buffers to carry in */
	struct source_rate *sources;
	struct siphash_key source_key;
	uint8_t *plain; /* scratch of PLAIN_BYTES */
	uint32_t plain_len;
	/* Scratch of a message of the OFTP profile: as it came, decoded, its logs inflated. */
	uint8_t *message, *item;
	struct oftp_msg oftp_msg;
	struct tls_peer peer; /* scratch */
	uint64_t handshakes, resumed, handshakes_failed;
	uint64_t steps, step_weight; /* of handshakes, those that cost */
	uint32_t step_debt;	     /* units that are not paid for yet */
	uint32_t round;
	uint64_t turns_late; /* sessions that a round passed by, though there were blocks */
	bool deaf;	     /* nothing more is taken from the network */
	uint64_t parting_us; /* when the first goodbye was said; 0: not yet */
	bool no_room;	     /* the last read of a ready session found no block */
	struct acks acks;
	LIST_HEAD(session_list, session) answering;
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

/* worker.c: it has something to read (or a step of its handshake to make); it has nothing now. */
void worker_ready(struct worker *w, struct session *s);
void worker_unqueue(struct worker *w, struct session *s);

/* worker.c: says the last word and closes; what the peer still sends is not read. */
void worker_close(struct worker *w, struct session *s);

/* worker.c: a turn for those that have something to read, oldest first; true: one has read. */
bool worker_serve(struct worker *w);
/* worker.c: TCP's timers; true: one rang. */
bool worker_timers(struct worker *w);

/* worker.c: an event of a connection (tcp.h); `ctx` is the worker. */
void worker_event(void *ctx, struct tcp_conn *conn, enum tcp_event ev);

/* worker_answer.c: the session has something to say, or to hear of its logs; before the round ends.
 */
void worker_answer_soon(struct worker *w, struct session *s);
/* Not any more: it is gone. */
void worker_answer_never(struct session *s);
/* Lets them speak, some of them to the end. */
void worker_answer(struct worker *w);
/* Answers to logins, and streams that others claim; true: there were some. */
bool worker_hear_control(struct worker *w);
/* intake.h: a block came back, durable or not. `ctx` is the worker. */
void worker_block_completed(void *ctx, const struct block *b);

/* worker_tcp.c: a stack of `w`'s own, its bounds from the configuration; NULL when out of memory.
 */
struct tcp_stack *worker_tcp_new(struct worker *w);

/*
 * worker_care.c: ends sessions that the policy forbids, that are silent or do not go on, or that
 * hold most of the memory when it is nearly used up; a bounded number of them a round. true: there
 * is more to look at, so the lcore must not sleep.
 */
bool worker_care(struct worker *w);
/* When it must look at handshakes and pending sessions again; UINT64_MAX: there are none. */
uint64_t worker_care_deadline(const struct worker *w);

#endif
