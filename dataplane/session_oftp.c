/*
 * The OFTP profile (docs/oftp-profile.md): items into blocks, and back to the client what is
 * durable, everything of a round in one message. ledger/oftp_server.c says what may come when,
 * ledger/stream.c what is new; the journal has the last word about a stream (desk.c).
 */
#include "dataplane/session_oftp.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/admit.h"
#include "dataplane/tell.h"

static void oftp_begin(struct session *s, struct worker *w)
{
	const struct dp_policy *pol = w->l->policy;
	struct oftp_session *o = calloc(1, sizeof(*o));

	s->oftp = o;
	if (!o)
		return; /* oftp_read() says so */
	snprintf(o->own, sizeof(o->own), "%.*s", AUTH_SERIAL - 1,
		pol->serial[0] ? pol->serial : w->l->dp->cfg.node_name);
	o->own_text = (struct text){o->own, (uint32_t)strlen(o->own)};
	oftp_server_init(&o->s, &o->own_text, 1, OFTP_KEEPALIVE_S, w->l->now_us);
	o->login_us = w->l->now_us;
	s->src.transport = TRANSPORT_OFTP;
	s->src.acked = true;
}

static void oftp_end(struct session *s, struct worker *w)
{
	struct oftp_session *o = s->oftp;

	if (!o)
		return;
	oftp_leave(s, w);
	for (uint32_t i = 0; o->feeds && i < o->s.n_streams; i++)
		free(o->feeds[i].ranges);
	free(o->feeds);
	explicit_bzero(o->key, sizeof(o->key));
	free(o);
	s->oftp = NULL;
	s->claimed = s->version = NULL;
}

/* ---- items ---- */

/* The item is in the block: its seq_no is told when that is durable. */
static void note_tail(struct session *s, struct worker *w, struct oftp_feed *f, bool same_block,
	const struct stream_mark *mark)
{
	struct oftp_session *o = s->oftp;
	const struct ack_mark m = {
		.session = s->id,
		.upto = ++o->ordinal,
		.generation = w->l->in.block->generation,
		.slot = s->slot,
	};

	if (!same_block)
		f->count++;
	f->tails[(f->first + f->count - 1) % OFTP_TAILS] =
		(struct oftp_tail){.ordinal = o->ordinal, .mark = *mark};
	acks_note(&w->acks, &m, &s->newest_mark);
}

static void append_logs(struct session *s, struct lcore *l, const struct oftp_msg *m,
	const uint8_t *logs, bool late)
{
	const char *vdom = oftp_has(m, OFTP_O_VDOM) ? m->vdom.at : NULL;
	uint8_t flags = (late ? LOG_FLAG_LATE : 0) | (m->log_count > 1 ? LOG_FLAG_BATCH : 0);

	for (uint32_t i = 0; i < m->log_count; i++) {
		uint32_t len = oftp_item_length(m, i), kept = len;
		struct framing_span v = {logs, len};

		if (kept > l->policy->message_size)
			kept = l->policy->message_size;
		intake_append(&l->in, &s->src, &v, 0, kept,
			kept < len ? flags | LOG_FLAG_CUT : flags, vdom, m->vdom.len);
		logs += len;
		s->bytes += kept;
	}
	s->logs += m->log_count;
	s->last_log_ns = l->now_ns;
}

/* Room for the item is there. */
static enum session_result accept_item(struct session *s, struct worker *w, struct oftp_feed *f,
	const struct oftp_msg *m, const uint8_t *logs, bool same_block)
{
	struct lcore *l = w->l;
	uint64_t before = f->stream.highest;
	struct stream_mark mark = {.seq = m->seq_no, .time_ns = (int64_t)l->now_ns};
	bool late = false, gap;

	switch (stream_accept(&f->stream, m->seq_no, (int64_t)l->now_ns)) {
	case STREAM_NEW:
		break;
	case STREAM_LATE:
		late = true;
		break;
	case STREAM_DUPLICATE:
		intake_duplicate(&l->in, s->src.device, m->log_count);
		return SESSION_AGAIN;
	case STREAM_STALE:
		intake_drop(&l->in, s->src.device, DROP_malformed, m->log_count);
		return SESSION_AGAIN;
	case STREAM_WAIT:
		s->paused = true;
		return SESSION_PAUSE;
	case STREAM_BAD:
		oftp_server_bad_sequence(&s->oftp->s, m);
		session_refused(s, REFUSAL_protocol_error, oftp_error_text(OFTP_E_SEQUENCE));
		return SESSION_AGAIN;
	}
	oftp_item_digest(m->seq_no, logs, m->raw_len, mark.digest);
	if (!late) {
		f->in.highest = m->seq_no;
		memcpy(f->in.digest, mark.digest, sizeof(f->in.digest));
	}
	gap = late || m->seq_no - before > 1;
	intake_item(&l->in, &s->src, &f->in, m->seq_no, late,
		!gap   ? 0
		: late ? m->seq_no
		       : before + 1,
		!gap   ? 0
		: late ? m->seq_no
		       : m->seq_no - 1);
	append_logs(s, l, m, logs, late);
	intake_item_end(&l->in);
	if (late || m->dropped_before)
		intake_note(&l->in, s->src.device, late ? m->log_count : 0,
			oftp_has(m, OFTP_O_DROPPED_BEFORE) ? m->dropped_before : 0, 0);
	note_tail(s, w, f, same_block, &mark);
	return SESSION_AGAIN;
}

/* SESSION_AGAIN: done with it; else it is to come again. */
static enum session_result take_item(struct session *s, struct worker *w, const struct oftp_msg *m)
{
	struct lcore *l = w->l;
	struct oftp_feed *f = &s->oftp->feeds[s->oftp->s.current];
	const uint8_t *logs;
	bool same_block;

	if (m->raw_len + m->log_count > l->dp->cfg.journal.block_size) {
		/* Not accepted, so the next one finds it missing: a gap. */
		intake_drop(&l->in, s->src.device, DROP_oversize_item, m->log_count);
		return SESSION_AGAIN;
	}
	logs = oftp_item_logs(m, w->item);
	if (!logs) {
		oftp_server_refuse(&s->oftp->s, OFTP_E_ITEM, m->tag);
		session_refused(s, REFUSAL_protocol_error, oftp_error_text(OFTP_E_ITEM));
		return SESSION_AGAIN;
	}
	if (!acks_room(&w->acks)) {
		l->acks_full++;
		return s->closed ? SESSION_DONE : SESSION_NO_ROOM;
	}
	if (!intake_room(&l->in, m->raw_len, m->log_count))
		return s->closed ? SESSION_DONE : SESSION_NO_ROOM;
	same_block = f->count > 0 && f->in.generation == l->in.block->generation;
	if (!same_block && f->count == OFTP_TAILS) {
		s->paused = true;
		return SESSION_PAUSE;
	}
	if (!admit_rate(l, s->src.device, RATE_PROVEN, m->log_count) && !s->closed)
		return session_slow_down(s);
	return accept_item(s, w, f, m, logs, same_block);
}

/* ---- messages ---- */

/* The first `n` bytes in one piece; NULL: they are not all there. */
static const uint8_t *in_one_piece(struct worker *w, const struct session_input *in, uint32_t n)
{
	uint32_t len = 0;

	if (in->n > 0 && in->v[0].len >= n)
		return in->v[0].data;
	for (unsigned i = 0; i < in->n && len < n; i++)
		len += in->v[i].len;
	if (len < n)
		return NULL;
	len = 0;
	for (unsigned i = 0; len < n; i++) {
		uint32_t k = in->v[i].len < n - len ? in->v[i].len : n - len;

		memcpy(w->message + len, in->v[i].data, k);
		len += k;
	}
	return w->message;
}

static enum session_result take_message(
	struct session *s, struct worker *w, const struct oftp_header *h, const uint8_t *body)
{
	struct oftp_session *o = s->oftp;
	struct oftp_msg *m = &w->oftp_msg;

	switch (oftp_server_message(&o->s, h, body, w->l->now_us, m)) {
	case OFTP_EV_NONE:
		break;
	case OFTP_EV_LOGIN:
		oftp_login(s, w, m);
		break;
	case OFTP_EV_SASL:
		oftp_sasl(s, w, m);
		break;
	case OFTP_EV_ITEM:
		return take_item(s, w, m);
	case OFTP_EV_EPOCH:
		oftp_new_epoch(s, w);
		break;
	case OFTP_EV_UNTIMELY:
		intake_drop(&w->l->in, s->src.device, DROP_unauthorized, m->log_count);
		break;
	case OFTP_EV_END:
		if (o->s.error)
			session_refused(s, REFUSAL_protocol_error, oftp_error_text(o->s.error));
		break;
	}
	return SESSION_AGAIN;
}

/* The peer says no more, or what it says does not matter any more. */
static enum session_result finish(struct session *s, struct session_input *in)
{
	struct oftp_session *o = s->oftp;

	s->finished = true;
	while (in->n > 0)
		session_advance(in, in->v->len);
	if (s->closed)
		return SESSION_DONE;
	return o->s.out_len || (o->s.state == OFTP_OPEN && oftp_outstanding(o)) ? SESSION_PAUSE
										: SESSION_DONE;
}

static enum session_result read_messages(
	struct session *s, struct worker *w, struct session_input *in)
{
	struct oftp_session *o = s->oftp;

	for (;;) {
		struct oftp_header h = {0};
		enum session_result r;
		enum oftp_error e;
		const uint8_t *at;
		uint32_t total;

		if (s->quantum == 0 && !s->closed)
			return SESSION_AGAIN;
		if (o->s.state == OFTP_ENDED)
			return finish(s, in);
		if (!oftp_server_ready(&o->s)) {
			s->paused = true;
			return s->closed ? SESSION_DONE : SESSION_PAUSE;
		}
		at = in_one_piece(w, in, OFTP_HEADER);
		if (!at)
			return in->eof ? finish(s, in) : SESSION_WAIT;
		e = oftp_header_decode(at, oftp_server_body_max(&o->s), &h);
		if (e != OFTP_OK) {
			oftp_server_refuse(&o->s, e, h.tag);
			session_refused(s, REFUSAL_protocol_error, oftp_error_text(e));
			continue;
		}
		total = OFTP_HEADER + h.length;
		at = in_one_piece(w, in, total);
		if (!at)
			return in->eof ? finish(s, in) : SESSION_WAIT;
		r = take_message(s, w, &h, at + OFTP_HEADER);
		if (r != SESSION_AGAIN)
			return r;
		s->quantum -= total < s->quantum ? total : s->quantum;
		session_advance(in, total);
	}
}

static enum session_result oftp_read(struct session *s, struct worker *w, struct session_input *in)
{
	enum session_result r;

	if (!s->oftp) {
		session_refused(s, REFUSAL_session_limit, "no memory for a session");
		return SESSION_ABORT;
	}
	r = read_messages(s, w, in);
	if (s->oftp->s.out_len)
		worker_answer_soon(w, s);
	return r;
}

/* ---- what is said ---- */

static void oftp_became_durable(struct session *s, uint64_t upto)
{
	struct oftp_session *o = s->oftp;

	o->durable = upto;
	for (uint32_t i = 0; i < o->s.n_streams; i++) {
		struct oftp_feed *f = &o->feeds[i];
		uint64_t before = f->stream.confirmed.seq;

		while (f->count > 0 && f->tails[f->first].ordinal <= upto) {
			stream_durable(&f->stream, &f->tails[f->first].mark);
			f->first = (f->first + 1) % OFTP_TAILS;
			f->count--;
		}
		if (f->stream.confirmed.seq != before)
			oftp_server_confirmed(&o->s, i);
	}
	if (oftp_outstanding(o))
		return;
	if (o->leaving)
		oftp_leave(s, s->worker);
	else if (o->s.unattached && !o->asked && !s->closing)
		oftp_new_epoch(s, s->worker);
}

static void send_out(struct session *s, struct worker *w)
{
	struct oftp_session *o = s->oftp;
	uint32_t n;

	do {
		oftp_server_flush(&o->s);
		n = o->s.out_len ? s->transport->write(s, w, o->s.out, o->s.out_len) : 0;
		oftp_server_sent(&o->s, n);
	} while (n > 0);
}

static enum session_result oftp_answer(struct session *s, struct worker *w)
{
	struct oftp_session *o = s->oftp;

	if (!o)
		return SESSION_WAIT;
	send_out(s, w);
	if (o->s.state == OFTP_ENDED) {
		if (o->s.out_len)
			return SESSION_WAIT;
		oftp_leave(s, w); /* nothing more is accepted: its streams need not wait for FINs */
		return SESSION_DONE;
	}
	if (s->finished)
		return o->s.out_len || oftp_outstanding(o) ? SESSION_WAIT : SESSION_DONE;
	if (!s->paused || !oftp_server_ready(&o->s))
		return SESSION_WAIT;
	s->paused = false;
	return SESSION_AGAIN;
}

static bool oftp_is_waiting(const struct session *s)
{
	const struct oftp_session *o = s->oftp;

	return o && (oftp_outstanding(o) || o->s.state == OFTP_DECIDING);
}

static bool oftp_farewell(struct session *s, struct worker *w)
{
	struct oftp_session *o = s->oftp;

	if (!o)
		return true;
	send_out(s, w);
	if (o->s.state != OFTP_ENDED && !oftp_may_say(o))
		return false;
	oftp_server_bye(&o->s, NULL);
	send_out(s, w);
	return o->s.out_len == 0;
}

/*
 * Its login has the time of a handshake, whatever else it says meanwhile, and so has what it waits
 * for: control's word, or who has its streams. What the journal waits for does not count. true: it
 * has had it.
 */
static bool login_is_late(struct session *s, struct worker *w)
{
	const struct dp_policy *pol = w->l->policy;
	struct oftp_session *o = s->oftp;
	uint64_t *since = o->asked ? &o->asked_us : &o->login_us;

	if (!o->asked && o->s.state != OFTP_FRESH && o->s.state != OFTP_SASL)
		return false;
	if (worker_held_up(w) || journal_state(w->l->in.journal) != JOURNAL_RUNNING)
		*since = w->l->now_us;
	if (!pol->handshake_timeout_us || w->l->now_us - *since < pol->handshake_timeout_us)
		return false;
	session_refused(s, REFUSAL_handshake_timeout,
		o->asked ? "nobody decides on it, or its streams are not let go of"
			 : "its login does not end");
	oftp_server_give_up(&o->s, refusal_reason_slug(REFUSAL_handshake_timeout));
	send_out(s, w);
	worker_close(w, s);
	return true;
}

/* Silence, and whether logs may be sent now. */
static void oftp_care(struct session *s, struct worker *w)
{
	enum journal_state js = journal_state(w->l->in.journal);
	struct oftp_session *o = s->oftp;
	uint64_t now = w->l->now_us;
	const char *why = js == JOURNAL_HOLD_DISK_FULL ? drop_reason_slug(DROP_disk_full)
						       : drop_reason_slug(DROP_journal_failed);

	if (!o || o->s.state == OFTP_ENDED || login_is_late(s, w))
		return;
	if (js == JOURNAL_RUNNING) {
		oftp_server_status(&o->s, OFTP_GO, NULL);
	} else if (o->s.status != OFTP_HOLD) {
		oftp_server_status(&o->s, OFTP_HOLD, why);
		o->reminded_us = now;
	} else if (now - o->reminded_us >= OFTP_KEEPALIVE_S * 1000000ull) {
		/* Nothing of its is read now, keepalives neither: so it hears of us. */
		oftp_server_remind(&o->s, why);
		o->reminded_us = now;
	}
	if (worker_held_up(w) || o->s.status == OFTP_HOLD)
		o->s.heard_us = now;
	oftp_reconsider(s, w); /* it may have been authorized while it could not be told */
	if (oftp_server_expire(&o->s, now) == OFTP_EV_END)
		session_refused(s, REFUSAL_idle_timeout, NULL);
	if (o->s.out_len)
		worker_answer_soon(w, s);
}

/* Its magic in the clear is refused: it is spoken inside of TLS only. */
static bool oftp_permitted(const struct session *s, const struct lcore *l, enum refusal_reason *why)
{
	(void)l;
	*why = REFUSAL_cleartext_forbidden;
	return s->tls != NULL;
}

const struct session_protocol session_oftp = {
	.name = "oftp",
	.begin = oftp_begin,
	.read = oftp_read,
	.permitted = oftp_permitted,
	.durable = oftp_became_durable,
	.answer = oftp_answer,
	.waits = oftp_is_waiting,
	.farewell = oftp_farewell,
	.care = oftp_care,
	.reconsider = oftp_reconsider,
	.forbidden = oftp_forbidden,
	.end = oftp_end,
};

const char *oftp_kind_name(const struct session *s)
{
	switch ((enum oftp_server_state)s->oftp->s.state) {
	case OFTP_WAITING:
		return "pending";
	case OFTP_OPEN:
	case OFTP_ENDED:
		return "oftp";
	case OFTP_FRESH:
	case OFTP_DECIDING:
	case OFTP_SASL:
		break;
	}
	return "login";
}

void oftp_release(struct session *s, struct worker *w, bool turns)
{
	struct oftp_session *o = s->oftp;

	if (o->leaving)
		return;
	if (turns)
		session_refused(
			s, REFUSAL_duplicate_serial, "another address logs in as it, in turns");
	send_out(s, w);
	if (o->s.state != OFTP_ENDED && oftp_may_say(o))
		oftp_server_bye(
			&o->s, turns ? refusal_reason_slug(REFUSAL_duplicate_serial) : NULL);
	send_out(s, w);
	if (!s->closing)
		worker_close(w, s);
	oftp_leave(s, w);
}
