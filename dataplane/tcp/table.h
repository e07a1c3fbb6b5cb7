/*
 * From a flow to what it belongs to: a connection, a half-open one, or one in TIME-WAIT. Open
 * addressing with linear probing and deletion by shifting back, so that it never degrades; at most
 * half full; keyed by SipHash-1-3, so that nobody outside can aim at a slot.
 */
#ifndef SLUICE_TCP_TABLE_H
#define SLUICE_TCP_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "dataplane/base/addr.h"

/* What an entry refers to: two bits of kind above the index in that kind's slab. */
enum tcp_ref {
	REF_NONE = 0,
	REF_CONN = 1U << 30,
	REF_SYN = 2U << 30,
	REF_TW = 3U << 30,
	REF_KIND = 3U << 30,
};

struct tcp_table {
	uint64_t *slot; /* hash above, reference below; 0: free */
	uint32_t mask;
};

struct tcp_stack;

/* For up to `entries` of them; 0, or -1 when out of memory. */
int tcp_table_init(struct tcp_table *t, uint64_t entries);
void tcp_table_destroy(struct tcp_table *t);

uint32_t tcp_table_hash(const struct tcp_stack *s, const struct ip_flow *flow);
/* The reference, or REF_NONE. */
uint32_t tcp_table_find(const struct tcp_stack *s, const struct ip_flow *flow, uint32_t hash);
/* `ref` must not be there yet; the caller's bounds keep the table at most half full. */
void tcp_table_insert(struct tcp_table *t, uint32_t hash, uint32_t ref);
/* `ref` must be there. */
void tcp_table_remove(struct tcp_table *t, uint32_t hash, uint32_t ref);

static inline bool tcp_flow_equal(const struct ip_flow *a, const struct ip_flow *b)
{
	uint64_t x[4], y[4];
	uint32_t p, q;

	memcpy(x, a, 32);
	memcpy(y, b, 32);
	memcpy(&p, (const uint8_t *)a + 32, 4);
	memcpy(&q, (const uint8_t *)b + 32, 4);
	return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) |
		       (uint64_t)(p ^ q)) == 0;
}

#endif
