/*
 * How an address of ours becomes valid, and stays ours: probes before it is used (RFC 5227 section
 * 2.1, RFC 4862 section 5.4), announcements after, defence against later claims.
 *
 * An address goes through stages: its probes, one stage each; then it becomes valid, with an
 * announcement; then a second announcement, and no more timer.
 */
#include "dataplane/net/port.h"

#define PROBES4		   3
#define PROBES6		   1
#define ANNOUNCE_INTERVAL4 (2 * SECOND)
#define ANNOUNCE_INTERVAL6 SECOND
#define DEFEND_INTERVAL_US (10 * SECOND)
#define DUPLICATE_RETRY_US (60 * SECOND)

static unsigned probes(const struct own_addr *a)
{
	return a->v4 ? PROBES4 : PROBES6;
}

void dad_init(struct net_port *p)
{
	for (unsigned i = 0; i < p->own.count; i++) {
		struct own_addr *a = &p->own.a[i];

		a->deadline = 0;
		if (p->cfg.dad_us == 0)
			own_set_state(&p->own, i, OWN_VALID);
	}
}

static void announce(struct net_port *p, const struct own_addr *a, const struct net_out *out)
{
	if (a->v4)
		arp_request(p, &a->addr, &a->addr, NULL, out);
	else
		nd_announce(p, &a->addr, out);
}

static void probe(struct net_port *p, struct own_addr *a, const struct net_out *out)
{
	uint64_t nonce = port_random(p);

	if (a->v4) {
		arp_request(p, NULL, &a->addr, NULL, out);
		return;
	}
	memcpy(a->nonce, &nonce, sizeof(a->nonce));
	nd_solicit(p, NULL, &a->addr, NULL, a->nonce, out);
}

static void become_valid(struct net_port *p, unsigned i, const struct net_out *out, uint64_t now)
{
	struct own_addr *a = &p->own.a[i];

	own_set_state(&p->own, i, OWN_VALID);
	announce(p, a, out);
	if (i == p->own.link_local)
		mld_has_source(p, now);
	neigh_ask_gateways(p, &a->addr, out, now);
}

/* One stage; returns when the next is due. */
static uint64_t step(struct net_port *p, unsigned i, const struct net_out *out, uint64_t now)
{
	struct own_addr *a = &p->own.a[i];
	uint64_t unit = p->cfg.dad_us;
	unsigned stage = a->stage++;

	/* First of all the switch must let the answers through to us (RFC 4862 5.4.2). */
	if (!a->v4 && !a->joined)
		mld_join(p, i, out, now);
	a->joined = true;
	if (stage < probes(a)) {
		probe(p, a, out);
		if (!a->v4)
			return now + unit;
		return now + (stage + 1 < PROBES4 ? unit + port_random_below(p, unit) : 2 * unit);
	}
	if (stage == probes(a)) {
		become_valid(p, i, out, now);
		return now + (a->v4 ? ANNOUNCE_INTERVAL4 : ANNOUNCE_INTERVAL6);
	}
	announce(p, a, out);
	return NEVER;
}

/*
 * Returns when the first stage is due: after a random time, lest a rack that is switched on speaks
 * with one voice.
 */
static uint64_t start(struct net_port *p, unsigned i, uint64_t now)
{
	struct own_addr *a = &p->own.a[i];

	a->started = true;
	if (p->cfg.dad_us == 0) {
		a->stage = (uint8_t)probes(a);
		return now;
	}
	a->stage = 0;
	own_set_state(&p->own, i, OWN_TENTATIVE);
	return now + port_random_below(p, p->cfg.dad_us);
}

uint64_t dad_next_deadline(const struct net_port *p)
{
	uint64_t next = NEVER;

	for (unsigned i = 0; i < p->own.count; i++)
		if (p->own.a[i].deadline < next)
			next = p->own.a[i].deadline;
	return next;
}

void dad_expire(struct net_port *p, const struct net_out *out, uint64_t now)
{
	for (unsigned i = 0; i < p->own.count; i++) {
		struct own_addr *a = &p->own.a[i];

		if (a->deadline <= now && !a->started)
			a->deadline = start(p, i, now);
		if (a->deadline <= now)
			a->deadline = step(p, i, out, now);
	}
}

void dad_conflict(struct net_port *p, unsigned i, const struct net_out *out, uint64_t now)
{
	struct own_addr *a = &p->own.a[i];

	switch (atomic_load_explicit(&a->state, memory_order_relaxed)) {
	case OWN_TENTATIVE:
		p->count.dad_conflicts++;
		own_set_state(&p->own, i, OWN_DUPLICATE);
		a->started = false;
		a->deadline = now + DUPLICATE_RETRY_US;
		return;
	case OWN_VALID:
		p->count.dad_conflicts++;
		/*
		 * RFC 5227 2.4 (c): where logs are sent to is an address that must not move, so it
		 * is defended for ever, but not more often than that.
		 */
		if (a->defended == 0 || now - a->defended >= DEFEND_INTERVAL_US) {
			a->defended = now;
			announce(p, a, out);
		}
		return;
	default:
		return; /* the other one's, as we know */
	}
}
