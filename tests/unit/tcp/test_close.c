/* Every order in which a connection can close (RFC 9293 sections 3.6 and 3.10). */
#include "drill.h"

static void the_peer_closes_first(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "F. 1:1(0) ack 1");
	out(d, ". 1:1(0) ack 2");
	events(d, "F");
	assert_string_equal(state_of(d), "close-wait");
	close_now(d);
	out(d, "F. 1:1(0) ack 2");
	assert_string_equal(state_of(d), "last-ack");
	in(d, ". 2:2(0) ack 2");
	events(d, "C");
	assert_int_equal(d->why, TCP_CLOSED_NORMALLY);
	assert_int_equal(counters(d)->time_wait, 0);
	assert_int_equal(counters(d)->conns, 0);
	assert_int_equal(tcp_next_deadline(d->s), UINT64_MAX);
	drill_free(d);
}

static void close_on_fin(struct drill *d, struct tcp_conn *c, enum tcp_event ev)
{
	if (ev == TCP_EV_PEER_FIN)
		tcp_close(c, d->now);
}

static void closing_from_inside_of_peer_fin_takes_one_segment(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	d->on_event = close_on_fin;
	in(d, "F. 1:1(0) ack 1");
	out(d, "F. 1:1(0) ack 2");
	in(d, ". 2:2(0) ack 2");
	events(d, "FC");
	drill_free(d);
}

static void we_close_first(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	close_now(d);
	out(d, "F. 1:1(0) ack 1");
	assert_string_equal(state_of(d), "fin-wait-1");
	in(d, ". 1:1(0) ack 2");
	assert_string_equal(state_of(d), "fin-wait-2");
	in(d, "F. 1:1(0) ack 2");
	out(d, ". 2:2(0) ack 2");
	events(d, "FC");
	assert_int_equal(d->why, TCP_CLOSED_NORMALLY);
	assert_int_equal(counters(d)->time_wait, 1);
	assert_int_equal(counters(d)->conns, 0);
	pass(d, SEC(60));
	assert_int_equal(counters(d)->time_wait, 0);
	assert_int_equal(tcp_next_deadline(d->s), UINT64_MAX);
	drill_free(d);
}

static void fin_and_its_ack_in_one_segment(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	close_now(d);
	out(d, "F. 1:1(0) ack 1");
	in(d, "F. 1:1(0) ack 2");
	out(d, ". 2:2(0) ack 2");
	events(d, "FC");
	assert_int_equal(counters(d)->time_wait, 1);
	drill_free(d);
}

static void both_close_at_the_same_time(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	close_now(d);
	out(d, "F. 1:1(0) ack 1");
	in(d, "F. 1:1(0) ack 1");
	out(d, ". 2:2(0) ack 2");
	assert_string_equal(state_of(d), "closing");
	events(d, "F");
	in(d, ". 2:2(0) ack 2");
	events(d, "C");
	assert_int_equal(counters(d)->time_wait, 1);
	drill_free(d);
}

static void after_half_close_the_peer_may_send(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 10);
	out(d, "P. 1:11(10) ack 1");
	close_now(d);
	out(d, "F. 11:11(0) ack 1");
	in(d, ". 1:1(0) ack 12");
	in(d, ". 1:1461(1460) ack 12");
	in(d, ". 1461:2921(1460) ack 12");
	out(d, ". 12:12(0) ack 2921");
	pass(d, SEC(59)); /* fin_wait2_us counts from what came last */
	in(d, "P. 2921:2931(10) ack 12");
	pass(d, SEC(59));
	out_at(d, SEC(59) + MS(40), ". 12:12(0) ack 2931");
	in(d, "FP. 2931:2941(10) ack 12");
	out(d, ". 12:12(0) ack 2942");
	events(d, "RFC");
	assert_int_equal(d->read, 2940);
	drill_free(d);
}

static void after_the_peers_half_close_we_may_send(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "F. 1:1(0) ack 1");
	out(d, ". 1:1(0) ack 2");
	wr(d, 3000);
	out(d, ". 1:1461(1460) ack 2");
	out(d, ". 1461:2921(1460) ack 2");
	out(d, "P. 2921:3001(80) ack 2");
	in(d, ". 2:2(0) ack 3001");
	close_now(d);
	out(d, "F. 3001:3001(0) ack 2");
	in(d, ". 2:2(0) ack 3002");
	events(d, "FC");
	drill_free(d);
}

static void the_fin_goes_after_what_was_written(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, ". 1:1(0) ack 1 win 1460");
	wr(d, 2000);
	out(d, ". 1:1461(1460) ack 1");
	close_now(d);
	none(d);
	in(d, ". 1:1(0) ack 1461 win 540");
	out(d, "P. 1461:2001(540) ack 1"); /* the FIN needs a number of its own */
	in(d, ". 1:1(0) ack 2001 win 540");
	out(d, "F. 2001:2001(0) ack 1");
	in(d, ". 1:1(0) ack 2002");
	assert_string_equal(state_of(d), "fin-wait-2");
	drill_free(d);
}

static void data_and_fin_share_a_segment(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);
	uint8_t bytes[10];

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		bytes[i] = drill_pattern(i);
	tcp_write(d->conn, bytes, 10, d->now);
	close_now(d);
	out(d, "FP. 1:11(10) ack 1");
	pass(d, MS(300));
	out(d, "FP. 1:11(10) ack 1");
	in(d, ". 1:1(0) ack 11"); /* all but the FIN */
	assert_string_equal(state_of(d), "fin-wait-1");
	out(d, "F. 11:11(0) ack 1"); /* lost with the first ten, so sent again at once */
	in(d, ". 1:1(0) ack 12");
	assert_string_equal(state_of(d), "fin-wait-2");
	drill_free(d);
}

/* As at the end of the process: we go on to send, and take no more. */
static void a_deaf_end_takes_acknowledgements_and_the_fin_but_no_bytes(void **state)
{
	struct drill *d = accepted(NULL, OPTS_SACK);

	(void)state;
	in(d, "P. 1:101(100) ack 1");
	pass(d, MS(40));
	out(d, ". 1:1(0) ack 101");
	tcp_deafen(d->conn);
	in(d, "P. 101:201(100) ack 1");
	in(d, "P. 301:401(100) ack 1");
	pass(d, MS(40));
	none(d);
	events(d, "R");
	in(d, "P. 51:151(100) ack 1");
	out(d, ". 1:1(0) ack 101"); /* some of it it has */
	wr(d, 500);
	out(d, "P. 1:501(500) ack 101");
	close_now(d);
	out(d, "F. 501:501(0) ack 101");
	assert_false(tcp_fin_acked(d->conn));
	in(d, "P. 101:201(100) ack 501");
	none(d);
	assert_false(tcp_fin_acked(d->conn));
	in(d, "FP. 101:201(100) ack 502"); /* behind bytes that it does not have */
	none(d);
	assert_true(tcp_fin_acked(d->conn));
	in(d, "F. 101:101(0) ack 502");
	out(d, ". 502:502(0) ack 102");
	events(d, "FC");
	assert_int_equal(d->why, TCP_CLOSED_NORMALLY);
	drill_free(d);
}

static void after_close_nothing_can_be_written(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	close_now(d);
	forget(d);
	assert_int_equal(tcp_write(d->conn, "x", 1, d->now), 0);
	assert_int_equal(tcp_write_room(d->conn), 0);
	close_now(d);
	close_now(d);
	none(d);
	drill_free(d);
}

static void a_lost_fin_is_sent_again_in_each_state(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	close_now(d);
	out(d, "F. 1:1(0) ack 1");
	pass(d, MS(300));
	out(d, "F. 1:1(0) ack 1");
	in(d, "F. 1:1(0) ack 1");
	out(d, ". 2:2(0) ack 2");
	pass(d, MS(600));
	out(d, "F. 1:1(0) ack 2"); /* CLOSING */
	in(d, ". 2:2(0) ack 2");
	events(d, "FC");
	drill_free(d);

	d = accepted(NULL, OPTS_NONE);
	in(d, "F. 1:1(0) ack 1");
	close_now(d);
	forget(d);
	pass(d, MS(300));
	out(d, "F. 1:1(0) ack 2"); /* LAST-ACK */
	pass(d, SEC(1000));
	events(d, "FC");
	assert_int_equal(d->why, TCP_CLOSED_TIMEOUT);
	forget(d);
	drill_free(d);
}

static void a_fin_sent_again_is_acknowledged_again(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "F. 1:1(0) ack 1");
	out(d, ". 1:1(0) ack 2");
	in(d, "F. 1:1(0) ack 1");
	out(d, ". 1:1(0) ack 2");
	events(d, "F");
	drill_free(d);
}

static void a_fin_beyond_a_gap_waits(void **state)
{
	struct drill *d = accepted(NULL, OPTS_SACK);

	(void)state;
	in(d, "F. 2001:3001(1000) ack 1");
	out(d, ". 1:1(0) ack 1 <sack 2001:3001>");
	in(d, ". 1001:2001(1000) ack 1");
	out(d, ". 1:1(0) ack 1 <sack 1001:3001>");
	events(d, "");
	in(d, ". 1:1001(1000) ack 1");
	out(d, ". 1:1(0) ack 3002");
	events(d, "RF");
	assert_int_equal(d->read, 3000);
	drill_free(d);
}

static void a_bare_fin_beyond_a_gap_waits(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "F. 101:101(0) ack 1");
	out(d, ". 1:1(0) ack 1");
	in(d, "P. 1:101(100) ack 1");
	out(d, ". 1:1(0) ack 102");
	events(d, "RF");
	drill_free(d);
}

static void bytes_beyond_a_fin_do_not_exist(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "F. 101:101(0) ack 1");
	out(d, ". 1:1(0) ack 1");
	in(d, "P. 101:201(100) ack 1"); /* beyond it */
	out(d, ". 1:1(0) ack 1");
	in(d, "P. 1:151(150) ack 1");
	out(d, ". 1:1(0) ack 102");
	assert_int_equal(d->read, 100);
	in(d, "P. 102:202(100) ack 1");
	assert_int_equal(d->read, 100);
	forget(d);
	events(d, "RF");
	drill_free(d);
}

static void a_fin_before_bytes_that_are_held_is_not_believed(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "P. 101:201(100) ack 1");
	in(d, "F. 51:51(0) ack 1");
	forget(d);
	in(d, "P. 1:101(100) ack 1");
	out(d, ". 1:1(0) ack 201");
	events(d, "R");
	drill_free(d);
}

static void a_second_fin_elsewhere_is_not_believed(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "F. 101:101(0) ack 1");
	in(d, "F. 51:51(0) ack 1");
	forget(d);
	in(d, "P. 1:101(100) ack 1");
	out(d, ". 1:1(0) ack 102");
	drill_free(d);
}

static void fin_wait_2_has_an_end(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	close_now(d);
	in(d, ". 1:1(0) ack 2");
	forget(d);
	pass(d, SEC(61));
	out_at(d, SEC(60), "R. 2:2(0) ack 1");
	events(d, "C");
	assert_int_equal(d->why, TCP_CLOSED_TIMEOUT);
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_peer_closes_first),
	cmocka_unit_test(closing_from_inside_of_peer_fin_takes_one_segment),
	cmocka_unit_test(we_close_first),
	cmocka_unit_test(fin_and_its_ack_in_one_segment),
	cmocka_unit_test(both_close_at_the_same_time),
	cmocka_unit_test(after_half_close_the_peer_may_send),
	cmocka_unit_test(after_the_peers_half_close_we_may_send),
	cmocka_unit_test(the_fin_goes_after_what_was_written),
	cmocka_unit_test(data_and_fin_share_a_segment),
	cmocka_unit_test(a_deaf_end_takes_acknowledgements_and_the_fin_but_no_bytes),
	cmocka_unit_test(after_close_nothing_can_be_written),
	cmocka_unit_test(a_lost_fin_is_sent_again_in_each_state),
	cmocka_unit_test(a_fin_sent_again_is_acknowledged_again),
	cmocka_unit_test(a_fin_beyond_a_gap_waits),
	cmocka_unit_test(a_bare_fin_beyond_a_gap_waits),
	cmocka_unit_test(bytes_beyond_a_fin_do_not_exist),
	cmocka_unit_test(a_fin_before_bytes_that_are_held_is_not_believed),
	cmocka_unit_test(a_second_fin_elsewhere_is_not_believed),
	cmocka_unit_test(fin_wait_2_has_an_end),
};

DRILL_MAIN(tests)
