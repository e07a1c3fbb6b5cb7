/*
 * Half-open connections (SYN-RECEIVED), in a table of their own so that a flood of SYNs costs
 * neither connections nor the memory of one. They wait in queues by how often their SYN-ACK was
 * sent: within a queue all have the same delay, so each queue is sorted by itself.
 */
#include <string.h>

#include "dataplane/tcp/rcv.h"

#define SYN_ANSWERS 8 /* to segments that do not fit, between two stages */

uint16_t tcp_our_mss(struct tcp_stack *s, const struct ip_addr *peer)
{
	uint32_t mtu = s->ops.mtu(s->ctx, peer);
	uint32_t overhead = ip_addr_is_v4(peer) ? 40 : 60;

	if (mtu < TCP_DEFAULT_MSS + overhead)
		return TCP_DEFAULT_MSS;
	return (uint16_t)(mtu > UINT16_MAX ? UINT16_MAX - overhead : mtu - overhead);
}

static void send_synack(struct tcp_stack *s, const struct tcp_syn *e, uint32_t ts)
{
	uint8_t opts[40];
	uint32_t n = tcp_options_syn(opts, tcp_our_mss(s, &e->flow.src), e, ts);
	uint16_t wnd = (uint16_t)(e->rcv_wnd > UINT16_MAX ? UINT16_MAX : e->rcv_wnd);

	tcp_reply(s, &e->flow, e->iss, e->irs + 1, TCP_SYN | TCP_ACK, wnd, opts, n);
}

static void send_synack_now(struct tcp_stack *s, const struct tcp_syn *e, uint64_t now)
{
	uint32_t ts = e->flags & CF_TS ? tcp_ts_now(tcp_ts_offset(s, &e->flow), now) : 0;

	send_synack(s, e, ts);
}

static void enter_stage(struct tcp_stack *s, struct tcp_syn *e, uint8_t stage, uint64_t now)
{
	e->stage = stage;
	e->acks = 0;
	e->due = now + ((uint64_t)TCP_SYN_RTO_US << stage);
	link_append(&s->syn_stage[stage], &e->link);
}

static void entry_remove(struct tcp_stack *s, struct tcp_syn *e)
{
	link_remove(&e->link);
	tcp_table_remove(&s->table, e->hash, REF_SYN | slab_index(&s->syns, e));
	slab_put(&s->syns, e);
	s->n.half_open--;
}

void tcp_syn_read(const struct tcp_stack *s, struct tcp_syn *e, const struct tcp_seg *g)
{
	e->peer_mss = g->o.mss;
	if (e->peer_mss == 0)
		e->peer_mss = ip_addr_is_v4(&e->flow.src) ? TCP_DEFAULT_MSS : TCP_DEFAULT_MSS_V6;
	if (e->peer_mss < TCP_MIN_MSS)
		e->peer_mss = TCP_MIN_MSS;
	if (g->o.has_ts) {
		e->flags |= CF_TS;
		e->ts_recent = g->o.tsval;
	}
	if (g->o.sack_ok)
		e->flags |= CF_SACK;
	if (g->o.has_wscale) {
		e->flags |= CF_WSCALE;
		e->snd_wscale = g->o.wscale;
		e->rcv_wscale = s->rcv_wscale;
	}
}

void tcp_syn_input(struct tcp_stack *s, struct tcp_seg *g, const uint32_t *iss_floor, uint64_t now)
{
	struct tcp_syn fresh = {.flow = g->rx->flow, .irs = g->seq, .sent_us = now};
	struct tcp_syn *e = NULL;

	s->n.syn_received++;
	fresh.rcv_wnd = tcp_rcv_first_window(s);
	tcp_syn_read(s, &fresh, g);
	if (iss_floor || (!s->cfg.cookies_always && s->syns.used < s->cfg.max_half_open))
		e = slab_get(&s->syns);
	/* A cookie cannot begin past the old numbers; that SYN has to come again. */
	if (!e && iss_floor) {
		s->n.syn_dropped++;
		return;
	}
	if (!e) {
		uint32_t ts = tcp_cookie_make(s, &fresh, now);

		fresh.rcv_wnd = s->rcv_max_wnd; /* what tcp_cookie_open() will take it for */
		s->n.syn_cookies_sent++;
		send_synack(s, &fresh, ts);
		return;
	}
	fresh.iss = tcp_isn(s, &fresh.flow, now);
	if (iss_floor && seq_lt(fresh.iss, *iss_floor))
		fresh.iss = *iss_floor;
	fresh.hash = tcp_table_hash(s, &fresh.flow);
	*e = fresh;
	enter_stage(s, e, 0, now);
	tcp_table_insert(&s->table, e->hash, REF_SYN | slab_index(&s->syns, e));
	s->n.half_open++;
	send_synack_now(s, e, now);
}

/* Answers what does not fit, but only so often: no amplifier, no storm between two wrong ends. */
static void answer(struct tcp_stack *s, struct tcp_syn *e, bool synack, uint64_t now)
{
	uint8_t opts[12];
	uint32_t n = 0;

	if (e->acks >= SYN_ANSWERS) {
		s->n.challenge_limited++;
		return;
	}
	e->acks++;
	if (synack) {
		e->sent_us = TCP_NEVER; /* which of them will be answered? no RTT from that */
		send_synack_now(s, e, now);
		return;
	}
	s->n.challenge_acks++;
	if (e->flags & CF_TS)
		n = tcp_options_ts(opts, tcp_ts_now(tcp_ts_offset(s, &e->flow), now), e->ts_recent);
	tcp_reply(s, &e->flow, e->iss + 1, e->irs + 1, TCP_ACK,
		(uint16_t)((e->rcv_wnd >> e->rcv_wscale) & UINT16_MAX), opts, n);
}

static enum tcp_verdict promote(
	struct tcp_stack *s, const struct tcp_syn *e, bool cookie, struct tcp_seg *g, uint64_t now)
{
	struct tcp_conn *c = tcp_conn_new(s, e, now);
	enum tcp_verdict v = TCP_OK;

	if (!c)
		return TCP_OK; /* unanswered, the peer tries again, and there may be room by then */
	if (cookie)
		tcp_cookie_use(s, e, now);
	tcp_hold(c);
	if (tcp_event(c, TCP_EV_ACCEPTED))
		v = tcp_segment(c, g, now);
	tcp_release(c);
	return v;
}

/* Cookies count only for as long as one of ours may be out: no guessing in quiet times. */
static bool cookies_out(const struct tcp_stack *s, uint64_t now)
{
	return s->cookie_sent_us != TCP_NEVER && now - s->cookie_sent_us <= 2ULL << 26;
}

/* It acknowledges a cookie of ours; `e` is then what the cookie remembered. */
static bool cookie_back(
	struct tcp_stack *s, struct tcp_syn *e, const struct tcp_seg *g, uint32_t irs, uint64_t now)
{
	if (!cookies_out(s, now) || !tcp_cookie_open(s, e, g, irs, now))
		return false;
	s->n.syn_cookies_ok++;
	e->hash = tcp_table_hash(s, &e->flow);
	return true;
}

/* RFC 9293 section 3.10.7.4, the parts for SYN-RECEIVED after a passive OPEN; RFC 5961. */
enum tcp_verdict tcp_syn_segment(
	struct tcp_stack *s, struct tcp_syn *e, struct tcp_seg *g, uint64_t now)
{
	uint32_t off = g->seq - (e->irs + 1);
	bool in_window = off < e->rcv_wnd;
	bool cookie = g->ack != e->iss + 1;
	struct tcp_syn copy;

	if (g->flags & TCP_RST) {
		if (off == 0) {
			s->n.reset_in++;
			entry_remove(s, e);
			return TCP_OK;
		}
		if (in_window)
			answer(s, e, false, now);
		else
			s->n.out_of_window++;
		return in_window ? TCP_OK : TCP_REJECT_WINDOW;
	}
	if (g->flags & TCP_SYN) {
		if (g->seq == e->irs && !(g->flags & TCP_ACK)) {
			answer(s, e, true, now);
			return TCP_OK;
		}
		if (in_window) {
			entry_remove(s, e); /* back to LISTEN */
			return TCP_OK;
		}
		answer(s, e, false, now);
		s->n.out_of_window++;
		return TCP_REJECT_WINDOW;
	}
	if ((e->flags & CF_TS) && (!g->o.has_ts || seq_lt(g->o.tsval, e->ts_recent))) {
		s->n.paws_rejected++;
		if (g->o.has_ts)
			answer(s, e, false, now);
		return TCP_REJECT_WINDOW;
	}
	if (!in_window) {
		s->n.out_of_window++;
		answer(s, e, false, now);
		return TCP_REJECT_WINDOW;
	}
	if (!(g->flags & TCP_ACK))
		return TCP_OK;
	/* Or it answers a cookie that the same SYN was given a moment before there was room. */
	if (cookie && !cookie_back(s, &copy, g, e->irs, now)) {
		s->n.bad_ack++;
		tcp_reply_rst(s, g, now);
		return TCP_REJECT_RESET;
	}
	if (s->conns.used >= s->cfg.max_conns) {
		s->n.conn_limit++;
		return TCP_OK;
	}
	if (!cookie)
		copy = *e;
	entry_remove(s, e);
	return promote(s, &copy, cookie, g, now);
}

bool tcp_syn_cookie_ack(struct tcp_stack *s, struct tcp_seg *g, enum tcp_verdict *v, uint64_t now)
{
	struct tcp_syn e;

	if ((g->flags & (TCP_SYN | TCP_RST | TCP_ACK)) != TCP_ACK || !cookies_out(s, now))
		return false;
	if (!cookie_back(s, &e, g, g->seq - 1, now)) {
		s->n.syn_cookies_bad++;
		if (!tcp_cookie_plausible(s, g, now))
			return false;
		/*
		 * It may belong to a connection whose first segment was lost or overtaken, and only
		 * that one shows the peer's ISN. A reset would kill it; its sender tries again.
		 */
		*v = TCP_REJECT_RESET;
		return true;
	}
	*v = TCP_OK;
	if (s->conns.used >= s->cfg.max_conns) {
		s->n.conn_limit++;
		return true;
	}
	*v = promote(s, &e, true, g, now);
	return true;
}

uint64_t tcp_syn_next(const struct tcp_stack *s)
{
	uint64_t next = TCP_NEVER;

	for (unsigned i = 0; i < TCP_MAX_SYN_STAGES; i++) {
		const struct tcp_link *l = &s->syn_stage[i];

		if (!link_empty(l)) {
			const struct tcp_syn *e = LINK_OWNER(l->next, struct tcp_syn, link);

			next = e->due < next ? e->due : next;
		}
	}
	return next;
}

unsigned tcp_syn_expire(struct tcp_stack *s, uint64_t now, unsigned budget)
{
	unsigned ran = 0;

	for (uint8_t i = 0; i < TCP_MAX_SYN_STAGES; i++) {
		while (ran < budget && !link_empty(&s->syn_stage[i])) {
			struct tcp_syn *e = LINK_OWNER(s->syn_stage[i].next, struct tcp_syn, link);

			if (e->due > now)
				break;
			ran++;
			if (i >= s->cfg.syn_retries || i + 1U >= TCP_MAX_SYN_STAGES) {
				s->n.syn_dropped++;
				entry_remove(s, e);
				continue;
			}
			link_remove(&e->link);
			enter_stage(s, e, (uint8_t)(i + 1), now);
			s->n.retransmits++;
			send_synack_now(s, e, now);
		}
	}
	return ran;
}
