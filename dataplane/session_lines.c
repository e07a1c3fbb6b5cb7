/* Syslog on a stream: newline-framed lines and octet-counted frames, as the framer finds them. */
#include "dataplane/session_protocol.h"

/* The log of a peer that had not finished, without its end: it is not known to be all. */
static void mark_partial(const struct session *s, struct frame *f)
{
	if (s->cut_off && !(f->flags & (LOG_FLAG_LF | LOG_FLAG_CRLF | LOG_FLAG_NUL | LOG_FLAG_CUT |
					       LOG_FLAG_COUNTED)))
		f->flags |= LOG_FLAG_PARTIAL;
}

static enum session_result lines_read(struct session *s, struct worker *w, struct session_input *in)
{
	struct lcore *l = w->l;
	bool relay = session_is_relay(s, l);

	do {
		struct framer before = s->framer;
		struct frame f;

		if (s->quantum == 0 && !s->closed)
			return SESSION_AGAIN;
		switch (framer_next(&s->framer, in->v, in->n, in->eof, &f)) {
		case FRAME_LOG:
			if (intake_room(&l->in, f.len, 1)) {
				mark_partial(s, &f);
				if (session_take_log(s, l, in->v, &f, relay))
					break;
				s->framer = before;
				return session_slow_down(s);
			}
			if (!s->closed) {
				/* Not consumed, so it must be found again. */
				s->framer = before;
				return SESSION_NO_ROOM;
			}
			/* The connection is gone: what was not stored now never will be. */
			intake_drop(&l->in, s->src.device, intake_no_room_reason(&l->in), 1);
			break;
		case FRAME_SKIP:
			break;
		case FRAME_BROKEN:
			session_refused(s, REFUSAL_protocol_error, "a broken octet count");
			return SESSION_ABORT;
		case FRAME_MORE:
			return in->eof ? SESSION_DONE : SESSION_WAIT;
		}
		s->quantum -= f.total < s->quantum ? f.total : s->quantum;
		session_advance(in, f.total);
	} while (in->n > 0 || in->eof);
	return SESSION_WAIT;
}

static bool lines_permitted(
	const struct session *s, const struct lcore *l, enum refusal_reason *why)
{
	*why = REFUSAL_cleartext_forbidden;
	/* One that shows no certificate over TLS is as one in the clear. */
	return s->proven || (l->policy->cleartext & DP_CLEAR_TCP_SYSLOG);
}

static void lines_begin(struct session *s, struct worker *w)
{
	framer_init(&s->framer, s->kind, w->l->policy->message_size);
}

const struct session_protocol session_lines = {
	.name = "lines",
	.begin = lines_begin,
	.read = lines_read,
	.permitted = lines_permitted,
};

const struct session_protocol session_counted = {
	.name = "counted",
	.begin = lines_begin,
	.read = lines_read,
	.permitted = lines_permitted,
};
