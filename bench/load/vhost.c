/*
 * UDP frames into the other end of a virtio_user port, past both kernels: DPDK's net_vhost here,
 * net_virtio_user in sluiced, which connects to our socket. Each flow is a host of its own. A full
 * ring is waited for: nothing is lost on this wire but by the receiver.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "bench/load/load.h"
#include "bench/wire/frames.h"
#include "dataplane/base/bytes.h"

#define MBUFS	  8191u
#define RING	  1024u
#define RX_BURST  32u
#define WAIT_S	  60u
#define SETTLE_MS 1000u	       /* whoever watches the receiver's CPU gets ready */
#define SOURCE	  "10.0.0.0/8" /* of flows, where --source-net names none */
#define PORT_BASE 20000u

static struct {
	bool up;
	uint16_t port;
	struct rte_mempool *pool;
	struct ip_addr us, target;
	uint8_t mac[6]; /* the receiver's */
	bool known;
	unsigned calls;
} wire;

static int fail(const char *what)
{
	fprintf(stderr, "sluice-load: vhost: %s\n", what);
	return -1;
}

static int start_eal(const struct load_options *o)
{
	static char lcores[32], vdev[256], prefix[64];
	char *argv[] = {"sluice-load", "--no-pci", "--no-telemetry", "--no-huge", "-m", "128",
		"--no-shconf", "--iova-mode=va", "--log-level=lib.*:error", lcores, prefix, vdev,
		NULL};

	snprintf(lcores, sizeof(lcores), "--lcores=0@%d", o->cpu < 0 ? 0 : o->cpu);
	snprintf(prefix, sizeof(prefix), "--file-prefix=sluice-load");
	snprintf(vdev, sizeof(vdev), "--vdev=net_vhost0,iface=%s,queues=1", o->vhost);
	return rte_eal_init(12, argv) < 0 ? fail("EAL does not start") : 0;
}

static int start_port(void)
{
	struct rte_eth_conf conf = {0};

	if (rte_eth_dev_get_port_by_name("net_vhost0", &wire.port) != 0)
		return fail("no port");
	wire.pool = rte_pktmbuf_pool_create(
		"load", MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (!wire.pool || rte_eth_dev_configure(wire.port, 1, 1, &conf) != 0 ||
		rte_eth_rx_queue_setup(wire.port, 0, RING, SOCKET_ID_ANY, NULL, wire.pool) != 0 ||
		rte_eth_tx_queue_setup(wire.port, 0, RING, SOCKET_ID_ANY, NULL) != 0 ||
		rte_eth_dev_start(wire.port) != 0)
		return fail("the port does not start");
	return 0;
}

/* Takes what the receiver sends: learns its MAC, answers its questions. */
static void take(void)
{
	struct rte_mbuf *m[RX_BURST];
	uint16_t n = rte_eth_rx_burst(wire.port, 0, m, RX_BURST);

	for (uint16_t i = 0; i < n; i++) {
		const uint8_t *f = rte_pktmbuf_mtod(m[i], const uint8_t *);
		uint8_t answer[FRAME_ARP];
		struct ip_addr asked;

		if (frame_arp_from(f, m[i]->data_len, &wire.target, wire.mac))
			wire.known = true;
		if (frame_arp_answer(f, m[i]->data_len, &asked, answer)) {
			struct rte_mbuf *a = rte_pktmbuf_alloc(wire.pool);

			if (a) {
				memcpy(rte_pktmbuf_append(a, FRAME_ARP), answer, FRAME_ARP);
				if (rte_eth_tx_burst(wire.port, 0, &a, 1) == 0)
					rte_pktmbuf_free(a);
			}
		}
		rte_pktmbuf_free(m[i]);
	}
}

static bool link_up(void)
{
	struct rte_eth_link link = {0};

	return rte_eth_link_get_nowait(wire.port, &link) == 0 && link.link_status;
}

/* It announces its address when that has become valid (RFC 5227); one whose MAC we were told is
 * there when the ring is. */
static int wait_receiver(const char *mac)
{
	uint64_t end = load_now_ns() + WAIT_S * UINT64_C(1000000000);
	struct timespec tick = {.tv_nsec = 1000000};
	struct rte_ether_addr told;

	if (mac && rte_ether_unformat_addr(mac, &told) != 0)
		return fail("--target-mac is no MAC");
	while (mac ? !link_up() : !wire.known) {
		take();
		if (load_now_ns() > end)
			return fail(mac ? "nobody connects"
					: "the receiver does not announce its address");
		nanosleep(&tick, NULL);
	}
	if (mac)
		memcpy(wire.mac, told.addr_bytes, sizeof(wire.mac));
	end = load_now_ns() + SETTLE_MS * UINT64_C(1000000);
	while (load_now_ns() < end) {
		take();
		nanosleep(&tick, NULL);
	}
	return 0;
}

static int vhost_open(struct load *l, struct load_flow *f)
{
	const char *net = l->o->source_net ? l->o->source_net : SOURCE;
	unsigned prefix;

	(void)f;
	if (wire.up)
		return 0;
	if (ip_addr_parse(&wire.target, l->o->target) != 0 || !ip_addr_is_v4(&wire.target) ||
		ip_prefix_parse(&wire.us, &prefix, net) != 0 || !ip_addr_is_v4(&wire.us))
		return fail("IPv4 addresses are needed");
	if (start_eal(l->o) != 0 || start_port() != 0 || wait_receiver(l->o->target_mac) != 0)
		return -1;
	wire.up = true;
	return 0;
}

static int vhost_send(struct load *l, struct load_flow *f, uint32_t n)
{
	struct rte_mbuf *m[LOAD_BATCH_MAX];
	struct ip_addr src = wire.us;
	uint64_t bytes = 0;
	uint16_t sent;

	if (wire.calls++ % 64 == 0)
		take();
	if (rte_pktmbuf_alloc_bulk(wire.pool, m, n) != 0)
		return 0;
	store_be32(src.b + 12, load_be32(src.b + 12) + 1 + f->index);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *at = rte_pktmbuf_mtod(m[i], uint8_t *);
		uint32_t len = lines_write(l->lines, f->index, f->next + i, (char *)at + FRAME_UDP);

		m[i]->data_len = (uint16_t)frame_udp(at, wire.mac, &src, &wire.target,
			(uint16_t)(PORT_BASE + f->index % 40000), l->o->port, len);
		m[i]->pkt_len = m[i]->data_len;
	}
	sent = rte_eth_tx_burst(wire.port, 0, m, (uint16_t)n);
	for (uint32_t i = 0; i < sent; i++) {
		uint32_t run;

		bytes += lines_len(l->lines, f->index, f->next + i, &run);
	}
	for (uint32_t i = sent; i < n; i++)
		rte_pktmbuf_free(m[i]);
	f->next += sent;
	atomic_fetch_add_explicit(&l->bytes, bytes, memory_order_relaxed);
	return sent;
}

/* The ring is the receiver's memory: what it has not taken when we go would be gone with us. */
static bool vhost_finish(struct load *l, struct load_flow *f, double timeout_s)
{
	struct timespec tick = {.tv_nsec = 1000000};
	uint64_t end = load_now_ns() + (uint64_t)(timeout_s * 1e9);
	struct rte_mbuf *m;

	(void)f;
	if (f->index + 1 < l->o->plan.flows)
		return true;
	/* A ring's worth of frames that are for nobody goes in only behind all others. */
	for (unsigned i = 0; i < RING; i++) {
		m = rte_pktmbuf_alloc(wire.pool);
		if (!m)
			return false;
		memset(rte_pktmbuf_append(m, 60), 0, 60);
		while (rte_eth_tx_burst(wire.port, 0, &m, 1) == 0) {
			take();
			if (load_now_ns() > end) {
				rte_pktmbuf_free(m);
				return false;
			}
			nanosleep(&tick, NULL);
		}
	}
	return true;
}

static void vhost_wait(struct load *l, uint64_t timeout_us)
{
	(void)l;
	(void)timeout_us;
	take();
}

static void vhost_close(struct load *l, struct load_flow *f)
{
	(void)l;
	(void)f;
	if (!wire.up)
		return;
	wire.up = false;
	rte_eth_dev_stop(wire.port);
	rte_eth_dev_close(wire.port);
	rte_eal_cleanup();
}

const struct load_transport load_vhost = {
	.name = "vhost",
	.open = vhost_open,
	.send = vhost_send,
	.finish = vhost_finish,
	.wait = vhost_wait,
	.close = vhost_close,
};
