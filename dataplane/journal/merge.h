/*
 * The records of several blocks as those of one: dictionaries joined, rows behind one another, each
 * block a part. What is folded from the whole is what was folded from the blocks. Pure.
 */
#ifndef SLUICE_JOURNAL_MERGE_H
#define SLUICE_JOURNAL_MERGE_H

#include <stdbool.h>

#include "dataplane/journal/columns.h"
#include "dataplane/journal/names.h"

/* A growing array of entries of one size. */
struct merge_list {
	uint8_t *v;
	size_t count, cap, size;
};

struct merge {
	struct names devices, sources, vdoms, streams, deltas;
	struct merge_list part, row, source, stream, gap, delta, device, vdom;
	struct merge_list map; /* an input's numbers in the joined dictionaries */
	struct bytes_buf names;
};

void merge_init(struct merge *m, const struct siphash_key *key);
void merge_free(struct merge *m);
/* Forgets all, keeps most of the memory. */
void merge_reset(struct merge *m);

/* May these be added without passing any bound of the format? An empty merge takes any. */
bool merge_has_room(const struct merge *m, const struct journal_records *r, uint32_t max_rows);

/*
 * Adds a block's records; blocks come in the order of their numbers. 0, -1 where they hold what
 * cannot be written again (a counter that this version does not know), -2 where memory is out.
 */
int merge_add(struct merge *m, const struct journal_records *r);

/* All of them: valid until the next call. 0 or -2. */
int merge_records(struct merge *m, struct journal_records *out);

#endif
