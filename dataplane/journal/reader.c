/*
 * Reading in the order of blocks. The reader keeps one number, the next block that it wants, and
 * finds it anew in the directory whenever a segment ends: so retention, rewriting and new segments
 * under its feet change nothing but what there is to be read.
 */
#include <errno.h>
#include <stdlib.h>

#include "dataplane/journal/dir.h"
#include "dataplane/journal/reader_internal.h"

/* ---- segments ----------------------------------------------------------------------------- */

void reader_leave_segment(struct journal_reader *r)
{
	if (r->file.fd < 0)
		return;
	r->stats.bytes_read += r->file.bytes_read;
	segment_close(&r->file);
	segment_map_free(&r->map);
	r->at = 0;
	r->finished = false;
}

/* The segment that holds `block`, or else the first behind it; and the one behind that. */
static int find_segment(struct journal_reader *r, uint64_t block, uint64_t *first, uint64_t *next)
{
	uint64_t *v = NULL;
	unsigned n = 0;
	unsigned i;
	int rc = journal_dir_segments(r->fs, r->dir, &v, &n);

	if (rc < 0)
		return rc == -ENOMEM ? JOURNAL_E_NO_MEMORY : JOURNAL_E_IO;
	for (i = 0; i + 1 < n && v[i + 1] <= block; i++)
		continue;
	*first = n ? v[i] : 0;
	*next = i + 1 < n ? v[i + 1] : 0;
	free(v);
	return JOURNAL_OK;
}

/* Blocks up to this one are not there: damaged or missing. */
static void skip_to(struct journal_reader *r, uint64_t block)
{
	if (block <= r->next_block)
		return;
	r->stats.corrupt_blocks += block - r->next_block;
	r->next_block = block;
}

/* The newest block that the writer has said to be durable; 0: not told. */
static uint64_t told(const struct journal_reader *r)
{
	return r->max_block == JOURNAL_UNBOUNDED ? 0 : r->max_block;
}

static void judge(struct journal_reader *r)
{
	struct segment_context c = {
		.durable_upto = r->map.durable_upto > told(r) ? r->map.durable_upto : told(r),
		.next_segment = r->next_segment,
	};

	segment_judge(&r->map, r->file.first_block, &c, &r->judgement);
}

static int map_segment(struct journal_reader *r)
{
	int rc = segment_map(&r->file, MAP_FRAMES, &r->buffers, &r->map);

	if (r->file.newer)
		return JOURNAL_E_NEWER;
	if (rc != 0)
		return JOURNAL_E_NO_MEMORY;
	judge(r);
	return JOURNAL_OK;
}

/* Nothing was wrong so far, and what came is the next blocks, one after the other. */
static bool goes_on_well(const struct journal_reader *r, size_t from)
{
	const struct segment_judgement *o = &r->judgement;

	if (o->cut != UINT64_MAX || o->corrupt)
		return false;
	for (size_t i = from; i < r->map.count; i++) {
		const struct segment_item *it = &r->map.items[i];
		uint64_t expected = i ? r->map.items[i - 1].f.last_block + 1 : r->file.first_block;

		if (it->kind != ITEM_BLOCK || it->f.first_block != expected)
			return false;
	}
	return !r->map.has_index;
}

/* Takes up what was added to an unfinished segment. false: it must be entered anew. */
static bool remap(struct journal_reader *r)
{
	size_t from;

	if (segment_refresh(&r->file) < 0 || r->map.has_index || r->file.size < r->map.end)
		return false;
	/* What seemed no frame was one being written. */
	if (r->map.count > 0 && r->map.items[r->map.count - 1].kind == ITEM_REGION &&
		r->map.items[r->map.count - 1].offset > 0)
		r->map.end = r->map.items[--r->map.count].offset;
	if (r->at > r->map.count)
		r->at = r->map.count;
	from = r->map.count;
	if (segment_map(&r->file, MAP_FRAMES, &r->buffers, &r->map) != 0 || r->file.newer)
		return false;
	if (!goes_on_well(r, from)) /* a segment may have many thousands of blocks */
		judge(r);
	return true;
}

void journal_reader_extend(struct journal_reader *r, uint64_t max_block)
{
	if (max_block <= r->max_block)
		return;
	r->max_block = max_block;
	/* What was half written when it was mapped may be whole and durable by now: it must not be
	 * judged as it was. The size is read after the new bound is known. */
	if (r->file.fd >= 0 && !r->finished && !remap(r))
		reader_leave_segment(r);
}

/* None of a finished segment's logs can match, by their times: its index need not be read. */
static bool passes_over(struct journal_reader *r, const struct index_frame *f)
{
	if (f->entries == 0 || reader_time_matches(r, f->first_ns, f->last_ns) ||
		f->last_block > r->max_block ||
		(r->next_segment && f->last_block >= r->next_segment))
		return false;
	index_reset(&r->index);
	r->stats.blocks_skipped += f->entries;
	if (f->last_block >= r->next_block)
		r->next_block = f->last_block + 1;
	return true;
}

/* The segment that holds the next block, or the first behind it: 1: open, 0: there is none,
 * negative: an error. */
static int open_segment(struct journal_reader *r)
{
	uint64_t gone = 0;

	for (;;) {
		uint64_t first;
		int rc = find_segment(r, r->next_block, &first, &r->next_segment);

		if (rc != JOURNAL_OK)
			return rc;
		if (first == 0)
			return 0;
		rc = segment_open(&r->file, r->fs, r->dir, first, r->id);
		if (rc == 0) {
			if (r->next_block < first)
				r->next_block = first; /* what was before it has been retired */
			return 1;
		}
		/* Retention or a rewriting came in between: what is there now? */
		if (rc != -ENOENT || first == gone)
			return JOURNAL_E_IO;
		gone = first;
	}
}

/* 1: open, 0: nothing there (any more), negative: an error. */
static int enter_segment(struct journal_reader *r)
{
	struct index_frame f;
	uint64_t index_off;
	int rc = open_segment(r);

	if (rc <= 0)
		return rc;
	r->at = 0;
	r->finished = segment_tail(&r->file, &f, &index_off);
	if (r->finished && passes_over(r, &f))
		return 1;
	if (r->finished) {
		rc = segment_index(&r->file, &f, index_off, &r->buffers, &r->index);
		if (rc == SEGMENT_NO_MEMORY)
			return JOURNAL_E_NO_MEMORY;
		r->finished = rc == SEGMENT_OK; /* else as if there were none */
	}
	if (!r->finished) {
		rc = map_segment(r);
		return rc == JOURNAL_OK ? 1 : rc;
	}
	if (r->device)
		r->wanted = r->device_len <= UINT16_MAX ? names_find(&r->index.names, r->device,
								  (uint16_t)r->device_len)
							: NAMES_NONE;
	return 1;
}

/*
 * At the end of a segment: 1: another may be entered, or this one has grown; 0: nothing more for
 * now; negative: an error.
 */
static int end_of_segment(struct journal_reader *r)
{
	char path[JOURNAL_PATH_MAX];
	uint64_t first;
	uint64_t next;
	int rc;

	if (r->next_segment) {
		skip_to(r, r->next_segment);
		reader_leave_segment(r);
		return 1;
	}
	if (!r->finished) {
		uint64_t before = r->file.size;

		if (segment_refresh(&r->file) < 0)
			return JOURNAL_E_IO;
		if (r->file.size != before) {
			if (!remap(r)) {
				reader_leave_segment(r);
				return 1;
			}
			if (r->at < r->map.count)
				return 1;
		}
	}
	/* Nothing more in here: has another begun? */
	rc = find_segment(r, r->file.first_block, &first, &next);
	if (rc != JOURNAL_OK)
		return rc;
	if (first == r->file.first_block && !next) {
		/* A commit that came to nothing, or a recovery, may have put another file in its
		 * place. */
		journal_segment_path(path, r->dir, first);
		rc = r->fs->is_same(r->fs->ctx, r->file.fd, path);
		if (rc != 0)
			return rc < 0 ? JOURNAL_E_IO : 0;
	}
	reader_leave_segment(r); /* gone, replaced, or not the newest any more */
	return 1;
}

/* ---- blocks ------------------------------------------------------------------------------- */

/*
 * The block at `off` with these numbers is next. 1: rows are in memory; 0: it is done with, go on;
 * 2: it may not be read yet; 3: the segment must be entered anew; negative: an error.
 */
static int take_block(
	struct journal_reader *r, uint64_t off, const struct block_frame *f, bool certain)
{
	uint64_t last = f->last_block;
	int rc;

	if (last < r->next_block)
		return 0;
	if (f->first_block > r->max_block)
		return 2;
	if (f->first_block > r->next_block)
		skip_to(r, f->first_block);
	if (r->next_segment && last >= r->next_segment)
		last = r->next_segment - 1;
	if (last > r->max_block)
		last = r->max_block;
	r->part_first = r->next_block;
	r->part_last = last;
	if (f->rows == 0 || !reader_time_matches(r, f->first_ns, f->last_ns)) {
		r->stats.blocks_skipped++;
		r->next_block = last + 1;
		return 0;
	}
	rc = reader_load_block(r, off, f);
	if (rc == SEGMENT_NO_MEMORY)
		return JOURNAL_E_NO_MEMORY;
	if (rc == SEGMENT_DAMAGED && !certain)
		return 2;
	if (rc == SEGMENT_DAMAGED && !r->finished && r->retried != r->next_block) {
		/* Mapped before it was durable: its commit may have failed, and it was cut off here
		 * and written again elsewhere. */
		r->retried = r->next_block;
		return 3;
	}
	if (rc == SEGMENT_DAMAGED)
		skip_to(r, last + 1);
	r->next_block = last + 1;
	r->in_block = rc == 1;
	return rc == 1;
}

static int next_of_map(struct journal_reader *r);

/* Where the index points there is no such block: what is there is found without it. */
static int distrust_index(struct journal_reader *r)
{
	int rc;

	r->finished = false;
	r->at = 0;
	rc = map_segment(r);
	return rc == JOURNAL_OK ? next_of_map(r) : rc;
}

/* Is a block of several that ends with `last` read to its end? Its rest may lie above the bound for
 * now; what lies behind the segment's end, another segment has. */
static bool done_with(const struct journal_reader *r, uint64_t last)
{
	return r->next_block > last || (r->next_segment && r->next_block >= r->next_segment);
}

static int next_of_index(struct journal_reader *r)
{
	while (r->at < r->index.count) {
		const struct index_entry *e = &r->index.entries[r->at];
		union journal_frame f;
		int rc;

		if (r->next_segment && e->first_block >= r->next_segment)
			return 0; /* the segment behind begins before: it has them */
		if (e->last_block >= r->next_block &&
			(e->rows == 0 || !reader_time_matches(r, e->first_ns, e->last_ns) ||
				(r->device &&
					(r->wanted == NAMES_NONE ||
						!index_has_device(&r->index, e, r->wanted))))) {
			if (e->first_block > r->max_block)
				return 2;
			skip_to(r, e->first_block);
			r->next_block = e->last_block + 1;
			/* What reaches into the segment behind is that one's. */
			if (r->next_segment && r->next_block > r->next_segment)
				r->next_block = r->next_segment;
			r->stats.blocks_skipped++;
			r->at++;
			continue;
		}
		if (e->last_block < r->next_block) {
			r->at++;
			continue;
		}
		if (!segment_frame(&r->file, e->offset, &f) || f.p.kind != FRAME_BLOCK ||
			f.block.first_block != e->first_block ||
			f.block.last_block != e->last_block)
			return distrust_index(r);
		rc = take_block(r, e->offset, &f.block, true);
		if (rc == 2 || rc < 0)
			return rc;
		r->at += done_with(r, e->last_block);
		if (rc == 1)
			return 1;
		if (r->next_block > r->max_block)
			return 2;
	}
	return 0;
}

static int next_of_map(struct journal_reader *r)
{
	while (r->at < r->map.count) {
		const struct segment_item *it = &r->map.items[r->at];
		int rc;

		if (it->verdict == VERDICT_TORN || it->verdict == VERDICT_SUPERSEDED)
			return 0;
		if (it->missing_first)
			skip_to(r, it->missing_last + 1);
		if (it->verdict == VERDICT_GOOD) {
			rc = take_block(r, it->offset, &it->f,
				it->f.first_block <= r->map.durable_upto || r->next_segment ||
					it->f.first_block <= told(r));
			if (rc >= 2 || rc < 0)
				return rc;
			if (rc == 0 && r->next_block > r->max_block &&
				!done_with(r, it->f.last_block))
				return 2;
			if (rc == 1) {
				r->at += done_with(r, it->f.last_block);
				return 1;
			}
		}
		r->at++;
	}
	return 0;
}

/* 1: a block is in memory; 0: nothing more for now; negative: an error. */
static int next_block(struct journal_reader *r)
{
	for (;;) {
		int rc;

		if (r->next_block > r->max_block || reader_stopped(r))
			return 0;
		if (r->file.fd < 0) {
			rc = enter_segment(r);
			if (rc <= 0)
				return rc;
		}
		rc = r->finished ? next_of_index(r) : next_of_map(r);
		if (rc == 2)
			return 0;
		if (rc == 3) {
			reader_leave_segment(r);
			continue;
		}
		if (rc != 0)
			return rc;
		rc = end_of_segment(r);
		if (rc <= 0)
			return rc;
	}
}

int journal_reader_next(struct journal_reader *r, struct journal_log *log)
{
	for (;;) {
		int rc;

		if (r->in_block && reader_next_row(r, log))
			return 1;
		if (r->grep.undecided > GREP_UNDECIDED)
			return JOURNAL_E_COSTLY;
		rc = next_block(r);
		if (rc <= 0)
			return rc;
	}
}
