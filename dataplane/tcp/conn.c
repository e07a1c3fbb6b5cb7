/* The life of a connection: made, told of, closed by either side, given back. */
#include <string.h>

#include "dataplane/tcp/rcv.h"

struct tcp_conn *tcp_conn_make(
	struct tcp_stack *s, const struct ip_flow *flow, uint32_t hash, uint32_t iss, uint64_t now)
{
	struct tcp_conn *c = slab_get(&s->conns);
	uint32_t mtu = s->ops.mtu(s->ctx, &flow->src);

	if (!c)
		return NULL;
	memset(c, 0, sizeof(*c));
	c->stack = s;
	c->flow = *flow;
	c->hash = hash;
	c->opened_us = now;
	c->last_in_us = now;
	c->stale_ms = (uint32_t)(now / 1000) - TCP_STALE_MS; /* the first is answered */
	c->adv_mss = tcp_our_mss(s, &flow->src);
	c->ts_offset = tcp_ts_offset(s, flow);

	c->snd_una = iss + 1;
	c->snd_end = c->snd_una;
	c->snd_nxt = c->snd_una;
	c->tx_nxt = c->snd_una;
	c->recover = iss;
	c->pmtu = (uint16_t)(mtu > UINT16_MAX ? UINT16_MAX : mtu);
	tcp_timers_start(c, now);

	tcp_table_insert(&s->table, hash, REF_CONN | slab_index(&s->conns, c));
	s->last = c;
	s->n.conns++;
	return c;
}

void tcp_conn_agree(struct tcp_conn *c, const struct tcp_syn *e)
{
	c->flags |= e->flags;
	c->rcv_nxt = e->irs + 1;
	c->rcv_acked = c->rcv_nxt;
	/* Our SYN-ACK could say 65,535 at the most, but nobody is turned away who takes us at more.
	 */
	c->rcv_adv = c->rcv_nxt + tcp_min(e->rcv_wnd, (uint32_t)UINT16_MAX << e->rcv_wscale);
	c->rcv_wscale = e->rcv_wscale;
	c->rcv_mss = c->adv_mss < TCP_DEFAULT_MSS ? c->adv_mss : TCP_DEFAULT_MSS;
	c->ts_recent = e->ts_recent;
	c->snd_wscale = e->snd_wscale;
	c->snd_wl1 = e->irs; /* older than any segment: the first one sets the window */
	c->snd_wl2 = e->iss;
	c->peer_mss = e->peer_mss;
	tcp_mss_update(c);
}

void tcp_conn_begin(struct tcp_conn *c, bool again, uint64_t sent_us, uint64_t now)
{
	/* RFC 6298 section 5.7: a SYN that had to be sent again makes for a longer timeout. */
	c->rto = again ? 3 * TCP_INITIAL_RTO_US : TCP_INITIAL_RTO_US;
	if (!again && sent_us != TCP_NEVER)
		tcp_rtt_sample(c, now - sent_us);
	tcp_cc_init(c, again);
	tcp_rack_init(c, now);
	tcp_timers_start(c, now);
}

struct tcp_conn *tcp_conn_new(struct tcp_stack *s, const struct tcp_syn *e, uint64_t now)
{
	struct tcp_conn *c = tcp_conn_make(s, &e->flow, e->hash, e->iss, now);

	if (!c)
		return NULL;
	c->state = TCPS_ESTABLISHED;
	tcp_conn_agree(c, e);
	tcp_conn_begin(c, e->stage > 0, e->sent_us, now);
	s->n.accepted++;
	return c;
}

void tcp_conn_free(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;

	tcp_rcv_free(c);
	slab_put(&s->conns, c);
	s->n.conns--;
}

bool tcp_event(struct tcp_conn *c, enum tcp_event ev)
{
	c->stack->ops.event(c->stack->ctx, c, ev);
	return c->state != TCPS_CLOSED;
}

/* Takes it off everything but its unread bytes. */
static void detach(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;

	if (c->state != TCPS_UNREAD)
		tcp_table_remove(&s->table, c->hash, REF_CONN | slab_index(&s->conns, c));
	if (s->last == c)
		s->last = NULL;
	for (unsigned i = 0; i < TCP_TIMERS; i++)
		c->due[i] = TCP_NEVER;
	wheel_cancel(&s->wheel, &c->timer);
	link_remove(&c->flush);
	link_remove(&c->starved);
	tcp_ooo_drop(c);
	tcp_snd_free(c);
}

void tcp_conn_end(struct tcp_conn *c, enum tcp_close_reason why)
{
	if (c->state == TCPS_CLOSED)
		return;
	detach(c);
	c->state = TCPS_CLOSED;
	c->why = (uint8_t)why;
	c->stack->n.closed++;
	tcp_hold(c);
	tcp_event(c, TCP_EV_CLOSED);
	tcp_release(c);
}

void tcp_conn_done(struct tcp_conn *c, bool wait, uint64_t now)
{
	detach(c);
	c->state = TCPS_UNREAD;
	if (wait)
		tcp_tw_enter(c, now);
	if (c->unread == 0)
		tcp_conn_end(c, TCP_CLOSED_NORMALLY);
	else
		tcp_timer_set(c, TMR_KEEP, now + c->stack->cfg.fin_wait2_us);
}

void tcp_put_off(struct tcp_conn *c, uint32_t flag, uint64_t now)
{
	struct tcp_stack *s = c->stack;

	c->flags |= flag;
	if (linked(&c->flush) || c->state == TCPS_CLOSED)
		return;
	if (link_empty(&s->flush))
		s->flush_since = now;
	link_append(&s->flush, &c->flush);
}

void tcp_close(struct tcp_conn *c, uint64_t now)
{
	if (c->state == TCPS_SYN_SENT) {
		tcp_conn_end(c, TCP_CLOSED_ABORTED); /* nothing of it is anywhere */
		return;
	}
	/* Both SYNs have crossed: what was written goes out when ours is acknowledged, then the
	 * FIN.
	 */
	if (c->state == TCPS_SYN_RECEIVED) {
		c->flags |= CF_FIN_QUEUED;
		c->flags &= ~(uint32_t)CF_WANT_ROOM;
		return;
	}
	if (c->state == TCPS_ESTABLISHED)
		c->state = TCPS_FIN_WAIT_1;
	else if (c->state == TCPS_CLOSE_WAIT)
		c->state = TCPS_LAST_ACK;
	else
		return;
	c->flags |= CF_FIN_QUEUED;
	c->flags &= ~(uint32_t)CF_WANT_ROOM;
	tcp_put_off(c, CF_OUTPUT, now);
}

void tcp_deafen(struct tcp_conn *c)
{
	c->flags |= CF_DEAF;
}

bool tcp_fin_acked(const struct tcp_conn *c)
{
	return c->state == TCPS_FIN_WAIT_2 || c->state == TCPS_UNREAD;
}

void tcp_abort(struct tcp_conn *c, uint64_t now)
{
	/* RFC 9293 section 3.10.5: after both FINs, and before the peer answers, there is nobody to
	 * tell. */
	if (c->state != TCPS_CLOSED && c->state != TCPS_SYN_SENT && c->state != TCPS_UNREAD &&
		c->state != TCPS_CLOSING && c->state != TCPS_LAST_ACK)
		tcp_send_rst(c, now);
	tcp_conn_end(c, TCP_CLOSED_ABORTED);
}

/* The handshake of an active open is not over: what is written waits for its end. */
static bool opening(const struct tcp_conn *c)
{
	return (c->state == TCPS_SYN_SENT || c->state == TCPS_SYN_RECEIVED) &&
	       !(c->flags & CF_FIN_QUEUED);
}

uint32_t tcp_write(struct tcp_conn *c, const void *data, uint32_t n, uint64_t now)
{
	uint32_t took;

	if (opening(c)) {
		took = tcp_snd_put(c, data, n);
		if (took < n)
			c->flags |= CF_WANT_ROOM;
		return took;
	}
	if (c->state != TCPS_ESTABLISHED && c->state != TCPS_CLOSE_WAIT)
		return 0;
	tcp_cc_restart_if_idle(c, now);
	took = tcp_snd_put(c, data, n);
	if (took < n)
		c->flags |= CF_WANT_ROOM;
	if (took == 0)
		return 0;
	/* Full segments go now; what is less waits for what else this round writes. */
	if (c->snd_end - c->tx_nxt >= c->mss)
		tcp_output_full(c, now);
	tcp_put_off(c, CF_OUTPUT, now);
	return took;
}

uint32_t tcp_write_room(const struct tcp_conn *c)
{
	if (c->state != TCPS_ESTABLISHED && c->state != TCPS_CLOSE_WAIT && !opening(c))
		return 0;
	return tcp_snd_room(c);
}

void tcp_set_user(struct tcp_conn *c, void *user)
{
	c->user = user;
}

void *tcp_user(const struct tcp_conn *c)
{
	return c->user;
}
