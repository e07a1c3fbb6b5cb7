/* Segments by size and age, and retention. */
#include <stdio.h>
#include <string.h>

#include "dataplane/journal/internal.h"
#include "tests/unit/journal/aging.h"

static void segments_end_by_size(void **state)
{
	struct place *p = *state;

	p->cfg.segment_size = 128u << 10;
	aging_open(p);
	for (unsigned i = 0; i < 100; i++)
		aging_send(p, 100);
	assert_true(aging_status(p).segments > 4);
	assert_int_equal(aging_finished(p), aging_status(p).segments - 1);
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
	aging_open(p);
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
		aging_send(p, 100);
	for (unsigned i = 2; i + 1 < p->j->seg_count; i++)
		assert_true(p->j->segs[i].bytes >= p->j->w.begin * 9);
	assert_true(p->j->w.begin * 10 > p->cfg.segment_size);
}

static void segments_end_by_age(void **state)
{
	struct place *p = *state;

	p->cfg.segment_age_s = 3600;
	aging_open(p);
	aging_send(p, 1);
	aging_pass(p, HOUR - 2 * SECOND, SECOND);
	assert_int_equal(aging_finished(p), 0);
	aging_pass(p, 4 * SECOND, SECOND);
	assert_int_equal(aging_finished(p), 1); /* closed though nothing came */
	assert_int_equal(aging_status(p).segments, 1);
	aging_pass(p, 3 * HOUR, SECOND * 60);
	assert_int_equal(aging_status(p).segments, 1); /* and no empty ones are made */
	aging_send(p, 1);
	assert_int_equal(aging_status(p).segments, 2);
}

static void age_removes_the_oldest(void **state)
{
	struct place *p = *state;

	p->cfg.segment_age_s = 86400;
	p->cfg.retention_age_s = 10 * 86400;
	aging_open(p);
	for (unsigned day = 0; day < 30; day++) {
		aging_send(p, 10);
		aging_pass(p, DAY, HOUR);
	}
	assert_in_range(aging_status(p).segments, 10, 12);
	assert_int_equal(aging_status(p).retention_removed_segments + aging_status(p).segments, 30);
	assert_int_equal(aging_status(p).durable_logs, 300); /* for life, though most are gone */
	assert_true(
		aging_status(p).oldest_ns + 11 * DAY * 1000 > memfs_table(p->fs)->wall_ns(p->fs));
}

static void the_newest_segment_stays(void **state)
{
	struct place *p = *state;

	p->cfg.segment_age_s = 3600;
	p->cfg.retention_age_s = 86400;
	p->cfg.retention_bytes = 1;
	aging_open(p);
	for (unsigned i = 0; i < 5; i++) {
		aging_send(p, 10);
		aging_pass(p, 2 * HOUR, 600 * SECOND);
	}
	aging_pass(p, 20 * DAY, HOUR);
	assert_int_equal(aging_status(p).segments, 1);
	journal_close(p->j);
	aging_open(p);
	assert_int_equal(aging_status(p).durable_logs, 50); /* its checkpoint has the rest */
	assert_int_equal(aging_status(p).durable_block, 5);
}

static void size_removes_the_oldest(void **state)
{
	struct place *p = *state;

	p->cfg.segment_size = 64u << 10;
	p->cfg.retention_bytes = 300u << 10;
	aging_open(p);
	for (unsigned i = 0; i < 200; i++) {
		aging_send(p, 100);
		aging_pass(p, 2 * SECOND, SECOND);
	}
	assert_in_range(aging_status(p).bytes, 200u << 10, 380u << 10);
	assert_true(aging_status(p).retention_removed_segments > 10);
	assert_int_equal(aging_status(p).durable_logs, 20000);
}

static void percent_of_the_file_system(void **state)
{
	struct place *p = *state;

	memfs_set_space(p->fs, 1u << 20, 1u << 20);
	p->cfg.segment_size = 64u << 10;
	p->cfg.retention_percent = 40;
	aging_open(p);
	for (unsigned i = 0; i < 200; i++) {
		aging_send(p, 100);
		aging_pass(p, 2 * SECOND, SECOND);
	}
	assert_in_range(aging_status(p).bytes, 300u << 10, 500u << 10);
}

/* While a file is being replaced nothing is judged, and no turn is lost. */
static void a_rewriting_is_waited_for(void **state)
{
	struct place *p = *state;

	p->cfg.retention_age_s = 60;
	aging_open(p);
	for (unsigned i = 0; i < 2; i++) {
		aging_send(p, 1);
		assert_int_equal(rotate_finish(p->j), 0);
	}
	memfs_set_time(p->fs, memfs_table(p->fs)->mono_us(p->fs),
		memfs_table(p->fs)->wall_ns(p->fs) + DAY * 1000);
	pthread_mutex_lock(&p->j->files);
	aging_pass(p, 2 * SECOND, SECOND);
	pthread_mutex_unlock(&p->j->files);
	assert_int_equal(aging_status(p).segments, 2);
	aging_pass(p, 2 * SECOND, SECOND);
	assert_int_equal(aging_status(p).segments, 1);
}

/* The disk in memory has 64 descriptors. */
static void many_segments_are_opened_one_at_a_time(void **state)
{
	struct place *p = *state;
	struct journal_recovery rec;

	p->cfg.segment_age_s = 60;
	aging_open(p);
	for (unsigned i = 0; i < 150; i++) {
		aging_send(p, 1);
		aging_pass(p, 120 * SECOND, 30 * SECOND);
	}
	assert_int_equal(aging_status(p).segments, 150);
	journal_close(p->j);
	assert_int_equal(journal_open(&p->cfg, 1, &p->j, &rec, NULL), JOURNAL_OK);
	assert_int_equal(rec.segments, 150);
	assert_int_equal(rec.logs, 150);
	assert_true(rec.clean);
}

static void streams_unseen_for_long_are_forgotten(void **state)
{
	struct place *p = *state;
	struct journal_port *port;
	struct block *b;

	p->cfg.segment_age_s = 3600;
	p->cfg.stream_retention_s = 30 * 86400;
	aging_open(p);
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
		aging_pass(p, DAY, HOUR);
		aging_send(p, 1);
	}
	assert_int_equal(fold_stream_count(p->j->fold), 2);
	aging_pass(p, 3 * DAY, HOUR);
	aging_send(p, 1);
	assert_int_equal(fold_stream_count(p->j->fold), 0);
	assert_int_equal(counted(&p->j->streams_expired), 2);
	assert_int_equal(fold_device_count(p->j->fold), 3); /* devices stay */
	journal_close(p->j);
	aging_open(p);
	assert_int_equal(fold_stream_count(p->j->fold), 0);
	assert_int_equal(aging_status(p).durable_logs, 38);
}

static void reconfigured_live(void **state)
{
	struct place *p = *state;
	struct journal_config cfg;
	struct journal_fault fault;

	p->cfg.segment_size = 64u << 10;
	aging_open(p);
	for (unsigned i = 0; i < 100; i++)
		aging_send(p, 100);
	assert_int_equal(aging_status(p).retention_removed_segments, 0);
	cfg = p->cfg;
	cfg.retention_bytes = 100u << 10;
	assert_int_equal(journal_reconfigure(p->j, &cfg, &fault), JOURNAL_OK);
	aging_pass(p, 30 * SECOND, SECOND);
	assert_true(aging_status(p).bytes < 150u << 10);
	cfg.retention_percent = 200;
	assert_int_equal(journal_reconfigure(p->j, &cfg, &fault), JOURNAL_E_CONFIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AGING_CASE(segments_end_by_size),
		AGING_CASE(segments_grow_with_their_checkpoint),
		AGING_CASE(segments_end_by_age),
		AGING_CASE(age_removes_the_oldest),
		AGING_CASE(the_newest_segment_stays),
		AGING_CASE(size_removes_the_oldest),
		AGING_CASE(percent_of_the_file_system),
		AGING_CASE(a_rewriting_is_waited_for),
		AGING_CASE(many_segments_are_opened_one_at_a_time),
		AGING_CASE(streams_unseen_for_long_are_forgotten),
		AGING_CASE(reconfigured_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
