#include "dataplane/net/hold.h"

#include <stdlib.h>

#include "dataplane/net/port.h"

bool hold_init(struct hold_pool *h, uint32_t packets, uint32_t mtu)
{
	memset(h, 0, sizeof(*h));
	h->size = mtu;
	h->free = h->oldest = h->newest = NEIGH_NONE;
	h->slot = calloc(packets + 1, sizeof(*h->slot));
	h->data = malloc((size_t)packets * mtu + 1);
	if (!h->slot || !h->data)
		return false;
	for (uint32_t s = packets; s-- > 0;) {
		h->slot[s].next = h->free;
		h->free = s;
	}
	return true;
}

void hold_free(struct hold_pool *h)
{
	free(h->slot);
	free(h->data);
}

/* Takes the first of the neighbour's queue out; its data stays until the next hold_add(). */
static uint32_t take_first(struct net_port *p, uint32_t i)
{
	struct hold_pool *h = &p->hold;
	struct neigh *n = &p->neigh.n[i];
	uint32_t s = n->held_first;
	struct hold_slot *slot = &h->slot[s];

	n->held_first = slot->next;
	if (n->held_first == NEIGH_NONE)
		n->held_last = NEIGH_NONE;
	n->held_count--;
	if (slot->prev_age == NEIGH_NONE)
		h->oldest = slot->next_age;
	else
		h->slot[slot->prev_age].next_age = slot->next_age;
	if (slot->next_age == NEIGH_NONE)
		h->newest = slot->prev_age;
	else
		h->slot[slot->next_age].prev_age = slot->prev_age;
	slot->next = h->free;
	h->free = s;
	return s;
}

static void drop_first(struct net_port *p, uint32_t i)
{
	take_first(p, i);
	p->count.unresolved_dropped++;
}

void hold_add(struct net_port *p, uint32_t i, const uint8_t *packet, uint32_t len)
{
	struct hold_pool *h = &p->hold;
	struct neigh *n = &p->neigh.n[i];
	struct hold_slot *slot;
	uint32_t s;

	if (n->held_count == NET_HELD_PER_NEIGHBOUR)
		drop_first(p, i);
	/* The oldest of all is the first of its neighbour's queue. */
	if (h->free == NEIGH_NONE && h->oldest != NEIGH_NONE)
		drop_first(p, h->slot[h->oldest].neigh);
	s = h->free;
	if (s == NEIGH_NONE || len > h->size) {
		p->count.unresolved_dropped++;
		return;
	}
	slot = &h->slot[s];
	h->free = slot->next;
	memcpy(h->data + (size_t)s * h->size, packet, len);
	slot->len = len;
	slot->neigh = i;
	slot->next = NEIGH_NONE;
	slot->next_age = NEIGH_NONE;
	slot->prev_age = h->newest;
	if (h->newest == NEIGH_NONE)
		h->oldest = s;
	else
		h->slot[h->newest].next_age = s;
	h->newest = s;
	if (n->held_last == NEIGH_NONE)
		n->held_first = s;
	else
		h->slot[n->held_last].next = s;
	n->held_last = s;
	n->held_count++;
}

void hold_send(struct net_port *p, uint32_t i, const struct net_out *out)
{
	uint8_t mac[6];

	if (!neigh_mac(&p->neigh, i, mac))
		return;
	while (p->neigh.n[i].held_count > 0) {
		uint32_t s = take_first(p, i);

		send_packet(
			p, mac, p->hold.data + (size_t)s * p->hold.size, p->hold.slot[s].len, out);
	}
}

void hold_drop(struct net_port *p, uint32_t i)
{
	while (p->neigh.n[i].held_count > 0)
		drop_first(p, i);
}
