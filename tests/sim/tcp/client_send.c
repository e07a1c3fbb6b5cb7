/* What a client sends, and when: options, retransmission by going back, probes. */
#include "client.h"

static uint32_t clock_ms(const struct client *c)
{
	return (uint32_t)(c->w->now / 1000) + c->ts_base;
}

uint32_t client_window(const struct client *c)
{
	uint64_t held = c->rcv_nxt - 1 - c->read_to;
	uint64_t wnd = held >= c->rbuf ? 0 : c->rbuf - held;
	uint64_t most = 65535ULL << (c->ws ? c->my_ws : 0);

	if (wnd < c->mss && wnd < c->rbuf / 2)
		wnd = 0;
	return (uint32_t)(wnd > most ? most : wnd);
}

/* Up to three runs beyond rcv_nxt, that with the newest byte first. */
static unsigned put_sack(const struct client *c, uint8_t *o)
{
	uint64_t end = c->top;
	uint64_t runs[8][2];
	unsigned n = 0, first = 0;
	unsigned at = 4;

	for (uint64_t i = c->rcv_nxt; i < end && n < 8;) {
		uint64_t from;

		while (i < end && !c->got[i])
			i++;
		from = i;
		while (i < end && c->got[i])
			i++;
		if (i > from) {
			if (c->newest >= from && c->newest < i)
				first = n;
			runs[n][0] = from;
			runs[n++][1] = i;
		}
	}
	if (n == 0)
		return 0;
	for (unsigned k = 0; k < n && k < 3; k++) {
		unsigned r = (first + k) % n;

		put32(o + at, (uint32_t)runs[r][0] + c->irs);
		put32(o + at + 4, (uint32_t)runs[r][1] + c->irs);
		at += 8;
	}
	o[0] = 1;
	o[1] = 1;
	o[2] = 5;
	o[3] = (uint8_t)(at - 2);
	return at;
}

/*
 * How many bytes before `at` a liar says again, and otherwise: of what the server has acknowledged,
 * so that it must keep to what it had first.
 */
static uint32_t lie(struct client *c, uint64_t at, uint32_t len)
{
	uint32_t most = c->mss - 40U - len;

	if (c->lies.s == 0 || len == 0 || at != c->una || at <= 1 || len + 40U >= c->mss ||
		!rng_chance(&c->lies, 300))
		return 0;
	c->w->lies++;
	return rng_range(&c->lies, 1, at - 1 < most ? (uint32_t)at - 1 : most);
}

void client_segment(struct client *c, uint64_t at, uint8_t flags, uint32_t len)
{
	uint8_t seg[MAX_SEGMENT];
	uint32_t hdr = 20;
	uint32_t wnd = client_window(c);
	uint32_t false_bytes = lie(c, at, len);

	if (flags & TCP_SYN) {
		seg[hdr] = 2;
		seg[hdr + 1] = 4;
		seg[hdr + 2] = (uint8_t)(c->my_mss >> 8);
		seg[hdr + 3] = (uint8_t)c->my_mss;
		hdr += 4;
		if (c->opt_sack) {
			memcpy(seg + hdr, (const uint8_t[4]){1, 1, 4, 2}, 4);
			hdr += 4;
		}
		if (c->opt_ws) {
			memcpy(seg + hdr, (const uint8_t[4]){1, 3, 3, c->my_ws}, 4);
			hdr += 4;
		}
	}
	if ((flags & TCP_SYN) ? c->opt_ts : c->ts) {
		memcpy(seg + hdr, (const uint8_t[4]){1, 1, 8, 10}, 4);
		put32(seg + hdr + 4, clock_ms(c));
		put32(seg + hdr + 8, c->ts_recent);
		hdr += 12;
	}
	if (c->sack && (flags & TCP_ACK))
		hdr += put_sack(c, seg + hdr);
	seg[0] = (uint8_t)(c->port >> 8);
	seg[1] = (uint8_t)c->port;
	seg[2] = 514 >> 8;
	seg[3] = 514 & 0xff;
	put32(seg + 4, (uint32_t)at - false_bytes + c->isn);
	put32(seg + 8, flags & TCP_ACK ? (uint32_t)c->rcv_nxt + c->irs : 0);
	seg[12] = (uint8_t)(hdr / 4 << 4);
	seg[13] = flags;
	if (c->ws && !(flags & TCP_SYN)) {
		wnd >>= c->my_ws;
		c->adv = c->rcv_nxt + ((uint64_t)wnd << c->my_ws);
	} else {
		c->adv = c->rcv_nxt + (wnd > 65535 ? 65535 : wnd);
	}
	if (wnd > 65535)
		wnd = 65535;
	c->adv_max = c->adv > c->adv_max ? c->adv : c->adv_max;
	seg[14] = (uint8_t)(wnd >> 8);
	seg[15] = (uint8_t)wnd;
	memset(seg + 16, 0, 4);
	for (uint32_t i = 0; i < false_bytes; i++)
		seg[hdr + i] = (uint8_t)~stream_byte(2 * c->plan.id, at - 1 - false_bytes + i);
	hdr += false_bytes;
	for (uint32_t i = 0; i < len; i++)
		seg[hdr + i] = stream_byte(2 * c->plan.id, at - 1 + i);
	if (flags & TCP_ACK) {
		c->ack_at = NEVER;
		c->unacked = 0;
	}
	link_send(c->w, true, c->port, seg, hdr + len);
}

void client_ack(struct client *c)
{
	client_segment(c, c->nxt, TCP_ACK, 0);
}

void client_reset(struct client *c, uint32_t number)
{
	uint8_t seg[20] = {(uint8_t)(c->port >> 8), (uint8_t)c->port, 514 >> 8, 514 & 0xff};

	put32(seg + 4, number);
	seg[12] = 5 << 4;
	seg[13] = TCP_RST;
	link_send(c->w, true, c->port, seg, sizeof(seg));
}

void client_over(struct client *c)
{
	c->state = OVER;
	c->rtx_at = c->write_at = c->read_at = c->ack_at = c->hello_at = NEVER;
}

static void arm(struct client *c)
{
	bool out = c->una < c->max || (c->una <= c->avail) ||
		   (c->avail == c->plan.up && c->una <= fin_offset(c));

	if (c->state == OPEN && !out && !(c->forgotten && c->server_closed))
		c->rtx_at = NEVER;
	else if (c->rtx_at == NEVER)
		c->rtx_at = c->w->now + c->rto;
}

uint32_t client_piece(struct client *c, uint64_t from)
{
	uint64_t len = c->avail + 1 - from;
	uint64_t most = c->mss;

	/* Options: timestamps and SACK blocks. */
	most -= (c->ts ? 12 : 0) + (c->sack ? 28 : 0);
	if (c->habit == CHOPPER)
		most = rng_range(&c->rng, 1, (uint32_t)most);
	return (uint32_t)(len < most ? len : most);
}

static bool all_sacked(const struct client *c, uint64_t from, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		if (!c->sacked[from + i])
			return false;
	return len > 0;
}

void client_pump(struct client *c)
{
	uint64_t limit = c->una + c->cwnd < c->edge ? c->una + c->cwnd : c->edge;
	/* The application closes when all is written, unless it waits for the server to do so. */
	bool may_close = c->plan.close != CLOSE_SERVER || c->rcv_nxt > 1 + (uint64_t)c->plan.down;

	if (c->state != OPEN)
		return;
	while (c->nxt <= c->avail && c->nxt < limit) {
		uint32_t len = client_piece(c, c->nxt);

		if (c->nxt + len > limit)
			len = (uint32_t)(limit - c->nxt);
		if (!all_sacked(c, c->nxt, len))
			client_segment(
				c, c->nxt, TCP_ACK | (c->nxt + len > c->avail ? TCP_PSH : 0), len);
		c->nxt += len;
		c->max = c->nxt > c->max ? c->nxt : c->max;
	}
	if (c->nxt == fin_offset(c) && c->avail == c->plan.up && may_close && c->nxt < c->edge) {
		client_segment(c, c->nxt, TCP_ACK | TCP_FIN, 0);
		c->nxt++;
		c->max = c->nxt > c->max ? c->nxt : c->max;
	}
	arm(c);
}

void client_connect(struct client *c)
{
	c->state = SYN_SENT;
	c->una = 0;
	c->nxt = c->max = 1;
	c->rto = 500000;
	client_segment(c, 0, TCP_SYN, 0);
	c->rtx_at = c->w->now + c->rto;
}

void client_syn_ack(struct client *c)
{
	if (c->state != SYN_RCVD)
		c->rto = 500000;
	c->state = SYN_RCVD;
	client_segment(c, 0, TCP_SYN | TCP_ACK, 0);
	c->rtx_at = c->w->now + c->rto;
}

void client_timeout(struct client *c)
{
	c->rtx_at = NEVER;
	if (c->state == LISTENING) {
		client_connect(c);
		return;
	}
	c->rto = c->rto * 2 > 4000000 ? 4000000 : c->rto * 2;
	if (c->state == SYN_SENT) {
		client_segment(c, 0, TCP_SYN, 0);
		c->rtx_at = c->w->now + c->rto;
		return;
	}
	if (c->state == SYN_RCVD) {
		client_syn_ack(c);
		return;
	}
	/*
	 * A late copy of an earlier ACK, which brings a cookie, made the server a connection that
	 * waits for what it had already (or that another life of ours had). Only giving up helps.
	 */
	if (++c->tries > 100) {
		CHECK(c->w, c->haunted);
		client_segment(c, c->nxt, TCP_RST | TCP_ACK, 0);
		c->aborted = true;
		client_over(c);
		return;
	}
	memset(c->sacked, 0, fin_offset(c) + 1);
	c->nxt = c->una;
	if (c->una >= c->edge && c->una <= c->avail) { /* a closed window: one octet */
		client_segment(c, c->una, TCP_ACK, 1);
		c->nxt = c->una + 1;
		c->max = c->nxt > c->max ? c->nxt : c->max;
		arm(c);
		return;
	}
	client_pump(c);
	if ((c->rtx_at == NEVER || c->forgotten) &&
		c->server_closed) { /* has it gone, and its RST been lost? */
		client_ack(c);
		c->rtx_at = c->w->now + c->rto;
	}
}

void client_write(struct client *c)
{
	uint32_t left = (uint32_t)(c->plan.up - c->avail);
	uint32_t n = rng_range(&c->rng, 1, c->habit == DRIBBLER ? 3 : 20000);

	c->avail += n < left ? n : left;
	c->write_at = c->avail == c->plan.up ? NEVER : c->w->now + rng_below(&c->rng, 20000);
	if (c->plan.close == ABORT_CLIENT && c->avail >= c->plan.abort_at && c->state == OPEN) {
		client_segment(c, c->nxt, TCP_RST | TCP_ACK, 0);
		c->aborted = true;
		client_over(c);
		return;
	}
	client_pump(c);
}
