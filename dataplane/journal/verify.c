/* Listing segments, and reading all of them to say what is wrong with which. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/dir.h"
#include "dataplane/journal/reader.h"
#include "dataplane/journal/segment.h"
#include "dataplane/journal/state.h"

struct walk {
	const struct journal_fs *fs;
	const char *dir;
	uint64_t id[2];
	uint64_t *v;
	unsigned n;
	struct segment_buffers buffers;
	struct journal_fault *fault;
};

static int walk_begin(
	struct walk *w, const struct journal_fs *fs, const char *dir, struct journal_fault *fault)
{
	int rc;

	memset(w, 0, sizeof(*w));
	w->fs = fs ? fs : &journal_fs_real;
	w->dir = dir;
	w->fault = fault;
	rc = journal_dir_id(w->fs, dir, w->id, fault);
	if (rc != JOURNAL_OK)
		return rc;
	rc = journal_dir_segments(w->fs, dir, &w->v, &w->n);
	if (rc < 0)
		return journal_fault_set(
			fault, JOURNAL_E_IO, rc, "%s: cannot be listed: %s", dir, strerror(-rc));
	if (segment_buffers_init(&w->buffers) != 0) {
		free(w->v);
		journal_fault_set(fault, JOURNAL_E_NO_MEMORY, ENOMEM, "no memory");
		return JOURNAL_E_NO_MEMORY;
	}
	return JOURNAL_OK;
}

static void walk_end(struct walk *w)
{
	segment_buffers_free(&w->buffers);
	free(w->v);
}

static int no_memory(struct walk *w)
{
	return journal_fault_set(w->fault, JOURNAL_E_NO_MEMORY, ENOMEM, "no memory");
}

static int newer(struct walk *w, uint64_t segment)
{
	return journal_fault_set(w->fault, JOURNAL_E_NEWER, 0,
		"%s/%016" PRIx64 ".zst: of a newer format version", w->dir, segment);
}

static struct segment_context context_of(
	const struct walk *w, unsigned i, const struct segment_map *m, uint64_t max_block)
{
	uint64_t known = max_block == JOURNAL_UNBOUNDED ? 0 : max_block;

	return (struct segment_context){
		.durable_upto = m->durable_upto > known ? m->durable_upto : known,
		.next_segment = i + 1 < w->n ? w->v[i + 1] : 0,
	};
}

/* ---- list --------------------------------------------------------------------------------- */

static void info_of_index(struct journal_segment_info *info, const struct index_frame *f)
{
	info->first_block = f->entries ? f->first_block : 0;
	info->last_block = f->last_block;
	info->blocks = f->entries;
	info->logs = f->logs;
	info->raw_bytes = f->raw_bytes;
	info->first_ns = f->first_ns;
	info->last_ns = f->last_ns;
	info->finished = true;
}

static void info_of_map(struct journal_segment_info *info, const struct segment_map *m)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct segment_item *it = &m->items[i];

		if (it->kind != ITEM_BLOCK || it->verdict != VERDICT_GOOD)
			continue;
		if (it->f.rows && (info->logs == 0 || it->f.first_ns < info->first_ns))
			info->first_ns = it->f.first_ns;
		if (it->f.rows && it->f.last_ns > info->last_ns)
			info->last_ns = it->f.last_ns;
		if (info->blocks++ == 0)
			info->first_block = it->f.first_block;
		info->last_block = it->f.last_block;
		info->logs += it->f.rows;
		info->raw_bytes += it->f.raw_len;
	}
}

static int list_one(struct walk *w, unsigned i, journal_segment_fn fn, void *ctx)
{
	struct journal_segment_info info = {0};
	struct segment_judgement judgement;
	struct segment_map m = {0};
	struct segment_context c;
	struct index_frame f;
	struct segment s;
	uint64_t off;
	int rc = segment_open(&s, w->fs, w->dir, w->v[i], w->id);

	if (rc == -ENOENT)
		return JOURNAL_OK; /* retired meanwhile */
	journal_segment_name(info.name, w->v[i]);
	if (rc < 0)
		return journal_fault_set(w->fault, JOURNAL_E_IO, rc, "%s/%s: cannot be opened: %s",
			w->dir, info.name, strerror(-rc));
	info.bytes = s.size;
	if (segment_tail(&s, &f, &off)) {
		info_of_index(&info, &f);
	} else {
		if (segment_map(&s, MAP_FRAMES, &w->buffers, &m) != 0) {
			segment_close(&s);
			return no_memory(w);
		}
		c = context_of(w, i, &m, JOURNAL_UNBOUNDED);
		segment_judge(&m, s.first_block, &c, &judgement);
		info_of_map(&info, &m);
		segment_map_free(&m);
	}
	segment_close(&s);
	if (s.newer)
		return newer(w, w->v[i]);
	fn(ctx, &info);
	return JOURNAL_OK;
}

int journal_list_fs(const struct journal_fs *fs, const char *dir, journal_segment_fn fn, void *ctx,
	struct journal_fault *fault)
{
	struct walk w;
	int rc = walk_begin(&w, fs, dir, fault);

	if (rc != JOURNAL_OK)
		return rc;
	for (unsigned i = 0; i < w.n && rc == JOURNAL_OK; i++)
		rc = list_one(&w, i, fn, ctx);
	walk_end(&w);
	return rc;
}

int journal_list(const char *dir, journal_segment_fn fn, void *ctx, struct journal_fault *fault)
{
	return journal_list_fs(NULL, dir, fn, ctx, fault);
}

/* ---- verify ------------------------------------------------------------------------------- */

struct verifying {
	struct walk w;
	uint64_t max_block;
	journal_finding_fn fn;
	void *ctx;
	struct journal_verify_totals *totals;
	struct segment file;
	struct segment_map map;
	struct segment_judgement judgement;
	struct index index;
	bool has_index;
};

__attribute__((format(printf, 3, 4))) static void find(
	struct verifying *v, struct journal_finding *f, const char *text, ...)
{
	va_list ap;

	journal_segment_name(f->segment, v->file.first_block);
	va_start(ap, text);
	vsnprintf(f->text, sizeof(f->text), text, ap);
	va_end(ap);
	if (f->kind == FINDING_TORN_TAIL)
		v->totals->torn++;
	else
		v->totals->corrupt++;
	if (v->fn)
		v->fn(v->ctx, f);
}

/* Reads everything of a block; SEGMENT_DAMAGED where anything does not fit. */
static int check_block(struct verifying *v, const struct segment_item *it)
{
	struct segment_buffers *b = &v->w.buffers;
	struct journal_records r;
	int rc = segment_columns(&v->file, it->offset, &it->f, b, &r);

	if (rc == SEGMENT_OK)
		rc = segment_data(&v->file, it->offset, &it->f, b);
	if (rc == SEGMENT_OK && !segment_rows_match(&r, b->raw.data))
		rc = SEGMENT_DAMAGED;
	return rc;
}

static bool entry_matches(const struct index_entry *e, const struct segment_item *it)
{
	const struct block_frame *f = &it->f;

	return e->offset == it->offset && e->head_len == f->p.frame_len &&
	       e->data_len == f->data_len && e->first_block == f->first_block &&
	       e->last_block == f->last_block && e->rows == f->rows && e->raw_len == f->raw_len &&
	       e->first_ns == f->first_ns && e->last_ns == f->last_ns;
}

/* Does the index say of each block that is intact what the block says? */
static bool index_agrees(const struct verifying *v)
{
	uint32_t at = 0;

	for (size_t i = 0; i < v->map.count; i++) {
		const struct segment_item *it = &v->map.items[i];

		if (it->kind == ITEM_REGION)
			continue;
		while (at < v->index.count && v->index.entries[at].offset < it->offset)
			at++;
		if (at < v->index.count && v->index.entries[at].offset == it->offset) {
			if (!entry_matches(&v->index.entries[at], it))
				return false;
		} else if (it->kind == ITEM_BLOCK) {
			return false;
		}
	}
	return true;
}

/* Logs of these blocks: the index tells, or the block's own frame, or nobody. */
static void count_lost(
	const struct verifying *v, const struct segment_item *it, struct journal_finding *f)
{
	f->logs_known = true;
	if (!v->has_index && it->kind == ITEM_DAMAGED) {
		f->logs = it->f.rows;
		f->logs_known = it->missing_first >= it->f.first_block;
	} else if (!v->has_index) {
		f->logs_known = it->missing_first == 0;
	}
	for (uint32_t i = 0; v->has_index && i < v->index.count; i++) {
		const struct index_entry *e = &v->index.entries[i];

		if (e->last_block >= it->missing_first && e->first_block <= it->missing_last)
			f->logs += e->rows;
	}
}

static const char *what_is_it(const struct verifying *v, const struct segment_item *it)
{
	if (it->kind == ITEM_DAMAGED)
		return "a block whose columns or data are damaged";
	if (it->kind == ITEM_BLOCK)
		return "blocks are missing in front of this one";
	if (it->offset == 0)
		return "the checkpoint is damaged";
	if (v->map.has_index && it->offset > v->map.end)
		return "the seek table is damaged";
	if (it->missing_first == 0)
		return "bytes that are no frame (a damaged index, or leftovers)";
	return "damaged blocks";
}

static void report_items(struct verifying *v)
{
	for (size_t i = 0; i < v->map.count; i++) {
		const struct segment_item *it = &v->map.items[i];
		struct journal_finding f = {
			.kind = FINDING_CORRUPTION,
			.offset = it->offset,
			.length = it->kind == ITEM_BLOCK ? 0 : it->length,
			.first_block = it->missing_first,
			.last_block = it->missing_last,
		};

		if (it->verdict == VERDICT_GOOD) {
			v->totals->blocks++;
			v->totals->logs += it->f.rows;
		}
		if (it->verdict == VERDICT_TORN || it->verdict == VERDICT_SUPERSEDED ||
			(it->verdict == VERDICT_GOOD && it->missing_first == 0))
			continue;
		count_lost(v, it, &f);
		find(v, &f, "%s", what_is_it(v, it));
	}
}

static void report_end(struct verifying *v)
{
	const struct segment_judgement *o = &v->judgement;

	if (o->missing_first) {
		struct journal_finding f = {
			.kind = FINDING_CORRUPTION,
			.offset = v->file.size,
			.first_block = o->missing_first,
			.last_block = o->missing_last,
		};

		find(v, &f, "blocks that were durable are missing at the end");
	}
	if (o->cut != UINT64_MAX && o->torn && v->max_block == JOURNAL_UNBOUNDED) {
		struct journal_finding f = {
			.kind = FINDING_TORN_TAIL,
			.offset = o->cut,
			.length = v->file.size - o->cut,
			.first_block = v->map.has_index ? 0 : o->last_good + 1,
			.logs_known = v->map.has_index,
		};

		find(v, &f,
			v->map.has_index ? "index without its seek table: closing was interrupted"
					 : "written but never said to be durable");
	}
}

static int check_checkpoint(struct verifying *v)
{
	struct siphash_key key = {v->w.id[0], v->w.id[1]};
	struct segment_buffers *b = &v->w.buffers;
	struct fold *fold;
	int rc;

	if (!v->map.checkpoint_ok)
		return JOURNAL_OK; /* reported as a region */
	rc = segment_payload(&v->file, 0, &v->map.checkpoint.p, &v->map.checkpoint.payload, b);
	if (rc == SEGMENT_OK) {
		fold = fold_new(&key);
		rc = fold ? fold_decode(fold, b->columns.data, b->columns.len) : SEGMENT_NO_MEMORY;
		fold_free(fold);
	}
	if (rc == SEGMENT_NO_MEMORY)
		return no_memory(&v->w);
	if (rc != SEGMENT_OK) {
		struct journal_finding f = {
			.kind = FINDING_CORRUPTION,
			.offset = 0,
			.length = v->map.checkpoint.p.frame_len,
			.logs_known = true,
		};

		find(v, &f, "the checkpoint is damaged");
	}
	return JOURNAL_OK;
}

static int check_index(struct verifying *v)
{
	struct journal_finding f = {
		.kind = FINDING_CORRUPTION, .offset = v->map.end, .logs_known = true};
	int rc;

	v->has_index = false;
	if (!v->map.has_index)
		return JOURNAL_OK;
	rc = segment_index(&v->file, &v->map.index, v->map.end, &v->w.buffers, &v->index);
	if (rc == SEGMENT_NO_MEMORY)
		return no_memory(&v->w);
	f.length = v->map.index.p.frame_len;
	v->has_index = rc == SEGMENT_OK;
	if (!v->has_index)
		find(v, &f, "the index is damaged");
	else if (!index_agrees(v))
		find(v, &f, "the index does not describe the blocks");
	return JOURNAL_OK;
}

static int check_blocks(struct verifying *v)
{
	for (size_t i = 0; i < v->map.count; i++) {
		struct segment_item *it = &v->map.items[i];
		int rc;

		if (it->kind != ITEM_BLOCK || it->f.first_block > v->max_block)
			continue;
		rc = check_block(v, it);
		if (rc == SEGMENT_NO_MEMORY)
			return no_memory(&v->w);
		if (rc != SEGMENT_OK)
			it->kind = ITEM_DAMAGED;
	}
	return JOURNAL_OK;
}

static int verify_file(struct verifying *v, unsigned i)
{
	struct segment_context c;
	int rc;

	if (segment_map(&v->file, MAP_FRAMES, &v->w.buffers, &v->map) != 0)
		return no_memory(&v->w);
	if (v->file.newer)
		return newer(&v->w, v->w.v[i]);
	/* What a live writer has not yet said to be durable is none of our business. */
	while (v->max_block != JOURNAL_UNBOUNDED && i + 1 == v->w.n && v->map.count > 0 &&
		!v->map.has_index) {
		const struct segment_item *last = &v->map.items[v->map.count - 1];

		if (last->kind != ITEM_REGION && last->f.first_block <= v->max_block)
			break;
		if (last->kind == ITEM_REGION && v->map.count > 1 && last[-1].kind != ITEM_REGION &&
			last[-1].f.last_block < v->max_block)
			break;
		v->map.count--;
	}
	rc = check_blocks(v);
	if (rc == JOURNAL_OK)
		rc = check_checkpoint(v);
	if (rc == JOURNAL_OK)
		rc = check_index(v);
	if (rc != JOURNAL_OK)
		return rc;
	c = context_of(&v->w, i, &v->map, v->max_block);
	segment_judge(&v->map, v->file.first_block, &c, &v->judgement);
	report_items(v);
	report_end(v);
	return JOURNAL_OK;
}

static int verify_one(struct verifying *v, unsigned i)
{
	int rc = segment_open(&v->file, v->w.fs, v->w.dir, v->w.v[i], v->w.id);

	if (rc == -ENOENT)
		return JOURNAL_OK;
	if (rc < 0)
		return journal_fault_set(v->w.fault, JOURNAL_E_IO, rc,
			"%s/%016" PRIx64 ".zst: cannot be opened: %s", v->w.dir, v->w.v[i],
			strerror(-rc));
	v->totals->segments++;
	v->totals->bytes += v->file.size;
	rc = verify_file(v, i);
	segment_map_free(&v->map);
	segment_close(&v->file);
	return rc;
}

int journal_verify_fs(const struct journal_fs *fs, const char *dir, uint64_t max_block,
	journal_finding_fn fn, void *ctx, struct journal_verify_totals *totals,
	struct journal_fault *fault)
{
	struct verifying v = {.max_block = max_block, .fn = fn, .ctx = ctx, .totals = totals};
	struct siphash_key key;
	int rc;

	memset(totals, 0, sizeof(*totals));
	rc = walk_begin(&v.w, fs, dir, fault);
	if (rc != JOURNAL_OK)
		return rc;
	key = (struct siphash_key){v.w.id[0], v.w.id[1]};
	index_init(&v.index, &key);
	for (unsigned i = 0; i < v.w.n && rc == JOURNAL_OK; i++)
		rc = verify_one(&v, i);
	index_free(&v.index);
	walk_end(&v.w);
	return rc;
}

int journal_verify(const char *dir, uint64_t max_block, journal_finding_fn fn, void *ctx,
	struct journal_verify_totals *totals, struct journal_fault *fault)
{
	return journal_verify_fs(NULL, dir, max_block, fn, ctx, totals, fault);
}
