/* What opening (reader_open.c), the walk over segments (reader.c) and the rows of a block
 * (reader_rows.c) share. */
#ifndef SLUICE_JOURNAL_READER_INTERNAL_H
#define SLUICE_JOURNAL_READER_INTERNAL_H

#include "dataplane/journal/grep.h"
#include "dataplane/journal/reader.h"
#include "dataplane/journal/segment.h"

struct journal_reader {
	const struct journal_fs *fs;
	char dir[1024];
	uint64_t id[2];
	char *device;
	size_t device_len;
	uint64_t since_ns, until_ns, max_block;
	struct grep grep;
	bool (*stop)(void *arg);
	void *stop_arg;
	bool stopped;
	struct journal_reader_stats stats;

	uint64_t next_block;
	uint64_t retried;      /* the block for which a segment was entered anew */
	struct segment file;   /* fd -1: none is open */
	uint64_t next_segment; /* the first block of the one behind it; 0: it is the newest */
	bool finished;
	struct index index;
	uint32_t wanted; /* the device in index.names; NAMES_NONE: not there */
	struct segment_map map;
	struct segment_judgement judgement;
	size_t at; /* the next entry of the index, or item of the map */

	struct segment_buffers buffers;
	struct journal_records records;
	bool in_block;
	uint32_t row, part, part_row; /* the next row; its part, and the row's place in that */
	size_t raw_off;
	size_t candidate; /* where the text to grep for is next, at or behind the last row seen */
	uint64_t part_first, part_last; /* only these blocks of the records */
	uint32_t block_device;		/* wanted, in records.devices */
};

/* May logs of these receive times match? */
static inline bool reader_time_matches(
	const struct journal_reader *r, uint64_t first_ns, uint64_t last_ns)
{
	return last_ns >= r->since_ns && first_ns <= r->until_ns;
}

/* Has whoever asked lost interest? */
static inline bool reader_stopped(struct journal_reader *r)
{
	if (!r->stopped && r->stop)
		r->stopped = r->stop(r->stop_arg);
	return r->stopped;
}

/* Closes the segment that is open, if any. */
void reader_leave_segment(struct journal_reader *r);
/* 1: the block is in memory, with rows that may match; 0: it has none; negative: damaged or error
 * (enum segment_read). */
int reader_load_block(struct journal_reader *r, uint64_t off, const struct block_frame *f);
/* The next matching row of the block in memory. */
bool reader_next_row(struct journal_reader *r, struct journal_log *log);

#endif
