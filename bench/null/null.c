/*
 * The null journal of the bench: a block that is submitted comes back at once, unwritten, so that
 * what is measured is rx, sharding, copying and accounts alone. Linked over the journal's own
 * functions (--wrap) into a program that is never installed. A block with logs of an acknowledged
 * source is failed, so that nothing is acknowledged that is nowhere.
 */
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "dataplane/journal/journal.h"

#define PORTS_MAX  64u
#define BLOCKS_MAX 4096u

struct returned {
	_Atomic(struct journal_port *) port; /* used by its own lcore alone */
	struct block *blocks[BLOCKS_MAX];
	unsigned head, tail;
};
static struct returned returned[PORTS_MAX];

void __wrap_journal_submit(struct journal_port *p, struct block *b);
unsigned __wrap_journal_completed(struct journal_port *p, struct block **v, unsigned n);

static struct returned *of_port(struct journal_port *p)
{
	for (unsigned i = 0; i < PORTS_MAX; i++) {
		struct journal_port *nobody = NULL;

		if (atomic_load_explicit(&returned[i].port, memory_order_relaxed) == p)
			return &returned[i];
		if (atomic_compare_exchange_strong(&returned[i].port, &nobody, p))
			return &returned[i];
	}
	abort(); /* more ports than lcores */
}

void __wrap_journal_submit(struct journal_port *p, struct block *b)
{
	struct returned *r = of_port(p);

	assert(r->head - r->tail < BLOCKS_MAX);
	b->error = b->acked ? JOURNAL_E_FAILED : 0;
	r->blocks[r->head++ % BLOCKS_MAX] = b;
}

unsigned __wrap_journal_completed(struct journal_port *p, struct block **v, unsigned n)
{
	struct returned *r = of_port(p);
	unsigned k = 0;

	while (k < n && r->tail != r->head)
		v[k++] = r->blocks[r->tail++ % BLOCKS_MAX];
	return k;
}
