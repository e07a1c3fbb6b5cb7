/* What a client makes of the server's segments; it fails the run where the RFCs do not allow one.
 */
#include "client.h"

static void read_options(struct client *c, struct options *o, const uint8_t *p, const uint8_t *end)
{
	*o = (struct options){.ws = -1};
	while (p < end && *p != 0) {
		if (*p == 1) {
			p++;
			continue;
		}
		CHECK(c->w, end - p >= 2 && p[1] >= 2 && p[1] <= end - p);
		if (*p == 2)
			o->mss = (uint16_t)(p[2] << 8 | p[3]);
		else if (*p == 3)
			o->ws = p[2];
		else if (*p == 4)
			o->sack_ok = true;
		else if (*p == 5) {
			o->sack = p + 2;
			o->blocks = (p[1] - 2U) / 8;
		} else if (*p == 8) {
			o->ts = true;
			o->tsval = get32(p + 2);
			o->tsecr = get32(p + 6);
		} else {
			CHECK(c->w, p[1] == 0); /* an option that nobody asked for */
		}
		p += p[1];
	}
}

static void take_sack(struct client *c, const struct options *o, int64_t ack)
{
	for (unsigned i = 0; i < o->blocks; i++) {
		int64_t from = offset_of(get32(o->sack + 8UL * i), c->isn, (uint64_t)ack);
		int64_t to = offset_of(get32(o->sack + 8UL * i + 4), c->isn, (uint64_t)ack);

		/* Only the first may speak of what is acknowledged already, or of a repeated block.
		 */
		CHECK(c->w, from < to && from >= 1 && to <= (int64_t)c->max);
		CHECK(c->w, from > ack || i == 0);
		if (from <= ack || ack < (int64_t)c->una)
			continue;
		for (int64_t k = from; k < to; k++)
			c->sacked[k] = 1;
	}
}

static void take_ack(
	struct client *c, const struct options *o, uint32_t number, uint16_t wnd, bool bare)
{
	int64_t ack = offset_of(number, c->isn, c->una);
	uint64_t edge;

	CHECK(c->w, ack <= (int64_t)c->max); /* it acknowledges what we never sent */
	if (c->sack)
		take_sack(c, o, ack);
	else
		CHECK(c->w, o->blocks == 0);
	if (ack < (int64_t)c->una)
		return;
	c->tries = 0;
	edge = (uint64_t)ack + ((uint64_t)wnd << c->peer_ws);
	/* What acknowledges more is newer; its right edge is no further back, but for rounding. */
	CHECK(c->w, (uint64_t)ack == c->una || edge + (1ULL << c->peer_ws) > c->best_edge);
	if (edge > c->best_edge)
		c->best_edge = edge;
	if ((uint64_t)ack > c->una) {
		c->una = (uint64_t)ack;
		c->nxt = c->nxt < c->una ? c->una : c->nxt;
		c->rto = 300000;
		c->rtx_at = NEVER;
		c->dups = 0;
		c->edge = edge;
	} else if (bare && edge == c->edge && c->una < c->max) {
		if (++c->dups == 3 && !(c->sack && o->blocks == 0)) {
			uint32_t len = c->una <= c->avail ? client_piece(c, c->una) : 0;

			if (c->una + len > c->max)
				len = (uint32_t)(c->max - c->una);
			if (len)
				client_segment(c, c->una, TCP_ACK, len);
		}
	}
	if (edge > c->edge) {
		c->edge = edge;
		c->rto = 300000;
		c->rtx_at = NEVER;
	}
	client_pump(c);
}

/* True where something new arrived. */
static void take_data(struct client *c, int64_t from, const uint8_t *p, uint32_t len, bool fin)
{
	uint64_t end = 1 + (uint64_t)c->plan.down;
	bool in_order = from <= (int64_t)c->rcv_nxt;

	for (uint32_t i = 0; i < len; i++) {
		int64_t at = from + i;

		CHECK(c->w, at >= 1 && (uint64_t)at < end);
		CHECK(c->w, p[i] == stream_byte(2 * c->plan.id + 1, (uint64_t)at - 1));
		/* One octet beyond the window is a probe; anything else there is a fault. */
		CHECK(c->w, (uint64_t)at <= c->adv_max);
		if ((uint64_t)at < c->rcv_nxt + c->rbuf) {
			c->got[at] = 1;
			c->newest = (uint64_t)at;
			c->top = c->newest >= c->top ? c->newest + 1 : c->top;
		}
	}
	if (fin) {
		CHECK(c->w, (uint64_t)(from + len) == end);
		c->fin_at = end;
	}
	while (c->rcv_nxt < end && c->got[c->rcv_nxt] && c->rcv_nxt - 1 - c->read_to < c->rbuf)
		c->rcv_nxt++;
	if (!c->slow_reader)
		c->read_to = c->rcv_nxt - 1;
	if (c->rcv_nxt == c->fin_at) {
		c->rcv_nxt++;
		c->unacked = 2;
	}
	if (!in_order || fin || ++c->unacked >= 2 || rng_chance(&c->rng, 300))
		client_ack(c);
	else if (c->ack_at == NEVER)
		c->ack_at = c->w->now + rng_below(&c->rng, 100000);
	client_pump(c); /* the server's FIN may be what our own waited for */
}

static void finish_if_done(struct client *c)
{
	if (c->una > fin_offset(c) && c->rcv_nxt > 1 + (uint64_t)c->plan.down && c->state == OPEN)
		client_over(c);
}

void client_input(struct client *c, const uint8_t *seg, uint32_t len)
{
	uint32_t hdr = (uint32_t)(seg[12] >> 4) << 2;
	uint8_t flags = seg[13];
	struct options o;
	int64_t from, end;

	read_options(c, &o, seg + 20, seg + hdr);
	if (c->state == WAITING)
		return;
	if (c->state < OPEN && !client_open_input(c, seg, &o))
		return;
	/* TIME-WAIT answers until the server is done; after that nobody is there. */
	if (c->aborted || (c->state == OVER && c->server_closed)) {
		if (!(flags & TCP_RST))
			client_reset(c, get32(seg + 8));
		return;
	}
	from = offset_of(get32(seg + 4), c->irs, c->rcv_nxt);
	if (c->ts && o.ts && (int32_t)(o.tsval - c->ts_recent) < 0 && !(flags & TCP_RST))
		return;
	if (flags & TCP_RST) {
		if (from == (int64_t)c->rcv_nxt) {
			/* Its SYN-ACK was the last that the server did before it forgot. */
			if (c->forgotten && !c->accepted && !c->server_closed) {
				c->server_closed = true;
				c->lives++;
			}
			client_over(c);
		} else if (from > (int64_t)c->rcv_nxt && from <= (int64_t)c->adv_max)
			client_ack(c); /* RFC 5961: who is there will tell */
		return;
	}
	if (flags & TCP_SYN) {
		client_ack(c); /* our ACK of it was lost */
		return;
	}
	if (c->ts && !o.ts) {
		CHECK(c->w, c->plan.id >= 1000); /* only an earlier life had none */
		return;
	}
	CHECK(c->w, flags & TCP_ACK);
	if (c->ts && from <= (int64_t)c->rcv_nxt)
		c->ts_recent = o.tsval;
	end = from + (int64_t)(len - hdr) + !!(flags & TCP_FIN);
	if (end < (int64_t)c->rcv_nxt || (end == (int64_t)c->rcv_nxt && from < end) ||
		from > (int64_t)c->adv_max) {
		client_ack(c); /* an old duplicate, perhaps of an earlier life, or a keepalive */
		return;
	}
	CHECK(c->w, len - hdr <= c->my_mss);
	take_ack(c, &o, get32(seg + 8), (uint16_t)(seg[14] << 8 | seg[15]),
		len == hdr && !(flags & TCP_FIN));
	if (len > hdr || (flags & TCP_FIN))
		take_data(c, from, seg + hdr, len - hdr, flags & TCP_FIN);
	finish_if_done(c);
}
