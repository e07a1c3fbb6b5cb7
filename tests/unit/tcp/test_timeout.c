/* The retransmission timer, and what it goes by (RFC 6298). */
#include "drill.h"

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

/* Section 2.2 */
static void the_first_round_trip_sets_mean_and_variance(void **state)
{
	struct drill *d = accepted_after(MS(400), OPTS_NONE);

	(void)state;
	assert_int_equal(info_of(d).srtt_us, 400000);
	assert_int_equal(info_of(d).rto_us, 400000 + 4 * 200000);
	drill_free(d);
}

/* Section 2.3: the variance first, by the mean of before. */
static void later_round_trips_change_them_by_an_eighth_and_a_quarter(void **state)
{
	struct drill *d = accepted_after(MS(400), OPTS_NONE);

	(void)state;
	wr(d, 10);
	forget(d);
	pass(d, MS(200));
	in(d, ". 1:1(0) ack 11");
	assert_int_equal(info_of(d).srtt_us, 375000);
	assert_int_equal(info_of(d).rto_us, 375000 + 4 * 200000);
	drill_free(d);
}

/* Section 2.1; a SYN-ACK that was sent twice tells no round trip. */
static void before_the_first_round_trip_it_is_a_second(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		in(d, "S 0:0(0) win 65535 <mss 1460>");
		out(d, "S. 0:0(0) ack 1 <mss 1460>");
	}
	in(d, ". 1:1(0) ack 1");
	assert_int_equal(info_of(d).srtt_us, 0);
	assert_int_equal(info_of(d).rto_us, 1000000);
	wr(d, 10);
	out(d, "P. 1:11(10) ack 1");
	pass(d, MS(999));
	none(d);
	pass(d, MS(1));
	out(d, "P. 1:11(10) ack 1");
	drill_free(d);
}

/* Section 4: a clock of a millisecond has that much variance at the least. */
static void a_steady_round_trip_has_the_clocks_variance(void **state)
{
	struct drill *d = accepted_after(MS(400), OPTS_NONE);

	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		wr(d, 10);
		forget(d);
		pass(d, MS(400));
		in(d, ". 1:1(0) ack %u", 11 + 10 * i);
	}
	assert_int_equal(info_of(d).srtt_us, 400000);
	assert_int_equal(info_of(d).rto_us, 401000);
	drill_free(d);
}

/* Sections 2.5 and 5.5 */
static void it_doubles_up_to_a_minute(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);
	uint64_t at = 300, step = 300;

	(void)state;
	wr(d, 10);
	out(d, "P. 1:11(10) ack 1");
	pass(d, SEC(200));
	for (unsigned i = 0; i < 10; i++) {
		out_at(d, MS(at), "P. 1:11(10) ack 1");
		step = step * 2 > 60000 ? 60000 : step * 2;
		at += step;
	}
	drill_free(d);
}

/* Section 5.2 */
static void when_all_is_acknowledged_no_timer_runs(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 2920);
	forget(d);
	in(d, ". 1:1(0) ack 2921");
	pass(d, SEC(120)); /* the wheel may still look once */
	none(d);
	assert_int_equal(tcp_next_deadline(d->s), UINT64_MAX);
	drill_free(d);
}

/* Section 5.1 */
static void what_is_sent_later_does_not_put_it_off(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 10);
	pass(d, MS(200));
	wr(d, 10);
	forget(d);
	pass(d, MS(99));
	none(d);
	pass(d, MS(1));
	out_at(d, MS(300), ". 1:11(10) ack 1");
	drill_free(d);
}

/* Three segments, sent at 0, 200 and 250 ms; 300 ms have passed, which is when the first is due. */
static struct drill *first_of_three_timed_out(void)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	wr(d, 10);
	pass(d, MS(200));
	wr(d, 10);
	pass(d, MS(50));
	wr(d, 10);
	forget(d);
	pass(d, MS(50));
	out_at(d, MS(300), ". 1:11(10) ack 1");
	none(d);
	return d;
}

/* Section 5: no segment is sent again within an RTO of its last transmission. */
static void what_was_sent_less_than_a_timeout_ago_is_not_sent_again(void **state)
{
	struct drill *d = first_of_three_timed_out();

	(void)state;
	pass(d, MS(199));
	in(d, ". 1:1(0) ack 11");
	none(d); /* 299 ms */
	pass(d, MS(599));
	none(d);
	pass(d, MS(1));
	out_at(d, MS(1099), ". 11:21(10) ack 1");
	out_at(d, MS(1099), "P. 21:31(10) ack 1");
	in(d, ". 1:1(0) ack 31");
	drill_free(d);
}

static void once_it_has_had_its_time_the_next_acknowledgement_sends_it_again(void **state)
{
	struct drill *d = first_of_three_timed_out();

	(void)state;
	pass(d, MS(200));
	in(d, ". 1:1(0) ack 11");
	out_at(d, MS(500), ". 11:21(10) ack 1");
	none(d); /* the third is 250 ms old */
	pass(d, MS(50));
	in(d, ". 1:1(0) ack 21");
	out_at(d, MS(550), "P. 21:31(10) ack 1");
	in(d, ". 1:1(0) ack 31");
	none(d);
	assert_int_equal(counters(d)->rto_fired, 1);
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_lost_segment_is_sent_again_with_backoff),
	cmocka_unit_test(without_an_answer_it_is_given_up),
	cmocka_unit_test(the_timeout_follows_the_round_trip),
	cmocka_unit_test(karn_no_sample_from_what_was_sent_twice),
	cmocka_unit_test(timestamps_give_a_sample_all_the_same),
	cmocka_unit_test(a_timeout_shrinks_the_window_and_resends_in_slow_start),
	cmocka_unit_test(the_timer_restarts_when_data_is_acknowledged),
	cmocka_unit_test(the_first_round_trip_sets_mean_and_variance),
	cmocka_unit_test(later_round_trips_change_them_by_an_eighth_and_a_quarter),
	cmocka_unit_test(before_the_first_round_trip_it_is_a_second),
	cmocka_unit_test(a_steady_round_trip_has_the_clocks_variance),
	cmocka_unit_test(it_doubles_up_to_a_minute),
	cmocka_unit_test(when_all_is_acknowledged_no_timer_runs),
	cmocka_unit_test(what_is_sent_later_does_not_put_it_off),
	cmocka_unit_test(what_was_sent_less_than_a_timeout_ago_is_not_sent_again),
	cmocka_unit_test(once_it_has_had_its_time_the_next_acknowledgement_sends_it_again),
};

DRILL_MAIN(tests)
