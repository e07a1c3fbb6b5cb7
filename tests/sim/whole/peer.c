/* As plain as TCP can be: no options but MSS, what comes out of order is dropped, go back N. */
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/tcp/tcp.h"
#include "tests/sim/whole/sim.h"

#define MSS    1400u
#define HEADER 20u
#define RTO_US 300000u

static void say(struct peer *p, uint8_t flags, uint32_t seq, const uint8_t *data, uint32_t n)
{
	uint32_t hdr = flags & TCP_SYN ? HEADER + 4 : HEADER;
	uint8_t seg[SIM_SEGMENT];

	memset(seg, 0, hdr);
	store_be16(seg, p->port);
	store_be16(seg + 2, 514);
	store_be32(seg + 4, seq);
	store_be32(seg + 8, flags & TCP_ACK ? p->rcv_nxt : 0);
	seg[12] = (uint8_t)(hdr / 4 << 4);
	seg[13] = flags;
	store_be16(seg + 14, 65535);
	if (flags & TCP_SYN) {
		seg[20] = 2;
		seg[21] = 4;
		store_be16(seg + 22, MSS);
	}
	if (n > 0)
		memcpy(seg + hdr, data, n);
	wire_send(p->w, true, p->host, p->port, seg, hdr + n);
}

static void arm(struct peer *p)
{
	p->rtx_us = p->w->mono_us + p->rto_us;
}

void peer_open(struct peer *p, uint16_t port)
{
	p->state = PEER_SYN_SENT;
	p->port = port;
	p->isn = (uint32_t)rng_next(&p->w->rng);
	p->una = p->nxt = p->isn + 1;
	p->out_len = 0;
	p->wnd = 0;
	p->rto_us = RTO_US;
	say(p, TCP_SYN, p->isn, NULL, 0);
	arm(p);
}

void peer_drop(struct peer *p, bool told)
{
	if (told && p->state == PEER_OPEN)
		say(p, TCP_RST | TCP_ACK, p->nxt, NULL, 0);
	p->state = PEER_CLOSED;
	p->out_len = 0;
}

static void pump(struct peer *p)
{
	while (p->nxt - p->una < p->out_len && p->nxt - p->una < p->wnd) {
		uint32_t at = p->nxt - p->una, n = p->out_len - at;

		n = n > MSS ? MSS : n;
		n = n > p->wnd - at ? p->wnd - at : n;
		say(p, TCP_ACK | TCP_PSH, p->nxt, p->out + at, n);
		if (at == 0)
			arm(p);
		p->nxt += n;
	}
}

uint32_t peer_write(struct peer *p, const void *data, uint32_t n)
{
	uint32_t room = PEER_OUT - p->out_len;

	if (p->state != PEER_OPEN)
		return 0;
	n = n > room ? room : n;
	if (n > 0 && p->out_len == 0)
		arm(p);
	memcpy(p->out + p->out_len, data, n);
	p->out_len += n;
	pump(p);
	return n;
}

void peer_tick(struct peer *p)
{
	bool owes = p->state == PEER_SYN_SENT || (p->state == PEER_OPEN && p->out_len > 0);

	if (!owes || p->w->mono_us < p->rtx_us)
		return;
	p->rto_us = p->rto_us * 2 > 4000000 ? 4000000 : p->rto_us * 2;
	arm(p);
	if (p->state == PEER_SYN_SENT) {
		say(p, TCP_SYN, p->isn, NULL, 0);
		return;
	}
	p->nxt = p->una;
	if (p->wnd > 0) {
		pump(p);
		return;
	}
	say(p, TCP_ACK | TCP_PSH, p->una, p->out, 1); /* a closed window is asked again */
}

static void acked(struct peer *p, uint32_t ack, uint16_t wnd)
{
	uint32_t n = ack - p->una;

	if (n > p->out_len)
		return;
	if (n > 0) {
		memmove(p->out, p->out + n, p->out_len - n);
		p->out_len -= n;
		if ((int32_t)(p->nxt - ack) < 0)
			p->nxt = ack;
		p->una = ack;
		p->rto_us = RTO_US;
		arm(p);
	}
	p->wnd = wnd;
	pump(p);
}

/* Not of this connection: as a kernel answers it. */
static void refuse(const struct peer *p, const uint8_t *seg)
{
	struct peer stranger = {.w = p->w, .host = p->host, .port = load_be16(seg + 2)};

	if (!(seg[13] & TCP_RST) && (seg[13] & TCP_ACK) && p->w->refuses)
		say(&stranger, TCP_RST, load_be32(seg + 8), NULL, 0);
}

static void ended(struct peer *p)
{
	p->state = PEER_ENDED;
	p->calls->lost(p->user);
}

void peer_segment(struct peer *p, const uint8_t *seg, uint32_t len)
{
	uint32_t hdr = (uint32_t)(seg[12] >> 4) * 4, n = len - hdr;
	uint32_t seq = load_be32(seg + 4), ack = load_be32(seg + 8);
	uint8_t flags = seg[13];

	if (p->state == PEER_CLOSED || p->state == PEER_ENDED || load_be16(seg + 2) != p->port) {
		refuse(p, seg);
		return;
	}
	if (p->state == PEER_SYN_SENT) {
		if (!(flags & TCP_ACK))
			return;
		if (ack != p->isn + 1) { /* of a connection before this one: RFC 9293 3.5.2 */
			if (!(flags & TCP_RST))
				say(p, TCP_RST, ack, NULL, 0);
			return;
		}
		if (flags & TCP_RST) {
			ended(p);
		} else if (flags & TCP_SYN) {
			p->rcv_nxt = seq + 1;
			p->wnd = load_be16(seg + 14);
			p->state = PEER_OPEN;
			p->rto_us = RTO_US;
			say(p, TCP_ACK, p->nxt, NULL, 0);
			p->calls->connected(p->user);
		}
		return;
	}
	if (flags & TCP_RST) {
		if (seq == p->rcv_nxt)
			ended(p);
		return;
	}
	if (flags & TCP_SYN) {
		say(p, TCP_ACK, p->nxt, NULL, 0);
		return;
	}
	acked(p, ack, load_be16(seg + 14));
	if (n > 0 || (flags & TCP_FIN)) {
		const bool next = seq == p->rcv_nxt;

		if (next)
			p->rcv_nxt += n + !!(flags & TCP_FIN);
		say(p, TCP_ACK, p->nxt, NULL, 0);
		if (!next)
			return;
		if (n > 0)
			p->calls->bytes(p->user, seg + hdr, n);
		if ((flags & TCP_FIN) && p->state == PEER_OPEN)
			ended(p);
	}
}
