#include "tests/unit/journal/aging.h"

#include <stdlib.h>

#include "dataplane/journal/internal.h"

void aging_open(struct place *p)
{
	assert_int_equal(journal_open(&p->cfg, 1, &p->j, NULL, NULL), JOURNAL_OK);
}

int aging_set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	p->fs = memfs_new();
	test_config(&p->cfg, "/j");
	p->cfg.fs = memfs_table(p->fs);
	p->cfg.pool_blocks = 4;
	*state = p;
	return 0;
}

static void step(struct place *p)
{
	journal_step(p->j, memfs_table(p->fs)->mono_us(p->fs));
}

void aging_send(struct place *p, unsigned logs)
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

void aging_pass(struct place *p, uint64_t us, uint64_t by)
{
	for (uint64_t at = 0; at < us; at += by) {
		memfs_advance(p->fs, by);
		step(p);
	}
}

struct journal_status aging_status(struct place *p)
{
	struct journal_status st;

	journal_status(p->j, &st);
	return st;
}

unsigned aging_finished(struct place *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->j->seg_count; i++)
		n += p->j->segs[i].finished;
	return n;
}
