/* Recovery by SACK (RFC 6675, RFC 2018). */
#include "drill.h"

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

/* The same by reports; plain duplicates let nothing out (RFC 3042 section 2, RFC 6675 section 5).
 */
static void limited_transmit_goes_by_new_reports(void **state)
{
	struct drill *d = accepted_after(MS(40), OPTS_SACK);

	(void)state;
	wr(d, 29200);
	forget(d);
	pass(d, MS(40));
	for (unsigned i = 0; i < 5; i++)
		in(d, ". 1:1(0) ack 1");
	none(d);
	in(d, ". 1:1(0) ack 1 <sack 1461:2921>");
	out(d, ". 14601:16061(1460) ack 1");
	for (unsigned i = 0; i < 5; i++)
		in(d, ". 1:1(0) ack 1 <sack 1461:2921>");
	none(d);
	in(d, ". 1:1(0) ack 1 <sack 1461:4381>");
	out(d, ". 16061:17521(1460) ack 1");
	assert_int_equal(info_of(d).cwnd, 14600);
	in(d, ". 1:1(0) ack 1 <sack 1461:5841>");
	out(d, ". 1:1461(1460) ack 1");
	none(d);
	assert_int_equal(info_of(d).cwnd, 7300);
	drill_free(d);
}

/* RFC 6675 section 5.1 */
static void after_a_timeout_no_recovery_begins_before_its_data_is_acknowledged(void **state)
{
	struct drill *d = ten_out(OPTS_SACK);

	(void)state;
	in(d, ". 1:1(0) ack 1 <sack 1461:5841>");
	out(d, ". 1:1461(1460) ack 1");
	pass(d, MS(260));
	out_at(d, MS(300), ". 1:1461(1460) ack 1");
	in(d, ". 1:1(0) ack 1 <sack 1461:7301>");
	out(d, ". 7301:8761(1460) ack 1"); /* slow start goes on with what the timeout took for lost
					    */
	in(d, ". 1:1(0) ack 1 <sack 1461:14601>");
	none(d);
	assert_int_equal(counters(d)->fast_retransmits, 1);
	in(d, ". 1:1(0) ack 14601");
	none(d);
	drill_free(d);
}

static void after_a_timeout_what_is_reported_is_not_sent_again(void **state)
{
	struct drill *d = ten_out(OPTS_SACK);

	(void)state;
	pass(d, MS(400));
	forget(d);
	assert_int_equal(counters(d)->rto_fired, 1);
	in(d, ". 1:1(0) ack 1461 <sack 4381:14601>");
	out(d, ". 1461:2921(1460) ack 1");
	out(d, ". 2921:4381(1460) ack 1");
	none(d);
	in(d, ". 1:1(0) ack 14601");
	none(d);
	drill_free(d);
}

/* Section 5, step A: what lies above is still known when a recovery is over. */
static void the_end_of_a_recovery_forgets_nothing(void **state)
{
	struct drill *d = ten_out(OPTS_SACK);

	(void)state;
	in(d, ". 1:1(0) ack 1 <sack 1461:14601>");
	out(d, ". 1:1461(1460) ack 1");
	wr(d, 4 * 1460);
	assert_int_equal(sent_count(d), 4);
	forget(d);
	pass(d, MS(40));
	in(d, ". 1:1(0) ack 1 <sack 16061:20441 1461:14601>");
	out(d, ". 14601:16061(1460) ack 1");
	in(d, ". 1:1(0) ack 14601");
	in(d, ". 1:1(0) ack 16061");
	none(d);
	wr(d, 10 * 1460);
	assert_int_equal(info_of(d).cwnd, 7300);
	assert_int_equal(sent_count(d), 5); /* three of those before are in the network no more */
	forget(d);
	drill_free(d);
}

/* RFC 7323 section 2.4: the window shrinks over what is out. */
static void the_first_retransmission_does_not_ask_the_window_the_second_does(void **state)
{
	struct drill *d = ten_out(OPTS_SACK);

	(void)state;
	/* 21 << 7 are 2,688 bytes, and the third segment lies beyond them. */
	in(d, ". 1:1(0) ack 1 win 21 <sack 1461:2921 4381:14601>");
	out(d, ". 1:1461(1460) ack 1");
	out(d, ". 2921:4381(1460) ack 1");
	pass(d, MS(260));
	out_at(d, MS(300), ". 1:1461(1460) ack 1");
	in(d, ". 1:1(0) ack 1461 win 21");
	out(d, ". 1461:2921(1460) ack 1"); /* the reports of before are forgotten */
	none(d);			   /* there is room, but the edge is at 4,149 */
	in(d, ". 1:1(0) ack 1461 win 22");
	out(d, ". 2921:4381(1460) ack 1"); /* 4,277: nearer than the scale tells */
	in(d, ". 1:1(0) ack 14601");
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(sack_resends_only_what_is_missing),
	cmocka_unit_test(one_report_of_enough_bytes_is_enough),
	cmocka_unit_test(with_sack_plain_duplicates_do_not_count),
	cmocka_unit_test(false_sack_blocks_are_ignored),
	cmocka_unit_test(a_timeout_forgets_what_sack_said),
	cmocka_unit_test(new_data_is_sent_in_recovery_and_rescue_at_its_end),
	cmocka_unit_test(rule_three_resends_what_may_be_lost),
	cmocka_unit_test(limited_transmit_goes_by_new_reports),
	cmocka_unit_test(after_a_timeout_no_recovery_begins_before_its_data_is_acknowledged),
	cmocka_unit_test(after_a_timeout_what_is_reported_is_not_sent_again),
	cmocka_unit_test(the_end_of_a_recovery_forgets_nothing),
	cmocka_unit_test(the_first_retransmission_does_not_ask_the_window_the_second_does),
};

DRILL_MAIN(tests)
