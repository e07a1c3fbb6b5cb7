/* How long blocks that nobody waits for wait for each other; counted in rounds, no thread runs. */
#include <stdio.h>
#include <string.h>

#include "dataplane/journal/internal.h"
#include "tests/unit/journal/place.h"

#define INTERVAL_US 50000u

static uint64_t now(struct place *p)
{
	return p->cfg.fs->mono_us(p->cfg.fs->ctx);
}

static void begin(struct place *p, unsigned pool_blocks)
{
	p->fs = memfs_new();
	test_config(&p->cfg, "/j");
	p->cfg.fs = memfs_table(p->fs);
	p->cfg.pool_blocks = pool_blocks;
	p->cfg.commit_interval_unacked_us = INTERVAL_US;
	assert_int_equal(journal_open(&p->cfg, 2, &p->j, NULL, NULL), JOURNAL_OK);
}

static void step(struct place *p)
{
	struct block *b;

	for (unsigned i = 0; i < 6; i++)
		journal_step(p->j, now(p));
	for (unsigned i = 0; i < 2; i++)
		while (journal_completed(journal_port(p->j, i), &b, 1) == 1) {
			assert_int_equal(b->error, 0);
			journal_block_put(journal_port(p->j, i), b);
		}
}

static void end(struct place *p)
{
	memfs_advance(p->fs, INTERVAL_US);
	step(p);
	assert_int_equal(p->j->queue_len, 0);
	journal_close(p->j);
	memfs_free(p->fs);
}

static struct block *empty_block(struct place *p, bool acked)
{
	struct block *b = journal_block_get(journal_port(p->j, 0));

	assert_non_null(b);
	b->acked = acked;
	b->first_us = now(p);
	return b;
}

static struct block *block(struct place *p, bool acked)
{
	struct block *b = empty_block(p, acked);

	assert_true(test_log(b, "d", 1, "log", 3));
	return b;
}

/* Handed over half a millisecond after its first log. */
static void send(struct place *p, bool acked)
{
	struct block *b = block(p, acked);

	memfs_advance(p->fs, 500);
	journal_submit(journal_port(p->j, 0), b);
	step(p);
}

static void assert_committed(struct place *p, unsigned commits, unsigned waiting)
{
	assert_int_equal(counted(&p->j->commits), commits);
	assert_int_equal(p->j->queue_len, waiting);
}

static void they_go_when_the_oldest_has_waited(void **state)
{
	struct place p;
	uint64_t until;

	(void)state;
	begin(&p, 16);
	until = now(&p) + INTERVAL_US;
	send(&p, false);
	memfs_advance(p.fs, 20000);
	send(&p, false);
	memfs_advance(p.fs, until - now(&p) - 1);
	step(&p);
	assert_committed(&p, 0, 2);
	/* A committer that sleeps wakes for it, and does not fall asleep where it is over by then.
	 */
	assert_int_equal(commit_deadline(p.j, now(&p)), until);
	assert_int_equal(commit_deadline(p.j, until + 5), until);
	memfs_advance(p.fs, 1);
	step(&p);
	assert_committed(&p, 1, 0);
	end(&p);
}

static void one_that_is_waited_for_takes_them_along(void **state)
{
	struct place p;

	(void)state;
	begin(&p, 16);
	send(&p, false);
	send(&p, false);
	assert_committed(&p, 0, 2);
	send(&p, true);
	assert_committed(&p, 1, 0);
	end(&p);
}

/* A compressor has the first, none has begun the second: the committer stores it when it is due. */
static void one_that_is_waited_for_is_due_behind_them(void **state)
{
	struct journal_port *port;
	struct place p;
	struct block *b;

	(void)state;
	begin(&p, 16);
	port = journal_port(p.j, 0);
	p.j->press.threads = 1; /* in name only */
	b = block(&p, false);
	journal_submit(port, b);
	step(&p);
	press_block(&p.j->presser, b->journal_priv, 1);
	p.j->press.head = p.j->press.tail = NULL;
	((struct pending *)b->journal_priv)->state = PEND_READY;
	step(&p);
	assert_committed(&p, 0, 1);
	send(&p, true);
	assert_committed(&p, 1, 1);
	memfs_advance(p.fs, p.cfg.commit_interval_us);
	step(&p);
	assert_committed(&p, 2, 0);
	p.j->press.threads = 0;
	end(&p);
}

/* Of another lcore, handed over when its interval was over. */
static void the_oldest_is_not_always_the_first(void **state)
{
	struct place p;
	struct block *b;

	(void)state;
	begin(&p, 16);
	b = journal_block_get(journal_port(p.j, 1));
	assert_true(test_log(b, "e", 1, "log", 3));
	b->first_us = now(&p);
	memfs_advance(p.fs, INTERVAL_US - 5000);
	send(&p, false);
	assert_committed(&p, 0, 1);
	memfs_advance(p.fs, b->first_us + INTERVAL_US - now(&p));
	journal_submit(journal_port(p.j, 1), b);
	step(&p);
	assert_committed(&p, 1, 0);
	end(&p);
}

/* Blocks that wait keep nobody else from going early; who stops does not wait for others. */
static void they_are_in_nobodys_way(void **state)
{
	struct journal_port *port;
	struct place p;
	struct block *b;

	(void)state;
	begin(&p, 16);
	port = journal_port(p.j, 0);
	send(&p, false);
	b = block(&p, true);
	assert_true(journal_should_submit(port, b, now(&p)));
	journal_submit(port, b);
	step(&p);
	assert_committed(&p, 1, 0);
	/* The next one is asked after again when it may. */
	send(&p, false);
	b = block(&p, true);
	b->first_us = now(&p);
	assert_false(journal_should_submit(port, b, now(&p)));
	assert_true(journal_submit_deadline(port, b, now(&p)) < now(&p) + 1000);
	journal_block_put(port, b);
	journal_hurry(p.j);
	step(&p);
	assert_committed(&p, 2, 0);
	send(&p, false);
	assert_committed(&p, 3, 0);
	end(&p);
}

/* After a failure the first commit tells whether it works again: at once. */
static void nothing_waits_after_a_failure(void **state)
{
	struct place p;

	(void)state;
	begin(&p, 16);
	p.j->failures = 1;
	send(&p, false);
	assert_committed(&p, 1, 0);
	end(&p);
}

static void early_blocks_keep_their_distance(void **state)
{
	struct journal_port *port;
	struct place p;
	struct block *b;
	uint64_t t;

	(void)state;
	begin(&p, 16);
	port = journal_port(p.j, 0);
	t = now(&p);
	b = block(&p, true);
	assert_true(journal_should_submit(port, b, t)); /* none has gone before */
	journal_submit(port, b);
	step(&p);
	b = block(&p, true);
	b->first_us = t + 500;
	assert_false(journal_should_submit(port, b, t + 999));
	assert_true(journal_should_submit(port, b, t + 1000));
	/* One that is kept back does not wait longer than its interval. */
	b->first_us = t + 700;
	assert_false(journal_should_submit(port, b, t + 1699));
	assert_true(journal_should_submit(port, b, t + 1700));
	b->acked = false;
	assert_false(journal_should_submit(port, b, t + 700 + INTERVAL_US - 1));
	assert_true(journal_should_submit(port, b, t + 700 + INTERVAL_US));
	journal_block_put(port, b);
	end(&p);
}

static void a_quarter_of_the_pool_is_enough(void **state)
{
	struct place p;

	(void)state;
	begin(&p, 16);
	for (unsigned i = 0; i < 3; i++)
		send(&p, false);
	assert_committed(&p, 0, 3);
	send(&p, false);
	assert_committed(&p, 1, 0);
	end(&p);
}

/* Of what does not compress. */
static void send_large(struct place *p, uint64_t *seed)
{
	struct block *b = empty_block(p, false);
	char line[1000];

	for (unsigned k = 0; k < 60; k++) {
		for (unsigned i = 0; i < sizeof(line); i++) {
			*seed = *seed * 6364136223846793005u + 1442695040888963407u;
			line[i] = (char)(' ' + (*seed >> 40) % 95);
		}
		assert_true(test_log(b, "d", 1, line, sizeof(line)));
	}
	journal_submit(journal_port(p->j, 0), b);
	step(p);
}

static void a_mebibyte_is_enough(void **state)
{
	uint64_t seed = 1;
	struct place p;
	unsigned n = 0;

	(void)state;
	begin(&p, 128);
	while (counted(&p.j->commits) == 0) {
		assert_true(n < 40);
		send_large(&p, &seed);
		n++;
	}
	assert_true(n > 16);
	assert_int_equal(p.j->queue_len, 0);
	assert_true(counted(&p.j->disk_bytes) > 1u << 20);
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_go_when_the_oldest_has_waited),
		cmocka_unit_test(one_that_is_waited_for_takes_them_along),
		cmocka_unit_test(one_that_is_waited_for_is_due_behind_them),
		cmocka_unit_test(the_oldest_is_not_always_the_first),
		cmocka_unit_test(they_are_in_nobodys_way),
		cmocka_unit_test(nothing_waits_after_a_failure),
		cmocka_unit_test(early_blocks_keep_their_distance),
		cmocka_unit_test(a_quarter_of_the_pool_is_enough),
		cmocka_unit_test(a_mebibyte_is_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
