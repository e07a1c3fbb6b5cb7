/* The power-cut simulator's parts. */
#ifndef SLUICE_SIM_JOURNAL_H
#define SLUICE_SIM_JOURNAL_H

#include "dataplane/journal/fs.h"
#include "tests/unit/journal/work.h"

struct rng {
	uint64_t s;
};

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t z = (r->s += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static inline unsigned rng_below(struct rng *r, unsigned n)
{
	return (unsigned)(rng_next(r) % n);
}

static inline bool rng_chance(struct rng *r, unsigned percent)
{
	return rng_below(r, 100) < percent;
}

/*
 * What a wrong journal would ask of its disk: tests of the test. Each is a table between the
 * journal and the disk, so that the journal's own code runs as it is.
 */
enum mutant {
	MUTANT_NONE,
	MUTANT_NO_SYNC,	     /* fdatasync does nothing */
	MUTANT_EARLY_ACK,    /* acknowledged when the sync begins, not when it has ended */
	MUTANT_EARLY_UNLINK, /* old segments go before the checkpoint that stands for them is synced
			      */
};
/* `name` as on the command line; -1: none of these. */
int mutant_by_name(const char *name);
/* The table to be used in the place of the disk's own; one at a time. */
const struct journal_fs *mutant_table(enum mutant m, struct memfs *fs);

/* One world of a seed, as far as a call of its disk. */
struct world {
	uint64_t seed;
	enum mutant mutant;
	struct work work;
	struct memfs *fs;
	uint64_t rewritten; /* segments */
};

/*
 * Draws a world from its seed and runs all of it, or until call `cut` of the disk, at which the
 * power goes (0: never). Returns how many calls there were.
 */
uint64_t world_run(struct world *w, uint64_t seed, enum mutant mutant, uint64_t cut);
void world_end(struct world *w);

#endif
