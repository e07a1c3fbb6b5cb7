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
#include "dataplane/base/siphash.h"

struct bytes_buf;
struct journal_records;

struct journal_state_device {
	/* `late` counts DELTA_LATE alone: flags of rows (LOG_FLAG_LATE) add nothing to it. */
	uint64_t stored, bytes, duplicate, late, client_dropped, conflict;
	uint64_t dropped[DROP_REASON_COUNT];
	uint64_t first_seen_ns, last_seen_ns;
};

/* Of one stream; past it the oldest is forgotten, and counted. Not more than a session can still
 * fill: a device makes as many as it likes, and they are moved and copied under the journal's lock.
 */
#define STATE_MAX_GAPS 512u

/* A range of seq_nos that never came: seen missing between the receipts of its neighbours. */
struct journal_state_gap {
	uint64_t first, last;
	uint64_t before_ns, after_ns; /* 0: not known */
};

struct journal_state_stream {
	uint64_t epoch;
	uint64_t confirmed;    /* every seq_no up to it is durable or a recorded gap */
	uint64_t last_seen_ns; /* receive time of its newest log */
	uint64_t gaps_forgotten;
	uint32_t device; /* fold_name() */
	uint32_t conn_id;
	uint8_t digest[16];		      /* of item `confirmed` */
	const struct journal_state_gap *gaps; /* ascending, disjoint */
	uint32_t gap_count;
};

struct fold;

/* `key`: random, for the hash of names. NULL when out of memory. */
struct fold *fold_new(const struct siphash_key *key);
void fold_free(struct fold *s);

/* Folds one block in. Blocks come in the order of their numbers. 0, or -1 when out of memory. */
int fold_block(struct fold *s, const struct journal_records *r);

/* Totals over all devices. */
uint64_t fold_logs(const struct fold *s);
uint64_t fold_raw_bytes(const struct fold *s); /* newlines included */

uint32_t fold_device_count(const struct fold *s);
const struct journal_state_device *fold_device(const struct fold *s, uint32_t i);
/* Not NUL-terminated. */
const char *fold_name(const struct fold *s, uint32_t device, size_t *len);

uint32_t fold_stream_count(const struct fold *s);
const struct journal_state_stream *fold_stream(const struct fold *s, uint32_t i);
/* NULL: no block that was folded has it. */
const struct journal_state_stream *fold_stream_find(
	const struct fold *s, const char *device, size_t len, uint32_t conn_id, uint64_t epoch);

/* How many streams of the device there are. */
uint32_t fold_device_streams(const struct fold *s, const char *device, size_t len);
/* How many of them can be forgotten: another epoch of the same connection id was seen later, and
 * they were last seen before `ns`. Looks at all streams. */
uint32_t fold_displaceable(struct fold *s, const char *device, size_t len, uint64_t ns);
/*
 * After a block: the device that has come to have more streams than `most` by it (of several one)
 * loses such ones, the oldest first, down to 7/8 of `most`. Returns how many. Looks at all streams
 * where there is such a device.
 */
uint32_t fold_make_room(struct fold *s, uint32_t most, uint64_t ns);

/* Forgets streams last seen before `ns`; returns how many. Their device stays. */
uint32_t fold_expire(struct fold *s, uint64_t ns);

/* The payload of a checkpoint. Appends to `out` (out->failed: out of memory). */
void fold_encode(const struct fold *s, struct bytes_buf *out);
/* Into a new state: 0, -1 where the bytes are no state, -2 where memory is out. */
int fold_decode(struct fold *s, const uint8_t *data, size_t len);

#endif
