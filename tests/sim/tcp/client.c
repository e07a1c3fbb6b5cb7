/*
 * A client end of its own making, as plain as it can be while a stranger to the stack: positions
 * are 64-bit offsets (0 is the SYN, 1 the first byte), what has arrived is a map of bytes, lost
 * data is sent again by going back. It watches what the server does and fails the run where that
 * is not what the RFCs allow.
 */
#include <string.h>

#include "sim.h"

enum habit {
	BULK,	  /* as much as the window allows */
	DRIBBLER, /* a few bytes at a time, slowly */
	CHOPPER,  /* segments of any size, cut anew for each retransmission */
};

struct client {
	struct world *w;
	struct plan plan;
	struct rng rng;
	enum habit habit;
	uint16_t port;
	unsigned lives; /* incarnations still to come, this one included */

	bool opt_ts, opt_sack, opt_ws;
	bool ts, sack, ws;
	uint8_t my_ws, peer_ws;
	uint16_t my_mss, mss;
	uint32_t ts_recent, ts_base;

	enum { WAITING, SYN_SENT, OPEN, OVER } state;
	uint64_t begin;
	bool aborted, accepted, server_closed;
	bool haunted; /* the server has a connection of ours that we know nothing of */

	/* Sending. */
	uint32_t isn;
	uint64_t una, nxt, max; /* max: one past the highest ever sent */
	uint64_t avail;		/* bytes that the application has written */
	uint64_t edge;		/* una + window, as last heard */
	uint64_t best_edge;
	uint32_t cwnd;
	uint64_t rtx_at, rto, write_at, hello_at;
	unsigned dups;
	unsigned tries; /* timeouts since the server last said something that makes sense */
	uint8_t *sacked;

	/* Receiving. */
	uint32_t irs;
	uint64_t rcv_nxt, fin_at, read_to;
	uint64_t adv, adv_max; /* right edge as last announced, and the furthest ever */
	uint32_t rbuf;
	bool slow_reader;
	uint64_t read_at, ack_at;
	unsigned unacked;
	uint64_t newest, top; /* the last byte that came; one past the highest */
	uint8_t *got;
};

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* The offset nearest to `near` that this number can stand for. */
static int64_t offset_of(uint32_t number, uint32_t base, uint64_t near)
{
	return (int64_t)near + (int32_t)(number - base - (uint32_t)near);
}

static uint64_t fin_offset(const struct client *c)
{
	return 1 + (uint64_t)c->plan.up;
}

static uint32_t clock_ms(const struct client *c)
{
	return (uint32_t)(c->w->now / 1000) + c->ts_base;
}

static uint32_t window(const struct client *c)
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

static void send_raw(struct client *c, uint64_t at, uint8_t flags, uint32_t len)
{
	uint8_t seg[MAX_SEGMENT];
	uint32_t hdr = 20;
	uint32_t wnd = window(c);

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
	put32(seg + 4, (uint32_t)at + c->isn);
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
	for (uint32_t i = 0; i < len; i++)
		seg[hdr + i] = stream_byte(2 * c->plan.id, at - 1 + i);
	if (flags & TCP_ACK) {
		c->ack_at = NEVER;
		c->unacked = 0;
	}
	link_send(c->w, true, c->port, seg, hdr + len);
}

static void send_ack(struct client *c)
{
	send_raw(c, c->nxt, TCP_ACK, 0);
}

static void send_reset(struct client *c, uint32_t number)
{
	uint8_t seg[20] = {(uint8_t)(c->port >> 8), (uint8_t)c->port, 514 >> 8, 514 & 0xff};

	put32(seg + 4, number);
	seg[12] = 5 << 4;
	seg[13] = TCP_RST;
	link_send(c->w, true, c->port, seg, sizeof(seg));
}

static void over(struct client *c)
{
	c->state = OVER;
	c->rtx_at = c->write_at = c->read_at = c->ack_at = c->hello_at = NEVER;
}

static void arm(struct client *c)
{
	bool out = c->una < c->max || (c->una <= c->avail) ||
		   (c->avail == c->plan.up && c->una <= fin_offset(c));

	if (c->state == OPEN && !out)
		c->rtx_at = NEVER;
	else if (c->rtx_at == NEVER)
		c->rtx_at = c->w->now + c->rto;
}

static uint32_t piece(struct client *c, uint64_t from)
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

static void pump(struct client *c)
{
	uint64_t limit = c->una + c->cwnd < c->edge ? c->una + c->cwnd : c->edge;
	/* The application closes when all is written, unless it waits for the server to do so. */
	bool may_close = c->plan.close != CLOSE_SERVER || c->rcv_nxt > 1 + (uint64_t)c->plan.down;

	if (c->state != OPEN)
		return;
	while (c->nxt <= c->avail && c->nxt < limit) {
		uint32_t len = piece(c, c->nxt);

		if (c->nxt + len > limit)
			len = (uint32_t)(limit - c->nxt);
		if (!all_sacked(c, c->nxt, len))
			send_raw(c, c->nxt, TCP_ACK | (c->nxt + len > c->avail ? TCP_PSH : 0), len);
		c->nxt += len;
		c->max = c->nxt > c->max ? c->nxt : c->max;
	}
	if (c->nxt == fin_offset(c) && c->avail == c->plan.up && may_close && c->nxt < c->edge) {
		send_raw(c, c->nxt, TCP_ACK | TCP_FIN, 0);
		c->nxt++;
		c->max = c->nxt > c->max ? c->nxt : c->max;
	}
	arm(c);
}

static void connect_now(struct client *c)
{
	c->state = SYN_SENT;
	c->una = 0;
	c->nxt = c->max = 1;
	c->rto = 500000;
	send_raw(c, 0, TCP_SYN, 0);
	c->rtx_at = c->w->now + c->rto;
}

static void on_timeout(struct client *c)
{
	c->rtx_at = NEVER;
	c->rto = c->rto * 2 > 4000000 ? 4000000 : c->rto * 2;
	if (c->state == SYN_SENT) {
		send_raw(c, 0, TCP_SYN, 0);
		c->rtx_at = c->w->now + c->rto;
		return;
	}
	/*
	 * A late copy of an earlier ACK, which brings a cookie, made the server a connection that
	 * waits for what it had already (or that another life of ours had). Only giving up helps.
	 */
	if (++c->tries > 100) {
		CHECK(c->w, c->haunted);
		send_raw(c, c->nxt, TCP_RST | TCP_ACK, 0);
		c->aborted = true;
		over(c);
		return;
	}
	memset(c->sacked, 0, fin_offset(c) + 1);
	c->nxt = c->una;
	if (c->una >= c->edge && c->una <= c->avail) { /* a closed window: one octet */
		send_raw(c, c->una, TCP_ACK, 1);
		c->nxt = c->una + 1;
		c->max = c->nxt > c->max ? c->nxt : c->max;
		arm(c);
		return;
	}
	pump(c);
	if (c->rtx_at == NEVER && c->server_closed) { /* has it gone, and its RST been lost? */
		send_ack(c);
		c->rtx_at = c->w->now + c->rto;
	}
}

static void on_write(struct client *c)
{
	uint32_t left = (uint32_t)(c->plan.up - c->avail);
	uint32_t n = rng_range(&c->rng, 1, c->habit == DRIBBLER ? 3 : 20000);

	c->avail += n < left ? n : left;
	c->write_at = c->avail == c->plan.up ? NEVER : c->w->now + rng_below(&c->rng, 20000);
	if (c->plan.close == ABORT_CLIENT && c->avail >= c->plan.abort_at && c->state == OPEN) {
		send_raw(c, c->nxt, TCP_RST | TCP_ACK, 0);
		c->aborted = true;
		over(c);
		return;
	}
	pump(c);
}

static void on_read(struct client *c)
{
	uint64_t ready = c->rcv_nxt - 1 - c->read_to;
	uint64_t n = rng_range(&c->rng, 1, c->rbuf);

	if (c->fin_at != NEVER && c->rcv_nxt > c->fin_at)
		ready = c->plan.down - c->read_to;
	c->read_to += n < ready ? n : ready;
	c->read_at = c->slow_reader ? c->w->now + rng_below(&c->rng, 400000) : NEVER;
	if (c->read_to == c->plan.down)
		c->read_at = NEVER;
	/* Says so once; where that is lost, the server has to ask. */
	if (c->state == OPEN && c->rcv_nxt + window(c) >= c->adv + c->mss &&
		c->adv < c->rcv_nxt + c->mss)
		send_ack(c);
}

struct options {
	uint16_t mss;
	int ws;
	bool sack_ok, ts;
	uint32_t tsval, tsecr;
	const uint8_t *sack;
	unsigned blocks;
};

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

static void opened(struct client *c, const struct options *o, uint32_t number)
{
	c->state = OPEN;
	c->irs = number;
	c->rcv_nxt = 1;
	c->una = c->nxt = c->max = 1;
	c->mss = o->mss < c->my_mss ? o->mss : c->my_mss;
	CHECK(c->w, o->mss >= 536);
	c->ts = c->opt_ts && o->ts;
	c->sack = c->opt_sack && o->sack_ok;
	c->ws = c->opt_ws && o->ws >= 0;
	CHECK(c->w, c->opt_ts || !o->ts);
	CHECK(c->w, c->opt_sack || !o->sack_ok);
	CHECK(c->w, c->opt_ws || o->ws < 0);
	if (c->ts)
		c->ts_recent = o->tsval;
	c->peer_ws = c->ws ? (uint8_t)o->ws : 0;
	c->rto = 300000;
	c->write_at = c->w->now + rng_below(&c->rng, 20000);
	c->read_at = c->slow_reader ? c->w->now + rng_below(&c->rng, 400000) : NEVER;
	c->rtx_at = NEVER;
	c->hello_at = c->w->now + 5000000;
	send_ack(c);
}

/*
 * A server that sent a cookie knows nothing of us until our ACK arrives. Where we have nothing to
 * say either, only this helps against its loss.
 */
static void on_hello(struct client *c)
{
	c->hello_at = NEVER;
	if (c->state == OPEN && c->una == 1 && c->rcv_nxt == 1) {
		c->hello_at = c->w->now + 5000000;
		send_ack(c);
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
			uint32_t len = c->una <= c->avail ? piece(c, c->una) : 0;

			if (c->una + len > c->max)
				len = (uint32_t)(c->max - c->una);
			if (len)
				send_raw(c, c->una, TCP_ACK, len);
		}
	}
	if (edge > c->edge) {
		c->edge = edge;
		c->rto = 300000;
		c->rtx_at = NEVER;
	}
	pump(c);
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
		send_ack(c);
	else if (c->ack_at == NEVER)
		c->ack_at = c->w->now + rng_below(&c->rng, 100000);
	pump(c); /* the server's FIN may be what our own waited for */
}

static void finish_if_done(struct client *c)
{
	if (c->una > fin_offset(c) && c->rcv_nxt > 1 + (uint64_t)c->plan.down && c->state == OPEN)
		over(c);
}

static void input_syn_sent(struct client *c, const uint8_t *seg, const struct options *o)
{
	uint8_t flags = seg[13];

	if ((flags & TCP_ACK) && get32(seg + 8) != c->isn + 1) {
		if (!(flags & TCP_RST))
			send_reset(
				c, get32(seg + 8)); /* TIME-WAIT answers a SYN it takes for old */
		return;
	}
	if (flags & TCP_RST)
		return; /* from the last incarnation; our timer tries again */
	if ((flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK)) {
		opened(c, o, get32(seg + 4));
		c->edge = 1 + (uint64_t)(seg[14] << 8 | seg[15]);
		c->best_edge = c->edge;
		pump(c);
	}
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
	if (c->state == SYN_SENT) {
		input_syn_sent(c, seg, &o);
		return;
	}
	/* TIME-WAIT answers until the server is done; after that nobody is there. */
	if (c->aborted || (c->state == OVER && c->server_closed)) {
		if (!(flags & TCP_RST))
			send_reset(c, get32(seg + 8));
		return;
	}
	from = offset_of(get32(seg + 4), c->irs, c->rcv_nxt);
	if (c->ts && o.ts && (int32_t)(o.tsval - c->ts_recent) < 0 && !(flags & TCP_RST))
		return;
	if (flags & TCP_RST) {
		if (from == (int64_t)c->rcv_nxt)
			over(c);
		else if (from > (int64_t)c->rcv_nxt && from <= (int64_t)c->adv_max)
			send_ack(c); /* RFC 5961: who is there will tell */
		return;
	}
	if (flags & TCP_SYN) {
		send_ack(c); /* our ACK of it was lost */
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
		send_ack(c); /* an old duplicate, perhaps of an earlier life, or a keepalive */
		return;
	}
	CHECK(c->w, len - hdr <= c->my_mss);
	take_ack(c, &o, get32(seg + 8), (uint16_t)(seg[14] << 8 | seg[15]),
		len == hdr && !(flags & TCP_FIN));
	if (len > hdr || (flags & TCP_FIN))
		take_data(c, from, seg + hdr, len - hdr, flags & TCP_FIN);
	finish_if_done(c);
}

uint64_t client_next(const struct client *c)
{
	uint64_t next = c->state == WAITING ? c->begin : NEVER;

	next = c->rtx_at < next ? c->rtx_at : next;
	next = c->write_at < next ? c->write_at : next;
	next = c->read_at < next ? c->read_at : next;
	next = c->hello_at < next ? c->hello_at : next;
	return c->ack_at < next ? c->ack_at : next;
}

void client_run(struct client *c)
{
	uint64_t now = c->w->now;

	if (c->state == WAITING && c->begin <= now)
		connect_now(c);
	if (c->rtx_at <= now)
		on_timeout(c);
	if (c->write_at <= now)
		on_write(c);
	if (c->read_at <= now)
		on_read(c);
	if (c->ack_at <= now)
		send_ack(c);
	if (c->hello_at <= now)
		on_hello(c);
}

bool client_done(const struct client *c)
{
	return c->lives == 0;
}

uint16_t client_port(const struct client *c)
{
	return c->port;
}

const struct plan *client_plan(const struct client *c)
{
	return &c->plan;
}

static void draw_plan(struct client *c)
{
	struct rng *r = &c->rng;
	uint32_t most;

	c->habit = (enum habit)rng_below(r, 3);
	most = c->habit == DRIBBLER ? 1500 : c->habit == CHOPPER ? 40000 : 200000;
	c->plan.up = rng_chance(r, 50) ? 0 : rng_below(r, most);
	c->plan.down = rng_chance(r, 300) ? rng_below(r, 150000) : rng_below(r, 2000);
	c->plan.close = rng_below(r, 5);
	/* Mostly the ways that end in peace: only these can show that all bytes arrived. */
	if (c->plan.close >= ABORT_CLIENT && rng_chance(r, 600))
		c->plan.close = rng_below(r, 3);
	c->plan.abort_at = rng_below(r, c->plan.up + 1);
	c->opt_ts = rng_chance(r, 600);
	c->opt_sack = rng_chance(r, 600);
	c->opt_ws = rng_chance(r, 600);
	c->my_ws = (uint8_t)rng_below(r, 9);
	c->my_mss = (uint16_t)(rng_chance(r, 500) ? 1460 : rng_range(r, 200, 1460));
	c->cwnd = rng_range(r, 1, 64) * 1460;
	c->slow_reader = rng_chance(r, 250);
	c->rbuf = rng_chance(r, 300) ? rng_range(r, 2000, 8000) : rng_range(r, 8000, 200000);
}

static void begin(struct client *c, uint64_t at)
{
	struct world *w = c->w;

	draw_plan(c);
	free(c->got);
	free(c->sacked);
	c->got = calloc((size_t)c->plan.down + 2, 1);
	c->sacked = calloc((size_t)c->plan.up + 3, 1);
	CHECK(w, c->got && c->sacked);
	c->state = WAITING;
	c->begin = at;
	c->aborted = c->accepted = c->server_closed = c->haunted = false;
	c->ts = c->sack = c->ws = false;
	c->una = c->nxt = c->max = c->avail = c->edge = c->best_edge = 0;
	c->rcv_nxt = 1;
	c->fin_at = NEVER;
	c->read_to = 0;
	c->adv = c->adv_max = 0;
	c->mss = c->my_mss;
	c->dups = c->tries = 0;
	c->newest = c->top = 0;
	c->unacked = 0;
	c->irs = 0;
	c->ts_recent = 0;
	c->rtx_at = c->write_at = c->read_at = c->ack_at = c->hello_at = NEVER;
}

struct client *client_new(struct world *w, uint32_t id)
{
	struct client *c = calloc(1, sizeof(*c));

	CHECK(w, c);
	c->w = w;
	c->plan.id = id;
	c->plan.v6 = rng_chance(&w->rng, 200);
	c->port = (uint16_t)(10000 + id);
	c->rng.s = rng_next(&w->rng);
	c->lives = rng_chance(&c->rng, 200) ? rng_range(&c->rng, 2, 3) : 1;
	/* Often so that the numbers wrap around on the way. */
	c->isn = rng_chance(&c->rng, 500) ? 0U - rng_below(&c->rng, 100000)
					  : (uint32_t)rng_next(&c->rng);
	c->ts_base = rng_chance(&c->rng, 500)
			     ? 0U - (uint32_t)(w->now / 1000) - rng_below(&c->rng, 3000)
			     : (uint32_t)rng_next(&c->rng);
	begin(c, w->now + rng_below(&w->rng, 200000));
	return c;
}

void client_free(struct client *c)
{
	free(c->got);
	free(c->sacked);
	free(c);
}

/*
 * The same port again, as soon as nothing of the old connection can be mistaken for the new one:
 * our numbers go on past the old ones; the server's do so from TIME-WAIT, else we wait.
 */
static void reincarnate(struct client *c)
{
	uint64_t wait = c->plan.close == CLOSE_SERVER ? 1 : 6000000;

	c->isn += (uint32_t)c->max + 300000;
	c->plan.id += 1000;
	begin(c, c->w->now + wait);
}

void client_server_closed(struct client *c, bool normally, uint64_t bytes)
{
	struct world *w = c->w;

	w->focus = c->port - 10000U;
	if (c->plan.close < ABORT_CLIENT) {
		CHECK(w, normally);
		CHECK(w, bytes == c->plan.up);
		CHECK(w, c->rcv_nxt >= 1 + (uint64_t)c->plan.down);
	}
	c->server_closed = true;
	if (c->state == OPEN && c->rtx_at == NEVER)
		c->rtx_at = w->now + c->rto;
}

void client_after(struct client *c)
{
	/* In an aborted life the RST may have been lost: nothing to wait for at our end. */
	if (c->state == OVER && c->server_closed && c->lives > 0) {
		c->lives--;
		if (c->lives > 0)
			reincarnate(c);
	}
}

void client_quiet(struct client *c)
{
	c->w->focus = c->port - 10000U;
	CHECK(c->w, client_done(c) || (c->aborted && !c->accepted));
	c->lives = 0;
}

bool client_accepted(struct client *c, uint32_t number)
{
	bool before = c->accepted;

	c->haunted = true;
	/* Of an earlier life: a cookie that a late duplicate brought again. */
	if (c->state == WAITING || number - (c->isn + 1) > 250000)
		return true;

	/* One handshake, one connection: late copies of its last ACK find the cookie spent. */
	CHECK(c->w, !before);
	c->accepted = true;
	c->haunted = false;
	return false;
}

void client_describe(const struct client *c)
{
	printf("  client %u port %u: state %d habit %d close %d lives %u up %u (una %llu nxt %llu "
	       "edge "
	       "%llu) down %u (rcv %llu read %llu) server_closed %d ts %d sack %d ws %d mss %u\n",
		c->plan.id, c->port, (int)c->state, (int)c->habit, (int)c->plan.close, c->lives,
		c->plan.up, (unsigned long long)c->una, (unsigned long long)c->nxt,
		(unsigned long long)c->edge, c->plan.down, (unsigned long long)c->rcv_nxt,
		(unsigned long long)c->read_to, c->server_closed, c->ts, c->sack, c->ws, c->mss);
}
