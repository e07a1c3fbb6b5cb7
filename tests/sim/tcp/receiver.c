/*
 * In place of client.c: one that only receives, as other stacks do it today: SACK with DSACK,
 * timestamps, an ACK for each second segment, at once for what is out of order or fills a hole, the
 * rest after 40 ms. What is measured against it is the sender.
 */
#include <string.h>

#include "dataplane/base/bytes.h"
#include "receiver.h"
#include "sim.h"

#define PORT	   10000
#define ACK_DELAY  40000U
#define WSCALE	   9
#define WINDOW	   (8U << 20)
#define MAX_RANGES 4096U

struct range {
	uint64_t from, to, stamp;
};

struct client {
	struct world *w;
	struct plan plan;
	enum { SYN_SENT, OPEN, OVER } state;
	uint32_t isn, irs, ts_recent;
	uint64_t rcv_nxt, fin_at, stamp;
	uint64_t timer, ack_at, finished;
	unsigned unacked;
	bool dsack, fin_sent;
	struct range dup;
	struct range held[MAX_RANGES];
	uint32_t count;
};

static void put_block(const struct client *c, uint8_t *p, const struct range *r)
{
	store_be32(p, (uint32_t)r->from + c->irs);
	store_be32(p + 4, (uint32_t)r->to + c->irs);
}

/* The duplicate first, then those that grew last. */
static uint32_t put_sack(const struct client *c, uint8_t *o)
{
	uint64_t below = UINT64_MAX;
	uint32_t at = 4;

	if (c->dsack) {
		put_block(c, o + at, &c->dup);
		at += 8;
	}
	while (at < 4 + 3 * 8) {
		const struct range *best = NULL;

		for (uint32_t i = 0; i < c->count; i++)
			if (c->held[i].stamp < below && (!best || c->held[i].stamp > best->stamp))
				best = &c->held[i];
		if (!best)
			break;
		put_block(c, o + at, best);
		below = best->stamp;
		at += 8;
	}
	if (at == 4)
		return 0;
	o[0] = o[1] = 1;
	o[2] = 5;
	o[3] = (uint8_t)(at - 2);
	return at;
}

static void send_segment(struct client *c, uint32_t number, uint8_t flags)
{
	uint8_t seg[60] = {PORT >> 8, PORT & 0xff, 514 >> 8, 514 & 0xff};
	uint32_t hdr = 20;

	if (flags & TCP_SYN) {
		memcpy(seg + hdr,
			(const uint8_t[12]){
				2, 4, 1460 >> 8, 1460 & 0xff, 1, 1, 4, 2, 1, 3, 3, WSCALE},
			12);
		hdr += 12;
	}
	memcpy(seg + hdr, (const uint8_t[4]){1, 1, 8, 10}, 4);
	store_be32(seg + hdr + 4, (uint32_t)(c->w->now / 1000));
	store_be32(seg + hdr + 8, c->ts_recent);
	hdr += 12;
	if (flags & TCP_ACK) {
		hdr += put_sack(c, seg + hdr);
		store_be32(seg + 8, (uint32_t)c->rcv_nxt + c->irs);
	}
	store_be32(seg + 4, number);
	seg[12] = (uint8_t)(hdr / 4 << 4);
	seg[13] = flags;
	seg[14] = (WINDOW >> WSCALE) >> 8 & 0xff;
	seg[15] = (WINDOW >> WSCALE) & 0xff;
	c->dsack = false;
	c->unacked = 0;
	c->ack_at = NEVER;
	link_send(c->w, true, PORT, seg, hdr);
}

static void send_ack(struct client *c)
{
	send_segment(c, c->isn + 1 + c->fin_sent, TCP_ACK);
}

static void forget(struct client *c, uint32_t i)
{
	memmove(&c->held[i], &c->held[i + 1], (--c->count - i) * sizeof(c->held[0]));
}

/* True where the ACK must not wait. */
static bool take(struct client *c, uint64_t from, uint64_t to)
{
	uint64_t before = c->rcv_nxt;
	bool gap = c->count > 0;
	uint32_t i = 0;

	if (to <= c->rcv_nxt) {
		c->dup = (struct range){from, to, 0};
		c->dsack = true;
		return true;
	}
	for (struct range r = {from, to, 0}; i <= c->count; i++) {
		while (i < c->count && c->held[i].from <= r.to && r.from <= c->held[i].to) {
			if (c->held[i].from <= from && to <= c->held[i].to) {
				c->dup = (struct range){from, to, 0};
				c->dsack = true;
			}
			r.from = r.from < c->held[i].from ? r.from : c->held[i].from;
			r.to = r.to > c->held[i].to ? r.to : c->held[i].to;
			forget(c, i);
		}
		if (i < c->count && c->held[i].to < r.from)
			continue;
		if (r.from <= c->rcv_nxt) {
			c->rcv_nxt = r.to;
			break;
		}
		CHECK(c->w, c->count < MAX_RANGES);
		memmove(&c->held[i + 1], &c->held[i], (c->count++ - i) * sizeof(r));
		r.stamp = ++c->stamp;
		c->held[i] = r;
		break;
	}
	return gap || c->rcv_nxt == before || ++c->unacked >= 2;
}

void client_input(struct client *c, const uint8_t *seg, uint32_t len)
{
	uint32_t hdr = (uint32_t)(seg[12] >> 4) << 2;
	uint32_t number = load_be32(seg + 4);
	uint64_t from;
	bool now;

	if (seg[13] & TCP_SYN) {
		if (c->state == SYN_SENT) {
			c->state = OPEN;
			c->irs = number;
			c->rcv_nxt = 1;
			c->timer = NEVER;
		}
		c->ts_recent = load_be32(seg + hdr - 8);
		send_ack(c);
		return;
	}
	if (c->state == SYN_SENT)
		return;
	from = c->rcv_nxt + (uint64_t)(int64_t)(int32_t)(number - c->irs - (uint32_t)c->rcv_nxt);
	if (from <= c->rcv_nxt)
		c->ts_recent = load_be32(seg + 24);
	if (seg[13] & TCP_FIN)
		c->fin_at = from + (len - hdr);
	now = len > hdr && take(c, from, from + (len - hdr));
	if (c->rcv_nxt == 1 + (uint64_t)c->plan.down && c->finished == 0)
		c->finished = c->w->now;
	if (c->rcv_nxt == c->fin_at) {
		c->rcv_nxt++;
		now = true;
	}
	if (c->rcv_nxt == c->fin_at + 1 && !c->fin_sent) {
		send_segment(c, c->isn + 1, TCP_ACK | TCP_FIN);
		c->fin_sent = true;
		c->timer = c->w->now + 500000;
	} else if (now || (seg[13] & TCP_FIN)) {
		send_ack(c);
	} else if (len > hdr && c->ack_at == NEVER) {
		c->ack_at = c->w->now + ACK_DELAY;
	}
	if (c->fin_sent && load_be32(seg + 8) == c->isn + 2) {
		c->state = OVER;
		c->timer = c->ack_at = NEVER;
	}
}

uint64_t client_next(const struct client *c)
{
	return c->timer < c->ack_at ? c->timer : c->ack_at;
}

void client_run(struct client *c)
{
	if (c->timer <= c->w->now) {
		if (c->state == SYN_SENT)
			send_segment(c, c->isn, TCP_SYN);
		else
			send_segment(c, c->isn + 1, TCP_ACK | TCP_FIN);
		c->timer = c->w->now + 500000;
	}
	if (c->ack_at <= c->w->now)
		send_ack(c);
}

struct client *client_new(struct world *w, uint32_t id)
{
	struct client *c = calloc(1, sizeof(*c));

	CHECK(w, c);
	c->w = w;
	c->plan.id = id;
	c->plan.close = CLOSE_SERVER;
	c->isn = 1000;
	c->fin_at = c->ack_at = NEVER;
	c->timer = w->now;
	return c;
}

void client_free(struct client *c)
{
	free(c);
}

bool client_done(const struct client *c)
{
	return c->finished;
}

const struct plan *client_plan(const struct client *c)
{
	return &c->plan;
}

void client_server_closed(struct client *c, bool normally, uint64_t bytes)
{
	CHECK(c->w, normally && bytes == c->plan.up);
}

bool client_accepted(struct client *c, uint32_t number)
{
	(void)c;
	(void)number;
	return false;
}

void receiver_wants(struct client *c, uint32_t bytes)
{
	c->plan.down = bytes;
}

uint64_t receiver_finished(const struct client *c)
{
	return c->finished;
}
