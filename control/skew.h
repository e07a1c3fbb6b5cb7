/*
 * Whose clock is wrong: every few minutes (setting clock-skew-every) a thread compares what logs
 * say of their time (eventtime and its kin, framing/fields.h) with when they were received. A
 * device whose logs of one look all differ by more than a minute is named by the alarm
 * `clock_skew`, until a log of it is seen that differs by less, or it has not logged for a day. A
 * log that was late is no proof, so the smallest difference of a device counts.
 *
 * A look is a sample: what came since the last one is cut in SKEW_PARTS, and of each the first
 * SKEW_PART_LOGS are read, which at a low rate is all. Who is known to be wrong must not wait for
 * the sample to hit one of its logs: its newest is looked for by name. Nothing of it is on the way
 * of a log.
 */
#ifndef SLUICE_CONTROL_SKEW_H
#define SLUICE_CONTROL_SKEW_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/siphash.h"
#include "dataplane/dp.h"

#define SKEW_PARTS     8
#define SKEW_PART_LOGS 8192
#define SKEW_BEFORE    1024  /* blocks of earlier runs that the first look takes up */
#define SKEW_SLOTS     16384 /* of the table of a look; half of them are used at most */
#define SKEW_NAMED     16    /* looked for by name in one look, in turn: each opens a reader */
#define SKEW_DEVICES   256   /* known to be wrong */
#define SKEW_LIMIT_S   60
#define SKEW_FORGET_NS 86400000000000ull

/* What a look has seen of a device. */
struct skew_seen {
	char device[DP_DEVICE_NAME + 1]; /* "": a free slot */
	int64_t least_ns;		 /* of all its logs: what they say minus when they came */
	uint64_t newest_ns, block;	 /* the last of these: it came then, and is in it */
};

struct skew_scan {
	char dir[1024];	  /* of the journal */
	uint64_t after;	  /* only newer blocks, */
	uint64_t durable; /* up to this one */
	struct siphash_key key;
	unsigned named_count;
	struct {
		char device[DP_DEVICE_NAME + 1];
		uint64_t last_ns; /* its newest log came then, */
		uint64_t after;	  /* in a block behind this one */
	} named[SKEW_NAMED];
	unsigned count;
	struct skew_seen slots[SKEW_SLOTS];
};

/* Any thread. Ends early when `cancelled` says so. */
void skew_scan(struct skew_scan *s, bool (*cancelled)(void *ctx), void *ctx);

/* Those whose clock was wrong when they were seen last, by name. */
struct skew_known {
	unsigned count;
	unsigned turn; /* of those that are looked for by name, the next */
	struct {
		char device[DP_DEVICE_NAME + 1];
		bool authorized;
		int64_t skew_s;
		uint64_t last_ns;	   /* it has logged then; */
		uint64_t judged_ns, block; /* the newest that was looked at, and where it is */
	} v[SKEW_DEVICES];
};

struct control;

/* ---- skew_known.c, the control thread ------------------------------------------------------ */

/* Who has logged when and is authorized; those that have not logged for a day are forgotten. */
void skew_known_refresh(struct control *c, uint64_t now_ns);
/* Names to the look those with logs that were not looked at. */
void skew_known_name(struct skew_known *k, struct skew_scan *s);
/*
 * After it: what it has seen. One of which it saw nothing stays as it was known. Where all places
 * are taken, an authorized device displaces one that is not, and among these a newcomer the one
 * that logged longest ago: whoever can send a datagram makes up as many names as it likes.
 */
void skew_known_learn(struct control *c, const struct skew_scan *s);
/* Sets the alarm: how many, and the first few by name, authorized ones before others. */
void skew_known_tell(struct control *c);

/* ---- skew.c ------------------------------------------------------------------------------- */

/* Once a second: begins a look when it is time (control's next_skew_us). */
void skew_tick(struct control *c, uint64_t now_us);

#endif
