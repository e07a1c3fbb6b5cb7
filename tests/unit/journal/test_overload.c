/*
 * Compressors overloaded twice over: intake goes on at its rate, half of the blocks go raw, and
 * nothing of that is left once the segment has been rewritten. Counted in rounds: what the
 * compressors do in one is the test's to say, and no thread runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/internal.h"
#include "tests/unit/journal/memfs.h"
#include "tests/unit/journal/util.h"

#define ROUNDS	   300u
#define A_ROUND	   4u /* blocks that come in each */
#define LOGS	   20u
#define MOST_AHEAD 8u
#define POOL	   32u

struct plant {
	struct memfs *fs;
	struct journal_config cfg;
	struct journal *j;
	uint64_t round_us;
	struct pending *in_work[MOST_AHEAD];
	unsigned working;
	uint64_t logs, refused, most_waiting;
};

struct outcome {
	uint64_t raw, refused, most_waiting, before, after;
};

static void comes_in(struct plant *p)
{
	struct journal_port *port = journal_port(p->j, 0);
	struct block *b = journal_block_get(port);
	char line[1024];

	if (!b) {
		p->refused++;
		return;
	}
	for (unsigned i = 0; i < LOGS; i++, p->logs++)
		assert_true(test_log(b, "d", 1, line, test_line(line, p->logs)));
	journal_submit(port, b);
}

/* As compressors do it: what they began a round ago is done, and they begin `n` more. */
static void compress(struct plant *p, unsigned n)
{
	struct press_pool *q = &p->j->press;

	for (; p->working > 0; p->working--) {
		press_block(&p->j->presser, p->in_work[p->working - 1], p->cfg.compression_level);
		p->in_work[p->working - 1]->state = PEND_READY;
	}
	for (; q->head && p->working < n; p->working++) {
		struct pending *next = q->head;

		q->head = next->next;
		if (!q->head)
			q->tail = NULL;
		next->state = PEND_COMPRESSING;
		p->in_work[p->working] = next;
	}
}

static void round_of(struct plant *p, unsigned blocks, unsigned speed)
{
	struct journal_port *port = journal_port(p->j, 0);
	struct block *b;

	for (unsigned i = 0; i < blocks; i++)
		comes_in(p);
	journal_step(p->j, memfs_table(p->fs)->mono_us(p->fs));
	if (p->j->queue_len > p->most_waiting)
		p->most_waiting = p->j->queue_len;
	compress(p, speed);
	for (unsigned i = 0; i < 6; i++)
		journal_step(p->j, memfs_table(p->fs)->mono_us(p->fs));
	while (journal_completed(port, &b, 1) == 1) {
		assert_int_equal(b->error, 0);
		journal_block_put(port, b);
	}
	memfs_advance(p->fs, p->round_us);
}

static void no_raw_block_is_left(struct plant *p)
{
	union journal_frame f;
	struct segment s;

	assert_int_equal(segment_open(&s, memfs_table(p->fs), "/j", 1, p->j->id), 0);
	assert_true(segment_frame(&s, 0, &f));
	for (uint64_t at = f.p.frame_len; segment_frame(&s, at, &f) && f.p.kind == FRAME_BLOCK;
		at += f.p.frame_len + f.block.data_len)
		assert_int_equal(f.block.flags & BLOCK_FLAG_RAW, 0);
	assert_int_equal(f.p.kind, FRAME_INDEX);
	segment_close(&s);
}

/* `speed`: blocks that all compressors together do in a round. */
static struct outcome run(unsigned speed, uint64_t round_us)
{
	struct plant p = {.fs = memfs_new(), .round_us = round_us};
	struct outcome o;

	test_config(&p.cfg, "/j");
	p.cfg.fs = memfs_table(p.fs);
	p.cfg.pool_blocks = POOL;
	p.cfg.segment_size = 1u << 30;
	p.cfg.compaction_level = 3;
	assert_int_equal(journal_open(&p.cfg, 1, &p.j, NULL, NULL), JOURNAL_OK);
	journal_compact(p.j);
	p.j->press.threads = 1; /* in name only */
	for (unsigned i = 0; i < ROUNDS; i++)
		round_of(&p, A_ROUND, speed);
	o = (struct outcome){.raw = counted(&p.j->blocks_raw),
		.refused = p.refused,
		.most_waiting = p.most_waiting};
	while (p.j->queue_len > 0)
		round_of(&p, 0, speed);
	assert_int_equal(atomic_load(&p.j->durable_block), (uint64_t)ROUNDS * A_ROUND - p.refused);
	assert_int_equal(rotate_finish(p.j), 0);
	o.before = p.j->segs[0].bytes;
	round_of(&p, 1, 1); /* the newest is not rewritten */
	while (p.j->queue_len > 0)
		round_of(&p, 0, 1);
	assert_true(compacting_step(p.j));
	o.after = p.j->segs[0].bytes;
	no_raw_block_is_left(&p);
	test_lines_are(memfs_table(p.fs), "/j", p.logs);
	p.j->press.threads = 0;
	journal_close(p.j);
	memfs_free(p.fs);
	return o;
}

static void overloaded(uint64_t round_us)
{
	struct outcome calm = run(A_ROUND, round_us);
	struct outcome over = run(A_ROUND / 2, round_us);

	assert_int_equal(calm.refused, 0);
	assert_int_equal(calm.raw, 0);
	/* The same blocks came in by the same rounds, none was refused. */
	assert_int_equal(over.refused, 0);
	assert_in_range(over.raw, ROUNDS * A_ROUND * 4 / 10, ROUNDS * A_ROUND * 6 / 10);
	assert_true(over.most_waiting <= POOL * 3 / 4);
	/* More than what zstd leaves of the other half; after the rewriting all is the same. */
	assert_true(over.before > 2 * calm.before);
	assert_in_range(over.after, calm.after * 99 / 100, calm.after * 101 / 100);
}

/* Half of the pool waits before any of it is due. */
static void twice_overloaded_and_the_pool_fills(void **state)
{
	(void)state;
	overloaded(1000);
}

/* Blocks are due before half of the pool waits. */
static void twice_overloaded_and_blocks_become_due(void **state)
{
	(void)state;
	overloaded(25000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(twice_overloaded_and_the_pool_fills),
		cmocka_unit_test(twice_overloaded_and_blocks_become_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
