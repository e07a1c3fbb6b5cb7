/*
 * What a block says about its logs, as columns: dictionaries, then each field of all rows in one
 * run, so that zstd finds them nearly free. Pure. The layout is in docs/journal.md, "Columns".
 */
#ifndef SLUICE_JOURNAL_COLUMNS_H
#define SLUICE_JOURNAL_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/journal/block.h"

#define DELTA_UNKNOWN 0xffffu /* a counter's slug that this version does not know */

/* A block as it was at intake; one rewritten holds several of them, in the order of numbers. */
struct journal_part {
	uint64_t block;
	uint32_t rows;
	uint8_t lcore;
};

/* A block's records: of a block in memory, or decoded. */
struct journal_records {
	struct journal_part *parts;
	struct block_row *rows;
	struct block_device *devices;
	struct block_source *sources;
	struct block_vdom *vdoms;
	struct block_stream *streams;
	struct block_gap *gaps;
	struct block_delta *deltas;
	uint8_t *names;
	uint32_t part_count, row_count, device_count, source_count, vdom_count, stream_count;
	uint32_t gap_count, delta_count, names_len;
};

/* The records of `b`, in place; `part` is filled in and must live as long. */
static inline struct journal_records records_of_block(
	const struct block *b, struct journal_part *part)
{
	*part = (struct journal_part){.block = b->number, .rows = b->row_count, .lcore = b->lcore};
	return (struct journal_records){
		.parts = part,
		.rows = b->rows,
		.devices = b->devices,
		.sources = b->sources,
		.vdoms = b->vdoms,
		.streams = b->streams,
		.gaps = b->gaps,
		.deltas = b->deltas,
		.names = b->names,
		.part_count = 1,
		.row_count = b->row_count,
		.device_count = b->device_count,
		.source_count = b->source_count,
		.vdom_count = b->vdom_count,
		.stream_count = b->stream_count,
		.gap_count = b->gap_count,
		.delta_count = b->delta_count,
		.names_len = b->names_len,
	};
}

/* What the rows of a device had last: most rows repeat it. */
struct columns_last {
	uint16_t source, vdom, stream;
	uint8_t transport, flags;
};

/* An intake block's columns never need more: see columns_bound(). */
#define COLUMNS_BOUND (4u << 20)

/* The most bytes that the columns of `r` can take. */
size_t columns_bound(const struct journal_records *r);

/*
 * Writes the columns; `last` has room for r->device_count, `seq` for r->stream_count entries.
 * Returns the length, or 0 where `cap` is too small.
 */
size_t columns_encode(const struct journal_records *r, struct columns_last *last, uint64_t *seq,
	uint8_t *out, size_t cap);

/* Memory of a decoder, reused from block to block. Start with zeros. */
struct columns_arena {
	uint8_t *mem;
	size_t cap;
};
void columns_arena_free(struct columns_arena *a);

/*
 * Reads the columns of a block frame with these numbers; what it finds is whole and consistent
 * (every index in its dictionary, parts ascending from first to last, lengths and newlines making
 * up raw_len) or refused. `r` points into
 * the arena. 0, -1 where the bytes are no columns, -2 where memory is out.
 */
int columns_decode(const uint8_t *data, size_t len, uint64_t first_block, uint64_t last_block,
	uint32_t rows, uint32_t raw_len, struct columns_arena *a, struct journal_records *r);

/* The slug of a block_delta counter ("no_block", "duplicate", ...); NULL: none. */
const char *delta_slug(uint16_t counter);
/* DELTA_UNKNOWN where this version knows no such slug. */
uint16_t delta_from_slug(const char *slug, size_t len);

#endif
