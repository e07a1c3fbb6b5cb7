/*
 * Is what a receiver has stored exactly what was sent? Every log tells its flow and number, so a
 * bit for each says which came; every log can be made again, so each is compared byte for byte.
 * Pure.
 */
#ifndef SLUICE_LOAD_CHECK_H
#define SLUICE_LOAD_CHECK_H

#include "bench/load/lines.h"

struct check;

struct check_result {
	uint64_t sent;	    /* what should be there */
	uint64_t stored;    /* of these, came at least once, unaltered */
	uint64_t missing;   /* sent - stored */
	uint64_t duplicate; /* came again */
	uint64_t altered;   /* says it is one of these, but is not byte for byte */
	uint64_t unsent;    /* one of ours that was never sent */
	uint64_t foreign;   /* no line of this generator */
	uint64_t reordered; /* came behind a later log of its flow */
};

/* `sent[flow]` logs of each of plan->flows, numbers from 0. NULL when out of memory. */
struct check *check_new(const struct lines *l, const struct plan *plan, const uint64_t *sent);
void check_free(struct check *c);

void check_log(struct check *c, const char *log, size_t len);
void check_result(const struct check *c, struct check_result *r);

/* Nothing missing, altered, unsent or twice; foreign logs may be the receiver's own. */
bool check_equal(const struct check_result *r);

#endif
