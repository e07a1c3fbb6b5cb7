/*
 * Loss by time (RACK, RFC 8985 section 6): what was sent before something that has arrived since,
 * by more than a reordering window, is lost; a retransmission too. For connections with SACK.
 */
#include "dataplane/base/bytes.h"
#include "dataplane/tcp/tcp_priv.h"

#define DUP_THRESH     3U
#define MULT_PERSISTS  16U  /* recoveries without DSACK until the window is small again */
#define MIN_RTT_KEPT_S 300U /* the smallest round trip is of this time, or twice it */

void tcp_rack_init(struct tcp_conn *c, uint64_t now)
{
	c->rack_end = c->rack_fack = c->rack_high = c->snd_una;
	c->min_rtt[0] = c->min_rtt[1] = UINT32_MAX;
	c->min_rtt_s = (uint16_t)(now / 1000000);
	c->reo_mult = 1;
	c->flags |= CF_RTT_NEW;
}

static uint32_t min_rtt(const struct tcp_conn *c)
{
	return tcp_min(c->min_rtt[0], c->min_rtt[1]);
}

/* Ways change: the minimum is over this period and the one before it. */
static void note_rtt(struct tcp_conn *c, uint32_t rtt, uint64_t now)
{
	uint16_t s = (uint16_t)(now / 1000000);
	uint16_t since = (uint16_t)(s - c->min_rtt_s);

	if (since >= MIN_RTT_KEPT_S) {
		c->min_rtt[1] = since < 2 * MIN_RTT_KEPT_S ? c->min_rtt[0] : UINT32_MAX;
		c->min_rtt[0] = UINT32_MAX;
		c->min_rtt_s = s;
	}
	c->min_rtt[0] = tcp_min(c->min_rtt[0], rtt);
}

static bool sent_after(uint64_t at, uint32_t end, uint64_t than_at, uint32_t than_end)
{
	return at > than_at || (at == than_at && seq_gt(end, than_end));
}

/* Steps 1 to 3 of section 6.2. */
void tcp_rack_delivered(
	struct tcp_conn *c, const struct tcp_txseg *t, const struct tcp_seg *g, uint64_t now)
{
	uint64_t took = now - t->sent_us;
	uint32_t rtt = took > UINT32_MAX / 4 ? UINT32_MAX / 4 : (uint32_t)took;

	/* Within one acknowledgement there is no order. */
	if (seq_gt(t->end, c->rack_high))
		c->rack_high = t->end;
	if (seq_lt(t->end, c->rack_fack) && !(t->flags & TX_EVER))
		c->flags |= CF_REORDERED;
	if (!(t->flags & TX_EVER)) {
		note_rtt(c, rtt, now);
	} else {
		/* Did the first copy arrive, and not this one? */
		if ((c->flags & CF_TS) && g->o.has_ts &&
			seq_lt(g->o.tsecr, tcp_ts_now(c->ts_offset, t->sent_us)))
			return;
		if (rtt < min_rtt(c))
			return;
	}
	c->rack_rtt = rtt;
	if (sent_after(t->sent_us, t->end, c->rack_sent_us, c->rack_end)) {
		c->rack_sent_us = t->sent_us;
		c->rack_end = t->end;
	}
}

bool tcp_rack_dsack(const struct tcp_seg *g, struct tcp_range *r)
{
	if (g->o.nsack == 0)
		return false;
	r->start = load_be32(g->o.sack);
	r->end = load_be32(g->o.sack + 4);
	if (seq_leq(r->end, g->ack))
		return true;
	return g->o.nsack > 1 && seq_geq(r->start, load_be32(g->o.sack + 8)) &&
	       seq_leq(r->end, load_be32(g->o.sack + 12));
}

/* Step 4, what each acknowledgement says: a report of a duplicate means that we were too hasty. */
void tcp_rack_adapt(struct tcp_conn *c, bool dsack)
{
	c->rack_fack = c->rack_high;
	if ((c->flags & CF_DSACK_ROUND) && seq_geq(c->snd_una, c->dsack_round))
		c->flags &= ~(uint32_t)CF_DSACK_ROUND;
	if (!dsack || (c->flags & CF_DSACK_ROUND))
		return;
	c->flags |= CF_DSACK_ROUND;
	c->dsack_round = c->snd_nxt;
	c->reo_persist = MULT_PERSISTS;
	if (c->reo_mult < UINT8_MAX)
		c->reo_mult++;
}

void tcp_rack_recovered(struct tcp_conn *c)
{
	if (c->reo_persist > 0 && --c->reo_persist == 0)
		c->reo_mult = 1;
}

static bool enough_sacked(const struct tcp_conn *c)
{
	unsigned n = 0;

	for (const struct tcp_txseg *t = c->tx_tail; t && n < DUP_THRESH; t = t->prev)
		n += !!(t->flags & TX_SACKED);
	return n >= DUP_THRESH;
}

static uint64_t reordering_window(const struct tcp_conn *c)
{
	uint64_t wnd = (uint64_t)c->reo_mult * min_rtt(c) / 4;

	if (!(c->flags & CF_REORDERED) &&
		((c->flags & (CF_RECOVERY | CF_LOSS)) || enough_sacked(c)))
		return 0;
	return wnd < c->srtt ? wnd : c->srtt;
}

uint64_t tcp_rack_patience(const struct tcp_conn *c)
{
	return c->rack_rtt + reordering_window(c);
}

/*
 * All of a round has one time. Within it what is sent for the first time goes by number, but what
 * is sent again may have gone later than any of it.
 */
static bool overtaken(const struct tcp_conn *c, const struct tcp_txseg *t)
{
	if (t->flags & TX_AGAIN)
		return c->rack_sent_us > t->sent_us;
	return sent_after(c->rack_sent_us, c->rack_end, t->sent_us, t->end);
}

bool tcp_rack_detect(struct tcp_conn *c, uint64_t now)
{
	uint64_t patience = tcp_rack_patience(c);
	uint64_t until = 0;
	bool lost = false;

	for (struct tcp_txseg *t = c->tx_head; t; t = t->next) {
		if ((t->flags & TX_SACKED) || (t->flags & (TX_LOST | TX_AGAIN)) == TX_LOST ||
			!overtaken(c, t))
			continue;
		if (t->sent_us + patience > now) {
			until = t->sent_us + patience > until ? t->sent_us + patience : until;
			continue;
		}
		/* RFC 5681 section 4.3: the loss of a retransmission is a second sign. */
		if ((t->flags & TX_AGAIN) && (c->flags & (CF_RECOVERY | CF_LOSS)) &&
			seq_geq((uint32_t)(t->sent_us / 1000), c->cut_ms))
			tcp_cc_cut_again(c, now);
		t->flags = (t->flags & ~(uint32_t)TX_AGAIN) | TX_LOST;
		c->stack->n.rack_lost++;
		lost = true;
	}
	if (until) {
		c->flags = (c->flags & ~(uint32_t)CF_PTO) | CF_REO;
		tcp_timer_set(c, TMR_RTX, until);
	} else if (c->flags & CF_REO) {
		c->flags &= ~(uint32_t)CF_REO;
		tcp_timer_clear(c, TMR_RTX);
	}
	return lost;
}
