/* TLS below a session: whose turn it is to shake hands, and plaintext out of TCP's buffers. */
#include "dataplane/session_protocol.h"

#include "dataplane/tell.h"

#define RECORD_BYTES 16384u	/* the largest plaintext of a record */
#define CARRY_MAX    (1u << 20) /* no protocol's message is so long */
#define SOURCE_LOOK  4u
#define SECOND_US    1000000u
#define HELLO_HEAD   5u /* of a record: RFC 8446 section 5.1 */
#define HELLO_SPANS  HELLO_HEAD

/* ---- the TCP connection, as the TLS room sees it ---- */

_Static_assert(sizeof(struct tls_span) == sizeof(struct tcp_span) &&
		       offsetof(struct tls_span, data) == offsetof(struct tcp_span, data) &&
		       offsetof(struct tls_span, len) == offsetof(struct tcp_span, len),
	"spans are passed on as they are");

static unsigned below_peek(void *ctx, struct tls_span *v, unsigned n)
{
	const struct session *s = ctx;

	return tcp_peek(s->conn, (struct tcp_span *)v, n);
}

static void below_consume(void *ctx, uint32_t n)
{
	struct session *s = ctx;

	tcp_consume(s->conn, n, s->worker->l->now_us);
}

static uint32_t below_write(void *ctx, const void *data, uint32_t n)
{
	struct session *s = ctx;

	return s->closed ? 0 : tcp_write(s->conn, data, n, s->worker->l->now_us);
}

static bool below_ended(void *ctx)
{
	const struct session *s = ctx;

	return s->peer_closed && tcp_unread(s->conn) == 0;
}

static const struct tls_transport below = {
	.peek = below_peek,
	.consume = below_consume,
	.write = below_write,
	.ended = below_ended,
};

static void on_trace(void *ctx, const char *line)
{
	struct session *s = ctx;

	trace_say(s->worker->l, "tls", &s->src.addr, line);
}

/* ---- whose turn it is ---- */

static void line_add(struct session_line *line, struct session *s)
{
	s->line_next = NULL;
	s->line_prev = line->last;
	if (line->last)
		line->last->line_next = s;
	else
		line->first = s;
	line->last = s;
	line->count++;
}

static void line_remove(struct session_line *line, struct session *s)
{
	if (s->line_prev)
		s->line_prev->line_next = s->line_next;
	else
		line->first = s->line_next;
	if (s->line_next)
		s->line_next->line_prev = s->line_prev;
	else
		line->last = s->line_prev;
	s->line_next = s->line_prev = NULL;
	line->count--;
}

void session_enter_line(struct session *s, enum session_stage stage)
{
	struct worker *w = s->worker;

	worker_unqueue(w, s);
	s->stage = (uint8_t)stage;
	s->stage_us = s->progress_us = w->l->now_us;
	line_add(&w->lines[stage], s);
}

static uint32_t share(const struct worker *w, uint32_t limit)
{
	uint32_t n = limit / w->l->dp->workers_count;

	return n > 0 ? n : 1;
}

static void shake(struct session *s)
{
	session_enter_line(s, SESSION_SHAKING);
	worker_ready(s->worker, s);
}

void session_leave_line(struct session *s)
{
	struct worker *w = s->worker;
	struct session *next;

	if (s->stage == SESSION_OPEN)
		return;
	worker_unqueue(w, s);
	line_remove(&w->lines[s->stage], s);
	s->stage = SESSION_OPEN;
	s->stage_us = w->l->now_us;
	next = w->lines[SESSION_WAITING].first;
	if (!next || w->lines[SESSION_SHAKING].count >= share(w, w->l->policy->handshakes))
		return;
	line_remove(&w->lines[SESSION_WAITING], next);
	shake(next);
}

/* May this source begin one more handshake in this second? */
static bool source_may(struct worker *w, const struct ip_addr *a)
{
	uint32_t limit = w->l->policy->handshakes_per_source;
	uint64_t second = w->l->now_us / SECOND_US;
	uint32_t at = (uint32_t)siphash13(&w->source_key, a, sizeof(*a));
	struct source_rate *r = NULL;

	if (limit == 0)
		return true;
	for (unsigned i = 0; i < SOURCE_LOOK; i++) {
		struct source_rate *e = &w->sources[(at + i) % SOURCE_SLOTS];

		if (ip_addr_equal(&e->addr, a)) {
			r = e;
			break;
		}
		/* The place of whoever has begun least, if nobody's is out of date. */
		if (!r || (r->second == second && (e->second != second || e->count < r->count)))
			r = e;
	}
	if (r->second != second || !ip_addr_equal(&r->addr, a))
		*r = (struct source_rate){.addr = *a, .second = second};
	return r->count++ < share(w, limit);
}

enum session_result session_tls_begin(struct session *s, struct worker *w)
{
	struct lcore *l = w->l;
	bool traced = trace_wanted(l, &s->src.addr);

	if (!source_may(w, &s->src.addr)) {
		session_refused(s, REFUSAL_handshake_rate, NULL);
		return SESSION_ABORT;
	}
	s->tls = tls_conn_new(l->policy->tls, &below, s, traced ? on_trace : NULL, s);
	if (!s->tls) {
		session_refused(s, REFUSAL_session_limit, "no memory for a TLS connection");
		return SESSION_ABORT;
	}
	s->transport = &session_tls;
	s->src.transport = TRANSPORT_TLS;
	s->kind = STREAM_UNDECIDED;
	s->partial_us = 0;
	if (w->lines[SESSION_SHAKING].count < share(w, l->policy->handshakes))
		shake(s);
	else
		session_enter_line(s, SESSION_WAITING);
	return SESSION_HELD;
}

bool session_tls_hello_waits(const struct session *s)
{
	struct tcp_span v[HELLO_SPANS];
	unsigned n = tcp_peek(s->conn, v, HELLO_SPANS);
	uint8_t head[HELLO_HEAD];
	uint32_t len = 0;

	if (s->stage != SESSION_WAITING && (s->tls || s->protocol || s->stage != SESSION_OPEN))
		return false;
	for (unsigned i = 0; i < n; i++)
		for (uint32_t k = 0; k < v[i].len && len < HELLO_HEAD; k++)
			head[len++] = v[i].data[k];
	if (len == 0 || head[0] != 0x16)
		return false;
	return len < HELLO_HEAD ||
	       tcp_unread(s->conn) < HELLO_HEAD + ((uint32_t)head[3] << 8 | head[4]);
}

static enum tls_status step(struct session *s, struct worker *w)
{
	enum tls_status status = tls_conn_handshake(s->tls);

	w->step_debt = tls_conn_weight(s->tls);
	w->step_weight += w->step_debt;
	w->steps += w->step_debt > 0;
	return status;
}

bool session_tls_step(struct session *s, struct worker *w)
{
	struct tls_failure why;

	s->active_us = w->l->now_us;
	switch (step(s, w)) {
	case TLS_WAIT:
		worker_unqueue(w, s);
		return w->step_debt > 0;
	case TLS_AGAIN:
		s->progress_us = w->l->now_us;
		s->answered = true;
		w->shaking = s->next;
		return true;
	case TLS_OK:
		w->handshakes++;
		w->resumed += tls_conn_resumed(s->tls);
		session_leave_line(s);
		if (session_identify(s, w) == SESSION_REFUSED)
			worker_close(w, s);
		return true;
	case TLS_CLOSED:
	case TLS_FAILED:
		w->handshakes_failed++;
		tls_conn_failure(s->tls, &why);
		session_refused(s, why.reason, why.detail);
		worker_close(w, s);
		return true;
	}
	return false;
}

/* ---- plaintext ---- */

/* There is no buffer to carry in. false: nothing more will come of it for now. */
static bool wait_to_carry(struct session *s, struct worker *w)
{
	bool waits = tcp_unread(s->conn) > 0;

	w->carry_short |= waits;
	/* Nobody will make room for one that is closed: this is its end. */
	if (s->closed || (!waits && s->peer_closed)) {
		s->tls_ended = true;
		s->cut_off |= !tls_conn_notified(s->tls);
	}
	return waits && !s->closed;
}

static enum session_result tls_peek(struct session *s, struct worker *w, struct session_input *in)
{
	/* One that was held reads what it has already before it gets more; and one that holds much
	 * does so too, whatever held it. */
	bool fresh = !s->blocked && s->carry.len < CARRY_MAX;
	struct tls_failure why;
	bool more = !s->tls_ended;
	/* Who is slowed down again and again leaves the rest where it is: with TCP, and the peer.
	 */
	uint32_t most = s->was_slowed ? RECORD_BYTES : PLAIN_BYTES;

	w->plain_len = 0;
	if (s->stage != SESSION_OPEN && (!session_is_held(s) || s->protocol))
		return SESSION_HELD;
	while (fresh && more && most - w->plain_len >= RECORD_BYTES) {
		enum tls_status status;
		size_t got;

		if (!carry_room(&w->carry, w->plain_len + RECORD_BYTES)) {
			if (w->plain_len == 0)
				more = wait_to_carry(s, w);
			break; /* else that is a turn, if a short one */
		}
		status = tls_conn_read(s->tls, w->plain + w->plain_len, RECORD_BYTES, &got);
		w->plain_len += (uint32_t)got;
		if (status == TLS_OK && session_is_held(s))
			break; /* enough to tell what it speaks */
		if (status == TLS_OK)
			continue;
		if (status == TLS_AGAIN)
			break;
		more = false;
		if (status == TLS_CLOSED) {
			s->tls_ended = true;
			s->cut_off |= !tls_conn_notified(s->tls);
		} else if (status == TLS_FAILED) {
			tls_conn_failure(s->tls, &why);
			session_refused(s, why.reason, why.detail);
			return SESSION_REFUSED;
		}
	}
	in->v = w->spans;
	in->n = carry_spans(&s->carry, in->v, SESSION_SPANS - 1);
	_Static_assert((SESSION_SPANS - 3) * CARRY_DATA > CARRY_MAX + PLAIN_BYTES,
		"all that is carried is shown, so that what was just decrypted follows it");
	if (w->plain_len)
		in->v[in->n++] = (struct framing_span){w->plain, w->plain_len};
	in->more = more;
	in->whole = s->carry.len + w->plain_len < CARRY_MAX;
	in->eof = s->tls_ended;
	return SESSION_WAIT;
}

static bool tls_consume(struct session *s, struct worker *w, const struct session_input *in)
{
	uint32_t from = in->consumed - carry_take(&w->carry, &s->carry, in->consumed);

	if (from < w->plain_len)
		carry_add(&w->carry, &s->carry, w->plain + from, w->plain_len - from);
	w->plain_len = 0;
	return s->carry.len > 0;
}

static uint32_t tls_write(struct session *s, struct worker *w, const void *data, uint32_t n)
{
	uint32_t done = 0;
	size_t took;

	(void)w;
	while (done < n &&
		tls_conn_write(s->tls, (const uint8_t *)data + done, n - done, &took) == TLS_OK)
		done += (uint32_t)took;
	return done;
}

static void tls_finish(struct session *s, struct worker *w)
{
	(void)w;
	tls_conn_close(s->tls);
}

const struct session_transport session_tls = {
	.peek = tls_peek,
	.consume = tls_consume,
	.write = tls_write,
	.finish = tls_finish,
};
