/* Bytes that go: windows of both kinds, probes, the send buffer. */
#include "drill.h"

static void writes_of_one_round_share_a_segment(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);
	const uint8_t first[3] = {drill_pattern(0), drill_pattern(1), drill_pattern(2)};

	(void)state;
	tcp_write(d->conn, first, 3, d->now);
	d->written = 3;
	none(d);
	assert_true(tcp_next_deadline(d->s) <= d->now);
	wr(d, 7);
	out(d, "P. 1:11(10) ack 1");
	drill_free(d);
}

static void a_full_segment_does_not_wait_for_the_round_to_end(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);
	uint8_t bytes[2000];

	(void)state;
	for (unsigned i = 0; i < 2000; i++)
		bytes[i] = drill_pattern(i);
	assert_int_equal(tcp_write(d->conn, bytes, 2000, d->now), 2000);
	out(d, ". 1:1461(1460) ack 1");
	none(d);
	flush(d);
	out(d, "P. 1461:2001(540) ack 1");
	drill_free(d);
}

static void timestamps_take_twelve_bytes(void **state)
{
	struct drill *d = accepted(NULL, OPTS_ALL);

	(void)state;
	wr(d, 1449);
	out(d, ". 1:1449(1448) ack 1 <TS val 0 ecr 1000>");
	out(d, "P. 1449:1450(1) ack 1");
	drill_free(d);
}

static void sack_blocks_take_room_from_data(void **state)
{
	struct drill *d = accepted(NULL, OPTS_ALL);

	(void)state;
	in(d, ". 1001:2001(1000) ack 1 <TS val 1000 ecr 0>");
	in(d, ". 3001:4001(1000) ack 1 <TS val 1000 ecr 0>");
	forget(d);
	wr(d, 1448);
	out(d, ". 1:1429(1428) ack 1 <sack 3001:4001 1001:2001>");
	out(d, "P. 1429:1449(20) ack 1 <sack 3001:4001 1001:2001>");
	drill_free(d);
}

/* The peer's window (RFC 9293 section 3.8.6) */

static void a_closed_window_is_probed_with_backoff_and_without_end(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);
	uint64_t at = 300, step = 300;

	(void)state;
	in(d, ". 1:1(0) ack 1 win 0");
	wr(d, 5000);
	none(d);
	for (unsigned i = 0; i < 30; i++) {
		while (sent_count(d) == 0)
			pass(d, MS(100));
		out_at(d, MS(at), ". 1:2(1) ack 1");
		in(d, ". 1:1(0) ack 1 win 0");
		step = step * 2 > 60000 ? 60000 : step * 2;
		at += step;
	}
	events(d, "");
	in(d, ". 1:1(0) ack 1 win 65535");
	out(d, ". 1:1461(1460) ack 1"); /* the octet sent into the window begins it anew */
	out(d, ". 1461:2921(1460) ack 1");
	out(d, ". 2921:4381(1460) ack 1");
	out(d, "P. 4381:5001(620) ack 1");
	in(d, ". 1:1(0) ack 5001");
	assert_int_equal(counters(d)->rto_fired, 0);
	drill_free(d);
}

static void a_probe_may_be_taken(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, ". 1:1(0) ack 1 win 0");
	wr(d, 100);
	pass(d, MS(300));
	out(d, ". 1:2(1) ack 1");
	in(d, ". 1:1(0) ack 2 win 0");
	none(d);
	pass(d, MS(300));
	out(d, ". 2:3(1) ack 1");
	in(d, ". 1:1(0) ack 3 win 1000");
	out(d, "P. 3:101(98) ack 1");
	in(d, ". 1:1(0) ack 101");
	drill_free(d);
}

static void a_withdrawn_probe_may_still_be_acknowledged(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, ". 1:1(0) ack 1 win 0");
	wr(d, 3000);
	pass(d, MS(300));
	out(d, ". 1:2(1) ack 1");
	in(d, ". 1:1(0) ack 1 win 10"); /* too small to send for, at once */
	none(d);
	in(d, ". 1:1(0) ack 2 win 10"); /* the update and the probe had crossed */
	assert_int_equal(counters(d)->bad_ack, 0);
	pass(d, MS(300));
	out(d, ". 2:12(10) ack 1"); /* the override timeout */
	in(d, ". 1:1(0) ack 12 win 60000");
	assert_int_equal(sent_count(d), 3);
	forget(d);
	drill_free(d);
}

static void unanswered_probes_end_it(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, ". 1:1(0) ack 1 win 0");
	wr(d, 100);
	pass(d, SEC(600));
	events(d, "C");
	assert_int_equal(d->why, TCP_CLOSED_TIMEOUT);
	assert_int_equal(sent_count(d), 10);
	forget(d);
	drill_free(d);
}

static void once_closed_a_window_that_stays_shut_is_not_probed_for_ever(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);
	unsigned n = 0;

	(void)state;
	in(d, ". 1:1(0) ack 1 win 0");
	wr(d, 100);
	tcp_close(d->conn, d->now);
	while (d->conn && n < 100) {
		pass(d, MS(100));
		if (sent_count(d) && d->conn) {
			forget(d);
			in(d, ". 1:1(0) ack 1 win 0");
			n++;
		}
	}
	assert_int_equal(n, 10);
	events(d, "C");
	forget(d);
	drill_free(d);
}

static void a_window_that_closes_over_data_opens_to_it(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	wr(d, 4380);
	forget(d);
	in(d, ". 1:1(0) ack 1 win 0"); /* shrunk: all three were dropped */
	pass(d, MS(300));
	out(d, ". 1:2(1) ack 1");
	in(d, ". 1:1(0) ack 1 win 0");
	pass(d, MS(600));
	out(d, ". 1:2(1) ack 1");
	in(d, ". 1:1(0) ack 1 win 65535");
	out(d, ". 1:1461(1460) ack 1");
	out(d, ". 1461:2921(1460) ack 1");
	out(d, "P. 2921:4381(1460) ack 1");
	in(d, ". 1:1(0) ack 4381");
	assert_int_equal(info_of(d).cwnd, 14600);
	assert_int_equal(counters(d)->rto_fired, 0);
	drill_free(d);
}

static void acks_at_a_closed_window_stay_within_it(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, ". 1:1(0) ack 1 win 0");
	wr(d, 100);
	pass(d, MS(300));
	out(d, ". 1:2(1) ack 1");
	in(d, ". 1:1461(1460) ack 1 win 0");
	in(d, ". 1461:2921(1460) ack 1 win 0");
	out(d, ". 1:1(0) ack 2921"); /* not 2: the peer has no room for that number */
	drill_free(d);
}

static void silly_windows_are_not_filled(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, ". 1:1(0) ack 1 win 100");
	wr(d, 5000);
	none(d);
	in(d, ". 1:1(0) ack 1 win 1459");
	none(d);
	in(d, ". 1:1(0) ack 1 win 1460");
	out(d, ". 1:1461(1460) ack 1");
	in(d, ". 1:1(0) ack 1461 win 1500");
	out(d, ". 1461:2921(1460) ack 1");
	none(d); /* 40 bytes more would fit */
	drill_free(d);
}

static void a_peer_that_never_had_a_large_window_is_served(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	in(d, "S 0:0(0) win 200 <mss 1460>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, ". 1:1(0) ack 1 win 200");
	wr(d, 500);
	out(d, ". 1:201(200) ack 1"); /* half of the largest window ever seen, or more */
	in(d, ". 1:1(0) ack 201 win 200");
	out(d, ". 201:401(200) ack 1");
	in(d, ". 1:1(0) ack 401 win 200");
	out(d, "P. 401:501(100) ack 1");
	drill_free(d);
}

static void an_old_segment_does_not_bring_back_an_old_window(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "P. 1:11(10) ack 1 win 5000");
	in(d, ". 11:11(0) ack 1 win 1460");
	in(d, "P. 5:12(7) ack 1 win 60000"); /* older, though it brings a byte */
	out(d, ". 1:1(0) ack 12");
	wr(d, 5000);
	out(d, ". 1:1461(1460) ack 12");
	none(d);
	drill_free(d);
}

static void an_old_number_with_a_new_ack_brings_its_window(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, "P. 1:11(10) ack 1 win 1460");
	wr(d, 5000);
	out(d, ". 1:1461(1460) ack 11");
	in(d, "P. 1:11(10) ack 1461 win 0"); /* sent again, but after our data had arrived */
	in(d, "P. 1:12(11) ack 1461 win 0");
	out(d, ". 1461:1461(0) ack 11");
	out(d, ". 1461:1461(0) ack 12");
	none(d);
	drill_free(d);
}

/* The send buffer */

static void small_snd(struct tcp_config *cfg)
{
	cfg->snd_buf = 8000;
}

static void a_short_write_is_followed_by_writable(void **state)
{
	struct drill *d = accepted(small_snd, OPTS_NONE);

	(void)state;
	assert_int_equal(tcp_write_room(d->conn), 8000);
	assert_int_equal(wr(d, 10000), 8000);
	assert_int_equal(tcp_write_room(d->conn), 0);
	assert_int_equal(wr(d, 1), 0);
	forget(d);
	in(d, ". 1:1(0) ack 1461");
	events(d, ""); /* 1,460 of 8,000 */
	in(d, ". 1:1(0) ack 2921");
	events(d, "W");
	assert_int_equal(tcp_write_room(d->conn), 2920);
	in(d, ". 1:1(0) ack 8001");
	events(d, "");
	drill_free(d);
}

static void write_on_writable(struct drill *d, struct tcp_conn *c, enum tcp_event ev)
{
	if (ev == TCP_EV_WRITABLE) {
		uint8_t bytes[10000];
		uint32_t took;

		for (unsigned i = 0; i < sizeof(bytes); i++)
			bytes[i] = drill_pattern(d->written + i);
		took = tcp_write(c, bytes, sizeof(bytes), d->now);
		d->written += took;
	}
}

static void writing_from_inside_of_writable(void **state)
{
	struct drill *d = accepted(small_snd, OPTS_NONE);
	uint32_t acked = 1;

	(void)state;
	d->on_event = write_on_writable;
	assert_int_equal(wr(d, 10000), 8000);
	while (d->written < 100000) {
		assert_true(sent_count(d) > 0);
		while (sent_count(d) > 0) {
			acked += d->seg[d->seg_next].tx.payload_len;
			d->seg_next++;
		}
		forget(d);
		in(d, ". 1:1(0) ack %u", acked);
	}
	forget(d);
	drill_free(d);
}

static void no_pool(struct tcp_config *cfg)
{
	cfg->snd_buf_total = 0;
	cfg->max_conns = 2;
}

static void past_the_pools_each_still_has_a_block(void **state)
{
	struct drill *d = accepted(no_pool, OPTS_NONE);
	struct tcp_conn *first = d->conn;

	(void)state;
	assert_int_equal(wr(d, 10000), 2040);
	assert_true(counters(d)->snd_pool_limited > 0);
	out(d, ". 1:1461(1460) ack 1"); /* and one segment at a time */
	none(d);
	in(d, ". 1:1(0) ack 1461");
	out(d, "P. 1461:2041(580) ack 1");
	in(d, ". 1:1(0) ack 2041");
	events(d, "W");
	d->flow.src_port++;
	in(d, "S 0:0(0)");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, ". 1:1(0) ack 1");
	d->written = 0;
	assert_int_equal(wr(d, 10), 10);
	out(d, "P. 1:11(10) ack 1");
	(void)first;
	drill_free(d);
}

static void gathered_of(void (*tweak)(struct tcp_config *cfg))
{
	struct drill *d = accepted(tweak, OPTS_NONE);
	uint32_t acked = 1;

	assert_int_equal(wr(d, 60000), 60000);
	while (acked < 60001) {
		const struct drill_seg *g = &d->seg[d->seg_next];

		assert_true(sent_count(d) > 0);
		acked += g->tx.payload_len;
		if (acked < 60001)
			out(d, ". %u:%u(%u) ack 1", acked - g->tx.payload_len, acked,
				g->tx.payload_len);
		else
			out(d, "P. %u:%u(%u) ack 1", acked - g->tx.payload_len, acked,
				g->tx.payload_len);
		in(d, ". 1:1(0) ack %u", acked);
	}
	none(d);
	drill_free(d);
}

static void least_blocks(struct tcp_config *cfg)
{
	cfg->snd_block = 64;
}

static void largest_blocks(struct tcp_config *cfg)
{
	cfg->snd_block = 65528;
}

static void data_that_spans_blocks_is_gathered(void **state)
{
	(void)state;
	gathered_of(NULL);
	gathered_of(least_blocks);
	gathered_of(largest_blocks);
}

static void blocks_of_no_size_are_refused(void **state)
{
	static const uint32_t sizes[] = {0, 8, 56, 2044, 65536, UINT32_MAX};
	const struct tcp_ops none = {NULL, NULL, NULL, NULL, NULL, NULL};
	struct tcp_config cfg;

	(void)state;
	tcp_config_defaults(&cfg);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		cfg.snd_block = sizes[i];
		assert_null(tcp_stack_new(&cfg, &none, NULL));
	}
}

static void a_lost_output_is_repaired_by_the_timer(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	d->drop_output = true;
	wr(d, 10);
	none(d);
	d->drop_output = false;
	pass(d, MS(300));
	out(d, "P. 1:11(10) ack 1");
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(writes_of_one_round_share_a_segment),
	cmocka_unit_test(a_full_segment_does_not_wait_for_the_round_to_end),
	cmocka_unit_test(timestamps_take_twelve_bytes),
	cmocka_unit_test(sack_blocks_take_room_from_data),
	cmocka_unit_test(a_closed_window_is_probed_with_backoff_and_without_end),
	cmocka_unit_test(a_probe_may_be_taken),
	cmocka_unit_test(a_withdrawn_probe_may_still_be_acknowledged),
	cmocka_unit_test(unanswered_probes_end_it),
	cmocka_unit_test(once_closed_a_window_that_stays_shut_is_not_probed_for_ever),
	cmocka_unit_test(a_window_that_closes_over_data_opens_to_it),
	cmocka_unit_test(acks_at_a_closed_window_stay_within_it),
	cmocka_unit_test(silly_windows_are_not_filled),
	cmocka_unit_test(a_peer_that_never_had_a_large_window_is_served),
	cmocka_unit_test(an_old_segment_does_not_bring_back_an_old_window),
	cmocka_unit_test(an_old_number_with_a_new_ack_brings_its_window),
	cmocka_unit_test(a_short_write_is_followed_by_writable),
	cmocka_unit_test(writing_from_inside_of_writable),
	cmocka_unit_test(past_the_pools_each_still_has_a_block),
	cmocka_unit_test(data_that_spans_blocks_is_gathered),
	cmocka_unit_test(blocks_of_no_size_are_refused),
	cmocka_unit_test(a_lost_output_is_repaired_by_the_timer),
};

DRILL_MAIN(tests)
