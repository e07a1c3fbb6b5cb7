/*
 * When a block is compressed and when it is stored raw: intake never waits for a compression that
 * was not begun. The compressors here are there in name only: they never take a block.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/internal.h"
#include "tests/unit/journal/memfs.h"
#include "tests/unit/journal/util.h"

struct place {
	struct memfs *fs;
	struct journal_config cfg;
	struct journal *j;
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	p->fs = memfs_new();
	test_config(&p->cfg, "/j");
	p->cfg.fs = memfs_table(p->fs);
	assert_int_equal(journal_open(&p->cfg, 1, &p->j, NULL, NULL), JOURNAL_OK);
	p->j->press.threads = 1;
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	p->j->press.threads = 0;
	journal_close(p->j);
	memfs_free(p->fs);
	free(p);
	return 0;
}

static void send(struct place *p, bool acked)
{
	struct journal_port *port = journal_port(p->j, 0);
	struct block *b = journal_block_get(port);
	char line[1024];

	assert_non_null(b);
	for (unsigned i = 0; i < 20; i++)
		assert_true(test_log(b, "d", i, line, test_line(line, i)));
	b->acked = acked;
	journal_submit(port, b);
}

/* Some rounds at one instant, then `us` pass. */
static void rounds(struct place *p, uint64_t us)
{
	for (unsigned i = 0; i < 8; i++)
		journal_step(p->j, memfs_table(p->fs)->mono_us(p->fs));
	memfs_advance(p->fs, us);
}

static uint64_t raw(struct place *p)
{
	return counted(&p->j->blocks_raw);
}

static void acknowledged_block_goes_raw_after_commit_interval(void **state)
{
	struct place *p = *state;

	send(p, true);
	rounds(p, 999);
	rounds(p, 1);
	assert_int_equal(raw(p), 0);
	rounds(p, 0);
	assert_int_equal(raw(p), 1);
	assert_int_equal(atomic_load(&p->j->durable_block), 1);
}

static void other_block_goes_raw_after_its_own_interval(void **state)
{
	struct place *p = *state;

	send(p, false);
	rounds(p, 49999);
	rounds(p, 1);
	assert_int_equal(raw(p), 0);
	rounds(p, 0);
	assert_int_equal(raw(p), 1);
}

static void acknowledged_block_takes_those_before_it_along(void **state)
{
	struct place *p = *state;

	send(p, false);
	send(p, true);
	send(p, false);
	rounds(p, 1000);
	rounds(p, 0);
	assert_int_equal(raw(p), 2);
	assert_int_equal(atomic_load(&p->j->durable_block), 2);
	rounds(p, 49000);
	rounds(p, 0);
	assert_int_equal(raw(p), 3);
}

static void half_of_the_pool_waiting_is_too_much(void **state)
{
	struct place *p = *state;

	for (unsigned i = 0; i < p->cfg.pool_blocks / 2 - 1; i++) {
		send(p, false);
		rounds(p, 0);
	}
	assert_int_equal(raw(p), 0);
	send(p, false);
	rounds(p, 0);
	assert_true(raw(p) > 0);
}

static void begun_compression_is_waited_for(void **state)
{
	struct place *p = *state;
	struct pending *first;

	send(p, true);
	send(p, true);
	rounds(p, 10);
	first = queue_at(p->j, 0);
	p->j->press.head = first->next; /* as a compressor takes it */
	first->state = PEND_COMPRESSING;
	rounds(p, 5000);
	rounds(p, 5000);
	assert_int_equal(atomic_load(&p->j->durable_block), 0);
	press_block(&p->j->presser, first, 1);
	first->state = PEND_READY;
	rounds(p, 0);
	assert_int_equal(atomic_load(&p->j->durable_block), 2);
	assert_int_equal(counted(&p->j->blocks_compressed), 1);
	assert_int_equal(raw(p), 1);
}

/* While the disk has compressed blocks to write, raw ones do not take their place. */
static void ready_blocks_go_first(void **state)
{
	struct place *p = *state;
	struct pending *first;

	send(p, true);
	send(p, true);
	rounds(p, 10);
	first = queue_at(p->j, 0);
	p->j->press.head = first->next;
	press_block(&p->j->presser, first, 1);
	first->state = PEND_READY;
	memfs_advance(p->fs, 5000);
	journal_step(p->j, memfs_table(p->fs)->mono_us(p->fs));
	assert_int_equal(p->j->commit.blocks, 1);
	assert_int_equal(raw(p), 0);
}

static void without_compressors_the_committer_compresses_when_calm(void **state)
{
	struct place *p = *state;

	p->j->press.threads = 0;
	send(p, true);
	rounds(p, 0);
	assert_int_equal(counted(&p->j->blocks_compressed), 1);
	for (unsigned i = 0; i < 7; i++)
		send(p, true);
	rounds(p, 0);
	rounds(p, 0);
	assert_int_equal(counted(&p->j->blocks_compressed) + raw(p), 8);
	assert_true(raw(p) > 0);
}

/* Raw blocks read like others. */
static void raw_blocks_are_read(void **state)
{
	struct place *p = *state;
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	struct journal_verify_totals totals;
	struct journal_reader *r;
	struct journal_log log;
	char line[1024];

	send(p, true);
	rounds(p, 1000);
	rounds(p, 0);
	assert_int_equal(raw(p), 1);
	assert_int_equal(
		journal_reader_open_fs(memfs_table(p->fs), "/j", &q, &r, NULL), JOURNAL_OK);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(journal_reader_next(r, &log), 1);
		assert_int_equal(log.len, test_line(line, i));
		assert_memory_equal(log.log, line, log.len);
	}
	journal_reader_close(r);
	assert_int_equal(journal_verify_fs(memfs_table(p->fs), "/j", JOURNAL_UNBOUNDED, NULL, NULL,
				 &totals, NULL),
		JOURNAL_OK);
	assert_int_equal(totals.logs, 20);
	assert_int_equal(totals.corrupt + totals.torn, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(acknowledged_block_goes_raw_after_commit_interval),
		CASE(other_block_goes_raw_after_its_own_interval),
		CASE(acknowledged_block_takes_those_before_it_along),
		CASE(half_of_the_pool_waiting_is_too_much),
		CASE(begun_compression_is_waited_for),
		CASE(ready_blocks_go_first),
		CASE(without_compressors_the_committer_compresses_when_calm),
		CASE(raw_blocks_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
