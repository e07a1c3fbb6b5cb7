/* What state.c, state_gaps.c and state_codec.c share. */
#ifndef SLUICE_JOURNAL_STATE_INTERNAL_H
#define SLUICE_JOURNAL_STATE_INTERNAL_H

#include <stdbool.h>

#include "dataplane/journal/names.h"
#include "dataplane/journal/state.h"

struct state_stream {
	struct journal_state_stream pub;
	struct journal_state_gap *gaps; /* pub.gaps points here */
	uint32_t gap_cap;
	bool going; /* to be forgotten */
};

/* Per block, sized by its counts: what the fold needs to know while it walks the rows. */
struct state_scratch {
	uint32_t *device; /* of the block's dictionary, in the state */
	uint32_t *stream;
	uint64_t *last_ns; /* per stream of the block: receipt of its newest row so far */
	uint32_t *
		next_gap; /* per stream: its first opened gap still to be dated; UINT32_MAX: none */
	uint32_t *chain;  /* per gap: the stream's next opened gap */
	struct journal_state_gap *opened; /* per gap: dated */
	size_t devices, streams, gaps;
};

struct fold {
	struct names names;
	struct journal_state_device *devices;
	uint32_t *device_streams; /* how many streams each of them has */
	uint32_t device_cap;
	uint32_t grown; /* device + 1, of those that got a new stream lately that with most */
	struct state_stream *streams;
	uint32_t stream_count, stream_cap;
	uint32_t *slots; /* stream + 1 by hash of (device, conn_id, epoch); 0: free */
	uint32_t slot_mask;
	uint64_t logs, raw_bytes;
	struct state_scratch scratch;
};

/* The device of that name, made where it is new; UINT32_MAX: out of memory. */
uint32_t state_device_get(struct fold *s, const void *name, uint16_t len);
/* The stream, made where it is new; NULL: out of memory. Valid until the next call. */
struct state_stream *state_stream_get(
	struct fold *s, uint32_t device, uint32_t conn_id, uint64_t epoch);

/* Where each stream is, anew. */
void state_streams_index(struct fold *s);

/* state_gaps.c: 0, or -1 when out of memory. */
int state_gap_open(struct state_stream *st, const struct journal_state_gap *g);
int state_gap_close(struct state_stream *st, uint64_t first, uint64_t last);

#endif
