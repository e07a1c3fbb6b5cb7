/* Syslog on a stream: newline-framed lines and octet-counted frames, as the framer finds them. */
#include "dataplane/session_protocol.h"

#include "dataplane/admit.h"

#include <string.h>

/* The devid in a log that came through a relay whose word we take. */
static struct text relayed_devid(
	struct lcore *l, const struct framing_span *v, const struct frame *f)
{
	const char *at = (const char *)v->data + f->skip;
	if (v->len < f->skip + f->len) {
		/* The log lies in several buffers: the beginning, where devid stands, is enough. */
		uint32_t n = f->len < 2048 ? f->len : 2048, done = 0, skip = f->skip;

		for (; done < n; v++) {
			uint32_t k;

			if (skip >= v->len) {
				skip -= v->len;
				continue;
			}
			k = v->len - skip < n - done ? v->len - skip : n - done;
			memcpy(l->scratch + done, v->data + skip, k);
			done += k;
			skip = 0;
		}
		return fields_devid((const char *)l->scratch, n);
	}
	return fields_devid(at, f->len);
}

/* false: its device may not have more now; nothing was done. */
static bool take_log(struct session *s, struct lcore *l, const struct framing_span *v,
	const struct frame *f, bool relay)
{
	struct intake_source src = s->src;
	uint8_t flags = f->flags;

	if (relay && !admit_clear(l, &s->src.addr, s->src.port, s->src.transport,
			     relayed_devid(l, v, f), 1, &src.device))
		return true;
	if (!admit_rate(l, src.device) && !s->closed)
		return false;

	/* Without its end from a peer that had not finished: it is not known to be all. */
	if (s->cut_off && !(flags & (LOG_FLAG_LF | LOG_FLAG_CRLF | LOG_FLAG_NUL | LOG_FLAG_CUT |
					    LOG_FLAG_COUNTED)))
		flags |= LOG_FLAG_PARTIAL;
	intake_append(&l->in, &src, v, f->skip, f->len, flags, NULL, 0);
	s->logs++;
	s->bytes += f->len;
	s->last_log_ns = l->now_ns;
	return true;
}

/* Takes `len` bytes off the front of what is to be read. */
static void advance(struct session_input *in, uint32_t len)
{
	in->consumed += len;
	while (in->n > 0 && len >= in->v->len) {
		len -= in->v->len;
		in->v++;
		in->n--;
	}
	if (len) {
		in->v->data += len;
		in->v->len -= len;
	}
}

static enum session_result lines_read(struct session *s, struct worker *w, struct session_input *in)
{
	struct lcore *l = w->l;
	const struct dp_policy *pol = l->policy;
	/* Who has proven to be somebody speaks for itself. */
	bool relay = pol->trust_devid_count > 0 && !s->proven &&
		     prefixes_have(pol->trust_devid, pol->trust_devid_count, &s->src.addr);

	do {
		struct framer before = s->framer;
		struct frame f;

		if (s->quantum == 0 && !s->closed)
			return SESSION_AGAIN;
		switch (framer_next(&s->framer, in->v, in->n, in->eof, &f)) {
		case FRAME_LOG:
			if (intake_room(&l->in, f.len, 1)) {
				if (take_log(s, l, in->v, &f, relay))
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
		advance(in, f.total);
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
