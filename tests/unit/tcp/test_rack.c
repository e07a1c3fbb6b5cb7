/* Loss by time (RFC 8985 section 6). Round trips are 40 ms, so a quarter is 10. */
#include "drill.h"

static void one_report_above_a_hole_is_enough_after_a_quarter_round_trip(void **state)
{
	struct drill *d = ten_out(OPTS_SACK);

	(void)state;
	in(d, ". 1:1(0) ack 1461");
	in(d, ". 1:1(0) ack 1461 <sack 2921:4381>");
	pass(d, MS(9));
	none(d);
	pass(d, MS(1));
	out_at(d, MS(50), ". 1461:2921(1460) ack 1");
	assert_int_equal(counters(d)->fast_retransmits, 1);
	assert_int_equal(counters(d)->rack_lost, 1);
	in(d, ". 1:1(0) ack 14601");
	assert_int_equal(counters(d)->rto_fired, 0);
	drill_free(d);
}

static void what_comes_within_the_reordering_window_was_not_lost(void **state)
{
	struct drill *d = ten_out(OPTS_SACK);

	(void)state;
	in(d, ". 1:1(0) ack 1 <sack 1461:2921>");
	pass(d, MS(5));
	in(d, ". 1:1(0) ack 2921");
	pass(d, MS(20));
	none(d);
	assert_int_equal(counters(d)->retransmits, 0);
	in(d, ". 1:1(0) ack 14601");
	drill_free(d);
}

static void three_reports_need_no_time_while_nothing_was_reordered(void **state)
{
	struct drill *d = ten_out(OPTS_SACK);

	(void)state;
	in(d, ". 1:1(0) ack 1 <sack 1461:2921>");
	in(d, ". 1:1(0) ack 1 <sack 1461:4381>");
	none(d);
	in(d, ". 1:1(0) ack 1 <sack 1461:5841>");
	out(d, ". 1:1461(1460) ack 1");
	in(d, ". 1:1(0) ack 14601");
	drill_free(d);
}

/* The network is seen to reorder: the first copy of what was reported missing comes late. */
static struct drill *reordered(void)
{
	struct drill *d = ten_out(OPTS_SACK);

	in(d, ". 1:1(0) ack 1 <sack 1461:2921>");
	in(d, ". 1:1(0) ack 2921");
	in(d, ". 1:1(0) ack 14601");
	none(d);
	wr(d, 10 * 1460);
	forget(d);
	pass(d, MS(40));
	return d;
}

static void where_the_network_reorders_counting_does_not_count(void **state)
{
	struct drill *d = reordered();

	(void)state;
	for (unsigned i = 2; i <= 10; i++)
		in(d, ". 1:1(0) ack 14601 <sack 16061:%u>", 14601 + i * 1460);
	none(d);
	pass(d, MS(9));
	none(d);
	pass(d, MS(1));
	out_at(d, MS(90), ". 14601:16061(1460) ack 1");
	in(d, ". 1:1(0) ack 29201");
	drill_free(d);
}

static void reports_of_duplicates_widen_the_window_once_a_round(void **state)
{
	struct drill *d = reordered();

	(void)state;
	in(d, ". 1:1(0) ack 16061 <sack 14601:16061>");
	in(d, ". 1:1(0) ack 17521 <sack 16061:17521>"); /* the same round */
	in(d, ". 1:1(0) ack 17521 <sack 18981:20441>");
	pass(d, MS(19));
	none(d);
	pass(d, MS(1));
	out_at(d, MS(100), ". 17521:18981(1460) ack 1"); /* two quarters */
	in(d, ". 1:1(0) ack 29201");
	drill_free(d);
}

static void a_lost_retransmission_is_found_without_the_timeout(void **state)
{
	struct drill *d = ten_out(OPTS_SACK);
	uint32_t cwnd;

	(void)state;
	in(d, ". 1:1(0) ack 1 <sack 1461:5841>");
	out(d, ". 1:1461(1460) ack 1"); /* at 40, and lost again */
	in(d, ". 1:1(0) ack 1 <sack 1461:14601>");
	cwnd = info_of(d).cwnd;
	pass(d, MS(1));
	wr(d, 1460);
	out(d, "P. 14601:16061(1460) ack 1");
	pass(d, MS(40));
	in(d, ". 1:1(0) ack 1 <sack 1461:16061>");
	out_at(d, MS(81), ". 1:1461(1460) ack 1");
	assert_true(info_of(d).cwnd < cwnd); /* RFC 5681 section 4.3 */
	pass(d, MS(40));
	in(d, ". 1:1(0) ack 16061");
	assert_int_equal(counters(d)->rto_fired, 0);
	assert_int_equal(counters(d)->retransmits, 2);
	drill_free(d);
}

/* All of one round has one time, and new data may have gone before what was sent again. */
static void what_is_sent_again_is_not_overtaken_by_its_own_round(void **state)
{
	struct drill *d = ten_out(OPTS_SACK);
	uint32_t cwnd;

	(void)state;
	in(d, ". 1:1(0) ack 1461");
	wr(d, 1460);
	assert_int_equal(sent_count(d), 1);
	forget(d);
	in(d, ". 1:1(0) ack 1461 <sack 2921:7301>");
	out(d, ". 1461:2921(1460) ack 1"); /* at 40, as the one before */
	cwnd = info_of(d).cwnd;
	pass(d, MS(40));
	in(d, ". 1:1(0) ack 1461 <sack 2921:16061>");
	none(d);
	assert_int_equal(counters(d)->retransmits, 1);
	assert_int_equal(info_of(d).cwnd, cwnd);
	in(d, ". 1:1(0) ack 16061");
	drill_free(d);
}

static void an_answer_to_the_first_copy_says_nothing_of_the_second(void **state)
{
	struct drill *d = ten_out(OPTS_ALL);

	(void)state;
	in(d, ". 1:1(0) ack 1 <sack 1449:5793,TS val 1040 ecr 0>");
	assert_int_equal(sent_count(d), 1);
	forget(d);
	pass(d, MS(45));
	/* It was late: its echo is of the first copy, so what was sent since may still come. */
	in(d, ". 1:1(0) ack 5793 <TS val 1085 ecr 0>");
	assert_int_equal(counters(d)->rack_lost, 1);
	assert_int_equal(counters(d)->retransmits, 1);
	in(d, ". 1:1(0) ack 14601 <TS val 1085 ecr 0>");
	forget(d);
	drill_free(d);
}

static void after_a_timeout_young_segments_have_their_time(void **state)
{
	struct drill *d = accepted_after(MS(40), OPTS_SACK);

	(void)state;
	wr(d, 1460);
	pass(d, MS(280)); /* 2 round trips and 200 ms: the probe */
	out_at(d, 0, "P. 1:1461(1460) ack 1");
	out_at(d, MS(280), "P. 1:1461(1460) ack 1");
	pass(d, MS(290));
	wr(d, 1460);
	out(d, "P. 1461:2921(1460) ack 1");
	pass(d, MS(10));
	out_at(d, MS(580), ". 1:1461(1460) ack 1");
	in(d, ". 1:1(0) ack 1461");
	none(d); /* the second was sent 10 ms ago: it is not sent again */
	in(d, ". 1:1(0) ack 2921");
	none(d);
	drill_free(d);
}

static void without_timestamps_an_answer_too_soon_is_of_the_first_copy(void **state)
{
	struct drill *d = ten_out(OPTS_SACK);

	(void)state;
	in(d, ". 1:1(0) ack 1 <sack 1461:5841>");
	out(d, ". 1:1461(1460) ack 1");
	pass(d, MS(5)); /* no round trip was as short as that */
	in(d, ". 1:1(0) ack 5841");
	none(d);
	assert_int_equal(counters(d)->retransmits, 1);
	in(d, ". 1:1(0) ack 14601");
	drill_free(d);
}

/* Section 6.2, step 1: ways change. */
static void the_least_round_trip_is_that_of_the_last_ten_minutes(void **state)
{
	struct drill *d = ten_out(OPTS_SACK);

	(void)state;
	in(d, ". 1:1(0) ack 14601");
	for (unsigned i = 0; i < 5; i++) {
		wr(d, 10);
		pass(d, MS(80));
		in(d, ". 1:1(0) ack %u", 14611 + 10 * i);
		pass(d, SEC(200));
	}
	wr(d, 5 * 1460);
	forget(d);
	d->start = d->now;
	pass(d, MS(80));
	in(d, ". 1:1(0) ack 16111");
	in(d, ". 1:1(0) ack 16111 <sack 17571:19031>");
	pass(d, MS(19));
	none(d);
	pass(d, MS(1));
	out_at(d, MS(100), ". 16111:17571(1460) ack 1"); /* a quarter of 80, not of 40 */
	in(d, ". 1:1(0) ack 21951");
	drill_free(d);
}

/* Step 4: the window has a bound, */
static void the_reordering_window_is_a_round_trip_at_most(void **state)
{
	struct drill *d = ten_out(OPTS_SACK);
	uint32_t seq = 14601;

	(void)state;
	in(d, ". 1:1(0) ack %u", seq);
	for (unsigned i = 0; i < 8; i++, seq += 1460) {
		wr(d, 1460);
		forget(d);
		pass(d, MS(40));
		in(d, ". 1:1(0) ack %u <sack %u:%u>", seq + 1460, seq, seq + 1460);
	}
	wr(d, 5 * 1460);
	forget(d);
	pass(d, MS(40));
	in(d, ". 1:1(0) ack %u", seq + 1460);
	in(d, ". 1:1(0) ack %u <sack %u:%u>", seq + 1460, seq + 2920, seq + 4380);
	pass(d, MS(39));
	none(d);
	pass(d, MS(1));
	out(d, ". %u:%u(1460) ack 1", seq + 1460, seq + 2920);
	in(d, ". 1:1(0) ack %u", seq + 5 * 1460);
	drill_free(d);
}

/* and after sixteen recoveries without a report of a duplicate it is a quarter again. */
static void the_reordering_window_shrinks_after_sixteen_recoveries(void **state)
{
	struct drill *d = ten_out(OPTS_SACK);
	uint32_t seq = 14601;

	(void)state;
	in(d, ". 1:1(0) ack %u <sack 1:1461>", seq);
	for (unsigned i = 0; i <= 16; i++, seq += 2920) {
		wr(d, 2920);
		forget(d);
		pass(d, MS(40));
		in(d, ". 1:1(0) ack %u <sack %u:%u>", seq, seq + 1460, seq + 2920);
		pass(d, i < 16 ? MS(19) : MS(9));
		none(d);
		pass(d, MS(1));
		out(d, ". %u:%u(1460) ack 1", seq, seq + 1460);
		pass(d, MS(40));
		in(d, ". 1:1(0) ack %u", seq + 2920);
	}
	none(d);
	assert_int_equal(counters(d)->rto_fired, 0);
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(one_report_above_a_hole_is_enough_after_a_quarter_round_trip),
	cmocka_unit_test(what_comes_within_the_reordering_window_was_not_lost),
	cmocka_unit_test(three_reports_need_no_time_while_nothing_was_reordered),
	cmocka_unit_test(where_the_network_reorders_counting_does_not_count),
	cmocka_unit_test(reports_of_duplicates_widen_the_window_once_a_round),
	cmocka_unit_test(a_lost_retransmission_is_found_without_the_timeout),
	cmocka_unit_test(what_is_sent_again_is_not_overtaken_by_its_own_round),
	cmocka_unit_test(an_answer_to_the_first_copy_says_nothing_of_the_second),
	cmocka_unit_test(after_a_timeout_young_segments_have_their_time),
	cmocka_unit_test(without_timestamps_an_answer_too_soon_is_of_the_first_copy),
	cmocka_unit_test(the_least_round_trip_is_that_of_the_last_ten_minutes),
	cmocka_unit_test(the_reordering_window_is_a_round_trip_at_most),
	cmocka_unit_test(the_reordering_window_shrinks_after_sixteen_recoveries),
};

DRILL_MAIN(tests)
