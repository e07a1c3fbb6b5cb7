/* The congestion window (RFC 5681, RFC 6928). */
#include "drill.h"

static void the_initial_window_is_ten_segments(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 30000);
	assert_int_equal(sent_count(d), 10);
	forget(d);
	drill_free(d);
}

static void slow_start_then_congestion_avoidance(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 60000);
	assert_int_equal(sent_count(d), 10);
	forget(d);
	pass(d, MS(100));
	in(d, ". 1:1(0) ack 2921"); /* two segments: two more than they were, so four */
	assert_int_equal(sent_count(d), 4);
	assert_int_equal(info_of(d).cwnd, 12 * 1460);
	forget(d);
	in(d, ". 1:1(0) ack 14601");
	assert_int_equal(info_of(d).cwnd, 20 * 1460);
	in(d, ". 1:1(0) ack 43801"); /* of twenty; eight at most for one (RFC 9406 section 4.3) */
	assert_int_equal(info_of(d).cwnd, 28 * 1460);
	forget(d);
	drill_free(d);
}

static void much_to_send(struct tcp_config *cfg)
{
	cfg->snd_buf = 1U << 20;
}

/* Section 3.1: ssthresh begins as high as can be, and only congestion lowers it. */
static void slow_start_has_no_end_of_its_own(void **state)
{
	struct drill *d = accepted(much_to_send, "wscale 7");

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		wr(d, 1U << 20);
		in(d, ". 1:1(0) ack %u", 1 + (unsigned)info_of(d).bytes_out);
		forget(d);
	}
	assert_int_equal(info_of(d).cwnd, (10 + 40 * 8) * 1460); /* past any window unscaled */
	drill_free(d);
}

static void a_window_that_is_not_used_does_not_grow(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		wr(d, 100);
		in(d, ". 1:1(0) ack %u", 101 + 100 * i);
	}
	assert_int_equal(info_of(d).cwnd, 14600);
	forget(d);
	drill_free(d);
}

static void after_an_idle_time_the_window_starts_again(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);
	uint32_t acked = 1;

	(void)state;
	wr(d, 60000);
	while (acked < 60001) {
		acked += 2920;
		acked = acked > 60001 ? 60001 : acked;
		in(d, ". 1:1(0) ack %u", acked);
		pass(d, MS(1));
	}
	forget(d);
	assert_true(info_of(d).cwnd > 14600);
	pass(d, SEC(10));
	wr(d, 60000);
	assert_int_equal(sent_count(d), 10);
	forget(d);
	drill_free(d);
}

/* RFC 5681 section 3.1: by a segment a round trip, and each acknowledgement brings its part. */
static void after_it_the_window_grows_bit_by_bit_by_one_segment_a_round(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 14600);
	for (unsigned i = 0; i < 3; i++)
		in(d, ". 1:1(0) ack 1");
	in(d, ". 1:1(0) ack 14601");
	assert_int_equal(info_of(d).cwnd, 7300);
	wr(d, 40000);
	in(d, ". 1:1(0) ack 16061");
	assert_int_equal(info_of(d).cwnd, 7300 + 292); /* 1460 * 1460 / 7300 */
	in(d, ". 1:1(0) ack 18981");
	assert_int_equal(info_of(d).cwnd, 7592 + 561); /* 1460 * 2920 / 7592, a rest is kept */
	in(d, ". 1:1(0) ack 21901");
	assert_int_equal(info_of(d).cwnd, 8153 + 523); /* not 1,460 more, after a round */
	in(d, ". 1:1(0) ack 54601");
	assert_true(info_of(d).cwnd <= 8676 + 1460); /* one at most, whatever is acknowledged */
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

/* A receiver that acknowledges byte by byte gains nothing by it (section 3.1). */
static void parts_of_a_segment_count_as_what_they_are(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 60000);
	for (unsigned i = 1; i <= 10; i++)
		in(d, ". 1:1(0) ack %u", 1 + 146 * i);
	assert_int_equal(info_of(d).cwnd, 11 * 1460);
	forget(d);
	drill_free(d);
}

/* RFC 6928 section 2 */
static void of_large_segments_the_initial_window_is_two(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	d->mtu = 9000;
	in(d, "S 0:0(0) <mss 8960>");
	out(d, "S. 0:0(0) ack 1 <mss 8960>");
	in(d, ". 1:1(0) ack 1");
	assert_int_equal(info_of(d).cwnd, 2 * 8960);
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_initial_window_is_ten_segments),
	cmocka_unit_test(slow_start_then_congestion_avoidance),
	cmocka_unit_test(slow_start_has_no_end_of_its_own),
	cmocka_unit_test(a_window_that_is_not_used_does_not_grow),
	cmocka_unit_test(after_an_idle_time_the_window_starts_again),
	cmocka_unit_test(after_it_the_window_grows_bit_by_bit_by_one_segment_a_round),
	cmocka_unit_test(the_window_is_half_of_what_was_out_before_the_round),
	cmocka_unit_test(where_nothing_waits_to_be_sent_the_window_is_half_of_what_is_out),
	cmocka_unit_test(reports_make_the_window_grow_where_the_network_reorders),
	cmocka_unit_test(parts_of_a_segment_count_as_what_they_are),
	cmocka_unit_test(of_large_segments_the_initial_window_is_two),
};

DRILL_MAIN(tests)
