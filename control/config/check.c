/* What is wrong between keys, each of which is right by itself. */
#include <string.h>

#include "control/config/schema.h"
#include "control/config/units.h"

#define BLOCKS_PER_SEGMENT  4
#define BLOCKS_PER_PRODUCER 4 /* as the journal demands */
#define BLOCKS_IN_POOL	    65536

/* Are the first `len` bits the same? */
static bool same_network(const struct ip_addr *a, const struct ip_addr *b, unsigned len)
{
	return ip_addr_is_v4(a) == ip_addr_is_v4(b) && ip_prefix_has(a, len, b);
}

static void check_gateways(struct loader *l, const struct dp_port_config *p, unsigned number)
{
	for (unsigned g = 0; g < p->gateways_count; g++) {
		const char *problem = "in none of the networks of this port's addresses";
		char path[40];

		for (unsigned a = 0; a < p->addresses_count; a++) {
			if (same_network(&p->addresses[a].addr, &p->gateways[g],
				    p->addresses[a].prefix_len))
				problem = NULL;
		}
		for (unsigned a = 0; a < p->addresses_count; a++) {
			if (ip_addr_equal(&p->addresses[a].addr, &p->gateways[g]))
				problem = "one of this port's own addresses";
		}
		if (!problem)
			continue;
		snprintf(path, sizeof(path), "ports[%u].gateways[%u]", number, g);
		loader_error_about(l, &p->gateways[g], path,
			"%s: expected a neighbour that can be reached without a gateway", problem);
	}
}

static bool has_address(const struct dp_port_config *p, unsigned count, const struct ip_addr *addr)
{
	for (unsigned i = 0; i < count; i++)
		if (ip_addr_equal(&p->addresses[i].addr, addr))
			return true;
	return false;
}

static void check_addresses(struct loader *l, unsigned number)
{
	const struct config *cfg = l->cfg;
	const struct dp_port_config *p = &cfg->ports[number];
	char path[40];

	for (unsigned a = 0; a < p->addresses_count; a++) {
		const struct ip_addr *addr = &p->addresses[a].addr;
		bool twice = has_address(p, a, addr);

		for (unsigned other = 0; other < number; other++)
			twice = twice || has_address(&cfg->ports[other],
						 cfg->ports[other].addresses_count, addr);
		snprintf(path, sizeof(path), "ports[%u].addresses[%u]", number, a);
		if (twice)
			loader_error_about(l, &p->addresses[a], path,
				"given twice: expected an address on one port and once");
		if (!ip_addr_is_v4(addr) && p->mtu < 1280) {
			loader_error_about(l, &p->addresses[a], path,
				"IPv6 on an mtu of %u: expected an mtu of at least 1280 (RFC 8200)",
				p->mtu);
		}
	}
}

static void check_ports(struct loader *l)
{
	const struct config *cfg = l->cfg;
	char path[40];

	for (unsigned i = 0; i < cfg->ports_count; i++) {
		const struct dp_port_config *p = &cfg->ports[i];

		for (unsigned j = 0; j < i; j++) {
			if (strcmp(p->name, cfg->ports[j].name) == 0) {
				snprintf(path, sizeof(path), "ports[%u].name", i);
				loader_error_about(l, p->name, path,
					"\"%s\" is the name of ports[%u] too: expected a name of "
					"its own",
					p->name, j);
			}
			if (strcmp(p->devargs, cfg->ports[j].devargs) == 0) {
				snprintf(path, sizeof(path), "ports[%u].devargs", i);
				loader_error_about(l, p->devargs, path,
					"the device of ports[%u] too: expected a device of its own",
					j);
			}
		}
		check_addresses(l, i);
		check_gateways(l, p, i);
	}
}

/* Lcores that never sleep have a CPU each: rx or worker. The same single CPU in both lists is the
 * one that does all. */
static void check_cores(struct loader *l)
{
	const struct config_cpus *rx = &l->cfg->cores.rx, *workers = &l->cfg->cores.workers;

	if ((rx->count == 1 && workers->count == 1) || l->cfg->cores.poll != DP_POLL_BUSY)
		return;
	for (unsigned w = 0; w < workers->count; w++) {
		char path[40];

		snprintf(path, sizeof(path), "cores.workers[%u]", w);
		for (unsigned r = 0; r < rx->count; r++) {
			if (workers->v[w] == rx->v[r])
				loader_error_about(l, &workers->v[w], path,
					"CPU %u is in cores.rx too, and poll is busy: expected "
					"another, or the same single CPU alone in both lists",
					workers->v[w]);
		}
	}
}

/* Blames what the file names: `value`, or where it is a default, `other`. */
static void check_at_least(struct loader *l, const uint64_t *value, const char *path,
	uint64_t least, const uint64_t *other, const char *other_path, const char *why)
{
	const bool times = strstr(path, "interval") != NULL;
	const bool named = loader_find_mark(l, value) != NULL;
	char found[UNIT_TEXT], wanted[UNIT_TEXT];

	if (*value >= least)
		return;
	(times ? unit_format_duration : unit_format_size)(*value, found);
	(times ? unit_format_duration : unit_format_size)(least, wanted);
	loader_error_about(l, named ? value : other, named ? path : other_path,
		"expected %s to be at least %s (%s), found %s", path, wanted, why, found);
}

/* Who fills blocks: each lcore (of a number that is up to us, one each), and control. */
static unsigned producers(const struct config *c)
{
	const struct config_cpus *rx = &c->cores.rx, *workers = &c->cores.workers;

	if (rx->count == 1 && workers->count == 1 && rx->v[0] == workers->v[0])
		return 2;
	return (rx->count ? rx->count : 1) + (workers->count ? workers->count : 1) + 1;
}

static void check_pool(struct loader *l)
{
	const struct config *c = l->cfg;
	uint64_t blocks = c->journal.pool / c->journal.block_size;

	check_at_least(l, &c->journal.pool, "journal.pool",
		BLOCKS_PER_PRODUCER * producers(c) * c->journal.block_size, &c->journal.block_size,
		"journal.block-size", "four blocks for each lcore and for control");
	if (blocks > BLOCKS_IN_POOL) {
		const bool named = loader_find_mark(l, &c->journal.pool) != NULL;

		loader_error_about(l, named ? &c->journal.pool : &c->journal.block_size,
			named ? "journal.pool" : "journal.block-size",
			"expected journal.pool to be at most %u blocks, found %llu", BLOCKS_IN_POOL,
			(unsigned long long)blocks);
	}
}

static void check_journal(struct loader *l)
{
	const struct config *c = l->cfg;

	check_at_least(l, &c->journal.block_size, "journal.block-size", 2 * c->limits.message_size,
		&c->limits.message_size, "limits.message-size", "twice limits.message-size");
	check_at_least(l, &c->journal.segment_size, "journal.segment-size",
		BLOCKS_PER_SEGMENT * c->journal.block_size, &c->journal.block_size,
		"journal.block-size", "four times journal.block-size");
	check_at_least(l, &c->journal.commit_interval_unacked, "journal.commit-interval-unacked",
		c->journal.commit_interval, &c->journal.commit_interval, "journal.commit-interval",
		"not shorter than journal.commit-interval");
}

void config_check(struct loader *l)
{
	check_ports(l);
	check_cores(l);
	check_pool(l);
	check_journal(l);
}
