#include "dataplane/net/port.h"

#include <stdlib.h>

#define MTU_MIN 576 /* what every IPv4 host can take (RFC 791), and room for our ICMP errors */

void net_config_defaults(struct net_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->vlan = NET_VLAN_NONE;
	cfg->mtu = 1500;
	cfg->max_neighbours = 4096;
	cfg->max_datagrams = 1024;
	cfg->max_datagrams_source = 64;
	cfg->max_reassembly_bytes = 8 << 20;
	cfg->reassembly_timeout_us = 30 * SECOND;
	cfg->max_held = 256;
	cfg->icmp_per_second = 1000;
	cfg->dad_us = SECOND / 10;
}

struct net_port *net_port_new(const struct net_config *cfg)
{
	struct net_port *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->cfg = *cfg;
	if (p->cfg.mtu < MTU_MIN)
		p->cfg.mtu = MTU_MIN;
	own_init(&p->own, cfg);
	mld_init(&p->mld);
	dad_init(p);
	p->scratch = malloc(p->cfg.mtu);
	p->icmp.tokens = cfg->icmp_per_second * SECOND;
	if (!neigh_table_init(&p->neigh, cfg, port_random(p)) ||
		!hold_init(&p->hold, cfg->max_held, p->cfg.mtu) ||
		!frag_table_init(&p->frag, cfg) || !p->scratch) {
		net_port_free(p);
		return NULL;
	}
	p->count.neighbours = p->neigh.capacity - p->neigh.list[NEIGH_FREE].count;
	return p;
}

void net_port_free(struct net_port *p)
{
	if (!p)
		return;
	neigh_table_free(&p->neigh);
	hold_free(&p->hold);
	frag_table_free(&p->frag);
	free(p->scratch);
	free(p);
}

uint64_t port_random(struct net_port *p)
{
	uint64_t n = p->randoms++;

	return siphash24(&p->cfg.key, &n, sizeof(n));
}

uint64_t port_random_below(struct net_port *p, uint64_t limit)
{
	return limit == 0 ? 0 : port_random(p) % limit;
}

uint64_t net_port_next_deadline(const struct net_port *p)
{
	const uint64_t each[] = {dad_next_deadline(p), neigh_next_deadline(p), mld_next_deadline(p),
		frag_next_deadline(p)};
	uint64_t next = NEVER;

	for (unsigned i = 0; i < sizeof(each) / sizeof(each[0]); i++)
		if (each[i] < next)
			next = each[i];
	return next;
}

void net_port_expire(struct net_port *p, const struct net_out *out, uint64_t now)
{
	/* Addresses first: what the others send needs a source. */
	dad_expire(p, out, now);
	neigh_expire(p, out, now);
	mld_expire(p, out, now);
	frag_expire(p, out, now);
}

const struct net_counters *net_port_counters(const struct net_port *p)
{
	return &p->count;
}

/* Configured addresses by their number, then the link-local one if it is not among them. */
static bool own_index(const struct net_port *p, unsigned i, unsigned *index)
{
	if (i >= p->own.count)
		return false;
	*index = p->own.order[i];
	return true;
}

const struct ip_addr *net_port_address(const struct net_port *p, unsigned i)
{
	unsigned k;

	return own_index(p, i, &k) ? &p->own.a[k].addr : NULL;
}

const char *net_port_address_state(const struct net_port *p, unsigned i)
{
	static const char *const names[] = {[OWN_TENTATIVE] = "tentative",
		[OWN_VALID] = "valid",
		[OWN_DUPLICATE] = "duplicate"};
	unsigned k;

	if (!own_index(p, i, &k))
		return NULL;
	return names[atomic_load_explicit(&p->own.a[k].state, memory_order_relaxed)];
}

bool net_port_ready(const struct net_port *p)
{
	for (unsigned i = 0; i < p->own.count; i++)
		if (atomic_load_explicit(&p->own.a[i].state, memory_order_relaxed) == OWN_TENTATIVE)
			return false;
	return true;
}
