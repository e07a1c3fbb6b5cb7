/* Bytes that come twice, and otherwise: the first copy of a byte wins. */
#include "drill.h"

#include <string.h>

static void expect_bytes(struct drill *d, const char *want)
{
	struct tcp_span v[8];
	char got[64];
	uint32_t n = 0;
	unsigned spans = tcp_peek(d->conn, v, 8);

	for (unsigned i = 0; i < spans; i++) {
		assert_true(n + v[i].len < sizeof(got));
		memcpy(got + n, v[i].data, v[i].len);
		n += v[i].len;
	}
	got[n] = '\0';
	assert_string_equal(got, want);
	assert_int_equal(tcp_unread(d->conn), n);
}

static void fill(struct drill *d, char c, const char *text)
{
	d->fill = (uint8_t)c;
	in(d, "%s", text);
	forget(d);
}

static void bytes_in_order_are_not_rewritten(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	d->hold = true;
	fill(d, 'a', "P. 1:5(4) ack 1");
	fill(d, 'b', "P. 1:5(4) ack 1");
	fill(d, 'c', "P. 3:8(5) ack 1");
	fill(d, 'd', "P. 2:9(7) ack 1");
	expect_bytes(d, "aaaacccd");
	drill_free(d);
}

static void queued_bytes_are_not_rewritten(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	d->hold = true;
	fill(d, 'a', "P. 3:5(2) ack 1");
	fill(d, 'b', "P. 4:8(4) ack 1"); /* overlaps the end of a */
	fill(d, 'c', "P. 2:4(2) ack 1"); /* the beginning of a */
	fill(d, 'd', "P. 10:12(2) ack 1");
	fill(d, 'e', "P. 3:14(11) ack 1"); /* over all, into two gaps */
	fill(d, 'f', "P. 1:14(13) ack 1");
	expect_bytes(d, "fcaabbbeeddee");
	drill_free(d);
}

static void a_segment_in_order_fills_around_what_is_queued(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	d->hold = true;
	fill(d, 'x', "P. 3:4(1) ack 1");
	fill(d, 'y', "P. 6:7(1) ack 1");
	fill(d, 'z', "P. 1:9(8) ack 1");
	expect_bytes(d, "zzxzzyzz");
	drill_free(d);
}

static void without_a_buffer_for_copies_overlap_costs_a_retransmission(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	d->hold = true;
	d->no_buffers = true;
	fill(d, 'x', "P. 3:4(1) ack 1");
	d->fill = 'y';
	in(d, "P. 1:6(5) ack 1");
	out(d, ". 1:1(0) ack 4"); /* its second part found no buffer */
	in(d, "P. 1:6(5) ack 1");
	out(d, ". 1:1(0) ack 6");
	expect_bytes(d, "yyxyy");
	drill_free(d);
}

static void an_inner_duplicate_of_queued_data_is_dropped(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	d->hold = true;
	fill(d, 'a', "P. 3:9(6) ack 1");
	fill(d, 'b', "P. 4:6(2) ack 1");
	fill(d, 'b', "P. 3:9(6) ack 1");
	fill(d, 'c', "P. 1:3(2) ack 1");
	expect_bytes(d, "ccaaaaaa");
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(bytes_in_order_are_not_rewritten),
	cmocka_unit_test(queued_bytes_are_not_rewritten),
	cmocka_unit_test(a_segment_in_order_fills_around_what_is_queued),
	cmocka_unit_test(without_a_buffer_for_copies_overlap_costs_a_retransmission),
	cmocka_unit_test(an_inner_duplicate_of_queued_data_is_dropped),
};

DRILL_MAIN(tests)
