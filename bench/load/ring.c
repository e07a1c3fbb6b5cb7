#include "bench/load/ring.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include "bench/load/load.h"
#include "bench/wire/frames.h"
#include "dataplane/base/bytes.h"

#define MBUFS	  8191u
#define WAIT_S	  60u
#define SETTLE_MS 1000u	       /* whoever watches the receiver's CPU gets ready */
#define SOURCE	  "10.0.0.0/8" /* of flows, where --source-net names none */

static struct {
	struct ring is;
	bool up, known;
	uint16_t port;
	struct rte_mempool *pool;
	struct ip_addr us; /* the address before the first flow's */
} ring;

static int fail(const char *what)
{
	fprintf(stderr, "sluice-load: vhost: %s\n", what);
	return -1;
}

static int start_eal(const struct load_options *o)
{
	static char lcores[32], vdev[256], prefix[64];
	/* In hugetlbfs its files would stay; EAL takes --in-memory not beside
	 * --no-huge. */
	char *memory = o->huge ? "--in-memory" : "--no-huge";
	char *argv[] = {"sluice-load", "--no-pci", "--no-telemetry", "-m", "128", memory,
		"--no-shconf", "--iova-mode=va", "--log-level=lib.*:error", lcores, prefix, vdev,
		NULL};

	snprintf(lcores, sizeof(lcores), "--lcores=0@%d", o->cpu < 0 ? 0 : o->cpu);
	snprintf(prefix, sizeof(prefix), "--file-prefix=sluice-load");
	snprintf(vdev, sizeof(vdev), "--vdev=net_vhost0,iface=%s,queues=1", o->vhost);
	return rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv) < 0
		       ? fail("EAL does not start")
		       : 0;
}

static int start_port(bool tcp)
{
	struct rte_eth_conf conf = {0};
	struct rte_eth_dev_info info;

	if (rte_eth_dev_get_port_by_name("net_vhost0", &ring.port) != 0 ||
		rte_eth_dev_info_get(ring.port, &info) != 0)
		return fail("no port");
	if (tcp)
		conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	ring.is.tcp_csum = conf.txmode.offloads != 0;
	ring.pool = rte_pktmbuf_pool_create(
		"load", MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (!ring.pool || rte_eth_dev_configure(ring.port, 1, 1, &conf) != 0 ||
		rte_eth_rx_queue_setup(ring.port, 0, RING_SLOTS, SOCKET_ID_ANY, NULL, ring.pool) !=
			0 ||
		rte_eth_tx_queue_setup(ring.port, 0, RING_SLOTS, SOCKET_ID_ANY, NULL) != 0 ||
		rte_eth_dev_start(ring.port) != 0)
		return fail("the port does not start");
	return 0;
}

static bool link_up(void)
{
	struct rte_eth_link link = {0};

	return rte_eth_link_get_nowait(ring.port, &link) == 0 && link.link_status;
}

/*
 * It announces its address when that has become valid (RFC 5227); one whose MAC we were told is
 * there when the ring is.
 */
static int wait_receiver(const char *mac)
{
	uint64_t end = load_now_ns() + WAIT_S * UINT64_C(1000000000);
	struct timespec tick = {.tv_nsec = 1000000};
	struct rte_ether_addr told;

	if (mac && rte_ether_unformat_addr(mac, &told) != 0)
		return fail("--target-mac is no MAC");
	while (mac ? !link_up() : !ring.known) {
		ring_take(NULL, NULL);
		if (load_now_ns() > end)
			return fail(mac ? "nobody connects"
					: "the receiver does not announce its address");
		nanosleep(&tick, NULL);
	}
	if (mac)
		memcpy(ring.is.mac, told.addr_bytes, sizeof(ring.is.mac));
	end = load_now_ns() + SETTLE_MS * UINT64_C(1000000);
	while (load_now_ns() < end) {
		ring_take(NULL, NULL);
		nanosleep(&tick, NULL);
	}
	return 0;
}

const struct ring *ring_up(const struct load *l, bool tcp)
{
	const char *net = l->o->source_net ? l->o->source_net : SOURCE;
	unsigned prefix;

	if (ring.up)
		return &ring.is;
	if (ip_addr_parse(&ring.is.target, l->o->target) != 0 || !ip_addr_is_v4(&ring.is.target) ||
		ip_prefix_parse(&ring.us, &prefix, net) != 0 || !ip_addr_is_v4(&ring.us)) {
		fail("IPv4 addresses are needed");
		return NULL;
	}
	if (start_eal(l->o) != 0 || start_port(tcp) != 0 || wait_receiver(l->o->target_mac) != 0)
		return NULL;
	ring.up = true;
	return &ring.is;
}

void ring_down(void)
{
	if (!ring.up)
		return;
	ring.up = false;
	rte_eth_dev_stop(ring.port);
	rte_eth_dev_close(ring.port);
	rte_eal_cleanup();
}

struct ip_addr ring_host(uint32_t flow)
{
	struct ip_addr a = ring.us;

	store_be32(a.b + 12, load_be32(a.b + 12) + 1 + flow);
	return a;
}

bool ring_alloc(struct rte_mbuf **m, unsigned n)
{
	return rte_pktmbuf_alloc_bulk(ring.pool, m, n) == 0;
}

unsigned ring_send(struct rte_mbuf **m, unsigned n)
{
	return rte_eth_tx_burst(ring.port, 0, m, (uint16_t)n);
}

/* What ARP says and asks; true: it was ARP. */
static bool arp(const uint8_t *frame, uint32_t len)
{
	uint8_t answer[FRAME_ARP];
	struct ip_addr asked;
	struct rte_mbuf *a;

	if (frame_arp_from(frame, len, &ring.is.target, ring.is.mac))
		ring.known = true;
	if (!frame_arp_answer(frame, len, &asked, answer))
		return false;
	if (ring_alloc(&a, 1)) {
		memcpy(rte_pktmbuf_append(a, FRAME_ARP), answer, FRAME_ARP);
		if (ring_send(&a, 1) == 0)
			rte_pktmbuf_free(a);
	}
	return true;
}

unsigned ring_take(void (*other)(void *ctx, struct rte_mbuf *m), void *ctx)
{
	struct rte_mbuf *m[RING_BURST];
	uint16_t n = rte_eth_rx_burst(ring.port, 0, m, RING_BURST);

	for (uint16_t i = 0; i < n; i++) {
		if (arp(rte_pktmbuf_mtod(m[i], const uint8_t *), m[i]->data_len) || !other)
			rte_pktmbuf_free(m[i]);
		else
			other(ctx, m[i]);
	}
	return n;
}

bool ring_push_out(uint64_t end_ns)
{
	struct timespec tick = {.tv_nsec = 1000000};
	struct rte_mbuf *m;

	for (unsigned i = 0; i < RING_SLOTS; i++) {
		if (!ring_alloc(&m, 1))
			return false;
		memset(rte_pktmbuf_append(m, 60), 0, 60);
		while (ring_send(&m, 1) == 0) {
			ring_take(NULL, NULL);
			if (load_now_ns() > end_ns) {
				rte_pktmbuf_free(m);
				return false;
			}
			nanosleep(&tick, NULL);
		}
	}
	return true;
}
