/*
 * A hierarchical timer wheel: arming, cancelling and expiring are O(1), however many timers there
 * are. It owns no memory but its slots, reads no clock and calls nobody back: a timer is embedded
 * in what it times, and its owner takes due timers out one at a time.
 *
 * Times are unsigned 64-bit numbers of any unit (TCP uses microseconds); a timer is exact in that
 * unit, it is never given out early, and no delay is too long.
 *
 * Level L has 64 slots of 64^L units. A timer stands at the level of the highest 6-bit digit in
 * which its instant differs from the wheel's own, so everything at a lower level is due before
 * anything at a higher one, and the first occupied slot of the lowest level is the next to come.
 */
#ifndef SLUICE_BASE_WHEEL_H
#define SLUICE_BASE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_BITS   6
#define WHEEL_SLOTS  64
#define WHEEL_LEVELS 11 /* 66 bits: all of uint64_t */

struct wheel_link {
	struct wheel_link *next, *prev;
};

/* All zero: not armed. */
struct wheel_timer {
	struct wheel_link link;
	uint64_t expires;
};

struct wheel {
	uint64_t now; /* every timer before this instant is on the list `due` */
	uint32_t levels;
	uint64_t occupied[WHEEL_LEVELS];
	struct wheel_link due;
	struct wheel_link moving; /* taken from a slot whose time has come, to be spread below it */
	struct wheel_link slot[WHEEL_LEVELS][WHEEL_SLOTS];
	uint64_t earliest[WHEEL_LEVELS][WHEEL_SLOTS];
};

/* Makes it empty. The structure must not be moved in memory afterwards. */
void wheel_init(struct wheel *w, uint64_t now);

/* Arms `t`, or moves it where it is armed already. An instant that has passed is due at once. */
void wheel_arm(struct wheel *w, struct wheel_timer *t, uint64_t expires);

/* No more armed; harmless where it was not. */
void wheel_cancel(struct wheel *w, struct wheel_timer *t);

static inline bool wheel_armed(const struct wheel_timer *t)
{
	return t->link.next != 0;
}

/*
 * When to call wheel_pop() next; UINT64_MAX where no timer is armed. It is the instant of the
 * earliest timer, or earlier where that slot has seen a cancellation.
 */
uint64_t wheel_next(const struct wheel *w);

/*
 * Takes out one timer with expires <= now, in the order of time; NULL where there is none, or where
 * `*moves` reached zero: each timer that is spread from a higher level to a lower one takes one off
 * it, so that one call never does unbounded work. `now` may not go backwards (it is then ignored).
 */
struct wheel_timer *wheel_pop(struct wheel *w, uint64_t now, unsigned *moves);

#endif
