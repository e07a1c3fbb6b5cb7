/* How the sequence state of a stream outlives a restart: checkpoints, and replay of the journal. */
#include "tests/unit/ledger/stream_spec.h"

static struct stream restored;
static struct stream_range restored_ranges[MAX];

static void through_a_checkpoint(void)
{
	struct stream_range saved[MAX];
	struct stream_record rec;

	stream_save(&s, &rec, saved);
	assert_true(stream_restore(&restored, &rec, saved, restored_ranges, MAX));
}

static void a_checkpoint_keeps_mark_gaps_and_digest(void **state)
{
	(void)state;
	accept_all(1, 3);
	accept(7);
	durable(7);
	through_a_checkpoint();
	assert_int_equal(restored.epoch, 0x1122334455667788);
	assert_int_equal(restored.conn_id, 65535);
	assert_int_equal(restored.confirmed.seq, 7);
	assert_int_equal(restored.confirmed.digest[0], 7);
	assert_int_equal(restored.highest, 7);
	assert_string_equal(gaps_of(&restored), "4-6");
	assert_int_equal(restored_ranges[0].before_ns, 3000);
	assert_int_equal(restored_ranges[0].after_ns, 7000);
}

static void a_checkpoint_knows_nothing_of_what_is_not_durable(void **state)
{
	(void)state;
	accept_all(1, 3);
	durable(2);
	accept(9);
	through_a_checkpoint();
	assert_int_equal(restored.confirmed.seq, 2);
	assert_string_equal(gaps_of(&restored), "");
}

static void a_late_item_that_is_not_durable_is_a_gap_in_a_checkpoint(void **state)
{
	(void)state;
	accept(9);
	durable(9);
	stream_open(&s);
	accept(4);
	accept(5);
	through_a_checkpoint();
	assert_string_equal(gaps_of(&restored), "1-8");
	durable(4);
	through_a_checkpoint();
	assert_string_equal(gaps_of(&restored), "1-3 5-8");
}

static void a_checkpoint_keeps_what_was_closed(void **state)
{
	(void)state;
	begin(1);
	accept(3);
	durable(3);
	accept(5);
	durable(5);
	through_a_checkpoint();
	assert_int_equal(restored.closed_upto, 2);
	assert_int_equal(restored.gaps_overflow, 1);
	assert_int_equal(restored.closed_items, 2);
	assert_int_equal(stream_accept(&restored, 1, 0), STREAM_STALE);
}

static void a_smaller_bound_closes_gaps_on_restoring(void **state)
{
	struct stream_range saved[MAX];
	struct stream_record rec;

	(void)state;
	for (uint64_t seq = 2; seq <= 10; seq += 2)
		accept(seq);
	durable(10);
	stream_save(&s, &rec, saved);
	assert_true(stream_restore(&restored, &rec, saved, restored_ranges, 2));
	assert_string_equal(gaps_of(&restored), "7 9");
	assert_int_equal(restored.gaps_overflow, 3);
}

static void a_record_that_contradicts_itself_is_refused(void **state)
{
	const struct stream_record good = {.confirmed = {.seq = 10}, .n_gaps = 2};
	const struct stream_range bad[][2] = {
		{{.first = 0, .last = 1}, {.first = 3, .last = 4}},
		{{.first = 2, .last = 1}, {.first = 3, .last = 4}},
		{{.first = 1, .last = 3}, {.first = 3, .last = 4}},
		{{.first = 1, .last = 3},
			{.first = 4, .last = 5}}, /* one gap, or an item between */
		{{.first = 5, .last = 6}, {.first = 1, .last = 2}},
		{{.first = 1, .last = 2}, {.first = 8, .last = 10}},
	};
	const struct stream_range fine[] = {{.first = 1, .last = 3}, {.first = 5, .last = 9}};
	struct stream_record closed = good;

	(void)state;
	assert_true(stream_restore(&restored, &good, fine, restored_ranges, MAX));
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(stream_restore(&restored, &good, bad[i], restored_ranges, MAX));
		assert_int_equal(restored.highest, 0);
		assert_int_equal(restored.n_ranges, 0);
	}
	closed.closed_upto = 11;
	assert_false(stream_restore(&restored, &closed, fine, restored_ranges, MAX));
}

static bool replay(uint64_t first, uint64_t last)
{
	const struct stream_mark upto = {.seq = last, .time_ns = (int64_t)last};

	return stream_replay(&s, first, &upto);
}

static void replay_finds_the_gaps_between_what_the_journal_holds(void **state)
{
	(void)state;
	assert_true(replay(1, 5));
	assert_true(replay(8, 9));
	assert_true(replay(10, 10));
	assert_string_equal(gaps(), "6-7");
	assert_int_equal(s.confirmed.seq, 10);
	assert_true(stream_open(&s));
	assert_int_equal(accept(10), STREAM_DUPLICATE);
	assert_int_equal(accept(11), STREAM_NEW);
}

static void replay_of_late_items_fills_gaps(void **state)
{
	(void)state;
	replay(1, 2);
	replay(20, 20);
	replay(5, 6);
	assert_string_equal(gaps(), "3-4 7-19");
	replay(3, 3);
	replay(19, 19);
	assert_string_equal(gaps(), "4 7-18");
	replay(4, 8);
	assert_string_equal(gaps(), "9-18");
	assert_int_equal(s.confirmed.seq, 20);
}

static void replay_of_what_is_known_changes_nothing(void **state)
{
	(void)state;
	replay(1, 5);
	replay(9, 12);
	replay(1, 5);
	replay(9, 12);
	assert_string_equal(gaps(), "6-8");
	replay(4, 15);
	assert_string_equal(gaps(), "");
	assert_int_equal(s.highest, 15);
}

static void replay_refuses_what_is_no_range(void **state)
{
	(void)state;
	assert_false(replay(0, 5));
	assert_false(replay(6, 5));
	assert_int_equal(s.highest, 0);
}

static void replay_into_a_full_list_closes_the_lowest(void **state)
{
	(void)state;
	begin(2);
	replay(2, 2);
	replay(4, 4);
	replay(10, 10);
	assert_string_equal(gaps(), "3 5-9");
	replay(7, 7);
	assert_string_equal(gaps(), "5-6 8-9");
	assert_int_equal(s.gaps_overflow, 2);
	assert_int_equal(s.closed_upto, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_checkpoint_keeps_mark_gaps_and_digest),
		TEST(a_checkpoint_knows_nothing_of_what_is_not_durable),
		TEST(a_late_item_that_is_not_durable_is_a_gap_in_a_checkpoint),
		TEST(a_checkpoint_keeps_what_was_closed),
		TEST(a_smaller_bound_closes_gaps_on_restoring),
		TEST(a_record_that_contradicts_itself_is_refused),
		TEST(replay_finds_the_gaps_between_what_the_journal_holds),
		TEST(replay_of_late_items_fills_gaps),
		TEST(replay_of_what_is_known_changes_nothing),
		TEST(replay_refuses_what_is_no_range),
		TEST(replay_into_a_full_list_closes_the_lowest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
