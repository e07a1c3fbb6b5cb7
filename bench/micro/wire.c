/* From the wire to a stream: checksums, decoding a frame, TCP, hand-over between lcores. */
#include <stdlib.h>
#include <string.h>

#include <rte_ring.h>

#include "bench/micro/corpus.h"
#include "bench/micro/micro.h"
#include "dataplane/base/bytes.h"
#include "dataplane/net/net.h"
#include "dataplane/tcp/tcp.h"

#define FRAMES 64u
#define MSS    1460u

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 2}, peer_mac[6] = {2, 0, 0, 0, 0, 9};

static struct ip_addr address(uint8_t host)
{
	const uint8_t a[4] = {192, 0, 2, host};

	return ip_addr_v4(a);
}

static void plain_free(struct micro_ctx *ctx)
{
	free(ctx);
}

/* ---- the checksum over pseudo header and payload ---- */

struct sum_ctx {
	struct micro_ctx m;
	struct ip_addr src, dst;
	uint32_t len;
	uint8_t data[2048];
};

static struct micro_ctx *sum_setup(int64_t arg)
{
	struct sum_ctx *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->m.items = 1;
	c->m.bytes = (uint64_t)arg;
	c->len = (uint32_t)arg;
	c->src = address(10);
	c->dst = address(2);
	for (unsigned i = 0; i < sizeof(c->data); i++)
		c->data[i] = (uint8_t)(i * 37);
	return &c->m;
}

static void sum_once(struct micro_ctx *ctx)
{
	struct sum_ctx *c = (struct sum_ctx *)ctx;

	micro_keep(net_l4_checksum(&c->src, &c->dst, 17, c->data, c->len));
}

/* ---- decoding whole UDP frames ---- */

struct parse_ctx {
	struct micro_ctx m;
	struct net_port *port;
	enum net_csum csum;
	uint32_t len[FRAMES];
	uint8_t frame[FRAMES][1514];
};

static void parse_free(struct micro_ctx *ctx)
{
	struct parse_ctx *c = (struct parse_ctx *)ctx;

	net_port_free(c->port);
	free(c);
}

static void put_frame(struct parse_ctx *c, unsigned i, const uint8_t *log, uint32_t len)
{
	uint8_t *f = c->frame[i], *udp = f + 34;
	struct ip_addr src = address((uint8_t)(10 + i)), dst = address(2);
	uint16_t sum;

	memcpy(f, our_mac, 6);
	memcpy(f + 6, peer_mac, 6);
	store_be16(f + 12, 0x0800);
	net_build_ip(f + 14, &src, &dst, 17, 8 + len);
	store_be16(udp, 5000);
	store_be16(udp + 2, 514);
	store_be16(udp + 4, (uint16_t)(8 + len));
	store_be16(udp + 6, 0);
	memcpy(udp + 8, log, len);
	sum = net_l4_checksum(&src, &dst, 17, udp, 8 + len);
	memcpy(udp + 6, &sum, 2);
	c->len[i] = 42 + len;
}

/* `arg`: 1: hardware has verified the checksum. */
static struct micro_ctx *parse_setup(int64_t arg)
{
	struct net_config cfg = {0};
	struct parse_ctx *c = calloc(1, sizeof(*c));
	struct corpus lines;

	if (!c || corpus_make(&lines, FRAMES * 1200u, CORPUS_BARE) != 0) {
		free(c);
		return NULL;
	}
	net_config_defaults(&cfg);
	memcpy(cfg.mac, our_mac, 6);
	cfg.mtu = 1500;
	cfg.vlan = NET_VLAN_NONE;
	cfg.dad_us = 0;
	cfg.addresses_count = 1;
	cfg.addresses[0].addr = address(2);
	cfg.addresses[0].prefix_len = 120;
	c->port = net_port_new(&cfg);
	c->csum = arg ? NET_CSUM_GOOD : NET_CSUM_UNKNOWN;
	for (unsigned i = 0; i < FRAMES; i++) {
		put_frame(c, i, lines.bytes + lines.at[i], lines.log_len[i]);
		c->m.bytes += c->len[i];
	}
	c->m.items = FRAMES;
	corpus_free(&lines);
	if (!c->port) {
		free(c);
		return NULL;
	}
	return &c->m;
}

static void parse_once(struct micro_ctx *ctx)
{
	struct parse_ctx *c = (struct parse_ctx *)ctx;
	unsigned udp = 0;

	for (unsigned i = 0; i < FRAMES; i++) {
		struct net_pkt pkt;

		net_parse(c->port, c->frame[i], c->len[i], c->csum, c->csum, &pkt);
		udp += pkt.verdict == NET_UDP;
	}
	if (udp != FRAMES)
		abort();
}

/* ---- TCP: full segments in order, read and acknowledged ---- */

struct tcp_ctx {
	struct micro_ctx m;
	struct tcp_stack *stack;
	struct tcp_conn *conn;
	struct tcp_rx rx;
	uint32_t seq, isn;
	uint64_t now;
	uint8_t segment[20 + MSS];
};

static int tcp_out(void *ctx, const struct tcp_tx *seg)
{
	struct tcp_ctx *c = ctx;

	if (seg->hdr[13] & TCP_SYN)
		c->isn = load_be32(seg->hdr + 4);
	return 0;
}

static void tcp_event_fn(void *ctx, struct tcp_conn *conn, enum tcp_event ev)
{
	struct tcp_ctx *c = ctx;

	if (ev == TCP_EV_ACCEPTED)
		c->conn = conn;
	if (ev == TCP_EV_READABLE)
		tcp_consume(conn, tcp_unread(conn), c->now);
}

static void buf_free(void *ctx, void *buf)
{
	(void)ctx;
	(void)buf;
}

static void *buf_alloc(void *ctx, uint8_t **data, uint32_t *capacity, uint32_t *size)
{
	(void)ctx;
	(void)data;
	(void)capacity;
	(void)size;
	return NULL;
}

static uint32_t tcp_mtu(void *ctx, const struct ip_addr *dst)
{
	(void)ctx;
	(void)dst;
	return 1500;
}

static bool tcp_listening(void *ctx, const struct ip_flow *flow, bool *drop)
{
	(void)ctx;
	(void)flow;
	(void)drop;
	return true;
}

static void tcp_feed(struct tcp_ctx *c, uint8_t flags, uint32_t len)
{
	store_be32(c->segment + 4, c->seq);
	store_be32(c->segment + 8, c->isn + 1);
	c->segment[13] = flags;
	c->rx.len = 20 + len;
	if (tcp_input(c->stack, &c->rx, c->now) != TCP_OK)
		abort();
	c->seq += len + ((flags & TCP_SYN) ? 1 : 0);
}

static void tcp_teardown(struct micro_ctx *ctx)
{
	struct tcp_ctx *c = (struct tcp_ctx *)ctx;

	tcp_stack_free(c->stack);
	free(c);
}

static struct micro_ctx *tcp_setup(int64_t arg)
{
	static const struct tcp_ops ops = {.output = tcp_out,
		.event = tcp_event_fn,
		.buf_free = buf_free,
		.buf_alloc = buf_alloc,
		.mtu = tcp_mtu,
		.listening = tcp_listening};
	struct tcp_ctx *c = calloc(1, sizeof(*c));
	struct tcp_config cfg;

	(void)arg;
	if (!c)
		return NULL;
	tcp_config_defaults(&cfg);
	cfg.key = (struct siphash_key){1, 2};
	c->stack = tcp_stack_new(&cfg, &ops, c);
	if (!c->stack) {
		free(c);
		return NULL;
	}
	c->rx = (struct tcp_rx){.flow = {address(10), address(2), 4000, 514},
		.hdr = c->segment,
		.buf = c,
		.buf_size = 2048};
	store_be16(c->segment, 4000);
	store_be16(c->segment + 2, 514);
	c->segment[12] = 5 << 4;
	store_be16(c->segment + 14, 65535);
	c->now = 1000000;
	tcp_feed(c, TCP_SYN, 0);
	tcp_feed(c, TCP_ACK, 0);
	if (!c->conn)
		abort();
	c->m.items = 16;
	c->m.bytes = 16 * MSS;
	return &c->m;
}

static void tcp_once(struct micro_ctx *ctx)
{
	struct tcp_ctx *c = (struct tcp_ctx *)ctx;

	for (unsigned i = 0; i < 16; i++)
		tcp_feed(c, TCP_ACK, MSS);
	c->now += 100;
	tcp_flush(c->stack, c->now);
}

/* ---- a burst from lcore to lcore, both ends on this core ---- */

struct ring_ctx {
	struct micro_ctx m;
	struct rte_ring *ring;
	unsigned burst;
	void *slot[64];
};

static void ring_free(struct micro_ctx *ctx)
{
	struct ring_ctx *c = (struct ring_ctx *)ctx;

	free(c->ring);
	free(c);
}

static struct micro_ctx *ring_setup(int64_t arg)
{
	struct ring_ctx *c = calloc(1, sizeof(*c));
	ssize_t size = rte_ring_get_memsize(4096);

	if (!c || posix_memalign((void **)&c->ring, 128, (size_t)size) != 0) {
		free(c);
		return NULL;
	}
	if (rte_ring_init(c->ring, "bench", 4096, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0) {
		ring_free(&c->m);
		return NULL;
	}
	c->burst = (unsigned)arg;
	c->m.items = (uint64_t)arg;
	return &c->m;
}

static void ring_once(struct micro_ctx *ctx)
{
	struct ring_ctx *c = (struct ring_ctx *)ctx;

	rte_ring_sp_enqueue_burst(c->ring, c->slot, c->burst, NULL);
	micro_keep(rte_ring_sc_dequeue_burst(c->ring, c->slot, c->burst, NULL));
}

static const struct micro cases[] = {
	{"net/checksum", "bytes", {60, 517, 1460}, 3, sum_setup, sum_once, plain_free, true},
	{"net/parse_udp", "csum_offload", {0, 1}, 2, parse_setup, parse_once, parse_free, true},
	{"tcp/segments_in", NULL, {0}, 0, tcp_setup, tcp_once, tcp_teardown, true},
	{"lcore/ring_handover", "burst", {1, 32}, 2, ring_setup, ring_once, ring_free, true},
};
const struct micro_list micro_wire = {cases, sizeof(cases) / sizeof(cases[0])};
