/* Bytes that come: acknowledgements, and order. */
#include "drill.h"

/* Acknowledgements (RFC 5681 section 4.2, RFC 9293 section 3.8.6.3) */

static void one_segment_is_acknowledged_after_40_ms(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "P. 1:101(100) ack 1");
	none(d);
	pass(d, MS(100));
	out_at(d, MS(40), ". 1:1(0) ack 101");
	assert_int_equal(counters(d)->delayed_acks, 1);
	events(d, "R");
	drill_free(d);
}

static void the_second_full_segment_is_acknowledged_at_once(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, ". 1:1461(1460) ack 1");
	none(d);
	in(d, ". 1461:2921(1460) ack 1");
	out(d, ". 1:1(0) ack 2921");
	in(d, ". 2921:4381(1460) ack 1");
	none(d);
	in(d, ". 4381:5841(1460) ack 1");
	out(d, ". 1:1(0) ack 5841");
	pass(d, SEC(1));
	none(d);
	drill_free(d);
}

static void a_round_has_one_acknowledgement(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	for (int i = 0; i < 32; i++) {
		put(d, ". %d:%d(1000) ack 1", 1 + i * 1000, 1001 + i * 1000);
	}
	none(d);
	flush(d);
	out(d, ". 1:1(0) ack 32001");
	drill_free(d);
}

static void what_a_round_put_off_is_a_deadline(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	put(d, ". 1:1461(1460) ack 1");
	put(d, ". 1461:2921(1460) ack 1");
	none(d);
	assert_true(tcp_next_deadline(d->s) <= d->now);
	tcp_expire(d->s, d->now, 1);
	out(d, ". 1:1(0) ack 2921");
	drill_free(d);
}

static void a_delayed_ack_rides_on_data(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "P. 1:101(100) ack 1");
	wr(d, 10);
	out(d, "P. 1:11(10) ack 101");
	in(d, ". 101:101(0) ack 11");
	pass(d, SEC(1));
	none(d);
	drill_free(d);
}

static void smaller_segments_add_up_to_two_full_ones(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "P. 1:501(500) ack 1");
	in(d, "P. 501:1001(500) ack 1");
	none(d);
	in(d, "P. 1001:1501(500) ack 1"); /* 1500 >= 2 * 536 */
	out(d, ". 1:1(0) ack 1501");
	drill_free(d);
}

/* Order */

static void a_gap_is_answered_at_once_and_its_filling_too(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, ". 1001:2001(1000) ack 1");
	out(d, ". 1:1(0) ack 1");
	in(d, ". 2001:3001(1000) ack 1");
	out(d, ". 1:1(0) ack 1");
	events(d, "");
	in(d, ". 1:1001(1000) ack 1");
	out(d, ". 1:1(0) ack 3001");
	events(d, "R");
	assert_int_equal(d->read, 3000);
	drill_free(d);
}

static void without_sack_every_gap_segment_of_a_round_is_answered(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	put(d, ". 1001:2001(1000) ack 1");
	put(d, ". 2001:3001(1000) ack 1");
	put(d, ". 3001:4001(1000) ack 1");
	flush(d);
	out(d, ". 1:1(0) ack 1");
	out(d, ". 1:1(0) ack 1");
	out(d, ". 1:1(0) ack 1");
	drill_free(d);
}

static void sack_reports_the_newest_block_first(void **state)
{
	struct drill *d = accepted(NULL, OPTS_SACK);

	(void)state;
	in(d, ". 1001:2001(1000) ack 1");
	out(d, ". 1:1(0) ack 1 <sack 1001:2001>");
	in(d, ". 3001:4001(1000) ack 1");
	out(d, ". 1:1(0) ack 1 <sack 3001:4001 1001:2001>");
	in(d, ". 5001:6001(1000) ack 1");
	out(d, ". 1:1(0) ack 1 <sack 5001:6001 3001:4001 1001:2001>");
	in(d, ". 7001:8001(1000) ack 1");
	out(d, ". 1:1(0) ack 1 <sack 7001:8001 5001:6001 3001:4001 1001:2001>");
	in(d, ". 9001:9101(100) ack 1");
	out(d, ". 1:1(0) ack 1 <sack 9001:9101 7001:8001 5001:6001 3001:4001>");
	in(d, ". 4001:5001(1000) ack 1"); /* joins two */
	out(d, ". 1:1(0) ack 1 <sack 3001:6001 9001:9101 7001:8001>");
	in(d, ". 1:1001(1000) ack 1");
	out(d, ". 1:1(0) ack 2001 <sack 3001:6001 9001:9101 7001:8001>");
	in(d, ". 2001:3001(1000) ack 1");
	out(d, ". 1:1(0) ack 6001 <sack 9001:9101 7001:8001>");
	in(d, ". 6001:9001(3000) ack 1");
	out(d, ". 1:1(0) ack 9101");
	assert_int_equal(d->read, 9100);
	drill_free(d);
}

static void with_timestamps_there_is_room_for_three_blocks(void **state)
{
	struct drill *d = accepted(NULL, OPTS_ALL);

	(void)state;
	in(d, ". 1001:2001(1000) ack 1 <TS val 1001 ecr 0>");
	in(d, ". 3001:4001(1000) ack 1 <TS val 1001 ecr 0>");
	in(d, ". 5001:6001(1000) ack 1 <TS val 1001 ecr 0>");
	in(d, ". 7001:8001(1000) ack 1 <TS val 1001 ecr 0>");
	out(d, ". 1:1(0) ack 1 <sack 1001:2001>");
	out(d, ". 1:1(0) ack 1 <sack 3001:4001 1001:2001>");
	out(d, ". 1:1(0) ack 1 <sack 5001:6001 3001:4001 1001:2001>");
	out(d, ". 1:1(0) ack 1 <TS val 0 ecr 1000,sack 7001:8001 5001:6001 3001:4001>");
	drill_free(d);
}

static void a_round_of_gap_segments_has_one_sack(void **state)
{
	struct drill *d = accepted(NULL, OPTS_SACK);

	(void)state;
	put(d, ". 1001:2001(1000) ack 1");
	put(d, ". 2001:3001(1000) ack 1");
	put(d, ". 4001:5001(1000) ack 1");
	flush(d);
	out(d, ". 1:1(0) ack 1 <sack 4001:5001 1001:3001>");
	drill_free(d);
}

static void a_duplicate_is_reported_by_dsack(void **state)
{
	struct drill *d = accepted(NULL, OPTS_SACK);

	(void)state;
	in(d, ". 1:1001(1000) ack 1");
	none(d);
	in(d, ". 1:1001(1000) ack 1");
	out(d, ". 1:1(0) ack 1001 <sack 1:1001>");
	in(d, ". 2001:3001(1000) ack 1");
	out(d, ". 1:1(0) ack 1001 <sack 2001:3001>");
	in(d, ". 2001:3001(1000) ack 1"); /* RFC 2883 section 4.1.3 */
	out(d, ". 1:1(0) ack 1001 <sack 2001:3001 2001:3001>");
	in(d, ". 501:2001(1500) ack 1"); /* partly old */
	out(d, ". 1:1(0) ack 3001 <sack 501:1001>");
	assert_int_equal(counters(d)->dup_segments, 3);
	drill_free(d);
}

static void peeking_from_the_middle(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);
	struct tcp_span v[2];

	(void)state;
	d->hold = true;
	put(d, ". 1:1461(1460) ack 1");
	put(d, ". 1461:2921(1460) ack 1");
	flush(d);
	forget(d);
	assert_int_equal(tcp_peek(d->conn, v, 2), 2);
	assert_int_equal(v[0].len + v[1].len, 2920);
	assert_int_equal(tcp_peek(d->conn, v, 1), 1);
	assert_int_equal(tcp_peek_from(d->conn, 1459, v, 2), 2);
	assert_int_equal(v[0].len, 1);
	assert_int_equal(v[0].data[0], drill_pattern(1459));
	assert_int_equal(tcp_peek_from(d->conn, 1460, v, 2), 1);
	assert_int_equal(v[0].data[0], drill_pattern(1460));
	assert_int_equal(tcp_peek_from(d->conn, 2920, v, 2), 0);
	tcp_consume(d->conn, 0, d->now);
	tcp_consume(d->conn, 1500, d->now);
	assert_int_equal(tcp_peek(d->conn, v, 2), 1);
	assert_int_equal(v[0].len, 1420);
	assert_int_equal(v[0].data[0], drill_pattern(1500));
	drill_free(d);
}

static void an_old_ack_still_brings_data(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 10);
	out(d, "P. 1:11(10) ack 1");
	in(d, ". 1:1(0) ack 11");
	in(d, "P. 1:11(10) ack 1");
	events(d, "R");
	drill_free(d);
}

static void urgent_bytes_are_bytes(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "UP. 1:11(10) ack 1");
	events(d, "R");
	assert_int_equal(d->read, 10);
	drill_free(d);
}

static void a_data_segment_without_ack_is_dropped(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "P 1:11(10)");
	events(d, "");
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(one_segment_is_acknowledged_after_40_ms),
	cmocka_unit_test(the_second_full_segment_is_acknowledged_at_once),
	cmocka_unit_test(a_round_has_one_acknowledgement),
	cmocka_unit_test(what_a_round_put_off_is_a_deadline),
	cmocka_unit_test(a_delayed_ack_rides_on_data),
	cmocka_unit_test(smaller_segments_add_up_to_two_full_ones),
	cmocka_unit_test(a_gap_is_answered_at_once_and_its_filling_too),
	cmocka_unit_test(without_sack_every_gap_segment_of_a_round_is_answered),
	cmocka_unit_test(sack_reports_the_newest_block_first),
	cmocka_unit_test(with_timestamps_there_is_room_for_three_blocks),
	cmocka_unit_test(a_round_of_gap_segments_has_one_sack),
	cmocka_unit_test(a_duplicate_is_reported_by_dsack),
	cmocka_unit_test(peeking_from_the_middle),
	cmocka_unit_test(an_old_ack_still_brings_data),
	cmocka_unit_test(urgent_bytes_are_bytes),
	cmocka_unit_test(a_data_segment_without_ack_is_dropped),
};

DRILL_MAIN(tests)
