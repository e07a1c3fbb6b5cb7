/*
 * Rewriting a finished segment into full, well-compressed blocks: the same records under the same
 * numbers, in a file that takes the old one's place. Reads and writes through the table of file
 * operations; no threads, no clock.
 */
#ifndef SLUICE_JOURNAL_COMPACT_H
#define SLUICE_JOURNAL_COMPACT_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/journal/fs.h"
#include "dataplane/base/siphash.h"

struct compactor; /* its memory; reused from segment to segment */

struct compactor *compactor_new(const struct siphash_key *key);
void compactor_free(struct compactor *c);

struct compact_job {
	const struct journal_fs *fs;
	const char *dir;
	uint64_t id[2];
	uint64_t first_block;
	uint32_t block_size; /* raw bytes that a block may have */
	int level;	     /* zstd */
	/* Asked before each block is written; true: give up. */
	bool (*stop)(void *arg);
	void *arg;
	/* What came of it. */
	uint64_t bytes, blocks; /* of the new file */
	uint64_t raw_bytes;
};

enum compact_result {
	COMPACT_DONE = 0,     /* `<segment>.tmp` is there, whole and synced: to be renamed */
	COMPACT_AS_IT_IS = 1, /* rewritten before, or damaged: it stays as it is */
	COMPACT_STOPPED = 2,
};

/* An enum compact_result, or -errno; the unfinished file is removed. */
int compact_segment(struct compactor *c, struct compact_job *job);

#endif
