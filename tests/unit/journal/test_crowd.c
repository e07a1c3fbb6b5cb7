/* Who is stored raw where compressors share their CPUs; counted in rounds, no thread runs. */
#include <stdio.h>
#include <string.h>

#include "dataplane/journal/internal.h"
#include "tests/unit/journal/memfs.h"
#include "tests/unit/journal/util.h"

#define MIB 1048576u

struct place {
	struct memfs *fs;
	struct journal_config cfg;
	struct journal *j;
};

static uint64_t now(struct place *p)
{
	return p->cfg.fs->mono_us(p->cfg.fs->ctx);
}

/* `wall_us`, `cpu_us`: what a MiB has taken of late, as often as needed to be believed. */
static void begin(struct place *p, uint64_t wall_us, uint64_t cpu_us)
{
	p->fs = memfs_new();
	test_config(&p->cfg, "/j");
	p->cfg.fs = memfs_table(p->fs);
	p->cfg.compaction_level = 3;
	assert_int_equal(journal_open(&p->cfg, 1, &p->j, NULL, NULL), JOURNAL_OK);
	p->j->press.threads = 1; /* in name only */
	p->j->press.speed.disk_rate = p->j->disk_rate;
	p->j->press.speed.tried_us = now(p);
	for (unsigned i = 0; i < 20; i++)
		crowd_note(&p->j->press.speed, MIB, wall_us, cpu_us, now(p));
}

static void step(struct place *p)
{
	struct journal_port *port = journal_port(p->j, 0);
	struct block *b;

	for (unsigned i = 0; i < 6; i++)
		journal_step(p->j, memfs_table(p->fs)->mono_us(p->fs));
	while (journal_completed(port, &b, 1) == 1) {
		assert_int_equal(b->error, 0);
		journal_block_put(port, b);
	}
}

static void send(struct place *p, bool acked)
{
	struct journal_port *port = journal_port(p->j, 0);
	struct block *b = journal_block_get(port);
	char line[1024];

	assert_non_null(b);
	assert_true(test_log(b, "d", 1, line, test_line(line, 1)));
	b->acked = acked;
	journal_submit(port, b);
	step(p);
}

static bool offered(struct place *p)
{
	return crowd_next(p->j, now(p)) != NULL;
}

static void end(struct place *p)
{
	p->j->press.threads = 0;
	memfs_advance(p->fs, 1000000);
	step(p);
	assert_int_equal(p->j->queue_len, 0);
	journal_close(p->j);
	memfs_free(p->fs);
}

static void acknowledged_blocks_are_stored_raw_at_once(void **state)
{
	struct place p;

	(void)state;
	begin(&p, 6000, 1500);
	for (unsigned i = 0; i < 5; i++)
		send(&p, true);
	assert_int_equal(counted(&p.j->blocks_raw), 5);
	assert_int_equal(p.j->queue_len, 0);
	end(&p);
}

/* Not yet due, it waits for a compressor, which may have it. */
static void is_left_to_compressors(struct place *p, bool acked)
{
	send(p, acked);
	assert_int_equal(counted(&p->j->blocks_raw), 0);
	assert_int_equal(p->j->queue_len, 1);
	assert_true(offered(p));
	end(p);
}

static void others_wait_for_nobody(void **state)
{
	struct place p;

	(void)state;
	begin(&p, 6000, 1500);
	is_left_to_compressors(&p, false);
}

static void compressors_that_have_their_cpu_are_slow_alone(void **state)
{
	struct place p;

	(void)state;
	begin(&p, 6000, 5000);
	is_left_to_compressors(&p, true);
}

static void a_slow_disk_takes_them_compressed(void **state)
{
	struct place p;

	(void)state;
	begin(&p, 6000, 1500);
	p.j->disk_rate = 100; /* 10 ms for a MiB */
	is_left_to_compressors(&p, true);
}

/* One is stored raw. */
static void begin_raw(struct place *p)
{
	begin(p, 6000, 1500);
	send(p, true);
	assert_int_equal(counted(&p->j->blocks_raw), 1);
}

/* With what has changed since, the next one is not. */
static void end_compressed(struct place *p)
{
	p->j->space_checked_us = 0;
	send(p, true);
	assert_int_equal(counted(&p->j->blocks_raw), 1);
	assert_true(offered(p));
	end(p);
}

static void a_disk_without_room_takes_them_compressed(void **state)
{
	struct place p;

	(void)state;
	begin_raw(&p);
	memfs_set_space(p.fs, 1u << 30, p.j->segs[0].bytes * 8 - 1);
	end_compressed(&p);
}

/* What is old is not removed to make room for raw blocks. */
static void retention_is_room_too(void **state)
{
	struct place p;

	(void)state;
	begin_raw(&p);
	p.j->cfg.retention_bytes = p.j->segs[0].bytes * 8 - 1;
	end_compressed(&p);
}

static void what_is_never_rewritten_is_compressed(void **state)
{
	struct place p;

	(void)state;
	begin(&p, 6000, 1500);
	p.j->cfg.compaction_level = 0;
	is_left_to_compressors(&p, true);
}

static void many_compressors_are_faster_than_the_disk(void **state)
{
	struct place p;

	(void)state;
	begin(&p, 6000, 1500);
	p.j->press.threads = 4; /* 1.5 ms a MiB, all together; the disk takes 2 */
	is_left_to_compressors(&p, true);
}

static void where_much_waits_other_rules_hold(void **state)
{
	struct place p;

	(void)state;
	begin(&p, 6000, 1500);
	memfs_set_delay(p.fs, 1000);
	send(&p, true);
	assert_true(crowd_waits(p.j, now(&p)));
	while (p.j->queue_len * 2 < p.j->cfg.pool_blocks)
		send(&p, false);
	assert_false(crowd_waits(p.j, now(&p)));
	memfs_set_delay(p.fs, 0);
	for (unsigned i = 0; i < 1000; i++)
		step(&p);
	end(&p);
}

static void what_was_long_ago_says_nothing(void **state)
{
	struct place p;

	(void)state;
	begin(&p, 6000, 1500);
	memfs_advance(p.fs, 5000000);
	p.j->press.speed.tried_us = now(&p);
	is_left_to_compressors(&p, true);
}

/* Nor is it added to what is seen now. */
static void what_was_long_ago_is_forgotten(void **state)
{
	struct place p;

	(void)state;
	begin(&p, 6000, 1500);
	memfs_advance(p.fs, 5000000);
	crowd_tries(&p.j->press.speed, MIB, now(&p));
	crowd_note(&p.j->press.speed, MIB, 1500, 1500, now(&p));
	is_left_to_compressors(&p, true);
}

/* However long one is interrupted. */
static void one_of_many_is_not_a_crowd_for_long(void **state)
{
	struct place p;
	unsigned n = 0;

	(void)state;
	begin(&p, 1500, 1500);
	crowd_note(&p.j->press.speed, MIB, 90000000, 1500, now(&p));
	for (; crowd_waits(p.j, now(&p)); n++)
		crowd_note(&p.j->press.speed, MIB, 1500, 1500, now(&p));
	assert_in_range(n, 0, 3);
	crowd_note(&p.j->press.speed, MIB, 90000000, 0, now(&p)); /* a clock that says nothing */
	assert_false(crowd_waits(p.j, now(&p)));
	end(&p);
}

static void while_nothing_is_written_compressors_may(void **state)
{
	struct place p;

	(void)state;
	begin(&p, 6000, 1500);
	memfs_set_space(p.fs, 1u << 30, 0);
	p.j->cfg.min_free = 1;
	p.j->space_checked_us = 0;
	send(&p, true);
	assert_int_equal(journal_state(p.j), JOURNAL_HOLD_DISK_FULL);
	assert_true(offered(&p));
	memfs_set_space(p.fs, 1u << 30, 1u << 29);
	end(&p);
}

static void little_blocks_say_nothing(void **state)
{
	struct place p;

	(void)state;
	begin(&p, 2000, 1500);
	for (unsigned i = 0; i < 100; i++)
		crowd_note(&p.j->press.speed, 131071, 3000, 1000, now(&p));
	is_left_to_compressors(&p, true);
}

/* What waits behind a commit is made ready meanwhile. */
static void the_next_is_stored_while_one_is_written(void **state)
{
	struct place p;

	(void)state;
	begin(&p, 6000, 1500);
	memfs_set_delay(p.fs, 1000);
	send(&p, true);
	send(&p, true);
	send(&p, false);
	send(&p, true);
	assert_int_equal(p.j->commit.blocks, 1);
	assert_int_equal(queue_at(p.j, 1)->state, PEND_READY);
	assert_int_equal(queue_at(p.j, 2)->state, PEND_QUEUED);
	assert_int_equal(queue_at(p.j, 3)->state, PEND_QUEUED); /* it could not be written now */
	memfs_set_delay(p.fs, 0);
	for (unsigned i = 0; i < 1000; i++)
		step(&p);
	end(&p);
}

/* Until the next one is offered, in steps of 100 ms. */
static unsigned tenths_to_a_try(struct place *p)
{
	unsigned n = 0;

	send(p, true);
	while (!offered(p) && n < 100) {
		memfs_advance(p->fs, 100000);
		send(p, true);
		n++;
	}
	crowd_tries(&p->j->press.speed, 131071, now(p)); /* one that tells nothing */
	assert_true(offered(p));
	crowd_tries(&p->j->press.speed, 131072, now(p));
	assert_false(offered(p));
	return n;
}

/* A compressor gets one, before it is due; half as often after each that finds the crowd there,
 * however long that one took: counted from one beginning to the next. */
static void now_and_then_one_is_tried(void **state)
{
	static const unsigned tenths[] = {5, 9, 20, 39, 40, 39};
	static const uint64_t wall_us[] = {150000, 1000, 150000, 1000, 150000, 1000};
	struct press_speed *s;
	struct place p;

	(void)state;
	begin(&p, 6000, 1500);
	s = &p.j->press.speed;
	crowd_note(s, MIB, 1500, 1500, now(&p));
	for (unsigned i = 0; i < sizeof(tenths) / sizeof(tenths[0]); i++) {
		assert_true(crowd_waits(p.j, now(&p)));
		assert_int_equal(tenths_to_a_try(&p), tenths[i]);
		memfs_advance(p.fs, wall_us[i]);
		for (unsigned k = 0; k < 4; k++) /* as four compressors find it at a time */
			crowd_note(s, MIB, 3000, 1500, now(&p));
	}
	crowd_note(s, MIB, 1500, 1500, now(&p)); /* gone? */
	assert_int_equal(tenths_to_a_try(&p), 5);
	end(&p);
}

/* The crowd is believed to be gone when blocks have been seen to be done in their time. */
static void what_was_fades(void **state)
{
	struct place p;
	unsigned n = 0;

	(void)state;
	begin(&p, 6000, 1500);
	for (; crowd_waits(p.j, now(&p)); n++)
		crowd_note(&p.j->press.speed, MIB, 1500, 1500, now(&p));
	assert_in_range(n, 2, 8);
	is_left_to_compressors(&p, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acknowledged_blocks_are_stored_raw_at_once),
		cmocka_unit_test(others_wait_for_nobody),
		cmocka_unit_test(compressors_that_have_their_cpu_are_slow_alone),
		cmocka_unit_test(a_slow_disk_takes_them_compressed),
		cmocka_unit_test(a_disk_without_room_takes_them_compressed),
		cmocka_unit_test(retention_is_room_too),
		cmocka_unit_test(what_is_never_rewritten_is_compressed),
		cmocka_unit_test(many_compressors_are_faster_than_the_disk),
		cmocka_unit_test(where_much_waits_other_rules_hold),
		cmocka_unit_test(what_was_long_ago_says_nothing),
		cmocka_unit_test(what_was_long_ago_is_forgotten),
		cmocka_unit_test(one_of_many_is_not_a_crowd_for_long),
		cmocka_unit_test(while_nothing_is_written_compressors_may),
		cmocka_unit_test(little_blocks_say_nothing),
		cmocka_unit_test(the_next_is_stored_while_one_is_written),
		cmocka_unit_test(now_and_then_one_is_tried),
		cmocka_unit_test(what_was_fades),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
