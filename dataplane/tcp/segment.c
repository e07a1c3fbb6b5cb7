/*
 * A segment for a connection, check by check in the order of RFC 9293 section 3.10.7.4, with the
 * additions of RFC 7323 (PAWS) and RFC 5961 (blind attacks).
 */
#include "dataplane/tcp/rcv.h"

#define PAWS_IDLE_US (24ULL * 86400 * 1000000) /* RFC 7323 section 5.5: then ts_recent is void */

static enum tcp_verdict out_of_window(struct tcp_conn *c)
{
	c->stack->n.out_of_window++;
	return TCP_REJECT_WINDOW;
}

static enum tcp_verdict reset(struct tcp_conn *c, const struct tcp_seg *g, uint64_t now)
{
	if (g->seq == c->rcv_nxt) {
		c->stack->n.reset_in++;
		/* Both sides are done already, but for an acknowledgement that will not come now.
		 */
		if (c->state == TCPS_SYN_RECEIVED)
			tcp_conn_end(c, TCP_CLOSED_REFUSED);
		else
			tcp_conn_end(c, c->state == TCPS_LAST_ACK || c->state == TCPS_CLOSING
						? TCP_CLOSED_NORMALLY
						: TCP_CLOSED_RESET);
		return TCP_OK;
	}
	if (seq_gt(g->seq, c->rcv_nxt) && seq_lt(g->seq, c->rcv_adv)) {
		tcp_challenge(c, now);
		return TCP_OK;
	}
	return out_of_window(c);
}

/*
 * True where the timestamp allows the segment to be looked at. A SYN is answered whatever it has
 * (RFC 5961 section 4.2), and moves nothing: a device that starts anew may have another clock, or
 * none.
 */
static bool paws(struct tcp_conn *c, const struct tcp_seg *g, uint64_t now)
{
	if (!(c->flags & CF_TS) || (g->flags & (TCP_RST | TCP_SYN)))
		return true;
	if (!g->o.has_ts) {
		c->stack->n.paws_rejected++;
		return false;
	}
	if (seq_geq(g->o.tsval, c->ts_recent))
		return true;
	if (now - c->last_in_us > PAWS_IDLE_US) {
		c->ts_recent = g->o.tsval;
		return true;
	}
	c->stack->n.paws_rejected++;
	if (g->len || (g->flags & TCP_FIN))
		tcp_put_off(c, CF_ACK_NOW, now);
	else
		tcp_ack_stale(c, now);
	return false;
}

/* All of it lies before rcv_nxt: a retransmission, or a keepalive probe. */
static enum tcp_verdict old_segment(struct tcp_conn *c, const struct tcp_seg *g, uint64_t now)
{
	uint32_t behind = c->rcv_nxt - g->seq;
	bool near = behind <= c->stack->rcv_max_wnd;

	if (g->len || (g->flags & TCP_FIN)) {
		c->stack->n.dup_segments++;
		/* Of an earlier connection it may be, too: what we never had is not reported. */
		if (g->len && near && behind <= c->bytes_in) {
			c->dsack = (struct tcp_range){g->seq, g->seq + g->len};
			c->flags |= CF_DSACK;
		}
		tcp_put_off(c, CF_ACK_NOW, now);
	} else {
		tcp_ack_stale(c, now);
	}
	return near ? TCP_OK : out_of_window(c);
}

enum acceptable {
	SEG_FITS,
	SEG_NO_ROOM, /* at rcv_nxt, and the window is zero: its ACK counts, its bytes do not */
	SEG_OLD,
	SEG_BEYOND,
};

static enum acceptable place(const struct tcp_conn *c, const struct tcp_seg *g)
{
	uint32_t len = g->len + !!(g->flags & TCP_FIN);
	uint32_t end = g->seq + len;

	if (len == 0) {
		if (seq_lt(g->seq, c->rcv_nxt))
			return SEG_OLD;
		/* At the right edge stands who filled the window: nothing wrong with that. */
		return seq_leq(g->seq, c->rcv_adv) ? SEG_FITS : SEG_BEYOND;
	}
	if (seq_leq(end, c->rcv_nxt))
		return SEG_OLD;
	if (seq_lt(g->seq, c->rcv_adv))
		return SEG_FITS;
	if (g->seq == c->rcv_nxt)
		return g->len ? SEG_NO_ROOM : SEG_FITS; /* a bare FIN needs no room */
	return SEG_BEYOND;
}

/* RFC 5681 section 4.2: at the latest for every second full-sized segment, else by the timer. */
void tcp_ack_policy(struct tcp_conn *c, uint64_t now)
{
	if (c->rcv_nxt - c->rcv_acked >= 2U * c->rcv_mss)
		tcp_put_off(c, CF_ACK_NOW, now);
	else if (!tcp_timer_on(c, TMR_DELACK))
		tcp_timer_set(c, TMR_DELACK, now + c->stack->cfg.delayed_ack_us);
}

enum tcp_verdict tcp_segment(struct tcp_conn *c, struct tcp_seg *g, uint64_t now)
{
	enum acceptable where;
	enum tcp_verdict v;

	if (c->state == TCPS_SYN_SENT)
		return tcp_syn_sent(c, g, now);
	if (!paws(c, g, now))
		return TCP_REJECT_WINDOW;
	if (g->flags & TCP_RST)
		return reset(c, g, now);
	if (g->flags & TCP_SYN) {
		if (c->state == TCPS_SYN_RECEIVED && g->seq + 1 == c->rcv_nxt)
			return tcp_crossed(c, g, now);
		/* RFC 5961 section 4.2: whatever its number, the true peer answers a challenge. */
		tcp_challenge(c, now);
		return out_of_window(c);
	}
	where = place(c, g);
	if (where == SEG_OLD)
		return old_segment(c, g, now);
	if (where == SEG_BEYOND) {
		if (g->len || (g->flags & TCP_FIN))
			tcp_put_off(c, CF_ACK_NOW, now);
		else
			tcp_ack_stale(c, now);
		return out_of_window(c);
	}
	if (!(g->flags & TCP_ACK))
		return TCP_OK;
	if (c->state == TCPS_SYN_RECEIVED && !tcp_open_ack(c, g, &v, now))
		return v;
	if (!tcp_ack_input(c, g, now))
		return TCP_OK;
	c->last_in_us = now;
	if (where == SEG_NO_ROOM)
		tcp_put_off(c, CF_ACK_NOW, now);
	else if (g->len || (g->flags & TCP_FIN))
		tcp_data(c, g, now);
	return TCP_OK;
}
