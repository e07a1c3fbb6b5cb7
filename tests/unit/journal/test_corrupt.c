/*
 * Every bit of a segment that holds every kind of frame is flipped: verify names each, with the
 * block that it concerns; reading goes on past it and never invents a log; recovery touches nothing
 * that was durable.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/internal.h"
#include "tests/unit/journal/memfs.h"
#include "tests/unit/journal/util.h"

#define BLOCKS 4u
#define NAME   "/j/0000000000000001.zst"

struct frames {
	uint64_t checkpoint_end, block[BLOCKS + 1]; /* where each begins, and the last ends */
};

static void send_rich(struct journal *j, unsigned k)
{
	struct journal_port *p = journal_port(j, 0);
	struct block *b = journal_block_get(p);

	assert_non_null(b);
	test_rich_block(b, k);
	journal_submit(p, b);
	test_settle(j);
	assert_int_equal(journal_completed(p, &b, 1), 1);
	assert_int_equal(b->error, 0);
	journal_block_put(p, b);
}

static void config_for(struct journal_config *cfg, struct memfs *fs)
{
	test_config(cfg, "/j");
	cfg->pool_blocks = 4;
	cfg->fs = memfs_table(fs);
}

/* Four commits of a block each; then closed, or a picture of the open file. */
static struct memfs *make(bool finished, struct frames *f)
{
	struct memfs *fs = memfs_new();
	struct memfs *copy;
	struct journal_config cfg;
	struct journal *j;

	config_for(&cfg, fs);
	assert_int_equal(journal_open(&cfg, 1, &j, NULL, NULL), JOURNAL_OK);
	for (unsigned k = 1; k <= BLOCKS; k++) {
		send_rich(j, k);
		f->checkpoint_end = j->w.begin;
		f->block[k - 1] = k == 1 ? j->w.begin : f->block[k - 1];
		f->block[k] = j->w.end;
	}
	if (finished) {
		journal_close(j);
		return fs;
	}
	copy = memfs_crash(fs, 1); /* all was synced: an exact copy */
	journal_close(j);
	memfs_free(fs);
	return copy;
}

struct found {
	unsigned torn, corrupt;
	uint64_t first, last, logs;
};

static void on_finding(void *ctx, const struct journal_finding *f)
{
	struct found *s = ctx;

	assert_string_equal(f->segment, "0000000000000001.zst");
	assert_true(f->text[0] != 0);
	if (f->kind == FINDING_TORN_TAIL)
		s->torn++;
	else
		s->corrupt++;
	if (f->first_block && (!s->first || f->first_block < s->first))
		s->first = f->first_block;
	if (f->last_block > s->last)
		s->last = f->last_block;
	s->logs += f->logs;
}

static struct found verify(struct memfs *fs)
{
	struct journal_verify_totals totals;
	struct journal_fault fault;
	struct found s = {0};
	int rc = journal_verify_fs(
		memfs_table(fs), "/j", JOURNAL_UNBOUNDED, on_finding, &s, &totals, &fault);

	assert_int_equal(rc, JOURNAL_OK);
	assert_int_equal(totals.torn, s.torn);
	assert_int_equal(totals.corrupt, s.corrupt);
	return s;
}

/* Which blocks can be read, as bits; each that can is whole and right. */
static unsigned readable(struct memfs *fs)
{
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	struct journal_fault fault;
	struct journal_reader *r;
	struct journal_log log;
	unsigned got = 0;
	unsigned i = 0;
	uint64_t block = 0;

	assert_int_equal(journal_reader_open_fs(memfs_table(fs), "/j", &q, &r, &fault), JOURNAL_OK);
	while (journal_reader_next(r, &log) == 1) {
		if (i == 0)
			assert_true(log.block > block);
		else
			assert_int_equal(log.block, block);
		block = log.block;
		assert_true(block <= BLOCKS);
		test_rich_check(&log, (unsigned)block, i);
		i = (i + 1) % TEST_RICH_LOGS;
		if (i == 0)
			got |= 1u << block;
	}
	assert_int_equal(i, 0);
	journal_reader_close(r);
	return got;
}

#define ALL 0x1eu /* blocks 1..4 */

static unsigned block_at(const struct frames *f, uint64_t off)
{
	for (unsigned k = 1; k <= BLOCKS; k++)
		if (off >= f->block[k - 1] && off < f->block[k])
			return k;
	return 0;
}

static void every_bit_of_a_finished_segment(void **state)
{
	struct frames f;
	struct memfs *fs = make(true, &f);
	uint64_t size;
	uint8_t *data = memfs_data(fs, NAME, &size);

	(void)state;
	assert_int_equal(verify(fs).corrupt, 0);
	assert_int_equal(readable(fs), ALL);
	for (uint64_t bit = 0; bit < size * 8; bit++) {
		unsigned k = block_at(&f, bit / 8);
		struct found s;

		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		s = verify(fs);
		assert_true(s.torn + s.corrupt >= 1);
		if (k) { /* that block, no other, with its logs */
			assert_int_equal(s.torn, 0);
			assert_int_equal(s.first, k);
			assert_int_equal(s.last, k);
			assert_int_equal(s.logs, TEST_RICH_LOGS);
		} else {
			assert_int_equal(s.first, 0);
		}
		if (bit % 4 == k % 4) /* reading is tried with every fourth */
			assert_int_equal(readable(fs), k ? ALL & ~(1u << k) : ALL);
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	memfs_free(fs);
}

/* What was four blocks is one: damage of it is damage of all four. */
static void every_bit_of_a_rewritten_segment(void **state)
{
	struct frames f;
	struct memfs *fs = make(true, &f);
	struct journal_config cfg;
	union journal_frame frame;
	struct segment seg;
	struct journal *j;
	uint64_t size;
	uint64_t begin;
	uint64_t end;
	uint8_t *data;

	(void)state;
	config_for(&cfg, fs);
	cfg.compaction_level = 9;
	assert_int_equal(journal_open(&cfg, 1, &j, NULL, NULL), JOURNAL_OK);
	journal_compact(j);
	send_rich(j, BLOCKS + 1); /* the newest is not rewritten */
	assert_true(compacting_step(j));
	assert_int_equal(segment_open(&seg, memfs_table(fs), "/j", 1, j->id), 0);
	assert_true(segment_frame(&seg, 0, &frame));
	assert_int_equal(frame.checkpoint.generation, 1);
	begin = frame.p.frame_len;
	assert_true(segment_frame(&seg, begin, &frame));
	end = begin + frame.p.frame_len + frame.block.data_len;
	assert_int_equal(frame.block.last_block, BLOCKS);
	segment_close(&seg);
	journal_close(j);
	/* Alone, as the other cases have it. */
	assert_int_equal(memfs_table(fs)->unlink(fs, "/j/0000000000000005.zst"), 0);
	data = memfs_data(fs, NAME, &size);
	assert_int_equal(readable(fs), ALL);
	for (uint64_t bit = 0; bit < size * 8; bit++) {
		bool in_block = bit / 8 >= begin && bit / 8 < end;
		struct found s;

		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		s = verify(fs);
		assert_true(s.torn + s.corrupt >= 1);
		assert_int_equal(s.first, in_block ? 1 : 0);
		if (in_block) {
			assert_int_equal(s.torn, 0);
			assert_int_equal(s.last, BLOCKS);
			assert_int_equal(s.logs, BLOCKS * TEST_RICH_LOGS);
		}
		if (bit % 4 == 0)
			assert_int_equal(readable(fs), in_block ? 0 : ALL);
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	memfs_free(fs);
}

/* Damage of what a later frame says was durable is corruption; of the last block it is a torn tail.
 */
static void every_bit_of_an_unfinished_segment(void **state)
{
	struct frames f;
	struct memfs *fs = make(false, &f);
	uint64_t size;
	uint8_t *data = memfs_data(fs, NAME, &size);

	(void)state;
	assert_int_equal(size, f.block[BLOCKS]);
	assert_int_equal(verify(fs).torn + verify(fs).corrupt, 0);
	assert_int_equal(readable(fs), ALL);
	for (uint64_t bit = 0; bit < size * 8; bit++) {
		unsigned k = block_at(&f, bit / 8);
		struct found s;

		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		s = verify(fs);
		assert_int_equal(s.torn, k == BLOCKS);
		assert_int_equal(s.corrupt, k != BLOCKS);
		assert_int_equal(s.first, k);
		if (bit % 4 == k % 4)
			assert_int_equal(readable(fs), k ? ALL & ~(1u << k) : ALL);
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	memfs_free(fs);
}

/* Opens, adds a block, closes; what could be read before can be read after. */
static void recover(struct memfs *fs, unsigned corrupt_least, uint64_t number_least)
{
	struct journal_recovery rec;
	struct journal_config cfg;
	struct journal_port *p;
	struct journal *j;
	struct block *b;
	unsigned before = readable(fs);

	config_for(&cfg, fs);
	assert_int_equal(journal_open(&cfg, 1, &j, &rec, NULL), JOURNAL_OK);
	assert_true(rec.corrupt_blocks >= corrupt_least);
	assert_true(rec.durable_block + 1 >= number_least);
	assert_int_equal(readable(fs), before);
	p = journal_port(j, 0);
	b = journal_block_get(p);
	test_log(b, "new", 1, "new", 3);
	journal_submit(p, b);
	test_settle(j);
	assert_int_equal(journal_completed(p, &b, 1), 1);
	assert_int_equal(b->error, 0);
	assert_int_equal(b->number, rec.durable_block + 1);
	journal_block_put(p, b);
	journal_close(j);
}

static uint64_t logs_in(struct memfs *fs)
{
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	struct journal_reader *r;
	struct journal_log log;
	uint64_t n = 0;

	assert_int_equal(journal_reader_open_fs(memfs_table(fs), "/j", &q, &r, NULL), JOURNAL_OK);
	while (journal_reader_next(r, &log) == 1)
		n++;
	journal_reader_close(r);
	return n;
}

static void recovery_of_damage_anywhere(void **state)
{
	(void)state;
	for (unsigned finished = 0; finished < 2; finished++) {
		struct frames f;
		struct memfs *whole = make(finished, &f);
		uint64_t size;

		memfs_data(whole, NAME, &size);
		for (uint64_t at = finished; at < size; at += 3) {
			struct memfs *fs = memfs_crash(whole, 1);
			unsigned k = block_at(&f, at);
			bool torn = !finished && k == BLOCKS;

			memfs_data(fs, NAME, &size)[at] ^= (uint8_t)(1u << at % 8);
			/* A block lost below the durable ones keeps its number. */
			recover(fs, k && !torn && !finished, torn ? BLOCKS : BLOCKS + 1);
			assert_int_equal(logs_in(fs), (BLOCKS - (k != 0)) * TEST_RICH_LOGS + 1);
			assert_int_equal(memfs_count(fs, "/j/torn"), torn);
			if (k == 0 || torn) {
				struct found s = verify(fs);

				/* Only a damaged checkpoint or index stays; the rest was repaired.
				 */
				assert_int_equal(s.torn, 0);
				assert_int_equal(s.first, 0);
			}
			memfs_free(fs);
		}
		memfs_free(whole);
	}
}

/* Whole sectors gone, as a disk loses them. */
static void lost_sectors_in_the_middle(void **state)
{
	struct frames f;
	struct memfs *whole = make(false, &f);

	(void)state;
	for (unsigned k = 1; k + 1 < BLOCKS; k++) {
		struct memfs *fs = memfs_crash(whole, 1);
		struct found s;
		uint64_t size;

		/* From the middle of block k to the middle of block k + 1. */
		memset(memfs_data(fs, NAME, &size) + f.block[k - 1] + 50, 0,
			f.block[k] - f.block[k - 1]);
		s = verify(fs);
		assert_int_equal(s.torn, 0);
		assert_int_equal(s.first, k);
		assert_int_equal(s.last, k + 1);
		assert_int_equal(readable(fs), ALL & ~(3u << k));
		recover(fs, 1, BLOCKS + 1);
		assert_int_equal(logs_in(fs), (BLOCKS - 2) * TEST_RICH_LOGS + 1);
		memfs_free(fs);
	}
	memfs_free(whole);
}

/* A block cut out, the bytes around it joined: only its number is missing. */
static void block_cut_out(void **state)
{
	(void)state;
	for (unsigned k = 1; k < BLOCKS; k++) {
		struct frames f;
		struct memfs *fs = make(false, &f);
		struct found s;
		uint64_t size;
		uint8_t *data = memfs_data(fs, NAME, &size);
		uint8_t *less = malloc(size);

		memcpy(less, data, f.block[k - 1]);
		memcpy(less + f.block[k - 1], data + f.block[k], size - f.block[k]);
		memfs_put(fs, NAME, less, size - (f.block[k] - f.block[k - 1]));
		free(less);
		s = verify(fs);
		assert_int_equal(s.torn, 0);
		assert_int_equal(s.corrupt, 1);
		assert_int_equal(s.first, k);
		assert_int_equal(s.last, k);
		assert_int_equal(readable(fs), ALL & ~(1u << k));
		recover(fs, 1, BLOCKS + 1);
		memfs_free(fs);
	}
}

/* Block 4 says that 3 was durable, but neither can be read: 3 is not given to another block. */
static void lost_block_keeps_its_number(void **state)
{
	struct frames f;
	struct memfs *fs = make(false, &f);
	struct found s;
	uint64_t size;
	uint8_t *data = memfs_data(fs, NAME, &size);

	(void)state;
	data[f.block[2] + 20] ^= 1; /* its header */
	data[f.block[4] - 1] ^= 1;  /* its data: the header of 4 is intact */
	s = verify(fs);
	assert_int_equal(s.corrupt, 1);
	assert_int_equal(s.torn, 1);
	recover(fs, 1, 4);
	assert_int_equal(logs_in(fs), 2 * TEST_RICH_LOGS + 1);
	s = verify(fs);
	assert_int_equal(s.torn, 0);
	assert_int_equal(s.first, 3);
	assert_int_equal(s.last, 3);
	memfs_free(fs);
}

/* The last blocks gone, though another segment's checkpoint says that they were durable. */
static void missing_end_is_named(void **state)
{
	struct frames f;
	struct memfs *fs = make(true, &f);
	struct journal_config cfg;
	struct journal_recovery rec;
	struct journal *j;
	struct found s;
	uint8_t *copy;
	uint64_t size;
	uint8_t *data;

	(void)state;
	config_for(&cfg, fs);
	assert_int_equal(journal_open(&cfg, 1, &j, NULL, NULL), JOURNAL_OK);
	send_rich(j, BLOCKS + 1);
	journal_close(j);
	data = memfs_data(fs, NAME, &size);
	copy = malloc(f.block[2]);
	memcpy(copy, data, f.block[2]);
	memfs_put(fs, NAME, copy, f.block[2]); /* blocks 3 and 4 */
	free(copy);
	s = verify(fs);
	assert_int_equal(s.torn, 0);
	assert_int_equal(s.first, 3);
	assert_int_equal(s.last, 4);
	assert_int_equal(journal_open(&cfg, 1, &j, &rec, NULL), JOURNAL_OK);
	assert_int_equal(rec.corrupt_blocks, 1);
	assert_int_equal(rec.durable_block, BLOCKS + 1);
	journal_close(j);
	s = verify(fs);
	assert_int_equal(s.first, 3);
	memfs_free(fs);
}

/* Cut off at any length: no crash, no log invented, what is whole is read. */
static void cut_off_anywhere(void **state)
{
	(void)state;
	for (unsigned finished = 0; finished < 2; finished++) {
		struct frames f;
		struct memfs *whole = make(finished, &f);
		uint64_t size;

		memfs_data(whole, NAME, &size);
		for (uint64_t len = finished; len < size; len += 3) {
			struct memfs *fs = memfs_crash(whole, 1);
			unsigned expect = 0;
			struct found s;

			memfs_put(fs, NAME, memfs_data(whole, NAME, &size), len);
			for (unsigned k = 1; k <= BLOCKS; k++)
				if (f.block[k] <= len)
					expect |= 1u << k;
			assert_int_equal(readable(fs), expect);
			s = verify(fs);
			if (len < f.checkpoint_end)
				assert_int_equal(s.corrupt, 1);
			else
				assert_int_equal(s.corrupt, 0);
			if (len % 4 == 0)
				recover(fs, 0, 0);
			memfs_free(fs);
		}
		memfs_free(whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bit_of_a_finished_segment),
		cmocka_unit_test(every_bit_of_a_rewritten_segment),
		cmocka_unit_test(every_bit_of_an_unfinished_segment),
		cmocka_unit_test(recovery_of_damage_anywhere),
		cmocka_unit_test(lost_sectors_in_the_middle),
		cmocka_unit_test(block_cut_out),
		cmocka_unit_test(lost_block_keeps_its_number),
		cmocka_unit_test(missing_end_is_named),
		cmocka_unit_test(cut_off_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
