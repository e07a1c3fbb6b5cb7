/* Bytes that are lost: the timeout, fast retransmit, recovery by SACK. */
#include "drill.h"

/* Retransmission timer (RFC 6298) */

static void a_lost_segment_is_sent_again_with_backoff(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);
	uint64_t at = 300; /* rto_min, as the handshake took no time */

	(void)state;
	wr(d, 10);
	out(d, "P. 1:11(10) ack 1");
	pass(d, SEC(60));
	for (unsigned i = 0; i < 7; i++) {
		out_at(d, MS(at), "P. 1:11(10) ack 1");
		at = 2 * at + 300;
	}
	none(d);
	assert_int_equal(counters(d)->rto_fired, 7);
	drill_free(d);
}

static void without_an_answer_it_is_given_up(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 10);
	pass(d, SEC(10 * 60));
	assert_int_equal(sent_count(d), 11); /* and ten times again */
	events(d, "C");
	assert_int_equal(d->why, TCP_CLOSED_TIMEOUT);
	assert_int_equal(counters(d)->conns, 0);
	assert_int_equal(tcp_next_deadline(d->s), UINT64_MAX);
	forget(d);
	drill_free(d);
}

static void the_timeout_follows_the_round_trip(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 10);
	pass(d, MS(200));
	in(d, ". 1:1(0) ack 11");
	/* first R was 0 (1 us): srtt = 1 * 7/8 + 25 ms, var = 50 ms */
	assert_int_equal(info_of(d).srtt_us / 1000, 25);
	assert_int_equal(info_of(d).rto_us, 300000);
	for (unsigned i = 0; i < 50; i++) {
		wr(d, 10);
		pass(d, MS(200));
		in(d, ". 1:1(0) ack %u", 21 + 10 * i);
	}
	assert_true(info_of(d).srtt_us > 190000 && info_of(d).srtt_us <= 200000);
	forget(d);
	drill_free(d);
}

static void karn_no_sample_from_what_was_sent_twice(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);
	uint32_t srtt = info_of(d).srtt_us;

	(void)state;
	wr(d, 10);
	pass(d, MS(350));
	in(d, ". 1:1(0) ack 11");
	assert_int_equal(info_of(d).srtt_us, srtt);
	assert_int_equal(info_of(d).rto_us, 600000); /* backed off until a sample comes */
	forget(d);
	wr(d, 10);
	pass(d, MS(100));
	in(d, ". 1:1(0) ack 21");
	assert_true(info_of(d).rto_us < 600000);
	forget(d);
	drill_free(d);
}

static void timestamps_give_a_sample_all_the_same(void **state)
{
	struct drill *d = accepted(NULL, OPTS_ALL);

	(void)state;
	wr(d, 10);
	pass(d, MS(350));
	in(d, ". 1:1(0) ack 11 <TS val 1350 ecr 300>"); /* the echo of the second one: 50 ms */
	assert_int_equal(info_of(d).srtt_us / 1000, 6);
	forget(d);
	drill_free(d);
}

static void a_timeout_shrinks_the_window_and_resends_in_slow_start(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 14600);
	assert_int_equal(sent_count(d), 10);
	forget(d);
	pass(d, MS(300));
	out(d, ". 1:1461(1460) ack 1");
	none(d);
	assert_int_equal(info_of(d).cwnd, 1460);
	in(d, ". 1:1(0) ack 1461");
	out(d, ". 1461:2921(1460) ack 1");
	out(d, ". 2921:4381(1460) ack 1");
	in(d, ". 1:1(0) ack 4381");
	out(d, ". 4381:5841(1460) ack 1");
	out(d, ". 5841:7301(1460) ack 1");
	out(d, ". 7301:8761(1460) ack 1");
	in(d, ". 1:1(0) ack 14601"); /* the peer had the rest */
	none(d);
	wr(d, 10);
	out(d, "P. 14601:14611(10) ack 1");
	drill_free(d);
}

static void the_timer_restarts_when_data_is_acknowledged(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 2920);
	forget(d);
	pass(d, MS(250));
	in(d, ". 1:1(0) ack 1461");
	pass(d, MS(290));
	none(d);
	pass(d, MS(40));
	assert_int_equal(sent_count(d), 1);
	forget(d);
	drill_free(d);
}

/* Fast retransmit without SACK (RFC 5681 section 3.2, RFC 3042, RFC 6582) */

static void two_duplicates_let_two_new_segments_out(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 29200);
	forget(d);
	in(d, ". 1:1(0) ack 1");
	out(d, ". 14601:16061(1460) ack 1");
	in(d, ". 1:1(0) ack 1");
	out(d, ". 16061:17521(1460) ack 1");
	none(d);
	drill_free(d);
}

static void the_third_duplicate_resends_and_halves(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 14600);
	forget(d);
	in(d, ". 1:1(0) ack 1");
	in(d, ". 1:1(0) ack 1");
	none(d);
	in(d, ". 1:1(0) ack 1");
	out(d, ". 1:1461(1460) ack 1");
	assert_int_equal(info_of(d).cwnd, 7300);
	assert_int_equal(counters(d)->fast_retransmits, 1);
	in(d, ". 1:1(0) ack 14601");
	none(d);
	assert_int_equal(info_of(d).cwnd, 7300);
	drill_free(d);
}

static void a_partial_ack_resends_the_next_hole(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 14600);
	forget(d);
	for (unsigned i = 0; i < 3; i++)
		in(d, ". 1:1(0) ack 1");
	out(d, ". 1:1461(1460) ack 1");
	in(d, ". 1:1(0) ack 2921");
	out(d, ". 2921:4381(1460) ack 1");
	in(d, ". 1:1(0) ack 7301");
	out(d, ". 7301:8761(1460) ack 1");
	in(d, ". 1:1(0) ack 14601");
	none(d);
	assert_int_equal(counters(d)->fast_retransmits, 1);
	assert_int_equal(info_of(d).cwnd, 7300);
	drill_free(d);
}

static void duplicates_in_recovery_clock_new_data_out(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);
	unsigned n = 0;

	(void)state;
	wr(d, 40000);
	forget(d);
	for (unsigned i = 0; i < 11; i++) { /* all that was sent, but the first, has left */
		in(d, ". 1:1(0) ack 1");
		n += sent_count(d);
		forget(d);
	}
	/* 2 by limited transmit, 1 again, and what half of 12 leaves beside the missing one */
	assert_true(n >= 6 && n <= 8);
	drill_free(d);
}

static void after_a_timeout_duplicates_do_not_start_a_recovery(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 14600);
	forget(d);
	pass(d, MS(300));
	forget(d);
	for (unsigned i = 0; i < 5; i++)
		in(d, ". 1:1(0) ack 1");
	none(d);
	in(d, ". 1:1(0) ack 14601");
	wr(d, 14600);
	forget(d);
	for (unsigned i = 0; i < 3; i++) /* RFC 6582: not beyond `recover` yet */
		in(d, ". 1:1(0) ack 14601");
	assert_int_equal(counters(d)->fast_retransmits, 0);
	forget(d);
	drill_free(d);
}

static void acks_with_data_or_another_window_are_no_duplicates(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 14600);
	forget(d);
	in(d, ". 1:1(0) ack 1 win 60001");
	in(d, ". 1:1(0) ack 1 win 60002");
	in(d, ". 1:1(0) ack 1 win 60003");
	in(d, "P. 1:2(1) ack 1 win 60003");
	in(d, "P. 2:3(1) ack 1 win 60003");
	in(d, "P. 3:4(1) ack 1 win 60003");
	none(d);
	assert_int_equal(counters(d)->fast_retransmits, 0);
	drill_free(d);
}

/* Recovery by SACK (RFC 6675) */

static void sack_resends_only_what_is_missing(void **state)
{
	struct drill *d = accepted_after(MS(40), OPTS_SACK);

	(void)state;
	wr(d, 14600);
	forget(d);
	pass(d, MS(40));
	/* 1, 2 and 5 of ten are lost. */
	in(d, ". 1:1(0) ack 1 <sack 2921:4381>");
	in(d, ". 1:1(0) ack 1 <sack 2921:5841>");
	none(d);
	in(d, ". 1:1(0) ack 1 <sack 7301:8761 2921:5841>");
	out(d, ". 1:1461(1460) ack 1");
	none(d); /* pipe is 10 - 3 - 3 + 1 segments, the window 5 */
	in(d, ". 1:1(0) ack 1 <sack 7301:10221 2921:5841>");
	out(d, ". 1461:2921(1460) ack 1");
	in(d, ". 1:1(0) ack 1 <sack 7301:11681 2921:5841>");
	out(d, ". 5841:7301(1460) ack 1");
	in(d, ". 1:1(0) ack 1 <sack 7301:13141 2921:5841>");
	out(d, "P. 13141:14601(1460) ack 1"); /* rule 4: too early, as it turns out */
	in(d, ". 1:1(0) ack 1 <sack 7301:14601 2921:5841>");
	in(d, ". 1:1(0) ack 1461 <sack 7301:14601 2921:5841>");
	in(d, ". 1:1(0) ack 5841 <sack 7301:14601>");
	in(d, ". 1:1(0) ack 14601");
	none(d);
	assert_int_equal(counters(d)->retransmits, 4);
	assert_int_equal(counters(d)->fast_retransmits, 1);
	drill_free(d);
}

static void one_report_of_enough_bytes_is_enough(void **state)
{
	struct drill *d = accepted_after(MS(40), OPTS_SACK);

	(void)state;
	wr(d, 14600);
	forget(d);
	pass(d, MS(40));
	in(d, ". 1:1(0) ack 1 <sack 1461:7301>"); /* the acks between were lost or batched */
	out(d, ". 1:1461(1460) ack 1");
	drill_free(d);
}

static void with_sack_plain_duplicates_do_not_count(void **state)
{
	struct drill *d = accepted_after(MS(40), OPTS_SACK);

	(void)state;
	wr(d, 14600);
	forget(d);
	pass(d, MS(40));
	for (unsigned i = 0; i < 10; i++)
		in(d, ". 1:1(0) ack 1");
	none(d);
	in(d, ". 1:1(0) ack 1 <sack 1461:2921>");
	for (unsigned i = 0; i < 10; i++)
		in(d, ". 1:1(0) ack 1 <sack 1461:2921>"); /* nothing new */
	none(d);
	drill_free(d);
}

static void false_sack_blocks_are_ignored(void **state)
{
	struct drill *d = accepted_after(MS(40), OPTS_SACK);

	(void)state;
	wr(d, 14600);
	forget(d);
	pass(d, MS(40));
	in(d, ". 1:1(0) ack 1 <sack 1461:20000>");  /* sent in part */
	in(d, ". 1:1(0) ack 1 <sack 14601:20000>"); /* never sent */
	in(d, ". 1:1(0) ack 1 <sack 5841:2921>");   /* upside down */
	in(d, ". 1:1(0) ack 1 <sack 1:14601>");	    /* what an ACK would say */
	in(d, ". 1:1(0) ack 1 <sack 4000000:14601>");
	in(d, ". 1:1(0) ack 1 <sack 1461:1462 1500:2000 3000:3100 4000:4100>"); /* no whole segment
										 */
	none(d);
	pass(d, MS(40));
	out(d, "P. 13141:14601(1460) ack 1"); /* the probe of the tail */
	pass(d, MS(300));
	out(d, ". 1:1461(1460) ack 1");
	drill_free(d);
}

static void a_timeout_forgets_what_sack_said(void **state)
{
	struct drill *d = accepted_after(MS(40), OPTS_SACK);

	(void)state;
	wr(d, 5840);
	forget(d);
	pass(d, MS(40));
	in(d, ". 1:1(0) ack 1 <sack 1461:4381>");
	none(d);
	pass(d, MS(10));
	out(d, ". 1:1461(1460) ack 1"); /* lost by time */
	pass(d, MS(300));
	out(d, ". 1:1461(1460) ack 1");
	in(d, ". 1:1(0) ack 1461"); /* it had dropped them again (RFC 2018 section 8) */
	out(d, ". 1461:2921(1460) ack 1");
	out(d, ". 2921:4381(1460) ack 1");
	in(d, ". 1:1(0) ack 5841");
	drill_free(d);
}

static void new_data_is_sent_in_recovery_and_rescue_at_its_end(void **state)
{
	struct drill *d = accepted_after(MS(40), OPTS_SACK);

	(void)state;
	wr(d, 8 * 1460);
	forget(d);
	pass(d, MS(40));
	/* the first and the last are lost; what is left to send is nothing */
	in(d, ". 1:1(0) ack 1 <sack 1461:5841>");
	out(d, ". 1:1461(1460) ack 1");
	in(d, ". 1:1(0) ack 1 <sack 1461:10221>");
	/* pipe: first again, last; cwnd 4: rule 4 sends the last again without waiting for a
	 * timeout */
	out(d, "P. 10221:11681(1460) ack 1");
	none(d);
	in(d, ". 1:1(0) ack 11681");
	assert_int_equal(counters(d)->rto_fired, 0);
	drill_free(d);
}

static void rule_three_resends_what_may_be_lost(void **state)
{
	struct drill *d = accepted_after(MS(40), OPTS_SACK);

	(void)state;
	wr(d, 8 * 1460);
	forget(d);
	pass(d, MS(40));
	/* 1 is lost for sure; 7 has only one reported segment above it */
	in(d, ". 1:1(0) ack 1 <sack 1461:8761>");
	out(d, ". 1:1461(1460) ack 1");
	out(d, "P. 10221:11681(1460) ack 1"); /* rule 4 */
	in(d, ". 1:1(0) ack 1 <sack 10221:11681 1461:8761>");
	out(d, ". 8761:10221(1460) ack 1");
	in(d, ". 1:1(0) ack 11681");
	assert_int_equal(counters(d)->rto_fired, 0);
	drill_free(d);
}

/* Undoing (Eifel: RFC 3522 detection, RFC 4015 response) */

static void a_recovery_that_only_lateness_caused_is_undone(void **state)
{
	struct drill *d = accepted_after(MS(40), OPTS_ALL);

	(void)state;
	wr(d, 10 * 1448);
	forget(d);
	pass(d, MS(40));
	in(d, ". 1:1(0) ack 1 <sack 1449:5793,TS val 1040 ecr 40>");
	assert_int_equal(sent_count(d), 1);
	forget(d);
	assert_int_equal(info_of(d).cwnd, 5 * 1448);
	pass(d, MS(5));
	in(d, ". 1:1(0) ack 5793 <TS val 1045 ecr 40>"); /* the echo of the first copy */
	assert_int_equal(info_of(d).cwnd, 10 * 1448);
	assert_int_equal(counters(d)->undone, 1);
	pass(d, MS(5));
	in(d, ". 1:1(0) ack 14481 <TS val 1050 ecr 40>");
	none(d);
	drill_free(d);
}

static void a_recovery_that_repaired_something_is_not_undone(void **state)
{
	struct drill *d = accepted_after(MS(40), OPTS_ALL);

	(void)state;
	wr(d, 10 * 1448);
	forget(d);
	pass(d, MS(40));
	in(d, ". 1:1(0) ack 1 <sack 1449:5793,TS val 1040 ecr 40>");
	forget(d);
	pass(d, MS(40));
	in(d, ". 1:1(0) ack 5793 <TS val 1080 ecr 80>");
	in(d, ". 1:1(0) ack 8689 <TS val 1080 ecr 40>"); /* too late to say anything */
	assert_int_equal(info_of(d).cwnd, 5 * 1448);
	assert_int_equal(counters(d)->undone, 0);
	in(d, ". 1:1(0) ack 14481 <TS val 1080 ecr 80>");
	forget(d);
	drill_free(d);
}

static void a_timeout_that_was_too_early_is_undone(void **state)
{
	struct drill *d = accepted_after(MS(40), "TS val 1000 ecr 0,wscale 7");

	(void)state;
	wr(d, 10 * 1448);
	forget(d);
	pass(d, MS(310));
	out_at(d, MS(300), ". 1:1449(1448) ack 1");
	in(d, ". 1:1(0) ack 2897 <TS val 1310 ecr 40>");
	none(d); /* nothing more is sent again */
	assert_int_equal(info_of(d).cwnd, 10 * 1448);
	assert_int_equal(counters(d)->undone, 1);
	in(d, ". 1:1(0) ack 14481 <TS val 1310 ecr 40>");
	none(d);
	drill_free(d);
}

static void of_two_timeouts_nothing_is_undone(void **state)
{
	struct drill *d = accepted_after(MS(40), "TS val 1000 ecr 0,wscale 7");

	(void)state;
	wr(d, 10 * 1448);
	forget(d);
	pass(d, MS(910));
	assert_int_equal(sent_count(d), 2);
	forget(d);
	in(d, ". 1:1(0) ack 1449 <TS val 1910 ecr 340>"); /* of the first timeout's copy */
	assert_int_equal(counters(d)->undone, 0);
	assert_true(info_of(d).cwnd <= 2 * 1448);
	forget(d);
	in(d, ". 1:1(0) ack 14481 <TS val 1910 ecr 340>");
	forget(d);
	drill_free(d);
}

/* Its ACKs let out what they make room for at the end of the round only. */
static void the_window_is_half_of_what_was_out_before_the_round(void **state)
{
	struct drill *d = accepted(NULL, OPTS_SACK);

	(void)state;
	wr(d, 60000);
	assert_int_equal(sent_count(d), 10);
	forget(d);
	pass(d, MS(40));
	put(d, ". 1:1(0) ack 8761");
	in(d, ". 1:1(0) ack 8761 <sack 10221:14601>");
	/* Six were acknowledged, so sixteen would be out by now. */
	assert_int_equal(info_of(d).cwnd, 8 * 1460);
	forget(d);
	drill_free(d);
}

static void where_nothing_waits_to_be_sent_the_window_is_half_of_what_is_out(void **state)
{
	struct drill *d = accepted(NULL, OPTS_SACK);

	(void)state;
	wr(d, 6 * 1460);
	forget(d);
	pass(d, MS(40));
	put(d, ". 1:1(0) ack 1461");
	in(d, ". 1:1(0) ack 1461 <sack 2921:7301>");
	assert_int_equal(info_of(d).cwnd, 3 * 1460);
	forget(d);
	drill_free(d);
}

/* Where it was found to reorder, what is reported has arrived; it is not counted twice. */
static void reports_make_the_window_grow_where_the_network_reorders(void **state)
{
	struct drill *d = accepted(NULL, OPTS_SACK);

	(void)state;
	wr(d, 60000);
	forget(d);
	pass(d, MS(40));
	in(d, ". 1:1(0) ack 1 <sack 1461:2921>");
	assert_int_equal(info_of(d).cwnd, 10 * 1460); /* it may have been a loss */
	in(d, ". 1:1(0) ack 2921");
	assert_int_equal(info_of(d).cwnd, 11 * 1460);
	in(d, ". 1:1(0) ack 2921 <sack 4381:7301>");
	assert_int_equal(info_of(d).cwnd, 13 * 1460);
	in(d, ". 1:1(0) ack 7301");
	assert_int_equal(info_of(d).cwnd, 14 * 1460);
	forget(d);
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_lost_segment_is_sent_again_with_backoff),
	cmocka_unit_test(without_an_answer_it_is_given_up),
	cmocka_unit_test(the_timeout_follows_the_round_trip),
	cmocka_unit_test(karn_no_sample_from_what_was_sent_twice),
	cmocka_unit_test(timestamps_give_a_sample_all_the_same),
	cmocka_unit_test(a_timeout_shrinks_the_window_and_resends_in_slow_start),
	cmocka_unit_test(the_window_is_half_of_what_was_out_before_the_round),
	cmocka_unit_test(where_nothing_waits_to_be_sent_the_window_is_half_of_what_is_out),
	cmocka_unit_test(reports_make_the_window_grow_where_the_network_reorders),
	cmocka_unit_test(the_timer_restarts_when_data_is_acknowledged),
	cmocka_unit_test(two_duplicates_let_two_new_segments_out),
	cmocka_unit_test(the_third_duplicate_resends_and_halves),
	cmocka_unit_test(a_partial_ack_resends_the_next_hole),
	cmocka_unit_test(duplicates_in_recovery_clock_new_data_out),
	cmocka_unit_test(after_a_timeout_duplicates_do_not_start_a_recovery),
	cmocka_unit_test(acks_with_data_or_another_window_are_no_duplicates),
	cmocka_unit_test(sack_resends_only_what_is_missing),
	cmocka_unit_test(one_report_of_enough_bytes_is_enough),
	cmocka_unit_test(with_sack_plain_duplicates_do_not_count),
	cmocka_unit_test(false_sack_blocks_are_ignored),
	cmocka_unit_test(a_timeout_forgets_what_sack_said),
	cmocka_unit_test(new_data_is_sent_in_recovery_and_rescue_at_its_end),
	cmocka_unit_test(rule_three_resends_what_may_be_lost),
	cmocka_unit_test(a_recovery_that_only_lateness_caused_is_undone),
	cmocka_unit_test(a_recovery_that_repaired_something_is_not_undone),
	cmocka_unit_test(a_timeout_that_was_too_early_is_undone),
	cmocka_unit_test(of_two_timeouts_nothing_is_undone),
};

DRILL_MAIN(tests)
