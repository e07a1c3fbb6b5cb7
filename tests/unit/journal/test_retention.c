/* Segments by size and age, retention, and a wall clock that jumps: on a clock of the test's own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/internal.h"
#include "tests/unit/journal/memfs.h"
#include "tests/unit/journal/util.h"

#define SECOND 1000000ull
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)

struct place {
	struct memfs *fs;
	struct journal_config cfg;
	struct journal *j;
	uint64_t sent;
};

static void open_it(struct place *p)
{
	assert_int_equal(journal_open(&p->cfg, 1, &p->j, NULL, NULL), JOURNAL_OK);
}

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	p->fs = memfs_new();
	test_config(&p->cfg, "/j");
	p->cfg.fs = memfs_table(p->fs);
	p->cfg.pool_blocks = 4;
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

static void step(struct place *p)
{
	journal_step(p->j, memfs_table(p->fs)->mono_us(p->fs));
}

static void send(struct place *p, unsigned logs)
{
	struct journal_port *port = journal_port(p->j, 0);
	struct block *b = journal_block_get(port);

	assert_non_null(b);
	for (unsigned i = 0; i < logs; i++) {
		char line[1024];
		uint32_t len = test_line(line, p->sent);

		assert_true(test_log(b, "d", memfs_table(p->fs)->wall_ns(p->fs), line, len));
		p->sent++;
	}
	journal_submit(port, b);
	test_settle(p->j);
	assert_int_equal(journal_completed(port, &b, 1), 1);
	assert_int_equal(b->error, 0);
	journal_block_put(port, b);
}

/* Time passes in steps, as the committer sees it. */
static void pass(struct place *p, uint64_t us, uint64_t by)
{
	for (uint64_t at = 0; at < us; at += by) {
		memfs_advance(p->fs, by);
		step(p);
	}
}

static struct journal_status status(struct place *p)
{
	struct journal_status st;

	journal_status(p->j, &st);
	return st;
}

static unsigned finished(struct place *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->j->seg_count; i++)
		n += p->j->segs[i].finished;
	return n;
}

static void segments_end_by_size(void **state)
{
	struct place *p = *state;

	p->cfg.segment_size = 128u << 10;
	open_it(p);
	for (unsigned i = 0; i < 100; i++)
		send(p, 100);
	assert_true(status(p).segments > 4);
	assert_int_equal(finished(p), status(p).segments - 1);
	for (unsigned i = 0; i + 1 < p->j->seg_count; i++) {
		assert_true(p->j->segs[i].bytes > 64u << 10);
		assert_true(p->j->segs[i].bytes < 144u << 10);
	}
}

/* A checkpoint takes a tenth of its segment at most. */
static void segments_grow_with_their_checkpoint(void **state)
{
	struct place *p = *state;
	struct journal_port *port;
	struct block *b;

	p->cfg.segment_size = 64u << 10;
	open_it(p);
	port = journal_port(p->j, 0);
	for (unsigned k = 0; k < 4; k++) {
		b = journal_block_get(port);
		for (unsigned i = 0; i < 3000; i++) {
			char name[64];
			int len = snprintf(
				name, sizeof(name), "%u-%08x", k, (i + k * 7919) * 2654435761u);

			block_device_add(b, name, (uint16_t)len, 0);
			block_delta_add(b, (uint16_t)i, 0, 1);
		}
		journal_submit(port, b);
		test_settle(p->j);
		assert_int_equal(journal_completed(port, &b, 1), 1);
		journal_block_put(port, b);
	}
	assert_int_equal(rotate_finish(p->j), 0);
	for (unsigned i = 0; i < 100; i++)
		send(p, 100);
	for (unsigned i = 2; i + 1 < p->j->seg_count; i++)
		assert_true(p->j->segs[i].bytes >= p->j->w.begin * 9);
	assert_true(p->j->w.begin * 10 > p->cfg.segment_size);
}

static void segments_end_by_age(void **state)
{
	struct place *p = *state;

	p->cfg.segment_age_s = 3600;
	open_it(p);
	send(p, 1);
	pass(p, HOUR - 2 * SECOND, SECOND);
	assert_int_equal(finished(p), 0);
	pass(p, 4 * SECOND, SECOND);
	assert_int_equal(finished(p), 1); /* closed though nothing came */
	assert_int_equal(status(p).segments, 1);
	pass(p, 3 * HOUR, SECOND * 60);
	assert_int_equal(status(p).segments, 1); /* and no empty ones are made */
	send(p, 1);
	assert_int_equal(status(p).segments, 2);
}

static void age_removes_the_oldest(void **state)
{
	struct place *p = *state;

	p->cfg.segment_age_s = 86400;
	p->cfg.retention_age_s = 10 * 86400;
	open_it(p);
	for (unsigned day = 0; day < 30; day++) {
		send(p, 10);
		pass(p, DAY, HOUR);
	}
	assert_in_range(status(p).segments, 10, 12);
	assert_int_equal(status(p).retention_removed_segments + status(p).segments, 30);
	assert_int_equal(status(p).durable_logs, 300); /* for life, though most are gone */
	assert_true(status(p).oldest_ns + 11 * DAY * 1000 > memfs_table(p->fs)->wall_ns(p->fs));
}

static void the_newest_segment_stays(void **state)
{
	struct place *p = *state;

	p->cfg.segment_age_s = 3600;
	p->cfg.retention_age_s = 86400;
	p->cfg.retention_bytes = 1;
	open_it(p);
	for (unsigned i = 0; i < 5; i++) {
		send(p, 10);
		pass(p, 2 * HOUR, 600 * SECOND);
	}
	pass(p, 20 * DAY, HOUR);
	assert_int_equal(status(p).segments, 1);
	journal_close(p->j);
	open_it(p);
	assert_int_equal(status(p).durable_logs, 50); /* its checkpoint has the rest */
	assert_int_equal(status(p).durable_block, 5);
}

static void size_removes_the_oldest(void **state)
{
	struct place *p = *state;

	p->cfg.segment_size = 64u << 10;
	p->cfg.retention_bytes = 300u << 10;
	open_it(p);
	for (unsigned i = 0; i < 200; i++) {
		send(p, 100);
		pass(p, 2 * SECOND, SECOND);
	}
	assert_in_range(status(p).bytes, 200u << 10, 380u << 10);
	assert_true(status(p).retention_removed_segments > 10);
	assert_int_equal(status(p).durable_logs, 20000);
}

static void percent_of_the_file_system(void **state)
{
	struct place *p = *state;

	memfs_set_space(p->fs, 1u << 20, 1u << 20);
	p->cfg.segment_size = 64u << 10;
	p->cfg.retention_percent = 40;
	open_it(p);
	for (unsigned i = 0; i < 200; i++) {
		send(p, 100);
		pass(p, 2 * SECOND, SECOND);
	}
	assert_in_range(status(p).bytes, 300u << 10, 500u << 10);
}

/* The clock jumps a year ahead: of fifty segments one a minute goes, not all at once. */
static void clock_step_paces_removal(void **state)
{
	struct place *p = *state;
	uint64_t before;

	p->cfg.segment_age_s = 3600;
	p->cfg.retention_age_s = 90 * 86400;
	open_it(p);
	for (unsigned i = 0; i < 50; i++) {
		send(p, 1);
		pass(p, HOUR, 600 * SECOND);
	}
	before = status(p).segments;
	assert_int_equal(before, 50);
	memfs_set_time(p->fs, memfs_table(p->fs)->mono_us(p->fs),
		memfs_table(p->fs)->wall_ns(p->fs) + 366 * DAY * 1000);
	pass(p, 10 * 60 * SECOND - SECOND, SECOND);
	assert_in_range(before - status(p).segments, 9, 10);
	/* Set right again within the hour: the rest is still there. */
	memfs_set_time(p->fs, memfs_table(p->fs)->mono_us(p->fs),
		memfs_table(p->fs)->wall_ns(p->fs) - 366 * DAY * 1000);
	pass(p, 2 * HOUR, SECOND);
	assert_in_range(before - status(p).segments, 9, 10);
}

/* While a file is being replaced nothing is judged, and no turn is lost. */
static void a_rewriting_is_waited_for(void **state)
{
	struct place *p = *state;

	p->cfg.retention_age_s = 60;
	open_it(p);
	for (unsigned i = 0; i < 2; i++) {
		send(p, 1);
		assert_int_equal(rotate_finish(p->j), 0);
	}
	memfs_set_time(p->fs, memfs_table(p->fs)->mono_us(p->fs),
		memfs_table(p->fs)->wall_ns(p->fs) + DAY * 1000);
	pthread_mutex_lock(&p->j->files);
	pass(p, 2 * SECOND, SECOND);
	pthread_mutex_unlock(&p->j->files);
	assert_int_equal(status(p).segments, 2);
	pass(p, 2 * SECOND, SECOND);
	assert_int_equal(status(p).segments, 1);
}

/* The clock was wrong already when sluiced started. */
static void start_with_a_strange_clock_paces_removal(void **state)
{
	struct place *p = *state;

	p->cfg.segment_age_s = 3600;
	p->cfg.retention_age_s = 90 * 86400;
	open_it(p);
	for (unsigned i = 0; i < 20; i++) {
		send(p, 1);
		pass(p, HOUR, 600 * SECOND);
	}
	journal_close(p->j);
	memfs_advance(p->fs, 400 * DAY);
	open_it(p);
	pass(p, 5 * 60 * SECOND - SECOND, SECOND);
	assert_in_range(status(p).segments, 14, 16);
	pass(p, 2 * HOUR, SECOND);
	assert_int_equal(status(p).segments, 1);
}

/* The disk in memory has 64 descriptors. */
static void many_segments_are_opened_one_at_a_time(void **state)
{
	struct place *p = *state;
	struct journal_recovery rec;

	p->cfg.segment_age_s = 60;
	open_it(p);
	for (unsigned i = 0; i < 150; i++) {
		send(p, 1);
		pass(p, 120 * SECOND, 30 * SECOND);
	}
	assert_int_equal(status(p).segments, 150);
	journal_close(p->j);
	assert_int_equal(journal_open(&p->cfg, 1, &p->j, &rec, NULL), JOURNAL_OK);
	assert_int_equal(rec.segments, 150);
	assert_int_equal(rec.logs, 150);
	assert_true(rec.clean);
}

/* After a power cut no older segment is back while a newer one is gone: that would be a hole. */
static void removals_come_back_in_no_order_but_theirs(void **state)
{
	struct place *p = *state;
	struct journal_verify_totals totals;

	p->cfg.segment_size = 64u << 10;
	open_it(p);
	for (unsigned i = 0; i < 60; i++)
		send(p, 100);
	p->cfg.retention_bytes = 64u << 10;
	assert_int_equal(journal_reconfigure(p->j, &p->cfg, NULL), JOURNAL_OK);
	for (unsigned i = 0; i < 5; i++) {
		pass(p, SECOND, SECOND);
		for (uint64_t seed = 0; seed < 10; seed++) {
			struct memfs *disk = memfs_crash(p->fs, seed);

			assert_int_equal(journal_verify_fs(memfs_table(disk), "/j",
						 JOURNAL_UNBOUNDED, NULL, NULL, &totals, NULL),
				JOURNAL_OK);
			assert_int_equal(totals.corrupt, 0);
			memfs_free(disk);
		}
	}
	assert_true(status(p).retention_removed_segments >= 3);
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
	open_it(p);
	for (unsigned day = 0; day < 4; day++) {
		send(p, 1);
		pass(p, DAY, HOUR);
	}
	assert_int_equal(fs->unlink(fs->ctx, oldest[0]), 0);
	second = memfs_kill(p->fs);
	journal_close(p->j);
	memfs_free(p->fs);
	p->fs = second;
	p->cfg.fs = fs = memfs_table(second);
	open_it(p);
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
	open_it(p);
	for (unsigned day = 0; day < 5; day++) {
		send(p, 1);
		pass(p, DAY, HOUR);
	}
	assert_int_equal(fs->unlink(fs->ctx, "/j/0000000000000001.zst"), 0);
	for (unsigned day = 0; day < 10; day++) {
		send(p, 1);
		pass(p, DAY, HOUR);
	}
	assert_in_range(status(p).segments, 5, 7);
	assert_string_equal(status(p).last_error, "");
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
	open_it(p);
	send(p, 10);
	memfs_set_time(p->fs, memfs_table(p->fs)->mono_us(p->fs), 1000); /* 1970 */
	send(p, 10);
	pass(p, 2 * HOUR, 60 * SECOND);
	send(p, 10);
	assert_int_equal(
		journal_reader_open_fs(memfs_table(p->fs), "/j", &q, &r, NULL), JOURNAL_OK);
	while (journal_reader_next(r, &log) == 1)
		n++;
	journal_reader_close(r);
	assert_int_equal(n, 30);
	assert_int_equal(status(p).segments, 2);
}

static void streams_unseen_for_long_are_forgotten(void **state)
{
	struct place *p = *state;
	struct journal_port *port;
	struct block *b;

	p->cfg.segment_age_s = 3600;
	p->cfg.stream_retention_s = 30 * 86400;
	open_it(p);
	port = journal_port(p->j, 0);
	b = journal_block_get(port);
	test_rich_block(b, 1);
	for (unsigned i = 0; i < b->row_count; i++)
		b->rows[i].time_ns = memfs_table(p->fs)->wall_ns(p->fs);
	journal_submit(port, b);
	test_settle(p->j);
	assert_int_equal(journal_completed(port, &b, 1), 1);
	journal_block_put(port, b);
	for (unsigned i = 0; i < 29; i++) {
		pass(p, DAY, HOUR);
		send(p, 1);
	}
	assert_int_equal(fold_stream_count(p->j->fold), 2);
	pass(p, 3 * DAY, HOUR);
	send(p, 1);
	assert_int_equal(fold_stream_count(p->j->fold), 0);
	assert_int_equal(counted(&p->j->streams_expired), 2);
	assert_int_equal(fold_device_count(p->j->fold), 3); /* devices stay */
	journal_close(p->j);
	open_it(p);
	assert_int_equal(fold_stream_count(p->j->fold), 0);
	assert_int_equal(status(p).durable_logs, 38);
}

/* Nothing of the oldest two can be read: they are as old as the first behind them that has a date.
 */
static void segments_without_a_date_age_too(void **state)
{
	struct place *p = *state;

	p->cfg.segment_age_s = 86400;
	p->cfg.retention_age_s = 10 * 86400;
	open_it(p);
	for (unsigned day = 0; day < 3; day++) {
		send(p, 1);
		pass(p, DAY, HOUR);
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
	open_it(p);
	assert_int_equal(status(p).segments, 3);
	assert_int_equal(p->j->segs[0].last_ns, 0);
	assert_int_equal(p->j->segs[1].first_ns, 0);
	pass(p, 7 * DAY, HOUR);
	assert_int_equal(status(p).segments, 3);
	pass(p, 4 * DAY, HOUR);
	assert_int_equal(status(p).segments, 1); /* the newest stays */
}

static void reconfigured_live(void **state)
{
	struct place *p = *state;
	struct journal_config cfg;
	struct journal_fault fault;

	p->cfg.segment_size = 64u << 10;
	open_it(p);
	for (unsigned i = 0; i < 100; i++)
		send(p, 100);
	assert_int_equal(status(p).retention_removed_segments, 0);
	cfg = p->cfg;
	cfg.retention_bytes = 100u << 10;
	assert_int_equal(journal_reconfigure(p->j, &cfg, &fault), JOURNAL_OK);
	pass(p, 30 * SECOND, SECOND);
	assert_true(status(p).bytes < 150u << 10);
	cfg.retention_percent = 200;
	assert_int_equal(journal_reconfigure(p->j, &cfg, &fault), JOURNAL_E_CONFIG);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(segments_end_by_size),
		CASE(segments_grow_with_their_checkpoint),
		CASE(segments_end_by_age),
		CASE(age_removes_the_oldest),
		CASE(the_newest_segment_stays),
		CASE(size_removes_the_oldest),
		CASE(percent_of_the_file_system),
		CASE(clock_step_paces_removal),
		CASE(a_rewriting_is_waited_for),
		CASE(start_with_a_strange_clock_paces_removal),
		CASE(many_segments_are_opened_one_at_a_time),
		CASE(removals_come_back_in_no_order_but_theirs),
		CASE(removals_of_two_lives_come_back_in_no_order_but_theirs),
		CASE(segment_that_somebody_removed_is_no_error),
		CASE(clock_going_back_harms_nothing),
		CASE(streams_unseen_for_long_are_forgotten),
		CASE(segments_without_a_date_age_too),
		CASE(reconfigured_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
