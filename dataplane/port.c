/* Ports: any ethdev named in the configuration, queues and offloads negotiated. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_dev.h>
#include <rte_errno.h>

#include "dataplane/lcore.h"

#define BYTES_A_DATAGRAM 8192u /* in reassembly, on average: what has come of it so far */

/* "net_tap0" of "net_tap0,iface=x"; a PCI address as it is. */
static void device_name(const char *devargs, char *name, size_t size)
{
	size_t n = strcspn(devargs, ",");

	if (n >= size)
		n = size - 1;
	memcpy(name, devargs, n);
	name[n] = '\0';
}

static int find_port(const struct dp_port_config *cfg, uint16_t *eth)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	char full[RTE_ETH_NAME_MAX_LEN + 8];
	unsigned a, b, c;

	device_name(cfg->devargs, name, sizeof(name));
	if (rte_eth_dev_get_port_by_name(name, eth) == 0)
		return 0;
	/* PCI ports carry the domain in their name. */
	if (sscanf(name, "%x:%x.%x", &a, &b, &c) == 3) {
		snprintf(full, sizeof(full), "0000:%s", name);
		return rte_eth_dev_get_port_by_name(full, eth);
	}
	return -1;
}

/* A virtual device that EAL's own arguments or a test have not made already. 0 or a negative errno.
 */
static int make_virtual(const struct dp_port_config *cfg)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	const char *args = strchr(cfg->devargs, ',');
	uint16_t eth;

	device_name(cfg->devargs, name, sizeof(name));
	if (devargs_is_pci(cfg->devargs) || find_port(cfg, &eth) == 0)
		return 0;
	return rte_eal_hotplug_add("vdev", name, args ? args + 1 : "");
}

static uint16_t least(uint32_t a, uint32_t b, uint32_t c)
{
	uint32_t m = a < b ? a : b;

	m = m < c ? m : c;
	return (uint16_t)(m ? m : 1);
}

static int configure(struct dp *d, struct port *p, const struct rte_eth_dev_info *info, bool intr,
	struct dp_error *err)
{
	struct rte_eth_conf conf = {.rxmode = {.mq_mode = RTE_ETH_MQ_RX_NONE, .mtu = p->cfg.mtu}};
	uint64_t csum = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
			RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
	uint64_t rss =
		(RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP) & info->flow_type_rss_offloads;
	int rc;

	conf.rxmode.offloads = csum & info->rx_offload_capa;
	p->rx_csum = conf.rxmode.offloads == csum;
	if (p->rx_queues > 1 && rss) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = rss;
	}
	conf.intr_conf.rxq = intr;
	rc = rte_eth_dev_configure(p->eth, p->rx_queues, p->tx_queues, &conf);
	if (rc != 0 && intr)
		return configure(d, p, info, false, err);
	if (rc != 0) {
		snprintf(err->text, sizeof(err->text),
			"port %s: %s refuses %u rx and %u tx queues: %s", p->cfg.name, p->driver,
			p->rx_queues, p->tx_queues, rte_strerror(-rc));
		return -1;
	}
	p->rx_intr = intr;
	return 0;
}

static int setup_queues(
	struct dp *d, struct port *p, const struct rte_eth_dev_info *info, struct dp_error *err)
{
	uint16_t rxd = RX_DESCRIPTORS, txd = TX_DESCRIPTORS;
	struct rte_eth_txconf txconf = info->default_txconf;
	int socket = rte_eth_dev_socket_id(p->eth);
	int rc;

	txconf.offloads = 0;
	rte_eth_dev_adjust_nb_rx_tx_desc(p->eth, &rxd, &txd);
	for (uint16_t q = 0; q < p->rx_queues; q++) {
		rc = rte_eth_rx_queue_setup(
			p->eth, q, rxd, socket < 0 ? 0u : (unsigned)socket, NULL, d->pool);
		if (rc != 0) {
			snprintf(err->text, sizeof(err->text),
				"port %s: rx queue %u of %u descriptors: %s", p->cfg.name, q, rxd,
				rte_strerror(-rc));
			return -1;
		}
	}
	for (uint16_t q = 0; q < p->tx_queues; q++) {
		rc = rte_eth_tx_queue_setup(
			p->eth, q, txd, socket < 0 ? 0u : (unsigned)socket, &txconf);
		if (rc != 0) {
			snprintf(err->text, sizeof(err->text),
				"port %s: tx queue %u of %u descriptors: %s", p->cfg.name, q, txd,
				rte_strerror(-rc));
			return -1;
		}
	}
	return 0;
}

/* Queue q of each port goes to rx lcore q modulo their number; tx queues to lcores in their order.
 */
static int assign(struct dp *d, struct port *p, struct dp_error *err)
{
	for (uint16_t q = 0; q < p->rx_queues; q++) {
		struct lcore *l = d->rxs[q % d->rx_count];

		if (l->rx_count == MAX_QUEUES_RX) {
			snprintf(err->text, sizeof(err->text),
				"port %s: more than %u rx queues for lcore %u", p->cfg.name,
				MAX_QUEUES_RX, l->lcore_id);
			return -1;
		}
		l->rx[l->rx_count].port = p;
		l->rx[l->rx_count++].queue = q;
	}
	p->owner = d->rxs[0];
	for (unsigned i = 0; i < d->lcores_count; i++)
		d->lcores[i]->tx[p->index].queue = i < p->tx_queues ? (int)i : -1;
	return 0;
}

/*
 * net_tap gives the kernel's end of a TAP its own MAC. With one MAC at both ends the kernel takes
 * what we send for its own, and both claim one link-local address: so ours differs by a bit, except
 * where `mac=` says which one it is to be.
 */
static void find_mac(struct port *p, const struct rte_ether_addr *mac)
{
	memcpy(p->mac, mac->addr_bytes, sizeof(p->mac));
	if (strcmp(p->driver, "net_tap") == 0 && !strstr(p->cfg.devargs, "mac="))
		p->mac[5] ^= 0x80;
}

static int make_net(struct dp *d, struct port *p, struct dp_error *err)
{
	struct net_config nc;

	net_config_defaults(&nc);
	memcpy(nc.mac, p->mac, sizeof(nc.mac));
	nc.vlan = p->cfg.vlan;
	nc.mtu = p->cfg.mtu;
	nc.addresses_count = p->cfg.addresses_count;
	nc.gateways_count = p->cfg.gateways_count;
	memcpy(nc.addresses, p->cfg.addresses, sizeof(nc.addresses));
	memcpy(nc.gateways, p->cfg.gateways, sizeof(nc.gateways));
	nc.key = d->shard_key;
	nc.max_neighbours = d->cfg.limits.neighbours;
	nc.max_reassembly_bytes = d->cfg.limits.reassembly;
	nc.max_datagrams = (unsigned)(d->cfg.limits.reassembly / BYTES_A_DATAGRAM);
	nc.max_datagrams_source = d->cfg.limits.reassembly_per_source;
	nc.icmp_per_second = d->cfg.limits.icmp_rate;
	p->net = net_port_new(&nc);
	if (!p->net) {
		snprintf(err->text, sizeof(err->text), "port %s: out of memory", p->cfg.name);
		return -1;
	}
	p->link_local = (struct ip_addr){{0xfe, 0x80, 0, 0, 0, 0, 0, 0, p->mac[0] ^ 2, p->mac[1],
		p->mac[2], 0xff, 0xfe, p->mac[3], p->mac[4], p->mac[5]}};
	return 0;
}

/*
 * A driver may take the flag and have no interrupts all the same. A tap has no way to switch them,
 * since what one waits for is its file itself: readable while there are frames, never to be read by
 * anybody but the driver.
 */
static void find_interrupts(struct port *p)
{
	p->intr_is_file = strcmp(p->driver, "net_tap") == 0;
	if (!p->rx_intr || p->intr_is_file)
		return;
	if (rte_eth_dev_rx_intr_enable(p->eth, 0) == 0)
		rte_eth_dev_rx_intr_disable(p->eth, 0);
	else
		p->rx_intr = false;
}

int port_start(struct dp *d, struct port *p, const struct dp_port_config *cfg, struct dp_error *err)
{
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
	unsigned buffers;
	int rc;

	p->cfg = *cfg;
	rc = make_virtual(cfg);
	if (rc != 0) {
		snprintf(err->text, sizeof(err->text),
			"port %s: cannot make the virtual device \"%s\": no such DPDK driver, or "
			"wrong "
			"arguments for it (what DPDK said stands above)",
			cfg->name, cfg->devargs);
		return -1;
	}
	if (find_port(cfg, &p->eth) != 0) {
		snprintf(err->text, sizeof(err->text),
			"port %s: no device \"%s\": it does not exist, has no DPDK driver here, or "
			"is bound "
			"to a kernel driver (dpdk-devbind.py --status shows PCI devices)",
			cfg->name, cfg->devargs);
		return -1;
	}
	if ((rc = rte_eth_dev_info_get(p->eth, &info)) != 0 ||
		(rc = rte_eth_macaddr_get(p->eth, &mac)) != 0) {
		snprintf(err->text, sizeof(err->text), "port %s: %s", cfg->name, rte_strerror(-rc));
		return -1;
	}
	snprintf(p->driver, sizeof(p->driver), "%s", info.driver_name);
	find_mac(p, &mac);
	p->rx_queues = least(cfg->queues ? cfg->queues : d->rx_count, info.max_rx_queues,
		d->rx_count * MAX_QUEUES_RX);
	if (cfg->queues && p->rx_queues != cfg->queues) {
		snprintf(err->text, sizeof(err->text), "port %s: queues: %u wanted, %s has %u",
			cfg->name, cfg->queues, p->driver, info.max_rx_queues);
		return -1;
	}
	p->tx_queues = least(d->lcores_count, info.max_tx_queues, DP_MAX_LCORES);
	/* A tap has one file a queue: rx and tx queues must be as many. */
	if (strcmp(p->driver, "net_tap") == 0)
		p->rx_queues = p->tx_queues = least(p->rx_queues, p->tx_queues, 16);
	/* These count nothing that they miss. */
	p->missed_known = strncmp(p->driver, "net_tap", 7) != 0 &&
			  strncmp(p->driver, "net_virtio", 10) != 0 &&
			  strncmp(p->driver, "net_ring", 8) != 0 &&
			  strncmp(p->driver, "net_pcap", 8) != 0;
	p->partial_csum =
		strcmp(p->driver, "net_af_packet") == 0 || strcmp(p->driver, "net_af_xdp") == 0;
	buffers = rte_mempool_avail_count(d->pool);
	if (configure(d, p, &info, d->cfg.cores.poll != DP_POLL_BUSY, err) != 0 ||
		setup_queues(d, p, &info, err) != 0 || assign(d, p, err) != 0)
		return -1;
	rc = rte_eth_dev_start(p->eth);
	if (rc != 0) {
		snprintf(err->text, sizeof(err->text), "port %s: cannot start %s: %s", cfg->name,
			cfg->devargs, rte_strerror(-rc));
		return -1;
	}
	p->started = true;
	/* virtio takes fewer than it is asked for, where its ring is smaller, and tells nobody.
	 * What a tap takes are pieces of one frame: its queue is the kernel's. */
	if (strcmp(p->driver, "net_tap") != 0)
		p->rx_ring = (buffers - rte_mempool_avail_count(d->pool)) / p->rx_queues;
	find_interrupts(p);
	/* Neighbours' requests come by broadcast and multicast; ND groups are filtered by net. */
	rte_eth_allmulticast_enable(p->eth);
	return make_net(d, p, err);
}

void port_stop(struct port *p)
{
	if (p->started) {
		rte_eth_dev_stop(p->eth);
		rte_eth_dev_close(p->eth);
	}
	p->started = false;
	net_port_free(p->net);
	p->net = NULL;
}
