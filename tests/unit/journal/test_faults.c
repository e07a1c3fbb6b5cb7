/*
 * A disk that fails: each call of a scenario in turn, once or for good. What was acknowledged
 * stays, what was not is written again by the journal itself, and nothing is there twice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/internal.h"
#include "tests/unit/journal/util.h"
#include "tests/unit/journal/work.h"

static void fill(struct work *w)
{
	for (unsigned i = 0; i < 5; i++) {
		work_send(w, i & 1, 20 + 60 * i);
		if (i & 1)
			work_settle(w);
	}
	for (unsigned i = 0; i < 3; i++)
		work_send(w, i & 1, 400);
	work_settle(w);
}

/* A hold for want of space ends by itself within two seconds. */
static void wait_out_hold(struct work *w)
{
	for (unsigned i = 0; i < 4 && w->j->queue_len > 0; i++) {
		memfs_advance(w->fs, 600000);
		work_settle(w);
	}
}

static uint64_t calls_to_open(void)
{
	struct memfs *fs = memfs_new();
	struct work w;
	uint64_t n;

	work_init(&w, fs);
	assert_int_equal(work_open(&w), JOURNAL_OK);
	n = memfs_calls(fs);
	work_close(&w);
	memfs_free(fs);
	return n;
}

static uint64_t calls_of_scenario(void)
{
	struct memfs *fs = memfs_new();
	struct work w;
	uint64_t n;

	work_init(&w, fs);
	work_open(&w);
	fill(&w);
	work_close(&w);
	n = memfs_calls(fs);
	memfs_free(fs);
	return n;
}

static void check_end(struct work *w, struct memfs *fs, bool torn_allowed)
{
	uint64_t sent = 0;
	uint64_t acked = 0;

	for (unsigned i = 0; i < WORK_SENDERS; i++) {
		sent += w->sent[i];
		acked += w->acked[i];
	}
	assert_int_equal(acked, sent);
	assert_int_equal(work_check(w, fs), sent);
	assert_int_equal(work_verify(fs, torn_allowed), sent);
	assert_int_equal(work_open(w), JOURNAL_OK);
	assert_int_equal(w->recovery.corrupt_blocks, 0);
	assert_int_equal(w->recovery.torn_files, 0);
	work_check_accounts(w, w->j, fs);
	w->last_durable = w->recovery.durable_block;
	work_send(w, 0, 10);
	work_settle(w);
	work_close(w);
	assert_int_equal(work_check(w, fs), sent + 10);
	assert_int_equal(work_verify(fs, false), sent + 10);
}

/* One failure, whatever it is, is survived without anybody's help: nothing is refused. */
static void one_failure(enum memfs_fault fault, bool truncates)
{
	uint64_t calls = calls_of_scenario();

	for (uint64_t at = calls_to_open() + 1; at <= calls; at++) {
		struct memfs *fs = memfs_new();
		struct work w;

		work_init(&w, fs);
		assert_int_equal(work_open(&w), JOURNAL_OK);
		memfs_fail(fs, at, fault);
		if (!truncates)
			memfs_refuse_truncate(fs);
		fill(&w);
		wait_out_hold(&w);
		assert_int_equal(journal_state(w.j), JOURNAL_RUNNING);
		work_close(&w);
		memfs_repair(fs);
		check_end(&w, fs, !truncates); /* even closing can fail */
		memfs_free(fs);
	}
}

static void one_eio_at_every_call(void **state)
{
	(void)state;
	one_failure(MEMFS_EIO, true);
}

static void one_enospc_at_every_call(void **state)
{
	(void)state;
	one_failure(MEMFS_ENOSPC, true);
}

static void one_short_write_at_every_call(void **state)
{
	(void)state;
	one_failure(MEMFS_SHORT, true);
}

/* One operation that takes a hundred times as long: nothing is acknowledged before its end. */
static void one_slow_call_at_every_call(void **state)
{
	(void)state;
	one_failure(MEMFS_SLOW, true);
}

/* What was written before a failed sync cannot be cut off: the next segment supersedes it. */
static void leftovers_of_a_failed_commit_are_superseded(void **state)
{
	(void)state;
	one_failure(MEMFS_EIO, false);
}

static void failed_sync_begins_a_new_segment_under_the_same_numbers(void **state)
{
	struct memfs *fs = memfs_new();
	struct journal_status st;
	uint64_t size;
	struct work w;

	(void)state;
	work_init(&w, fs);
	assert_int_equal(work_open(&w), JOURNAL_OK);
	work_send(&w, 0, 10);
	work_settle(&w);
	memfs_fail(fs, memfs_calls(fs) + 2, MEMFS_EIO); /* write, sync */
	work_send(&w, 0, 10);
	work_settle(&w);
	journal_status(w.j, &st);
	assert_int_equal(st.sync_errors, 1);
	assert_int_equal(st.write_errors, 0);
	assert_string_equal(st.last_error, "fdatasync: Input/output error");
	assert_int_equal(st.segments, 2);
	assert_int_equal(st.durable_block, 2);
	assert_non_null(memfs_data(fs, "/j/0000000000000002.zst", &size));
	assert_int_equal(w.acked[0], 20);
	work_close(&w);
	check_end(&w, fs, false);
	memfs_free(fs);
}

/* The open itself: it fails, or holds; afterwards it opens and all is there. */
static void one_eio_at_every_call_of_opening(void **state)
{
	uint64_t calls = calls_to_open();

	(void)state;
	for (uint64_t at = 1; at <= calls + 40; at++) {
		struct memfs *fs = memfs_new();
		struct memfs *disk;
		struct work w;

		/* A journal left without a clean end, so that opening has something to do. */
		work_init(&w, fs);
		assert_int_equal(work_open(&w), JOURNAL_OK);
		fill(&w);
		disk = memfs_crash(fs, at);
		work_close(&w);
		memfs_free(fs);
		w.fs = disk;
		w.cfg.fs = memfs_table(disk);
		memfs_fail(disk, at, MEMFS_EIO);
		if (work_open(&w) == JOURNAL_OK)
			work_close(&w);
		memfs_repair(disk);
		assert_int_equal(work_open(&w), JOURNAL_OK);
		assert_int_equal(w.recovery.corrupt_blocks, 0);
		work_check_accounts(&w, w.j, disk);
		work_close(&w);
		work_verify(disk, false);
		memfs_free(disk);
	}
}

static void send_until_full(struct work *w)
{
	for (unsigned i = 0; i < 40; i++)
		work_send(w, i & 1, 50);
	assert_false(work_send(w, 0, 1));
	assert_false(work_send(w, 1, 1));
}

/* A disk that stays broken: failed; nothing more is acknowledged; resume refuses, then helps. */
static void broken_disk_fails_and_resumes(void **state)
{
	uint64_t calls = calls_of_scenario();

	(void)state;
	for (uint64_t at = calls_to_open() + 1; at + 12 <= calls; at += 3) {
		struct memfs *fs = memfs_new();
		struct journal_fault fault;
		uint64_t acked;
		struct work w;

		work_init(&w, fs);
		assert_int_equal(work_open(&w), JOURNAL_OK);
		memfs_fail(fs, at, MEMFS_EIO_ON);
		fill(&w);
		send_until_full(&w);
		work_settle(&w);
		assert_int_equal(journal_state(w.j), JOURNAL_FAILED);
		acked = w.acked[0] + w.acked[1];
		assert_int_equal(journal_resume(w.j, &fault), JOURNAL_E_FAILED);
		assert_non_null(strstr(fault.text, "/j: "));
		assert_int_equal(journal_state(w.j), JOURNAL_FAILED);
		work_settle(&w);
		assert_int_equal(w.acked[0] + w.acked[1], acked);
		memfs_repair(fs);
		work_settle(&w);
		assert_int_equal(journal_state(w.j), JOURNAL_FAILED); /* not by itself */
		assert_int_equal(journal_resume(w.j, &fault), JOURNAL_OK);
		work_settle(&w);
		assert_int_equal(journal_state(w.j), JOURNAL_RUNNING);
		assert_true(work_send(&w, 0, 1));
		work_settle(&w);
		work_close(&w);
		check_end(&w, fs, false);
		memfs_free(fs);
	}
}

/* Stopped while failed: what is pending is refused, what was acknowledged is there. */
static void stop_while_failed_refuses_what_is_pending(void **state)
{
	struct memfs *fs = memfs_new();
	uint64_t n;
	struct work w;

	(void)state;
	work_init(&w, fs);
	assert_int_equal(work_open(&w), JOURNAL_OK);
	fill(&w);
	memfs_fail(fs, 1, MEMFS_EIO_ON);
	work_send(&w, 0, 50);
	work_send(&w, 1, 50);
	work_settle(&w);
	assert_int_equal(journal_state(w.j), JOURNAL_FAILED);
	work_close(&w);
	assert_int_equal(w.refused[0], 50);
	assert_int_equal(w.refused[1], 50);
	memfs_repair(fs);
	n = work_check(&w, fs);
	assert_int_equal(n, w.acked[0] + w.acked[1]);
	assert_int_equal(work_open(&w), JOURNAL_OK);
	assert_int_equal(w.recovery.logs, n);
	work_close(&w);
	memfs_free(fs);
}

static void full_disk_holds_and_resumes_by_itself(void **state)
{
	uint64_t calls = calls_of_scenario();

	(void)state;
	for (uint64_t at = calls_to_open() + 1; at + 12 <= calls; at += 3) {
		struct memfs *fs = memfs_new();
		struct work w;

		work_init(&w, fs);
		assert_int_equal(work_open(&w), JOURNAL_OK);
		memfs_fail(fs, at, MEMFS_ENOSPC_ON);
		fill(&w);
		send_until_full(&w);
		wait_out_hold(&w);
		assert_int_equal(journal_state(w.j), JOURNAL_HOLD_DISK_FULL);
		memfs_repair(fs);
		wait_out_hold(&w);
		assert_int_equal(journal_state(w.j), JOURNAL_RUNNING);
		assert_int_equal(w.j->queue_len, 0);
		work_close(&w);
		check_end(&w, fs, false);
		memfs_free(fs);
	}
}

static void min_free_holds_and_resumes_by_itself(void **state)
{
	struct memfs *fs = memfs_new();
	struct work w;

	(void)state;
	work_init(&w, fs);
	w.cfg.min_free = 1u << 30;
	assert_int_equal(work_open(&w), JOURNAL_OK);
	fill(&w);
	assert_int_equal(w.j->queue_len, 0);
	memfs_set_space(fs, 1ull << 40, (1u << 30) - 1);
	memfs_advance(fs, 1000000);
	send_until_full(&w);
	wait_out_hold(&w);
	assert_int_equal(journal_state(w.j), JOURNAL_HOLD_DISK_FULL);
	assert_true(w.j->queue_len > 0);
	memfs_set_space(fs, 1ull << 40, 1u << 30);
	wait_out_hold(&w);
	assert_int_equal(journal_state(w.j), JOURNAL_RUNNING);
	assert_int_equal(w.j->queue_len, 0);
	work_close(&w);
	check_end(&w, fs, false);
	memfs_free(fs);
}

/* Senders that were told to hold send nothing: the hold ends all the same. */
static void hold_ends_without_anything_to_write(void **state)
{
	struct memfs *fs = memfs_new();
	struct work w;

	(void)state;
	work_init(&w, fs);
	w.cfg.min_free = 1u << 30;
	assert_int_equal(work_open(&w), JOURNAL_OK);
	memfs_set_space(fs, 1ull << 40, 1000);
	work_send(&w, 0, 1);
	work_settle(&w);
	assert_int_equal(journal_state(w.j), JOURNAL_HOLD_DISK_FULL);
	memfs_set_space(fs, 1ull << 40, 1ull << 40);
	memfs_advance(fs, 1000000);
	work_settle(&w);
	assert_int_equal(w.acked[0], 1);
	memfs_set_space(fs, 1ull << 40, 1000);
	memfs_advance(fs, 1000000);
	work_send(&w, 0, 1);
	work_settle(&w);
	assert_int_equal(journal_state(w.j), JOURNAL_HOLD_DISK_FULL);
	w.j->queue_len = 0; /* as if it had been refused */
	memfs_set_space(fs, 1ull << 40, 1ull << 40);
	for (unsigned i = 0; i < 10; i++) {
		memfs_advance(fs, 300000);
		journal_step(w.j, memfs_table(fs)->mono_us(fs));
	}
	assert_int_equal(journal_state(w.j), JOURNAL_RUNNING);
	w.j->queue_len = 1;
	work_settle(&w);
	assert_int_equal(w.acked[0], 2);
	work_close(&w);
	memfs_free(fs);
}

/* At the end the reserve that min-free kept is used: nothing that came in is thrown away. */
static void stop_under_min_free_still_stores(void **state)
{
	struct memfs *fs = memfs_new();
	struct work w;

	(void)state;
	work_init(&w, fs);
	w.cfg.min_free = 1u << 30;
	assert_int_equal(work_open(&w), JOURNAL_OK);
	memfs_set_space(fs, 1ull << 40, 1000);
	work_send(&w, 0, 50);
	work_settle(&w);
	assert_int_equal(w.acked[0], 0);
	work_close(&w);
	assert_int_equal(w.acked[0], 50);
	check_end(&w, fs, false);
	memfs_free(fs);
}

static void stop_on_a_full_disk_refuses_what_is_pending(void **state)
{
	struct memfs *fs = memfs_new();
	struct work w;

	(void)state;
	work_init(&w, fs);
	assert_int_equal(work_open(&w), JOURNAL_OK);
	work_send(&w, 0, 50);
	work_settle(&w);
	memfs_fail(fs, 1, MEMFS_ENOSPC_ON);
	work_send(&w, 0, 50);
	work_close(&w);
	assert_int_equal(w.acked[0], 50);
	assert_int_equal(w.refused[0], 50);
	memfs_repair(fs);
	assert_int_equal(work_check(&w, fs), 50);
	memfs_free(fs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_eio_at_every_call),
		cmocka_unit_test(one_enospc_at_every_call),
		cmocka_unit_test(one_short_write_at_every_call),
		cmocka_unit_test(one_slow_call_at_every_call),
		cmocka_unit_test(leftovers_of_a_failed_commit_are_superseded),
		cmocka_unit_test(failed_sync_begins_a_new_segment_under_the_same_numbers),
		cmocka_unit_test(one_eio_at_every_call_of_opening),
		cmocka_unit_test(broken_disk_fails_and_resumes),
		cmocka_unit_test(stop_while_failed_refuses_what_is_pending),
		cmocka_unit_test(full_disk_holds_and_resumes_by_itself),
		cmocka_unit_test(min_free_holds_and_resumes_by_itself),
		cmocka_unit_test(hold_ends_without_anything_to_write),
		cmocka_unit_test(stop_under_min_free_still_stores),
		cmocka_unit_test(stop_on_a_full_disk_refuses_what_is_pending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
