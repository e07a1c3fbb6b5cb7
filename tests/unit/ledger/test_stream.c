/* The sequence state of a stream of reliable logging, rule by rule. */
#include "tests/unit/ledger/stream_spec.h"

static void items_in_order_are_new_and_leave_no_gap(void **state)
{
	(void)state;
	accept_all(1, 5);
	assert_string_equal(gaps(), "");
	assert_int_equal(stream_missing(&s), 0);
}

static void nothing_is_confirmed_before_it_is_durable(void **state)
{
	(void)state;
	accept_all(1, 5);
	assert_int_equal(s.confirmed.seq, 0);
	assert_int_equal(durable(3), 3);
	assert_int_equal(s.highest, 5);
	assert_int_equal(durable(5), 5);
}

static void the_confirmed_mark_carries_the_digest_of_its_item(void **state)
{
	(void)state;
	accept_all(1, 5);
	durable(3);
	assert_int_equal(s.confirmed.digest[0], 3);
	assert_int_equal(s.confirmed.time_ns, 3000);
}

static void durability_that_is_told_twice_changes_nothing(void **state)
{
	(void)state;
	accept_all(1, 5);
	durable(5);
	assert_int_equal(durable(3), 5);
	assert_int_equal(s.confirmed.digest[0], 5);
}

static void a_skip_is_a_gap_and_the_mark_moves_over_it(void **state)
{
	(void)state;
	accept_all(1, 2);
	assert_int_equal(accept(6), STREAM_NEW);
	assert_string_equal(gaps(), "3-5");
	assert_int_equal(stream_missing(&s), 3);
	assert_int_equal(durable(2), 2);
	assert_int_equal(durable(6), 6);
}

static void a_stream_that_does_not_begin_with_1_has_a_gap_at_its_begin(void **state)
{
	(void)state;
	assert_int_equal(accept(4), STREAM_NEW);
	assert_string_equal(gaps(), "1-3");
}

static void a_gap_knows_between_which_times_it_lies(void **state)
{
	struct stream_range gap;
	uint32_t index = 0;

	(void)state;
	accept_at(1, 111);
	accept_at(4, 444);
	assert_true(stream_gap_next(&s, &index, &gap));
	assert_int_equal(gap.before_ns, 111);
	assert_int_equal(gap.after_ns, 444);
}

static void within_a_session_seq_nos_only_rise(void **state)
{
	(void)state;
	accept_all(1, 3);
	assert_int_equal(accept(3), STREAM_BAD);
	assert_int_equal(accept(2), STREAM_BAD);
	assert_int_equal(accept(0), STREAM_BAD);
	assert_int_equal(accept(4), STREAM_NEW);
}

static void zero_is_no_seq_no(void **state)
{
	(void)state;
	assert_int_equal(accept(0), STREAM_BAD);
	assert_int_equal(s.highest, 0);
}

static void after_a_reconnect_what_was_accepted_is_a_duplicate(void **state)
{
	(void)state;
	accept_all(1, 5);
	durable(5);
	assert_true(stream_open(&s));
	assert_int_equal(accept(4), STREAM_DUPLICATE);
	assert_int_equal(accept(5), STREAM_DUPLICATE);
	assert_int_equal(accept(6), STREAM_NEW);
}

static void a_session_opens_only_when_the_one_before_is_settled(void **state)
{
	(void)state;
	accept_all(1, 5);
	durable(4);
	assert_false(stream_open(&s));
	durable(5);
	assert_true(stream_open(&s));
}

static void a_late_item_splits_its_gap(void **state)
{
	(void)state;
	accept_all(1, 2);
	accept(10);
	durable(10);
	assert_true(stream_open(&s));
	assert_int_equal(accept(5), STREAM_LATE);
	assert_string_equal(gaps(), "3-4 6-9");
	assert_int_equal(accept(6), STREAM_LATE);
	assert_string_equal(gaps(), "3-4 7-9");
	assert_int_equal(accept(9), STREAM_LATE);
	assert_string_equal(gaps(), "3-4 7-8");
	assert_int_equal(stream_missing(&s), 4);
}

static void a_late_item_is_a_duplicate_when_it_comes_again(void **state)
{
	(void)state;
	accept(3);
	durable(3);
	stream_open(&s);
	assert_int_equal(accept(2), STREAM_LATE);
	durable(2);
	assert_true(stream_open(&s));
	assert_int_equal(accept(1), STREAM_LATE);
	assert_int_equal(accept(2), STREAM_DUPLICATE);
	assert_string_equal(gaps(), "");
}

static void the_mark_stands_still_while_a_late_item_is_not_durable(void **state)
{
	(void)state;
	accept(3);
	durable(3);
	stream_open(&s);
	assert_int_equal(accept(1), STREAM_LATE);
	assert_int_equal(accept(2), STREAM_LATE);
	assert_int_equal(accept(4), STREAM_NEW);
	assert_int_equal(durable(1), 3);
	assert_false(stream_open(&s));
	assert_int_equal(durable(4), 4);
	assert_true(stream_open(&s));
}

static void a_login_that_knows_more_than_we_conflicts(void **state)
{
	(void)state;
	accept_all(1, 5);
	durable(3);
	assert_false(stream_conflicts(&s, 0));
	assert_false(stream_conflicts(&s, 3));
	assert_true(stream_conflicts(&s, 4));
}

static void what_never_became_durable_is_taken_back(void **state)
{
	(void)state;
	accept_all(1, 3);
	accept(6);
	durable(6);
	stream_open(&s);
	accept(4);
	accept(9);
	stream_take_back(&s);
	assert_int_equal(s.highest, 6);
	assert_string_equal(gaps(), "4-5");
	assert_true(stream_open(&s));
	assert_int_equal(accept(4), STREAM_LATE);
	assert_int_equal(accept(6), STREAM_DUPLICATE);
	assert_int_equal(accept(7), STREAM_NEW);
}

static void taking_back_joins_the_pieces_of_a_gap(void **state)
{
	(void)state;
	accept(10);
	durable(10);
	stream_open(&s);
	accept(3);
	accept(4);
	accept(9);
	assert_string_equal(gaps(), "1-2 5-8");
	stream_take_back(&s);
	assert_string_equal(gaps(), "1-9");
	assert_int_equal(s.n_ranges, 1);
}

static void a_full_list_closes_its_lowest_gap(void **state)
{
	(void)state;
	begin(2);
	accept(2);
	accept(4);
	assert_string_equal(gaps(), "1 3");
	durable(4);
	assert_int_equal(accept(6), STREAM_NEW);
	assert_string_equal(gaps(), "3 5");
	assert_int_equal(s.gaps_overflow, 1);
	assert_int_equal(s.closed_items, 1);
	assert_int_equal(s.closed_upto, 1);
}

static void a_gap_above_the_mark_is_not_closed_but_waited_for(void **state)
{
	struct stream before;

	(void)state;
	begin(2);
	accept(2);
	accept(4);
	before = s;
	assert_int_equal(accept(6), STREAM_WAIT);
	assert_memory_equal(&s, &before, sizeof(s));
	assert_string_equal(gaps(), "1 3");
	assert_int_equal(accept(5), STREAM_NEW); /* it needs no range */
	durable(2);
	assert_int_equal(accept(7), STREAM_NEW);
	assert_string_equal(gaps(), "3 6");
}

static void what_lies_in_a_closed_gap_is_stale_and_not_stored(void **state)
{
	(void)state;
	begin(1);
	accept(3);
	durable(3);
	accept(6);
	durable(6);
	assert_string_equal(gaps(), "4-5");
	stream_open(&s);
	assert_int_equal(accept(1), STREAM_STALE);
	assert_int_equal(accept(3), STREAM_DUPLICATE); /* above the closed gap it can be told */
	assert_int_equal(accept(4), STREAM_LATE);
}

static void a_late_item_in_the_only_range_there_is(void **state)
{
	(void)state;
	begin(1);
	accept(10);
	durable(10);
	stream_open(&s);
	assert_int_equal(accept(5), STREAM_LATE);
	assert_string_equal(gaps(), ""); /* both pieces were closed for it */
	assert_int_equal(s.gaps_overflow, 2);
	assert_int_equal(s.closed_items, 8);
	assert_int_equal(accept(6), STREAM_STALE);
	durable(5);
	assert_int_equal(s.n_ranges, 0);
}

static void a_late_item_waits_where_others_fill_the_list(void **state)
{
	(void)state;
	begin(2);
	accept(2);
	accept(9);
	durable(9);
	assert_string_equal(gaps(), "1 3-8");
	stream_open(&s);
	assert_int_equal(accept(1), STREAM_LATE);
	assert_int_equal(accept(5), STREAM_LATE);
	assert_string_equal(gaps(), "");
	assert_int_equal(accept(11), STREAM_WAIT);
	durable(5);
	assert_int_equal(accept(11), STREAM_NEW);
	assert_string_equal(gaps(), "10");
}

static void more_room_can_be_given(void **state)
{
	static struct stream_range larger[MAX];

	(void)state;
	begin(1);
	accept(2);
	assert_int_equal(accept(4), STREAM_WAIT);
	stream_move(&s, larger, MAX);
	assert_int_equal(accept(4), STREAM_NEW);
	assert_string_equal(gaps(), "1 3");
}

static void the_largest_seq_no_overflows_nothing(void **state)
{
	(void)state;
	assert_int_equal(accept_at(UINT64_MAX, 1), STREAM_NEW);
	assert_string_equal(gaps(), "1-18446744073709551614");
	assert_int_equal(stream_missing(&s), UINT64_MAX - 1);
	assert_int_equal(durable(UINT64_MAX), UINT64_MAX);
	assert_true(stream_open(&s));
	assert_int_equal(accept(UINT64_MAX - 1), STREAM_LATE);
	assert_int_equal(accept(UINT64_MAX), STREAM_DUPLICATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(items_in_order_are_new_and_leave_no_gap),
		TEST(nothing_is_confirmed_before_it_is_durable),
		TEST(the_confirmed_mark_carries_the_digest_of_its_item),
		TEST(durability_that_is_told_twice_changes_nothing),
		TEST(a_skip_is_a_gap_and_the_mark_moves_over_it),
		TEST(a_stream_that_does_not_begin_with_1_has_a_gap_at_its_begin),
		TEST(a_gap_knows_between_which_times_it_lies),
		TEST(within_a_session_seq_nos_only_rise),
		TEST(zero_is_no_seq_no),
		TEST(after_a_reconnect_what_was_accepted_is_a_duplicate),
		TEST(a_session_opens_only_when_the_one_before_is_settled),
		TEST(a_late_item_splits_its_gap),
		TEST(a_late_item_is_a_duplicate_when_it_comes_again),
		TEST(the_mark_stands_still_while_a_late_item_is_not_durable),
		TEST(a_login_that_knows_more_than_we_conflicts),
		TEST(what_never_became_durable_is_taken_back),
		TEST(taking_back_joins_the_pieces_of_a_gap),
		TEST(a_full_list_closes_its_lowest_gap),
		TEST(a_gap_above_the_mark_is_not_closed_but_waited_for),
		TEST(what_lies_in_a_closed_gap_is_stale_and_not_stored),
		TEST(a_late_item_in_the_only_range_there_is),
		TEST(a_late_item_waits_where_others_fill_the_list),
		TEST(more_room_can_be_given),
		TEST(the_largest_seq_no_overflows_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
