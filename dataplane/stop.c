/* The data plane's end, step by step, without threads and clock. */
#include "dataplane/lcore.h"

#define STOP_WAIT_US 10000000u
/* A journal that is not running settles nothing, but there is time for a goodbye. */
#define STUCK_US (FAREWELL_US + 500000u)

void dp_wake_all(struct dp *d)
{
	for (unsigned i = 0; i < d->lcores_count; i++)
		waker_wake(&d->lcores[i]->waker);
}

static bool all_drained(struct dp *d)
{
	for (unsigned i = 0; i < d->lcores_count; i++)
		if (!atomic_load_explicit(&d->lcores[i]->drained, memory_order_acquire))
			return false;
	return true;
}

void dp_drain_begin(struct dp *d, uint64_t now_us)
{
	d->drain_us = d->ran_us = now_us;
	atomic_store_explicit(&d->phase, DP_DRAIN, memory_order_release);
	d->own.now_us = now_us;
	journal_hurry(d->journal);
	intake_flush(&d->own);
}

bool dp_drain_over(struct dp *d, uint64_t now_us)
{
	dp_wake_all(d);
	d->own.now_us = now_us;
	intake_round(&d->own);
	if (all_drained(d) && intake_settled(&d->own))
		return true;
	if (journal_state(d->journal) == JOURNAL_RUNNING)
		d->ran_us = now_us;
	return now_us - d->ran_us >= STUCK_US || now_us - d->drain_us >= STOP_WAIT_US;
}

void dp_settle(struct dp *d)
{
	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < d->lcores_count; i++)
			lcore_settle(d->lcores[i]);
	intake_flush(&d->own);
	journal_stop(d->journal);
	while (intake_round(&d->own))
		;
	for (unsigned i = 0; i < d->lcores_count; i++)
		while (intake_round(&d->lcores[i]->in))
			;
}
