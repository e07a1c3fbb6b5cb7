/* Undoing what lateness caused (Eifel: RFC 3522 detection, RFC 4015 response). */
#include "drill.h"

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

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_recovery_that_only_lateness_caused_is_undone),
	cmocka_unit_test(a_recovery_that_repaired_something_is_not_undone),
	cmocka_unit_test(a_timeout_that_was_too_early_is_undone),
	cmocka_unit_test(of_two_timeouts_nothing_is_undone),
};

DRILL_MAIN(tests)
