/* The states of a neighbour (RFC 4861 sections 7.3.2, 7.2.5 and appendix C; RFC 826 for ARP). */
#include "dataplane/net/neigh.h"

#include "dataplane/net/port.h"

#define RETRANS_US	SECOND
#define DELAY_US	(5 * SECOND)
#define SCAN_US		SECOND
#define STALE_US	(20 * 60 * SECOND) /* unused for so long, an entry goes (RFC 1122 2.3.2.1) */
#define MAX_SOLICIT	3
#define GATEWAY_BACKOFF 10 /* a gateway that is silent is asked each so many seconds, for ever */
#define SECOND_CHANCES	8

static bool has_mac(const struct net_port *p, uint32_t i)
{
	uint8_t mac[6];

	return neigh_mac(&p->neigh, i, mac);
}

static void ask(
	struct net_port *p, uint32_t i, const struct ip_addr *prompt, const struct net_out *out)
{
	const struct ip_addr *addr = &p->neigh.n[i].addr;
	const struct ip_addr *src;
	uint8_t mac[6];
	const uint8_t *to = neigh_mac(&p->neigh, i, mac) ? mac : NULL;

	if (prompt && !ip_addr_is_v4(addr) && own_has(&p->own, prompt))
		src = prompt; /* RFC 4861 7.2.2: the neighbour will want that one next */
	else
		src = own_source(&p->own, addr);
	if (!src)
		return; /* none is valid yet; the next deadline asks again */
	if (ip_addr_is_v4(addr))
		arp_request(p, src, addr, to, out);
	else
		nd_solicit(p, src, addr, to, NULL, out);
}

/* Starts to ask, by multicast where no MAC is known, else by unicast. */
static void begin_asking(struct net_port *p, uint32_t i, const struct ip_addr *prompt,
	const struct net_out *out, uint64_t now)
{
	neigh_move(&p->neigh, i, has_mac(p, i) ? NEIGH_PROBE : NEIGH_INCOMPLETE, now + RETRANS_US);
	p->neigh.n[i].tries = 1;
	ask(p, i, prompt, out);
}

static void become_reachable(struct net_port *p, uint32_t i, uint64_t now)
{
	neigh_move(&p->neigh, i, NEIGH_REACHABLE, now + p->neigh.reachable_us);
}

static void become_stale(struct net_port *p, uint32_t i, enum neigh_state state, uint64_t now)
{
	struct neigh_table *t = &p->neigh;

	if (t->n[i].gateway) {
		neigh_move(t, i, NEIGH_DELAY, now + DELAY_US);
		return;
	}
	atomic_store_explicit(&t->used[i], 0, memory_order_relaxed);
	neigh_move(t, i, state, now + STALE_US);
	if (t->scan_at == NEVER)
		t->scan_at = now + SCAN_US;
}

static void forget(struct net_port *p, uint32_t i)
{
	hold_drop(p, i);
	neigh_remove(&p->neigh, i);
	p->count.neighbours--;
}

/* The oldest of a list that may go. Entries in use move on to be verified instead, some of them. */
static uint32_t victim_of(struct net_port *p, enum neigh_state state, uint64_t now)
{
	struct neigh_table *t = &p->neigh;
	uint32_t i = t->list[state].first;
	unsigned chances = SECOND_CHANCES;

	while (i != NEIGH_NONE) {
		uint32_t next = t->n[i].next;
		bool stale = state == NEIGH_STALE || state == NEIGH_LEARNT;

		if (stale && chances > 0 &&
			atomic_load_explicit(&t->used[i], memory_order_relaxed)) {
			chances--;
			neigh_move(t, i, NEIGH_DELAY, now + DELAY_US);
		} else if (!t->n[i].gateway) {
			return i;
		}
		i = next;
	}
	return NEIGH_NONE;
}

/*
 * Who goes when the table is full. Addresses that nobody may have at all (a scan makes us ask for
 * them) must not push out neighbours that exist (RFC 6583), and claims by neighbours that we never
 * spoke to must not push out those that we did.
 */
static bool make_room(struct net_port *p, uint64_t now)
{
	static const uint8_t order[] = {NEIGH_LEARNT, NEIGH_STALE, NEIGH_INCOMPLETE,
		NEIGH_REACHABLE, NEIGH_DELAY, NEIGH_PROBE};
	struct neigh_table *t = &p->neigh;
	uint32_t victim = NEIGH_NONE;

	if (t->list[NEIGH_FREE].count > 0)
		return true;
	if (t->list[NEIGH_INCOMPLETE].count > t->capacity / 4)
		victim = victim_of(p, NEIGH_INCOMPLETE, now);
	for (unsigned s = 0; victim == NEIGH_NONE && s < sizeof(order); s++)
		victim = victim_of(p, order[s], now);
	if (victim == NEIGH_NONE)
		return false;
	forget(p, victim);
	p->count.neighbours_full++;
	return true;
}

static uint32_t create(struct net_port *p, const struct ip_addr *addr, uint64_t now)
{
	if (!make_room(p, now))
		return NEIGH_NONE;
	p->count.neighbours++;
	return neigh_insert(&p->neigh, addr);
}

/* Stores the MAC; says whether it is another one than before. */
static bool update_mac(struct net_port *p, uint32_t i, const uint8_t mac[6])
{
	uint8_t old[6];
	bool had = neigh_mac(&p->neigh, i, old);

	if (had && memcmp(old, mac, 6) == 0)
		return false;
	neigh_set_mac(&p->neigh, i, mac);
	if (had)
		p->count.neighbour_changes++;
	return true;
}

void neigh_learn(struct net_port *p, const struct ip_addr *addr, const uint8_t mac[6],
	enum neigh_news news, const struct net_out *out, uint64_t now)
{
	uint32_t i = neigh_find(&p->neigh, addr);
	enum neigh_state state;

	if (i == NEIGH_NONE) {
		if (news == NEIGH_HEARD)
			return;
		i = create(p, addr, now);
		if (i == NEIGH_NONE)
			return;
		neigh_set_mac(&p->neigh, i, mac);
		become_stale(p, i, NEIGH_LEARNT, now);
		return;
	}
	state = p->neigh.n[i].state;
	if (update_mac(p, i, mac) && news != NEIGH_CONFIRMED)
		become_stale(p, i, state == NEIGH_LEARNT ? NEIGH_LEARNT : NEIGH_STALE, now);
	else if (news == NEIGH_CONFIRMED)
		become_reachable(p, i, now);
	else if (state == NEIGH_STALE || state == NEIGH_LEARNT)
		neigh_move(&p->neigh, i, state, now + STALE_US);
	hold_send(p, i, out);
}

void neigh_advertised(struct net_port *p, const struct ip_addr *addr, const uint8_t *mac,
	bool solicited, bool override, const struct net_out *out, uint64_t now)
{
	uint32_t i = neigh_find(&p->neigh, addr);
	uint8_t old[6];
	bool other;

	if (i == NEIGH_NONE)
		return;
	if (!neigh_mac(&p->neigh, i, old)) {
		if (!mac)
			return;
		neigh_set_mac(&p->neigh, i, mac);
		if (solicited)
			become_reachable(p, i, now);
		else
			become_stale(p, i, NEIGH_STALE, now);
		hold_send(p, i, out);
		return;
	}
	other = mac && memcmp(old, mac, 6) != 0;
	if (other && !override) {
		if (p->neigh.n[i].state == NEIGH_REACHABLE)
			become_stale(p, i, NEIGH_STALE, now);
		return;
	}
	if (other)
		update_mac(p, i, mac);
	if (solicited)
		become_reachable(p, i, now);
	else if (other)
		become_stale(p, i, NEIGH_STALE, now);
}

uint32_t neigh_want(struct net_port *p, const struct ip_addr *addr, const struct ip_addr *prompt,
	const struct net_out *out, uint64_t now)
{
	uint32_t i = neigh_find(&p->neigh, addr);

	if (i != NEIGH_NONE)
		return i;
	i = create(p, addr, now);
	if (i != NEIGH_NONE)
		begin_asking(p, i, prompt, out, now);
	return i;
}

void neigh_ask_gateways(
	struct net_port *p, const struct ip_addr *source, const struct net_out *out, uint64_t now)
{
	for (uint32_t g = 0; g < p->neigh.gateways; g++) {
		uint32_t i = p->neigh.gateway[g];

		if (own_source(&p->own, &p->neigh.n[i].addr) == source && !has_mac(p, i))
			begin_asking(p, i, NULL, out, now);
	}
}

/* Marks of readers on stale entries: these are in use again. */
static void scan_used(struct net_port *p, uint64_t now)
{
	struct neigh_table *t = &p->neigh;

	for (uint32_t i = 0; i < t->capacity; i++)
		if (atomic_load_explicit(&t->used[i], memory_order_relaxed) &&
			(t->n[i].state == NEIGH_STALE || t->n[i].state == NEIGH_LEARNT))
			neigh_move(t, i, NEIGH_DELAY, now + DELAY_US);
	t->scan_at = t->list[NEIGH_STALE].count + t->list[NEIGH_LEARNT].count > 0 ? now + SCAN_US
										  : NEVER;
}

/* Nobody answered MAX_SOLICIT questions. */
static void give_up(struct net_port *p, uint32_t i, const struct net_out *out, uint64_t now)
{
	if (!p->neigh.n[i].gateway) {
		forget(p, i);
		return;
	}
	hold_drop(p, i);
	if (has_mac(p, i)) {
		/* It may have got another network card: ask everybody. */
		neigh_clear_mac(&p->neigh, i);
		begin_asking(p, i, NULL, out, now);
		return;
	}
	p->neigh.n[i].tries++;
	neigh_move(&p->neigh, i, NEIGH_INCOMPLETE, now + RETRANS_US);
	if (p->neigh.n[i].tries % GATEWAY_BACKOFF == 0)
		ask(p, i, NULL, out);
}

static void expire_one(struct net_port *p, uint32_t i, const struct net_out *out, uint64_t now)
{
	struct neigh *n = &p->neigh.n[i];

	switch ((enum neigh_state)n->state) {
	case NEIGH_INCOMPLETE:
	case NEIGH_PROBE:
		if (n->tries >= MAX_SOLICIT) {
			give_up(p, i, out, now);
			return;
		}
		n->tries++;
		neigh_move(&p->neigh, i, n->state, now + RETRANS_US);
		ask(p, i, NULL, out);
		return;
	case NEIGH_REACHABLE:
		if (!n->gateway) {
			become_stale(p, i, NEIGH_STALE, now);
			return;
		}
		/* Gateways are verified whether in use or not. */
		begin_asking(p, i, NULL, out, now);
		return;
	case NEIGH_DELAY:
		begin_asking(p, i, NULL, out, now);
		return;
	case NEIGH_STALE:
	case NEIGH_LEARNT:
		forget(p, i);
		return;
	case NEIGH_FREE:
	case NEIGH_STATES:
		return;
	}
}

uint64_t neigh_next_deadline(const struct net_port *p)
{
	const struct neigh_table *t = &p->neigh;
	uint64_t next = t->scan_at;

	for (unsigned s = NEIGH_INCOMPLETE; s < NEIGH_STATES; s++) {
		uint32_t i = t->list[s].first;

		if (i != NEIGH_NONE && t->n[i].deadline < next)
			next = t->n[i].deadline;
	}
	return next;
}

void neigh_expire(struct net_port *p, const struct net_out *out, uint64_t now)
{
	struct neigh_table *t = &p->neigh;
	unsigned budget = EXPIRE_BUDGET;

	if (t->scan_at <= now)
		scan_used(p, now);
	for (unsigned s = NEIGH_INCOMPLETE; s < NEIGH_STATES; s++) {
		uint32_t i;

		while ((i = t->list[s].first) != NEIGH_NONE && t->n[i].deadline <= now) {
			if (budget-- == 0)
				return;
			expire_one(p, i, out, now);
		}
	}
}
