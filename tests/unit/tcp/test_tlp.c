/* Probes of the tail (RFC 8985 section 7). Round trips are 40 ms. */
#include "drill.h"

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

/* The tail of ten was lost and a probe has gone out; of nine that were written since, the second is
 * lost. */
static struct drill *lost_beside_a_probe(void)
{
	struct drill *d = ten_out(OPTS_SACK);

	in(d, ". 1:1(0) ack 13141");
	pass(d, MS(280));
	out_at(d, MS(320), "P. 13141:14601(1460) ack 1");
	wr(d, 9 * 1460);
	assert_int_equal(sent_count(d), 9);
	forget(d);
	pass(d, MS(40));
	return d;
}

/* All was sent before the window was cut for the first loss, so the second is no other sign; half
 * of the eight that are out then is the bound of RFC 5681 section 3.2. */
static void a_loss_beside_what_a_probe_repaired_does_not_halve_again(void **state)
{
	struct drill *d = lost_beside_a_probe();

	(void)state;
	in(d, ". 1:1(0) ack 16061 <sack 17521:21901>");
	out(d, ". 16061:17521(1460) ack 1");
	assert_int_equal(counters(d)->tlp_repairs, 1);
	assert_int_equal(counters(d)->fast_retransmits, 1);
	assert_int_equal(info_of(d).cwnd, 4 * 1460);
	in(d, ". 1:1(0) ack 27741");
	drill_free(d);

	d = lost_beside_a_probe(); /* the same, one by one */
	in(d, ". 1:1(0) ack 16061");
	assert_int_equal(info_of(d).cwnd, 5 * 1460);
	in(d, ". 1:1(0) ack 16061 <sack 17521:18981>");
	in(d, ". 1:1(0) ack 16061 <sack 17521:20441>");
	in(d, ". 1:1(0) ack 16061 <sack 17521:21901>");
	out(d, ". 16061:17521(1460) ack 1");
	assert_int_equal(info_of(d).cwnd, 4 * 1460);
	in(d, ". 1:1(0) ack 27741");
	drill_free(d);
}

/* What is sent after the cut is of another window, and its loss another sign. */
static void a_loss_after_what_a_probe_repaired_halves_again(void **state)
{
	struct drill *d = lost_beside_a_probe();

	(void)state;
	in(d, ". 1:1(0) ack 27741"); /* but this time nothing else was lost */
	assert_int_equal(counters(d)->tlp_repairs, 1);
	assert_int_equal(info_of(d).cwnd, 5 * 1460);
	wr(d, 10 * 1460);
	assert_int_equal(sent_count(d), 5);
	forget(d);
	pass(d, MS(40));
	in(d, ". 1:1(0) ack 27741 <sack 29201:30661>");
	in(d, ". 1:1(0) ack 27741 <sack 29201:32121>");
	assert_int_equal(sent_count(d), 2); /* limited transmit */
	forget(d);
	in(d, ". 1:1(0) ack 27741 <sack 29201:33581>");
	out(d, ". 27741:29201(1460) ack 1");
	assert_int_equal(info_of(d).cwnd, 3650);
	forget(d);
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
	close_now(d);
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

/* Section 7.2 */
static void before_the_first_round_trip_the_probe_waits_a_second(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	for (unsigned i = 0; i < 2; i++) { /* which of the two is acknowledged? */
		in(d, "S 0:0(0) win 65535 <mss 1460,sackOK>");
		out(d, "S. 0:0(0) ack 1 <mss 1460,sackOK>");
	}
	in(d, ". 1:1(0) ack 1");
	wr(d, 2920);
	forget(d);
	pass(d, MS(999));
	none(d);
	pass(d, MS(1));
	out_at(d, SEC(1), "P. 1461:2921(1460) ack 1");
	assert_int_equal(counters(d)->tlp_probes, 1);
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_lost_tail_is_probed_after_two_round_trips),
	cmocka_unit_test(new_data_is_a_better_probe),
	cmocka_unit_test(a_single_segment_allows_for_a_delayed_ack),
	cmocka_unit_test(the_probe_is_never_later_than_the_timeout),
	cmocka_unit_test(no_second_probe_without_a_round_trip_between),
	cmocka_unit_test(a_probe_that_repaired_a_loss_is_a_sign_of_congestion),
	cmocka_unit_test(a_loss_beside_what_a_probe_repaired_does_not_halve_again),
	cmocka_unit_test(a_loss_after_what_a_probe_repaired_halves_again),
	cmocka_unit_test(a_probe_of_what_had_arrived_is_no_sign),
	cmocka_unit_test(a_plain_duplicate_says_that_both_copies_came),
	cmocka_unit_test(a_fin_is_probed_too),
	cmocka_unit_test(without_sack_nothing_is_probed),
	cmocka_unit_test(into_a_closed_window_nothing_is_probed_but_the_window),
	cmocka_unit_test(before_the_first_round_trip_the_probe_waits_a_second),
};

DRILL_MAIN(tests)
