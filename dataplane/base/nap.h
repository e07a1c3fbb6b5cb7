/*
 * How long a polling thread that finds nothing may look away: as long as NAP_FRAMES take to come at
 * the rate of late, so that they fit into any ring, which then has them all in one burst. One
 * thread's.
 */
#ifndef SLUICE_BASE_NAP_H
#define SLUICE_BASE_NAP_H

#include <stdint.h>

#define NAP_FRAMES   64u   /* a quarter of a virtio ring, where it is not made larger */
#define NAP_FADE     8u	   /* one part in so many goes with each look */
#define NAP_WATCH_US 1000u /* from one look at the rate to the next */
/* What an answer may come later by; a million frames a second that begin in it, before their rate
 * is known, fit into a ring of 256. */
#define NAP_MOST_US 250u
/* Falling asleep and waking up take a good tenth of it. */
#define NAP_LEAST_US 100u

struct nap {
	uint64_t watched_us, frames; /* when the rate was last looked at, and what had come then */
	uint64_t per_ms;	     /* the most of late, which fades: bursts come again */
};

/* Microseconds, or 0: it is not worth it. `frames`: all that have come so far. */
static inline uint64_t nap_us(struct nap *n, uint64_t frames, uint64_t now_us)
{
	uint64_t us = now_us - n->watched_us;

	if (us >= NAP_WATCH_US) {
		uint64_t now = (frames - n->frames) * 1000 / us;

		n->per_ms -= (n->per_ms + NAP_FADE - 1) / NAP_FADE;
		n->per_ms = now > n->per_ms ? now : n->per_ms;
		n->frames = frames;
		n->watched_us = now_us;
	}
	if (n->per_ms * NAP_MOST_US < NAP_FRAMES * 1000u)
		return NAP_MOST_US;
	us = NAP_FRAMES * 1000u / n->per_ms;
	return us < NAP_LEAST_US ? 0 : us;
}

#endif
