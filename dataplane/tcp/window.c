/*
 * The window we announce: half of the free space, so that a sender of segments that fill their
 * buffers half cannot run us out of space within it. When all connections together come near their
 * bound, windows stop opening.
 */
#include "dataplane/tcp/rcv.h"

uint32_t tcp_rcv_first_window(const struct tcp_stack *s)
{
	uint64_t total = s->cfg.rcv_buf_total;

	/* Near the bound a newcomer is greeted with what a handful of segments takes. */
	if (s->n.rcv_bytes_held >= total - total / 4)
		return s->rcv_max_wnd < 4096 ? s->rcv_max_wnd : 4096;
	return s->rcv_max_wnd;
}

static uint32_t free_window(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;
	uint64_t total = s->cfg.rcv_buf_total;
	uint64_t held = s->n.rcv_bytes_held;
	uint32_t space = c->rcv_held < s->cfg.rcv_buf ? s->cfg.rcv_buf - c->rcv_held : 0;
	uint32_t wnd = space / 2 < s->rcv_max_wnd ? space / 2 : s->rcv_max_wnd;
	uint32_t bound = wnd;

	if (held >= total - total / 8)
		bound = 0;
	else if (held >= total - total / 4)
		bound = 4U * c->rcv_mss;
	if (bound < wnd) {
		wnd = bound;
		if (!linked(&c->starved))
			link_append(&s->starved, &c->starved);
	} else {
		link_remove(&c->starved);
	}
	if (!(c->flags & CF_WSCALE) && wnd > UINT16_MAX)
		wnd = UINT16_MAX;
	return wnd >> c->rcv_wscale << c->rcv_wscale;
}

/* RFC 9293 section 3.8.6.2.2: the edge moves by a segment or half the buffer, or not at all. */
static uint32_t gain(struct tcp_conn *c)
{
	uint32_t edge = c->rcv_nxt + free_window(c);
	uint32_t half = c->stack->rcv_max_wnd / 2;
	uint32_t least = c->rcv_mss < half ? c->rcv_mss : half;

	if ((c->flags & CF_DEAF) || !seq_gt(edge, c->rcv_adv) || edge - c->rcv_adv < least)
		return 0;
	return edge - c->rcv_adv;
}

uint16_t tcp_rcv_announce(struct tcp_conn *c)
{
	uint32_t field;

	if (tcp_receives(c))
		c->rcv_adv += gain(c);
	if (seq_lt(c->rcv_adv, c->rcv_nxt))
		c->rcv_adv = c->rcv_nxt; /* a FIN took a number beyond the window */
	field = (c->rcv_adv - c->rcv_nxt) >> c->rcv_wscale;
	if (field == 0)
		c->stack->n.zero_windows++;
	return (uint16_t)(field > UINT16_MAX ? UINT16_MAX : field);
}

/* Where it is nearly shut, by a segment; else acknowledgements of what comes will say it in time.
 */
void tcp_rcv_update_window(struct tcp_conn *c, uint64_t now)
{
	uint32_t max = c->stack->rcv_max_wnd;
	uint32_t left = c->rcv_adv - c->rcv_nxt;
	uint32_t more;

	/* With half of it still open there is neither more to gain than half nor any hurry. */
	if (left > max / 2 || !tcp_receives(c))
		return;
	more = gain(c);
	if (more >= max / 2 || (more > 0 && left <= max / 4))
		tcp_put_off(c, CF_ACK_NOW, now);
}

void tcp_rcv_unstarve(struct tcp_stack *s, uint64_t now)
{
	uint64_t total = s->cfg.rcv_buf_total;

	for (unsigned i = 0; i < 64 && !link_empty(&s->starved); i++) {
		struct tcp_conn *c = LINK_OWNER(s->starved.next, struct tcp_conn, starved);

		if (s->n.rcv_bytes_held >= total / 2 + total / 8)
			return;
		link_remove(&c->starved);
		tcp_rcv_update_window(c, now);
	}
}
