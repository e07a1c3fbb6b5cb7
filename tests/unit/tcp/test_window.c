/* The window we announce (RFC 9293 section 3.8.6). */
#include "drill.h"

static void bytes_beyond_the_window_are_cut_off(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);
	struct tcp_info info;

	(void)state;
	d->hold = true;
	d->buf_size = 512;
	for (int i = 0; i < 65; i++) {
		in(d, "P. %d:%d(1000) ack 1", 1 + i * 1000, 1001 + i * 1000);
	}
	tcp_info(d->conn, &info);
	forget(d);
	/* 65,535 were announced first and more since; take exactly what is. */
	assert_true(info.rcv_wnd > 1500);
	in(d, "P. 65001:66501(1500) ack 1");
	forget(d);
	in(d, "P. %u:%u(10) ack 1", 66501 + info.rcv_wnd, 66511 + info.rcv_wnd);
	out(d, ". 1:1(0) ack 66501");
	assert_int_equal(d->verdict, TCP_REJECT_WINDOW);
	drill_free(d);
}

static void of_a_segment_across_the_edge_only_what_fits_is_taken(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	put(d, "P. 65001:66461(1460) ack 1"); /* the edge is at 65,536 */
	forget(d);
	for (uint32_t i = 0; i < 65000; i += 1000)
		put(d, ". %u:%u(1000) ack 1", 1 + i, 1001 + i);
	flush(d);
	assert_int_equal(d->read, 65535);
	forget(d);
	drill_free(d);
}

static void small_buffer(struct tcp_config *cfg)
{
	cfg->rcv_buf = 20000; /* window 10,000 */
}

static void the_window_closes_and_opens_by_segments(void **state)
{
	struct drill *d = accepted(small_buffer, OPTS_NONE);

	(void)state;
	d->hold = true;
	d->buf_size = 1460;
	/* Half of what is free: the edge moves on by half of what comes, in whole segments. */
	for (unsigned i = 0; i < 10; i += 2) {
		in(d, ". %u:%u(1460) ack 1", 1 + i * 1460, 1461 + i * 1460);
		none(d);
		in(d, ". %u:%u(1460) ack 1", 1461 + i * 1460, 2921 + i * 1460);
		out(d, ". 1:1(0) ack %u win %u", 2921 + i * 1460, 8540 - i / 2 * 1460);
	}
	in(d, ". 14601:16061(1460) ack 1");
	in(d, "P. 16061:17301(1240) ack 1");
	pass(d, MS(40));
	out(d, ". 1:1(0) ack 17301 win 0"); /* 1,240 more are free: no segment's worth */
	rd(d, 700);
	none(d); /* its buffer is still held */
	rd(d, 760);
	out(d, ". 1:1(0) ack 17301 win 1970");
	rd(d, 2920);
	out(d, ". 1:1(0) ack 17301 win 3430");
	rd(d, 12920);
	forget(d);
	drill_free(d);
}

static void fill_window(struct drill *d)
{
	struct tcp_info info;
	uint32_t seq = 1;

	d->hold = true;
	for (;;) {
		uint32_t n;

		tcp_info(d->conn, &info);
		if (info.rcv_wnd == 0)
			break;
		n = info.rcv_wnd < 1460 ? info.rcv_wnd : 1460;
		in(d, "P. %u:%u(%u) ack 1", seq, seq + n, n);
		pass(d, MS(40));
		seq += n;
		assert_true(seq < 100000);
	}
	forget(d);
	events(d, "R");
}

static void a_closed_window_is_probed_and_opens(void **state)
{
	struct drill *d = accepted(small_buffer, OPTS_NONE);
	struct tcp_info info;
	uint32_t seq;

	(void)state;
	d->buf_size = 2000;
	fill_window(d);
	tcp_info(d->conn, &info);
	seq = info.unread + 1;
	for (unsigned i = 0; i < 2; i++) {
		in(d, ". %u:%u(1) ack 1", seq, seq + 1);
		out(d, ". 1:1(0) ack %u win 0", seq);
	}
	in(d, ". %u:%u(0) ack 1", seq - 1, seq - 1); /* Linux probes so */
	out(d, ". 1:1(0) ack %u win 0", seq);
	rd(d, info.unread);
	out(d, ". 1:1(0) ack %u win 10000", seq);
	drill_free(d);
}

static void at_a_closed_window_acks_and_resets_still_count(void **state)
{
	struct drill *d = accepted(small_buffer, OPTS_NONE);
	struct tcp_info info;

	(void)state;
	d->buf_size = 2000;
	fill_window(d);
	tcp_info(d->conn, &info);
	wr(d, 10);
	forget(d);
	/* Data that finds no room, but its acknowledgement does. */
	in(d, "P. %u:%u(5) ack 11", info.unread + 1, info.unread + 6);
	out(d, ". 11:11(0) ack %u win 0", info.unread + 1);
	pass(d, SEC(2));
	none(d);
	in(d, "R %u:%u(0)", info.unread + 1, info.unread + 1);
	events(d, "C");
	drill_free(d);
}

static void a_bare_fin_needs_no_window(void **state)
{
	struct drill *d = accepted(small_buffer, OPTS_NONE);
	struct tcp_info info;

	(void)state;
	d->buf_size = 2000;
	fill_window(d);
	tcp_info(d->conn, &info);
	in(d, "F. %u:%u(0) ack 1", info.unread + 1, info.unread + 1);
	out(d, ". 1:1(0) ack %u win 0", info.unread + 2);
	events(d, "F");
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(bytes_beyond_the_window_are_cut_off),
	cmocka_unit_test(of_a_segment_across_the_edge_only_what_fits_is_taken),
	cmocka_unit_test(the_window_closes_and_opens_by_segments),
	cmocka_unit_test(a_closed_window_is_probed_and_opens),
	cmocka_unit_test(at_a_closed_window_acks_and_resets_still_count),
	cmocka_unit_test(a_bare_fin_needs_no_window),
};

DRILL_MAIN(tests)
