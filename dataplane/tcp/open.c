/*
 * Opening actively: SYN-SENT (RFC 9293 section 3.10.7.3), and SYN-RECEIVED where the two SYNs
 * crossed. Unlike who comes to us (syn.c) these are connections from the beginning: they have an
 * owner, who may write. Until the handshake is over SND.UNA stands behind our SYN, which has no
 * record of its own; the retransmission timer is the SYN's.
 */
#include "dataplane/tcp/rcv.h"

/* A host, as far as one can tell without knowing its networks (RFC 9293 section 3.9.2.3). */
static bool is_host(const struct ip_addr *a)
{
	static const struct ip_addr none;

	if (ip_addr_is_v4(a))
		return a->b[12] != 0 && a->b[12] < 224;
	return a->b[0] != 0xff && !ip_addr_equal(a, &none);
}

static bool opens(const struct ip_flow *flow)
{
	return is_host(&flow->src) && is_host(&flow->dst) && flow->src_port && flow->dst_port &&
	       ip_addr_is_v4(&flow->src) == ip_addr_is_v4(&flow->dst) &&
	       !(ip_addr_equal(&flow->src, &flow->dst) && flow->src_port == flow->dst_port);
}

/* Our SYN, or where the peer's has come, our SYN-ACK: with the options of c->flags. */
static void send_syn(struct tcp_conn *c, uint64_t now)
{
	struct tcp_stack *s = c->stack;
	struct tcp_syn e = {.flags = (uint8_t)(c->flags & CF_AGREED),
		.rcv_wscale = c->rcv_wscale,
		.ts_recent = c->ts_recent};
	bool crossed = c->state == TCPS_SYN_RECEIVED;
	uint8_t opts[40];
	uint32_t n = tcp_options_syn(opts, c->adv_mss, &e, tcp_ts_now(c->ts_offset, now));

	tcp_reply(s, &c->flow, c->snd_una - 1, crossed ? c->rcv_nxt : 0,
		crossed ? TCP_SYN | TCP_ACK : TCP_SYN,
		(uint16_t)tcp_min(c->rcv_adv - c->rcv_nxt, UINT16_MAX), opts, n);
}

int tcp_connect(struct tcp_stack *s, const struct ip_flow *flow, void *user, uint64_t now,
	struct tcp_conn **conn)
{
	uint32_t hash = tcp_table_hash(s, flow);
	struct tcp_conn *c;

	if (!opens(flow))
		return TCP_CONNECT_ADDRESS;
	if (tcp_table_find(s, flow, hash) != REF_NONE)
		return TCP_CONNECT_IN_USE;
	c = tcp_conn_make(s, flow, hash, tcp_isn(s, flow, now), now);
	if (!c) {
		s->n.conn_limit++;
		return TCP_CONNECT_LIMIT;
	}
	c->state = TCPS_SYN_SENT;
	c->user = user;
	c->flags = CF_AGREED;
	c->rcv_wscale = s->rcv_wscale;
	c->rcv_adv = tcp_rcv_first_window(s); /* from rcv_nxt on, which is 0 until we know it */
	c->rto = TCP_SYN_RTO_US;
	s->n.connects++;
	send_syn(c, now);
	tcp_timer_set(c, TMR_RTX, now + tcp_rto(c));
	*conn = c;
	return 0;
}

void tcp_open_timeout(struct tcp_conn *c, uint64_t now)
{
	if (c->retries >= c->stack->cfg.connect_retries) {
		tcp_conn_end(
			c, c->flags & CF_UNREACHABLE ? TCP_CLOSED_UNREACHABLE : TCP_CLOSED_TIMEOUT);
		return;
	}
	c->retries++;
	if (c->backoff < UINT8_MAX)
		c->backoff++;
	c->retransmits++;
	c->stack->n.retransmits++;
	send_syn(c, now);
	tcp_timer_set(c, TMR_RTX, now + tcp_rto(c));
}

/* The peer's SYN: what it says and what it agrees to. The window of a SYN is never scaled. */
static void agree(struct tcp_conn *c, const struct tcp_seg *g)
{
	struct tcp_syn e = {.flow = c->flow, .irs = g->seq, .iss = c->snd_una - 1};

	tcp_syn_read(c->stack, &e, g);
	e.rcv_wnd = c->rcv_adv - c->rcv_nxt;
	c->flags &= ~(uint32_t)CF_AGREED;
	tcp_conn_agree(c, &e);
	c->snd_wnd = c->max_wnd = g->wnd;
	if (g->flags & TCP_ACK)
		c->snd_wl2 = g->ack;
}

/* Our SYN is acknowledged; false where the owner ended it from inside of the event. */
static bool opened(struct tcp_conn *c, uint64_t now)
{
	bool again = c->retries > 0;
	bool sample = c->retransmits == 0 && c->state == TCPS_SYN_SENT;

	c->state = c->flags & CF_FIN_QUEUED ? TCPS_FIN_WAIT_1 : TCPS_ESTABLISHED;
	c->flags &= ~(uint32_t)CF_UNREACHABLE;
	c->retries = 0;
	c->backoff = 0;
	c->challenges = 0;
	c->last_in_us = now;
	c->stack->n.connected++;
	/* Karn: sent twice, be it as a SYN-ACK, it says nothing of the round trip. */
	tcp_conn_begin(c, again, sample ? c->opened_us : TCP_NEVER, now);
	if (c->snd_end != c->tx_nxt || (c->flags & CF_FIN_QUEUED))
		tcp_put_off(c, CF_OUTPUT, now);
	return tcp_event(c, TCP_EV_CONNECTED);
}

/* Text and FIN that came with a SYN lie one number behind it. */
static void rest_of_syn(struct tcp_conn *c, struct tcp_seg *g, uint64_t now)
{
	g->seq++;
	g->flags &= (uint8_t)~TCP_SYN;
	tcp_put_off(c, CF_ACK_NOW, now);
	if (opened(c, now) && (g->len || (g->flags & TCP_FIN)))
		tcp_data(c, g, now);
}

enum tcp_verdict tcp_syn_sent(struct tcp_conn *c, struct tcp_seg *g, uint64_t now)
{
	struct tcp_stack *s = c->stack;

	if ((g->flags & TCP_ACK) && g->ack != c->snd_una) {
		s->n.bad_ack++;
		tcp_reply_rst(s, g, now);
		return TCP_REJECT_RESET;
	}
	/* RFC 5961 section 3.2: a reset that does not acknowledge our SYN is anybody's. */
	if ((g->flags & TCP_RST) && (g->flags & TCP_ACK)) {
		s->n.reset_in++;
		tcp_conn_end(c, TCP_CLOSED_REFUSED);
		return TCP_OK;
	}
	if ((g->flags & TCP_RST) || !(g->flags & TCP_SYN)) {
		s->n.out_of_window++;
		return TCP_REJECT_WINDOW;
	}
	agree(c, g);
	if (g->flags & TCP_ACK) {
		rest_of_syn(c, g, now);
		return TCP_OK;
	}
	/* What comes with it, its sender sends again: nothing of it is acknowledged. */
	c->state = TCPS_SYN_RECEIVED;
	send_syn(c, now);
	tcp_timer_set(c, TMR_RTX, now + tcp_rto(c));
	return TCP_OK;
}

bool tcp_open_ack(struct tcp_conn *c, const struct tcp_seg *g, enum tcp_verdict *v, uint64_t now)
{
	*v = TCP_OK;
	if (g->ack == c->snd_una)
		return opened(c, now);
	*v = TCP_REJECT_RESET;
	c->stack->n.bad_ack++;
	tcp_reply_rst(c->stack, g, now);
	return false;
}

/*
 * The peer's SYN again, where both crossed. With an ACK it is the peer's answer to ours (figure 7
 * of RFC 9293), which the order of section 3.10.7.4 would only challenge; we acknowledge it in any
 * case, so that a peer that goes by that order is content. Without one, ours was lost.
 */
enum tcp_verdict tcp_crossed(struct tcp_conn *c, struct tcp_seg *g, uint64_t now)
{
	if (g->flags & TCP_ACK) {
		if (g->ack == c->snd_una) {
			c->snd_wnd = c->max_wnd = g->wnd;
			c->snd_wl2 = g->ack;
			rest_of_syn(c, g, now);
			return TCP_OK;
		}
		c->stack->n.bad_ack++;
		tcp_reply_rst(c->stack, g, now);
		return TCP_REJECT_RESET;
	}
	if (tcp_challenge_allowed(c, now))
		send_syn(c, now);
	return TCP_OK;
}
