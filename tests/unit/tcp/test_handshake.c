/* From a SYN to a connection: RFC 9293 section 3.5, refusals, and their bounds. */
#include "drill.h"

static void data_with_the_last_ack_is_taken(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	in(d, "S 0:0(0) <mss 1460>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, "P. 1:101(100) ack 1");
	events(d, "AR");
	assert_int_equal(d->read, 100);
	pass(d, MS(40));
	out(d, ". 1:1(0) ack 101");
	drill_free(d);
}

static void data_and_fin_with_the_last_ack_are_taken(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	in(d, "S 0:0(0) <mss 1460>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, "FP. 1:101(100) ack 1");
	out(d, ". 1:1(0) ack 102");
	events(d, "ARF");
	drill_free(d);
}

static void a_syn_ack_is_sent_again_with_backoff_and_given_up(void **state)
{
	struct drill *d = drill_new(NULL);
	static const unsigned at[] = {1, 3, 7, 15, 31};

	(void)state;
	in(d, "S 0:0(0) <mss 1460>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	pass(d, SEC(200));
	for (unsigned i = 0; i < 5; i++)
		out_at(d, SEC(at[i]), "S. 0:0(0) ack 1 <mss 1460>");
	none(d);
	assert_int_equal(counters(d)->half_open, 0);
	assert_int_equal(counters(d)->syn_dropped, 1);
	assert_int_equal(tcp_next_deadline(d->s), UINT64_MAX);
	drill_free(d);
}

static void a_syn_sent_again_is_answered_again(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	in(d, "S 0:0(0) <mss 1460>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	pass(d, MS(500));
	in(d, "S 0:0(0) <mss 1460>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	assert_int_equal(counters(d)->half_open, 1);
	drill_free(d);
}

static void a_flood_of_the_same_syn_is_answered_a_few_times(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		in(d, "S 0:0(0) <mss 1460>");
	assert_int_equal(sent_count(d), 9);
	assert_int_equal(counters(d)->challenge_limited, 91);
	forget(d);
	drill_free(d);
}

static void a_lost_syn_ack_makes_a_cautious_start(void **state)
{
	struct drill *d = drill_new(NULL);
	struct tcp_info info;

	(void)state;
	in(d, "S 0:0(0) <mss 1460>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	pass(d, SEC(1));
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, ". 1:1(0) ack 1");
	tcp_info(d->conn, &info);
	assert_int_equal(info.cwnd, 1460);	/* RFC 5681 section 3.1 */
	assert_int_equal(info.rto_us, 3000000); /* RFC 6298 section 5.7 */
	drill_free(d);
}

static void the_handshake_gives_the_first_round_trip(void **state)
{
	struct drill *d = drill_new(NULL);
	struct tcp_info info;

	(void)state;
	in(d, "S 0:0(0) <mss 1460>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	pass(d, MS(200));
	in(d, ". 1:1(0) ack 1");
	tcp_info(d->conn, &info);
	assert_int_equal(info.srtt_us, 200000);
	assert_int_equal(info.rto_us, 600000); /* R + 4 R/2 */
	assert_int_equal(info.cwnd, 14600);    /* RFC 6928 */
	drill_free(d);
}

static void a_wrong_ack_of_the_syn_is_reset(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	in(d, "S 0:0(0)");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, ". 1:1(0) ack 2");
	out(d, "R 2:2(0)");
	in(d, ". 1:1(0) ack 0");
	out(d, "R 0:0(0)");
	assert_int_equal(counters(d)->half_open, 1);
	in(d, ". 1:1(0) ack 1");
	events(d, "A");
	drill_free(d);
}

static void a_segment_outside_the_window_of_a_half_open_one_is_answered(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	in(d, "S 0:0(0)");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, ". 900000:900000(0) ack 1");
	out(d, ". 1:1(0) ack 1");
	assert_int_equal(d->verdict, TCP_REJECT_WINDOW);
	in(d, "S 900000:900000(0)");
	out(d, ". 1:1(0) ack 1");
	assert_int_equal(counters(d)->half_open, 1);
	drill_free(d);
}

static void a_segment_without_ack_is_dropped(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	in(d, "S 0:0(0)");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, "P 1:11(10)");
	in(d, "- 1:11(10)");
	none(d);
	events(d, "");
	drill_free(d);
}

static void another_syn_in_window_returns_to_listen(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	in(d, "S 0:0(0)");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, "S 1000:1000(0)");
	none(d);
	assert_int_equal(counters(d)->half_open, 0);
	drill_free(d);
}

static void a_reset_with_the_next_number_ends_a_half_open_one(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	in(d, "S 0:0(0)");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, "R 2:2(0)"); /* in window but not next: RFC 5961 */
	out(d, ". 1:1(0) ack 1");
	in(d, "R 900000:900000(0)");
	none(d);
	assert_int_equal(counters(d)->half_open, 1);
	in(d, "R 1:1(0)");
	none(d);
	assert_int_equal(counters(d)->half_open, 0);
	drill_free(d);
}

static void old_timestamps_do_not_complete_a_handshake(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	in(d, "S 0:0(0) <TS val 100 ecr 0>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, ". 1:1(0) ack 1 <TS val 99 ecr 0>");
	out(d, ". 1:1(0) ack 1");
	in(d, ". 1:1(0) ack 1");
	none(d);
	assert_int_equal(counters(d)->paws_rejected, 2);
	in(d, ". 1:1(0) ack 1 <TS val 100 ecr 0>");
	events(d, "A");
	drill_free(d);
}

static void nobody_listens_is_a_reset(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	d->flow.dst_port = 80;
	in(d, "S 0:0(0)");
	d->our_isn = 0;
	out(d, "R. 0:0(0) ack 1");
	assert_int_equal(d->verdict, TCP_REJECT_NO_LISTENER);
	in(d, "SFP 0:10(10)");
	out(d, "R. 0:0(0) ack 12");
	in(d, ". 1:1(0) ack 77");
	out(d, "R 77:77(0)");
	in(d, "R 1:1(0)");
	none(d);
	assert_int_equal(d->verdict, TCP_REJECT_RESET);
	drill_free(d);
}

static void a_silent_refusal_is_silent(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	d->refuse_silently = true;
	in(d, "S 0:0(0)");
	none(d);
	assert_int_equal(d->verdict, TCP_REJECT_NO_LISTENER);
	drill_free(d);
}

static void what_is_no_syn_is_reset_in_listen(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	d->our_isn = 0;
	in(d, ". 1:1(0) ack 5");
	out(d, "R 5:5(0)");
	assert_int_equal(d->verdict, TCP_REJECT_RESET);
	in(d, "S. 1:1(0) ack 6");
	out(d, "R 6:6(0)");
	in(d, "P 1:11(10)");
	in(d, "SF 0:0(0)");
	in(d, "- 0:0(0)");
	none(d);
	drill_free(d);
}

static void a_short_or_long_header_is_rejected(void **state)
{
	struct drill *d = drill_new(NULL);
	uint8_t hdr[20] = {0};
	struct tcp_rx rx = {.flow = d->flow, .hdr = hdr, .len = 19, .buf_size = 2304};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		static const uint8_t doff[3] = {5, 4, 6};

		hdr[12] = (uint8_t)(doff[i] << 4);
		rx.len = i == 0 ? 19 : 20;
		d->bufs_out++;
		assert_int_equal(tcp_input(d->s, &rx, 0), TCP_REJECT_HEADER);
	}
	assert_int_equal(counters(d)->bad_header, 3);
	drill_free(d);
}

static void two_conns(struct tcp_config *cfg)
{
	cfg->max_conns = 2;
}

static void at_the_bound_a_handshake_waits_for_a_place(void **state)
{
	struct drill *d = drill_new(two_conns);
	struct tcp_conn *first = NULL;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		d->flow.src_port = (uint16_t)(1000 + i);
		in(d, "S 0:0(0)");
		out(d, "S. 0:0(0) ack 1 <mss 1460>");
		in(d, ". 1:1(0) ack 1");
		first = i == 0 ? d->conn : first;
	}
	events(d, "AA");
	assert_int_equal(counters(d)->conn_limit, 1);
	tcp_abort(first, d->now);
	forget(d);
	events(d, "C");
	in(d, "P. 1:11(10) ack 1"); /* the peer believes it is connected */
	events(d, "AR");
	drill_free(d);
}

static void replies(struct tcp_config *cfg)
{
	cfg->replies_per_s = 10;
}

static void resets_to_strangers_have_a_rate(void **state)
{
	struct drill *d = drill_new(replies);

	(void)state;
	d->flow.dst_port = 80;
	for (unsigned i = 0; i < 100; i++)
		in(d, "S 0:0(0)");
	assert_int_equal(sent_count(d), 10);
	assert_int_equal(counters(d)->replies_limited, 90);
	forget(d);
	pass(d, MS(200));
	for (unsigned i = 0; i < 100; i++)
		in(d, "S 0:0(0)");
	assert_int_equal(sent_count(d), 2);
	forget(d);
	pass(d, SEC(5));
	for (unsigned i = 0; i < 100; i++)
		in(d, "S 0:0(0)");
	assert_int_equal(sent_count(d), 10);
	forget(d);
	drill_free(d);
}

static void initial_numbers_differ_by_flow_and_move_on(void **state)
{
	struct drill *d = drill_new(NULL);
	uint32_t a, b;

	(void)state;
	in(d, "S 0:0(0)");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	a = d->our_isn;
	in(d, "R 1:1(0)");
	pass(d, SEC(1));
	in(d, "S 0:0(0)");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	assert_int_equal(d->our_isn - a, 250000); /* RFC 6528: one in 4 us */
	b = d->our_isn;
	d->flow.src_port++;
	in(d, "S 0:0(0)");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	assert_true(d->our_isn - b > 100000 && b - d->our_isn > 100000);
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(data_with_the_last_ack_is_taken),
	cmocka_unit_test(data_and_fin_with_the_last_ack_are_taken),
	cmocka_unit_test(a_syn_ack_is_sent_again_with_backoff_and_given_up),
	cmocka_unit_test(a_syn_sent_again_is_answered_again),
	cmocka_unit_test(a_flood_of_the_same_syn_is_answered_a_few_times),
	cmocka_unit_test(a_lost_syn_ack_makes_a_cautious_start),
	cmocka_unit_test(the_handshake_gives_the_first_round_trip),
	cmocka_unit_test(a_wrong_ack_of_the_syn_is_reset),
	cmocka_unit_test(a_segment_outside_the_window_of_a_half_open_one_is_answered),
	cmocka_unit_test(a_segment_without_ack_is_dropped),
	cmocka_unit_test(another_syn_in_window_returns_to_listen),
	cmocka_unit_test(a_reset_with_the_next_number_ends_a_half_open_one),
	cmocka_unit_test(old_timestamps_do_not_complete_a_handshake),
	cmocka_unit_test(nobody_listens_is_a_reset),
	cmocka_unit_test(a_silent_refusal_is_silent),
	cmocka_unit_test(what_is_no_syn_is_reset_in_listen),
	cmocka_unit_test(a_short_or_long_header_is_rejected),
	cmocka_unit_test(at_the_bound_a_handshake_waits_for_a_place),
	cmocka_unit_test(resets_to_strangers_have_a_rate),
	cmocka_unit_test(initial_numbers_differ_by_flow_and_move_on),
};

DRILL_MAIN(tests)
