/*
 * Connections past both kernels: our own TCP as the client, over ring.h. One stack for all flows,
 * each a host with a port of its own; segments are frames of at most 1,514 bytes. Payloads are
 * copied into frames, and the checksum of TCP is left to the port where it has one to offer, as a
 * NIC does.
 */
#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "bench/load/load.h"
#include "bench/load/ring.h"
#include "bench/wire/frames.h"
#include "dataplane/base/bytes.h"
#include "dataplane/net/checksum.h"
#include "dataplane/tcp/tcp.h"

#define PORT_BASE     20000u
#define MTU	      1500u
#define OPEN_S	      20u
#define SEND_BUFFER   (256u << 10) /* of a flow: more than any window of sluiced's */
#define SEND_TOTAL    (256ull << 20)
#define SEND_BLOCK    (16u << 10) /* so that few segments lie in two of them */
#define OUT	      2048u	  /* frames that wait for the ring; a power of two */
#define TCP_SUM	      16u	  /* where the checksum lies in TCP's header */
#define PROTO_TCP     6u
#define RCV_BUF	      (64u << 10)
#define CALLS_A_ROUND 8u

static struct {
	const struct ring *ring;
	struct tcp_stack *tcp;
	struct rte_mbuf *out[OUT];
	unsigned head, tail;
	uint64_t now;	    /* us */
	uint64_t worked_us; /* the last round that had something to do */
	uint64_t taken;	    /* frames in this round */
	unsigned flows;	    /* that are open */
	unsigned calls;	    /* since the last round */
	bool at_once;	    /* what is written leaves before the sender waits for anything */
	bool unsent;	    /* something was written that has not */
	uint64_t dropped;   /* frames for which there was no room; TCP sends them again */
} native;

/* What waits for the ring; how many have left. */
static unsigned drain(void)
{
	unsigned done = 0;

	while (native.head != native.tail) {
		unsigned at = native.tail % OUT;
		unsigned n = native.head - native.tail;
		unsigned sent;

		n = n < OUT - at ? n : OUT - at;
		n = n < RING_BURST ? n : RING_BURST;
		sent = ring_send(native.out + at, n);
		native.tail += sent;
		done += sent;
		if (sent < n)
			break;
	}
	return done;
}

static void sum(struct rte_mbuf *m, const struct ip_flow *f, uint8_t *l4, uint32_t len)
{
	uint16_t pseudo;

	if (!native.ring->tcp_csum) {
		frame_sum(&f->src, &f->dst, PROTO_TCP, l4, len, TCP_SUM);
		return;
	}
	m->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM;
	m->l2_len = RTE_ETHER_HDR_LEN;
	m->l3_len = sizeof(struct rte_ipv4_hdr);
	pseudo = net_sum_fold((uint64_t)load_le32(f->src.b + 12) + load_le32(f->dst.b + 12) +
			      (PROTO_TCP << 8) + __builtin_bswap16((uint16_t)len));
	memcpy(l4 + TCP_SUM, &pseudo, sizeof(pseudo));
}

static int op_output(void *ctx, const struct tcp_tx *tx)
{
	uint32_t len = tx->hdr_len + tx->payload_len;
	struct rte_mbuf *m;
	uint8_t *l4;

	(void)ctx;
	if (native.head - native.tail == OUT)
		drain();
	if (native.head - native.tail == OUT || !ring_alloc(&m, 1)) {
		native.dropped++;
		return -1;
	}
	m->data_len = (uint16_t)(FRAME_L4 + len);
	m->pkt_len = m->data_len;
	l4 = frame_ip(rte_pktmbuf_mtod(m, uint8_t *), native.ring->mac, &tx->flow.src,
		&tx->flow.dst, PROTO_TCP, len);
	memcpy(l4, tx->hdr, tx->hdr_len);
	if (tx->payload_len)
		memcpy(l4 + tx->hdr_len, tx->payload, tx->payload_len);
	sum(m, &tx->flow, l4, len);
	native.out[native.head++ % OUT] = m;
	return 0;
}

static void op_event(void *ctx, struct tcp_conn *c, enum tcp_event ev)
{
	struct load_flow *f = tcp_user(c);
	struct tcp_info info;

	(void)ctx;
	switch (ev) {
	case TCP_EV_CONNECTED:
		f->opened = true;
		break;
	case TCP_EV_PEER_FIN:
		f->fin = true;
		break;
	case TCP_EV_CLOSED:
		tcp_info(c, &info);
		f->ended = info.why == TCP_CLOSED_NORMALLY;
		f->conn = NULL;
		break;
	default:
		break;
	}
}

static void op_buf_free(void *ctx, void *buf)
{
	(void)ctx;
	rte_pktmbuf_free(buf);
}

/* Nothing small is ever gathered: whatever comes is read soon. */
static void *op_buf_alloc(void *ctx, uint8_t **data, uint32_t *capacity, uint32_t *buf_size)
{
	(void)ctx;
	(void)data;
	(void)capacity;
	(void)buf_size;
	return NULL;
}

static uint32_t op_mtu(void *ctx, const struct ip_addr *dst)
{
	(void)ctx;
	(void)dst;
	return MTU;
}

static bool op_listening(void *ctx, const struct ip_flow *flow, bool *drop)
{
	(void)ctx;
	(void)flow;
	*drop = false;
	return false;
}

static int start_stack(const struct load *l)
{
	static const struct tcp_ops ops = {
		op_output, op_event, op_buf_free, op_buf_alloc, op_mtu, op_listening};
	uint32_t flows = l->o->plan.flows;
	struct tcp_config cfg;

	tcp_config_defaults(&cfg);
	cfg.max_conns = flows;
	cfg.max_half_open = 1;
	cfg.max_spent_cookies = 1;
	cfg.max_time_wait = flows;
	cfg.rcv_buf = RCV_BUF;
	cfg.rcv_buf_total = (uint64_t)RCV_BUF * (flows < 1024 ? flows : 1024);
	cfg.snd_buf = SEND_BUFFER;
	cfg.snd_buf_total = (uint64_t)SEND_BUFFER * flows;
	if (cfg.snd_buf_total > SEND_TOTAL)
		cfg.snd_buf_total = SEND_TOTAL;
	cfg.snd_block = SEND_BLOCK;
	if (RAND_bytes((uint8_t *)&cfg.key, sizeof(cfg.key)) != 1)
		return -1;
	native.tcp = tcp_stack_new(&cfg, &ops, NULL);
	return native.tcp ? 0 : -1;
}

/* A frame for one of our hosts: TCP over IPv4 without fragments, or nothing to us. */
static void take(void *ctx, struct rte_mbuf *m)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	struct tcp_rx rx = {.buf = m, .buf_size = 2304};
	uint32_t len;

	(void)ctx;
	native.taken++;
	if (!frame_tcp(frame, m->data_len, &rx.flow, &rx.hdr, &len)) {
		rte_pktmbuf_free(m);
		return;
	}
	rx.len = len;
	tcp_input(native.tcp, &rx, native.now);
}

static void send_off(void)
{
	tcp_flush(native.tcp, native.now);
	native.unsent = false;
}

/* One round; true where there was something to do. */
static bool round_of(void)
{
	bool timers, any;

	native.now = load_now_ns() / 1000;
	native.taken = 0;
	while (ring_take(take, NULL) == RING_BURST)
		;
	timers = tcp_next_deadline(native.tcp) <= native.now;
	if (timers)
		tcp_expire(native.tcp, native.now, 256);
	else
		send_off();
	any = drain() > 0 || native.taken > 0 || timers;
	if (any)
		native.worked_us = native.now;
	return any;
}

/* Rounds until it is so; false: not by then. */
static bool until(const bool *so, const struct load_flow *f, uint64_t end_ns)
{
	while (!*so) {
		if (!f->conn || load_now_ns() > end_ns)
			return *so;
		round_of();
	}
	return true;
}

int native_connect(struct load *l, struct load_flow *f)
{
	struct ip_flow flow = {.src_port = l->o->port};

	native.ring = ring_up(l, true);
	if (!native.ring || (!native.tcp && start_stack(l) != 0))
		return -1;
	native.flows++;
	native.at_once = l->o->rate > 0;
	flow.src = native.ring->target;
	flow.dst = ring_host(f->index);
	flow.dst_port = (uint16_t)(PORT_BASE + f->index % 40000);
	native.now = load_now_ns() / 1000;
	if (tcp_connect(native.tcp, &flow, f, native.now, &f->conn) == 0 &&
		until(&f->opened, f, load_now_ns() + OPEN_S * UINT64_C(1000000000)))
		return 0;
	fprintf(stderr, "sluice-load: flow %u cannot connect to %s\n", f->index, l->o->target);
	return -1;
}

/* Now and then, so that many small calls do not each look at the ring. */
static void turn(void)
{
	if (++native.calls % CALLS_A_ROUND == 0)
		round_of();
}

/* A full ring is waited for, as a kernel lets no connection fill its NIC's queue: what TCP sends
 * by itself, again or because of an answer, has the other half. */
static bool ring_is_full(void)
{
	if (native.head - native.tail > OUT / 2)
		drain();
	return native.head - native.tail > OUT / 2;
}

ssize_t native_write(struct load_flow *f, const void *data, size_t len)
{
	uint32_t n;

	turn();
	if (!f->conn)
		return LINK_FAILED;
	if (ring_is_full())
		return LINK_NOTHING;
	n = tcp_write(f->conn, data, len < SEND_BUFFER ? (uint32_t)len : SEND_BUFFER, native.now);
	/* As fast as it goes, the next round has more to fill a segment with. */
	native.unsent = native.at_once;
	if (!native.at_once)
		drain();
	return n > 0 ? (ssize_t)n : LINK_NOTHING;
}

ssize_t native_read(struct load_flow *f, void *to, size_t size)
{
	struct tcp_span v[8];
	size_t done = 0;
	unsigned n;

	turn();
	if (!f->conn)
		return f->ended ? LINK_END : LINK_FAILED;
	n = tcp_peek(f->conn, v, 8);
	for (unsigned i = 0; i < n && done < size; i++) {
		size_t part = v[i].len < size - done ? v[i].len : size - done;

		memcpy((uint8_t *)to + done, v[i].data, part);
		done += part;
	}
	if (done > 0)
		tcp_consume(f->conn, (uint32_t)done, native.now);
	else if (f->fin)
		return LINK_END;
	return done > 0 ? (ssize_t)done : LINK_NOTHING;
}

bool native_wait(struct load_flow *f, short events, uint64_t end_ns)
{
	for (;;) {
		round_of();
		if (!f->conn || f->fin || ((events & POLLIN) && tcp_unread(f->conn) > 0) ||
			((events & POLLOUT) && tcp_write_room(f->conn) > 0 && !ring_is_full()))
			return true;
		if (load_now_ns() > end_ns)
			return false;
	}
}

/* The peer has read all when it has acknowledged our end and said its own. */
bool native_end(struct load_flow *f, uint64_t end_ns)
{
	if (f->conn)
		tcp_close(f->conn, native.now);
	while (f->conn && load_now_ns() <= end_ns) {
		round_of();
		if (f->conn && tcp_unread(f->conn) > 0)
			tcp_consume(f->conn, tcp_unread(f->conn), native.now);
	}
	return f->ended;
}

bool native_silent(const struct load_flow *f)
{
	turn();
	return f->conn && !f->fin && tcp_unread(f->conn) == 0;
}

void native_send_off(void)
{
	if (!native.unsent)
		return;
	send_off();
	drain();
}

void native_idle(struct load *l)
{
	/* A pass over the flows in which any round had something to do was none for nothing. */
	if (!round_of() && native.worked_us < l->refused_ns / 1000)
		l->idle_ns += load_now_ns() - l->refused_ns;
}

void native_close(struct load_flow *f)
{
	if (f->conn)
		tcp_abort(f->conn, native.now);
	drain();
	if (native.flows == 0 || --native.flows > 0)
		return;
	tcp_stack_free(native.tcp);
	native.tcp = NULL;
	for (; native.head != native.tail; native.tail++)
		rte_pktmbuf_free(native.out[native.tail % OUT]);
	ring_down();
}

json_t *native_report(void)
{
	const struct tcp_counters *n;

	if (!native.tcp)
		return NULL;
	n = tcp_counters(native.tcp);
	return json_pack("{s:I,s:I,s:I,s:I,s:b}", "segments", (json_int_t)n->segs_out,
		"acknowledgements", (json_int_t)n->segs_in, "retransmits",
		(json_int_t)n->retransmits, "dropped", (json_int_t)native.dropped, "csum_offload",
		native.ring->tcp_csum);
}
