/*
 * Opening a journal that may have been left in any state. All that was ever said to be durable is
 * kept; segments that were not closed are repaired and closed now (repair.c), so that no file is
 * ever written on whose end was in doubt, and the next block begins a new one. Every step may be
 * interrupted and done again.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/recover.h"

int recover_fail(struct recovery *r, int error, int sys, uint64_t segment, const char *what)
{
	return journal_fault_set(r->fault, error, sys, "%s/%016" PRIx64 ".zst: %s%s%s",
		r->j->cfg.dir, segment, what, sys ? ": " : "", sys ? strerror(abs(sys)) : "");
}

int recover_no_memory(struct recovery *r)
{
	return journal_fault_set(
		r->fault, JOURNAL_E_NO_MEMORY, ENOMEM, "%s: no memory to recover", r->j->cfg.dir);
}

static void note_durable(struct recovery *r, uint64_t block)
{
	if (block > r->durable_upto)
		r->durable_upto = block;
}

/*
 * In the newest segment an error of the disk is not taken for damage: what cannot be read now may
 * have been acknowledged, and neither the cut nor the next block's number could be told. Elsewhere
 * it is skipped, and the file left as it is.
 */
static int unreadable(struct recovery *r, const struct old_segment *s)
{
	return journal_fault_set(r->fault, JOURNAL_E_IO, s->file.unreadable,
		"%s/%016" PRIx64 ".zst: cannot be read at offset %" PRIu64 ": %s", r->j->cfg.dir,
		s->info.first_block, s->file.unreadable_at, strerror(-s->file.unreadable));
}

/* What its end says, or else a map of all of it. */
static int look(struct recovery *r, struct old_segment *s, uint64_t first_block, bool newest)
{
	struct journal *j = r->j;
	int rc = segment_open(&s->file, j->fs, j->cfg.dir, first_block, j->id);

	if (rc < 0)
		return recover_fail(r, JOURNAL_E_IO, rc, first_block, "cannot be opened");
	s->info.first_block = first_block;
	s->finished = segment_tail(&s->file, &s->index, &s->index_off) &&
		      segment_seek_table_check(&s->file, &s->index, s->index_off, &r->buffers) ==
			      SEGMENT_OK;
	if (s->finished)
		note_durable(r, s->index.p.durable_upto);
	else if (segment_map(&s->file, MAP_CHECKED, &r->buffers, &s->map) != 0)
		return recover_no_memory(r);
	note_durable(r, s->map.durable_upto);
	if (s->file.unreadable && newest)
		return unreadable(r, s);
	if (s->file.newer)
		return recover_fail(
			r, JOURNAL_E_NEWER, 0, first_block, "of a newer format version");
	if (s->file.foreign && !s->finished && !s->map.checkpoint_ok)
		return recover_fail(
			r, JOURNAL_E_FOREIGN, 0, first_block, "belongs to another journal");
	return JOURNAL_OK;
}

/* Files are open one at a time: there may be tens of thousands of segments. */
static int reopen(struct recovery *r, struct old_segment *s)
{
	int unreadable_before = s->file.unreadable;
	uint64_t at = s->file.unreadable_at;
	int rc = segment_open(&s->file, r->j->fs, r->j->cfg.dir, s->info.first_block, r->j->id);

	if (rc < 0)
		return recover_fail(r, JOURNAL_E_IO, rc, s->info.first_block, "cannot be opened");
	s->file.unreadable = unreadable_before;
	s->file.unreadable_at = at;
	return JOURNAL_OK;
}

static void judge_all(struct recovery *r)
{
	for (unsigned i = 0; i < r->n; i++) {
		struct old_segment *s = &r->v[i];
		struct segment_context c = {
			.durable_upto = r->durable_upto,
			.next_segment = i + 1 < r->n ? r->v[i + 1].info.first_block : 0,
		};

		s->info.bytes = s->file.size;
		s->newest = i + 1 == r->n;
		if (s->finished) {
			s->info.last_block = s->index.last_block;
			s->info.blocks = s->index.entries;
			s->info.logs = s->index.logs;
			s->info.raw_bytes = s->index.raw_bytes;
			s->info.first_ns = s->index.first_ns;
			s->info.last_ns = s->index.last_ns;
			s->info.finished = true;
			if (s->index.entries == 0)
				s->info.last_block = s->info.first_block - 1;
			continue;
		}
		segment_judge(&s->map, s->info.first_block, &c, &s->judgement);
		r->out->corrupt_blocks += s->judgement.corrupt;
		s->info.last_block =
			s->judgement.last_good ? s->judgement.last_good : s->info.first_block - 1;
		s->info.blocks = s->judgement.blocks;
		s->info.logs = s->judgement.logs;
	}
}

/* ---- the fold ----------------------------------------------------------------------------- */

static int load_checkpoint(struct recovery *r, struct old_segment *s, struct fold **out)
{
	struct siphash_key key;
	union journal_frame f;
	struct fold *fold;
	int rc;

	*out = NULL;
	if (!segment_frame(&s->file, 0, &f) || f.p.kind != FRAME_CHECKPOINT)
		return SEGMENT_DAMAGED;
	rc = segment_payload(&s->file, 0, &f.p, &f.checkpoint.payload, &r->buffers);
	if (rc != SEGMENT_OK)
		return rc;
	if (r->j->fs->random(r->j->fs->ctx, &key, sizeof(key)) < 0)
		return SEGMENT_NO_MEMORY;
	fold = fold_new(&key);
	if (!fold)
		return SEGMENT_NO_MEMORY;
	rc = fold_decode(fold, r->buffers.columns.data, r->buffers.columns.len);
	if (rc != 0) {
		fold_free(fold);
		return rc == -2 ? SEGMENT_NO_MEMORY : SEGMENT_DAMAGED;
	}
	*out = fold;
	return SEGMENT_OK;
}

/* A block that is good by now: into the fold, and into the index where one is to be written. */
static int take_block(struct recovery *r, struct old_segment *s, uint64_t off,
	const struct block_frame *f, bool fold, bool indexed)
{
	struct journal_records records;
	int rc = segment_columns(&s->file, off, f, &r->buffers, &records);

	if (rc == SEGMENT_NO_MEMORY)
		return recover_no_memory(r);
	if (rc != SEGMENT_OK) {
		r->out->corrupt_blocks++;
		return JOURNAL_OK;
	}
	if (fold && fold_block(r->j->fold, &records) != 0)
		return recover_no_memory(r);
	if (indexed && index_add(&r->index, off, f, &records) != 0)
		return recover_no_memory(r);
	return JOURNAL_OK;
}

static int take_finished(struct recovery *r, struct old_segment *s)
{
	int rc = segment_index(&s->file, &s->index, s->index_off, &r->buffers, &r->index);

	if (rc == SEGMENT_NO_MEMORY)
		return recover_no_memory(r);
	if (rc != SEGMENT_OK) { /* cannot be: segment_tail() found its CRC right */
		r->out->corrupt_blocks += s->index.entries;
		return JOURNAL_OK;
	}
	for (uint32_t i = 0; i < r->index.count; i++) {
		uint64_t off = r->index.entries[i].offset;
		union journal_frame f;

		if (!segment_frame(&s->file, off, &f) || f.p.kind != FRAME_BLOCK) {
			r->out->corrupt_blocks++;
			continue;
		}
		rc = take_block(r, s, off, &f.block, true, false);
		if (rc != JOURNAL_OK)
			return rc;
	}
	return JOURNAL_OK;
}

static int take_unfinished(struct recovery *r, struct old_segment *s, bool fold)
{
	index_reset(&r->index);
	for (size_t i = 0; i < s->map.count; i++) {
		const struct segment_item *it = &s->map.items[i];
		int rc;

		if (it->kind != ITEM_BLOCK || it->verdict != VERDICT_GOOD)
			continue;
		rc = take_block(r, s, it->offset, &it->f, fold, true);
		if (rc != JOURNAL_OK)
			return rc;
	}
	s->info.first_ns = r->index.first_ns;
	s->info.last_ns = r->index.last_ns;
	s->info.raw_bytes = r->index.raw_bytes;
	return s->file.unreadable ? JOURNAL_OK : recover_repair(r, s);
}

/* From the newest checkpoint that can be read; what is older needs no folding. */
static int fold_all(struct recovery *r)
{
	unsigned base = r->n;
	int rc = SEGMENT_DAMAGED;

	while (base > 0 && rc == SEGMENT_DAMAGED) {
		struct old_segment *s = &r->v[--base];

		rc = reopen(r, s);
		if (rc != JOURNAL_OK)
			return rc;
		rc = load_checkpoint(r, s, &r->j->fold);
		segment_close(&s->file);
		if (s->file.unreadable && base + 1 == r->n)
			return unreadable(r, s);
	}
	if (rc == SEGMENT_NO_MEMORY)
		return recover_no_memory(r);
	if (!r->j->fold) {
		struct siphash_key key;

		if (r->j->fs->random(r->j->fs->ctx, &key, sizeof(key)) < 0)
			return recover_no_memory(r);
		r->j->fold = fold_new(&key);
		if (!r->j->fold)
			return recover_no_memory(r);
	}
	for (unsigned i = 0; i < r->n; i++) {
		struct old_segment *s = &r->v[i];

		if (s->finished && i < base)
			continue;
		rc = reopen(r, s);
		if (rc == JOURNAL_OK)
			rc = s->finished ? take_finished(r, s) : take_unfinished(r, s, i >= base);
		segment_close(&s->file);
		if (rc == JOURNAL_OK && s->file.unreadable && i + 1 == r->n)
			rc = unreadable(r, s);
		if (rc != JOURNAL_OK)
			return rc;
	}
	return JOURNAL_OK;
}

/* What an interrupted creation left. */
static int remove_tmp(void *arg, const char *name)
{
	struct recovery *r = arg;
	size_t len = strlen(name);
	char path[JOURNAL_PATH_MAX];

	if (len > 8 && strcmp(name + len - 8, ".zst.tmp") == 0) {
		journal_path(path, r->j->cfg.dir, name);
		r->j->fs->unlink(r->j->fs->ctx, path);
	}
	return 0;
}

/*
 * What recovery goes by must stay: names that the life before set or removed and did not come to
 * sync could still come back, in any order, behind what is done from now on (a segment that
 * retention had removed, behind the removal of the next: a hole).
 */
static int settle_names(struct recovery *r)
{
	struct journal *j = r->j;
	int rc = j->fs->fsync_dir(j->fs->ctx, j->cfg.dir);

	if (rc < 0)
		return journal_fault_set(r->fault, JOURNAL_E_IO, rc, "%s: cannot be synced: %s",
			j->cfg.dir, strerror(-rc));
	return JOURNAL_OK;
}

static int recover(struct recovery *r)
{
	struct journal *j = r->j;
	uint64_t *numbers = NULL;
	unsigned n = 0;
	int rc;

	j->fs->list(j->fs->ctx, j->cfg.dir, remove_tmp, r);
	rc = journal_dir_segments(j->fs, j->cfg.dir, &numbers, &n);
	if (rc < 0)
		return journal_fault_set(r->fault, JOURNAL_E_IO, rc, "%s: cannot be listed: %s",
			j->cfg.dir, strerror(-rc));
	r->v = calloc(n ? n : 1, sizeof(*r->v));
	if (!r->v) {
		free(numbers);
		return recover_no_memory(r);
	}
	rc = settle_names(r);
	for (unsigned i = 0; i < n && rc == JOURNAL_OK; i++) {
		r->v[i].file.fd = -1;
		r->n = i + 1;
		rc = look(r, &r->v[i], numbers[i], i + 1 == n);
		segment_close(&r->v[i].file);
	}
	free(numbers);
	if (rc != JOURNAL_OK)
		return rc;
	judge_all(r);
	return fold_all(r);
}

static int finish(struct recovery *r)
{
	struct journal *j = r->j;
	uint64_t durable = r->durable_upto;

	r->out->clean = r->out->corrupt_blocks == 0;
	for (unsigned i = 0; i < r->n; i++) {
		struct old_segment *s = &r->v[i];

		if (seg_add(j, &s->info) != 0)
			return recover_no_memory(r);
		r->out->segments++;
		r->out->blocks += s->info.blocks;
		r->out->logs += s->info.logs;
		r->out->clean &= s->finished;
		if (s->info.last_block > durable)
			durable = s->info.last_block;
	}
	r->out->durable_block = durable;
	j->last_number = durable;
	atomic_store(&j->durable_block, durable);
	atomic_store(&j->durable_logs, fold_logs(j->fold));
	return JOURNAL_OK;
}

int journal_recover(struct journal *j, struct journal_recovery *out, struct journal_fault *fault)
{
	struct siphash_key key = {0, 0};
	struct recovery r = {.j = j, .out = out, .fault = fault};
	int rc;

	memset(out, 0, sizeof(*out));
	if (j->fs->random(j->fs->ctx, &key, sizeof(key)) < 0 ||
		segment_buffers_init(&r.buffers) != 0)
		return recover_no_memory(&r);
	index_init(&r.index, &key);
	rc = recover(&r);
	if (rc == JOURNAL_OK)
		rc = finish(&r);
	for (unsigned i = 0; i < r.n; i++) {
		segment_close(&r.v[i].file);
		segment_map_free(&r.v[i].map);
	}
	free(r.v);
	index_free(&r.index);
	segment_buffers_free(&r.buffers);
	return rc;
}
