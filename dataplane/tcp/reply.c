/* Segments that belong to no connection: resets, SYN-ACKs, and TIME-WAIT's acknowledgements. */
#include <string.h>

#include "dataplane/tcp/tcp_priv.h"

struct ip_flow tcp_flow_back(const struct ip_flow *flow)
{
	return (struct ip_flow){flow->dst, flow->src, flow->dst_port, flow->src_port};
}

/* Takes a token; false where the rate is used up. */
static bool bucket_take(struct tcp_bucket *b, uint32_t per_second, uint64_t now)
{
	uint64_t gap = now - b->filled_us;

	if (gap >= 1000000) {
		b->tokens = per_second;
		b->filled_us = now;
	} else if (gap * per_second >= 1000000) {
		uint64_t fresh = gap * per_second / 1000000;

		b->tokens =
			b->tokens + fresh > per_second ? per_second : b->tokens + (uint32_t)fresh;
		b->filled_us += fresh * 1000000 / per_second;
	}
	if (b->tokens == 0)
		return false;
	b->tokens--;
	return true;
}

bool tcp_reply_allowed(struct tcp_stack *s, uint64_t now)
{
	if (bucket_take(&s->replies, s->cfg.replies_per_s, now))
		return true;
	s->n.replies_limited++;
	return false;
}

void tcp_reply(struct tcp_stack *s, const struct ip_flow *peer, uint32_t seq, uint32_t ack,
	uint8_t flags, uint16_t wnd, const uint8_t *opts, uint32_t opts_len)
{
	uint8_t hdr[60];
	struct tcp_tx tx = {tcp_flow_back(peer), hdr, TCP_HEADER + opts_len, NULL, 0};

	if (opts_len)
		memcpy(hdr + TCP_HEADER, opts, opts_len);
	tcp_header_write(hdr, &tx.flow, seq, ack, tx.hdr_len, flags, wnd);
	s->n.segs_out++;
	(void)s->ops.output(s->ctx, &tx); /* whoever is not answered asks again */
}

void tcp_reply_rst(struct tcp_stack *s, const struct tcp_seg *g, uint64_t now)
{
	uint8_t opts[12];
	uint32_t n = 0;

	if ((g->flags & TCP_RST) || !tcp_reply_allowed(s, now))
		return;
	s->n.reset_out++;
	if (g->o.has_ts) /* RFC 7323 section 5.2: what it answers */
		n = tcp_options_ts(opts, 0, g->o.tsval);
	if (g->flags & TCP_ACK) {
		tcp_reply(s, &g->rx->flow, g->ack, 0, TCP_RST, 0, opts, n);
	} else {
		uint32_t len = g->len + !!(g->flags & TCP_SYN) + !!(g->flags & TCP_FIN);

		tcp_reply(s, &g->rx->flow, 0, g->seq + len, TCP_RST | TCP_ACK, 0, opts, n);
	}
}
