/*
 * Power cuts. A scenario runs once for every call that it makes to the disk, with the power cut
 * before that call; each time several of the states that the disk may then be in are recovered, and
 * everything that had been acknowledged must be there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/journal/util.h"
#include "tests/unit/journal/work.h"

#define SEEDS 4

/* Two lives of a journal: commits of one block and of several, segments that end, a clean end. */
static void scenario(struct work *w)
{
	if (work_open(w) != JOURNAL_OK)
		return;
	for (unsigned i = 0; i < 6; i++) {
		work_send(w, i & 1, 20 + 30 * i);
		if (i % 3 == 0)
			work_settle(w);
	}
	work_settle(w);
	for (unsigned i = 0; i < 4; i++)
		work_send(w, i & 1, 400);
	work_settle(w);
	work_close(w);
	if (work_open(w) != JOURNAL_OK)
		return;
	work_send(w, 0, 5);
	work_settle(w);
	work_send(w, 1, 400);
	work_send(w, 1, 400);
	work_settle(w);
	work_close(w);
}

static uint64_t calls_of_scenario(unsigned delay)
{
	struct memfs *fs = memfs_new();
	struct work w;
	uint64_t n;

	work_init(&w, fs);
	memfs_set_delay(fs, delay);
	scenario(&w);
	n = memfs_calls(fs);
	work_verify(fs, false);
	for (unsigned i = 0; i < WORK_SENDERS; i++)
		assert_int_equal(w.acked[i], w.sent[i]);
	work_check(&w, fs);
	memfs_free(fs);
	return n;
}

static void cut_at_every_call(unsigned delay, unsigned every)
{
	uint64_t calls = calls_of_scenario(delay);

	assert_true(calls > 100);
	for (uint64_t at = 1; at <= calls; at += every) {
		struct memfs *fs = memfs_new();
		struct work w;

		work_init(&w, fs);
		memfs_set_delay(fs, delay);
		memfs_fail(fs, at, MEMFS_POWER_CUT);
		scenario(&w);
		work_close(&w);
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			struct memfs *disk = memfs_crash(fs, at * 1000 + seed);

			work_recovers(&w, disk);
			memfs_free(disk);
		}
		memfs_free(fs);
	}
}

static void power_cut_at_every_call(void **state)
{
	(void)state;
	cut_at_every_call(0, 1);
}

static void power_cut_with_writes_under_way(void **state)
{
	(void)state;
	cut_at_every_call(3, 3);
}

/* Cut in the middle of a commit, then again at every call of the recovery. */
static void power_cut_during_recovery(void **state)
{
	uint64_t calls = calls_of_scenario(0);

	(void)state;
	for (uint64_t at = calls / 3; at <= calls; at += calls / 6) {
		struct memfs *fs = memfs_new();
		struct work w;

		work_init(&w, fs);
		memfs_fail(fs, at, MEMFS_POWER_CUT);
		scenario(&w);
		work_close(&w);
		for (uint64_t again = 1; again < 200; again++) {
			struct memfs *disk = memfs_crash(fs, at * 1000 + again % 7);
			struct work v = w;
			struct memfs *third;
			bool reached;

			v.fs = disk;
			v.cfg.fs = memfs_table(disk);
			v.j = NULL;
			v.life = w.life + 1;
			memfs_fail(disk, again, MEMFS_POWER_CUT);
			if (work_open(&v) == JOURNAL_OK)
				work_close(&v);
			reached = memfs_failed(disk);
			third = memfs_crash(disk, again);
			work_recovers(&v, third);
			memfs_free(third);
			memfs_free(disk);
			if (!reached)
				break;
		}
		memfs_free(fs);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(power_cut_at_every_call),
		cmocka_unit_test(power_cut_with_writes_under_way),
		cmocka_unit_test(power_cut_during_recovery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
