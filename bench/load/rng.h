/* A small seeded generator (xorshift64*, Vigna 2016): the same seed, the same run, on any machine.
 */
#ifndef SLUICE_LOAD_RNG_H
#define SLUICE_LOAD_RNG_H

#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static inline void rng_seed(struct rng *r, uint64_t seed)
{
	r->state = rng_mix(seed) | 1;
}

static inline uint64_t rng_next(struct rng *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1du;
}

/* 0 to n - 1; n up to 2^32. */
static inline uint32_t rng_below(struct rng *r, uint64_t n)
{
	return (uint32_t)(((rng_next(r) >> 32) * n) >> 32);
}

/*
 * 0 to n - 1, small numbers much more often than large ones, as addresses, users and web sites
 * occur in a network: the first tenth comes in nearly half of the cases.
 */
static inline uint32_t rng_skewed(struct rng *r, uint32_t n)
{
	uint64_t u = rng_next(r) >> 43; /* 21 bits, so that the cube fits */

	return (uint32_t)((((u * u * u) >> 31) * n) >> 32);
}

#endif
