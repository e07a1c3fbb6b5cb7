/* Blocks that stand for several, as rewriting makes them: read block by block, and once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/internal.h"
#include "tests/unit/journal/place.h"

/* Writes one frame of the logs of blocks first..last (`each` logs a block) into an open segment. */
static void write_range(struct segment_writer *w, uint64_t first, uint64_t last, unsigned each)
{
	struct presser pr;
	struct block *b = block_new(64u << 10);
	struct journal_part parts[16];
	struct journal_records r;
	struct block_frame f = {0};
	static uint8_t head[200000];
	static uint8_t data[200000];
	size_t n;

	assert_int_equal(presser_init(&pr), 0);
	for (uint64_t k = first; k <= last; k++)
		for (unsigned i = 0; i < each; i++) {
			char text[64];
			int len = snprintf(
				text, sizeof(text), "block %llu log %u", (unsigned long long)k, i);

			test_log(b, "d", T0 + k, text, (uint32_t)len);
		}
	r = records_of_block(b, parts);
	for (uint64_t k = first; k <= last; k++)
		parts[k - first] = (struct journal_part){.block = k, .rows = each, .lcore = k & 1};
	r.part_count = (uint32_t)(last - first + 1);
	n = columns_encode(&r, pr.last, pr.seq, pr.columns, COLUMNS_BOUND);
	assert_int_equal(zpress_payload(pr.z, pr.columns, n, head + BLOCK_FIXED,
				 sizeof(head) - BLOCK_FIXED, &f.payload),
		0);
	f.data_len =
		(uint32_t)zpress_data(pr.z, 3, b->raw, b->raw_len, data, sizeof(data), &f.data_crc);
	f.p.id[0] = w->id[0];
	f.p.id[1] = w->id[1];
	f.p.segment = w->first_block;
	f.p.durable_upto = last;
	f.p.frame_len = BLOCK_FIXED + f.payload.len;
	f.first_block = first;
	f.last_block = last;
	f.first_ns = T0 + first;
	f.last_ns = T0 + last;
	f.rows = b->row_count;
	f.raw_len = b->raw_len;
	f.lcore = BLOCK_LCORE_MIXED;
	block_frame_encode(&f, head);
	assert_int_equal(journal_fs_write(w->fs, w->fd, head, f.p.frame_len, w->end), 0);
	assert_int_equal(
		journal_fs_write(w->fs, w->fd, data, f.data_len, w->end + f.p.frame_len), 0);
	assert_int_equal(index_add(&w->index, w->end, &f, &r), 0);
	w->end += f.p.frame_len + f.data_len;
	w->last_block = last;
	block_free(b);
	presser_free(&pr);
}

static void rewrite(struct place *p, uint64_t segment, const uint64_t (*ranges)[2], unsigned n)
{
	struct siphash_key key = {1, 2};
	struct fold *fold = fold_new(&key);
	struct zpress *z = zpress_new();
	struct segment_writer w = {.fs = memfs_table(p->fs), .dir = "/j", .fd = -1};

	assert_int_equal(journal_dir_id(w.fs, "/j", w.id, NULL), JOURNAL_OK);
	index_init(&w.index, &key);
	assert_int_equal(segment_create(&w, segment, fold, z), 0);
	for (unsigned i = 0; i < n; i++)
		write_range(&w, ranges[i][0], ranges[i][1], 3);
	assert_int_equal(segment_finish(&w, z), 0);
	index_free(&w.index);
	zpress_free(z);
	fold_free(fold);
}

static void check_blocks(
	struct place *p, uint64_t after, uint64_t max, uint64_t first, uint64_t last)
{
	struct journal_query q = {.until_ns = UINT64_MAX,
		.after_block = after,
		.max_block = max ? max : JOURNAL_UNBOUNDED};
	struct journal_reader *r = place_reader(p, &q);
	struct journal_reader_stats st;
	struct journal_log log;

	for (uint64_t k = first; k <= last; k++)
		for (unsigned i = 0; i < 3; i++) {
			char text[64];

			snprintf(text, sizeof(text), "block %llu log %u", (unsigned long long)k, i);
			assert_int_equal(journal_reader_next(r, &log), 1);
			assert_int_equal(log.block, k);
			assert_int_equal(log.len, strlen(text));
			assert_memory_equal(log.log, text, log.len);
		}
	assert_int_equal(journal_reader_next(r, &log), 0);
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
}

static void ranges_are_read_block_by_block(void **state)
{
	static const uint64_t ranges[][2] = {{1, 5}, {6, 6}, {7, 12}};
	struct place *p = *state;

	rewrite(p, 1, ranges, 3);
	check_blocks(p, 0, 0, 1, 12);
	check_blocks(p, 3, 0, 4, 12); /* from the middle of a range */
	check_blocks(p, 2, 9, 3, 9);  /* to the middle of another */
	check_blocks(p, 6, 0, 7, 12);
	verify_clean(p);
}

/* A rewriting that joins segments was interrupted: the old one still begins in its middle. */
static void overlapping_segments_are_read_once(void **state)
{
	static const uint64_t joined[][2] = {{1, 4}, {5, 9}, {10, 12}};
	static const uint64_t old[][2] = {{7, 7}, {8, 12}};
	struct place *p = *state;
	struct journal_recovery rec;

	rewrite(p, 1, joined, 3);
	rewrite(p, 7, old, 2);
	check_blocks(p, 0, 0, 1, 12);
	check_blocks(p, 4, 11, 5, 11);
	verify_clean(p);
	place_close(p);
	assert_int_equal(journal_open(&p->cfg, 1, &p->j, &rec, NULL), JOURNAL_OK);
	assert_int_equal(rec.durable_block, 12);
	assert_int_equal(rec.corrupt_blocks, 0);
	check_blocks(p, 0, 0, 1, 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_CASE(ranges_are_read_block_by_block),
		PLACE_CASE(overlapping_segments_are_read_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
