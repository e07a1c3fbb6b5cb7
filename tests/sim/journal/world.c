/* A workload drawn from a seed: sizes, pauses, restarts, faults, rotation, rewriting and
 * retention. */
#include "dataplane/journal/internal.h"
#include "tests/sim/journal/sim.h"

#define MOST_LIVES 4u
#define MOST_LOGS  900u /* of one sender: its logs carry three digits */

static void draw_config(struct world *w, struct rng *r)
{
	struct journal_config *cfg = &w->work.cfg;

	cfg->segment_size = (64u << 10) << rng_below(r, 3);
	cfg->compression_level = rng_chance(r, 30) ? zpress_raw_level() : 1;
	cfg->compaction_level = 3;
	cfg->segment_age_s = rng_chance(r, 40) ? 1 + rng_below(r, 10) : 3600;
	if (rng_chance(r, 40)) {
		cfg->retention_bytes = 1 + rng_below(r, 200u << 10);
		w->work.retires = true;
	}
	memfs_set_delay(w->fs, rng_chance(r, 50) ? rng_below(r, 6) : 0);
}

/* By dice of its own: what else a seed draws is as it was before there was this. */
static void draw_direct(struct world *w, uint64_t seed)
{
	struct rng r = {~seed};

	w->work.cfg.direct_least = rng_chance(&r, 40) ? 0 : 1 + rng_below(&r, 20000);
	memfs_set_direct(w->fs, rng_chance(&r, 60) ? MEMFS_DIRECT : rng_below(&r, 4));
}

/* Time passes: segments age, retention looks. */
static void pause_a_while(struct world *w, struct rng *r)
{
	memfs_advance(w->fs, 100000 + rng_below(r, 3000000));
	if (rng_chance(r, 70))
		journal_step(w->work.j, memfs_table(w->fs)->mono_us(w->fs));
}

static void act(struct world *w, struct rng *r)
{
	struct work *k = &w->work;
	unsigned port = rng_below(r, WORK_PORTS);
	unsigned logs = rng_chance(r, 30) ? 1 + rng_below(r, 3) : 1 + rng_below(r, 200);
	unsigned what = rng_below(r, 100);

	if (what < 60) {
		if (k->sent[k->life * WORK_PORTS + port] + logs <= MOST_LOGS)
			work_send(k, port, logs);
	} else if (what < 80) {
		work_settle(k);
	} else if (what < 90) {
		compacting_step(k->j);
	} else {
		pause_a_while(w, r);
	}
}

/* One failure of the disk on the way, whatever it is. */
static void draw_fault(struct world *w, struct rng *r)
{
	static const enum memfs_fault faults[] = {MEMFS_EIO, MEMFS_ENOSPC, MEMFS_SHORT};

	if (rng_chance(r, 30))
		memfs_fail(w->fs, 20 + rng_below(r, 300), faults[rng_below(r, 3)]);
}

uint64_t world_run(struct world *w, uint64_t seed, enum mutant mutant, uint64_t cut)
{
	struct rng r = {seed * 0x2545f4914f6cdd1dull + 1};
	unsigned lives = 1 + rng_below(&r, MOST_LIVES);

	w->seed = seed;
	w->rewritten = 0;
	w->mutant = mutant;
	w->fs = memfs_new();
	work_init(&w->work, w->fs);
	draw_config(w, &r);
	draw_direct(w, seed);
	w->work.cfg.fs = mutant_table(mutant, w->fs);
	draw_fault(w, &r);
	memfs_cut(w->fs, cut);
	for (unsigned life = 0; life < lives; life++) {
		unsigned acts = 3 + rng_below(&r, 25);

		if (work_open(&w->work) != JOURNAL_OK)
			break;
		for (; acts > 0; acts--)
			act(w, &r);
		if (rng_chance(&r, 80))
			work_settle(&w->work);
		w->rewritten += counted(&w->work.j->compacted_segments);
		work_close(&w->work);
	}
	return memfs_calls(w->fs);
}

void world_end(struct world *w)
{
	memfs_free(w->fs);
}
