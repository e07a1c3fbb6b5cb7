#include "dataplane/net/neigh.h"

#include <assert.h>
#include <stdlib.h>

/* A bucket holds one entry on average; so long a chain means that we read it while it changed. */
#define MAX_CHAIN 64

static void list_add(struct neigh_table *t, uint32_t i, enum neigh_state state)
{
	struct neigh_list *l = &t->list[state];

	t->n[i].state = (uint8_t)state;
	t->n[i].next = NEIGH_NONE;
	t->n[i].prev = l->last;
	if (l->last == NEIGH_NONE)
		l->first = i;
	else
		t->n[l->last].next = i;
	l->last = i;
	l->count++;
}

static void list_remove(struct neigh_table *t, uint32_t i)
{
	struct neigh *n = &t->n[i];
	struct neigh_list *l = &t->list[n->state];

	if (n->prev == NEIGH_NONE)
		l->first = n->next;
	else
		t->n[n->prev].next = n->next;
	if (n->next == NEIGH_NONE)
		l->last = n->prev;
	else
		t->n[n->next].prev = n->prev;
	l->count--;
}

bool neigh_table_init(struct neigh_table *t, const struct net_config *cfg, uint64_t random)
{
	uint32_t buckets = 16;

	memset(t, 0, sizeof(*t));
	t->key = cfg->key;
	t->capacity = cfg->max_neighbours + cfg->gateways_count;
	while (buckets < t->capacity)
		buckets *= 2;
	t->bucket_mask = buckets - 1;
	t->bucket = malloc(buckets * sizeof(*t->bucket));
	/* Aligned to its size, so that an entry lies in one cache line. */
	t->slot = aligned_alloc(sizeof(*t->slot), (t->capacity + 1) * sizeof(*t->slot));
	t->n = calloc(t->capacity + 1, sizeof(*t->n));
	t->used = malloc((t->capacity + 1) * sizeof(*t->used));
	if (!t->bucket || !t->slot || !t->n || !t->used)
		return false;
	for (uint32_t b = 0; b < buckets; b++)
		atomic_init(&t->bucket[b], NEIGH_NONE);
	for (unsigned s = 0; s < NEIGH_STATES; s++)
		t->list[s].first = t->list[s].last = NEIGH_NONE;
	for (uint32_t i = 0; i < t->capacity; i++) {
		struct neigh_slot *s = &t->slot[i];

		atomic_init(&s->seq, 0);
		atomic_init(&s->next, NEIGH_NONE);
		atomic_init(&s->key[0], 0);
		atomic_init(&s->key[1], 0);
		atomic_init(&s->mac, 0);
		atomic_init(&t->used[i], 0);
		list_add(t, i, NEIGH_FREE);
	}
	/* RFC 4861 6.3.2: 30 s, times a random factor of 0.5 to 1.5. */
	t->reachable_us = 15000000 + random % 30000000;
	t->scan_at = UINT64_MAX;
	t->gateways = cfg->gateways_count;
	for (unsigned i = 0; i < cfg->gateways_count; i++) {
		uint32_t g = neigh_find(t, &cfg->gateways[i]);

		t->gateway[i] = g != NEIGH_NONE ? g : neigh_insert(t, &cfg->gateways[i]);
		t->n[t->gateway[i]].gateway = true;
	}
	return true;
}

void neigh_table_free(struct neigh_table *t)
{
	free(t->bucket);
	free(t->slot);
	free(t->n);
	free(t->used);
}

static _Atomic uint32_t *bucket_of(const struct neigh_table *t, const struct ip_addr *addr)
{
	return &t->bucket[siphash13(&t->key, addr->b, sizeof(addr->b)) & t->bucket_mask];
}

uint32_t neigh_find(const struct neigh_table *t, const struct ip_addr *addr)
{
	uint32_t i = atomic_load_explicit(bucket_of(t, addr), memory_order_relaxed);

	while (i != NEIGH_NONE && !ip_addr_equal(&t->n[i].addr, addr))
		i = atomic_load_explicit(&t->slot[i].next, memory_order_relaxed);
	return i;
}

uint32_t neigh_insert(struct neigh_table *t, const struct ip_addr *addr)
{
	uint32_t i = t->list[NEIGH_FREE].first;
	_Atomic uint32_t *bucket = bucket_of(t, addr);
	struct neigh_slot *s;
	struct neigh *n;
	uint64_t key[2];
	uint32_t seq;

	assert(i != NEIGH_NONE);
	s = &t->slot[i];
	n = &t->n[i];
	n->addr = *addr;
	n->gateway = false;
	n->tries = 0;
	n->held_first = n->held_last = NEIGH_NONE;
	n->held_count = 0;
	atomic_store_explicit(&t->used[i], 0, memory_order_relaxed);

	/*
	 * A reader may still stand on this entry. The stores after the odd number are releases and
	 * the reader's loads acquires: who sees one of them sees the odd number, or a later one,
	 * too.
	 */
	memcpy(key, addr->b, sizeof(key));
	seq = atomic_load_explicit(&s->seq, memory_order_relaxed);
	atomic_store_explicit(&s->seq, seq + 1, memory_order_relaxed);
	atomic_store_explicit(&s->mac, 0, memory_order_release);
	atomic_store_explicit(&s->key[0], key[0], memory_order_release);
	atomic_store_explicit(&s->key[1], key[1], memory_order_release);
	atomic_store_explicit(
		&s->next, atomic_load_explicit(bucket, memory_order_relaxed), memory_order_release);
	atomic_store_explicit(&s->seq, seq + 2, memory_order_release);
	atomic_store_explicit(bucket, i, memory_order_release);
	neigh_move(t, i, NEIGH_INCOMPLETE, 0);
	return i;
}

void neigh_remove(struct neigh_table *t, uint32_t i)
{
	_Atomic uint32_t *link = bucket_of(t, &t->n[i].addr);
	uint32_t at;

	while ((at = atomic_load_explicit(link, memory_order_relaxed)) != i) {
		assert(at != NEIGH_NONE);
		link = &t->slot[at].next;
	}
	atomic_store_explicit(link, atomic_load_explicit(&t->slot[i].next, memory_order_relaxed),
		memory_order_release);
	/* Readers that are past the link must not find a MAC here much longer. */
	atomic_store_explicit(&t->slot[i].mac, 0, memory_order_release);
	neigh_move(t, i, NEIGH_FREE, UINT64_MAX);
}

void neigh_move(struct neigh_table *t, uint32_t i, enum neigh_state state, uint64_t deadline)
{
	list_remove(t, i);
	list_add(t, i, state);
	t->n[i].deadline = deadline;
}

void neigh_set_mac(struct neigh_table *t, uint32_t i, const uint8_t mac[6])
{
	uint64_t word = 0;

	memcpy(&word, mac, 6);
	atomic_store_explicit(&t->slot[i].mac, word | NEIGH_HAS_MAC, memory_order_release);
}

void neigh_clear_mac(struct neigh_table *t, uint32_t i)
{
	atomic_store_explicit(&t->slot[i].mac, 0, memory_order_release);
}

bool neigh_mac(const struct neigh_table *t, uint32_t i, uint8_t mac[6])
{
	uint64_t word = atomic_load_explicit(&t->slot[i].mac, memory_order_acquire);

	memcpy(mac, &word, 6);
	return word & NEIGH_HAS_MAC;
}

bool neigh_lookup(const struct neigh_table *t, const struct ip_addr *addr, uint8_t mac[6])
{
	uint64_t key[2];
	uint32_t i;

	memcpy(key, addr->b, sizeof(key));
	i = atomic_load_explicit(bucket_of(t, addr), memory_order_acquire);
	for (unsigned steps = 0; i != NEIGH_NONE && steps < MAX_CHAIN; steps++) {
		const struct neigh_slot *s = &t->slot[i];
		uint32_t seq = atomic_load_explicit(&s->seq, memory_order_acquire);
		uint64_t k0 = atomic_load_explicit(&s->key[0], memory_order_acquire);
		uint64_t k1 = atomic_load_explicit(&s->key[1], memory_order_acquire);
		uint64_t word = atomic_load_explicit(&s->mac, memory_order_acquire);
		uint32_t next = atomic_load_explicit(&s->next, memory_order_acquire);

		if ((seq & 1) || atomic_load_explicit(&s->seq, memory_order_relaxed) != seq)
			return false;
		if (k0 == key[0] && k1 == key[1]) {
			memcpy(mac, &word, 6);
			if (!(word & NEIGH_HAS_MAC))
				return false;
			neigh_mark_used(t, i);
			return true;
		}
		i = next;
	}
	return false;
}
