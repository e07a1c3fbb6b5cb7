/*
 * How long a polling thread that finds nothing may look away: as long as a quarter of its ring
 * takes to be filled at the rate of late, and no longer than an answer may come late, or, where
 * nobody waits for answers, than it takes to fill the ring at a million frames a second that begin
 * in it, before their rate is known. One thread's.
 */
#ifndef SLUICE_BASE_NAP_H
#define SLUICE_BASE_NAP_H

#include <stdbool.h>
#include <stdint.h>

#define NAP_FRAMES	64u   /* a quarter of a virtio ring, where it is not made larger */
#define NAP_FRAMES_MOST 256u  /* of one of 1,024 */
#define NAP_FADE	8u    /* one part in so many goes with each look */
#define NAP_WATCH_US	1000u /* from one look at the rate to the next */
#define NAP_MOST_US	250u  /* what an answer may come later by; and a ring of 256, see above */
/* Falling asleep and waking up take a good tenth of it. */
#define NAP_LEAST_US 100u

struct nap {
	uint32_t room;		     /* how many frames may come meanwhile; nap_room() */
	uint64_t watched_us, frames; /* when the rate was last looked at, and what had come then */
	uint64_t per_ms;	     /* the most of late, which fades: bursts come again */
};

/* Of a ring of so many frames; 0: nothing is known of it. */
static inline uint32_t nap_room(uint32_t ring)
{
	if (ring == 0)
		return NAP_FRAMES;
	return ring / 4 < NAP_FRAMES_MOST ? ring / 4 : NAP_FRAMES_MOST;
}

/* Microseconds, or 0: it is not worth it. `frames`: all that have come so far; `answers`: somebody
 * may wait for one. */
static inline uint64_t nap_us(struct nap *n, uint64_t frames, bool answers, uint64_t now_us)
{
	uint64_t most = (uint64_t)NAP_MOST_US * n->room / NAP_FRAMES;
	uint64_t us = now_us - n->watched_us;

	if (us >= NAP_WATCH_US) {
		uint64_t now = (frames - n->frames) * 1000 / us;

		n->per_ms -= (n->per_ms + NAP_FADE - 1) / NAP_FADE;
		n->per_ms = now > n->per_ms ? now : n->per_ms;
		n->frames = frames;
		n->watched_us = now_us;
	}
	if (answers && most > NAP_MOST_US)
		most = NAP_MOST_US;
	us = n->per_ms * most < n->room * UINT64_C(1000) ? most
							 : n->room * UINT64_C(1000) / n->per_ms;
	return us < NAP_LEAST_US ? 0 : us;
}

#endif
