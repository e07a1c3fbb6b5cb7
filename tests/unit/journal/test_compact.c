/*
 * Rewriting finished segments: the same logs and records under the same numbers, whatever happens
 * meanwhile: power cuts, failing disks, readers in the middle, retention.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/internal.h"
#include "tests/unit/journal/util.h"
#include "tests/unit/journal/work.h"

#define FIRST "/j/0000000000000001.zst"

struct place {
	struct memfs *fs;
	struct journal_config cfg;
	struct journal *j;
	unsigned sent;
};

static void open_it(struct place *p)
{
	assert_int_equal(journal_open(&p->cfg, 1, &p->j, NULL, NULL), JOURNAL_OK);
	journal_compact(p->j);
}

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	p->fs = memfs_new();
	test_config(&p->cfg, "/j");
	p->cfg.fs = memfs_table(p->fs);
	p->cfg.pool_blocks = 4;
	p->cfg.compaction_level = 9;
	open_it(p);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	journal_close(p->j);
	memfs_free(p->fs);
	free(p);
	return 0;
}

/* `n` blocks with something of everything, then the segment ends. */
static void segment_of(struct place *p, unsigned n)
{
	struct journal_port *port = journal_port(p->j, 0);

	for (unsigned i = 0; i < n; i++) {
		struct block *b = journal_block_get(port);

		assert_non_null(b);
		test_rich_block(b, ++p->sent);
		journal_submit(port, b);
		test_settle(p->j);
		assert_int_equal(journal_completed(port, &b, 1), 1);
		assert_int_equal(b->error, 0);
		journal_block_put(port, b);
	}
	assert_int_equal(rotate_finish(p->j), 0);
}

static struct journal_reader *reader_to(struct place *p, uint64_t after, uint64_t max_block)
{
	struct journal_query q = {
		.until_ns = UINT64_MAX, .max_block = max_block, .after_block = after};
	struct journal_reader *r;

	assert_int_equal(
		journal_reader_open_fs(memfs_table(p->fs), "/j", &q, &r, NULL), JOURNAL_OK);
	return r;
}

static struct journal_reader *reader(struct place *p, uint64_t after)
{
	return reader_to(p, after, JOURNAL_UNBOUNDED);
}

static void reads(struct journal_reader *r, unsigned k, unsigned i)
{
	struct journal_log log;

	assert_int_equal(journal_reader_next(r, &log), 1);
	assert_int_equal(log.block, k);
	test_rich_check(&log, k, i);
}

static void reads_all(struct place *p, unsigned first)
{
	struct journal_reader *r = reader(p, first - 1);
	struct journal_reader_stats st;
	struct journal_log log;

	for (unsigned k = first; k <= p->sent; k++)
		for (unsigned i = 0; i < TEST_RICH_LOGS; i++)
			reads(r, k, i);
	assert_int_equal(journal_reader_next(r, &log), 0);
	journal_reader_stats(r, &st);
	assert_int_equal(st.corrupt_blocks, 0);
	journal_reader_close(r);
}

/* As sluiced reads: to a bound, then to the next one, most of which lie within rewritten blocks. */
static void reads_all_in_slices(struct place *p, unsigned slice)
{
	struct journal_reader *r = reader_to(p, 0, slice);
	struct journal_reader_stats st;
	struct journal_log log;

	for (unsigned from = 1; from <= p->sent; from += slice) {
		for (unsigned k = from; k < from + slice && k <= p->sent; k++)
			for (unsigned i = 0; i < TEST_RICH_LOGS; i++)
				reads(r, k, i);
		assert_int_equal(journal_reader_next(r, &log), 0);
		journal_reader_extend(r, from + 2 * slice - 1);
	}
	journal_reader_stats(r, &st);
	assert_int_equal(st.corrupt_blocks, 0);
	journal_reader_close(r);
}

static void verify_clean(struct place *p)
{
	struct journal_verify_totals totals;

	assert_int_equal(journal_verify_fs(memfs_table(p->fs), "/j", JOURNAL_UNBOUNDED, NULL, NULL,
				 &totals, NULL),
		JOURNAL_OK);
	assert_int_equal(totals.corrupt + totals.torn, 0);
	assert_int_equal(totals.logs, p->sent * TEST_RICH_LOGS);
}

static void rewritten_segments_read_the_same(void **state)
{
	struct place *p = *state;
	struct journal_status st;

	segment_of(p, 40);
	segment_of(p, 25);
	segment_of(p, 1);
	assert_true(compacting_step(p->j));
	assert_true(compacting_step(p->j));
	assert_false(compacting_step(p->j)); /* the newest stays */
	journal_status(p->j, &st);
	assert_int_equal(st.compacted_segments, 2);
	assert_true(st.compacted_to_bytes * 4 < st.compacted_from_bytes);
	assert_int_equal(p->j->segs[0].blocks, 1);
	reads_all(p, 1);
	reads_all(p, 17); /* out of the middle of what is one block now */
	reads_all_in_slices(p, 1);
	reads_all_in_slices(p, 7);
	reads_all_in_slices(p, 16);
	verify_clean(p);
	journal_close(p->j);
	open_it(p);
	assert_int_equal(p->j->segs[0].last_block, 40);
	assert_true(compacting_step(p->j)); /* looked at, */
	assert_true(compacting_step(p->j));
	assert_false(compacting_step(p->j));
	journal_status(p->j, &st);
	assert_int_equal(st.compacted_segments, 0); /* and not rewritten again */
	reads_all(p, 1);
}

/* Blocks get as full as the configuration says, not fuller. */
static void blocks_are_filled_and_not_overfilled(void **state)
{
	struct place *p = *state;
	struct journal_port *port = journal_port(p->j, 0);
	uint64_t raw = 0;

	for (unsigned k = 0; k < 200; k++) {
		struct block *b = journal_block_get(port);

		for (unsigned i = 0; i < 7; i++) {
			char line[1024];
			uint32_t len = test_line(line, k * 7 + i);

			assert_true(test_log(b, "d", 1, line, len));
			raw += len + 1;
		}
		journal_submit(port, b);
		test_settle(p->j);
		assert_int_equal(journal_completed(port, &b, 1), 1);
		journal_block_put(port, b);
	}
	assert_int_equal(rotate_finish(p->j), 0);
	segment_of(p, 1);
	assert_true(compacting_step(p->j));
	assert_in_range(p->j->segs[0].blocks, raw / p->cfg.block_size + 1,
		raw * 11 / 10 / p->cfg.block_size + 1);
}

/* Blocks stored raw under pressure: none is left, and what they took is given back. */
static void raw_blocks_are_compressed_afterwards(void **state)
{
	struct place *p = *state;
	struct journal_port *port = journal_port(p->j, 0);
	struct journal_status st;
	union journal_frame f;
	struct segment s;

	atomic_store(&p->j->level, zpress_raw_level()); /* as all compressors were busy */
	for (unsigned k = 0; k < 20; k++) {
		struct block *b = journal_block_get(port);

		for (unsigned i = 0; i < 100; i++) {
			char line[1024];
			uint32_t len = test_line(line, k * 100 + i);

			assert_true(test_log(b, "d", 1, line, len));
		}
		journal_submit(port, b);
		test_settle(p->j);
		assert_int_equal(journal_completed(port, &b, 1), 1);
		journal_block_put(port, b);
	}
	assert_int_equal(rotate_finish(p->j), 0);
	segment_of(p, 1);
	journal_status(p->j, &st);
	assert_int_equal(st.blocks_raw, 21);
	assert_true(compacting_step(p->j));
	journal_status(p->j, &st);
	assert_true(st.compacted_to_bytes * 5 < st.compacted_from_bytes);
	assert_int_equal(segment_open(&s, memfs_table(p->fs), "/j", 1, p->j->id), 0);
	assert_true(segment_frame(&s, 0, &f));
	assert_int_equal(f.checkpoint.generation, 1);
	for (uint64_t at = f.p.frame_len; segment_frame(&s, at, &f) && f.p.kind == FRAME_BLOCK;
		at += f.p.frame_len + f.block.data_len)
		assert_int_equal(f.block.flags & BLOCK_FLAG_RAW, 0);
	assert_int_equal(f.p.kind, FRAME_INDEX);
	segment_close(&s);
}

/* Who is in the middle of it reads on as if nothing had happened. */
static void readers_are_not_disturbed(void **state)
{
	struct place *p = *state;
	struct journal_reader *at_begin;
	struct journal_reader *in_middle;
	struct journal_log log;

	segment_of(p, 10);
	segment_of(p, 10);
	segment_of(p, 1);
	at_begin = reader(p, 0);
	in_middle = reader(p, 0);
	for (unsigned k = 1; k <= 5; k++)
		for (unsigned i = 0; i < TEST_RICH_LOGS; i++)
			reads(in_middle, k, i);
	reads(in_middle, 6, 0);
	while (compacting_step(p->j))
		continue;
	for (unsigned i = 1; i < TEST_RICH_LOGS; i++)
		reads(in_middle, 6, i);
	for (unsigned k = 7; k <= 21; k++)
		for (unsigned i = 0; i < TEST_RICH_LOGS; i++)
			reads(in_middle, k, i);
	for (unsigned k = 1; k <= 21; k++)
		for (unsigned i = 0; i < TEST_RICH_LOGS; i++)
			reads(at_begin, k, i);
	assert_int_equal(journal_reader_next(in_middle, &log), 0);
	assert_int_equal(journal_reader_next(at_begin, &log), 0);
	journal_reader_close(at_begin);
	journal_reader_close(in_middle);
}

/* Damage is reported by the bytes it is in: it is never tidied away. */
static void damaged_segments_stay_as_they_are(void **state)
{
	struct place *p = *state;
	uint64_t size;
	uint8_t *copy;
	uint8_t *data;

	segment_of(p, 6);
	segment_of(p, 1);
	data = memfs_data(p->fs, FIRST, &size);
	copy = malloc(size);
	for (uint64_t at = 0; at < size; at += 5) {
		p->j->segs[0].settled = false;
		data[at] ^= 1;
		memcpy(copy, data, size);
		compacting_step(p->j);
		data = memfs_data(p->fs, FIRST, &size);
		assert_memory_equal(copy, data, size);
		assert_int_equal(memfs_count(p->fs, "/j"), 5); /* and no .tmp is left */
		data[at] ^= 1;
	}
	free(copy);
	p->j->segs[0].settled = false;
	assert_true(compacting_step(p->j));
	assert_int_equal(p->j->segs[0].blocks, 1);
	reads_all(p, 1);
}

static struct journal_fs wrapped;
static struct place *removing;

/* Retention removes the segment just before its successor gets its name. */
static int sync_and_remove(void *ctx, int fd)
{
	struct journal *j = removing->j;

	if (j->seg_count == 3 && j->segs[0].first_block == 1) {
		j->cfg.retention_bytes = 1;
		j->retention_us = 0;
		retention_step(j, memfs_table(removing->fs)->mono_us(ctx));
		assert_int_equal(j->seg_count, 2);
		j->cfg.retention_bytes = 0;
	}
	return memfs_table(removing->fs)->fdatasync(ctx, fd);
}

static void what_retention_removed_stays_removed(void **state)
{
	struct place *p = *state;
	uint64_t size;

	segment_of(p, 5);
	segment_of(p, 5);
	segment_of(p, 1);
	removing = p;
	wrapped = *memfs_table(p->fs);
	wrapped.fdatasync = sync_and_remove;
	p->j->fs = &wrapped;
	compacting_step(p->j);
	p->j->fs = memfs_table(p->fs);
	assert_null(memfs_data(p->fs, FIRST, &size));
	assert_int_equal(memfs_count(p->fs, "/j"), 5); /* ID, LOCK, torn, two segments */
	reads_all(p, 6);
}

static void nothing_is_rewritten_without_room(void **state)
{
	struct place *p = *state;

	segment_of(p, 5);
	segment_of(p, 1);
	memfs_set_space(p->fs, 1u << 20, 100);
	assert_false(compacting_step(p->j));
	memfs_set_space(p->fs, 1u << 20, 1u << 20);
	assert_true(compacting_step(p->j));
	p->j->segs[0].settled = false;
	p->j->cfg.compaction_level = 0;
	assert_false(compacting_step(p->j));
}

/* What gives up root does that first: the new files would be root's. */
static void nothing_is_rewritten_before_it_may_be(void **state)
{
	struct place *p = *state;

	segment_of(p, 5);
	segment_of(p, 1);
	journal_close(p->j);
	assert_int_equal(journal_open(&p->cfg, 1, &p->j, NULL, NULL), JOURNAL_OK);
	assert_false(compacting_step(p->j));
	journal_compact(p->j);
	assert_true(compacting_step(p->j));
	assert_int_equal(counted(&p->j->compacted_segments), 1);
}

static unsigned refusals;

static int64_t no_memory_at_first(void *ctx, int fd, const void *buf, size_t len, uint64_t off)
{
	if (refusals > 0) {
		refusals--;
		return -ENOMEM;
	}
	return memfs_table(removing->fs)->pwrite(ctx, fd, buf, len, off);
}

/* Memory that is out is no matter of this segment: the others have their turn, then it again. */
static void segment_for_which_memory_was_out_is_tried_again(void **state)
{
	struct place *p = *state;

	segment_of(p, 5);
	segment_of(p, 5);
	segment_of(p, 1);
	removing = p;
	refusals = 1;
	wrapped = *memfs_table(p->fs);
	wrapped.pwrite = no_memory_at_first;
	p->j->fs = &wrapped;
	assert_true(compacting_step(p->j));
	assert_int_equal(refusals, 0);
	assert_false(p->j->segs[0].settled);
	assert_true(compacting_step(p->j));
	assert_true(p->j->segs[1].settled);
	assert_false(compacting_step(p->j));
	memfs_advance(p->fs, 600000000);
	assert_true(compacting_step(p->j));
	assert_int_equal(counted(&p->j->compacted_segments), 2);
	assert_false(compacting_step(p->j));
	p->j->fs = memfs_table(p->fs);
	reads_all(p, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* By the simulated clock, in seconds; so much of the CPU compressors have had by then. */
static bool waits_at(struct place *p, double s, double cpu_s)
{
	memfs_set_time(p->fs, (uint64_t)(s * 1e6), 1);
	atomic_store(&p->j->pressed_ns, (uint64_t)(cpu_s * 1e9));
	return compacting_waits(p->j);
}

/* While two compressors use more than a quarter of their time, intake has the CPU for itself. */
static void rewriting_waits_while_compressors_are_busy(void **state)
{
	struct place *p = *state;

	p->j->cfg.compressors = 2;
	assert_false(waits_at(p, 100, 50)); /* nothing is known of the time before */
	assert_false(waits_at(p, 110, 54.9));
	assert_true(waits_at(p, 111, 55.5));
	assert_true(waits_at(p, 111.2, 55.5)); /* not looked at again so soon */
	assert_false(waits_at(p, 111.3, 55.5));
	assert_true(waits_at(p, 121.3, 61));
	atomic_store(&p->j->far_behind, true); /* room is worth more */
	assert_false(waits_at(p, 122.3, 62));
	atomic_store(&p->j->far_behind, false);
	assert_true(waits_at(p, 123.3, 63));
	p->j->cfg.compressors = 0;
}

/* While more than a quarter of the blocks go raw; a block is of the time since it was asked last.
 */
static void rewriting_waits_while_blocks_go_raw(void **state)
{
	struct place *p = *state;

	atomic_store(&p->j->blocks_raw, 10);
	atomic_store(&p->j->blocks_compressed, 0);
	assert_true(compacting_waits(p->j));
	assert_false(compacting_waits(p->j));
	atomic_store(&p->j->blocks_raw, 11);
	atomic_store(&p->j->blocks_compressed, 2);
	assert_true(compacting_waits(p->j));
	atomic_store(&p->j->blocks_raw, 12);
	atomic_store(&p->j->blocks_compressed, 5);
	assert_false(compacting_waits(p->j));
	atomic_store(&p->j->far_behind, true);
	atomic_store(&p->j->blocks_raw, 99);
	assert_false(compacting_waits(p->j));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(rewritten_segments_read_the_same),
		CASE(blocks_are_filled_and_not_overfilled),
		CASE(raw_blocks_are_compressed_afterwards),
		CASE(readers_are_not_disturbed),
		CASE(damaged_segments_stay_as_they_are),
		CASE(what_retention_removed_stays_removed),
		CASE(nothing_is_rewritten_without_room),
		CASE(nothing_is_rewritten_before_it_may_be),
		CASE(segment_for_which_memory_was_out_is_tried_again),
		CASE(rewriting_waits_while_compressors_are_busy),
		CASE(rewriting_waits_while_blocks_go_raw),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
