/* Fast retransmit and recovery without SACK (RFC 5681 section 3.2, RFC 3042, RFC 6582), and what
 * the congestion window does then. */
#include "drill.h"

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
	/* 2 by limited transmit, 1 again, and what half of 10 leaves beside the missing one */
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

/* RFC 3042; what it lets out does not count when the window is halved (RFC 5681 section 3.2). */
static void limited_transmit_leaves_the_window_alone(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 29200);
	forget(d);
	in(d, ". 1:1(0) ack 1");
	in(d, ". 1:1(0) ack 1");
	assert_int_equal(sent_count(d), 2);
	assert_int_equal(info_of(d).cwnd, 14600);
	forget(d);
	in(d, ". 1:1(0) ack 1");
	out(d, ". 1:1461(1460) ack 1");
	none(d);
	assert_int_equal(info_of(d).cwnd, 7300);
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(two_duplicates_let_two_new_segments_out),
	cmocka_unit_test(the_third_duplicate_resends_and_halves),
	cmocka_unit_test(a_partial_ack_resends_the_next_hole),
	cmocka_unit_test(duplicates_in_recovery_clock_new_data_out),
	cmocka_unit_test(after_a_timeout_duplicates_do_not_start_a_recovery),
	cmocka_unit_test(acks_with_data_or_another_window_are_no_duplicates),
	cmocka_unit_test(limited_transmit_leaves_the_window_alone),
};

DRILL_MAIN(tests)
