#include "dataplane/rates.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_NS 1000000000ull
#define LOOK	  8u /* places that an account may have */

int rates_init(struct rates *r, uint32_t accounts)
{
	uint32_t cells = LOOK;

	while (cells / 2 < accounts)
		cells *= 2;
	r->cells = calloc(cells, sizeof(*r->cells));
	r->mask = cells - 1;
	return r->cells ? 0 : -1;
}

void rates_fini(struct rates *r)
{
	free(r->cells);
	memset(r, 0, sizeof(*r));
}

/*
 * The account, else the place of whoever has paid for longest. Two lcores that take the
 * same place at once book one log on the other's account, and find their own the next time.
 */
static struct rate_cell *cell_of(struct rates *r, uint64_t who, uint64_t now_ns)
{
	struct rate_cell *best = NULL;
	uint64_t best_ns = 0, was = 0;

	for (uint32_t i = 0; i < LOOK; i++) {
		struct rate_cell *c = &r->cells[(who + i) & r->mask];
		uint64_t has = atomic_load_explicit(&c->who, memory_order_relaxed), paid;

		if (has == who)
			return c;
		paid = atomic_load_explicit(&c->paid_ns, memory_order_relaxed);
		if (!best || paid < best_ns) {
			best = c;
			best_ns = paid;
			was = has;
		}
	}
	if (atomic_compare_exchange_strong_explicit(
		    &best->who, &was, who, memory_order_relaxed, memory_order_relaxed) &&
		best_ns > now_ns)
		atomic_store_explicit(&best->paid_ns, now_ns, memory_order_relaxed);
	return best;
}

bool rates_spend(struct rates *r, uint64_t who, uint32_t per_second, uint32_t logs, uint64_t now_ns)
{
	struct rate_cell *c = cell_of(r, who, now_ns);
	uint64_t paid = atomic_load_explicit(&c->paid_ns, memory_order_relaxed), next;

	do {
		next = paid > now_ns ? paid : now_ns;
		if (next - now_ns >= SECOND_NS)
			return false;
		next += logs * SECOND_NS / per_second;
		if (next - now_ns > RATES_DEBT_NS)
			next = now_ns + RATES_DEBT_NS;
	} while (!atomic_compare_exchange_weak_explicit(
		&c->paid_ns, &paid, next, memory_order_relaxed, memory_order_relaxed));
	return true;
}
