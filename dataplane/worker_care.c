/* Sessions that must go: forbidden, silent, not going on, or hoarding memory. */
#include "dataplane/session_protocol.h"

#define SWEEP_SLOTS 256u
#define SWEEP_US    10000u
#define EVICT_US    10000u
#define CHECK_SLOTS 1024u

static void refuse(struct worker *w, struct session *s, enum refusal_reason why)
{
	w->l->refusals[why]++;
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
	for (uint32_t i = 0; i < SWEEP_SLOTS && w->count > 0; i++) {
		struct session *s = &w->sessions[w->swept];

		w->swept = w->swept + 1 < w->slots ? w->swept + 1 : 0;
		if (!s->conn || s->queued)
			continue;
		/* While we cannot store, windows are closed: no peer is to blame for not going on.
		 */
		if (worker_held_up(w) && s->partial_us)
			s->partial_us = l->now_us;
		if (s->protocol && s->protocol->waits && s->protocol->waits(s)) {
			s->active_us = l->now_us;
			continue;
		}
		if ((pol->idle_timeout_us && l->now_us - s->active_us >= pol->idle_timeout_us) ||
			(s->partial_us && pol->unfinished_timeout_us &&
				l->now_us - s->partial_us >= pol->unfinished_timeout_us))
			refuse(w, s, REFUSAL_idle_timeout);
	}
}

/*
 * Receive memory is nearly used up, and nobody has a whole log in it: it is held by unfinished logs
 * and by data out of order. Whoever holds most of it goes, so that the others' windows open again.
 */
static void evict(struct worker *w)
{
	struct session *most = NULL;
	uint32_t held = 0;

	w->evicted_us = w->l->now_us;
	for (uint32_t i = 0; i < w->slots; i++) {
		struct session *s = &w->sessions[i];
		struct tcp_info info;

		if (!s->conn)
			continue;
		tcp_info(s->conn, &info);
		if (info.rcv_held > held) {
			held = info.rcv_held;
			most = s;
		}
	}
	if (most)
		refuse(w, most, REFUSAL_session_limit);
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

		if (s->conn && !session_permitted(s, l, &why))
			refuse(w, s, why);
	}
	return true;
}

bool worker_care(struct worker *w)
{
	uint64_t now = w->l->now_us;
	bool more = check_policy(w);

	if (now - w->swept_us >= SWEEP_US)
		sweep(w);
	if (!w->ready && now - w->evicted_us >= EVICT_US &&
		tcp_counters(w->tcp)->rcv_bytes_held >= w->rcv_total / 4 * 3)
		evict(w);
	return more;
}
