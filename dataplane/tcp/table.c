#include "dataplane/tcp/table.h"

#include <assert.h>
#include <stdlib.h>

#include "dataplane/base/siphash.h"
#include "dataplane/tcp/tcp_priv.h"

int tcp_table_init(struct tcp_table *t, uint64_t entries)
{
	uint32_t n = 64;

	while (n < 2 * entries && n < 1U << 30)
		n *= 2;
	t->mask = n - 1;
	t->slot = calloc(n, sizeof(*t->slot));
	return t->slot ? 0 : -1;
}

void tcp_table_destroy(struct tcp_table *t)
{
	free(t->slot);
	t->slot = NULL;
}

uint32_t tcp_table_hash(const struct tcp_stack *s, const struct ip_flow *flow)
{
	return (uint32_t)siphash13(&s->key_table, flow, sizeof(*flow));
}

static const struct ip_flow *flow_of(const struct tcp_stack *s, uint32_t ref)
{
	uint32_t i = ref & ~(uint32_t)REF_KIND;

	switch (ref & REF_KIND) {
	case REF_CONN:
		return &((struct tcp_conn *)slab_at(&s->conns, i))->flow;
	case REF_SYN:
		return &((struct tcp_syn *)slab_at(&s->syns, i))->flow;
	default:
		return &((struct tcp_tw *)slab_at(&s->tws, i))->flow;
	}
}

uint32_t tcp_table_find(const struct tcp_stack *s, const struct ip_flow *flow, uint32_t hash)
{
	const struct tcp_table *t = &s->table;

	for (uint32_t i = hash & t->mask;; i = (i + 1) & t->mask) {
		uint64_t e = t->slot[i];

		if (e == 0)
			return REF_NONE;
		if ((uint32_t)(e >> 32) == hash && tcp_flow_equal(flow_of(s, (uint32_t)e), flow))
			return (uint32_t)e;
	}
}

void tcp_table_insert(struct tcp_table *t, uint32_t hash, uint32_t ref)
{
	uint32_t i = hash & t->mask;

	while (t->slot[i] != 0)
		i = (i + 1) & t->mask;
	t->slot[i] = (uint64_t)hash << 32 | ref;
}

void tcp_table_remove(struct tcp_table *t, uint32_t hash, uint32_t ref)
{
	uint64_t e = (uint64_t)hash << 32 | ref;
	uint32_t hole = hash & t->mask;
	uint32_t i;

	while (t->slot[hole] != e) {
		assert(t->slot[hole] != 0);
		hole = (hole + 1) & t->mask;
	}
	/* Whatever follows and may not be found over a hole moves into it. */
	for (i = (hole + 1) & t->mask; t->slot[i] != 0; i = (i + 1) & t->mask) {
		uint32_t home = (uint32_t)(t->slot[i] >> 32) & t->mask;

		if (((i - home) & t->mask) >= ((i - hole) & t->mask)) {
			t->slot[hole] = t->slot[i];
			hole = i;
		}
	}
	t->slot[hole] = 0;
}
