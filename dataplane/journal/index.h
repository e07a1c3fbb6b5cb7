/*
 * A segment's closing index: where each block is, when its logs were received, and whose they are.
 * Pure. The layout is in docs/journal.md, "Index".
 */
#ifndef SLUICE_JOURNAL_INDEX_H
#define SLUICE_JOURNAL_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/journal/columns.h"
#include "dataplane/journal/format.h"
#include "dataplane/journal/names.h"

struct index_entry {
	uint64_t offset;	     /* of the header frame */
	uint32_t head_len, data_len; /* the header frame; the data frame behind it */
	uint64_t first_block, last_block;
	uint64_t first_ns, last_ns;
	uint32_t rows, raw_len;
	size_t devices; /* in `lists`: where the block's set of devices begins */
};

/* Built block by block while a segment is written, or read from its index frame. */
struct index {
	struct names names; /* devices of the segment */
	struct index_entry *entries;
	uint32_t count, cap;
	struct bytes_buf lists;
	uint64_t *bits;		    /* scratch: a set over `names` */
	size_t bits_cap;	    /* words */
	uint64_t first_ns, last_ns; /* over all entries that have rows */
	uint64_t logs, raw_bytes;
};

void index_init(struct index *x, const struct siphash_key *key);
void index_free(struct index *x);
/* Forgets all entries and names, keeps the memory. */
void index_reset(struct index *x);

/* Blocks come in the order of their offsets and numbers. 0, or -1 when out of memory. */
int index_add(struct index *x, uint64_t offset, const struct block_frame *f,
	const struct journal_records *r);

/* Appends the index frame's payload (out->failed: out of memory). */
void index_encode(const struct index *x, struct bytes_buf *out);
/*
 * Reads the payload of `f` into `x`, emptied before. Every entry lies below `end` (the offset of
 * the index frame itself), in order, without overlap. 0, -1 where it is no index of that frame, -2
 * where memory is out.
 */
int index_decode(struct index *x, const struct index_frame *f, const uint8_t *data, size_t len,
	uint64_t end);

/* Does the block hold logs of (or counts about) this device of x->names? */
bool index_has_device(const struct index *x, const struct index_entry *e, uint32_t device);

#endif
