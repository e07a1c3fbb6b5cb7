/* TIME-WAIT and its reuse (RFC 9293 section 3.6.1, RFC 6191). */
#include "drill.h"

static void enter_time_wait(struct drill *d, const char *ts)
{
	close_now(d);
	in(d, "F. 1:1(0) ack 2%s", ts);
	forget(d);
	events(d, "FC");
	assert_int_equal(counters(d)->time_wait, 1);
}

static void a_fin_in_time_wait_is_acknowledged_and_restarts_it(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	enter_time_wait(d, "");
	pass(d, SEC(50));
	in(d, "F. 1:1(0) ack 2");
	out(d, ". 2:2(0) ack 2");
	pass(d, SEC(59));
	assert_int_equal(counters(d)->time_wait, 1);
	pass(d, SEC(1));
	assert_int_equal(counters(d)->time_wait, 0);
	in(d, "F. 1:1(0) ack 2");
	out(d, "R 2:2(0)"); /* nobody knows it any more */
	drill_free(d);
}

static void other_segments_in_time_wait(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	enter_time_wait(d, "");
	in(d, ". 2:2(0) ack 2");
	none(d); /* what is right is not answered */
	in(d, ". 1:1(0) ack 2");
	out(d, ". 2:2(0) ack 2");
	in(d, "P. 2:12(10) ack 2");
	out(d, ". 2:2(0) ack 2");
	in(d, "P 2:12(10)");
	none(d);
	in(d, "R 5:5(0)"); /* not exactly next */
	out(d, ". 2:2(0) ack 2");
	assert_int_equal(counters(d)->time_wait, 1);
	in(d, "R 2:2(0)");
	assert_int_equal(counters(d)->time_wait, 0);
	drill_free(d);
}

static void time_wait_by_sequence_number(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);
	uint32_t old;

	(void)state;
	enter_time_wait(d, "");
	in(d, "S 1:1(0)");
	out(d, ". 2:2(0) ack 2"); /* an old duplicate, or an unlucky peer that will reset us */
	assert_int_equal(counters(d)->time_wait_reused, 0);
	in(d, "S 3:3(0) <mss 1460>");
	assert_int_equal(counters(d)->time_wait_reused, 1);
	assert_int_equal(counters(d)->time_wait, 0);
	/* And our numbers go on past the old ones. */
	old = d->our_isn;
	out(d, "S. 0:0(0) ack 4 <mss 1460>");
	assert_int_equal(d->our_isn - old, 65540);
	drill_free(d);
}

static void time_wait_by_timestamp(void **state)
{
	struct drill *d = accepted(NULL, OPTS_ALL);

	(void)state;
	enter_time_wait(d, " <TS val 2000 ecr 0>");
	in(d, "S -5000:-5000(0) <TS val 1999 ecr 0>");
	out(d, ". 2:2(0) ack 2 <TS val 0 ecr 2000>");
	in(d, "S -5000:-5000(0) <TS val 2000 ecr 0>");
	out(d, ". 2:2(0) ack 2");
	in(d, "S -5000:-5000(0)"); /* without: by number, which is old */
	out(d, ". 2:2(0) ack 2");
	in(d, "S -5000:-5000(0) <mss 1460,TS val 2001 ecr 0>");
	out(d, "S. 0:0(0) ack %u <mss 1460>", -4999U);
	assert_int_equal(counters(d)->time_wait_reused, 1);
	drill_free(d);
}

static void time_wait_without_timestamps_takes_a_syn_with_one(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	enter_time_wait(d, "");
	in(d, "S -5000:-5000(0) <mss 1460,TS val 1 ecr 0>");
	assert_int_equal(counters(d)->time_wait_reused, 1);
	forget(d);
	drill_free(d);
}

static void old_timestamps_in_time_wait(void **state)
{
	struct drill *d = accepted(NULL, OPTS_ALL);

	(void)state;
	enter_time_wait(d, " <TS val 2000 ecr 0>");
	pass(d, SEC(50));
	in(d, "F. 1:1(0) ack 2 <TS val 1999 ecr 0>");
	out(d, ". 2:2(0) ack 2");
	pass(d, SEC(10));
	assert_int_equal(counters(d)->time_wait, 0); /* it did not restart it */
	drill_free(d);
}

static void two_tw(struct tcp_config *cfg)
{
	cfg->max_time_wait = 2;
}

static void past_the_bound_the_oldest_leaves_time_wait(void **state)
{
	struct drill *d = drill_new(two_tw);

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		d->flow.src_port = (uint16_t)(3000 + i);
		in(d, "S 0:0(0)");
		out(d, "S. 0:0(0) ack 1 <mss 1460>");
		in(d, ". 1:1(0) ack 1");
		tcp_close(d->conn, d->now);
		flush(d);
		in(d, "F. 1:1(0) ack 2");
		forget(d);
		pass(d, SEC(1));
	}
	assert_int_equal(counters(d)->time_wait, 2);
	assert_int_equal(counters(d)->time_wait_evicted, 1);
	drill_free(d);
}

static void no_tw(struct tcp_config *cfg)
{
	cfg->max_time_wait = 0;
}

static void without_time_wait_at_all(void **state)
{
	struct drill *d = accepted(no_tw, OPTS_NONE);

	(void)state;
	close_now(d);
	in(d, "F. 1:1(0) ack 2");
	events(d, "FC");
	forget(d);
	assert_int_equal(counters(d)->time_wait, 0);
	drill_free(d);
}

/* RFC 5961 section 3.2 */
static void a_reset_in_time_wait_is_challenged(void **state)
{
	struct drill *d = accepted(NULL, OPTS_ALL);

	(void)state;
	enter_time_wait(d, " <TS val 2000 ecr 0>");
	in(d, "R 100:100(0)");
	out(d, ". 2:2(0) ack 2 <TS val 0 ecr 2000>");
	in(d, "R 1:1(0)");
	in(d, "R 3000000:3000000(0)");
	assert_int_equal(d->verdict, TCP_REJECT_WINDOW);
	none(d);
	assert_int_equal(counters(d)->time_wait, 1);
	in(d, "R 2:2(0)");
	assert_int_equal(counters(d)->time_wait, 0);
	none(d);
	drill_free(d);
}

/* The window that was announced last is 32,767 << 2 = 131,068 bytes, from 2 on. */
static void the_window_of_time_wait_is_scaled(void **state)
{
	struct drill *d = accepted(NULL, OPTS_ALL);

	(void)state;
	enter_time_wait(d, " <TS val 2000 ecr 0>");
	in(d, "R 131070:131070(0)");
	assert_int_equal(d->verdict, TCP_REJECT_WINDOW);
	none(d);
	in(d, "R 131069:131069(0)");
	out(d, ". 2:2(0) ack 2 win 32767 <TS val 0 ecr 2000>");
	assert_int_equal(counters(d)->time_wait, 1);
	drill_free(d);
}

static void one_reply(struct tcp_config *cfg)
{
	cfg->replies_per_s = 1;
}

/* All flows in TIME-WAIT share the stack's rate, and a challenge that is not sent is none. */
static void challenges_in_time_wait_have_the_limit_of_replies(void **state)
{
	struct drill *d = accepted(one_reply, OPTS_NONE);

	(void)state;
	enter_time_wait(d, "");
	in(d, "R 5:5(0)");
	out(d, ". 2:2(0) ack 2");
	in(d, "R 5:5(0)");
	none(d);
	assert_int_equal(counters(d)->challenge_acks, 1);
	assert_int_equal(counters(d)->replies_limited, 1);
	drill_free(d);
}

/* RFC 6191 section 2, where the timestamps do not decide. */
static void where_timestamps_do_not_tell_the_number_does(void **state)
{
	struct drill *d = accepted(NULL, OPTS_ALL);

	(void)state;
	enter_time_wait(d, " <TS val 2000 ecr 0>");
	in(d, "S 3:3(0) <mss 1460,TS val 2000 ecr 0>"); /* the same millisecond */
	out(d, "S. 0:0(0) ack 4 <mss 1460>");
	assert_int_equal(counters(d)->time_wait_reused, 1);
	drill_free(d);

	d = accepted(NULL, OPTS_ALL);
	enter_time_wait(d, " <TS val 2000 ecr 0>");
	in(d, "S 3:3(0) <mss 1460>"); /* it has none any more */
	out(d, "S. 0:0(0) ack 4 <mss 1460>");
	assert_int_equal(counters(d)->time_wait_reused, 1);
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_fin_in_time_wait_is_acknowledged_and_restarts_it),
	cmocka_unit_test(other_segments_in_time_wait),
	cmocka_unit_test(time_wait_by_sequence_number),
	cmocka_unit_test(time_wait_by_timestamp),
	cmocka_unit_test(time_wait_without_timestamps_takes_a_syn_with_one),
	cmocka_unit_test(old_timestamps_in_time_wait),
	cmocka_unit_test(past_the_bound_the_oldest_leaves_time_wait),
	cmocka_unit_test(without_time_wait_at_all),
	cmocka_unit_test(a_reset_in_time_wait_is_challenged),
	cmocka_unit_test(the_window_of_time_wait_is_scaled),
	cmocka_unit_test(challenges_in_time_wait_have_the_limit_of_replies),
	cmocka_unit_test(where_timestamps_do_not_tell_the_number_does),
};

DRILL_MAIN(tests)
