/*
 * Ten years on a clock of the test's own: a segment a day, retention of a year, restarts each
 * month, a wall clock that is set forward and back by seconds, hours, days and years. What is kept
 * is in order and without holes, what is counted for life is exact, and nothing grows for ever.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/internal.h"
#include "tests/unit/journal/memfs.h"
#include "tests/unit/journal/util.h"

#define SECOND	    1000000ull
#define HOUR	    (3600 * SECOND)
#define DAY	    (24 * HOUR)
#define YEARS	    10u
#define KEPT_DAYS   365u
#define STREAM_DAYS 400u
#define LOGS_A_DAY  5u

struct world {
	struct memfs *fs;
	struct journal_config cfg;
	struct journal *j;
	uint64_t logs;
	uint64_t expired;
};

static uint64_t mono(struct world *w)
{
	return memfs_table(w->fs)->mono_us(w->fs);
}

static void open_it(struct world *w)
{
	struct journal_recovery rec;

	assert_int_equal(journal_open(&w->cfg, 1, &w->j, &rec, NULL), JOURNAL_OK);
	journal_compact(w->j);
	assert_true(rec.clean);
	assert_int_equal(w->j->durable_logs, w->logs);
}

static void close_it(struct world *w)
{
	w->expired += journal_streams_expired(w->j);
	journal_close(w->j);
}

/* A block of the day's logs; each month another stream begins, and the one before falls silent. */
static void send(struct world *w, unsigned month)
{
	struct journal_port *p = journal_port(w->j, 0);
	struct block *b = journal_block_get(p);

	assert_non_null(b);
	block_device_add(b, "fw", 2, 0);
	b->streams[b->stream_count++] = (struct block_stream){.epoch = month + 1,
		.first_seq = w->logs + 1,
		.last_seq = w->logs + LOGS_A_DAY,
		.confirmed = w->logs + LOGS_A_DAY};
	for (unsigned i = 0; i < LOGS_A_DAY; i++) {
		char text[32];
		int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)w->logs++);
		struct block_row row = {.time_ns = memfs_table(w->fs)->wall_ns(w->fs),
			.seq_no = w->logs,
			.len = (uint32_t)len,
			.source = BLOCK_NONE,
			.vdom = BLOCK_NONE};

		memcpy(block_append(b, &row), text, (size_t)len);
	}
	journal_submit(p, b);
	test_settle(w->j);
	assert_int_equal(journal_completed(p, &b, 1), 1);
	assert_int_equal(b->error, 0);
	journal_block_put(p, b);
}

static void pass(struct world *w, uint64_t us, uint64_t by)
{
	for (uint64_t t = 0; t < us; t += by) {
		memfs_advance(w->fs, by);
		journal_step(w->j, mono(w));
	}
}

/* The wall clock is set; after an hour it is set right again. */
static void step_clock(struct world *w, int64_t us)
{
	const struct journal_fs *fs = memfs_table(w->fs);

	memfs_set_time(w->fs, mono(w), fs->wall_ns(w->fs) + (uint64_t)(us * 1000));
	pass(w, HOUR, 10 * SECOND);
	memfs_set_time(w->fs, mono(w), fs->wall_ns(w->fs) - (uint64_t)(us * 1000));
	pass(w, 2 * HOUR, 60 * SECOND);
}

/* What is kept: numbers without a hole up to the newest; the first is returned. */
static uint64_t read_all(struct world *w)
{
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	struct journal_reader *r;
	struct journal_log log;
	uint64_t first = UINT64_MAX;
	uint64_t next = 0;

	assert_int_equal(
		journal_reader_open_fs(memfs_table(w->fs), "/j", &q, &r, NULL), JOURNAL_OK);
	while (journal_reader_next(r, &log) == 1) {
		char text[32];
		uint64_t n;

		snprintf(text, sizeof(text), "%.*s", (int)log.len, (const char *)log.log);
		n = strtoull(text, NULL, 10);
		if (first == UINT64_MAX)
			first = next = n;
		assert_int_equal(n, next);
		next++;
	}
	journal_reader_close(r);
	assert_int_equal(next, w->logs);
	return first;
}

static void ten_years(void **state)
{
	static const int64_t steps[] = {3 * (int64_t)SECOND, -3 * (int64_t)SECOND, (int64_t)HOUR,
		-(int64_t)HOUR, (int64_t)DAY, -30 * (int64_t)DAY, 400 * (int64_t)DAY,
		-4000 * (int64_t)DAY};
	struct world w = {.fs = memfs_new()};
	unsigned most = 0;

	(void)state;
	test_config(&w.cfg, "/j");
	w.cfg.pool_blocks = 4;
	w.cfg.fs = memfs_table(w.fs);
	w.cfg.segment_age_s = 86400;
	w.cfg.retention_age_s = KEPT_DAYS * 86400;
	w.cfg.stream_retention_s = STREAM_DAYS * 86400ull;
	w.cfg.compaction_level = 1;
	open_it(&w);
	for (unsigned day = 0; day < YEARS * 365; day++) {
		send(&w, day / 30);
		pass(&w, DAY - 4 * HOUR, 2 * HOUR);
		if (day % 50 == 49)
			step_clock(&w, steps[day / 50 % 8]);
		pass(&w, 4 * HOUR, HOUR);
		compacting_step(w.j);
		if (day % 30 == 29) {
			close_it(&w);
			open_it(&w);
		}
		if (day % 365 == 364) {
			uint64_t kept = (w.logs - read_all(&w)) / LOGS_A_DAY;

			/* A clock that is a year ahead for an hour costs sixty days at the most. */
			assert_in_range(kept, day < KEPT_DAYS ? day + 1 - 61 : KEPT_DAYS - 61,
				KEPT_DAYS + 3);
		}
		most = w.j->seg_count > most ? w.j->seg_count : most;
	}
	assert_in_range(most, KEPT_DAYS - 1, KEPT_DAYS + 5);
	assert_int_equal(w.j->durable_logs, (uint64_t)YEARS * 365 * LOGS_A_DAY);
	assert_int_equal(fold_device_count(w.j->fold), 1);
	/* Each stream was forgotten when it had been silent for long, and no other. */
	assert_in_range(fold_stream_count(w.j->fold), STREAM_DAYS / 30, STREAM_DAYS / 30 + 3);
	close_it(&w);
	assert_in_range(w.expired, YEARS * 365 / 30 - STREAM_DAYS / 30 - 3,
		YEARS * 365 / 30 - STREAM_DAYS / 30 + 1);
	memfs_free(w.fs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_years),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
