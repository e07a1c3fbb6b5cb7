/*
 * TIME-WAIT, in a table of small entries: what is left of a connection that we closed first, so
 * that the peer's last FIN can be answered and old segments find no new connection (RFC 9293
 * section 3.6.1). All wait equally long, so one queue is sorted by itself.
 */
#include "dataplane/tcp/rcv.h"

static void tw_remove(struct tcp_stack *s, struct tcp_tw *w)
{
	link_remove(&w->link);
	tcp_table_remove(&s->table, w->hash, REF_TW | slab_index(&s->tws, w));
	slab_put(&s->tws, w);
	s->n.time_wait--;
}

static void tw_restart(struct tcp_stack *s, struct tcp_tw *w, uint64_t now)
{
	link_remove(&w->link);
	w->due = now + s->cfg.time_wait_us;
	link_append(&s->tw_queue, &w->link);
}

void tcp_tw_enter(struct tcp_conn *c, uint64_t now)
{
	struct tcp_stack *s = c->stack;
	struct tcp_tw *w;

	if (s->cfg.max_time_wait == 0)
		return;
	if (s->tws.used >= s->cfg.max_time_wait) {
		s->n.time_wait_evicted++;
		tw_remove(s, LINK_OWNER(s->tw_queue.next, struct tcp_tw, link));
	}
	w = slab_get(&s->tws);
	*w = (struct tcp_tw){
		.flow = c->flow,
		.hash = c->hash,
		.snd_nxt = c->snd_nxt,
		.rcv_nxt = c->rcv_nxt,
		.ts_recent = c->ts_recent,
		.ts_offset = c->ts_offset,
		.wnd = tcp_rcv_announce(c),
		.flags = (uint8_t)(c->flags & (CF_TS | CF_SACK | CF_WSCALE)),
	};
	tw_restart(s, w, now);
	tcp_table_insert(&s->table, w->hash, REF_TW | slab_index(&s->tws, w));
	s->n.time_wait++;
}

/* False where nothing was sent: all flows in TIME-WAIT share the stack's rate of replies. */
static bool tw_ack(struct tcp_stack *s, const struct tcp_tw *w, uint64_t now)
{
	uint8_t opts[12];
	uint32_t n = 0;

	if (!tcp_reply_allowed(s, now))
		return false;
	if (w->flags & CF_TS)
		n = tcp_options_ts(opts, tcp_ts_now(w->ts_offset, now), w->ts_recent);
	tcp_reply(s, &w->flow, w->snd_nxt, w->rcv_nxt, TCP_ACK, w->wnd, opts, n);
	return true;
}

/* RFC 5961 section 3.2, here too: who has not been reset by chance answers the challenge. */
static enum tcp_verdict tw_reset(struct tcp_stack *s, struct tcp_tw *w, uint32_t seq, uint64_t now)
{
	uint32_t wnd = (uint32_t)w->wnd << (w->flags & CF_WSCALE ? s->rcv_wscale : 0);

	if (seq == w->rcv_nxt) {
		s->n.reset_in++;
		tw_remove(s, w);
		return TCP_OK;
	}
	if (seq - w->rcv_nxt < wnd) {
		s->n.challenge_acks += tw_ack(s, w, now);
		return TCP_OK;
	}
	s->n.out_of_window++;
	return TCP_REJECT_WINDOW;
}

/* May this SYN begin a new connection of the same flow? RFC 6191 section 2. */
static bool may_reuse(const struct tcp_tw *w, const struct tcp_seg *g)
{
	bool newer = seq_gt(g->seq, w->rcv_nxt);

	if (!g->o.has_ts)
		return newer;
	if (!(w->flags & CF_TS))
		return true;
	return seq_gt(g->o.tsval, w->ts_recent) || (g->o.tsval == w->ts_recent && newer);
}

enum tcp_verdict tcp_tw_segment(
	struct tcp_stack *s, struct tcp_tw *w, struct tcp_seg *g, uint64_t now)
{
	uint32_t end = g->seq + g->len + !!(g->flags & TCP_FIN);

	if (g->flags & TCP_RST)
		return tw_reset(s, w, g->seq, now);
	if ((g->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && may_reuse(w, g)) {
		/* Past all we sent before, whatever the ISN clock says (RFC 9293 section 3.4.1). */
		uint32_t floor = w->snd_nxt + 65536 + 2;

		s->n.time_wait_reused++;
		tw_remove(s, w);
		return tcp_listen_input(s, g, &floor, now);
	}
	if (!(g->flags & TCP_SYN) && !(g->flags & TCP_ACK))
		return TCP_OK;
	if ((w->flags & CF_TS) && g->o.has_ts && seq_lt(g->o.tsval, w->ts_recent))
		s->n.paws_rejected++;
	else if ((g->flags & TCP_FIN) && end == w->rcv_nxt)
		tw_restart(s, w, now);
	/* The one thing not answered is an ACK that is as it should be: that would go on for ever.
	 */
	if ((g->flags & TCP_SYN) || end != g->seq || g->seq != w->rcv_nxt)
		(void)tw_ack(s, w, now);
	return TCP_OK;
}

unsigned tcp_tw_expire(struct tcp_stack *s, uint64_t now, unsigned budget)
{
	unsigned ran = 0;

	while (ran < budget && !link_empty(&s->tw_queue)) {
		struct tcp_tw *w = LINK_OWNER(s->tw_queue.next, struct tcp_tw, link);

		if (w->due > now)
			break;
		ran++;
		tw_remove(s, w);
	}
	return ran;
}
