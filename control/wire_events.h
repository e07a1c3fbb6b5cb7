/*
 * What lcores tell about who came: into the device registry, the list of refusals, alarms and the
 * audit. Events are taken a bounded number a round and written once a second; what the audit and
 * sluiced's own log get of it is bounded by time, so that a flood fills neither.
 */
#ifndef SLUICE_CONTROL_WIRE_EVENTS_H
#define SLUICE_CONTROL_WIRE_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "control/registry_devices.h"
#include "control/refusals.h"

#define WIRE_EVENTS_A_ROUND 1024
#define WIRE_AUDIT_BURST    32	      /* rows of the audit at once; then */
#define WIRE_AUDIT_US	    10000000u /* one for so long: some 3 million a year at the very most */
#define WIRE_DUPLICATES	    16	      /* serials whose alarm may stand at once */
#define WIRE_CONFLICT_US    3600000000u /* since the last one: the alarm is over */

struct control;

/* A row that waits for the next batch. */
struct wire_note {
	uint64_t time_ns;
	char target[IP_ADDR_TEXT + AUTH_SERIAL + 2];
	char what[24], after[AUTH_TEXT + 64];
};

struct wire_events {
	struct refusals refusals;
	uint64_t events, lost, notes_left_out;
	bool resync; /* events were lost: who is Up must be looked at anew */
	unsigned notes_count, allowance;
	uint64_t allowance_us; /* when it grew last */
	struct wire_note notes[WIRE_AUDIT_BURST];
	struct wire_duplicate {
		char serial[AUTH_SERIAL];
		uint64_t last_us; /* told of then; 0: a free place */
	} duplicates[WIRE_DUPLICATES];
	unsigned conflicts; /* while its alarm stands */
	uint64_t conflict_us;
};

/* Each round: takes what there is. Returns the next deadline. */
uint64_t wire_events_round(struct control *c, uint64_t now_us);
/* Once a second: writes what was gathered. */
void wire_events_tick(struct control *c, uint64_t now_us);
/* At the end. */
void wire_events_flush(struct control *c);

#endif
