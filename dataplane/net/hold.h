/*
 * Packets that wait for their neighbour: a queue for each neighbour, in one pool of bounded size.
 * Where a bound is hit the oldest goes, of that neighbour or of all.
 */
#ifndef SLUICE_NET_HOLD_H
#define SLUICE_NET_HOLD_H

#include <stdbool.h>
#include <stdint.h>

struct net_out;
struct net_port;

struct hold_slot {
	uint32_t next;		     /* of the same neighbour; of the free list */
	uint32_t prev_age, next_age; /* of all */
	uint32_t neigh;
	uint32_t len;
};

struct hold_pool {
	struct hold_slot *slot;
	uint8_t *data; /* room for one packet of the port's MTU a slot */
	uint32_t size;
	uint32_t free, oldest, newest;
};

/* false: out of memory; in either case to be freed. */
bool hold_init(struct hold_pool *h, uint32_t packets, uint32_t mtu);
void hold_free(struct hold_pool *h);

/* Copies `packet` to the end of neighbour `i`'s queue. */
void hold_add(struct net_port *p, uint32_t i, const uint8_t *packet, uint32_t len);
/* Sends all that neighbour `i`, resolved by now, has waiting. */
void hold_send(struct net_port *p, uint32_t i, const struct net_out *out);
/* Drops and counts them. */
void hold_drop(struct net_port *p, uint32_t i);

#endif
