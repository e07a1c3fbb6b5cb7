/*
 * Whose clock is wrong: every few minutes (setting clock-skew-every) a thread compares what the
 * newest logs say of their time (eventtime and its kin, framing/fields.h) with when they were
 * received. A device whose logs all differ by more than a minute is named by the alarm
 * `clock_skew`, until one of its logs differs by less, or it has not logged for a day. A log that
 * was late is no proof, so the smallest difference of a device counts. Nothing of it is on the way
 * of a log.
 */
#ifndef SLUICE_CONTROL_SKEW_H
#define SLUICE_CONTROL_SKEW_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dp.h"

#define SKEW_BLOCKS    64    /* since the last look, at most, that are looked at */
#define SKEW_LOGS      50000 /* at most, of these */
#define SKEW_DEVICES   256   /* told apart in one look */
#define SKEW_LIMIT_S   60
#define SKEW_FORGET_US 86400000000ull

struct skew_scan {
	char dir[1024];	  /* of the journal */
	uint64_t after;	  /* only newer blocks */
	uint64_t durable; /* its newest block that may be read */
	unsigned count;
	struct {
		char device[DP_DEVICE_NAME + 1];
		int64_t least_ns; /* of all its logs: what they say minus when they came */
	} v[SKEW_DEVICES];
};

/* Any thread. Ends early when `cancelled` says so. */
void skew_scan(struct skew_scan *s, bool (*cancelled)(void *ctx), void *ctx);

/* Those whose clock was wrong when they were seen last, in the order in which it was found. */
struct skew_known {
	unsigned count;
	struct {
		char device[DP_DEVICE_NAME + 1];
		int64_t skew_s;
		uint64_t seen_us;
	} v[SKEW_DEVICES];
};

struct control;

/* Once a second: begins a look when it is time (control's next_skew_us). */
void skew_tick(struct control *c, uint64_t now_us);

#endif
