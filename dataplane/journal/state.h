/*
 * What all durable blocks together say: per device the totals for life, per stream the sequence
 * state. Live it is folded block by block as they become durable; after a crash the last
 * checkpoint is read and the blocks behind it are folded by the same code. Pure.
 */
#ifndef SLUICE_JOURNAL_STATE_H
#define SLUICE_JOURNAL_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/reason.h"

struct journal_state_device {
	uint64_t stored, bytes, duplicate, late, client_dropped, conflict;
	uint64_t dropped[DROP_REASON_COUNT];
	uint64_t first_seen_ns, last_seen_ns;
};

#endif
