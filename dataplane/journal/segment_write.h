/*
 * A segment file as it is written: created whole with its checkpoint, grown by the committer's
 * writes, closed with index and seek table.
 */
#ifndef SLUICE_JOURNAL_SEGMENT_WRITE_H
#define SLUICE_JOURNAL_SEGMENT_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/journal/fs.h"
#include "dataplane/journal/index.h"
#include "dataplane/journal/state.h"
#include "dataplane/journal/zframe.h"

#define SEGMENT_DIRECT_UNTRIED	  (-1)
#define SEGMENT_DIRECT_IMPOSSIBLE (-2)

struct segment_writer {
	const struct journal_fs *fs;
	const char *dir;
	uint64_t id[2];
	bool aligned; /* a checkpoint ends where FRAME_ALIGN divides, for writes past the page cache
		       */
	int fd;	      /* -1: no segment is open */
	int direct_fd; /* the same file past the page cache, or one of these */
	uint64_t first_block;
	uint64_t begin;	     /* behind the checkpoint */
	uint64_t end;	     /* behind the last durable block: all writes begin here */
	uint64_t allocated;  /* reserved up to here */
	uint64_t created_us; /* monotonic */
	uint64_t last_block; /* in it; first_block - 1: none */
	bool index_broken;   /* memory was out: it stays without an index until recovery */
	struct index index;
};

/*
 * Makes `<first_block>.zst` with a checkpoint of `state`: written under another name, synced,
 * renamed, the directory synced; so a segment that can be seen has its checkpoint. 0 or -errno;
 * on failure nothing is open.
 */
int segment_create(
	struct segment_writer *w, uint64_t first_block, const struct fold *state, struct zpress *z);
/* Opens it for writes past the page cache too, where that is possible. */
bool segment_open_direct(struct segment_writer *w);
/* From here on it is written through the page cache alone. */
void segment_close_direct(struct segment_writer *w);
/* Reserves disk space for `len` more bytes, in steps. 0 or -errno. */
int segment_reserve(struct segment_writer *w, uint64_t len, uint64_t step);
/* Writes index and seek table, syncs, gives the reserved rest back, closes. 0 or -errno. */
int segment_finish(struct segment_writer *w, struct zpress *z);
/* Closes as it is, cut back to the last durable block as far as the disk lets us. */
void segment_abandon(struct segment_writer *w);

/*
 * Appends index and seek table to an open file at `end` and syncs. What lies between the entries of
 * `x` (checkpoint, damaged places) becomes seek table entries of no content. 0 or -errno.
 */
int segment_write_index(const struct journal_fs *fs, int fd, const uint64_t id[2],
	uint64_t first_block, uint64_t durable_upto, const struct index *x, uint64_t end,
	struct zpress *z, uint64_t *size);

#endif
