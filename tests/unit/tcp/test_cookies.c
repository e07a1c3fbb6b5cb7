/* SYN cookies (RFC 4987 section 3.6) and the table of half-open connections under a flood. */
#include "drill.h"

#include <string.h>

static void always(struct tcp_config *cfg)
{
	cfg->cookies_always = true;
}

static void a_cookie_keeps_mss_wscale_and_sack(void **state)
{
	struct drill *d = drill_new(always);
	struct tcp_info info;

	(void)state;
	in(d, "S 0:0(0) win 65535 <mss 1460,sackOK,TS val 100 ecr 0,wscale 7>");
	out(d, "S. 0:0(0) ack 1 <mss 1460,sackOK,wscale 2>");
	assert_int_equal(counters(d)->half_open, 0);
	in(d, ". 1:1(0) ack 1 win 100 <TS val 101 ecr 0>");
	events(d, "A");
	tcp_info(d->conn, &info);
	assert_true(info.sack && info.timestamps && info.wscale);
	assert_int_equal(info.mss, 1448);
	wr(d, 12800); /* 100 << 7 */
	assert_int_equal(sent_count(d), 9);
	forget(d);
	in(d, "P. 1001:1011(10) ack 1 win 100 <TS val 102 ecr 0>");
	out(d, ". 12801:12801(0) ack 1 <sack 1001:1011>");
	drill_free(d);
}

static void every_window_scale_survives(void **state)
{
	(void)state;
	for (unsigned w = 0; w <= 14; w++) {
		struct drill *d = drill_new(always);
		struct tcp_info info;

		in(d, "S 0:0(0) <mss 1460,TS val 100 ecr 0,wscale %u>", w);
		out(d, "S. 0:0(0) ack 1 <mss 1460,wscale 2>");
		pass(d, SEC(3));
		in(d, ". 1:1(0) ack 1 win 1 <TS val 101 ecr 0>");
		tcp_info(d->conn, &info);
		assert_true(info.wscale && !info.sack);
		wr(d, 20000);
		pass(d, MS(1000));
		/* Half of the window at least is worth sending for (RFC 9293 section 3.8.6.2.1). */
		assert_true(counters(d)->bytes_out > (w < 14 ? (1U << w) / 2 : 14479));
		assert_true(counters(d)->bytes_out <= 1U << w);
		forget(d);
		drill_free(d);
	}
}

static void without_timestamps_only_the_mss_survives(void **state)
{
	struct drill *d = drill_new(always);
	struct tcp_info info;

	(void)state;
	in(d, "S 0:0(0) win 65535 <mss 1400,sackOK,wscale 7>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, ". 1:1(0) ack 1 win 10000");
	events(d, "A");
	tcp_info(d->conn, &info);
	assert_true(!info.sack && !info.timestamps && !info.wscale);
	assert_int_equal(info.mss, 1400);
	drill_free(d);
}

static void the_mss_is_rounded_down(void **state)
{
	static const unsigned offered[] = {100, 536, 1000, 1300, 1459, 1460, 8960, 65535};
	static const unsigned kept[] = {64, 536, 536, 1220, 1440, 1460, 1460, 1460};

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct drill *d = drill_new(always);
		struct tcp_info info;

		in(d, "S 0:0(0) <mss %u>", offered[i]);
		out(d, "S. 0:0(0) ack 1 <mss 1460>");
		in(d, ". 1:1(0) ack 1");
		tcp_info(d->conn, &info);
		assert_int_equal(info.mss, kept[i]);
		drill_free(d);
	}
}

static void a_cookie_is_good_for_a_minute_and_not_for_ever(void **state)
{
	struct drill *d = drill_new(always);

	(void)state;
	in(d, "S 0:0(0) <mss 1460>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	pass(d, SEC(66));
	in(d, ". 1:1(0) ack 1");
	events(d, "A");
	in(d, "R 1:1(0)");
	events(d, "C");
	pass(d, SEC(69)); /* no cookie can be out any more */
	in(d, ". 1:1(0) ack 1");
	out(d, "R 1:1(0)");
	events(d, "");
	drill_free(d);
}

static void while_new_cookies_are_out_old_ones_are_not_good(void **state)
{
	struct drill *d = drill_new(always);

	(void)state;
	in(d, "S 0:0(0) <mss 1460>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	pass(d, SEC(136));
	d->flow.src_port++;
	in(d, "S 0:0(0) <mss 1460>");
	forget(d);
	d->flow.src_port--;
	in(d, ". 1:1(0) ack 1");
	out(d, "R 1:1(0)");
	events(d, "");
	drill_free(d);
}

static void a_forged_ack_makes_no_connection(void **state)
{
	struct drill *d = drill_new(always);

	(void)state;
	in(d, "S 0:0(0) <mss 1460,TS val 100 ecr 0,sackOK>");
	out(d, "S. 0:0(0) ack 1 <mss 1460,sackOK>");
	in(d, ". 1:1(0) ack 2 <TS val 100 ecr 0>"); /* another number */
	in(d, ". 2:2(0) ack 1 <TS val 100 ecr 0>"); /* another number of the peer's */
	in(d, ". 1:1(0) ack 1 <TS val 100 ecr 1>"); /* other options */
	in(d, ". 1:1(0) ack 1");		    /* no options */
	none(d); /* any of them could be of one whose first segment is still to come */
	in(d, ". 1:1(0) ack 1073741825 <TS val 100 ecr 0>"); /* another period: surely not */
	out(d, "R 1073741825:1073741825(0)");
	d->flow.src_port++;
	in(d, ". 1:1(0) ack 1 <TS val 100 ecr 0>"); /* another flow */
	forget(d);
	assert_int_equal(counters(d)->syn_cookies_bad, 6);
	events(d, "");
	d->flow.src_port--;
	in(d, ". 1:1(0) ack 1 <TS val 100 ecr 0>");
	events(d, "A");
	drill_free(d);
}

static void a_segment_that_overtook_the_first_is_dropped_not_reset(void **state)
{
	struct drill *d = drill_new(always);

	(void)state;
	in(d, "S 0:0(0) <mss 1460>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, "P. 1001:2001(1000) ack 1");
	in(d, "F. 2001:2001(0) ack 1");
	none(d);
	assert_int_equal(d->verdict, TCP_REJECT_RESET);
	in(d, "P. 1:1001(1000) ack 1");
	events(d, "AR");
	pass(d, MS(40));
	forget(d);
	drill_free(d);
}

static void where_no_cookie_was_sent_none_is_accepted(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	in(d, ". 1:1(0) ack 1");
	forget(d);
	assert_int_equal(counters(d)->syn_cookies_bad, 0);
	drill_free(d);
}

static void data_comes_with_a_cookie(void **state)
{
	struct drill *d = drill_new(always);

	(void)state;
	in(d, "S 0:0(0) <mss 1460>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, "FP. 1:101(100) ack 1");
	out(d, ". 1:1(0) ack 102");
	events(d, "ARF");
	assert_int_equal(d->read, 100);
	drill_free(d);
}

static void one_conn(struct tcp_config *cfg)
{
	cfg->cookies_always = true;
	cfg->max_conns = 1;
}

static void at_the_bound_of_connections_a_cookie_may_try_again(void **state)
{
	struct drill *d = drill_new(one_conn);
	struct tcp_conn *first;

	(void)state;
	in(d, "S 0:0(0)");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, ". 1:1(0) ack 1");
	first = d->conn;
	d->flow.src_port++;
	in(d, "S 0:0(0)");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, "P. 1:11(10) ack 1");
	none(d);
	events(d, "A");
	tcp_abort(first, d->now);
	forget(d);
	in(d, "P. 1:11(10) ack 1");
	events(d, "CAR");
	drill_free(d);
}

static void four_half_open(struct tcp_config *cfg)
{
	cfg->max_half_open = 4;
}

static void past_the_bound_of_the_table_cookies_are_sent(void **state)
{
	struct drill *d = drill_new(four_half_open);

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		d->flow.src_port = (uint16_t)(5000 + i);
		in(d, "S 0:0(0) <mss 1460>");
	}
	assert_int_equal(sent_count(d), 1000); /* everybody is answered */
	assert_int_equal(counters(d)->half_open, 4);
	assert_int_equal(counters(d)->syn_cookies_sent, 996);
	forget(d);
	d->flow.src_port = 4999; /* a true client in the middle of it */
	in(d, "S 0:0(0) <mss 1460>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, ". 1:1(0) ack 1");
	events(d, "A");
	assert_int_equal(counters(d)->syn_cookies_ok, 1);
	drill_free(d);
}

static void a_cookie_counts_though_the_table_has_room_again(void **state)
{
	struct drill *d = drill_new(four_half_open);
	uint32_t cookie;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		d->flow.src_port = (uint16_t)(5000 + i);
		in(d, "S 0:0(0) <mss 1460>");
	}
	d->flow.src_port = 6000;
	forget(d);
	in(d, "S 0:0(0) <mss 1400>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	cookie = d->our_isn;
	d->flow.src_port = 5000;
	in(d, "R 1:1(0)");
	d->flow.src_port = 6000;
	in(d, "S 0:0(0) <mss 1400>"); /* the same, a moment later: an entry, another ISN */
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	assert_int_not_equal(cookie, d->our_isn);
	in(d, ". 1:1(0) ack %u", cookie + 1 - d->our_isn);
	none(d);
	events(d, "A");
	assert_int_equal(counters(d)->half_open, 3);
	drill_free(d);
}

static void a_flow_from_time_wait_gets_no_cookie(void **state)
{
	struct drill *d = drill_new(always);
	uint32_t old;

	(void)state;
	in(d, "S 0:0(0) <mss 1460>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	old = d->our_isn;
	in(d, ". 1:1(0) ack 1");
	close_now(d);
	in(d, "F. 1:1(0) ack 2");
	forget(d);
	in(d, "S 10:10(0) <mss 1460>");
	out(d, "S. 0:0(0) ack 11 <mss 1460>");
	assert_true(d->our_isn - old > 65536 && d->our_isn - old < 1U << 31);
	assert_int_equal(counters(d)->half_open, 1);
	assert_int_equal(counters(d)->syn_cookies_sent, 1);
	drill_free(d);
}

static void a_listener_that_went_away_takes_no_cookie(void **state)
{
	struct drill *d = drill_new(always);

	(void)state;
	in(d, "S 0:0(0)");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	d->refuse = true;
	in(d, ". 1:1(0) ack 1");
	out(d, "R 1:1(0)");
	assert_int_equal(d->verdict, TCP_REJECT_NO_LISTENER);
	drill_free(d);
}

static void cookies_are_not_to_be_guessed(void **state)
{
	struct drill *d = drill_new(always);
	uint64_t x = 1;

	(void)state;
	in(d, "S 0:0(0)");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	for (unsigned i = 0; i < 200000; i++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		in(d, ". 1:1(0) ack %u", (uint32_t)(x >> 32));
		if (strchr(d->events, 'A'))
			break;
		forget(d);
	}
	events(d, "");
	drill_free(d);
}

static void a_late_copy_of_the_last_ack_makes_no_second_connection(void **state)
{
	struct drill *d = drill_new(always);

	(void)state;
	in(d, "S 0:0(0) <mss 1460>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, ". 1:1(0) ack 1");
	in(d, "P. 1:11(10) ack 1");
	in(d, "R 11:11(0)");
	events(d, "ARC");
	forget(d);
	d->read = 0;
	in(d, ". 1:1(0) ack 1");
	in(d, "P. 1:11(10) ack 1"); /* the first data looks the same */
	pass(d, SEC(60));
	in(d, "P. 1:11(10) ack 1");
	none(d);
	events(d, "");
	assert_int_equal(counters(d)->syn_cookies_spent, 3);
	assert_int_equal(counters(d)->syn_cookies_ok, 1);
	drill_free(d);
}

static void the_same_flow_may_come_again_by_another_syn(void **state)
{
	struct drill *d = drill_new(always);

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		in(d, "S 0:0(0) <mss 1460>");
		out(d, "S. 0:0(0) ack 1 <mss 1460>");
		in(d, ". 1:1(0) ack 1");
		in(d, "R 1:1(0)");
		events(d, "AC");
		d->peer_isn += 100000;
	}
	assert_int_equal(counters(d)->syn_cookies_spent, 0);
	drill_free(d);
}

static void eight_cookies(struct tcp_config *cfg)
{
	cfg->cookies_always = true;
	cfg->max_spent_cookies = 8;
}

static void past_its_bound_the_oldest_cookie_is_forgotten(void **state)
{
	struct drill *d = drill_new(eight_cookies);
	uint32_t isn[2] = {0, 0};

	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		d->flow.src_port = (uint16_t)(40000 + i);
		in(d, "S 0:0(0) <mss 1460>");
		out(d, "S. 0:0(0) ack 1 <mss 1460>");
		in(d, ". 1:1(0) ack 1");
		in(d, "R 1:1(0)");
		events(d, "AC");
		if (i < 2)
			isn[i] = d->our_isn;
	}
	assert_int_equal(counters(d)->syn_cookies_forgotten, 1);
	d->flow.src_port = 40001;
	d->our_isn = isn[1];
	in(d, ". 1:1(0) ack 1");
	events(d, "");
	d->flow.src_port = 40000;
	d->our_isn = isn[0];
	in(d, ". 1:1(0) ack 1");
	events(d, "A");
	drill_free(d);
}

/*
 * While cookies are out, a segment of a connection that we do not know may belong to one of them.
 * That is over when its number can be of no cookie any more: two periods at the latest.
 */
static void an_old_connection_is_reset_within_two_periods_though_cookies_are_out(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 32; i++) { /* each value that the period can have in an ISN */
		struct drill *d = drill_new(always);
		unsigned seconds = 0;

		d->our_isn = 0;
		do {
			assert_true(seconds++ < 2 * 68);
			d->flow.src_port = 2000;
			in(d, "S 0:0(0) <mss 1460>");
			forget(d);
			d->flow.src_port = 1000;
			in(d, "P. 5000:6000(1000) ack %u", 700 + (i << 27));
			pass(d, SEC(1));
		} while (sent_count(d) == 0);
		assert_int_equal(counters(d)->reset_out, 1);
		forget(d);
		drill_free(d);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_cookie_keeps_mss_wscale_and_sack),
	cmocka_unit_test(every_window_scale_survives),
	cmocka_unit_test(without_timestamps_only_the_mss_survives),
	cmocka_unit_test(the_mss_is_rounded_down),
	cmocka_unit_test(a_cookie_is_good_for_a_minute_and_not_for_ever),
	cmocka_unit_test(while_new_cookies_are_out_old_ones_are_not_good),
	cmocka_unit_test(a_forged_ack_makes_no_connection),
	cmocka_unit_test(a_segment_that_overtook_the_first_is_dropped_not_reset),
	cmocka_unit_test(where_no_cookie_was_sent_none_is_accepted),
	cmocka_unit_test(data_comes_with_a_cookie),
	cmocka_unit_test(at_the_bound_of_connections_a_cookie_may_try_again),
	cmocka_unit_test(past_the_bound_of_the_table_cookies_are_sent),
	cmocka_unit_test(a_cookie_counts_though_the_table_has_room_again),
	cmocka_unit_test(a_flow_from_time_wait_gets_no_cookie),
	cmocka_unit_test(a_listener_that_went_away_takes_no_cookie),
	cmocka_unit_test(cookies_are_not_to_be_guessed),
	cmocka_unit_test(a_late_copy_of_the_last_ack_makes_no_second_connection),
	cmocka_unit_test(the_same_flow_may_come_again_by_another_syn),
	cmocka_unit_test(past_its_bound_the_oldest_cookie_is_forgotten),
	cmocka_unit_test(an_old_connection_is_reset_within_two_periods_though_cookies_are_out),
};

DRILL_MAIN(tests)
