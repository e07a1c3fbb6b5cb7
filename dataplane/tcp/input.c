/*
 * The door for segments: parses the header, finds whom it concerns, and takes the short way where
 * it is the next piece of a bulk stream (header prediction).
 */
#include "dataplane/base/bytes.h"
#include "dataplane/tcp/rcv.h"

#define SIX_FLAGS 0x3fU

static bool parse_header(struct tcp_seg *g, const struct tcp_rx *rx)
{
	if (rx->len < TCP_HEADER)
		return false;
	g->rx = rx;
	g->seq = load_be32(rx->hdr + 4);
	g->ack = load_be32(rx->hdr + 8);
	g->hdr_len = (uint8_t)(rx->hdr[12] >> 4 << 2);
	g->flags = rx->hdr[13] & SIX_FLAGS;
	g->wnd = load_be16(rx->hdr + 14);
	g->taken = false;
	if (g->hdr_len < TCP_HEADER || g->hdr_len > rx->len)
		return false;
	g->data = rx->hdr + g->hdr_len;
	g->len = rx->len - g->hdr_len;
	return true;
}

/*
 * The next bytes in order, nothing else new: all that most segments are. False: not so, or there
 * is no memory; then the long way decides, and nothing has changed.
 */
static bool predicted(struct tcp_conn *c, struct tcp_seg *g, uint64_t now)
{
	uint32_t tsval = 0;

	if (c->state != TCPS_ESTABLISHED || g->seq != c->rcv_nxt || g->ack != c->snd_una ||
		c->snd_una != c->snd_end || g->len == 0 ||
		(g->flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK)) != TCP_ACK ||
		(c->flags & (CF_OOO | CF_FIN_KNOWN | CF_DEAF)) ||
		seq_gt(g->seq + g->len, c->rcv_adv))
		return false;
	if (c->flags & CF_TS) {
		if (g->hdr_len != TCP_HEADER + 12 ||
			load_be32(g->rx->hdr + TCP_HEADER) != 0x0101080aU)
			return false;
		tsval = load_be32(g->rx->hdr + TCP_HEADER + 4);
		if (seq_lt(tsval, c->ts_recent))
			return false;
	} else if (g->hdr_len != TCP_HEADER) {
		return false;
	}
	if (!tcp_rcv_append(c, g, g->data, g->len, true))
		return false;
	if ((c->flags & CF_TS) && seq_leq(g->seq, c->rcv_acked))
		c->ts_recent = tsval;
	c->snd_wnd = (uint32_t)g->wnd << c->snd_wscale;
	if (c->snd_wnd > c->max_wnd)
		c->max_wnd = c->snd_wnd;
	c->snd_wl1 = g->seq;
	c->snd_wl2 = g->ack;
	tcp_note_size(c, g->len);
	c->last_in_us = now;
	c->bytes_in += g->len;
	c->stack->n.bytes_in += g->len;
	tcp_ack_policy(c, now);
	tcp_event(c, TCP_EV_READABLE);
	return true;
}

static enum tcp_verdict conn_input(struct tcp_conn *c, struct tcp_seg *g, uint64_t now)
{
	enum tcp_verdict v = TCP_OK;

	tcp_hold(c);
	if (!predicted(c, g, now)) {
		tcp_options_parse(&g->o, g->rx->hdr, g->hdr_len, g->flags & TCP_SYN);
		v = tcp_segment(c, g, now);
	}
	tcp_release(c);
	return v;
}

enum tcp_verdict tcp_listen_input(
	struct tcp_stack *s, struct tcp_seg *g, const uint32_t *iss_floor, uint64_t now)
{
	enum tcp_verdict v;
	bool drop = false;

	if (g->flags & TCP_RST)
		return TCP_REJECT_RESET;
	if (!s->ops.listening(s->ctx, &g->rx->flow, &drop)) {
		s->n.no_listener++;
		if (!drop)
			tcp_reply_rst(s, g, now);
		return TCP_REJECT_NO_LISTENER;
	}
	if ((g->flags & (TCP_SYN | TCP_ACK | TCP_FIN)) == TCP_SYN) {
		tcp_syn_input(s, g, iss_floor, now);
		return TCP_OK;
	}
	if (tcp_syn_cookie_ack(s, g, &v, now))
		return v;
	if (g->flags & TCP_ACK)
		tcp_reply_rst(s, g, now);
	return TCP_REJECT_RESET;
}

static enum tcp_verdict table_input(struct tcp_stack *s, struct tcp_seg *g, uint64_t now)
{
	const struct ip_flow *flow = &g->rx->flow;
	uint32_t ref = tcp_table_find(s, flow, tcp_table_hash(s, flow));
	uint32_t i = ref & ~(uint32_t)REF_KIND;

	if ((ref & REF_KIND) == REF_CONN) {
		s->last = slab_at(&s->conns, i);
		return conn_input(s->last, g, now);
	}
	tcp_options_parse(&g->o, g->rx->hdr, g->hdr_len, g->flags & TCP_SYN);
	switch (ref & REF_KIND) {
	case REF_SYN:
		return tcp_syn_segment(s, slab_at(&s->syns, i), g, now);
	case REF_TW:
		return tcp_tw_segment(s, slab_at(&s->tws, i), g, now);
	default:
		return tcp_listen_input(s, g, NULL, now);
	}
}

enum tcp_verdict tcp_input(struct tcp_stack *s, const struct tcp_rx *rx, uint64_t now)
{
	enum tcp_verdict v;
	struct tcp_seg g;

	s->n.segs_in++;
	if (!parse_header(&g, rx)) {
		s->n.bad_header++;
		s->ops.buf_free(s->ctx, rx->buf);
		return TCP_REJECT_HEADER;
	}
	if (s->last && tcp_flow_equal(&s->last->flow, &rx->flow))
		v = conn_input(s->last, &g, now);
	else
		v = table_input(s, &g, now);
	if (!g.taken)
		s->ops.buf_free(s->ctx, rx->buf);
	return v;
}
