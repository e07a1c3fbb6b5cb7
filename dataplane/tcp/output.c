/* What we send for a connection, and when (RFC 9293 sections 3.8.6 and 3.10.7.4). */
#include "dataplane/tcp/rcv.h"

#define CHALLENGE_MS 5000U /* RFC 5961 section 7 */

static unsigned sack_blocks(const struct tcp_conn *c, struct tcp_range *r)
{
	unsigned most = c->flags & CF_TS ? 3 : 4;
	unsigned n = 0;

	if (!(c->flags & CF_SACK))
		return 0;
	if (c->flags & CF_DSACK)
		r[n++] = c->dsack;
	for (unsigned i = 0; c->ooo && i < c->ooo->nsack && n < most; i++)
		r[n++] = c->ooo->sack[i];
	return n;
}

/* Payload of a full segment now: SACK blocks take of it (RFC 6691). */
static uint32_t full_size(const struct tcp_conn *c)
{
	struct tcp_range r[4];
	unsigned n = c->flags & (CF_OOO | CF_DSACK) ? sack_blocks(c, r) : 0;

	return n ? c->mss - (4 + 8 * n) : c->mss;
}

/* Every segment carries our newest acknowledgement and window, so none is owed afterwards. */
static void send_segment(struct tcp_conn *c, uint32_t seq, uint8_t flags, const uint8_t *payload,
	uint32_t len, uint64_t now)
{
	struct tcp_stack *s = c->stack;
	struct tcp_range r[4];
	unsigned n = c->flags & (CF_OOO | CF_DSACK) ? sack_blocks(c, r) : 0;
	uint8_t hdr[60];
	uint32_t hdr_len = TCP_HEADER;
	uint16_t wnd = tcp_rcv_announce(c);
	struct tcp_tx tx;

	if (c->flags & CF_TS)
		hdr_len +=
			tcp_options_ts(hdr + hdr_len, tcp_ts_now(c->ts_offset, now), c->ts_recent);
	if (n)
		hdr_len += tcp_options_sack(hdr + hdr_len, r, n);
	tx = (struct tcp_tx){tcp_flow_back(&c->flow), hdr, hdr_len, payload, len};
	tcp_header_write(hdr, &tx.flow, seq, c->rcv_nxt, hdr_len, flags | TCP_ACK, wnd);

	c->rcv_acked = c->rcv_nxt;
	c->flags &= ~(uint32_t)(CF_ACK_NOW | CF_DSACK);
	tcp_timer_clear(c, TMR_DELACK);
	s->n.segs_out++;
	(void)s->ops.output(s->ctx, &tx); /* a loss like any other */
}

/*
 * SND.NXT, but within the peer's window: what was sent beyond it (a probe, or data before it
 * shrank) is not there for the peer, which would take such a number for unacceptable.
 */
static uint32_t ack_seq(const struct tcp_conn *c)
{
	return seq_min(c->tx_nxt, c->snd_una + c->snd_wnd);
}

void tcp_send_ack(struct tcp_conn *c, uint64_t now)
{
	send_segment(c, ack_seq(c), 0, NULL, 0, now);
}

void tcp_send_rst(struct tcp_conn *c, uint64_t now)
{
	uint8_t opts[12];
	uint32_t n = 0;

	if (c->flags & CF_TS) /* RFC 7323 section 5.2 */
		n = tcp_options_ts(opts, tcp_ts_now(c->ts_offset, now), c->ts_recent);
	c->stack->n.reset_out++;
	tcp_reply(c->stack, &c->flow, ack_seq(c), c->rcv_nxt, TCP_RST | TCP_ACK, 0, opts, n);
}

void tcp_send_keepalive(struct tcp_conn *c, uint64_t now)
{
	c->stack->n.keepalives++;
	send_segment(c, c->snd_una - 1, 0, NULL, 0, now);
}

static bool fin_pending(const struct tcp_conn *c)
{
	return (c->flags & CF_FIN_QUEUED) && seq_leq(c->tx_nxt, c->snd_end);
}

static uint32_t unsent(const struct tcp_conn *c)
{
	return seq_gt(c->snd_end, c->tx_nxt) ? c->snd_end - c->tx_nxt : 0;
}

/* For the first time; false where there is no record for it. */
static bool send_new(struct tcp_conn *c, uint32_t len, bool fin, uint64_t now)
{
	uint32_t seq = c->tx_nxt;
	uint32_t end = seq + len + fin;
	uint8_t flags = fin ? TCP_FIN : 0;

	if (!tcp_tx_add(c, c->tx_tail, seq, end, now))
		return false;
	if (len && seq + len == c->snd_end)
		flags |= TCP_PSH;
	c->tx_nxt = end;
	c->snd_nxt = seq_max(c->snd_nxt, end);
	c->last_sent_ms = (uint32_t)(now / 1000);
	c->bytes_out += len;
	c->stack->n.bytes_out += len;
	send_segment(c, seq, flags, len ? tcp_snd_at(c, seq, len) : NULL, len, now);
	return true;
}

void tcp_resend(struct tcp_conn *c, struct tcp_txseg *t, uint64_t now)
{
	uint32_t most = full_size(c);
	uint32_t len = t->end - t->seq;
	uint32_t data = seq_gt(t->end, c->snd_end) ? len - 1 : len;
	uint8_t flags = 0;

	/* Too large by now: two of it; where there is no record for that, its first part alone. */
	if (data > most) {
		struct tcp_txseg *rest = tcp_tx_add(c, t, t->seq + most, t->end, t->sent_us);

		if (rest) {
			rest->flags = t->flags;
			t->end = rest->seq;
		}
		data = most;
	} else if (data < len) {
		flags |= TCP_FIN;
	}
	if (data && t->seq + data == c->snd_end)
		flags |= TCP_PSH;
	t->flags |= TX_AGAIN | TX_EVER;
	t->sent_us = now;
	c->last_sent_ms = (uint32_t)(now / 1000);
	c->retransmits++;
	c->stack->n.retransmits++;
	send_segment(c, t->seq, flags, data ? tcp_snd_at(c, t->seq, data) : NULL, data, now);
}

/*
 * The window is closed, or too small to be worth a segment by itself (RFC 9293 section 3.8.6.2.1:
 * the override timeout): sends what fits, or one octet.
 */
void tcp_send_probe(struct tcp_conn *c, uint64_t now)
{
	uint32_t edge = c->snd_una + c->snd_wnd;
	uint32_t usable = seq_gt(edge, c->tx_nxt) ? edge - c->tx_nxt : 0;
	uint32_t len = unsent(c);
	uint32_t most = full_size(c);
	bool closed = usable == 0;

	if (closed)
		usable = 1;
	len = len < usable ? len : usable;
	len = len < most ? len : most;
	if (!send_new(c, len, fin_pending(c) && len == unsent(c) && len < usable, now))
		return;
	c->stack->n.probes++;
	if (closed)
		c->tx_tail->flags |= TX_PROBE;
	c->flags &= ~(uint32_t)CF_PERSIST; /* from here on it is a retransmission */
}

void tcp_send_probe_again(struct tcp_conn *c, uint64_t now)
{
	struct tcp_txseg *t = c->tx_head;
	bool data = seq_lt(t->seq, c->snd_end);

	t->flags |= TX_AGAIN | TX_EVER;
	c->stack->n.probes++;
	send_segment(
		c, t->seq, data ? 0 : TCP_FIN, data ? tcp_snd_at(c, t->seq, 1) : NULL, data, now);
}

/* RFC 9293 section 3.8.6.2.1, without Nagle's condition: what is written is pushed. */
static bool worth_sending(const struct tcp_conn *c, uint32_t len, uint32_t most)
{
	return len == most || len == unsent(c) || len >= c->max_wnd / 2;
}

/* The next segment that was never sent, where both windows allow it; how much it takes, or 0. */
static uint32_t send_next(struct tcp_conn *c, uint32_t pipe, bool full_only, uint64_t now)
{
	uint32_t edge = c->snd_una + c->snd_wnd;
	uint32_t most = full_size(c);
	uint32_t usable = seq_gt(edge, c->tx_nxt) ? edge - c->tx_nxt : 0;
	uint32_t len = unsent(c) < most ? unsent(c) : most;
	bool fin;

	if ((unsent(c) == 0 && !fin_pending(c)) || (full_only && len < most))
		return 0;
	if (pipe > 0 && pipe + len > c->cwnd) {
		c->flags |= CF_CWND_LIMITED;
		return 0;
	}
	len = len < usable ? len : usable;
	fin = fin_pending(c) && len == unsent(c) && len < usable;
	if ((len == 0 && !fin) || (len > 0 && !worth_sending(c, len, most)))
		return 0;
	if (!send_new(c, len, fin, now))
		return 0;
	c->flags |= CF_WANT_PTO;
	return len + fin;
}

bool tcp_output_one(struct tcp_conn *c, uint64_t now)
{
	return send_next(c, 0, false, now) > 0;
}

/* Timeout, or the probe of the tail that comes before it (RFC 8985 section 7.2). */
static void set_loss_timer(struct tcp_conn *c, uint64_t now)
{
	bool on = tcp_timer_on(c, TMR_RTX) && !(c->flags & CF_PERSIST);
	bool may = tcp_tlp_may(c);

	if (!on)
		c->rto_at = now + tcp_rto(c);
	if (c->flags & CF_REO)
		return;
	if ((c->flags & CF_WANT_PTO) && may) {
		c->flags |= CF_PTO;
		tcp_timer_set(c, TMR_RTX, tcp_tlp_at(c, now));
	} else if (!on || ((c->flags & CF_PTO) && !may)) {
		c->flags &= ~(uint32_t)CF_PTO;
		tcp_timer_set(c, TMR_RTX, c->rto_at);
	}
}

static void set_rtx_timer(struct tcp_conn *c, uint64_t now)
{
	if (c->tx_head) {
		set_loss_timer(c, now);
		c->flags &= ~(uint32_t)(CF_PERSIST | CF_WANT_PTO);
		return;
	}
	c->flags &= ~(uint32_t)(CF_REO | CF_PTO);
	if (unsent(c) > 0 || fin_pending(c)) {
		if (!tcp_timer_on(c, TMR_RTX) || !(c->flags & CF_PERSIST))
			tcp_timer_set(c, TMR_RTX, now + tcp_rto(c));
		c->flags |= CF_PERSIST;
	} else {
		tcp_timer_clear(c, TMR_RTX);
		c->flags &= ~(uint32_t)CF_PERSIST;
	}
}

static void output(struct tcp_conn *c, bool full_only, uint64_t now)
{
	uint32_t pipe = tcp_recovery_pipe(c);
	struct tcp_txseg *t;
	uint32_t n;

	c->flags &= ~(uint32_t)CF_CWND_LIMITED;
	while ((t = tcp_recovery_next(c, pipe)) != NULL) {
		tcp_resend(c, t, now);
		pipe += t->end - t->seq;
	}
	while ((n = send_next(c, pipe, full_only, now)) > 0)
		pipe += n;
	while ((t = tcp_recovery_extra(c, pipe)) != NULL) {
		tcp_resend(c, t, now);
		pipe += t->end - t->seq;
	}
	c->flight = c->tx_nxt - c->snd_una;
	set_rtx_timer(c, now);
}

void tcp_output(struct tcp_conn *c, uint64_t now)
{
	c->flags &= ~(uint32_t)CF_OUTPUT;
	output(c, false, now);
}

void tcp_output_full(struct tcp_conn *c, uint64_t now)
{
	output(c, true, now);
}

void tcp_mss_update(struct tcp_conn *c)
{
	uint32_t overhead = ip_addr_is_v4(&c->flow.src) ? 40 : 60;
	uint32_t mss = c->pmtu > overhead + TCP_MIN_MSS ? c->pmtu - overhead : TCP_MIN_MSS;

	if (c->peer_mss < mss)
		mss = c->peer_mss;
	c->mss = (uint16_t)(c->flags & CF_TS ? mss - 12 : mss);
}

bool tcp_challenge_allowed(struct tcp_conn *c, uint64_t now)
{
	uint32_t ms = (uint32_t)(now / 1000);

	if (c->challenges == 0 || ms - c->challenge_ms >= CHALLENGE_MS) {
		c->challenge_ms = ms;
		c->challenges = 0;
	}
	if (c->challenges >= c->stack->cfg.challenge_acks) {
		c->stack->n.challenge_limited++;
		return false;
	}
	c->challenges++;
	c->stack->n.challenge_acks++;
	return true;
}

void tcp_challenge(struct tcp_conn *c, uint64_t now)
{
	if (tcp_challenge_allowed(c, now))
		tcp_send_ack(c, now);
}

/*
 * A segment without data that is not where it should be: a keepalive of the peer, or one half of
 * two ends that answer each other for ever. Once in a while is enough for the former.
 */
void tcp_ack_stale(struct tcp_conn *c, uint64_t now)
{
	uint32_t ms = (uint32_t)(now / 1000);

	if (ms - c->stale_ms < TCP_STALE_MS) {
		c->stack->n.challenge_limited++;
		return;
	}
	c->stale_ms = ms;
	tcp_send_ack(c, now);
}
