/* Opening actively: RFC 9293 section 3.10.7.3 (SYN-SENT), and all that may come instead of an
 * answer. */
#include "drill.h"

#define ALL "<mss 1460,sackOK,TS val 100 ecr 0,wscale 7>"

static void a_syn_ack_is_acknowledged_and_that_is_a_connection(void **state)
{
	struct drill *d = connecting(NULL);

	(void)state;
	assert_string_equal(state_of(d), "syn-sent");
	pass(d, MS(20));
	in(d, "S. 0:0(0) ack 1 win 60000 " ALL);
	out(d, ". 1:1(0) ack 1 win 32768 <TS val 20 ecr 100>");
	events(d, "O");
	assert_true(info_of(d).sack && info_of(d).timestamps && info_of(d).wscale);
	assert_int_equal(info_of(d).srtt_us, 20000);
	assert_int_equal(info_of(d).cwnd, 10 * 1448);
	assert_int_equal(counters(d)->connects, 1);
	assert_int_equal(counters(d)->connected, 1);
	assert_int_equal(counters(d)->accepted, 0);
	in(d, "P. 1:101(100) ack 1 <TS val 101 ecr 20>");
	events(d, "R");
	pass(d, MS(40));
	out(d, ". 1:1(0) ack 101");
	drill_free(d);
}

static void what_the_peer_does_not_agree_to_is_not_used(void **state)
{
	struct drill *d = connecting(NULL);

	(void)state;
	in(d, "S. 0:0(0) ack 1 win 5000");
	out(d, ". 1:1(0) ack 1 win 65535");
	events(d, "O");
	assert_false(info_of(d).sack || info_of(d).timestamps || info_of(d).wscale);
	wr(d, 600);
	out(d, ". 1:537(536) ack 1 win 65535"); /* without MSS */
	out(d, "P. 537:601(64) ack 1 win 65535");
	drill_free(d);
}

static void the_window_of_a_syn_ack_is_not_scaled(void **state)
{
	struct drill *d = connecting(NULL);

	(void)state;
	in(d, "S. 0:0(0) ack 1 win 1000 <mss 1460,wscale 7>");
	out(d, ". 1:1(0) ack 1");
	wr(d, 3000);
	out(d, ". 1:1001(1000) ack 1");
	none(d);
	in(d, ". 1:1(0) ack 1001 win 1000");
	out(d, ". 1001:2461(1460) ack 1");
	out(d, "P. 2461:3001(540) ack 1");
	drill_free(d);
}

static void what_is_written_before_goes_out_with_the_ack(void **state)
{
	struct drill *d = connecting(NULL);

	(void)state;
	assert_int_equal(wr(d, 1500), 1500);
	none(d);
	in(d, "S. 0:0(0) ack 1 win 60000 <mss 1460>");
	out(d, ". 1:1461(1460) ack 1");
	out(d, "P. 1461:1501(40) ack 1");
	events(d, "O");
	drill_free(d);
}

static void small_buffer(struct tcp_config *cfg)
{
	cfg->snd_buf = 4000;
}

static void a_full_buffer_is_told_when_there_is_room(void **state)
{
	struct drill *d = connecting(small_buffer);

	(void)state;
	assert_int_equal(tcp_write_room(d->conn), 4000);
	assert_int_equal(wr(d, 5000), 4000);
	assert_int_equal(tcp_write_room(d->conn), 0);
	in(d, "S. 0:0(0) ack 1 win 60000 <mss 1460>");
	forget(d);
	in(d, ". 1:1(0) ack 4001 win 60000");
	events(d, "OW");
	drill_free(d);
}

static void text_and_fin_may_come_with_the_syn_ack(void **state)
{
	struct drill *d = connecting(NULL);

	(void)state;
	in(d, "SFP. 0:100(100) ack 1 win 60000 <mss 1460>");
	out(d, ". 1:1(0) ack 102");
	events(d, "ORF");
	assert_int_equal(d->read, 100);
	assert_string_equal(state_of(d), "close-wait");
	drill_free(d);
}

static void a_syn_is_sent_again_with_backoff_for_three_minutes(void **state)
{
	struct drill *d = connecting(NULL);
	static const unsigned at[] = {1, 3, 7, 15, 31, 63, 123};

	(void)state;
	for (unsigned i = 0; i < 7; i++) {
		pass(d, SEC(at[i]) - (d->now - d->start) - 1);
		none(d);
		pass(d, 1);
		out_at(d, SEC(at[i]),
			"S 0:0(0) win 65535 <mss 1460,sackOK,TS val 0 ecr 0,wscale 2>");
	}
	pass(d, SEC(60) - 1);
	events(d, "");
	pass(d, 1);
	events(d, "C");
	assert_int_equal(d->now - d->start, SEC(183));
	assert_int_equal(d->why, TCP_CLOSED_TIMEOUT);
	assert_int_equal(tcp_next_deadline(d->s), UINT64_MAX);
	drill_free(d);
}

static void a_lost_syn_makes_a_cautious_start(void **state)
{
	struct drill *d = connecting(NULL);

	(void)state;
	pass(d, SEC(1));
	forget(d);
	in(d, "S. 0:0(0) ack 1 win 60000 <mss 1460>");
	out(d, ". 1:1(0) ack 1");
	assert_int_equal(info_of(d).cwnd, 1460);
	assert_int_equal(info_of(d).rto_us, 3000000); /* RFC 6298 section 5.7 */
	assert_int_equal(info_of(d).srtt_us, 0);      /* Karn */
	drill_free(d);
}

static void an_ack_of_something_else_is_reset(void **state)
{
	struct drill *d = connecting(NULL);

	(void)state;
	in(d, ". 0:0(0) ack 0");
	out(d, "R 0:0(0)");
	in(d, ". 0:0(0) ack 2");
	out(d, "R 2:2(0)");
	in(d, "S. 0:0(0) ack 2 win 60000 <mss 1460>");
	out(d, "R 2:2(0)");
	assert_int_equal(d->verdict, TCP_REJECT_RESET);
	in(d, "R. 0:0(0) ack 2");
	none(d);
	events(d, "");
	in(d, "S. 0:0(0) ack 1 win 60000 <mss 1460>");
	out(d, ". 1:1(0) ack 1");
	events(d, "O");
	drill_free(d);
}

static void only_a_reset_that_acknowledges_the_syn_refuses(void **state)
{
	struct drill *d = connecting(NULL);

	(void)state;
	in(d, "R 0:0(0)");
	in(d, "R 1:1(0) ack 1");
	assert_int_equal(d->verdict, TCP_REJECT_WINDOW);
	events(d, "");
	in(d, "R. 0:0(0) ack 1");
	events(d, "C");
	none(d);
	assert_int_equal(d->why, TCP_CLOSED_REFUSED);
	drill_free(d);
}

static void what_is_neither_syn_nor_reset_is_dropped(void **state)
{
	struct drill *d = connecting(NULL);

	(void)state;
	in(d, ". 0:0(0) ack 1");
	in(d, "P. 1:101(100) ack 1");
	in(d, "- 1:101(100)");
	in(d, "F 1:1(0)");
	events(d, "");
	none(d);
	assert_string_equal(state_of(d), "syn-sent");
	drill_free(d);
}

static void a_syn_ack_again_is_acknowledged_again(void **state)
{
	struct drill *d = connecting(NULL);

	(void)state;
	in(d, "S. 0:0(0) ack 1 win 60000 <mss 1460>");
	out(d, ". 1:1(0) ack 1");
	in(d, "S. 0:0(0) ack 1 win 60000 <mss 1460>");
	out(d, ". 1:1(0) ack 1");
	events(d, "O");
	drill_free(d);
}

static void a_close_before_the_answer_is_silent(void **state)
{
	struct drill *d = connecting(NULL);

	(void)state;
	wr(d, 100);
	close_now(d);
	events(d, "C");
	none(d);
	assert_int_equal(d->why, TCP_CLOSED_ABORTED);
	/* What comes now comes to nobody. */
	in(d, "S. 0:0(0) ack 1 win 60000 <mss 1460>");
	out(d, "R 1:1(0)");
	drill_free(d);
}

static void an_abort_before_the_answer_is_silent(void **state)
{
	struct drill *d = connecting(NULL);

	(void)state;
	tcp_abort(d->conn, d->now);
	events(d, "C");
	none(d);
	drill_free(d);
}

static void a_hard_error_about_the_syn_ends_it(void **state)
{
	struct drill *d = connecting(NULL);

	(void)state;
	unreachable(d, 1, true); /* RFC 5927 section 4.1: not in flight */
	unreachable(d, 0U - 1, true);
	events(d, "");
	assert_int_equal(counters(d)->icmp_ignored, 2);
	assert_false(info_of(d).unreachable);
	unreachable(d, 0, true);
	events(d, "C");
	assert_int_equal(d->why, TCP_CLOSED_UNREACHABLE);
	none(d);
	unreachable(d, 0, true); /* about nobody */
	drill_free(d);
}

static void a_soft_error_about_the_syn_is_remembered(void **state)
{
	struct drill *d = connecting(NULL);

	(void)state;
	unreachable(d, 0, false);
	events(d, "");
	assert_true(info_of(d).unreachable);
	pass(d, SEC(1));
	out(d, "S 0:0(0) <mss 1460,sackOK,wscale 2>");
	in(d, "S. 0:0(0) ack 1 win 60000 <mss 1460>");
	out(d, ". 1:1(0) ack 1");
	events(d, "O");
	assert_false(info_of(d).unreachable);
	drill_free(d);

	d = connecting(NULL);
	unreachable(d, 0, false);
	pass(d, SEC(183));
	forget(d);
	events(d, "C");
	assert_int_equal(d->why, TCP_CLOSED_UNREACHABLE);
	drill_free(d);
}

static void a_packet_too_big_about_a_syn_is_ignored(void **state)
{
	struct drill *d = connecting(NULL);

	(void)state;
	too_big(d, 0, 600);
	in(d, "S. 0:0(0) ack 1 win 60000 <mss 1460>");
	out(d, ". 1:1(0) ack 1");
	assert_int_equal(info_of(d).mss, 1460);
	drill_free(d);
}

static int try(struct drill *d, const char *peer, const char *own)
{
	struct ip_flow flow = d->flow;
	struct tcp_conn *c;

	assert_int_equal(ip_addr_parse(&flow.src, peer), 0);
	assert_int_equal(ip_addr_parse(&flow.dst, own), 0);
	return tcp_connect(d->s, &flow, d, d->now, &c);
}

static void only_hosts_can_be_connected_to(void **state)
{
	struct drill *d = drill_new(NULL);
	struct tcp_conn *c;

	(void)state;
	assert_int_equal(try(d, "224.0.0.1", "192.0.2.2"), TCP_CONNECT_ADDRESS);
	assert_int_equal(try(d, "255.255.255.255", "192.0.2.2"), TCP_CONNECT_ADDRESS);
	assert_int_equal(try(d, "0.0.0.0", "192.0.2.2"), TCP_CONNECT_ADDRESS);
	assert_int_equal(try(d, "192.0.2.1", "0.0.0.0"), TCP_CONNECT_ADDRESS);
	assert_int_equal(try(d, "192.0.2.2", "2001:db8::2"), TCP_CONNECT_ADDRESS);
	assert_int_equal(try(d, "ff02::1", "2001:db8::2"), TCP_CONNECT_ADDRESS);
	assert_int_equal(try(d, "::", "2001:db8::2"), TCP_CONNECT_ADDRESS);
	d->flow.src_port = 0;
	assert_int_equal(tcp_connect(d->s, &d->flow, d, d->now, &c), TCP_CONNECT_ADDRESS);
	d->flow.src_port = d->flow.dst_port;
	assert_int_equal(try(d, "192.0.2.2", "192.0.2.2"), TCP_CONNECT_ADDRESS);
	assert_int_equal(counters(d)->connects, 0);
	none(d);
	drill_free(d);
}

static void a_flow_is_opened_once(void **state)
{
	struct drill *d = connecting(NULL);
	struct tcp_conn *c;

	(void)state;
	assert_int_equal(tcp_connect(d->s, &d->flow, d, d->now, &c), TCP_CONNECT_IN_USE);
	in(d, "S. 0:0(0) ack 1 win 60000 <mss 1460>");
	forget(d);
	assert_int_equal(tcp_connect(d->s, &d->flow, d, d->now, &c), TCP_CONNECT_IN_USE);
	/* Nor out of TIME-WAIT, nor while a SYN of the peer waits there. */
	close_now(d);
	in(d, "F. 1:1(0) ack 2");
	forget(d);
	assert_int_equal(counters(d)->time_wait, 1);
	assert_int_equal(tcp_connect(d->s, &d->flow, d, d->now, &c), TCP_CONNECT_IN_USE);
	d->flow.src_port++;
	in(d, "S 0:0(0)");
	forget(d);
	assert_int_equal(tcp_connect(d->s, &d->flow, d, d->now, &c), TCP_CONNECT_IN_USE);
	events(d, "OFC");
	drill_free(d);
}

static void two_conns(struct tcp_config *cfg)
{
	cfg->max_conns = 2;
}

static void the_bound_of_connections_holds(void **state)
{
	struct drill *d = connecting(two_conns);
	struct tcp_conn *c;

	(void)state;
	d->flow.src_port++;
	assert_int_equal(tcp_connect(d->s, &d->flow, d, d->now, &c), 0);
	d->flow.src_port++;
	assert_int_equal(tcp_connect(d->s, &d->flow, d, d->now, &c), TCP_CONNECT_LIMIT);
	assert_int_equal(counters(d)->conn_limit, 1);
	tcp_abort(d->conn, d->now);
	assert_int_equal(tcp_connect(d->s, &d->flow, d, d->now, &c), 0);
	forget(d);
	drill_free(d);
}

static void ipv6_says_its_own_mss(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	assert_int_equal(ip_addr_parse(&d->flow.src, "2001:db8::1"), 0);
	assert_int_equal(ip_addr_parse(&d->flow.dst, "2001:db8::2"), 0);
	assert_int_equal(tcp_connect(d->s, &d->flow, d, d->now, &d->conn), 0);
	out(d, "S 0:0(0) <mss 1440,sackOK,wscale 2>");
	in(d, "S. 0:0(0) ack 1 win 60000");
	out(d, ". 1:1(0) ack 1");
	assert_int_equal(info_of(d).mss, 1220);
	drill_free(d);
}

static void what_the_output_drops_is_sent_again(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	d->drop_output = true;
	assert_int_equal(tcp_connect(d->s, &d->flow, d, d->now, &d->conn), 0);
	d->drop_output = false;
	pass(d, SEC(1));
	out(d, "S 0:0(0) <mss 1460,sackOK,wscale 2>");
	in(d, "S. 0:0(0) ack 1 win 60000 <mss 1460>");
	out(d, ". 1:1(0) ack 1");
	drill_free(d);
}

static void keepalives_begin_with_the_connection(struct tcp_config *cfg)
{
	cfg->keepalive_idle_us = SEC(10);
}

static void no_keepalive_before_there_is_a_connection(void **state)
{
	struct drill *d = connecting(keepalives_begin_with_the_connection);

	(void)state;
	pass(d, SEC(12));
	assert_int_equal(sent_count(d), 3); /* SYNs */
	forget(d);
	in(d, "S. 0:0(0) ack 1 win 60000 <mss 1460>");
	out(d, ". 1:1(0) ack 1");
	pass(d, SEC(10) - 1);
	none(d);
	pass(d, 1);
	out(d, ". 0:0(0) ack 1");
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_syn_ack_is_acknowledged_and_that_is_a_connection),
	cmocka_unit_test(what_the_peer_does_not_agree_to_is_not_used),
	cmocka_unit_test(the_window_of_a_syn_ack_is_not_scaled),
	cmocka_unit_test(what_is_written_before_goes_out_with_the_ack),
	cmocka_unit_test(a_full_buffer_is_told_when_there_is_room),
	cmocka_unit_test(text_and_fin_may_come_with_the_syn_ack),
	cmocka_unit_test(a_syn_is_sent_again_with_backoff_for_three_minutes),
	cmocka_unit_test(a_lost_syn_makes_a_cautious_start),
	cmocka_unit_test(an_ack_of_something_else_is_reset),
	cmocka_unit_test(only_a_reset_that_acknowledges_the_syn_refuses),
	cmocka_unit_test(what_is_neither_syn_nor_reset_is_dropped),
	cmocka_unit_test(a_syn_ack_again_is_acknowledged_again),
	cmocka_unit_test(a_close_before_the_answer_is_silent),
	cmocka_unit_test(an_abort_before_the_answer_is_silent),
	cmocka_unit_test(a_hard_error_about_the_syn_ends_it),
	cmocka_unit_test(a_soft_error_about_the_syn_is_remembered),
	cmocka_unit_test(a_packet_too_big_about_a_syn_is_ignored),
	cmocka_unit_test(only_hosts_can_be_connected_to),
	cmocka_unit_test(a_flow_is_opened_once),
	cmocka_unit_test(the_bound_of_connections_holds),
	cmocka_unit_test(ipv6_says_its_own_mss),
	cmocka_unit_test(what_the_output_drops_is_sent_again),
	cmocka_unit_test(no_keepalive_before_there_is_a_connection),
};

DRILL_MAIN(tests)
