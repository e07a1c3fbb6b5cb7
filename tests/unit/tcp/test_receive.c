/* Bytes that come: order, overlap, acknowledgements, windows, memory. */
#include "drill.h"

#include <string.h>

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

/* Overlap: the first copy of a byte wins */

static void expect_bytes(struct drill *d, const char *want)
{
	struct tcp_span v[8];
	char got[64];
	uint32_t n = 0;
	unsigned spans = tcp_peek(d->conn, v, 8);

	for (unsigned i = 0; i < spans; i++) {
		assert_true(n + v[i].len < sizeof(got));
		memcpy(got + n, v[i].data, v[i].len);
		n += v[i].len;
	}
	got[n] = '\0';
	assert_string_equal(got, want);
	assert_int_equal(tcp_unread(d->conn), n);
}

static void fill(struct drill *d, char c, const char *text)
{
	d->fill = (uint8_t)c;
	in(d, "%s", text);
	forget(d);
}

static void bytes_in_order_are_not_rewritten(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	d->hold = true;
	fill(d, 'a', "P. 1:5(4) ack 1");
	fill(d, 'b', "P. 1:5(4) ack 1");
	fill(d, 'c', "P. 3:8(5) ack 1");
	fill(d, 'd', "P. 2:9(7) ack 1");
	expect_bytes(d, "aaaacccd");
	drill_free(d);
}

static void queued_bytes_are_not_rewritten(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	d->hold = true;
	fill(d, 'a', "P. 3:5(2) ack 1");
	fill(d, 'b', "P. 4:8(4) ack 1"); /* overlaps the end of a */
	fill(d, 'c', "P. 2:4(2) ack 1"); /* the beginning of a */
	fill(d, 'd', "P. 10:12(2) ack 1");
	fill(d, 'e', "P. 3:14(11) ack 1"); /* over all, into two gaps */
	fill(d, 'f', "P. 1:14(13) ack 1");
	expect_bytes(d, "fcaabbbeeddee");
	drill_free(d);
}

static void a_segment_in_order_fills_around_what_is_queued(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	d->hold = true;
	fill(d, 'x', "P. 3:4(1) ack 1");
	fill(d, 'y', "P. 6:7(1) ack 1");
	fill(d, 'z', "P. 1:9(8) ack 1");
	expect_bytes(d, "zzxzzyzz");
	drill_free(d);
}

static void without_a_buffer_for_copies_overlap_costs_a_retransmission(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	d->hold = true;
	d->no_buffers = true;
	fill(d, 'x', "P. 3:4(1) ack 1");
	d->fill = 'y';
	in(d, "P. 1:6(5) ack 1");
	out(d, ". 1:1(0) ack 4"); /* its second part found no buffer */
	in(d, "P. 1:6(5) ack 1");
	out(d, ". 1:1(0) ack 6");
	expect_bytes(d, "yyxyy");
	drill_free(d);
}

static void an_inner_duplicate_of_queued_data_is_dropped(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	d->hold = true;
	fill(d, 'a', "P. 3:9(6) ack 1");
	fill(d, 'b', "P. 4:6(2) ack 1");
	fill(d, 'b', "P. 3:9(6) ack 1");
	fill(d, 'c', "P. 1:3(2) ack 1");
	expect_bytes(d, "ccaaaaaa");
	drill_free(d);
}

/* Windows */

static void bytes_beyond_the_window_are_cut_off(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);
	struct tcp_info info;

	(void)state;
	d->hold = true;
	d->buf_size = 512;
	for (int i = 0; i < 65; i++) {
		in(d, "P. %d:%d(1000) ack 1", 1 + i * 1000, 1001 + i * 1000);
	}
	tcp_info(d->conn, &info);
	forget(d);
	/* 65,535 were announced first and more since; take exactly what is. */
	assert_true(info.rcv_wnd > 1500);
	in(d, "P. 65001:66501(1500) ack 1");
	forget(d);
	in(d, "P. %u:%u(10) ack 1", 66501 + info.rcv_wnd, 66511 + info.rcv_wnd);
	out(d, ". 1:1(0) ack 66501");
	assert_int_equal(d->verdict, TCP_REJECT_WINDOW);
	drill_free(d);
}

static void of_a_segment_across_the_edge_only_what_fits_is_taken(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	put(d, "P. 65001:66461(1460) ack 1"); /* the edge is at 65,536 */
	forget(d);
	for (uint32_t i = 0; i < 65000; i += 1000)
		put(d, ". %u:%u(1000) ack 1", 1 + i, 1001 + i);
	flush(d);
	assert_int_equal(d->read, 65535);
	forget(d);
	drill_free(d);
}

static void small_buffer(struct tcp_config *cfg)
{
	cfg->rcv_buf = 20000; /* window 10,000 */
}

static void the_window_closes_and_opens_by_segments(void **state)
{
	struct drill *d = accepted(small_buffer, OPTS_NONE);

	(void)state;
	d->hold = true;
	d->buf_size = 1460;
	/* Half of what is free: the edge moves on by half of what comes, in whole segments. */
	for (unsigned i = 0; i < 10; i += 2) {
		in(d, ". %u:%u(1460) ack 1", 1 + i * 1460, 1461 + i * 1460);
		none(d);
		in(d, ". %u:%u(1460) ack 1", 1461 + i * 1460, 2921 + i * 1460);
		out(d, ". 1:1(0) ack %u win %u", 2921 + i * 1460, 8540 - i / 2 * 1460);
	}
	in(d, ". 14601:16061(1460) ack 1");
	in(d, "P. 16061:17301(1240) ack 1");
	pass(d, MS(40));
	out(d, ". 1:1(0) ack 17301 win 0"); /* 1,240 more are free: no segment's worth */
	rd(d, 700);
	none(d); /* its buffer is still held */
	rd(d, 760);
	out(d, ". 1:1(0) ack 17301 win 1970");
	rd(d, 2920);
	out(d, ". 1:1(0) ack 17301 win 3430");
	rd(d, 12920);
	forget(d);
	drill_free(d);
}

static void fill_window(struct drill *d)
{
	struct tcp_info info;
	uint32_t seq = 1;

	d->hold = true;
	for (;;) {
		uint32_t n;

		tcp_info(d->conn, &info);
		if (info.rcv_wnd == 0)
			break;
		n = info.rcv_wnd < 1460 ? info.rcv_wnd : 1460;
		in(d, "P. %u:%u(%u) ack 1", seq, seq + n, n);
		pass(d, MS(40));
		seq += n;
		assert_true(seq < 100000);
	}
	forget(d);
	events(d, "R");
}

static void a_closed_window_is_probed_and_opens(void **state)
{
	struct drill *d = accepted(small_buffer, OPTS_NONE);
	struct tcp_info info;
	uint32_t seq;

	(void)state;
	d->buf_size = 2000;
	fill_window(d);
	tcp_info(d->conn, &info);
	seq = info.unread + 1;
	for (unsigned i = 0; i < 2; i++) {
		in(d, ". %u:%u(1) ack 1", seq, seq + 1);
		out(d, ". 1:1(0) ack %u win 0", seq);
	}
	in(d, ". %u:%u(0) ack 1", seq - 1, seq - 1); /* Linux probes so */
	out(d, ". 1:1(0) ack %u win 0", seq);
	rd(d, info.unread);
	out(d, ". 1:1(0) ack %u win 10000", seq);
	drill_free(d);
}

static void at_a_closed_window_acks_and_resets_still_count(void **state)
{
	struct drill *d = accepted(small_buffer, OPTS_NONE);
	struct tcp_info info;

	(void)state;
	d->buf_size = 2000;
	fill_window(d);
	tcp_info(d->conn, &info);
	wr(d, 10);
	forget(d);
	/* Data that finds no room, but its acknowledgement does. */
	in(d, "P. %u:%u(5) ack 11", info.unread + 1, info.unread + 6);
	out(d, ". 11:11(0) ack %u win 0", info.unread + 1);
	pass(d, SEC(2));
	none(d);
	in(d, "R %u:%u(0)", info.unread + 1, info.unread + 1);
	events(d, "C");
	drill_free(d);
}

static void a_bare_fin_needs_no_window(void **state)
{
	struct drill *d = accepted(small_buffer, OPTS_NONE);
	struct tcp_info info;

	(void)state;
	d->buf_size = 2000;
	fill_window(d);
	tcp_info(d->conn, &info);
	in(d, "F. %u:%u(0) ack 1", info.unread + 1, info.unread + 1);
	out(d, ". 1:1(0) ack %u win 0", info.unread + 2);
	events(d, "F");
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
	cmocka_unit_test(bytes_in_order_are_not_rewritten),
	cmocka_unit_test(queued_bytes_are_not_rewritten),
	cmocka_unit_test(a_segment_in_order_fills_around_what_is_queued),
	cmocka_unit_test(without_a_buffer_for_copies_overlap_costs_a_retransmission),
	cmocka_unit_test(an_inner_duplicate_of_queued_data_is_dropped),
	cmocka_unit_test(bytes_beyond_the_window_are_cut_off),
	cmocka_unit_test(of_a_segment_across_the_edge_only_what_fits_is_taken),
	cmocka_unit_test(the_window_closes_and_opens_by_segments),
	cmocka_unit_test(a_closed_window_is_probed_and_opens),
	cmocka_unit_test(at_a_closed_window_acks_and_resets_still_count),
	cmocka_unit_test(a_bare_fin_needs_no_window),
	cmocka_unit_test(peeking_from_the_middle),
	cmocka_unit_test(an_old_ack_still_brings_data),
	cmocka_unit_test(urgent_bytes_are_bytes),
	cmocka_unit_test(a_data_segment_without_ack_is_dropped),
};

DRILL_MAIN(tests)
