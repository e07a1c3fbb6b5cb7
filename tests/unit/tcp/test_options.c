/* What the options of a SYN agree on (RFC 9293 sections 3.1, 3.2 and 3.7.1, RFC 7323). */
#include "drill.h"

static void all_options_are_agreed(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	in(d, "S 0:0(0) win 65535 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>");
	out(d, "S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS val 0 ecr 100,wscale 2>");
	in(d, ". 1:1(0) ack 1 win 512 <TS val 101 ecr 0>");
	events(d, "A");
	none(d);
	drill_free(d);
}

static void no_option_is_forced_on_the_peer(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	in(d, "S 0:0(0) win 5840");
	out(d, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	in(d, ". 1:1(0) ack 1 win 5840");
	events(d, "A");
	drill_free(d);
}

static void options_one_by_one(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	in(d, "S 0:0(0) <sackOK>");
	out(d, "S. 0:0(0) ack 1 <mss 1460,sackOK>");
	d->flow.src_port++;
	in(d, "S 0:0(0) <wscale 3>");
	out(d, "S. 0:0(0) ack 1 <mss 1460,wscale 2>");
	d->flow.src_port++;
	in(d, "S 0:0(0) <TS val 5 ecr 0>");
	out(d, "S. 0:0(0) ack 1 <mss 1460,TS val 0 ecr 5>");
	d->flow.src_port++;
	in(d, "S 0:0(0) <sackOK,wscale 3>");
	out(d, "S. 0:0(0) ack 1 <mss 1460,sackOK,wscale 2>");
	drill_free(d);
}

static void unknown_options_are_skipped(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	in(d, "S 0:0(0) <raw 254 6 1 2 3 4,mss 1000,raw 253 2,sackOK>");
	out(d, "S. 0:0(0) ack 1 <mss 1460,sackOK>");
	drill_free(d);
}

static void an_illegal_option_length_ends_the_options(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	in(d, "S 0:0(0) <sackOK,raw 77 0,wscale 4>");
	out(d, "S. 0:0(0) ack 1 <mss 1460,sackOK>");
	d->flow.src_port++;
	in(d, "S 0:0(0) <sackOK,raw 77 1,wscale 4>");
	out(d, "S. 0:0(0) ack 1 <mss 1460,sackOK>");
	d->flow.src_port++;
	in(d, "S 0:0(0) <sackOK,raw 77 200>");
	out(d, "S. 0:0(0) ack 1 <mss 1460,sackOK>");
	d->flow.src_port++;
	in(d, "S 0:0(0) <sackOK,nop,raw 2>");
	out(d, "S. 0:0(0) ack 1 <mss 1460,sackOK>");
	drill_free(d);
}

static void options_of_a_wrong_length_do_not_count(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	in(d, "S 0:0(0) <raw 8 6 1 1 1 1,raw 4 3 0,raw 3 4 1 1>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	drill_free(d);
}

static void a_window_scale_above_14_is_taken_as_14(void **state)
{
	struct drill *d = drill_new(NULL);
	struct tcp_info info;

	(void)state;
	in(d, "S 0:0(0) <mss 1460,wscale 77>");
	out(d, "S. 0:0(0) ack 1 <mss 1460,wscale 2>");
	in(d, ". 1:1(0) ack 1 win 1");
	/* 1 << 14 lets ten segments of 1460 out, 1 << 77 or 1 << 0 would not. */
	assert_int_equal(wr(d, 14600), 14600);
	for (unsigned i = 0; i < 10; i++)
		assert_true(sent_count(d) == 10);
	tcp_info(d->conn, &info);
	assert_true(info.wscale);
	forget(d);
	drill_free(d);
}

static void without_mss_the_peer_takes_536(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	in(d, "S 0:0(0)");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, ". 1:1(0) ack 1");
	wr(d, 600);
	out(d, ". 1:537(536) ack 1");
	out(d, "P. 537:601(64) ack 1");
	drill_free(d);
}

static void without_mss_an_ipv6_peer_takes_1220(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	assert_int_equal(ip_addr_parse(&d->flow.src, "2001:db8::1"), 0);
	assert_int_equal(ip_addr_parse(&d->flow.dst, "2001:db8::2"), 0);
	in(d, "S 0:0(0)");
	out(d, "S. 0:0(0) ack 1 <mss 1440>");
	in(d, ". 1:1(0) ack 1");
	wr(d, 1230);
	out(d, ". 1:1221(1220) ack 1");
	out(d, "P. 1221:1231(10) ack 1");
	drill_free(d);
}

static void options_need_no_word_boundary(void **state)
{
	struct drill *d = drill_new(NULL);
	struct tcp_info info;

	(void)state;
	in(d, "S 0:0(0) <nop,mss 1400,wscale 7,nop,nop,nop,sackOK,TS val 5 ecr 0>");
	out(d, "S. 0:0(0) ack 1 <mss 1460,sackOK,wscale 2>");
	in(d, ". 1:1(0) ack 1 <nop,TS val 6 ecr 0>");
	events(d, "A");
	tcp_info(d->conn, &info);
	assert_int_equal(info.mss, 1388);
	assert_true(info.sack && info.timestamps && info.wscale);
	drill_free(d);
}

static void a_tiny_mss_is_taken_as_64(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	in(d, "S 0:0(0) <mss 1>");
	out(d, "S. 0:0(0) ack 1 <mss 1460>");
	in(d, ". 1:1(0) ack 1");
	wr(d, 65);
	out(d, ". 1:65(64) ack 1");
	out(d, "P. 65:66(1) ack 1");
	drill_free(d);
}

static void the_mss_follows_the_mtu_and_the_family(void **state)
{
	struct drill *d = drill_new(NULL);

	(void)state;
	d->mtu = 9000;
	in(d, "S 0:0(0)");
	out(d, "S. 0:0(0) ack 1 <mss 8960>");
	assert_int_equal(ip_addr_parse(&d->flow.src, "2001:db8::1"), 0);
	assert_int_equal(ip_addr_parse(&d->flow.dst, "2001:db8::2"), 0);
	in(d, "S 0:0(0)");
	out(d, "S. 0:0(0) ack 1 <mss 8940>");
	drill_free(d);
}

/* RFC 7323 section 2.2 */
static void a_window_scale_outside_of_a_syn_is_ignored(void **state)
{
	struct drill *d = accepted(NULL, OPTS_NONE);

	(void)state;
	in(d, ". 1:1(0) ack 1 win 1460 <wscale 7>");
	wr(d, 5000);
	out(d, ". 1:1461(1460) ack 1");
	none(d);
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(all_options_are_agreed),
	cmocka_unit_test(no_option_is_forced_on_the_peer),
	cmocka_unit_test(options_one_by_one),
	cmocka_unit_test(unknown_options_are_skipped),
	cmocka_unit_test(an_illegal_option_length_ends_the_options),
	cmocka_unit_test(options_of_a_wrong_length_do_not_count),
	cmocka_unit_test(a_window_scale_above_14_is_taken_as_14),
	cmocka_unit_test(without_mss_the_peer_takes_536),
	cmocka_unit_test(without_mss_an_ipv6_peer_takes_1220),
	cmocka_unit_test(options_need_no_word_boundary),
	cmocka_unit_test(a_tiny_mss_is_taken_as_64),
	cmocka_unit_test(the_mss_follows_the_mtu_and_the_family),
	cmocka_unit_test(a_window_scale_outside_of_a_syn_is_ignored),
};

DRILL_MAIN(tests)
