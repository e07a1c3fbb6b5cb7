/* The network, and what tx.c, poll.c and net/port.c are for a worker on it. */
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/lcore.h"
#include "tests/sim/whole/sim.h"

#define ETHERNET 14u
#define IP	 20u

struct ip_addr wire_host_addr(unsigned host)
{
	const uint8_t a[4] = {192, 0, 2, (uint8_t)(10 + host)};

	return ip_addr_v4(a);
}

struct ip_addr wire_server_addr(void)
{
	const uint8_t a[4] = {192, 0, 2, 2};

	return ip_addr_v4(a);
}

static void put(struct world *w, const struct packet *p)
{
	struct packet *copy = malloc(sizeof(*copy)), **at = &w->packets;

	if (!copy)
		abort();
	memcpy(copy, p, offsetof(struct packet, bytes) + p->len);
	copy->at = w->mono_us + w->delay_us;
	if (w->loss && !w->calm && rng_one_in(&w->rng, w->loss))
		copy->at += rng_below(&w->rng, 2 * w->delay_us); /* others overtake it */
	while (*at && (*at)->at <= copy->at)
		at = &(*at)->next;
	copy->next = *at;
	*at = copy;
}

/* Lost, twice, late, or as it should be. */
static void go(struct world *w, const struct packet *p)
{
	if (w->loss && !w->calm && rng_one_in(&w->rng, w->loss))
		return;
	put(w, p);
	if (w->loss && !w->calm && rng_one_in(&w->rng, 4 * w->loss))
		put(w, p);
}

static void fill(struct packet *p, const uint8_t *data, uint32_t len)
{
	if (len > SIM_SEGMENT)
		sim_fail("a packet is too long", len, SIM_SEGMENT);
	p->len = (uint16_t)len;
	memcpy(p->bytes, data, len);
}

void wire_send(struct world *w, bool to_server, unsigned host, uint16_t port, const uint8_t *seg,
	uint32_t len)
{
	struct packet p = {.to_server = to_server, .host = host, .port = port};

	fill(&p, seg, len);
	go(w, &p);
}

void wire_datagram(struct world *w, unsigned host, uint16_t port, const uint8_t *data, uint32_t len)
{
	struct packet p = {.to_server = true, .udp = true, .host = host, .port = port};

	fill(&p, data, len);
	go(w, &p);
}

static struct peer *peer_of(struct world *w, unsigned host)
{
	return host < SIM_DEVICES ? &w->devices[host]->peer : &w->plain[host - SIM_DEVICES]->peer;
}

void wire_run(struct world *w)
{
	while (w->packets && w->packets->at <= w->mono_us) {
		struct packet *p = w->packets;

		w->packets = p->next;
		if (p->to_server)
			server_segment(w, p);
		else
			peer_segment(peer_of(w, p->host), p->bytes, p->len);
		free(p);
	}
}

void wire_empty(struct world *w)
{
	while (w->packets) {
		struct packet *p = w->packets;

		w->packets = p->next;
		free(p);
	}
}

/* ---- in the place of the product's own; what begins with __wrap_, by the linker ---- */

unsigned __wrap_net_port_l2(
	const struct net_port *p, const struct ip_addr *dst, uint8_t l2[NET_L2_MAX]);
void __wrap_net_port_send_ip(struct net_port *p, const uint8_t *packet, uint32_t len,
	const struct net_out *out, uint64_t now);

struct rte_mbuf *tx_alloc(struct lcore *l, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(l->pool);

	if (m && !rte_pktmbuf_append(m, (uint16_t)len))
		abort();
	return m;
}

void tx_frame(struct lcore *l, struct port *p, struct rte_mbuf *m)
{
	const uint8_t *f = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint8_t *seg = f + ETHERNET + IP;

	(void)l, (void)p;
	if (!sim_world->dead)
		wire_send(sim_world, false, f[ETHERNET + 19] - 10u, load_be16(seg + 2), seg,
			rte_pktmbuf_pkt_len(m) - ETHERNET - IP);
	rte_pktmbuf_free(m);
}

/* Frames are on their way at once, and come by server_segment(). */
void tx_flush(struct lcore *l)
{
	(void)l;
}

void tx_net_out(struct tx_ctx *tc, struct net_out *out)
{
	(void)tc, (void)out;
	sim_fail("a neighbour is not resolved", 0, 0);
}

unsigned __wrap_net_port_l2(
	const struct net_port *p, const struct ip_addr *dst, uint8_t l2[NET_L2_MAX])
{
	(void)p, (void)dst;
	memset(l2, 0, ETHERNET);
	return ETHERNET;
}

void __wrap_net_port_send_ip(struct net_port *p, const uint8_t *packet, uint32_t len,
	const struct net_out *out, uint64_t now)
{
	(void)p, (void)packet, (void)len, (void)out, (void)now;
	sim_fail("a neighbour is not resolved", 0, 0);
}

bool lcore_pass(struct lcore *from, struct lcore *to, struct rte_mbuf *m)
{
	return rte_ring_sp_enqueue(to->in_ring[from->index], m) == 0;
}

void dp_policy_swap(struct dp *d, struct dp_policy *next)
{
	(void)d, (void)next;
	sim_fail("a policy is published", 0, 0);
}
