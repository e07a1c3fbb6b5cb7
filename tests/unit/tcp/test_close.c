/* Every order in which a connection can end (RFC 9293 sections 3.6 and 3.10). */
#include "drill.h"

static void close_now(struct drill *d)
{
	tcp_close(d->conn, d->now);
	flush(d);
}

static const char *state_of(struct drill *d)
{
	struct tcp_info info;

	if (!d->conn)
		return "none";
	tcp_info(d->conn, &info);
	return tcp_state_name(info.state);
}

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

/* CLOSED waits for the reader */

static void unread_bytes_outlive_both_fins(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	d->hold = true;
	in(d, "FP. 1:101(100) ack 1");
	out(d, ". 1:1(0) ack 102");
	close_now(d);
	out(d, "F. 1:1(0) ack 102");
	in(d, ". 102:102(0) ack 2");
	events(d, "RF");
	assert_string_equal(state_of(d), "unread");
	assert_int_equal(tcp_unread(d->conn), 100);
	rd(d, 40);
	events(d, "");
	rd(d, 60);
	events(d, "C");
	assert_int_equal(d->why, TCP_CLOSED_NORMALLY);
	assert_int_equal(tcp_next_deadline(d->s), UINT64_MAX);
	drill_free(d);
}

static void unread_bytes_outlive_time_wait_too(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	d->hold = true;
	close_now(d);
	in(d, "FP. 1:101(100) ack 2");
	forget(d);
	events(d, "RF");
	assert_int_equal(counters(d)->time_wait, 1);
	/* The flow belongs to TIME-WAIT now; a new connection does not disturb the old one. */
	in(d, "S 100000:100000(0) <mss 1460>");
	assert_int_equal(counters(d)->time_wait_reused, 1);
	forget(d);
	rd(d, 100);
	events(d, "C");
	drill_free(d);
}

static void who_never_reads_is_closed_all_the_same(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	d->hold = true;
	in(d, "FP. 1:101(100) ack 1");
	close_now(d);
	in(d, ". 102:102(0) ack 2");
	forget(d);
	events(d, "RF");
	pass(d, SEC(60));
	events(d, "C");
	assert_int_equal(d->why, TCP_CLOSED_NORMALLY);
	drill_free(d);
}

static void unread_can_be_aborted(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	d->hold = true;
	in(d, "FP. 1:101(100) ack 1");
	close_now(d);
	in(d, ". 102:102(0) ack 2");
	forget(d);
	tcp_abort(d->conn, d->now);
	none(d);
	events(d, "RFC");
	assert_int_equal(d->why, TCP_CLOSED_ABORTED);
	drill_free(d);
}

static void read_in_closed(struct drill *d, struct tcp_conn *c, enum tcp_event ev)
{
	if (ev == TCP_EV_CLOSED) {
		struct tcp_span v;

		assert_int_equal(tcp_peek(c, &v, 1), 1);
		assert_int_equal(v.data[0], drill_pattern(0));
		d->read = tcp_unread(c);
		tcp_consume(c, tcp_unread(c), d->now);
		assert_int_equal(tcp_write(c, "x", 1, d->now), 0);
		tcp_close(c, d->now);
		tcp_abort(c, d->now);
	}
}

static void after_a_reset_bytes_can_be_read_inside_of_closed(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	d->on_event = read_in_closed;
	in(d, "P. 1:101(100) ack 1");
	in(d, "R 101:101(0)");
	events(d, "RC");
	assert_int_equal(d->read, 100);
	assert_int_equal(d->why, TCP_CLOSED_RESET);
	none(d);
	drill_free(d);
}

/* abort */

static void an_abort_resets_where_there_is_somebody_to_tell(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 10);
	forget(d);
	tcp_abort(d->conn, d->now);
	out(d, "R. 11:11(0) ack 1");
	events(d, "C");
	assert_int_equal(d->why, TCP_CLOSED_ABORTED);
	assert_int_equal(counters(d)->conns, 0);
	drill_free(d);

	d = accepted(NULL, OPTS_NONE);
	in(d, "F. 1:1(0) ack 1");
	forget(d);
	tcp_abort(d->conn, d->now);
	out(d, "R. 1:1(0) ack 2"); /* CLOSE-WAIT */
	drill_free(d);

	d = accepted(NULL, OPTS_NONE);
	in(d, "F. 1:1(0) ack 1");
	close_now(d);
	forget(d);
	tcp_abort(d->conn, d->now);
	none(d); /* LAST-ACK: RFC 9293 section 3.10.5 */
	drill_free(d);
}

static enum tcp_event abort_at;

static void abort_inside(struct drill *d, struct tcp_conn *c, enum tcp_event ev)
{
	if (ev == abort_at) {
		tcp_abort(c, d->now);
		assert_null(d->conn); /* CLOSED came from inside of the call */
	}
}

static void an_abort_from_inside_of_any_callback_is_safe(void **state)
{
	static const enum tcp_event at[] = {
		TCP_EV_ACCEPTED, TCP_EV_READABLE, TCP_EV_WRITABLE, TCP_EV_PEER_FIN, TCP_EV_CLOSED};
	static const char *const want[] = {"AC", "ARC", "AWC", "ARFC", "ARFC"};

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		struct drill *d = drill_new(NULL);

		in(d, "S 0:0(0) <mss 1460>");
		out(d, "S. 0:0(0) ack 1 <mss 1460>");
		abort_at = at[i];
		d->on_event = at[i] == TCP_EV_CLOSED ? read_in_closed : abort_inside;
		in(d, ". 1:1(0) ack 1");
		if (at[i] == TCP_EV_WRITABLE) {
			uint32_t acked = 1;

			wr(d, 100000);
			while (d->conn) {
				assert_true(acked < 70000);
				acked += 1460;
				in(d, ". 1:1(0) ack %u", acked);
			}
		} else if (d->conn) {
			in(d, "FP. 1:1461(1460) ack 1");
			if (d->conn)
				in(d, "R 1462:1462(0)");
		}
		events(d, want[i]);
		forget(d);
		drill_free(d);
	}
}

static struct tcp_conn *other;

static void abort_the_other(struct drill *d, struct tcp_conn *c, enum tcp_event ev)
{
	(void)c;
	if (ev == TCP_EV_READABLE && other) {
		struct tcp_conn *o = other;

		other = NULL;
		tcp_abort(o, d->now);
		d->conn = c;
	}
}

static void a_callback_may_abort_another_connection(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	other = d->conn;
	put(d, "P. 1:11(10) ack 1");
	d->flow.src_port++;
	in(d, "S 0:0(0) <mss 1460>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, ". 1:1(0) ack 1");
	d->on_event = abort_the_other;
	put(d, "P. 1:11(10) ack 1");
	events(d, "RARC");
	forget(d);
	flush(d);
	assert_int_equal(counters(d)->conns, 1);
	drill_free(d);
}

static void every_accepted_has_one_closed(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		d->flow.src_port = (uint16_t)(2000 + i);
		in(d, "S 0:0(0)");
		out(d, "S. 0:0(0) ack 1 <mss 1460>");
		in(d, ". 1:1(0) ack 1");
		switch (i % 4) {
		case 0:
			in(d, "R 1:1(0)");
			break;
		case 1:
			tcp_abort(d->conn, d->now);
			break;
		case 2:
			in(d, "F. 1:1(0) ack 1");
			close_now(d);
			in(d, ". 2:2(0) ack 2");
			break;
		default:
			close_now(d);
			in(d, "F. 1:1(0) ack 2");
		}
		forget(d);
		assert_null(d->conn);
		events(d, i % 4 < 2 ? "AC" : "AFC");
	}
	assert_int_equal(counters(d)->accepted, counters(d)->closed);
	assert_int_equal(counters(d)->conns, 0);
	drill_free(d);
}

static void freeing_the_stack_gives_all_buffers_back(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	d->hold = true;
	in(d, ". 1:1461(1460) ack 1");
	in(d, ". 4381:5841(1460) ack 1");
	wr(d, 10000);
	forget(d);
	assert_int_equal(d->bufs_out, 2);
	drill_free(d);
	tcp_stack_free(NULL);
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
	cmocka_unit_test(unread_bytes_outlive_both_fins),
	cmocka_unit_test(unread_bytes_outlive_time_wait_too),
	cmocka_unit_test(who_never_reads_is_closed_all_the_same),
	cmocka_unit_test(unread_can_be_aborted),
	cmocka_unit_test(after_a_reset_bytes_can_be_read_inside_of_closed),
	cmocka_unit_test(an_abort_resets_where_there_is_somebody_to_tell),
	cmocka_unit_test(an_abort_from_inside_of_any_callback_is_safe),
	cmocka_unit_test(a_callback_may_abort_another_connection),
	cmocka_unit_test(every_accepted_has_one_closed),
	cmocka_unit_test(freeing_the_stack_gives_all_buffers_back),
};

DRILL_MAIN(tests)
