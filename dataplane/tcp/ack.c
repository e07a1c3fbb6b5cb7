/* The acknowledgement and the window of a segment (RFC 9293 section 3.10.7.4, "check the ACK"). */
#include "dataplane/tcp/tcp_priv.h"

/*
 * Takes away what `ack` covers; returns how much of it had been acknowledged selectively before.
 * The oldest record that was sent once, and had not been acknowledged selectively before, gives the
 * round trip; where there is none, the timestamp echo does.
 */
static uint32_t clean(struct tcp_conn *c, const struct tcp_seg *g, uint64_t now)
{
	uint32_t ack = g->ack;
	uint32_t overhead = tcp_pmtu_overhead(c);
	bool sampled = false;
	uint32_t known = 0;
	struct tcp_txseg *t;

	while ((t = c->tx_head) != NULL && seq_leq(t->end, ack)) {
		uint32_t size = t->end - t->seq + overhead;

		if (!sampled && !(t->flags & (TX_EVER | TX_SACKED))) {
			tcp_rtt_sample(c, now - t->sent_us);
			sampled = true;
		}
		if ((c->flags & CF_SACK) && !(t->flags & TX_SACKED))
			tcp_rack_delivered(c, t, g, now);
		if (t->flags & TX_SACKED)
			known += t->end - t->seq;
		if (size > c->max_acked_size)
			c->max_acked_size = (uint16_t)size;
		tcp_tx_remove(c, t);
	}
	if (t && seq_lt(t->seq, ack)) {
		t->seq = ack;
		t->flags &= ~(uint32_t)TX_AGAIN; /* only its first part may have been sent again */
	}
	if (!sampled && (c->flags & CF_TS) && g->o.has_ts) {
		uint32_t ms = tcp_ts_now(c->ts_offset, now) - g->o.tsecr;

		if (ms <= c->stack->cfg.rto_max_us / 1000)
			tcp_rtt_sample(c, ms * 1000ULL);
	}
	return known;
}

static void advance(struct tcp_conn *c, const struct tcp_seg *g, struct tcp_acked *a, uint64_t now)
{
	uint32_t ack = g->ack;

	a->delivered = a->bytes - clean(c, g, now);
	/* A FIN takes a number but no byte. */
	if (seq_gt(c->snd_end, c->snd_una))
		tcp_snd_drop(c, seq_min(ack, c->snd_end) - c->snd_una);
	c->snd_una = ack;
	c->tx_nxt = seq_max(c->tx_nxt, ack);
	c->big_timeouts = 0;
	c->doubted_mtu = 0;
	c->flags &= ~(uint32_t)(CF_REO | CF_PTO | CF_UNREACHABLE);
	c->flags |= CF_WANT_PTO;
	c->rto_at = now + tcp_rto(c);
	if (c->tx_head)
		tcp_timer_set(c, TMR_RTX, c->rto_at); /* RFC 6298 section 5.3 */
	else
		tcp_timer_clear(c, TMR_RTX);
}

/* The peer's window was closed and is open: what was sent into it counts as never sent, or lost. */
static void window_opened(struct tcp_conn *c)
{
	c->backoff = 0;
	if (c->tx_head && c->tx_head == c->tx_tail && (c->tx_head->flags & TX_PROBE)) {
		c->tx_nxt = c->tx_head->seq;
		tcp_tx_remove(c, c->tx_head);
	} else if (c->tx_head && (c->flags & CF_ZERO_FIRED)) {
		tcp_recovery_resend_all(c);
	}
	c->flags &= ~(uint32_t)(CF_ZERO_FIRED | CF_REO | CF_PTO);
	tcp_timer_clear(c, TMR_RTX);
}

/*
 * SND.WL1 and SND.WL2 keep an old segment from bringing back an old window. One that acknowledges
 * more is new, though, even where its number is old (a retransmission): the old window, counted
 * from the new SND.UNA, would reach further than the peer ever said.
 */
static void update_window(struct tcp_conn *c, const struct tcp_seg *g, bool acks_more)
{
	uint32_t wnd = (uint32_t)g->wnd << c->snd_wscale;
	bool opened = c->snd_wnd == 0 && wnd > 0 && c->max_wnd > 0;

	if (!acks_more && (seq_gt(c->snd_wl1, g->seq) ||
				  (c->snd_wl1 == g->seq && seq_gt(c->snd_wl2, g->ack))))
		return;
	c->snd_wnd = wnd;
	c->snd_wl1 = seq_max(c->snd_wl1, g->seq);
	c->snd_wl2 = g->ack;
	if (wnd > c->max_wnd)
		c->max_wnd = wnd;
	if (opened)
		window_opened(c);
}

/* Our FIN is acknowledged; false where that was the end. */
static bool fin_acked(struct tcp_conn *c, uint64_t now)
{
	switch (c->state) {
	case TCPS_FIN_WAIT_1:
		c->state = TCPS_FIN_WAIT_2;
		tcp_timer_set(c, TMR_KEEP, now + c->stack->cfg.fin_wait2_us);
		return true;
	case TCPS_CLOSING:
		tcp_conn_done(c, true, now);
		return false;
	case TCPS_LAST_ACK:
		tcp_conn_done(c, false, now);
		return false;
	default:
		return true;
	}
}

/* Enough room to be worth telling: a quarter of the buffer, or all that was sent is through. */
static bool tell_writable(struct tcp_conn *c)
{
	uint32_t room = tcp_snd_room(c);

	if (!(c->flags & CF_WANT_ROOM))
		return true;
	if (room < c->stack->cfg.snd_buf / 4 && c->snd_una != c->snd_end)
		return true;
	c->flags &= ~(uint32_t)CF_WANT_ROOM;
	return tcp_event(c, TCP_EV_WRITABLE);
}

bool tcp_ack_input(struct tcp_conn *c, const struct tcp_seg *g, uint64_t now)
{
	struct tcp_acked a = {0};
	uint32_t wnd = (uint32_t)g->wnd << c->snd_wscale;
	bool quiet = g->len == 0 && !(g->flags & TCP_FIN) && wnd == c->snd_wnd;
	struct tcp_range r;

	/* RFC 5961 section 5.2: what we never sent, or what lies too far behind. */
	if (seq_gt(g->ack, c->snd_nxt) || seq_lt(g->ack, c->snd_una - c->max_wnd)) {
		c->stack->n.bad_ack++;
		tcp_challenge(c, now);
		return false;
	}
	/*
	 * RFC 7323 section 4.3; PAWS has found it not older. Not before the acknowledgement is
	 * known to be possible: a timestamp of tomorrow from who just hits the window would silence
	 * the true peer.
	 */
	if (g->o.has_ts && (c->flags & CF_TS) && seq_leq(g->seq, c->rcv_acked))
		c->ts_recent = g->o.tsval;
	if (seq_lt(g->ack, c->snd_una))
		return true;
	a.bytes = g->ack - c->snd_una;
	a.of_first =
		(c->flags & CF_TS) && g->o.has_ts && seq_lt(g->o.tsecr, c->cut_ms + c->ts_offset);
	a.dup = a.bytes == 0 && quiet && c->tx_head && wnd > 0;
	/* It answers, so it lives; but once we closed, only progress counts. */
	if (a.bytes || !(c->flags & CF_FIN_QUEUED))
		c->retries = 0;
	if (a.bytes)
		advance(c, g, &a, now);
	if (c->flags & CF_SACK) {
		if (g->o.nsack && c->tx_head)
			a.sacked = tcp_sack_input(c, g, now);
		a.delivered += a.sacked;
		a.dup = a.sacked > 0;
		tcp_rack_adapt(c, tcp_rack_dsack(g, &r));
		tcp_tlp_ack(c, g, &a, now);
	}
	update_window(c, g, a.bytes > 0);
	if (c->tx_head || a.bytes)
		tcp_recovery_ack(c, &a, now);
	if (a.bytes && seq_gt(c->snd_una, c->snd_end) && !fin_acked(c, now))
		return false;
	if (a.bytes && !tell_writable(c))
		return false;
	if (c->tx_head || seq_gt(c->snd_end, c->tx_nxt) || (c->flags & CF_FIN_QUEUED))
		tcp_put_off(c, CF_OUTPUT, now);
	return true;
}
