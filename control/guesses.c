#include "control/guesses.h"

#include <string.h>

#define LOOK 8u /* places that a source may have */

void guesses_init(struct guesses *g, const struct siphash_key *key)
{
	memset(g, 0, sizeof(*g));
	g->key = *key;
}

uint64_t guesses_source(const struct guesses *g, const struct ip_addr *addr, const char *user)
{
	uint8_t name[16 + 256];
	size_t n = strnlen(user, 256);

	memcpy(name, addr->b, 16);
	if (!ip_addr_is_v4(addr))
		memset(name + 8, 0, 8);
	memcpy(name + 16, user, n);
	return siphash13(&g->key, name, 16 + n) | 1;
}

/* When it did something that is to be remembered. */
static uint64_t remembered_us(const struct guesser *e)
{
	return e->until_us > e->wrong_us ? e->until_us : e->wrong_us;
}

/* Its place, or the one that it may have; NULL: all of them are taken by guesses under way. */
static struct guesser *find(struct guesses *g, uint64_t who)
{
	struct guesser *best = NULL;

	for (uint32_t i = 0; i < LOOK; i++) {
		struct guesser *e = &g->v[(who + i) % GUESSES_SLOTS];

		if (e->who == who)
			return e;
		if (!e->under_way && (!best || remembered_us(e) < remembered_us(best)))
			best = e;
	}
	return best;
}

uint32_t guesses_begin(struct guesses *g, uint64_t who, uint64_t now_us)
{
	struct guesser *e = find(g, who);

	if (!e)
		return 1;
	if (e->who != who)
		*e = (struct guesser){.who = who};
	if (e->wrong && now_us - e->wrong_us >= GUESSES_FORGET_US)
		e->wrong = 0;
	if (now_us < e->until_us)
		return (uint32_t)((e->until_us - now_us + 999999) / 1000000);
	if (e->under_way == GUESSES_AT_ONCE)
		return 1;
	e->under_way++;
	return 0;
}

void guesses_done(struct guesses *g, uint64_t who, bool right, uint32_t most_s, uint64_t now_us)
{
	struct guesser *e = find(g, who);
	uint32_t wait_s = GUESSES_WAIT_S;

	/* Somebody else's key that is right does not make up for its wrong ones. */
	if (!e || e->who != who || !e->under_way)
		return;
	e->under_way--;
	if (right)
		return;
	e->wrong_us = now_us;
	if (e->wrong++ < GUESSES_FREE)
		return;
	for (uint32_t i = e->wrong - GUESSES_FREE; i > 1 && wait_s < most_s; i--)
		wait_s *= 2;
	e->until_us = now_us + wait_s * 1000000ull;
}
