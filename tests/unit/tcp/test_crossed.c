/* Both open at once: the two SYNs cross (RFC 9293 section 3.5, figure 7). */
#include "drill.h"

/* Both SYNs are out: ours, and as SYN-ACK again. */
static struct drill *crossed(void)
{
	struct drill *d = connecting(NULL);

	in(d, "S 0:0(0) win 60000 <mss 1460,sackOK,wscale 7>");
	out(d, "S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,wscale 2>");
	assert_string_equal(state_of(d), "syn-received");
	events(d, "");
	return d;
}

static void both_syns_cross_and_both_syn_acks(void **state)
{
	struct drill *d = crossed();

	(void)state;
	in(d, "S. 0:0(0) ack 1 win 1000 <mss 1460,sackOK,wscale 7>");
	/* For a peer that goes by the letter and takes our SYN-ACK for an old segment. */
	out(d, ". 1:1(0) ack 1 win 32768");
	events(d, "O");
	assert_int_equal(info_of(d).srtt_us, 0); /* sent twice: which was acknowledged? */
	wr(d, 2000);
	out(d, ". 1:1001(1000) ack 1"); /* a SYN's window is not scaled here either */
	drill_free(d);
}

static void both_syns_cross_and_an_ack_completes_it(void **state)
{
	struct drill *d = crossed();

	(void)state;
	wr(d, 100);
	in(d, "P. 1:51(50) ack 1 win 500");
	events(d, "OR");
	out(d, "P. 1:101(100) ack 51");
	assert_int_equal(d->read, 50);
	drill_free(d);
}

static void after_both_syns_the_syn_ack_is_sent_again(void **state)
{
	struct drill *d = crossed();

	(void)state;
	pass(d, SEC(1));
	out_at(d, SEC(1), "S. 0:0(0) ack 1 <mss 1460,sackOK,wscale 2>");
	/* The peer has not seen our SYN. */
	in(d, "S 0:0(0) win 60000 <mss 1460,sackOK,wscale 7>");
	out(d, "S. 0:0(0) ack 1 <mss 1460,sackOK,wscale 2>");
	for (unsigned i = 0; i < 100; i++)
		in(d, "S 0:0(0) win 60000 <mss 1460,sackOK,wscale 7>");
	assert_int_equal(sent_count(d), 9); /* but it is no amplifier */
	forget(d);
	in(d, ". 1:1(0) ack 1");
	events(d, "O");
	drill_free(d);
}

static void text_with_a_syn_that_crossed_is_taken_when_it_comes_again(void **state)
{
	struct drill *d = connecting(NULL);

	(void)state;
	in(d, "S 0:100(100) win 60000 <mss 1460>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, "P. 1:101(100) ack 1");
	events(d, "OR");
	assert_int_equal(d->read, 100);
	pass(d, MS(40));
	out(d, ". 1:1(0) ack 101");
	drill_free(d);
}

static void after_both_syns_a_reset_refuses_only_at_the_next_number(void **state)
{
	struct drill *d = crossed();

	(void)state;
	in(d, "R 5:5(0)");
	out(d, ". 1:1(0) ack 1"); /* challenged: RFC 5961 section 3 */
	in(d, "R 900000:900000(0)");
	none(d);
	in(d, "R 0:0(0)");
	none(d);
	events(d, "");
	in(d, "R 1:1(0)");
	events(d, "C");
	assert_int_equal(d->why, TCP_CLOSED_REFUSED);
	drill_free(d);
}

static void after_both_syns_a_wrong_ack_is_reset_and_a_strange_syn_challenged(void **state)
{
	struct drill *d = crossed();

	(void)state;
	in(d, ". 1:1(0) ack 7");
	out(d, "R 7:7(0)");
	in(d, "S. 0:0(0) ack 7 win 60000 <mss 1460>");
	out(d, "R 7:7(0)");
	in(d, "S 500:500(0) win 60000 <mss 1460>");
	out(d, ". 1:1(0) ack 1");
	in(d, ". 900000:900000(0) ack 1");
	out(d, ". 1:1(0) ack 1");
	in(d, "P 1:11(10)"); /* without ACK */
	none(d);
	events(d, "");
	in(d, ". 1:1(0) ack 1");
	events(d, "O");
	drill_free(d);
}

static void after_both_syns_silence_ends_it(void **state)
{
	struct drill *d = crossed();

	(void)state;
	pass(d, SEC(182));
	assert_int_equal(sent_count(d), 7);
	events(d, "");
	pass(d, SEC(1));
	events(d, "C");
	forget(d);
	assert_int_equal(d->why, TCP_CLOSED_TIMEOUT);
	drill_free(d);
}

static void after_both_syns_a_close_waits_and_an_abort_resets(void **state)
{
	struct drill *d = crossed();

	(void)state;
	wr(d, 100);
	tcp_close(d->conn, d->now);
	assert_int_equal(wr(d, 100), 0);
	assert_int_equal(tcp_write_room(d->conn), 0);
	none(d);
	in(d, ". 1:1(0) ack 1 win 500");
	out(d, "FP. 1:101(100) ack 1");
	events(d, "O");
	assert_string_equal(state_of(d), "fin-wait-1");
	drill_free(d);

	d = crossed();
	tcp_abort(d->conn, d->now);
	out(d, "R. 1:1(0) ack 1");
	events(d, "C");
	drill_free(d);
}

static void both_open_and_both_close_at_the_same_time(void **state)
{
	struct drill *d = crossed();

	(void)state;
	in(d, "S. 0:0(0) ack 1 win 60000 <mss 1460,sackOK,wscale 7>");
	out(d, ". 1:1(0) ack 1");
	close_now(d);
	out(d, "F. 1:1(0) ack 1");
	in(d, "F. 1:1(0) ack 1");
	out(d, ". 2:2(0) ack 2");
	events(d, "OF");
	assert_string_equal(state_of(d), "closing");
	in(d, ". 2:2(0) ack 2");
	events(d, "C");
	assert_int_equal(d->why, TCP_CLOSED_NORMALLY);
	assert_int_equal(counters(d)->time_wait, 1);
	drill_free(d);
}

static void abort_when_open(struct drill *d, struct tcp_conn *c, enum tcp_event ev)
{
	if (ev == TCP_EV_CONNECTED)
		tcp_abort(c, d->now);
}

static void an_abort_from_inside_of_the_event_is_safe(void **state)
{
	struct drill *d = connecting(NULL);

	(void)state;
	d->on_event = abort_when_open;
	in(d, "SP. 0:100(100) ack 1 win 60000 <mss 1460>");
	out(d, "R. 1:1(0) ack 1");
	events(d, "OC");
	drill_free(d);

	d = crossed();
	d->on_event = abort_when_open;
	in(d, "P. 1:101(100) ack 1");
	out(d, "R. 1:1(0) ack 1");
	events(d, "OC");
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(both_syns_cross_and_both_syn_acks),
	cmocka_unit_test(both_syns_cross_and_an_ack_completes_it),
	cmocka_unit_test(after_both_syns_the_syn_ack_is_sent_again),
	cmocka_unit_test(text_with_a_syn_that_crossed_is_taken_when_it_comes_again),
	cmocka_unit_test(after_both_syns_a_reset_refuses_only_at_the_next_number),
	cmocka_unit_test(after_both_syns_a_wrong_ack_is_reset_and_a_strange_syn_challenged),
	cmocka_unit_test(after_both_syns_silence_ends_it),
	cmocka_unit_test(after_both_syns_a_close_waits_and_an_abort_resets),
	cmocka_unit_test(both_open_and_both_close_at_the_same_time),
	cmocka_unit_test(an_abort_from_inside_of_the_event_is_safe),
};

DRILL_MAIN(tests)
