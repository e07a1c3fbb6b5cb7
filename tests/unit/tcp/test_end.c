/* How the owner hears of the end: after its last byte, once, whoever ends it and from wherever. */
#include "drill.h"

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
