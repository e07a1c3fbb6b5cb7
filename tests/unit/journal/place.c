#include "tests/unit/journal/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int place_set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	p->fs = memfs_new();
	test_config(&p->cfg, "/j");
	p->cfg.fs = memfs_table(p->fs);
	p->cfg.segment_size = 64u << 10;
	assert_int_equal(journal_open(&p->cfg, 1, &p->j, NULL, NULL), JOURNAL_OK);
	*state = p;
	return 0;
}

int place_tear_down(void **state)
{
	struct place *p = *state;

	journal_close(p->j);
	memfs_free(p->fs);
	free(p);
	return 0;
}

void place_send(struct place *p, const char *device, unsigned logs)
{
	struct journal_port *port = journal_port(p->j, 0);
	struct block *b = journal_block_get(port);

	assert_non_null(b);
	for (unsigned i = 0; i < logs; i++) {
		char text[64];
		int len = snprintf(
			text, sizeof(text), "%s %llu", device, (unsigned long long)p->sent);

		assert_true(test_log(b, device, T0 + p->sent * 1000000000ull, text, (uint32_t)len));
		p->sent++;
	}
	journal_submit(port, b);
	test_settle(p->j);
	assert_int_equal(journal_completed(port, &b, 1), 1);
	journal_block_put(port, b);
}

void place_close(struct place *p)
{
	journal_close(p->j);
	p->j = NULL;
}

struct journal_reader *place_reader(struct place *p, const struct journal_query *q)
{
	struct journal_reader *r;

	assert_int_equal(journal_reader_open_fs(memfs_table(p->fs), "/j", q, &r, NULL), JOURNAL_OK);
	return r;
}

uint64_t place_run(struct place *p, const struct journal_query *q, uint64_t *first, uint64_t *last,
	struct journal_reader_stats *st)
{
	struct journal_reader *r = place_reader(p, q);
	struct journal_log log;
	uint64_t n = 0;

	while (journal_reader_next(r, &log) == 1) {
		char text[64];

		snprintf(text, sizeof(text), "%.*s", (int)log.len, (const char *)log.log);
		*last = strtoull(strrchr(text, ' ') + 1, NULL, 10);
		if (n++ == 0)
			*first = *last;
	}
	if (st)
		journal_reader_stats(r, st);
	journal_reader_close(r);
	return n;
}
