/*
 * RELP: a log is answered when the block that it lies in is durable, all that became durable in a
 * round at once. What is not answered the client keeps, and sends again on its next connection.
 */
#include "dataplane/session_protocol.h"

#define ANSWER_BYTES 4096u /* sent at once */

static void relp_begin(struct session *s, struct worker *w)
{
	relp_init(&s->relp, w->l->policy->message_size);
	s->src.transport = s->transport == &session_plain ? TRANSPORT_RELP : TRANSPORT_RELP_TLS;
	s->src.acked = true;
}

static void mark(struct session *s, struct worker *w)
{
	const struct ack_mark m = {
		.session = s->id,
		.upto = relp_ordinal(&s->relp),
		.generation = w->l->in.block->generation,
		.slot = s->slot,
	};

	acks_note(&w->acks, &m, &s->newest_mark);
}

static bool acks_may_note(struct worker *w)
{
	if (acks_room(&w->acks))
		return true;
	w->l->acks_full++;
	return false;
}

/* The peer says no more: what is left is no frame. */
static enum session_result finish(struct session *s, struct session_input *in)
{
	s->finished = true;
	while (in->n > 0)
		session_advance(in, in->v->len);
	return relp_answerable(&s->relp) ? SESSION_PAUSE : SESSION_DONE;
}

static enum session_result read_frames(
	struct session *s, struct worker *w, struct session_input *in)
{
	struct lcore *l = w->l;
	bool relay = session_is_relay(s, l);

	for (;;) {
		struct relp before = s->relp;
		struct frame f;

		if (s->quantum == 0 && !s->closed)
			return SESSION_AGAIN;
		switch (relp_next(&s->relp, in->v, in->n, &f)) {
		case RELP_LOG:
			if (!acks_may_note(w) || !intake_room(&l->in, f.len, 1)) {
				/* Not consumed, so it must be found again; and where the connection
				 * is gone, the client still has it. */
				s->relp = before;
				return s->closed ? SESSION_DONE : SESSION_NO_ROOM;
			}
			if (!session_take_log(s, l, in->v, &f, relay)) {
				s->relp = before;
				return session_slow_down(s);
			}
			mark(s, w);
			break;
		case RELP_SKIP:
			break;
		case RELP_WAIT:
			s->paused = true;
			return SESSION_PAUSE;
		case RELP_MORE:
			return in->eof ? finish(s, in) : SESSION_WAIT;
		case RELP_CLOSED:
			return finish(s, in);
		case RELP_BROKEN:
			session_refused(s, REFUSAL_protocol_error, "broken RELP");
			return SESSION_ABORT;
		}
		s->quantum -= f.total < s->quantum ? f.total : s->quantum;
		session_advance(in, f.total);
	}
}

static enum session_result relp_read(struct session *s, struct worker *w, struct session_input *in)
{
	enum session_result r = read_frames(s, w, in);

	/* `open`, an unknown command and an empty log wait for no block. */
	if (r != SESSION_ABORT && relp_due(&s->relp))
		worker_answer_soon(w, s);
	return r;
}

static void relp_became_durable(struct session *s, uint64_t upto)
{
	relp_durable(&s->relp, upto);
}

static enum session_result relp_answer(struct session *s, struct worker *w)
{
	uint8_t buf[ANSWER_BYTES];
	size_t n, took;

	do {
		n = relp_answers(&s->relp, buf, sizeof(buf));
		took = n ? s->transport->write(s, w, buf, (uint32_t)n) : 0;
		relp_sent(&s->relp, took);
	} while (n > 0 && took == n);
	if (s->finished)
		return relp_answerable(&s->relp) ? SESSION_WAIT : SESSION_DONE;
	if (!s->paused || relp_due(&s->relp))
		return SESSION_WAIT;
	s->paused = false;
	return SESSION_AGAIN;
}

static bool relp_is_waiting(const struct session *s)
{
	return relp_waits(&s->relp);
}

static bool relp_farewell(struct session *s, struct worker *w)
{
	if (!s->parting)
		relp_goodbye(&s->relp);
	s->parting = true;
	relp_answer(s, w);
	return !relp_due(&s->relp);
}

static bool relp_permitted(const struct session *s, const struct lcore *l, enum refusal_reason *why)
{
	*why = REFUSAL_cleartext_forbidden;
	return s->proven || (l->policy->cleartext & DP_CLEAR_RELP);
}

const struct session_protocol session_relp = {
	.name = "relp",
	.begin = relp_begin,
	.read = relp_read,
	.permitted = relp_permitted,
	.durable = relp_became_durable,
	.answer = relp_answer,
	.waits = relp_is_waiting,
	.farewell = relp_farewell,
};
