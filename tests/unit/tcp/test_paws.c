/* Timestamps: what they keep out, what is echoed, where they must be (RFC 7323 sections 3 to 5). */
#include "drill.h"

static void an_older_timestamp_is_rejected_and_answered(void **state)
{
	struct drill *d = accepted(NULL, OPTS_ALL);

	(void)state;
	in(d, "P. 1:11(10) ack 1 <TS val 2000 ecr 0>");
	events(d, "R");
	in(d, "P. 11:21(10) ack 1 <TS val 1999 ecr 0>");
	out(d, ". 1:1(0) ack 11 <TS val 0 ecr 2000>");
	events(d, "");
	assert_int_equal(d->verdict, TCP_REJECT_WINDOW);
	in(d, ". 11:11(0) ack 1 <TS val 1999 ecr 0>");
	out(d, ". 1:1(0) ack 11");
	assert_int_equal(counters(d)->paws_rejected, 2);
	in(d, "P. 11:21(10) ack 1 <TS val 2000 ecr 0>");
	events(d, "R");
	pass(d, MS(40));
	forget(d);
	drill_free(d);
}

static void timestamps_wrap_around(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	in(d, "S 0:0(0) <mss 1460,TS val 4294967290 ecr 0>");
	out(d, "S. 0:0(0) ack 1 <mss 1460,TS val 0 ecr 4294967290>");
	in(d, ". 1:1(0) ack 1 <TS val 4294967295 ecr 0>");
	in(d, "P. 1:11(10) ack 1 <TS val 5 ecr 0>");
	events(d, "AR");
	pass(d, MS(40));
	out(d, ". 1:1(0) ack 11 <TS val 40 ecr 5>");
	drill_free(d);
}

static void a_segment_without_timestamp_is_dropped(void **state)
{
	struct drill *d = accepted(NULL, OPTS_ALL);

	(void)state;
	in(d, "P. 1:11(10) ack 1");
	none(d);
	events(d, "");
	in(d, "R 1:1(0)"); /* resets need none */
	events(d, "C");
	drill_free(d);
}

static void a_reset_may_have_any_timestamp(void **state)
{
	struct drill *d = accepted(NULL, OPTS_ALL);

	(void)state;
	in(d, "R 1:1(0) <TS val 1 ecr 0>");
	events(d, "C");
	drill_free(d);
}

static void the_echo_is_of_the_segment_that_is_acknowledged(void **state)
{
	struct drill *d = accepted(NULL, OPTS_ALL);

	(void)state;
	in(d, "P. 1:11(10) ack 1 <TS val 2000 ecr 0>");
	in(d, "P. 11:21(10) ack 1 <TS val 2010 ecr 0>");
	pass(d, MS(40));
	out(d, ". 1:1(0) ack 21 <TS val 40 ecr 2000>"); /* RFC 7323 section 4.3: the first one */
	in(d, "P. 31:41(10) ack 1 <TS val 2050 ecr 40>");
	out(d, ". 1:1(0) ack 21 <TS val 40 ecr 2000,sack 31:41>");
	in(d, "P. 21:31(10) ack 1 <TS val 2060 ecr 40>");
	out(d, ". 1:1(0) ack 41 <TS val 40 ecr 2060>");
	drill_free(d);
}

static void after_24_days_an_old_timestamp_is_void(void **state)
{
	struct drill *d = accepted(NULL, OPTS_ALL);

	(void)state;
	pass(d, SEC(86400ULL * 23));
	in(d, "P. 1:11(10) ack 1 <TS val 999 ecr 0>");
	events(d, "");
	forget(d);
	pass(d, SEC(86400ULL * 2));
	in(d, "P. 1:11(10) ack 1 <TS val 999 ecr 0>");
	events(d, "R");
	pass(d, MS(40));
	out(d, ". 1:1(0) ack 11 <TS val 2160000040 ecr 999>");
	drill_free(d);
}

/* Section 3.2 */
static void every_segment_carries_timestamps(void **state)
{
	struct drill *d = accepted(NULL, "TS val 1000 ecr 0,wscale 7");

	(void)state;
	wr(d, 10);
	out(d, "P. 1:11(10) ack 1 <TS val 0 ecr 1000>");
	in(d, "P. 1:11(10) ack 11 <TS val 1001 ecr 0>");
	pass(d, MS(40));
	out(d, ". 11:11(0) ack 11 <TS val 40 ecr 1001>");
	in(d, "R 12:12(0)");
	out(d, ". 11:11(0) ack 11 <TS val 40 ecr 1001>"); /* a challenge */
	close_now(d);
	out(d, "F. 11:11(0) ack 11 <TS val 40 ecr 1001>");
	pass(d, MS(300));
	out(d, "F. 11:11(0) ack 11 <TS val 340 ecr 1001>");
	tcp_abort(d->conn, d->now);
	out(d, "R. 12:12(0) ack 11 <TS val 340 ecr 1001>"); /* section 5.2 */
	events(d, "RC");
	drill_free(d);
}

/* Section 5.2 */
static void a_reset_carries_what_it_answers(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	d->our_isn = 0;
	in(d, "P. 5000:5010(10) ack 700 <TS val 90000 ecr 5>");
	out(d, "R 700:700(0) <TS val 0 ecr 90000>");
	d->refuse = true;
	in(d, "S 0:0(0) <mss 1460,TS val 7 ecr 0>");
	out(d, "R. 0:0(0) ack 1 <TS val 0 ecr 7>");
	drill_free(d);
}

/* Else who hits the window, but not our numbers, could silence the true peer by it. */
static void an_impossible_ack_moves_no_timestamp(void **state)
{
	struct drill *d = accepted(NULL, OPTS_ALL);

	(void)state;
	in(d, "P. 1:11(10) ack 5000 <TS val 900000 ecr 0>");
	out(d, ". 1:1(0) ack 1 <TS val 0 ecr 1000>");
	events(d, "");
	in(d, "P. 1:11(10) ack 1 <TS val 1001 ecr 0>");
	events(d, "R");
	pass(d, MS(40));
	out(d, ". 1:1(0) ack 11 <TS val 40 ecr 1001>");
	assert_int_equal(counters(d)->paws_rejected, 0);
	drill_free(d);
}

static void timestamps_that_were_not_agreed_are_ignored(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "P. 1:11(10) ack 1 <TS val 5 ecr 0>");
	in(d, "P. 11:21(10) ack 1 <TS val 3 ecr 0>");
	events(d, "R");
	assert_int_equal(d->read, 20);
	pass(d, MS(40));
	assert_int_equal(d->seg[d->seg_next].tx.hdr_len, 20);
	out(d, ". 1:1(0) ack 21");
	drill_free(d);
}

/* Section 4.1: only what acknowledges something new measures. */
static void an_ack_of_nothing_new_measures_nothing(void **state)
{
	struct drill *d = accepted_after(MS(40), "TS val 1000 ecr 0,wscale 7");

	(void)state;
	pass(d, MS(500));
	in(d, ". 1:1(0) ack 1 <TS val 1500 ecr 0>");
	assert_int_equal(info_of(d).srtt_us, 40000);
	none(d);
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_older_timestamp_is_rejected_and_answered),
	cmocka_unit_test(timestamps_wrap_around),
	cmocka_unit_test(a_segment_without_timestamp_is_dropped),
	cmocka_unit_test(a_reset_may_have_any_timestamp),
	cmocka_unit_test(the_echo_is_of_the_segment_that_is_acknowledged),
	cmocka_unit_test(after_24_days_an_old_timestamp_is_void),
	cmocka_unit_test(every_segment_carries_timestamps),
	cmocka_unit_test(a_reset_carries_what_it_answers),
	cmocka_unit_test(an_impossible_ack_moves_no_timestamp),
	cmocka_unit_test(timestamps_that_were_not_agreed_are_ignored),
	cmocka_unit_test(an_ack_of_nothing_new_measures_nothing),
};

DRILL_MAIN(tests)
