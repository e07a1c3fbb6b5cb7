/* The sequence state of a stream of reliable logging, rule by rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/ledger/stream.h"

#define MAX 8

static struct stream s;
static struct stream_range ranges[MAX];

static void begin(uint32_t max_ranges)
{
	stream_init(&s, 0x1122334455667788, 65535, ranges, max_ranges);
}

static int fresh(void **state)
{
	(void)state;
	begin(MAX);
	return 0;
}

static enum stream_verdict accept_at(uint64_t seq, int64_t now_ns)
{
	return stream_accept(&s, seq, now_ns);
}

static enum stream_verdict accept(uint64_t seq)
{
	return stream_accept(&s, seq, (int64_t)seq * 1000);
}

static uint64_t durable(uint64_t seq)
{
	const struct stream_mark upto = {
		.seq = seq, .time_ns = (int64_t)seq * 1000, .digest = {(uint8_t)seq}};

	return stream_durable(&s, &upto);
}

static void accept_all(uint64_t first, uint64_t last)
{
	for (uint64_t seq = first; seq <= last; seq++)
		assert_int_equal(accept(seq), STREAM_NEW);
}

/* "3-5 7", the gaps of a stream. */
static const char *gaps_of(const struct stream *of)
{
	static char text[256];
	struct stream_range gap;
	uint32_t index = 0;
	char *to = text;

	*to = '\0';
	while (stream_gap_next(of, &index, &gap)) {
		if (to > text)
			*to++ = ' ';
		if (gap.first == gap.last)
			to += sprintf(to, "%llu", (unsigned long long)gap.first);
		else
			to += sprintf(to, "%llu-%llu", (unsigned long long)gap.first,
				(unsigned long long)gap.last);
	}
	return text;
}

#define gaps() gaps_of(&s)

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

/* Checkpoints and recovery */

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

#define TEST(name) cmocka_unit_test_setup(name, fresh)

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
