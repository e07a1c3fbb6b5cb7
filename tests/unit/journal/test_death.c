/*
 * The process dies, and the machine goes on: what the next one finds in the page cache may not be
 * on the disk, and must be before it is called durable. And evidence of what was durable survives a
 * recovery that is interrupted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/internal.h"
#include "tests/unit/journal/util.h"
#include "tests/unit/journal/work.h"

static void scenario(struct work *w)
{
	if (work_open(w) != JOURNAL_OK)
		return;
	for (unsigned i = 0; i < 6; i++) {
		work_send(w, i & 1, 20 + 50 * i);
		if (i & 1)
			work_settle(w);
	}
	for (unsigned i = 0; i < 3; i++)
		work_send(w, i & 1, 400);
	work_settle(w);
	work_close(w);
}

static uint64_t calls_of_scenario(void)
{
	struct memfs *fs = memfs_new();
	struct work w;
	uint64_t n;

	work_init(&w, fs);
	scenario(&w);
	n = memfs_calls(fs);
	memfs_free(fs);
	return n;
}

/* Another disk, and another life of the senders. */
static struct work moved(const struct work *w, struct memfs *fs)
{
	struct work v = *w;

	v.fs = fs;
	v.cfg.fs = memfs_table(fs);
	v.j = NULL;
	v.life = w->life + 1;
	v.last_durable = 0;
	return v;
}

/* What a start announced as durable is there after a power cut that follows it at once. */
static bool announced_is_durable(const struct work *w, struct memfs *disk, uint64_t seed)
{
	struct work v = moved(w, disk);
	uint64_t logs;
	uint64_t block;

	if (work_open(&v) != JOURNAL_OK)
		return false; /* announced nothing */
	journal_durable(v.j, &block, &logs);
	for (uint64_t i = 0; i < 3; i++) {
		struct memfs *cut = memfs_crash(disk, seed + i);

		assert_true(work_check(&v, cut) >= logs);
		memfs_free(cut);
	}
	work_close(&v);
	return true;
}

static void die_at_every_call(enum memfs_fault how, enum memfs_fault then)
{
	uint64_t calls = calls_of_scenario();
	uint64_t opened = 0;

	for (uint64_t at = 1; at <= calls; at++) {
		struct memfs *fs = memfs_new();
		struct memfs *disk;
		struct work w;

		work_init(&w, fs);
		memfs_fail(fs, at, how);
		scenario(&w);
		work_close(&w);
		disk = memfs_kill(fs);
		if (then != MEMFS_NO_FAULT)
			memfs_fail(disk, 1, then);
		opened += announced_is_durable(&w, disk, at * 100);
		memfs_free(disk);
		memfs_free(fs);
	}
	assert_true(opened * 2 > calls);
}

static void what_is_found_is_made_durable(void **state)
{
	(void)state;
	die_at_every_call(MEMFS_POWER_CUT, MEMFS_NO_FAULT);
}

static void also_on_a_full_disk(void **state)
{
	(void)state;
	die_at_every_call(MEMFS_POWER_CUT, MEMFS_ENOSPC_ON);
}

/* The kernel forgot what it could not write, still shows it, and will say that all is well. */
static void what_a_failed_sync_left_is_written_again(void **state)
{
	(void)state;
	die_at_every_call(MEMFS_EIO_DEATH, MEMFS_NO_FAULT);
}

#define SEGMENT "/j/0000000000000001.zst"

/* Blocks 3 and 4 damaged; only the header of 4 says that 3 was durable. */
static struct memfs *only_a_torn_header_tells(struct work *w)
{
	struct memfs *fs = memfs_new();
	struct memfs *disk;
	uint64_t end[5];
	uint64_t size;
	uint8_t *copy;

	work_init(w, fs);
	assert_int_equal(work_open(w), JOURNAL_OK);
	for (unsigned i = 1; i < 5; i++) {
		work_send(w, 0, 10);
		work_settle(w);
		end[i] = w->j->w.end;
	}
	disk = memfs_crash(fs, 1);
	work_close(w);
	memfs_free(fs);
	copy = malloc(end[4]);
	memcpy(copy, memfs_data(disk, SEGMENT, &size), end[4]);
	assert_int_equal(size, end[4]);
	copy[end[2] + 20] ^= 1;
	copy[end[4] - 1] ^= 1;
	memfs_put(disk, SEGMENT, copy, size);
	free(copy);
	return disk;
}

static void on_finding(void *ctx, const struct journal_finding *f)
{
	if (f->kind == FINDING_CORRUPTION && f->first_block == 3 && f->last_block == 3)
		*(bool *)ctx = true;
}

static void evidence_of_durability_survives_an_interrupted_recovery(void **state)
{
	bool done = false;

	(void)state;
	for (uint64_t at = 1; !done; at++) {
		for (uint64_t seed = 0; seed < 6; seed++) {
			struct work w;
			struct memfs *disk = only_a_torn_header_tells(&w);
			struct work v = moved(&w, disk);
			struct journal_verify_totals totals;
			struct memfs *again;
			bool named = false;

			memfs_fail(disk, at, MEMFS_POWER_CUT);
			if (work_open(&v) == JOURNAL_OK)
				work_close(&v);
			done = !memfs_failed(disk);
			again = memfs_crash(disk, at * 100 + seed);
			v = moved(&v, again);
			assert_int_equal(work_open(&v), JOURNAL_OK);
			assert_true(v.recovery.durable_block >= 3); /* 3 is nobody else's number */
			work_close(&v);
			assert_int_equal(
				journal_verify_fs(memfs_table(again), "/j", JOURNAL_UNBOUNDED,
					on_finding, &named, &totals, NULL),
				JOURNAL_OK);
			assert_true(named);
			assert_int_equal(totals.torn, 0);
			memfs_free(again);
			memfs_free(disk);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_found_is_made_durable),
		cmocka_unit_test(also_on_a_full_disk),
		cmocka_unit_test(what_a_failed_sync_left_is_written_again),
		cmocka_unit_test(evidence_of_durability_survives_an_interrupted_recovery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
