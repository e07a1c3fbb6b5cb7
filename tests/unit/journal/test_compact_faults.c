/* Rewriting a finished segment while the power is cut or a call fails, at every one of its calls.
 */
#include "dataplane/journal/internal.h"
#include "tests/unit/journal/util.h"
#include "tests/unit/journal/work.h"

static void fill(struct work *w)
{
	for (unsigned i = 0; i < 12; i++) {
		work_send(w, i & 1, 20 + i);
		work_settle(w);
		if (i % 5 == 4)
			assert_int_equal(rotate_finish(w->j), 0);
	}
}

static uint64_t calls_before;

static uint64_t calls_of_rewriting(void)
{
	struct memfs *fs = memfs_new();
	struct work w;
	uint64_t n;

	work_init(&w, fs);
	w.cfg.compaction_level = 3;
	assert_int_equal(work_open(&w), JOURNAL_OK);
	fill(&w);
	calls_before = memfs_calls(fs);
	assert_true(compacting_step(w.j));
	assert_true(compacting_step(w.j));
	n = memfs_calls(fs);
	work_close(&w);
	memfs_free(fs);
	return n;
}

static void power_cut_at_every_call(void **state)
{
	uint64_t calls = calls_of_rewriting();

	(void)state;
	for (uint64_t at = calls_before + 1; at <= calls + 1; at++) {
		struct memfs *fs = memfs_new();
		struct work w;

		work_init(&w, fs);
		w.cfg.compaction_level = 3;
		assert_int_equal(work_open(&w), JOURNAL_OK);
		fill(&w);
		memfs_cut(fs, at);
		while (compacting_step(w.j))
			continue;
		work_close(&w);
		for (uint64_t seed = 0; seed < 6; seed++) {
			struct memfs *disk = memfs_crash(fs, at * 1000 + seed);

			work_recovers(&w, disk);
			memfs_free(disk);
		}
		memfs_free(fs);
	}
}

static void one_failure_at_every_call(void **state)
{
	static const enum memfs_fault faults[] = {MEMFS_EIO, MEMFS_ENOSPC, MEMFS_SHORT};
	uint64_t calls = calls_of_rewriting();

	(void)state;
	for (unsigned k = 0; k < 3; k++) {
		for (uint64_t at = calls_before + 1; at <= calls; at++) {
			struct memfs *fs = memfs_new();
			uint64_t sent = 0;
			struct work w;

			work_init(&w, fs);
			w.cfg.compaction_level = 3;
			assert_int_equal(work_open(&w), JOURNAL_OK);
			fill(&w);
			memfs_fail(fs, at, faults[k]);
			for (unsigned i = 0; i < 4; i++)
				compacting_step(w.j);
			memfs_repair(fs);
			assert_int_equal(journal_state(w.j), JOURNAL_RUNNING);
			fill(&w);
			work_close(&w);
			for (unsigned i = 0; i < WORK_SENDERS; i++)
				sent += w.sent[i];
			assert_int_equal(work_check(&w, fs), sent);
			assert_int_equal(work_verify(fs, false), sent);
			memfs_free(fs);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(power_cut_at_every_call),
		cmocka_unit_test(one_failure_at_every_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
