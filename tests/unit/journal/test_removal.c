/*
 * Segments that go while the wall clock jumps, the power fails, or somebody else has been at the
 * files.
 */
#include <stdio.h>
#include <string.h>

#include "dataplane/journal/internal.h"
#include "tests/unit/journal/aging.h"

/* The clock jumps a year ahead: of fifty segments one a minute goes, not all at once. */
static void clock_step_paces_removal(void **state)
{
	struct place *p = *state;
	uint64_t before;

	p->cfg.segment_age_s = 3600;
	p->cfg.retention_age_s = 90 * 86400;
	aging_open(p);
	for (unsigned i = 0; i < 50; i++) {
		aging_send(p, 1);
		aging_pass(p, HOUR, 600 * SECOND);
	}
	before = aging_status(p).segments;
	assert_int_equal(before, 50);
	memfs_set_time(p->fs, memfs_table(p->fs)->mono_us(p->fs),
		memfs_table(p->fs)->wall_ns(p->fs) + 366 * DAY * 1000);
	aging_pass(p, 10 * 60 * SECOND - SECOND, SECOND);
	assert_in_range(before - aging_status(p).segments, 9, 10);
	/* Set right again within the hour: the rest is still there. */
	memfs_set_time(p->fs, memfs_table(p->fs)->mono_us(p->fs),
		memfs_table(p->fs)->wall_ns(p->fs) - 366 * DAY * 1000);
	aging_pass(p, 2 * HOUR, SECOND);
	assert_in_range(before - aging_status(p).segments, 9, 10);
}

/* The clock was wrong already when sluiced started. */
static void start_with_a_strange_clock_paces_removal(void **state)
{
	struct place *p = *state;

	p->cfg.segment_age_s = 3600;
	p->cfg.retention_age_s = 90 * 86400;
	aging_open(p);
	for (unsigned i = 0; i < 20; i++) {
		aging_send(p, 1);
		aging_pass(p, HOUR, 600 * SECOND);
	}
	journal_close(p->j);
	memfs_advance(p->fs, 400 * DAY);
	aging_open(p);
	aging_pass(p, 5 * 60 * SECOND - SECOND, SECOND);
	assert_in_range(aging_status(p).segments, 14, 16);
	aging_pass(p, 2 * HOUR, SECOND);
	assert_int_equal(aging_status(p).segments, 1);
}

/* After a power cut no older segment is back while a newer one is gone: that would be a hole. */
static void removals_come_back_in_no_order_but_theirs(void **state)
{
	struct place *p = *state;
	struct journal_verify_totals totals;

	p->cfg.segment_size = 64u << 10;
	aging_open(p);
	for (unsigned i = 0; i < 60; i++)
		aging_send(p, 100);
	p->cfg.retention_bytes = 64u << 10;
	assert_int_equal(journal_reconfigure(p->j, &p->cfg, NULL), JOURNAL_OK);
	for (unsigned i = 0; i < 5; i++) {
		aging_pass(p, SECOND, SECOND);
		for (uint64_t seed = 0; seed < 10; seed++) {
			struct memfs *disk = memfs_crash(p->fs, seed);

			assert_int_equal(journal_verify_fs(memfs_table(disk), "/j",
						 JOURNAL_UNBOUNDED, NULL, NULL, &totals, NULL),
				JOURNAL_OK);
			assert_int_equal(totals.corrupt, 0);
			memfs_free(disk);
		}
	}
	assert_true(aging_status(p).retention_removed_segments >= 3);
}

/* The same where the first removal's life ended before its sync, and the next one's in it. */
static void removals_of_two_lives_come_back_in_no_order_but_theirs(void **state)
{
	static const char *const oldest[] = {"/j/0000000000000001.zst", "/j/0000000000000002.zst"};
	struct place *p = *state;
	const struct journal_fs *fs = memfs_table(p->fs);
	struct journal_verify_totals totals;
	struct memfs *second;

	p->cfg.segment_age_s = 86400;
	aging_open(p);
	for (unsigned day = 0; day < 4; day++) {
		aging_send(p, 1);
		aging_pass(p, DAY, HOUR);
	}
	assert_int_equal(fs->unlink(fs->ctx, oldest[0]), 0);
	second = memfs_kill(p->fs);
	journal_close(p->j);
	memfs_free(p->fs);
	p->fs = second;
	p->cfg.fs = fs = memfs_table(second);
	aging_open(p);
	assert_int_equal(fs->unlink(fs->ctx, oldest[1]), 0);
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct memfs *disk = memfs_crash(p->fs, seed);

		assert_int_equal(journal_verify_fs(memfs_table(disk), "/j", JOURNAL_UNBOUNDED, NULL,
					 NULL, &totals, NULL),
			JOURNAL_OK);
		assert_int_equal(totals.corrupt, 0);
		memfs_free(disk);
	}
}

static void segment_that_somebody_removed_is_no_error(void **state)
{
	struct place *p = *state;
	const struct journal_fs *fs = memfs_table(p->fs);

	p->cfg.segment_age_s = 86400;
	p->cfg.retention_age_s = 5 * 86400;
	aging_open(p);
	for (unsigned day = 0; day < 5; day++) {
		aging_send(p, 1);
		aging_pass(p, DAY, HOUR);
	}
	assert_int_equal(fs->unlink(fs->ctx, "/j/0000000000000001.zst"), 0);
	for (unsigned day = 0; day < 10; day++) {
		aging_send(p, 1);
		aging_pass(p, DAY, HOUR);
	}
	assert_in_range(aging_status(p).segments, 5, 7);
	assert_string_equal(aging_status(p).last_error, "");
}

static void clock_going_back_harms_nothing(void **state)
{
	struct place *p = *state;
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	struct journal_reader *r;
	struct journal_log log;
	unsigned n = 0;

	p->cfg.segment_age_s = 3600;
	p->cfg.retention_age_s = 90 * 86400;
	aging_open(p);
	aging_send(p, 10);
	memfs_set_time(p->fs, memfs_table(p->fs)->mono_us(p->fs), 1000); /* 1970 */
	aging_send(p, 10);
	aging_pass(p, 2 * HOUR, 60 * SECOND);
	aging_send(p, 10);
	assert_int_equal(
		journal_reader_open_fs(memfs_table(p->fs), "/j", &q, &r, NULL), JOURNAL_OK);
	while (journal_reader_next(r, &log) == 1)
		n++;
	journal_reader_close(r);
	assert_int_equal(n, 30);
	assert_int_equal(aging_status(p).segments, 2);
}

/* Nothing of the oldest two can be read: they are as old as the first behind them that has a date.
 */
static void segments_without_a_date_age_too(void **state)
{
	struct place *p = *state;

	p->cfg.segment_age_s = 86400;
	p->cfg.retention_age_s = 10 * 86400;
	aging_open(p);
	for (unsigned day = 0; day < 3; day++) {
		aging_send(p, 1);
		aging_pass(p, DAY, HOUR);
	}
	journal_close(p->j);
	for (unsigned i = 1; i <= 2; i++) {
		char name[64];
		uint64_t size;
		uint8_t *data;

		snprintf(name, sizeof(name), "/j/%016x.zst", i);
		data = memfs_data(p->fs, name, &size);
		memset(data + 20, 0xff, size - 20);
	}
	aging_open(p);
	assert_int_equal(aging_status(p).segments, 3);
	assert_int_equal(p->j->segs[0].last_ns, 0);
	assert_int_equal(p->j->segs[1].first_ns, 0);
	aging_pass(p, 7 * DAY, HOUR);
	assert_int_equal(aging_status(p).segments, 3);
	aging_pass(p, 4 * DAY, HOUR);
	assert_int_equal(aging_status(p).segments, 1); /* the newest stays */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AGING_CASE(clock_step_paces_removal),
		AGING_CASE(start_with_a_strange_clock_paces_removal),
		AGING_CASE(removals_come_back_in_no_order_but_theirs),
		AGING_CASE(removals_of_two_lives_come_back_in_no_order_but_theirs),
		AGING_CASE(segment_that_somebody_removed_is_no_error),
		AGING_CASE(clock_going_back_harms_nothing),
		AGING_CASE(segments_without_a_date_age_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
