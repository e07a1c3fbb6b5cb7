/* The memory that received bytes hold: by true size, per connection and in total. */
#include "dataplane/tcp/rcv.h"
#include "drill.h"

static void a_dribbler_does_not_hold_a_buffer_a_byte(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);
	struct tcp_info info;

	(void)state;
	d->hold = true;
	for (int i = 1; i <= 5000; i++) {
		put(d, "P. %d:%d(1) ack 1", i, i + 1);
	}
	flush(d);
	forget(d);
	tcp_info(d->conn, &info);
	assert_int_equal(info.unread, 5000);
	assert_int_equal(d->bufs_out, 1 + 3); /* the first as it came, then 2,048 to a buffer */
	assert_int_equal(info.rcv_held, 4 * 2304);
	rd(d, 5000);
	assert_int_equal(d->bufs_out, 0);
	drill_free(d);
}

static void out_of_order_bytes_are_copied_together_too(void **state)
{
	struct drill *d = accepted(NULL, OPTS_SACK);

	(void)state;
	for (int i = 2; i <= 1001; i++) {
		put(d, "P. %d:%d(1) ack 1", i, i + 1);
	}
	assert_int_equal(d->bufs_out, 1);
	in(d, "P. 1:2(1) ack 1");
	assert_int_equal(d->read, 1001);
	forget(d);
	drill_free(d);
}

static void bytes_in_any_order_are_copied_together(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);
	struct tcp_info info;

	(void)state;
	d->hold = true;
	for (uint32_t i = 3; i <= 99; i += 2) /* every other byte, then those between */
		put(d, "P. %u:%u(1) ack 1", i, i + 1);
	for (uint32_t i = 2; i <= 98; i += 2)
		put(d, "P. %u:%u(1) ack 1", i, i + 1);
	assert_int_equal(d->bufs_out, 1);
	put(d, "P. 1:2(1) ack 1");
	forget(d);
	tcp_info(d->conn, &info);
	assert_int_equal(info.unread, 99);
	assert_int_equal(info.rcv_held, 2 * 2304);
	rd(d, 99);
	forget(d);
	drill_free(d);
}

static void full_segments_are_not_copied(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	d->hold = true;
	put(d, ". 1:1461(1460) ack 1");
	put(d, ". 1461:2921(1460) ack 1");
	flush(d);
	forget(d);
	assert_int_equal(counters(d)->coalesced, 0);
	assert_int_equal(d->bufs_out, 2);
	drill_free(d);
}

static void without_buffers_to_copy_to_the_true_size_is_the_bound(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);
	struct tcp_info info;

	(void)state;
	d->hold = true;
	d->no_buffers = true;
	for (int i = 1; i <= 1000; i++) {
		in(d, "P. %d:%d(1) ack 1", i, i + 1);
	}
	tcp_info(d->conn, &info);
	assert_true(info.rcv_held <= 256 << 10);
	assert_int_equal(info.unread, (256 << 10) / 2304);
	assert_true(counters(d)->pressure_drops > 0);
	forget(d);
	rd(d, info.unread); /* what was acknowledged is there */
	forget(d);
	drill_free(d);
}

static void out_of_order_data_leaves_room_for_what_is_missing(void **state)
{
	struct drill *d = accepted(NULL, OPTS_SACK);
	struct tcp_info info;

	(void)state;
	d->hold = true;
	d->no_buffers = true;
	for (int i = 0; i < 1000; i++) {
		int seq = 3 + 2 * i; /* every other byte: each holds the buffer it came in */

		in(d, "P. %d:%d(1) ack 1", seq, seq + 1);
	}
	tcp_info(d->conn, &info);
	assert_true(info.rcv_held <= 256 << 10);
	assert_true(counters(d)->ooo_dropped > 0);
	forget(d);
	d->no_buffers = false;
	in(d, "P. 1:1461(1460) ack 1");
	forget(d);
	assert_true(tcp_unread(d->conn) >= 1460);
	drill_free(d);
}

/* Bytes `from` to `upto` in segments of `size`; where `step` is 2, each second of them only. */
static void segments(struct drill *d, uint32_t from, uint32_t upto, uint32_t size, uint32_t step)
{
	for (uint32_t at = from; at < upto; at += step * size) {
		uint32_t n = upto - at < size ? upto - at : size;

		put(d, ". %u:%u(%u) ack 1", at, at + n, n);
		if (sent_count(d) > DRILL_SEGS / 2)
			forget(d);
	}
}

static void all_of_it_is_there(struct drill *d, uint32_t bytes, uint32_t size)
{
	struct tcp_info info = info_of(d);

	if (counters(d)->ooo_dropped || counters(d)->ooo_pruned || info.unread != bytes)
		fail_msg("segments of %u: %u of %u bytes, %llu dropped, held %u", size, info.unread,
			bytes, (unsigned long long)counters(d)->ooo_dropped, info.rcv_held);
	forget(d);
	rd(d, bytes);
	forget(d);
	assert_int_equal(d->bufs_out, 0);
}

static const uint32_t sizes[] = {64, 100, 200, 530, 536, 700, 1000, 1025, 1100, 1152, 1153, 1200,
	1300, 1316, 1400, 1439, 1440, 1441, 1448, 1460};

static void a_whole_window_is_held_whose_first_segment_is_missing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct drill *d = accepted(NULL, OPTS_SACK);
		uint32_t edge = 1 + info_of(d).rcv_wnd;

		d->hold = true;
		segments(d, 1 + sizes[i], edge, sizes[i], 1);
		segments(d, 1, 1 + sizes[i], sizes[i], 1);
		all_of_it_is_there(d, edge - 1, sizes[i]);
		drill_free(d);
	}
}

/* As where the two halves of a stream come by two queues, and one of them is slow. */
static void a_whole_window_is_held_whose_every_other_segment_comes_later(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct drill *d = accepted(NULL, OPTS_SACK);
		uint32_t edge = 1 + info_of(d).rcv_wnd;

		d->hold = true;
		segments(d, 1 + sizes[i], edge, sizes[i], 2);
		segments(d, 1, edge, sizes[i], 2);
		all_of_it_is_there(d, edge - 1, sizes[i]);
		drill_free(d);
	}
}

static void what_is_unread_takes_no_room_from_the_rest_of_the_window(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct drill *d = accepted(NULL, OPTS_SACK);
		uint32_t edge = 1 + info_of(d).rcv_wnd;
		uint32_t half = 1 + edge / 2 / sizes[i] * sizes[i];

		d->hold = true;
		segments(d, 1, half, sizes[i], 1);
		segments(d, half + sizes[i], edge, sizes[i], 2);
		segments(d, half, edge, sizes[i], 2);
		all_of_it_is_there(d, edge - 1, sizes[i]);
		drill_free(d);
	}
}

static void tight(struct tcp_config *cfg)
{
	cfg->rcv_buf_total = 64 << 10;
	cfg->rcv_buf = 64 << 10;
}

static void under_total_pressure_out_of_order_data_goes_first(void **state)
{
	struct drill *d = accepted(tight, OPTS_SACK);
	struct tcp_conn *first = d->conn;
	struct tcp_info info;

	(void)state;
	d->hold = true;
	for (int i = 1; i < 20; i++) {
		in(d, ". %d:%d(1460) ack 1", 1 + 1460 * i, 1461 + 1460 * i);
	}
	tcp_info(first, &info);
	assert_int_equal(info.rcv_held, 19 * 2304);
	d->flow.src_port++;
	d->our_isn = 0;
	in(d, "S 0:0(0) <mss 1460>");
	d->seg_next = d->seg_count - 1;
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, ". 1:1(0) ack 1");
	for (int i = 0; i < 8; i++) {
		in(d, ". %d:%d(1460) ack 1", 1 + 1460 * i, 1461 + 1460 * i);
	}
	tcp_info(first, &info);
	assert_int_equal(info.rcv_held, 0);
	assert_int_equal(counters(d)->ooo_pruned, 1);
	assert_int_equal(tcp_unread(d->conn), 8 * 1460);
	assert_true(counters(d)->rcv_bytes_held <= 64 << 10);
	forget(d);
	drill_free(d);
}

static void under_total_pressure_windows_stop_opening_and_open_again(void **state)
{
	struct drill *d = accepted(tight, OPTS_NONE);
	struct tcp_conn *hog = d->conn;
	int i;

	(void)state;
	d->hold = true;
	for (i = 0; i < 25; i++) { /* 25 * 2304 is 7/8 of all */
		in(d, ". %d:%d(1300) ack 1", 1 + 1300 * i, 1301 + 1300 * i);
	}
	forget(d);
	d->flow.src_port++;
	in(d, "S 0:0(0) <mss 1460>");
	out(d, "S. 0:0(0) ack 1 win 4096 <mss 1460>"); /* all that newcomers get now */
	in(d, ". 1:1(0) ack 1");
	in(d, ". 1:1461(1460) ack 1");
	in(d, ". 1461:2921(1460) ack 1");
	out(d, ". 1:1(0) ack 2921 win 1176");
	none(d);
	tcp_consume(hog, 25 * 1300, d->now);
	forget(d);
	flush(d);
	/* Those who were held short hear of it, unasked. */
	assert_int_equal(sent_count(d), 2);
	forget(d);
	drill_free(d);
}

static void at_the_total_bound_data_is_dropped_but_never_what_was_acknowledged(void **state)
{
	struct drill *d = accepted(tight, OPTS_NONE);
	uint32_t had;

	(void)state;
	d->hold = true;
	d->buf_size = 9000; /* a jumbo buffer for each */
	for (int i = 0; i < 20; i++) {
		d->no_buffers = true;
		in(d, ". %d:%d(1460) ack 1", 1 + 1460 * i, 1461 + 1460 * i);
		assert_true(counters(d)->rcv_bytes_held <= 64 << 10);
	}
	had = tcp_unread(d->conn);
	assert_int_equal(had, 7 * 1460);
	assert_true(counters(d)->pressure_drops > 0);
	forget(d);
	rd(d, had);
	forget(d);
	drill_free(d);
}

static void less_than_one_buffer(struct tcp_config *cfg)
{
	cfg->rcv_buf = 20000;
}

static void a_single_buffer_above_the_bound_is_taken_when_nothing_is_held(void **state)
{
	struct drill *d = accepted(less_than_one_buffer, OPTS_NONE);

	(void)state;
	d->buf_size = 30000;
	in(d, "P. 1:1001(1000) ack 1");
	assert_int_equal(d->read, 1000);
	pass(d, MS(40));
	forget(d);
	drill_free(d);
}

static void plenty_for_one(struct tcp_config *cfg)
{
	cfg->rcv_buf = 8 << 20;
}

/* Each segment out of order may walk along them: memory alone would allow tens of thousands. */
static void runs_out_of_order_are_a_thousand_at_most(void **state)
{
	struct drill *d = accepted(plenty_for_one, OPTS_SACK);

	(void)state;
	for (uint32_t i = 0; i < 1100; i++)
		put(d, "P. %u:%u(1) ack 1", 3 + 2 * i, 4 + 2 * i);
	flush(d);
	forget(d);
	assert_int_equal(counters(d)->ooo_queued, 1024);
	assert_int_equal(counters(d)->ooo_dropped, 1100 - 1024);
	/* What closes a gap is taken all the same, and makes room. */
	in(d, "P. 1:3(2) ack 1");
	assert_int_equal(d->read, 3);
	in(d, "P. 3001:3002(1) ack 1");
	assert_int_equal(counters(d)->ooo_queued, 1025);
	forget(d);
	drill_free(d);
}

/* A way of 100 MB/s and 20 ms has more segments under way than that. */
static void a_large_window_of_full_segments_is_held(void **state)
{
	struct drill *d = accepted(plenty_for_one, OPTS_SACK);
	uint32_t bytes = 2000 * 1460;

	(void)state;
	d->buf_size = 2048;
	d->hold = true;
	segments(d, 1461, bytes + 1, 1460, 1);
	flush(d);
	assert_int_equal(counters(d)->ooo_queued, 1999);
	in(d, ". 1:1461(1460) ack 1");
	all_of_it_is_there(d, bytes, 1460);
	drill_free(d);
}

/* What is copied has a bound of its own; a piece may go on in a second pack, and be two runs. */
static void a_large_window_whose_every_third_segment_is_short_is_held(void **state)
{
	struct drill *d = accepted(plenty_for_one, OPTS_SACK);
	const uint32_t each = 2 * 1460 + 700, n = 700;

	(void)state;
	d->buf_size = 2048;
	d->hold = true;
	for (uint32_t at = 1461; at < 1461 + n * each; at += each) {
		segments(d, at, at + 2920, 1460, 1);
		segments(d, at + 2920, at + each, 700, 1);
	}
	flush(d);
	assert_int_equal(counters(d)->out_of_window, 0);
	assert_int_equal(counters(d)->ooo_queued, 3 * n);
	in(d, ". 1:1461(1460) ack 1");
	all_of_it_is_there(d, 1460 + n * each, 1460);
	drill_free(d);
}

/* From where the list is begun with, for this number; and it is the right place. */
static unsigned steps_to(const struct drill *d, uint32_t seq)
{
	struct tcp_chunk *at = tcp_ooo_before(d->conn, seq), *k = at ? at : d->conn->ooo->head;
	unsigned steps = 0;

	assert_true(!at || seq_leq(tcp_chunk_end(at), seq));
	for (; k && seq_leq(tcp_chunk_end(k), seq); k = k->next)
		steps++;
	return steps;
}

/*
 * Who fills a window and repeats bytes here and there has the list walked for each: a slice of it,
 * or two, is walked, wherever that is, also when runs have come in any order and some have gone.
 */
static void a_long_list_is_not_walked_from_its_head(void **state)
{
	struct drill *d = accepted(plenty_for_one, OPTS_SACK);
	uint32_t first, most = 2U * (8 << 20) / (TCP_OOO_SLICES / 2) / 1461 + 2;
	const uint32_t n = 1900;

	(void)state;
	d->buf_size = 2048;
	d->hold = true;
	/* A byte is missing before each; 7 and their number have no common divisor. */
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = 2 + i * 7 % n * 1461;

		segments(d, at, at + 1460, 1460, 1);
	}
	flush(d);
	forget(d);
	assert_int_equal(d->conn->ooo->full, n);
	first = d->conn->ooo->head->seq;
	for (unsigned round = 0; round < 2; round++) {
		for (const struct tcp_chunk *k = d->conn->ooo->head; k; k = k->next) {
			assert_true(steps_to(d, k->seq) <= most);
			assert_true(steps_to(d, tcp_chunk_end(k)) <= most + 1);
		}
		/* The first half comes into order. */
		for (uint32_t i = 0; round == 0 && i < n / 2; i++) {
			uint32_t at = 1 + i * 1461;

			put(d, ". %u:%u(1) ack 1", at, at + 1);
			if (i % 32 == 31) {
				flush(d);
				forget(d);
			}
		}
		flush(d);
		forget(d);
		assert_int_equal(d->conn->ooo->full, n - n / 2);
	}
	assert_int_equal(d->conn->ooo->head->seq - first, n / 2 * 1461);
	assert_int_equal(d->conn->ooo->small, 0);
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_dribbler_does_not_hold_a_buffer_a_byte),
	cmocka_unit_test(out_of_order_bytes_are_copied_together_too),
	cmocka_unit_test(bytes_in_any_order_are_copied_together),
	cmocka_unit_test(full_segments_are_not_copied),
	cmocka_unit_test(without_buffers_to_copy_to_the_true_size_is_the_bound),
	cmocka_unit_test(out_of_order_data_leaves_room_for_what_is_missing),
	cmocka_unit_test(a_whole_window_is_held_whose_first_segment_is_missing),
	cmocka_unit_test(a_whole_window_is_held_whose_every_other_segment_comes_later),
	cmocka_unit_test(what_is_unread_takes_no_room_from_the_rest_of_the_window),
	cmocka_unit_test(under_total_pressure_out_of_order_data_goes_first),
	cmocka_unit_test(under_total_pressure_windows_stop_opening_and_open_again),
	cmocka_unit_test(at_the_total_bound_data_is_dropped_but_never_what_was_acknowledged),
	cmocka_unit_test(a_single_buffer_above_the_bound_is_taken_when_nothing_is_held),
	cmocka_unit_test(runs_out_of_order_are_a_thousand_at_most),
	cmocka_unit_test(a_large_window_of_full_segments_is_held),
	cmocka_unit_test(a_large_window_whose_every_third_segment_is_short_is_held),
	cmocka_unit_test(a_long_list_is_not_walked_from_its_head),
};

DRILL_MAIN(tests)
