/*
 * When logs may leave: at most so many bytes a second, and all at once or at fixed intervals. Pure;
 * microseconds of one monotonic clock.
 */
#ifndef SLUICE_CLIENT_PACE_H
#define SLUICE_CLIENT_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
	uint64_t rate;	    /* bytes a second; 0: no bound */
	uint64_t upload_us; /* interval; 0: none */
	int64_t credit;	    /* millionths of bytes; below 0 nothing may go */
	uint64_t credit_us; /* when it was so */
	uint64_t next_us;   /* begin of the next interval */
	uint64_t upto;	    /* what lies before this place may go */
};

/* The first interval begins with the first call of pace_open(). */
void pace_init(struct pace *p, uint64_t rate, uint64_t upload_us);

/* May the item at `place` go now? `end`: the place behind the newest item. */
bool pace_open(struct pace *p, uint64_t place, uint64_t end, uint64_t now);
/* It did. Of a rate no more than a second is saved up, and an item may overdraw. */
void pace_spend(struct pace *p, uint32_t bytes);
/* When pace_open() for this item may turn true; 0: now. */
uint64_t pace_deadline(const struct pace *p, uint64_t place);

#endif
