/*
 * All devices with what they did in this run and in their life: the counters of the lcores and the
 * fold of the journal, brought together by name. A snapshot, for one answer.
 */
#ifndef SLUICE_CONTROL_ROSTER_H
#define SLUICE_CONTROL_ROSTER_H

#include "dataplane/dp.h"
#include "dataplane/journal/state.h"

struct roster_entry {
	char device[DP_DEVICE_NAME + 1];
	bool in_run, in_life;
	struct dp_account run;
	struct journal_state_device life;
};

struct roster {
	struct roster_entry *v; /* by name */
	unsigned count, cap;
	bool failed;			  /* out of memory: incomplete */
	struct journal_state_device life; /* sum of all */
};

/* 0, or -1: out of memory. */
int roster_take(struct roster *r, struct dp *dp);
void roster_free(struct roster *r);
/* The sum of all alone, without a list. */
void roster_life(struct dp *dp, struct journal_state_device *life);

/* One device; false: neither seen in this run nor ever before. */
bool roster_find(struct dp *dp, const char *device, struct roster_entry *e);

#endif
