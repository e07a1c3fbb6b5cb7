/*
 * The neighbour cache (RFC 4861 section 7.3, used for ARP as well): a bounded hash table that its
 * owner writes and any thread reads, and the states through which an entry goes.
 *
 * Readers never wait and never see half of an entry: all they read is atomic; an entry is rewritten
 * for another address under a sequence number that is odd meanwhile; a MAC is one 64-bit word. At
 * worst they miss an entry that is there, and the packet goes the slow way through the owner.
 */
#ifndef SLUICE_NET_NEIGH_H
#define SLUICE_NET_NEIGH_H

#include <stdatomic.h>

#include "dataplane/net/net.h"

#define NEIGH_NONE UINT32_MAX

enum neigh_state {
	NEIGH_FREE,
	NEIGH_INCOMPLETE, /* no MAC; solicitations are out */
	NEIGH_REACHABLE,  /* confirmed lately */
	NEIGH_STALE,	  /* has been in use; to be verified when it is used again */
	NEIGH_LEARNT,	  /* stale, and we never sent to it: what a flood of claims fills up */
	NEIGH_DELAY,	  /* in use again; verified soon */
	NEIGH_PROBE,	  /* unicast solicitations are out */
	NEIGH_STATES,
};

/* What readers see of an entry. */
struct neigh_slot {
	_Atomic uint32_t seq;  /* odd while it is rewritten */
	_Atomic uint32_t next; /* in its bucket */
	_Atomic uint64_t key[2];
	_Atomic uint64_t mac; /* six bytes in memory order, then NEIGH_HAS_MAC; 0: not resolved */
};
_Static_assert(sizeof(struct neigh_slot) == 32, "two in a cache line, none across");
#define NEIGH_HAS_MAC (1ULL << 63)

/* What only the owner sees of it. */
struct neigh {
	struct ip_addr addr;
	uint64_t deadline;
	uint32_t prev, next;			    /* in the list of its state */
	uint32_t held_first, held_last, held_count; /* for hold.c */
	uint8_t state;
	bool gateway; /* never evicted, never left unresolved */
	uint32_t tries;
};

struct neigh_list {
	uint32_t first, last, count;
};

struct neigh_table {
	struct siphash_key key;
	uint32_t capacity;
	uint32_t bucket_mask;
	_Atomic uint32_t *bucket;
	struct neigh_slot *slot;
	struct neigh *n;
	_Atomic uint8_t *used; /* set by readers, one byte an entry */
	struct neigh_list
		list[NEIGH_STATES]; /* time spent in a state is constant: first is due first */
	uint64_t reachable_us;
	uint64_t scan_at; /* when to look for stale entries that are in use */
	uint32_t gateways;
	uint32_t gateway[NET_MAX_GATEWAYS];
};

/* Table: neigh_table.c */

/*
 * Room for the neighbours and the gateways of `cfg`. false: out of memory; in either case to be
 * freed.
 */
bool neigh_table_init(struct neigh_table *t, const struct net_config *cfg, uint64_t random);
void neigh_table_free(struct neigh_table *t);
/* By the owner: the index of an address, or NEIGH_NONE. */
uint32_t neigh_find(const struct neigh_table *t, const struct ip_addr *addr);
/* A new entry from the free list (not empty): INCOMPLETE, without MAC, due at once. */
uint32_t neigh_insert(struct neigh_table *t, const struct ip_addr *addr);
void neigh_remove(struct neigh_table *t, uint32_t i);
/* Puts the entry at the end of the list of `state`, due at `deadline`. */
void neigh_move(struct neigh_table *t, uint32_t i, enum neigh_state state, uint64_t deadline);
void neigh_set_mac(struct neigh_table *t, uint32_t i, const uint8_t mac[6]);
void neigh_clear_mac(struct neigh_table *t, uint32_t i);
/* Any thread: the MAC of an entry, false where it has none. */
bool neigh_mac(const struct neigh_table *t, uint32_t i, uint8_t mac[6]);
/* Any thread: looks `addr` up, and marks the entry as used. */
bool neigh_lookup(const struct neigh_table *t, const struct ip_addr *addr, uint8_t mac[6]);

static inline void neigh_mark_used(const struct neigh_table *t, uint32_t i)
{
	/* Read first: a cache line that all workers write would cost more than the lookup. */
	if (!atomic_load_explicit(&t->used[i], memory_order_relaxed))
		atomic_store_explicit(&t->used[i], 1, memory_order_relaxed);
}

/* States: neigh.c. All by the owner. */

/* What a neighbour has told about itself. */
enum neigh_news {
	NEIGH_ASKED,	 /* it asked us something: ARP request, NS: learn it, it is not confirmed */
	NEIGH_HEARD,	 /* update where it is known, else ignore (ARP about others) */
	NEIGH_CONFIRMED, /* it answered us: ARP reply, solicited NA */
};
/* ARP, and the source of a neighbour solicitation. */
void neigh_learn(struct net_port *p, const struct ip_addr *addr, const uint8_t mac[6],
	enum neigh_news news, const struct net_out *out, uint64_t now);
/* A neighbour advertisement (RFC 4861 7.2.5); `mac` NULL: it brought no address. */
void neigh_advertised(struct net_port *p, const struct ip_addr *addr, const uint8_t *mac,
	bool solicited, bool override, const struct net_out *out, uint64_t now);
/*
 * The entry for a next hop, made and asked for where there is none. `prompt`: source address of the
 * packet that wants it, or NULL. NEIGH_NONE: no room.
 */
uint32_t neigh_want(struct net_port *p, const struct ip_addr *addr, const struct ip_addr *prompt,
	const struct net_out *out, uint64_t now);
/* `source` of ours became valid: the gateways that it is the one to ask from are asked now. */
void neigh_ask_gateways(
	struct net_port *p, const struct ip_addr *source, const struct net_out *out, uint64_t now);
uint64_t neigh_next_deadline(const struct net_port *p);
void neigh_expire(struct net_port *p, const struct net_out *out, uint64_t now);

#endif
