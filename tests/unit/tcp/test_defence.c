/* Blind attacks and old duplicates: RFC 5961, PAWS of RFC 7323, TIME-WAIT of RFC 6191. */
#include "drill.h"

static struct drill *accepted(void (*tweak)(struct tcp_config *), const char *opts)
{
	struct drill *d = drill_new(tweak);

	drill_accept(d, opts);
	return d;
}

static struct tcp_info info_of(struct drill *d)
{
	struct tcp_info info;

	tcp_info(d->conn, &info);
	return info;
}

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
	tcp_close(d->conn, d->now);
	flush(d);
	in(d, "R. 1:1(0) ack 2");
	events(d, "C");
	assert_int_equal(d->why, TCP_CLOSED_RESET);
	forget(d);
	drill_free(d);

	d = accepted(NULL, OPTS_NONE); /* FIN-WAIT-2 */
	tcp_close(d->conn, d->now);
	flush(d);
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
	tcp_close(d->conn, d->now);
	flush(d);
	in(d, "R 2:2(0)");
	events(d, "FC");
	assert_int_equal(d->why, TCP_CLOSED_NORMALLY);
	forget(d);
	drill_free(d);

	d = accepted(NULL, OPTS_NONE); /* CLOSING */
	tcp_close(d->conn, d->now);
	flush(d);
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

/* PAWS (RFC 7323 section 5) */

static void an_older_timestamp_is_rejected_and_answered(void **state)
{
	struct drill *d = accepted(NULL, OPTS_ALL);

	(void)state;
	in(d, "P. 1:11(10) ack 1 <TS val 2000 ecr 0>");
	events(d, "R");
	in(d, "P. 11:21(10) ack 1 <TS val 1999 ecr 0>");
	out(d, ". 1:1(0) ack 11 <TS val 0 ecr 2000>");
	events(d, "");
	assert_int_equal(d->verdict, TCP_REJECT_WINDOW);
	in(d, ". 11:11(0) ack 1 <TS val 1999 ecr 0>");
	out(d, ". 1:1(0) ack 11");
	assert_int_equal(counters(d)->paws_rejected, 2);
	in(d, "P. 11:21(10) ack 1 <TS val 2000 ecr 0>");
	events(d, "R");
	pass(d, MS(40));
	forget(d);
	drill_free(d);
}

static void timestamps_wrap_around(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	in(d, "S 0:0(0) <mss 1460,TS val 4294967290 ecr 0>");
	out(d, "S. 0:0(0) ack 1 <mss 1460,TS val 0 ecr 4294967290>");
	in(d, ". 1:1(0) ack 1 <TS val 4294967295 ecr 0>");
	in(d, "P. 1:11(10) ack 1 <TS val 5 ecr 0>");
	events(d, "AR");
	pass(d, MS(40));
	out(d, ". 1:1(0) ack 11 <TS val 40 ecr 5>");
	drill_free(d);
}

static void a_segment_without_timestamp_is_dropped(void **state)
{
	struct drill *d = accepted(NULL, OPTS_ALL);

	(void)state;
	in(d, "P. 1:11(10) ack 1");
	none(d);
	events(d, "");
	in(d, "R 1:1(0)"); /* resets need none */
	events(d, "C");
	drill_free(d);
}

static void a_reset_may_have_any_timestamp(void **state)
{
	struct drill *d = accepted(NULL, OPTS_ALL);

	(void)state;
	in(d, "R 1:1(0) <TS val 1 ecr 0>");
	events(d, "C");
	drill_free(d);
}

static void the_echo_is_of_the_segment_that_is_acknowledged(void **state)
{
	struct drill *d = accepted(NULL, OPTS_ALL);

	(void)state;
	in(d, "P. 1:11(10) ack 1 <TS val 2000 ecr 0>");
	in(d, "P. 11:21(10) ack 1 <TS val 2010 ecr 0>");
	pass(d, MS(40));
	out(d, ". 1:1(0) ack 21 <TS val 40 ecr 2000>"); /* RFC 7323 section 4.3: the first one */
	in(d, "P. 31:41(10) ack 1 <TS val 2050 ecr 40>");
	out(d, ". 1:1(0) ack 21 <TS val 40 ecr 2000,sack 31:41>");
	in(d, "P. 21:31(10) ack 1 <TS val 2060 ecr 40>");
	out(d, ". 1:1(0) ack 41 <TS val 40 ecr 2060>");
	drill_free(d);
}

static void after_24_days_an_old_timestamp_is_void(void **state)
{
	struct drill *d = accepted(NULL, OPTS_ALL);

	(void)state;
	pass(d, SEC(86400ULL * 23));
	in(d, "P. 1:11(10) ack 1 <TS val 999 ecr 0>");
	events(d, "");
	forget(d);
	pass(d, SEC(86400ULL * 2));
	in(d, "P. 1:11(10) ack 1 <TS val 999 ecr 0>");
	events(d, "R");
	pass(d, MS(40));
	out(d, ". 1:1(0) ack 11 <TS val 2160000040 ecr 999>");
	drill_free(d);
}

/* TIME-WAIT */

static void enter_time_wait(struct drill *d, const char *ts)
{
	tcp_close(d->conn, d->now);
	flush(d);
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
	tcp_close(d->conn, d->now);
	flush(d);
	in(d, "F. 1:1(0) ack 2");
	events(d, "FC");
	forget(d);
	assert_int_equal(counters(d)->time_wait, 0);
	drill_free(d);
}

/* Keepalive (RFC 9293 section 3.8.4) */

static void keepalive(struct tcp_config *cfg)
{
	cfg->keepalive_idle_us = SEC(100);
	cfg->keepalive_interval_us = (uint32_t)SEC(10);
	cfg->keepalive_probes = 3;
}

static void an_idle_connection_is_probed_and_given_up(void **state)
{
	struct drill *d = accepted(keepalive, OPTS_NONE);

	(void)state;
	pass(d, SEC(500));
	out_at(d, SEC(100), ". 0:0(0) ack 1");
	out_at(d, SEC(110), ". 0:0(0) ack 1");
	out_at(d, SEC(120), ". 0:0(0) ack 1");
	out_at(d, SEC(130), "R. 1:1(0) ack 1");
	events(d, "C");
	assert_int_equal(d->why, TCP_CLOSED_TIMEOUT);
	drill_free(d);
}

static void an_answer_keeps_it_alive(void **state)
{
	struct drill *d = accepted(keepalive, OPTS_NONE);

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		pass(d, SEC(100));
		out(d, ". 0:0(0) ack 1");
		in(d, ". 1:1(0) ack 1");
	}
	events(d, "");
	assert_int_equal(counters(d)->keepalives, 20);
	drill_free(d);
}

static void data_puts_keepalives_off(void **state)
{
	struct drill *d = accepted(keepalive, OPTS_NONE);

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		pass(d, SEC(99));
		in(d, "P. %u:%u(1) ack 1", 1 + i, 2 + i);
	}
	forget(d);
	assert_int_equal(counters(d)->keepalives, 0);
	pass(d, SEC(100));
	assert_int_equal(counters(d)->keepalives, 1);
	forget(d);
	drill_free(d);
}

static void while_data_is_out_no_keepalive_is_sent(void **state)
{
	struct drill *d = accepted(keepalive, OPTS_NONE);

	(void)state;
	pass(d, SEC(90));
	wr(d, 10);
	pass(d, SEC(60));
	assert_int_equal(counters(d)->keepalives, 0);
	assert_true(counters(d)->rto_fired > 0);
	forget(d);
	drill_free(d);
}

/* Path MTU */

static void too_big(struct drill *d, uint32_t seq, uint32_t mtu)
{
	struct ip_flow ours = {d->flow.dst, d->flow.src, d->flow.dst_port, d->flow.src_port};

	tcp_icmp(d->s, &ours, d->our_isn + seq, mtu, d->now);
	flush(d);
}

static void a_packet_too_big_makes_segments_smaller(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 2920);
	out(d, ". 1:1461(1460) ack 1");
	out(d, "P. 1461:2921(1460) ack 1");
	too_big(d, 1, 1000);
	out(d, ". 1:961(960) ack 1");
	out(d, ". 961:1461(500) ack 1");
	out(d, ". 1461:2421(960) ack 1");
	out(d, "P. 2421:2921(500) ack 1");
	assert_int_equal(info_of(d).cwnd, 14600); /* no congestion */
	in(d, ". 1:1(0) ack 2921");
	wr(d, 1000);
	out(d, ". 2921:3881(960) ack 1");
	out(d, "P. 3881:3921(40) ack 1");
	drill_free(d);
}

static void a_claim_about_nothing_in_flight_is_ignored(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	too_big(d, 1, 1000);
	wr(d, 1460);
	forget(d);
	too_big(d, 1461, 1000);
	too_big(d, 0, 1000);
	too_big(d, 1, 1500); /* no smaller than what we know */
	too_big(d, 1, 0);    /* unreachable: soft */
	assert_int_equal(counters(d)->icmp_ignored, 5);
	assert_int_equal(info_of(d).mss, 1460);
	drill_free(d);
}

static void a_claim_about_a_segment_that_fits_is_ignored(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 10);
	forget(d);
	too_big(d, 1, 1000);
	assert_int_equal(info_of(d).mss, 1460);
	drill_free(d);
}

static void a_claim_about_no_connection_is_ignored(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	too_big(d, 1, 1000);
	in(d, "S 0:0(0)");
	forget(d);
	too_big(d, 0, 1000);
	assert_int_equal(counters(d)->icmp_ignored, 2);
	drill_free(d);
}

static void a_claim_below_what_got_through_waits_for_a_timeout(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 1460);
	forget(d);
	in(d, ". 1:1(0) ack 1461"); /* 1,500 bytes got through */
	wr(d, 1460);
	forget(d);
	too_big(d, 1461, 1000);
	none(d);
	assert_int_equal(counters(d)->pmtu_doubted, 1);
	in(d, ". 1:1(0) ack 2921"); /* and again: it was a lie */
	wr(d, 1460);
	forget(d);
	pass(d, MS(300));
	out(d, "P. 2921:4381(1460) ack 1");
	too_big(d, 2921, 1000);
	pass(d, MS(600));
	out(d, ". 2921:3881(960) ack 1"); /* the path has really changed */
	drill_free(d);
}

static void absurd_claims_stop_at_a_floor(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 1460);
	forget(d);
	too_big(d, 1, 68);
	assert_int_equal(info_of(d).mss, 536); /* 552 - 40 is less than the default */
	forget(d);
	drill_free(d);
}

static void timeouts_of_large_segments_mean_a_black_hole(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 1460);
	out(d, "P. 1:1461(1460) ack 1");
	pass(d, MS(300));
	out(d, "P. 1:1461(1460) ack 1");
	pass(d, MS(600));
	out(d, "P. 1:1461(1460) ack 1");
	pass(d, MS(1200));
	out(d, ". 1:1201(1200) ack 1");
	in(d, ". 1:1(0) ack 1201");
	out(d, "P. 1201:1461(260) ack 1");
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_reset_with_the_next_number_resets),
	cmocka_unit_test(a_reset_in_window_is_challenged),
	cmocka_unit_test(a_reset_out_of_window_is_dropped),
	cmocka_unit_test(a_reset_ends_every_state),
	cmocka_unit_test(a_syn_in_a_connection_is_challenged_whatever_its_number),
	cmocka_unit_test(a_restarted_peer_gets_through_by_the_challenge),
	cmocka_unit_test(acks_out_of_range_are_challenged),
	cmocka_unit_test(challenges_have_a_limit_per_connection),
	cmocka_unit_test(an_ack_storm_dies_out),
	cmocka_unit_test(a_keepalive_with_an_octet_is_answered),
	cmocka_unit_test(data_before_and_beyond_is_answered_and_rejected),
	cmocka_unit_test(an_older_timestamp_is_rejected_and_answered),
	cmocka_unit_test(timestamps_wrap_around),
	cmocka_unit_test(a_segment_without_timestamp_is_dropped),
	cmocka_unit_test(a_reset_may_have_any_timestamp),
	cmocka_unit_test(the_echo_is_of_the_segment_that_is_acknowledged),
	cmocka_unit_test(after_24_days_an_old_timestamp_is_void),
	cmocka_unit_test(a_fin_in_time_wait_is_acknowledged_and_restarts_it),
	cmocka_unit_test(other_segments_in_time_wait),
	cmocka_unit_test(time_wait_by_sequence_number),
	cmocka_unit_test(time_wait_by_timestamp),
	cmocka_unit_test(time_wait_without_timestamps_takes_a_syn_with_one),
	cmocka_unit_test(old_timestamps_in_time_wait),
	cmocka_unit_test(past_the_bound_the_oldest_leaves_time_wait),
	cmocka_unit_test(without_time_wait_at_all),
	cmocka_unit_test(an_idle_connection_is_probed_and_given_up),
	cmocka_unit_test(an_answer_keeps_it_alive),
	cmocka_unit_test(data_puts_keepalives_off),
	cmocka_unit_test(while_data_is_out_no_keepalive_is_sent),
	cmocka_unit_test(a_packet_too_big_makes_segments_smaller),
	cmocka_unit_test(a_claim_about_nothing_in_flight_is_ignored),
	cmocka_unit_test(a_claim_about_a_segment_that_fits_is_ignored),
	cmocka_unit_test(a_claim_about_no_connection_is_ignored),
	cmocka_unit_test(a_claim_below_what_got_through_waits_for_a_timeout),
	cmocka_unit_test(absurd_claims_stop_at_a_floor),
	cmocka_unit_test(timeouts_of_large_segments_mean_a_black_hole),
};

DRILL_MAIN(tests)
