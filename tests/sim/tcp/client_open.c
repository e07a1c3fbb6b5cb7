/* How a client's connection begins: by its SYN, by the server's, or by both at once. */
#include "client.h"

/* What the server's SYN or SYN-ACK said. An answer names no option that we did not. */
static void agree(struct client *c, const struct options *o, const uint8_t *seg)
{
	bool answer = seg[13] & TCP_ACK;

	c->irs = get32(seg + 4);
	c->rcv_nxt = 1;
	c->una = c->nxt = c->max = 1;
	c->mss = o->mss < c->my_mss ? o->mss : c->my_mss;
	CHECK(c->w, o->mss >= 536);
	CHECK(c->w, !answer || c->opt_ts || !o->ts);
	CHECK(c->w, !answer || c->opt_sack || !o->sack_ok);
	CHECK(c->w, !answer || c->opt_ws || o->ws < 0);
	c->ts = c->opt_ts && o->ts;
	c->sack = c->opt_sack && o->sack_ok;
	c->ws = c->opt_ws && o->ws >= 0;
	if (c->ts)
		c->ts_recent = o->tsval;
	c->peer_ws = c->ws ? (uint8_t)o->ws : 0;
	c->edge = 1 + (uint64_t)(seg[14] << 8 | seg[15]); /* never scaled in a SYN */
	c->best_edge = c->edge;
}

static void opened(struct client *c)
{
	c->state = OPEN;
	c->rto = 300000;
	c->write_at = c->w->now + rng_below(&c->rng, 20000);
	c->read_at = c->slow_reader ? c->w->now + rng_below(&c->rng, 400000) : NEVER;
	c->rtx_at = NEVER;
	c->hello_at = c->w->now + 5000000;
}

static void input_syn_sent(struct client *c, const uint8_t *seg, const struct options *o)
{
	uint8_t flags = seg[13];

	if ((flags & TCP_ACK) && get32(seg + 8) != c->isn + 1) {
		if (!(flags & TCP_RST))
			client_reset(
				c, get32(seg + 8)); /* TIME-WAIT answers a SYN it takes for old */
		return;
	}
	if (flags & TCP_RST)
		return; /* from the last incarnation; our timer tries again */
	if ((flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK)) {
		agree(c, o, seg);
		opened(c);
		client_ack(c);
		client_pump(c);
	} else if (flags & TCP_SYN) {
		agree(c, o, seg);
		client_syn_ack(c);
	}
}

static void input_listening(struct client *c, const uint8_t *seg, const struct options *o)
{
	uint8_t flags = seg[13];

	if (flags & TCP_RST)
		return;
	if (flags & TCP_ACK) {
		client_reset(c, get32(seg + 8));
	} else if (flags & TCP_SYN) {
		agree(c, o, seg);
		client_syn_ack(c);
	}
}

/* True where it completes the handshake, and the rest of it is to be looked at. */
static bool input_syn_rcvd(struct client *c, const uint8_t *seg)
{
	uint8_t flags = seg[13];
	bool next = get32(seg + 4) == c->irs + 1;

	if (flags & TCP_RST) {
		if (next)
			client_over(c);
		return false;
	}
	if (flags & TCP_SYN) {
		CHECK(c->w, get32(seg + 4) == c->irs);
		if (!(flags & TCP_ACK)) {
			client_syn_ack(c);
		} else if (c->strict) {
			client_ack(c); /* to the letter an old segment; its ACK does not count */
		} else {
			CHECK(c->w, get32(seg + 8) == c->isn + 1);
			opened(c);
			client_ack(c);
			client_pump(c);
		}
		return false;
	}
	if (!(flags & TCP_ACK) || get32(seg + 8) != c->isn + 1)
		return false;
	opened(c);
	return true;
}

bool client_open_input(struct client *c, const uint8_t *seg, const struct options *o)
{
	switch (c->state) {
	case SYN_SENT:
		input_syn_sent(c, seg, o);
		return false;
	case LISTENING:
		input_listening(c, seg, o);
		return false;
	case SYN_RCVD:
		return input_syn_rcvd(c, seg);
	default:
		return false;
	}
}

void client_begin(struct client *c)
{
	if (c->plan.opener == OPEN_CLIENT) {
		client_connect(c);
		return;
	}
	c->state = LISTENING;
	c->accepted = true;
	/* Our own SYN may come before the server's, or cross it, or come to nothing. */
	if (c->plan.opener == OPEN_BOTH)
		c->rtx_at = c->w->now +
			    rng_below(&c->rng, 2 * (c->w->up.delay_us + c->w->down.delay_us));
	server_connect(c->w->server, c->port);
}
