/* Sessions that must go: forbidden, silent, not going on, or hoarding memory. */
#include "dataplane/session_protocol.h"

#define SWEEP_SLOTS 256u
#define SWEEP_US    10000u
#define EVICT_US    10000u
#define CHECK_SLOTS 1024u
#define LINGER_US   2000000u /* for a peer that was refused to close too */
/* While others wait for their turn, a handshake must get on within this time; one of whom we have
 * heard a whole flight has more, as what comes next may be lost once (RFC 6298: sent again after
 * 1 s) and a fleet that comes at once is slow. */
#define STALLED_US   1000000u
#define ANSWERED_US  3000000u
#define STALLED_LOOK 64u
#define SLOWED_US    10000u

static void refuse(struct worker *w, struct session *s, enum refusal_reason why, const char *detail)
{
	session_refused(s, why, detail);
	tcp_abort(s->conn, w->l->now_us);
}

/*
 * Ends sessions that have been silent for too long, and those that have held an unfinished log for
 * too long (a slow loris); some slots at a time.
 */
static void sweep(struct worker *w)
{
	struct lcore *l = w->l;
	const struct dp_policy *pol = l->policy;

	w->swept_us = l->now_us;
	if (w->count == 0)
		w->top = 0;
	for (uint32_t i = 0; i < SWEEP_SLOTS && i < w->top; i++) {
		uint32_t at = w->swept < w->top ? w->swept : 0;
		struct session *s = &w->sessions[at];

		w->swept = at + 1;
		if (s->conn && !s->closing && s->protocol && s->protocol->care)
			s->protocol->care(s, w);
		if (!s->conn || s->queued)
			continue;
		if (s->closing) {
			if (l->now_us - s->stage_us >= LINGER_US)
				tcp_abort(s->conn, l->now_us);
			continue;
		}
		if (session_is_held(s) || s->stage == SESSION_SHAKING || s->stage == SESSION_SLOWED)
			continue; /* they have times of their own */
		if (pol->handshake_timeout_us && session_tls_hello_waits(s) &&
			l->now_us - (s->stage == SESSION_WAITING ? s->stage_us : s->partial_us) >=
				pol->handshake_timeout_us) {
			refuse(w, s, REFUSAL_handshake_timeout, "its ClientHello does not end");
			continue;
		}
		/* While we cannot store, windows are closed: no peer is to blame for not going on.
		 */
		if (worker_held_up(w) && s->partial_us)
			s->partial_us = l->now_us;
		if (s->protocol && s->protocol->waits && s->protocol->waits(s)) {
			s->active_us = l->now_us;
			continue;
		}
		if (s->partial_us && pol->unfinished_timeout_us &&
			l->now_us - s->partial_us >= pol->unfinished_timeout_us)
			refuse(w, s, REFUSAL_idle_timeout, "a log that began did not end");
		else if (pol->idle_timeout_us && l->now_us - s->active_us >= pol->idle_timeout_us)
			refuse(w, s, REFUSAL_idle_timeout, "nothing came for too long");
	}
}

/*
 * Receive memory is nearly used up, and nobody has a whole log in it: it is held by unfinished logs
 * and by data out of order. Whoever holds most of it goes, so that the others' windows open again.
 */
static void evict(struct worker *w, bool carried_only)
{
	struct session *most = NULL;
	bool most_slowed = false, slowed;
	uint32_t held = 0;

	w->evicted_us = w->l->now_us;
	for (uint32_t i = 0; i < w->slots; i++) {
		struct session *s = &w->sessions[i];
		struct tcp_info info;
		uint32_t holds = s->carry.len;

		if (!s->conn)
			continue;
		if (!carried_only) {
			tcp_info(s->conn, &info);
			holds += info.rcv_held;
		}
		/* Whom we slow down goes on by himself: he goes where there is nobody else. */
		slowed = s->stage == SESSION_SLOWED;
		if (holds > 0 && (!most || most_slowed > slowed ||
					 (most_slowed == slowed && holds > held))) {
			held = holds;
			most = s;
			most_slowed = slowed;
		}
	}
	w->carry_short = false;
	if (most)
		refuse(w, most, REFUSAL_session_limit, "it held most of the memory");
}

/* A new policy: established sessions that it forbids end. false: all have been looked at. */
static bool check_policy(struct worker *w)
{
	struct lcore *l = w->l;

	if (w->policy_number != l->policy->number) {
		w->policy_number = l->policy->number;
		w->checked = 0;
	}
	if (w->checked == w->slots)
		return false;
	for (uint32_t i = 0; i < CHECK_SLOTS && w->checked < w->slots; i++) {
		struct session *s = &w->sessions[w->checked++];
		enum refusal_reason why;

		if (!s->conn || s->closing)
			continue;
		if (!session_permitted(s, l, &why)) {
			if (s->protocol && s->protocol->forbidden &&
				s->protocol->forbidden(s, w, why))
				continue;
			s->closing = true; /* what it has sent and we have not read stays out */
			refuse(w, s, why, session_forbidden_by(s, why));
		} else if (session_is_held(s)) {
			session_reconsider(s, w);
		} else if (s->protocol && s->protocol->reconsider) {
			s->protocol->reconsider(s, w);
		}
	}
	return true;
}

/* Who was slowed down tries again: its device's rate has been paid for in part. */
static void release_slowed(struct worker *w)
{
	struct session *s;

	while ((s = w->lines[SESSION_SLOWED].first) && w->l->now_us - s->stage_us >= SLOWED_US) {
		session_leave_line(s);
		worker_ready(w, s);
	}
}

/* When a handshake that does not get on has had its time. */
static uint64_t stalled_us(const struct session *s)
{
	return s->progress_us + (s->answered ? ANSWERED_US : STALLED_US);
}

/* How long one that is denied may take to log in, and be told so: as long as its handshake. */
static uint64_t denied_hold_us(const struct dp_policy *pol)
{
	return pol->handshake_timeout_us ? pol->handshake_timeout_us : pol->pending_hold_us;
}

/* Handshakes that take too long, serials that nobody authorized in time, and denied ones that do
 * not log in. */
static void check_lines(struct worker *w)
{
	const struct dp_policy *pol = w->l->policy;
	uint64_t now = w->l->now_us;
	struct session *s;

	while ((s = w->lines[SESSION_SHAKING].first) && pol->handshake_timeout_us &&
		now - s->stage_us >= pol->handshake_timeout_us)
		refuse(w, s, REFUSAL_handshake_timeout, NULL);
	while ((s = w->lines[SESSION_PENDING].first) && now - s->stage_us >= pol->pending_hold_us)
		refuse(w, s, REFUSAL_not_authorized, "nobody authorized it in time");
	while ((s = w->lines[SESSION_DENIED].first) && now - s->stage_us >= denied_hold_us(pol))
		worker_close(w, s); /* that was counted when it came */
	release_slowed(w);
	if (!w->lines[SESSION_WAITING].first)
		return;
	s = w->lines[SESSION_SHAKING].first;
	for (unsigned i = 0; s && i < STALLED_LOOK; i++, s = s->line_next)
		/* Who stands in the circle waits for us. */
		if (!s->queued && now >= stalled_us(s)) {
			refuse(w, s, REFUSAL_handshake_timeout, "others waited for its place");
			return;
		}
}

uint64_t worker_care_deadline(const struct worker *w)
{
	const struct dp_policy *pol = w->l->policy;
	const struct session *s;
	uint64_t at = UINT64_MAX, t;

	s = w->lines[SESSION_SHAKING].first;
	if (s && pol->handshake_timeout_us && (t = s->stage_us + pol->handshake_timeout_us) < at)
		at = t;
	if (s && w->lines[SESSION_WAITING].first && (t = stalled_us(s)) < at)
		at = t;
	s = w->lines[SESSION_SLOWED].first;
	if (s && (t = s->stage_us + SLOWED_US) < at)
		at = t;
	s = w->lines[SESSION_PENDING].first;
	if (s && (t = s->stage_us + pol->pending_hold_us) < at)
		at = t;
	s = w->lines[SESSION_DENIED].first;
	if (s && (t = s->stage_us + denied_hold_us(pol)) < at)
		at = t;
	return at;
}

bool worker_care(struct worker *w)
{
	uint64_t now = w->l->now_us;
	bool more = check_policy(w);

	check_lines(w);
	if (now - w->swept_us >= SWEEP_US)
		sweep(w);
	if (w->carry_short && now - w->evicted_us >= EVICT_US)
		evict(w, true);
	if (!w->ready && now - w->evicted_us >= EVICT_US &&
		tcp_counters(w->tcp)->rcv_bytes_held >= w->rcv_total / 4 * 3)
		evict(w, false);
	return more;
}
