/*
 * Reading in the order of blocks. The reader keeps one number, the next block that it wants, and
 * finds it anew in the directory whenever a segment ends: so retention, rewriting and new segments
 * under its feet change nothing but what there is to be read.
 */
#include "dataplane/journal/reader.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/framing/fields.h"
#include "dataplane/journal/dir.h"
#include "dataplane/journal/segment.h"

struct journal_reader {
	const struct journal_fs *fs;
	char dir[1024];
	uint64_t id[2];
	char *device;
	size_t device_len;
	uint64_t since_ns, until_ns, max_block;
	char *literal; /* what to grep for, where it is plain text */
	size_t literal_len;
	regex_t regex;
	bool has_regex;
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
	uint64_t part_first, part_last; /* only these blocks of the records */
	uint32_t block_device;		/* wanted, in records.devices */
};

/* ---- opening ------------------------------------------------------------------------------ */

static int set_grep(struct journal_reader *r, const char *grep, struct journal_fault *fault)
{
	int rc;

	if (!grep)
		return JOURNAL_OK;
	if (strpbrk(grep, ".[]{}()*+?^$|\\") == NULL) {
		r->literal = strdup(grep);
		r->literal_len = strlen(grep);
		return r->literal
			       ? JOURNAL_OK
			       : journal_fault_set(fault, JOURNAL_E_NO_MEMORY, ENOMEM, "no memory");
	}
	rc = regcomp(&r->regex, grep, REG_EXTENDED | REG_NOSUB);
	if (rc != 0) {
		char why[200];

		regerror(rc, &r->regex, why, sizeof(why));
		return journal_fault_set(fault, JOURNAL_E_CONFIG, 0,
			"not a regular expression: \"%s\": %s", grep, why);
	}
	r->has_regex = true;
	return JOURNAL_OK;
}

static int reader_init(struct journal_reader *r, const char *dir, const struct journal_query *q,
	struct journal_fault *fault)
{
	struct siphash_key key;
	int rc;

	memcpy(r->dir, dir, strlen(dir) + 1);
	rc = journal_dir_id(r->fs, r->dir, r->id, fault);
	if (rc != JOURNAL_OK)
		return rc;
	if (r->fs->random(r->fs->ctx, &key, sizeof(key)) < 0 ||
		segment_buffers_init(&r->buffers) != 0)
		return journal_fault_set(fault, JOURNAL_E_NO_MEMORY, ENOMEM, "no memory");
	index_init(&r->index, &key);
	if (q->device) {
		r->device = strdup(q->device);
		r->device_len = strlen(q->device);
		if (!r->device)
			return journal_fault_set(fault, JOURNAL_E_NO_MEMORY, ENOMEM, "no memory");
	}
	r->since_ns = q->since_ns;
	r->until_ns = q->until_ns;
	r->max_block = q->max_block;
	r->next_block = q->after_block + 1;
	return set_grep(r, q->grep, fault);
}

int journal_reader_open_fs(const struct journal_fs *fs, const char *dir,
	const struct journal_query *q, struct journal_reader **out, struct journal_fault *fault)
{
	struct journal_reader *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return journal_fault_set(fault, JOURNAL_E_NO_MEMORY, ENOMEM, "no memory");
	r->fs = fs ? fs : &journal_fs_real;
	r->file.fd = -1;
	if (strlen(dir) >= sizeof(r->dir))
		rc = journal_fault_set(fault, JOURNAL_E_MISSING, ENAMETOOLONG, "%s: too long", dir);
	else
		rc = reader_init(r, dir, q, fault);
	if (rc != JOURNAL_OK) {
		journal_reader_close(r);
		return rc;
	}
	*out = r;
	return JOURNAL_OK;
}

int journal_reader_open(const char *dir, const struct journal_query *q, struct journal_reader **out,
	struct journal_fault *fault)
{
	return journal_reader_open_fs(NULL, dir, q, out, fault);
}

static void leave_segment(struct journal_reader *r)
{
	if (r->file.fd < 0)
		return;
	r->stats.bytes_read += r->file.bytes_read;
	segment_close(&r->file);
	segment_map_free(&r->map);
	r->at = 0;
	r->finished = false;
}

void journal_reader_close(struct journal_reader *r)
{
	if (!r)
		return;
	leave_segment(r);
	index_free(&r->index);
	segment_buffers_free(&r->buffers);
	if (r->has_regex)
		regfree(&r->regex);
	free(r->literal);
	free(r->device);
	free(r);
}

void journal_reader_stats(const struct journal_reader *r, struct journal_reader_stats *st)
{
	*st = r->stats;
	if (r->file.fd >= 0)
		st->bytes_read += r->file.bytes_read;
}

/* ---- segments ----------------------------------------------------------------------------- */

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

static void judge(struct journal_reader *r)
{
	struct segment_context c = {
		.durable_upto =
			r->map.durable_upto > r->max_block ? r->map.durable_upto : r->max_block,
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

	if (segment_refresh(&r->file) < 0 || r->map.has_index)
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
		leave_segment(r);
}

/* 1: open, 0: nothing there (any more), negative: an error. */
static int enter_segment(struct journal_reader *r)
{
	struct index_frame f;
	uint64_t index_off;
	uint64_t first;
	int rc = find_segment(r, r->next_block, &first, &r->next_segment);

	if (rc != JOURNAL_OK)
		return rc;
	if (first == 0)
		return 0;
	rc = segment_open(&r->file, r->fs, r->dir, first, r->id);
	if (rc == -ENOENT)
		return 0; /* retention came in between: the next call finds what is there now */
	if (rc < 0)
		return JOURNAL_E_IO;
	if (r->next_block < first)
		r->next_block = first; /* what was before it has been retired */
	r->at = 0;
	r->finished = segment_tail(&r->file, &f, &index_off);
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
	uint64_t first;
	uint64_t next;
	int rc;

	if (r->next_segment) {
		skip_to(r, r->next_segment);
		leave_segment(r);
		return 1;
	}
	if (!r->finished) {
		uint64_t before = r->file.size;

		if (segment_refresh(&r->file) < 0)
			return JOURNAL_E_IO;
		if (r->file.size != before) {
			if (!remap(r)) {
				leave_segment(r);
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
	if (first != r->file.first_block || next) { /* gone, or not the newest any more */
		leave_segment(r);
		return 1;
	}
	return 0;
}

/* ---- blocks ------------------------------------------------------------------------------- */

static bool time_matches(const struct journal_reader *r, uint64_t first_ns, uint64_t last_ns)
{
	return last_ns >= r->since_ns && first_ns <= r->until_ns;
}

static bool row_matches(const struct journal_reader *r, const struct block_row *row)
{
	return time_matches(r, row->time_ns, row->time_ns) &&
	       (!r->device || row->device == r->block_device);
}

/* Is any row wanted? Then its data is worth reading. */
static bool any_row(struct journal_reader *r)
{
	const struct journal_records *rec = &r->records;

	r->block_device = UINT32_MAX;
	for (uint32_t i = 0; r->device && i < rec->device_count; i++)
		if (rec->devices[i].name_len == r->device_len &&
			memcmp(rec->names + rec->devices[i].name_off, r->device, r->device_len) ==
				0)
			r->block_device = i;
	if (r->device && r->block_device == UINT32_MAX)
		return false;
	for (uint32_t i = 0; i < rec->row_count; i++)
		if (row_matches(r, &rec->rows[i]))
			return true;
	return false;
}

/* 1: the block is in memory, with rows that may match; 0: it has none; negative: damaged or error.
 */
static int load_block(struct journal_reader *r, uint64_t off, const struct block_frame *f)
{
	int rc = segment_columns(&r->file, off, f, &r->buffers, &r->records);

	if (rc != SEGMENT_OK)
		return rc;
	r->stats.blocks_read++;
	if (!any_row(r))
		return 0;
	rc = segment_data(&r->file, off, f, &r->buffers);
	if (rc != SEGMENT_OK)
		return rc;
	if (!segment_rows_match(&r->records, r->buffers.raw.data))
		return SEGMENT_DAMAGED;
	r->row = r->part = r->part_row = 0;
	r->raw_off = 0;
	return 1;
}

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
	if (r->max_block && f->first_block > r->max_block)
		return 2;
	if (f->first_block > r->next_block)
		skip_to(r, f->first_block);
	if (r->next_segment && last >= r->next_segment)
		last = r->next_segment - 1;
	if (r->max_block && last > r->max_block)
		last = r->max_block;
	r->part_first = r->next_block;
	r->part_last = last;
	if (f->rows == 0 || !time_matches(r, f->first_ns, f->last_ns)) {
		r->stats.blocks_skipped++;
		r->next_block = last + 1;
		return 0;
	}
	rc = load_block(r, off, f);
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

static int next_of_index(struct journal_reader *r)
{
	while (r->at < r->index.count) {
		const struct index_entry *e = &r->index.entries[r->at];
		union journal_frame f;
		int rc;

		if (r->next_segment && e->first_block >= r->next_segment)
			return 0; /* the segment behind begins before: it has them */
		if (e->last_block >= r->next_block &&
			(e->rows == 0 || !time_matches(r, e->first_ns, e->last_ns) ||
				(r->device &&
					(r->wanted == NAMES_NONE ||
						!index_has_device(&r->index, e, r->wanted))))) {
			if (r->max_block && e->first_block > r->max_block)
				return 2;
			skip_to(r, e->first_block);
			r->next_block = e->last_block + 1;
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
		r->at++;
		if (rc == 1)
			return 1;
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
					it->f.first_block <= r->max_block);
			if (rc >= 2 || rc < 0)
				return rc;
			if (rc == 1) {
				r->at++;
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

		if (r->max_block && r->next_block > r->max_block)
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
			leave_segment(r);
			continue;
		}
		if (rc != 0)
			return rc;
		rc = end_of_segment(r);
		if (rc <= 0)
			return rc;
	}
}

/* ---- logs --------------------------------------------------------------------------------- */

static bool grep_matches(const struct journal_reader *r, const uint8_t *log, uint32_t len)
{
	regmatch_t m = {.rm_so = 0, .rm_eo = (regoff_t)len};

	if (r->literal)
		return memmem(log, len, r->literal, r->literal_len) != NULL;
	return !r->has_regex || regexec(&r->regex, (const char *)log, 1, &m, REG_STARTEND) == 0;
}

static void fill(const struct journal_reader *r, const struct block_row *row, uint64_t block,
	const uint8_t *raw, struct journal_log *log)
{
	const struct journal_records *rec = &r->records;
	const struct block_device *d = &rec->devices[row->device];

	memset(log, 0, sizeof(*log));
	log->block = block;
	log->time_ns = row->time_ns;
	log->seq_no = row->seq_no;
	log->device = (const char *)rec->names + d->name_off;
	log->device_len = d->name_len;
	log->transport = row->transport;
	log->flags = row->flags;
	log->log = raw;
	log->len = row->len;
	if (row->source != BLOCK_NONE) {
		log->has_source = true;
		log->source = rec->sources[row->source].addr;
		log->source_port = rec->sources[row->source].port;
	}
	if (row->stream != BLOCK_NONE) {
		log->has_stream = true;
		log->epoch = rec->streams[row->stream].epoch;
		log->conn_id = rec->streams[row->stream].conn_id;
	}
	if (row->vdom != BLOCK_NONE) {
		log->vdom = (const char *)rec->names + rec->vdoms[row->vdom].name_off;
		log->vdom_len = rec->vdoms[row->vdom].name_len;
	} else {
		struct text vdom = fields_vdom((const char *)raw, row->len);

		log->vdom = vdom.at;
		log->vdom_len = vdom.len;
	}
}

/* The next matching row of the block in memory. */
static bool next_row(struct journal_reader *r, struct journal_log *log)
{
	const struct journal_records *rec = &r->records;

	while (r->row < rec->row_count) {
		const struct block_row *row = &rec->rows[r->row++];
		const uint8_t *raw = r->buffers.raw.data + r->raw_off;
		uint64_t block;

		r->raw_off += row->len + 1u;
		while (r->part_row == rec->parts[r->part].rows) {
			r->part++;
			r->part_row = 0;
		}
		r->part_row++;
		block = rec->parts[r->part].block;
		if (block < r->part_first || block > r->part_last || !row_matches(r, row) ||
			!grep_matches(r, raw, row->len))
			continue;
		fill(r, row, block, raw, log);
		r->stats.logs++;
		return true;
	}
	r->in_block = false;
	return false;
}

int journal_reader_next(struct journal_reader *r, struct journal_log *log)
{
	for (;;) {
		int rc;

		if (r->in_block && next_row(r, log))
			return 1;
		rc = next_block(r);
		if (rc <= 0)
			return rc;
	}
}
