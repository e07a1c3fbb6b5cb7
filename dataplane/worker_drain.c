/*
 * A worker's end. What TCP has acknowledged is read and made durable, what is durable is answered;
 * then everybody is told goodbye, and TCP goes on until that has arrived. From the beginning no
 * more bytes are taken from the network: as nobody acknowledges them, their senders still have
 * them.
 */
#include "dataplane/session_protocol.h"

/* Who was slowed down is read now: no device's rate goes before what TCP has acknowledged. */
static void deafen(struct worker *w)
{
	w->deaf = true;
	for (uint32_t i = 0, seen = 0; i < w->slots && seen < w->count; i++) {
		struct session *s = &w->sessions[i];

		if (!s->conn)
			continue;
		seen++;
		tcp_deafen(s->conn);
		if (s->stage == SESSION_SLOWED) {
			session_leave_line(s);
			worker_ready(w, s);
		}
	}
}

bool worker_drain(struct worker *w)
{
	bool any;

	if (!w->deaf)
		deafen(w);
	w->round++;
	worker_timers(w);
	any = w->ready && worker_serve(w);
	worker_answer(w);
	tcp_flush(w->tcp, w->l->now_us);
	if (any || (w->ready && !w->no_room))
		return false;
	/* Held up, and yet not for ever: a block will come back. */
	return !worker_held_up(w) || journal_state(w->l->in.journal) != JOURNAL_RUNNING;
}

/*
 * The log that had begun and has no end: TCP has acknowledged it, so it is stored as far as it
 * came. Who is answered sends again what is not. false: there is no room yet.
 */
static bool read_tail(struct session *s, struct worker *w)
{
	bool never = journal_state(w->l->in.journal) != JOURNAL_RUNNING;
	enum session_result r;

	if (s->stage != SESSION_OPEN)
		return true; /* it was not let in */
	s->cut_off |= !s->peer_closed;
	s->peer_closed = s->tls_ended = true;
	s->closed = never; /* then what finds no room is counted */
	do {
		s->quantum = SESSION_QUANTUM;
		r = session_read(s, w);
	} while (r == SESSION_AGAIN && s->conn && !s->closing);
	s->closed = false;
	return never || r != SESSION_NO_ROOM;
}

/* Says what there is to say, as far as there is room, and closes behind it. */
static void part(struct session *s, struct worker *w)
{
	const struct session_protocol *p = s->protocol;

	if (p && p->farewell ? !p->farewell(s, w) : !read_tail(s, w))
		return;
	if (s->conn && !s->closing)
		worker_close(w, s);
}

bool worker_part(struct worker *w)
{
	uint64_t now = w->l->now_us;
	uint32_t count = w->count;
	bool heard = true;

	if (!w->parting_us)
		w->parting_us = now;
	for (uint32_t i = 0, seen = 0; i < w->slots && seen < count; i++) {
		struct session *s = &w->sessions[i];

		if (!s->conn)
			continue;
		seen++;
		if (!s->closing)
			part(s, w);
		heard &= !s->conn || tcp_fin_acked(s->conn);
	}
	tcp_flush(w->tcp, now);
	if (!heard && now - w->parting_us < w->l->dp->cfg.limits.farewell_us)
		return false;
	worker_leave(w);
	return true;
}

void worker_leave(struct worker *w)
{
	for (uint32_t i = 0; i < w->slots && w->count > 0; i++)
		if (w->sessions[i].conn)
			tcp_abort(w->sessions[i].conn, w->l->now_us);
	tcp_flush(w->tcp, w->l->now_us);
}
