/* Loss by time, and probes of the tail (RFC 8985). Round trips are 40 ms, so a quarter is 10. */
#include "drill.h"

/* Ten segments out at 0, and 40 ms have passed. */
static struct drill *ten_out(const char *opts)
{
	struct drill *d = accepted_after(MS(40), opts);

	wr(d, 10 * 1460);
	forget(d);
	pass(d, MS(40));
	return d;
}

/* Loss by time (section 6) */

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

/* Probes of the tail (section 7) */

static void a_lost_tail_is_probed_after_two_round_trips(void **state)
{
	struct drill *d = accepted_after(MS(40), OPTS_SACK);

	(void)state;
	wr(d, 5 * 1460);
	forget(d);
	pass(d, MS(40));
	in(d, ". 1:1(0) ack 2921");
	pass(d, MS(79));
	none(d);
	pass(d, MS(1));
	out_at(d, MS(120), "P. 5841:7301(1460) ack 1");
	assert_int_equal(counters(d)->tlp_probes, 1);
	/* The answer shows the two before it missing: one by time, the next by its answer. */
	pass(d, MS(40));
	in(d, ". 1:1(0) ack 2921 <sack 5841:7301>");
	out_at(d, MS(160), ". 2921:4381(1460) ack 1");
	out_at(d, MS(160), ". 4381:5841(1460) ack 1");
	in(d, ". 1:1(0) ack 7301");
	assert_int_equal(counters(d)->rto_fired, 0);
	drill_free(d);
}

static void new_data_is_a_better_probe(void **state)
{
	struct drill *d = accepted_after(MS(40), OPTS_SACK);

	(void)state;
	wr(d, 12 * 1460);
	assert_int_equal(sent_count(d), 10);
	forget(d);
	pass(d, MS(80));
	out_at(d, MS(80), ". 14601:16061(1460) ack 1"); /* beyond the congestion window */
	none(d);
	assert_int_equal(counters(d)->retransmits, 0);
	in(d, ". 1:1(0) ack 17521");
	forget(d);
	drill_free(d);
}

static void a_single_segment_allows_for_a_delayed_ack(void **state)
{
	struct drill *d = accepted_after(MS(40), OPTS_SACK);

	(void)state;
	wr(d, 10);
	out(d, "P. 1:11(10) ack 1");
	pass(d, MS(279));
	none(d);
	pass(d, MS(1));
	out_at(d, MS(280), "P. 1:11(10) ack 1");
	pass(d, MS(299));
	none(d);
	pass(d, MS(1));
	out_at(d, MS(580), "P. 1:11(10) ack 1"); /* one probe, then the timeout */
	assert_int_equal(counters(d)->rto_fired, 1);
	assert_int_equal(counters(d)->tlp_probes, 1);
	in(d, ". 1:1(0) ack 11");
	drill_free(d);
}

static void the_probe_is_never_later_than_the_timeout(void **state)
{
	struct drill *d = accepted_after(MS(280), OPTS_SACK);

	(void)state;
	for (unsigned i = 0; i < 30; i++) { /* steady: the timeout comes down to 300 ms */
		wr(d, 10);
		pass(d, MS(280));
		in(d, ". 1:1(0) ack %u", 11 + 10 * i);
	}
	forget(d);
	assert_int_equal(info_of(d).rto_us, 300000);
	d->start = d->now;
	wr(d, 10);
	forget(d);
	pass(d, MS(1000));
	out_at(d, MS(300), "P. 301:311(10) ack 1");
	out_at(d, MS(600), "P. 301:311(10) ack 1");
	assert_int_equal(counters(d)->tlp_probes, 1);
	assert_int_equal(counters(d)->rto_fired, 1);
	in(d, ". 1:1(0) ack 311");
	drill_free(d);
}

static void no_second_probe_without_a_round_trip_between(void **state)
{
	struct drill *d = accepted_after(MS(40), OPTS_SACK);

	(void)state;
	wr(d, 2920);
	forget(d);
	pass(d, MS(80));
	out_at(d, MS(80), "P. 1461:2921(1460) ack 1");
	pass(d, MS(40));
	wr(d, 1460); /* new data, but no new measurement */
	out(d, "P. 2921:4381(1460) ack 1");
	pass(d, MS(259));
	none(d);
	pass(d, MS(1));
	out_at(d, MS(380), ". 1:1461(1460) ack 1"); /* the timeout */
	assert_int_equal(counters(d)->tlp_probes, 1);
	in(d, ". 1:1(0) ack 4381");
	drill_free(d);
}

static void a_probe_that_repaired_a_loss_is_a_sign_of_congestion(void **state)
{
	struct drill *d = ten_out(OPTS_SACK);

	(void)state;
	in(d, ". 1:1(0) ack 13141");
	pass(d, MS(280));
	out_at(d, MS(320), "P. 13141:14601(1460) ack 1");
	in(d, ". 1:1(0) ack 14601"); /* of which copy? */
	assert_int_equal(info_of(d).cwnd, 14600);
	wr(d, 1460);
	out(d, "P. 14601:16061(1460) ack 1");
	in(d, ". 1:1(0) ack 16061"); /* had both arrived, this or that would have said so */
	assert_int_equal(counters(d)->tlp_repairs, 1);
	assert_true(info_of(d).cwnd < 14600);
	drill_free(d);
}

static void a_probe_of_what_had_arrived_is_no_sign(void **state)
{
	struct drill *d = ten_out(OPTS_SACK);

	(void)state;
	in(d, ". 1:1(0) ack 13141");
	pass(d, MS(280));
	out_at(d, MS(320), "P. 13141:14601(1460) ack 1");
	in(d, ". 1:1(0) ack 14601 <sack 13141:14601>");
	wr(d, 1460);
	out(d, "P. 14601:16061(1460) ack 1");
	in(d, ". 1:1(0) ack 16061");
	assert_int_equal(counters(d)->tlp_repairs, 0);
	assert_int_equal(info_of(d).cwnd, 14600);
	drill_free(d);
}

static void a_plain_duplicate_says_that_both_copies_came(void **state)
{
	struct drill *d = ten_out(OPTS_SACK);

	(void)state;
	in(d, ". 1:1(0) ack 13141");
	pass(d, MS(280));
	forget(d);
	in(d, ". 1:1(0) ack 14601");
	in(d, ". 1:1(0) ack 14601");
	wr(d, 1460);
	out(d, "P. 14601:16061(1460) ack 1");
	in(d, ". 1:1(0) ack 16061");
	assert_int_equal(counters(d)->tlp_repairs, 0);
	drill_free(d);
}

static void a_fin_is_probed_too(void **state)
{
	struct drill *d = accepted_after(MS(40), OPTS_SACK);

	(void)state;
	wr(d, 100);
	tcp_close(d->conn, d->now);
	flush(d);
	out(d, "P. 1:101(100) ack 1");
	out(d, "F. 101:101(0) ack 1");
	pass(d, MS(80));
	out_at(d, MS(80), "F. 101:101(0) ack 1");
	in(d, ". 1:1(0) ack 102");
	in(d, "F. 1:1(0) ack 102");
	forget(d);
	drill_free(d);
}

static void without_sack_nothing_is_probed(void **state)
{
	struct drill *d = accepted_after(MS(40), OPTS_NONE);

	(void)state;
	wr(d, 5 * 1460);
	forget(d);
	pass(d, MS(299));
	none(d);
	pass(d, MS(1));
	out_at(d, MS(300), ". 1:1461(1460) ack 1");
	assert_int_equal(counters(d)->tlp_probes, 0);
	in(d, ". 1:1(0) ack 7301");
	drill_free(d);
}

static void into_a_closed_window_nothing_is_probed_but_the_window(void **state)
{
	struct drill *d = accepted_after(MS(40), OPTS_SACK);

	(void)state;
	wr(d, 2920);
	forget(d);
	in(d, ". 1:1(0) ack 1 win 0");
	pass(d, MS(299));
	none(d);
	pass(d, MS(1));
	out_at(d, MS(300), ". 1:2(1) ack 1");
	assert_int_equal(counters(d)->tlp_probes, 0);
	in(d, ". 1:1(0) ack 1 win 65535");
	forget(d);
	in(d, ". 1:1(0) ack 2921");
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
	cmocka_unit_test(a_lost_tail_is_probed_after_two_round_trips),
	cmocka_unit_test(new_data_is_a_better_probe),
	cmocka_unit_test(a_single_segment_allows_for_a_delayed_ack),
	cmocka_unit_test(the_probe_is_never_later_than_the_timeout),
	cmocka_unit_test(no_second_probe_without_a_round_trip_between),
	cmocka_unit_test(a_probe_that_repaired_a_loss_is_a_sign_of_congestion),
	cmocka_unit_test(a_probe_of_what_had_arrived_is_no_sign),
	cmocka_unit_test(a_plain_duplicate_says_that_both_copies_came),
	cmocka_unit_test(a_fin_is_probed_too),
	cmocka_unit_test(without_sack_nothing_is_probed),
	cmocka_unit_test(into_a_closed_window_nothing_is_probed_but_the_window),
};

DRILL_MAIN(tests)
