/* The path MTU (RFC 1191, RFC 8201), ICMP that lies (RFC 5927), black holes (RFC 2923). */
#include "drill.h"

static void a_packet_too_big_makes_segments_smaller(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 2920);
	out(d, ". 1:1461(1460) ack 1");
	out(d, "P. 1461:2921(1460) ack 1");
	too_big(d, 1, 1000);
	out(d, ". 1:961(960) ack 1");
	out(d, ". 961:1461(500) ack 1");
	out(d, ". 1461:2421(960) ack 1");
	out(d, "P. 2421:2921(500) ack 1");
	assert_int_equal(info_of(d).cwnd, 14600); /* no congestion */
	in(d, ". 1:1(0) ack 2921");
	wr(d, 1000);
	out(d, ". 2921:3881(960) ack 1");
	out(d, "P. 3881:3921(40) ack 1");
	drill_free(d);
}

static void a_claim_about_nothing_in_flight_is_ignored(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	too_big(d, 1, 1000);
	wr(d, 1460);
	forget(d);
	too_big(d, 1461, 1000);
	too_big(d, 0, 1000);
	too_big(d, 1, 1500); /* no smaller than what we know */
	too_big(d, 1, 0);    /* unreachable: soft */
	assert_int_equal(counters(d)->icmp_ignored, 5);
	assert_int_equal(info_of(d).mss, 1460);
	drill_free(d);
}

static void a_claim_about_a_segment_that_fits_is_ignored(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 10);
	forget(d);
	too_big(d, 1, 1000);
	assert_int_equal(info_of(d).mss, 1460);
	drill_free(d);
}

static void a_claim_about_no_connection_is_ignored(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	too_big(d, 1, 1000);
	in(d, "S 0:0(0)");
	forget(d);
	too_big(d, 0, 1000);
	assert_int_equal(counters(d)->icmp_ignored, 2);
	drill_free(d);
}

static void a_claim_below_what_got_through_waits_for_a_timeout(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 1460);
	forget(d);
	in(d, ". 1:1(0) ack 1461"); /* 1,500 bytes got through */
	wr(d, 1460);
	forget(d);
	too_big(d, 1461, 1000);
	none(d);
	assert_int_equal(counters(d)->pmtu_doubted, 1);
	in(d, ". 1:1(0) ack 2921"); /* and again: it was a lie */
	wr(d, 1460);
	forget(d);
	pass(d, MS(300));
	out(d, "P. 2921:4381(1460) ack 1");
	too_big(d, 2921, 1000);
	pass(d, MS(600));
	out(d, ". 2921:3881(960) ack 1"); /* the path has really changed */
	drill_free(d);
}

static void absurd_claims_stop_at_a_floor(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 1460);
	forget(d);
	too_big(d, 1, 68);
	assert_int_equal(info_of(d).mss, 512); /* and what is sent fits: nobody may fragment it */
	out(d, ". 1:513(512) ack 1");
	out(d, ". 513:1025(512) ack 1");
	out(d, "P. 1025:1461(436) ack 1");
	drill_free(d);
}

static void timeouts_of_large_segments_mean_a_black_hole(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 1460);
	out(d, "P. 1:1461(1460) ack 1");
	pass(d, MS(300));
	out(d, "P. 1:1461(1460) ack 1");
	pass(d, MS(600));
	out(d, "P. 1:1461(1460) ack 1");
	pass(d, MS(1200));
	out(d, ". 1:1201(1200) ack 1");
	in(d, ". 1:1(0) ack 1201");
	out(d, "P. 1201:1461(260) ack 1");
	drill_free(d);
}

static void an_unreachable_is_a_soft_error(void **state)
{
	struct drill *d = accepted(NULL, OPTS_SACK);

	(void)state;
	wr(d, 1460);
	forget(d);
	too_big(d, 1, 0); /* no MTU: unreachable, or a source quench */
	none(d);
	/* A hard one, too, to a connection that stands; and only about what is in flight. */
	unreachable(d, 5000, true);
	assert_false(info_of(d).unreachable);
	unreachable(d, 1, true);
	assert_true(info_of(d).unreachable);
	none(d);
	events(d, "");
	assert_int_equal(counters(d)->icmp_ignored, 3);
	in(d, ". 1:1(0) ack 1461");
	none(d);
	assert_false(info_of(d).unreachable);
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_packet_too_big_makes_segments_smaller),
	cmocka_unit_test(a_claim_about_nothing_in_flight_is_ignored),
	cmocka_unit_test(a_claim_about_a_segment_that_fits_is_ignored),
	cmocka_unit_test(a_claim_about_no_connection_is_ignored),
	cmocka_unit_test(a_claim_below_what_got_through_waits_for_a_timeout),
	cmocka_unit_test(absurd_claims_stop_at_a_floor),
	cmocka_unit_test(timeouts_of_large_segments_mean_a_black_hole),
	cmocka_unit_test(an_unreachable_is_a_soft_error),
};

DRILL_MAIN(tests)
