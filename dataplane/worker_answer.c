/* What sessions say to their peers: when their logs are durable, and when there is room to send. */
#include "dataplane/desk.h"
#include "dataplane/session_oftp.h"

void worker_answer_soon(struct worker *w, struct session *s)
{
	if (s->answering || !s->protocol || !s->protocol->answer)
		return;
	s->answering = true;
	LIST_INSERT_HEAD(&w->answering, s, answers);
}

void worker_answer_never(struct session *s)
{
	if (s->answering)
		LIST_REMOVE(s, answers);
	s->answering = false;
}

void worker_block_completed(void *ctx, const struct block *b)
{
	struct worker *w = ctx;
	struct ack_mark m;

	while (acks_take(&w->acks, b->generation, &m)) {
		struct session *s;

		if (m.slot == ACKS_NOBODY) {
			desk_left(w->l, m.session);
			continue;
		}
		s = &w->sessions[m.slot];
		if (!s->conn || s->id != m.session)
			continue; /* it did not wait: its peer will send them again */
		if (b->error)
			s->lost = true;
		else
			s->protocol->durable(s, m.upto);
		worker_answer_soon(w, s);
	}
}

static void answer(struct worker *w, struct session *s)
{
	struct lcore *l = w->l;

	if (s->closing)
		return;
	if (s->lost) {
		/* No answer will come for these logs; on its next connection the peer sends them
		 * again, and is held until they can be stored. */
		session_refused(s, REFUSAL_journal_failed, NULL);
		s->closing = true;
		tcp_abort(s->conn, l->now_us);
		return;
	}
	switch (s->protocol->answer(s, w)) {
	case SESSION_AGAIN:
		worker_ready(w, s);
		break;
	case SESSION_DONE:
		worker_close(w, s);
		break;
	case SESSION_WAIT:
	case SESSION_HELD:
	case SESSION_REFUSED:
	case SESSION_NO_ROOM:
	case SESSION_PAUSE:
	case SESSION_ABORT:
		break;
	}
}

void worker_answer(struct worker *w)
{
	struct session *s;

	while ((s = LIST_FIRST(&w->answering)) != NULL) {
		worker_answer_never(s);
		answer(w, s);
	}
}

bool worker_hear_control(struct worker *w)
{
	bool any = false;
	struct login *g;

	while ((g = desk_take(w->l)) != NULL) {
		struct session *s = &w->sessions[g->slot];

		any = true;
		if (!s->conn || s->id != g->session || !s->oftp)
			s = NULL;
		/* Who is gone has said so, or will when its last block comes back. */
		if (g->kind == LOGIN_RELEASE && s)
			oftp_release(s, w, g->turns);
		if (g->kind == LOGIN_RELEASE || !s)
			login_free(g);
		else
			oftp_answered(s, w, g);
	}
	return any;
}
