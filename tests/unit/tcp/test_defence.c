/* Blind attacks (RFC 5961), and ends that disagree. */
#include "drill.h"

/* RST (RFC 5961 section 3.2) */

static void a_reset_with_the_next_number_resets(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "R. 1:1(0) ack 1");
	events(d, "C");
	assert_int_equal(d->why, TCP_CLOSED_RESET);
	none(d);
	drill_free(d);
}

static void a_reset_in_window_is_challenged(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "R 2:2(0)");
	out(d, ". 1:1(0) ack 1");
	in(d, "R 60000:60000(0)");
	out(d, ". 1:1(0) ack 1");
	events(d, "");
	in(d, "R 1:1(0)"); /* the true peer answers the challenge so */
	events(d, "C");
	drill_free(d);
}

static void a_reset_out_of_window_is_dropped(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "R 0:0(0)");
	assert_int_equal(d->verdict, TCP_REJECT_WINDOW);
	in(d, "R 3000000:3000000(0)");
	none(d);
	events(d, "");
	drill_free(d);
}

static void a_reset_ends_every_state(void **state)
{
	struct drill *d;

	(void)state;
	d = accepted(NULL, OPTS_NONE); /* FIN-WAIT-1 */
	close_now(d);
	in(d, "R. 1:1(0) ack 2");
	events(d, "C");
	assert_int_equal(d->why, TCP_CLOSED_RESET);
	forget(d);
	drill_free(d);

	d = accepted(NULL, OPTS_NONE); /* FIN-WAIT-2 */
	close_now(d);
	in(d, ". 1:1(0) ack 2");
	in(d, "R. 1:1(0) ack 2");
	events(d, "C");
	assert_int_equal(d->why, TCP_CLOSED_RESET);
	forget(d);
	drill_free(d);

	d = accepted(NULL, OPTS_NONE); /* CLOSE-WAIT */
	in(d, "F. 1:1(0) ack 1");
	in(d, "R. 2:2(0) ack 1");
	events(d, "FC");
	assert_int_equal(d->why, TCP_CLOSED_RESET);
	forget(d);
	drill_free(d);

	d = accepted(NULL, OPTS_NONE); /* LAST-ACK: it was over anyway */
	in(d, "F. 1:1(0) ack 1");
	close_now(d);
	in(d, "R 2:2(0)");
	events(d, "FC");
	assert_int_equal(d->why, TCP_CLOSED_NORMALLY);
	forget(d);
	drill_free(d);

	d = accepted(NULL, OPTS_NONE); /* CLOSING */
	close_now(d);
	in(d, "F. 1:1(0) ack 1");
	in(d, "R 2:2(0)");
	events(d, "FC");
	assert_int_equal(d->why, TCP_CLOSED_NORMALLY);
	forget(d);
	drill_free(d);
}

/* SYN (section 4.2) and ACK (section 5.2) */

static void a_syn_in_a_connection_is_challenged_whatever_its_number(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "S 0:0(0)");
	out(d, ". 1:1(0) ack 1");
	in(d, "S 100:100(0)");
	out(d, ". 1:1(0) ack 1");
	in(d, "S. 9000000:9000000(0) ack 1");
	out(d, ". 1:1(0) ack 1");
	events(d, "");
	drill_free(d);
}

static void a_syn_in_a_connection_is_challenged_whatever_its_timestamp(void **state)
{
	struct drill *d = accepted(NULL, OPTS_ALL);

	(void)state;
	in(d, "S 70000000:70000000(0) <TS val 5 ecr 0>"); /* its clock began anew, too */
	out(d, ". 1:1(0) ack 1 <TS val 0 ecr 1000>");
	in(d, "S 70000000:70000000(0) <mss 1460>"); /* it has no timestamps any more */
	out(d, ". 1:1(0) ack 1 <TS val 0 ecr 1000>");
	assert_int_equal(counters(d)->challenge_acks, 2);
	assert_int_equal(counters(d)->challenge_limited, 0);
	in(d, "R 1:1(0)");
	events(d, "C");
	in(d, "S 70000000:70000000(0) <mss 1460>");
	out(d, "S. 0:0(0) ack 70000001 <mss 1460>");
	drill_free(d);
}

static void a_restarted_peer_gets_through_by_the_challenge(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "S 70000000:70000000(0)");
	out(d, ". 1:1(0) ack 1");
	in(d, "R 1:1(0)"); /* it does not know what we speak of */
	events(d, "C");
	in(d, "S 70000000:70000000(0)");
	out(d, "S. 0:0(0) ack 70000001 <mss 1460>");
	drill_free(d);
}

/* It lost all it knew, and whoever speaks to what was there hears so at once. */
static void after_a_restart_of_ours_an_old_connection_is_reset_at_once(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	d->our_isn = 0;
	in(d, "P. 5000:6000(1000) ack 700 <TS val 90000 ecr 5>");
	out(d, "R 700:700(0)");
	in(d, ". 4999:4999(0) ack 700"); /* a keepalive, or a probe of a closed window */
	out(d, "R 700:700(0)");
	in(d, "F. 6000:6000(0) ack 700");
	out(d, "R 700:700(0)");
	/* And the same ports are good for a new one, whatever its clock says. */
	in(d, "S 0:0(0) <mss 1460,TS val 7 ecr 0>");
	assert_int_equal(sent_count(d), 1);
	assert_int_equal(counters(d)->half_open, 1);
	forget(d);
	drill_free(d);
}

static void acks_out_of_range_are_challenged(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 10);
	forget(d);
	in(d, "P. 1:11(10) ack 12"); /* not sent yet */
	out(d, ". 11:11(0) ack 1");
	in(d, "P. 1:11(10) ack -70000"); /* further back than any window was */
	out(d, ". 11:11(0) ack 1");
	events(d, ""); /* nor are their bytes taken */
	assert_int_equal(counters(d)->bad_ack, 2);
	in(d, "P. 1:11(10) ack -60000"); /* old but possible */
	events(d, "R");
	drill_free(d);
}

static void challenges_have_a_limit_per_connection(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	for (unsigned i = 0; i < 50; i++)
		in(d, "R 2:2(0)");
	assert_int_equal(sent_count(d), 10);
	assert_int_equal(counters(d)->challenge_acks, 10);
	assert_int_equal(counters(d)->challenge_limited, 40);
	forget(d);
	pass(d, SEC(5));
	in(d, "R 2:2(0)");
	out(d, ". 1:1(0) ack 1");
	drill_free(d);
}

static void an_ack_storm_dies_out(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	/* Two ends that disagree on the numbers answer each other: we stop. */
	for (unsigned i = 0; i < 1000; i++)
		in(d, ". 0:0(0) ack 1");
	assert_int_equal(sent_count(d), 1);
	for (unsigned i = 0; i < 1000; i++)
		in(d, ". 3000000:3000000(0) ack 1");
	assert_int_equal(sent_count(d), 1);
	forget(d);
	pass(d, SEC(1));
	in(d, ". 0:0(0) ack 1"); /* but a keepalive now and then is answered */
	out(d, ". 1:1(0) ack 1");
	drill_free(d);
}

static void a_keepalive_with_an_octet_is_answered(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "P. 1:11(10) ack 1");
	pass(d, MS(40));
	forget(d);
	in(d, ". 10:11(1) ack 1");
	out(d, ". 1:1(0) ack 11");
	in(d, ". 10:10(0) ack 1");
	out(d, ". 1:1(0) ack 11");
	assert_int_equal(d->verdict, TCP_OK);
	events(d, "R");
	drill_free(d);
}

static void data_before_and_beyond_is_answered_and_rejected(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "P. 3000000:3000010(10) ack 1");
	out(d, ". 1:1(0) ack 1");
	assert_int_equal(d->verdict, TCP_REJECT_WINDOW);
	in(d, "P. -3000000:-2999990(10) ack 1");
	out(d, ". 1:1(0) ack 1");
	assert_int_equal(d->verdict, TCP_REJECT_WINDOW);
	events(d, "");
	drill_free(d);
}

/* Sections 3.2 and 4.2 hold in each synchronized state. */
static void challenged(struct drill *d, const char *state, uint32_t next, const char *syn_ts)
{
	forget(d);
	assert_string_equal(state_of(d), state);
	in(d, "R %u:%u(0)", next + 1, next + 1);
	assert_int_equal(sent_count(d), 1);
	in(d, "S %u:%u(0)%s", next + 7, next + 7, syn_ts);
	assert_int_equal(sent_count(d), 2);
	assert_int_equal(counters(d)->challenge_acks, 2);
	in(d, "R %u:%u(0)", next + 3000000, next + 3000000);
	assert_int_equal(sent_count(d), 2);
	assert_string_equal(state_of(d), state);
	forget(d);
	drill_free(d);
}

/* With the options `opts`, segments carry the timestamp `ts`, and the SYN `syn_ts`. */
static void in_every_state(const char *opts, const char *ts, const char *syn_ts)
{
	struct drill *d = accepted(NULL, opts);

	challenged(d, "established", 1, syn_ts);

	d = accepted(NULL, opts);
	close_now(d);
	challenged(d, "fin-wait-1", 1, syn_ts);

	d = accepted(NULL, opts);
	close_now(d);
	in(d, ". 1:1(0) ack 2%s", ts);
	challenged(d, "fin-wait-2", 1, syn_ts);

	d = accepted(NULL, opts);
	in(d, "F. 1:1(0) ack 1%s", ts);
	challenged(d, "close-wait", 2, syn_ts);

	d = accepted(NULL, opts);
	in(d, "F. 1:1(0) ack 1%s", ts);
	close_now(d);
	challenged(d, "last-ack", 2, syn_ts);

	d = accepted(NULL, opts);
	close_now(d);
	in(d, "F. 1:1(0) ack 1%s", ts);
	challenged(d, "closing", 2, syn_ts);
}

static void resets_and_syns_are_challenged_in_every_state(void **state)
{
	(void)state;
	in_every_state(OPTS_NONE, "", "");
	in_every_state(OPTS_ALL, " <TS val 2000 ecr 0>", " <TS val 2001 ecr 0>");
	in_every_state(OPTS_ALL, " <TS val 2000 ecr 0>", " <TS val 5 ecr 0>");
	in_every_state(OPTS_ALL, " <TS val 2000 ecr 0>", "");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_reset_with_the_next_number_resets),
	cmocka_unit_test(a_reset_in_window_is_challenged),
	cmocka_unit_test(a_reset_out_of_window_is_dropped),
	cmocka_unit_test(a_reset_ends_every_state),
	cmocka_unit_test(a_syn_in_a_connection_is_challenged_whatever_its_number),
	cmocka_unit_test(a_syn_in_a_connection_is_challenged_whatever_its_timestamp),
	cmocka_unit_test(a_restarted_peer_gets_through_by_the_challenge),
	cmocka_unit_test(after_a_restart_of_ours_an_old_connection_is_reset_at_once),
	cmocka_unit_test(acks_out_of_range_are_challenged),
	cmocka_unit_test(challenges_have_a_limit_per_connection),
	cmocka_unit_test(an_ack_storm_dies_out),
	cmocka_unit_test(a_keepalive_with_an_octet_is_answered),
	cmocka_unit_test(data_before_and_beyond_is_answered_and_rejected),
	cmocka_unit_test(resets_and_syns_are_challenged_in_every_state),
};

DRILL_MAIN(tests)
