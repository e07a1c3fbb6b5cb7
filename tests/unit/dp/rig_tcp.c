/*
 * The rig's TCP clients. Where frames go to two rx lcores in turn, segments overtake one another,
 * and who gets them may give up what came too early; so all that was not acknowledged for a while
 * is sent again, from the first byte (RFC 9293 section 3.8.1, without an estimate of the round
 * trip).
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dataplane/base/bytes.h"
#include "dataplane/tcp/tcp.h"
#include "tests/unit/dp/rig_wire.h"

#define MAX_CLIENTS 2048u
#define WAIT_MS	    60000u
#define MSS	    1460u
#define FLIGHT_MAX  (32u * MSS)
#define FLIGHT_ROOM 65536u /* a power of 2: bytes lie in it by their sequence number */
#define AGAIN_MS    200u

struct client {
	struct rig_tcp *c;
	uint8_t *flight; /* FLIGHT_ROOM, kept for who comes next */
};
static struct client clients[MAX_CLIENTS];
static unsigned clients_used; /* slots that ever were */

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void segment(struct rig *r, struct rig_tcp *c, uint32_t seq, uint8_t flags, const void *data,
	uint32_t len)
{
	uint32_t hdr = flags & TCP_SYN ? 24 : 20;
	struct rte_mbuf *m;
	uint8_t *t = rig_ip_frame(r, c->host, 6, hdr + len, &m);

	memset(t, 0, hdr);
	store_be16(t, c->port);
	store_be16(t + 2, c->dport);
	store_be32(t + 4, seq);
	store_be32(t + 8, c->rcv_nxt);
	t[12] = (uint8_t)(hdr / 4 << 4);
	t[13] = flags;
	store_be16(t + 14, 65535);
	if (flags & TCP_SYN) {
		t[20] = 2;
		t[21] = 4;
		store_be16(t + 22, MSS);
	}
	if (len)
		memcpy(t + hdr, data, len);
	rig_l4_sum(c->host, 6, t, hdr + len, 16);
	rig_put(r, m);
}

/* What is new, and counts in the sequence space. */
static void segment_next(
	struct rig *r, struct rig_tcp *c, uint8_t flags, const void *data, uint32_t len)
{
	uint32_t seq = c->snd_nxt;

	if (c->snd_nxt == c->snd_una)
		c->progress_ms = now_ms();
	c->snd_nxt += len + (flags & (TCP_SYN | TCP_FIN) ? 1 : 0);
	segment(r, c, seq, flags, data, len);
}

static void acknowledge(struct rig *r, struct rig_tcp *c)
{
	segment(r, c, c->snd_nxt, TCP_ACK, NULL, 0);
}

void rig_tcp_take(struct rig *r, uint8_t host, const uint8_t *t, uint32_t len)
{
	uint32_t hdr = (uint32_t)(t[12] >> 4) * 4, data = len - hdr;
	uint32_t seq = load_be32(t + 4), ack = load_be32(t + 8);

	for (unsigned i = 0; i < clients_used; i++) {
		struct rig_tcp *c = clients[i].c;

		if (!c || c->host != host || c->port != load_be16(t + 2))
			continue;
		if (t[13] & TCP_RST) {
			/* Elsewhere it would have to be proven (RFC 5961 section 3.2), and who has
			 * sent it is gone. */
			c->reset |= !c->established || seq == c->rcv_nxt;
			return;
		}
		if ((t[13] & TCP_ACK) && (int32_t)(ack - c->snd_una) > 0) {
			c->snd_una = ack;
			c->progress_ms = now_ms();
		}
		c->wnd = load_be16(t + 14);
		if (t[13] & TCP_SYN) {
			c->rcv_nxt = seq + 1;
			c->established = true;
			acknowledge(r, c);
			return;
		}
		if (seq != c->rcv_nxt) {
			if (data || (t[13] & TCP_FIN))
				acknowledge(r, c); /* ours has overtaken, or was lost */
			return;
		}
		c->rcv_nxt += data;
		if (c->in && data) {
			if (data > c->in_size - c->in_len)
				rig_die("no room for what the peer sends");
			memcpy(c->in + c->in_len, t + hdr, data);
			c->in_len += data;
		}
		if (t[13] & TCP_FIN) {
			c->rcv_nxt++;
			c->peer_fin = true;
		}
		if (data || (t[13] & TCP_FIN))
			acknowledge(r, c);
		return;
	}
}

static void send_again(struct rig *r, const struct client *slot)
{
	struct rig_tcp *c = slot->c;
	uint32_t end = c->snd_nxt - c->fin_sent;

	c->progress_ms = now_ms();
	for (uint32_t seq = c->snd_una; seq != end;) {
		uint32_t at = seq % FLIGHT_ROOM, n = end - seq < MSS ? end - seq : MSS;

		n = n < FLIGHT_ROOM - at ? n : FLIGHT_ROOM - at;
		segment(r, c, seq, TCP_ACK | TCP_PSH, slot->flight + at, n);
		seq += n;
	}
	if (c->fin_sent)
		segment(r, c, end, TCP_ACK | TCP_FIN, NULL, 0);
}

void rig_tcp_again(struct rig *r)
{
	static uint64_t looked_ms;
	static bool busy; /* putting frames on the wire pumps */
	uint64_t now = now_ms();

	if (busy || now - looked_ms < AGAIN_MS / 4)
		return;
	busy = true;
	looked_ms = now;
	for (unsigned i = 0; i < clients_used; i++) {
		const struct rig_tcp *c = clients[i].c;

		if (c && c->established && !c->reset && c->snd_una != c->snd_nxt &&
			now - c->progress_ms >= AGAIN_MS)
			send_again(r, &clients[i]);
	}
	busy = false;
}

static struct client *slot_of(const struct rig_tcp *c)
{
	for (unsigned i = 0; i < clients_used; i++)
		if (clients[i].c == c)
			return &clients[i];
	rig_die("a client that is not open");
}

void rig_tcp_open(struct rig *r, struct rig_tcp *c, uint8_t host, uint16_t port, uint16_t dport)
{
	bool taken = false;

	memset(c, 0, sizeof(*c));
	c->host = host;
	c->port = port;
	c->dport = dport;
	c->snd_nxt = c->snd_una = 1000;
	for (unsigned i = 0; i < MAX_CLIENTS && !taken; i++) {
		if (clients[i].c && clients[i].c != c)
			continue;
		clients[i].c = c;
		clients_used = i < clients_used ? clients_used : i + 1;
		taken = true;
	}
	if (!taken)
		rig_die("too many clients");
	segment_next(r, c, TCP_SYN, NULL, 0);
	for (uint64_t end = now_ms() + WAIT_MS; !c->established && !c->reset;) {
		rig_pump(r);
		if (now_ms() > end)
			rig_die("no answer to SYN");
	}
}

/* Kept until it is acknowledged. */
static void keep(struct client *slot, uint32_t seq, const uint8_t *data, uint32_t len)
{
	if (!slot->flight && !(slot->flight = malloc(FLIGHT_ROOM)))
		rig_die("out of memory");
	while (len > 0) {
		uint32_t at = seq % FLIGHT_ROOM,
			 n = len < FLIGHT_ROOM - at ? len : FLIGHT_ROOM - at;

		memcpy(slot->flight + at, data, n);
		seq += n;
		data += n;
		len -= n;
	}
}

uint32_t rig_tcp_try(struct rig *r, struct rig_tcp *c, const void *data, uint32_t len)
{
	struct client *slot = slot_of(c);
	const uint8_t *p = data;
	uint32_t sent = 0;

	while (sent < len && !c->reset) {
		uint32_t flight = c->snd_nxt - c->snd_una;
		uint32_t n = len - sent < MSS ? len - sent : MSS;

		if (flight + n > c->wnd || flight > FLIGHT_MAX)
			break;
		keep(slot, c->snd_nxt, p + sent, n);
		segment_next(r, c, TCP_ACK | TCP_PSH, p + sent, n);
		sent += n;
	}
	rig_pump(r);
	return sent;
}

bool rig_tcp_send(struct rig *r, struct rig_tcp *c, const void *data, uint32_t len)
{
	const uint8_t *p = data;

	for (uint32_t sent = 0; sent < len && !c->reset;)
		sent += rig_tcp_try(r, c, p + sent, len - sent);
	return !c->reset;
}

void rig_tcp_fin(struct rig *r, struct rig_tcp *c)
{
	segment_next(r, c, TCP_ACK | TCP_FIN, NULL, 0);
	c->fin_sent = true;
}

void rig_tcp_close(struct rig *r, struct rig_tcp *c)
{
	rig_tcp_fin(r, c);
	for (uint64_t end = now_ms() + WAIT_MS; !c->peer_fin && !c->reset;) {
		rig_pump(r);
		if (now_ms() > end)
			rig_die("no FIN from the peer");
	}
}

void rig_tcp_end(struct rig *r, struct rig_tcp *c)
{
	(void)r;
	for (unsigned i = 0; i < clients_used; i++)
		if (clients[i].c == c)
			clients[i].c = NULL;
}
