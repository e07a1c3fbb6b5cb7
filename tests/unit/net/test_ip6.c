/* The IPv6 header and its extension headers (RFC 8200). */
#include "tests/unit/net/craft.h"
#include "tests/unit/net/lab.h"
#include "tests/unit/net/linux.h"

static struct craft c;

#define PADN6 "010400000000" /* six bytes of options that say nothing */

static void begin(const char *dst, uint8_t next)
{
	craft_eth(&c, NULL, 0x86dd);
	craft_ip6(&c, PEER6, dst, next);
}

static void end_with_udp(void)
{
	craft_udp(&c, 40000, 514);
	craft_bytes(&c, "<13>x", 5);
	craft_seal(&c);
}

static void udp6(const char *src, const char *dst)
{
	craft_eth(&c, NULL, 0x86dd);
	craft_ip6(&c, src, dst, 17);
	end_with_udp();
}

/* The packet must be rejected, and answered by a parameter problem that points at `pointer`. */
static void problem(struct lab *lab, uint8_t code, uint32_t pointer)
{
	const struct lab_bytes *f;
	uint8_t field[4] = {0, 0, (uint8_t)(pointer >> 8), (uint8_t)pointer};

	assert_false(lab_feed(lab, c.b, c.len));
	assert_int_equal(lab->pkt.verdict, NET_CONTROL);
	assert_int_equal(lab->res.reason, WIRE_unsupported);
	f = lab_next(lab);
	assert_int_equal(f->b[20], 58);
	assert_int_equal(f->b[54], 4);
	assert_int_equal(f->b[55], code);
	assert_memory_equal(f->b + 58, field, 4);
	assert_memory_equal(f->b + 62, c.b + 14, c.len - 14);
	assert_true(craft_l4_good(f->b, f->len));
	lab_expect_silence(lab);
}

static struct lab *lab_with_peer(void)
{
	struct lab *lab = lab_open(NULL);

	lab_know_peer(lab);
	return lab;
}

SPEC(a_datagram_from_linux_is_decoded)
{
	struct lab *lab = lab_open(NULL);

	assert_true(lab_feed_hex(lab, LINUX_UDP6));
	assert_int_equal(lab->pkt.verdict, NET_UDP);
	assert_true(lab_is(&lab->pkt.flow.src, GW6));
	assert_true(lab_is(&lab->pkt.flow.dst, US6));
	assert_int_equal(lab->pkt.flow.src_port, 0xda7d);
	assert_int_equal(lab->pkt.flow.dst_port, 514);
	assert_int_equal(lab->pkt.payload_len, 20);
	assert_memory_equal(lab->pkt.payload, "<13>hello from Linux", 20);
	lab_close(lab);
}

SPEC(what_follows_the_payload_length_is_padding)
{
	struct lab *lab = lab_open(NULL);

	craft_udp6(&c, "<13>x");
	craft_fill(&c, 7, 3);
	assert_true(lab_feed(lab, c.b, c.len));
	assert_int_equal(lab->pkt.payload_len, 5);
	lab_close(lab);
}

SPEC(lengths_that_contradict_each_other_are_a_bad_header)
{
	struct lab *lab = lab_open(NULL);

	craft_udp6(&c, "<13>x");
	c.b[14] = 0x40;
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	craft_udp6(&c, "<13>x");
	c.b[19]++;
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	lab_close(lab);
}

SPEC(only_our_addresses_and_groups_are_for_us)
{
	static const char *const others[] = {"2001:db8::3", "fe80::1", "::", "::1", "ff02::2",
		"ff02::1:ff00:3", "ff05::1", "ff01::1", "ff02::16", "::ffff:192.0.2.2"};
	struct lab *lab = lab_open(NULL);

	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		udp6(PEER6, others[i]);
		lab_refuse(lab, c.b, c.len, WIRE_not_for_us);
	}
	udp6(PEER_LL, US_LL);
	assert_true(lab_feed(lab, c.b, c.len));
	lab_close(lab);
}

SPEC(udp_and_tcp_to_a_group_are_not_for_us)
{
	struct lab *lab = lab_open(NULL);

	udp6(PEER6, "ff02::1");
	lab_refuse(lab, c.b, c.len, WIRE_not_for_us);
	udp6(PEER6, "ff02::1:ff00:2");
	lab_refuse(lab, c.b, c.len, WIRE_not_for_us);
	lab_close(lab);
}

SPEC(a_source_that_no_host_can_have_is_a_bad_header)
{
	/* An IPv4-mapped one would pass for an IPv4 host in every table of ours. */
	static const char *const martians[] = {"::", "::1", "::ffff:192.0.2.99", "::192.0.2.99",
		"ff02::1", "ff0e::1234", US6, US_LL};
	struct lab *lab = lab_open(NULL);

	for (unsigned i = 0; i < sizeof(martians) / sizeof(martians[0]); i++) {
		udp6("2001:db8::99", US6);
		if (strncmp(martians[i], "::ffff:", 7) == 0)
			memcpy(c.b + 22, lab_hex("00000000000000000000ffffc0000263").b, 16);
		else
			memcpy(c.b + 22, lab_ip(martians[i]).b, 16);
		craft_seal_l4(&c);
		lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	}
	lab_close(lab);
}

SPEC(extension_headers_are_stepped_over_to_the_upper_layer)
{
	struct lab *lab = lab_open(NULL);

	begin(US6, 0);
	craft_ext6(&c, "3c00" PADN6); /* hop-by-hop */
	craft_ext6(&c, "2b00" PADN6); /* destination options */
	craft_ext6(&c, "3c00"
		       "0400"
		       "00000000");   /* routing, none left */
	craft_ext6(&c, "1100" PADN6); /* destination options */
	end_with_udp();
	assert_true(lab_feed(lab, c.b, c.len));
	assert_int_equal(lab->pkt.verdict, NET_UDP);
	assert_int_equal(lab->pkt.payload_len, 5);
	lab_close(lab);
}

SPEC(an_atomic_fragment_is_a_whole_packet)
{
	struct lab *lab = lab_open(NULL);

	/* RFC 6946: no table is asked, so that nothing can collide with it. */
	begin(US6, 44);
	craft_frag6(&c, 17, 0xdeadbeef, 0, false);
	end_with_udp();
	assert_true(lab_feed(lab, c.b, c.len));
	assert_int_equal(lab->pkt.verdict, NET_UDP);
	assert_int_equal(lab_count(lab)->fragments, 0);
	lab_close(lab);
}

SPEC(two_fragment_headers_are_a_bad_header)
{
	struct lab *lab = lab_open(NULL);

	begin(US6, 44);
	craft_frag6(&c, 44, 1, 0, false);
	craft_frag6(&c, 17, 2, 0, false);
	end_with_udp();
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	lab_close(lab);
}

SPEC(an_extension_header_cut_off_is_a_bad_header)
{
	static const uint8_t next[] = {0, 60, 43, 44};
	struct lab *lab = lab_with_peer();

	for (unsigned i = 0; i < 4; i++) {
		begin(US6, next[i]);
		craft_hex(&c, "1100"
			      "0104");
		craft_seal(&c);
		lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	}
	begin(US6, 60);
	craft_hex(&c, "1101" PADN6);
	craft_seal(&c);
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	lab_close(lab);
}

SPEC(an_unknown_next_header_is_told_with_the_place_that_named_it)
{
	struct lab *lab = lab_with_peer();

	assert_false(lab_feed_hex(lab, V_NEXT6));
	lab_expect(lab, V_NEXT_UNKNOWN6);
	begin(US6, 60);
	craft_ext6(&c, "3200" PADN6); /* ESP */
	craft_fill(&c, 20, 1);
	craft_seal(&c);
	problem(lab, 1, 40);
	lab_close(lab);
}

SPEC(no_next_header_is_dropped_in_silence)
{
	struct lab *lab = lab_with_peer();

	begin(US6, 59);
	craft_fill(&c, 20, 1);
	craft_seal(&c);
	lab_refuse(lab, c.b, c.len, WIRE_unsupported);
	lab_close(lab);
}

SPEC(hop_by_hop_options_may_come_first_only)
{
	struct lab *lab = lab_with_peer();

	begin(US6, 60);
	craft_ext6(&c, "0000" PADN6);
	craft_ext6(&c, "1100" PADN6);
	end_with_udp();
	problem(lab, 1, 40);
	lab_close(lab);
}

SPEC(a_routing_header_with_segments_left_is_refused)
{
	static const char *const type[] = {"00", "02", "04", "ff"};
	struct lab *lab = lab_with_peer();

	for (unsigned i = 0; i < 4; i++) {
		begin(US6, 43);
		craft_ext6(&c, "1102"
			       "0001"
			       "00000000"
			       "20010db8000000000000000000000003");
		memcpy(c.b + 56, lab_hex(type[i]).b, 1);
		end_with_udp();
		problem(lab, 0, 42);
	}
	lab_close(lab);
}

SPEC(a_routing_header_with_none_left_is_skipped)
{
	struct lab *lab = lab_open(NULL);

	begin(US6, 43);
	craft_ext6(&c, "1102"
		       "0000"
		       "00000000"
		       "20010db8000000000000000000000003");
	end_with_udp();
	assert_true(lab_feed(lab, c.b, c.len));
	lab_close(lab);
}

SPEC(unknown_options_do_what_their_upper_two_bits_say)
{
	struct lab *lab = lab_with_peer();

	begin(US6, 60);
	craft_ext6(&c, "1100"
		       "1e0400000000"); /* 00: skip */
	end_with_udp();
	assert_true(lab_feed(lab, c.b, c.len));

	begin(US6, 60);
	craft_ext6(&c, "1100"
		       "5e0400000000"); /* 01: discard */
	end_with_udp();
	lab_refuse(lab, c.b, c.len, WIRE_unsupported);

	begin(US6, 60);
	craft_ext6(&c, "1100"
		       "0000"
		       "9e020000"); /* 10: tell */
	end_with_udp();
	problem(lab, 2, 44);

	begin(US6, 0);
	craft_ext6(&c, "1100"
		       "de0400000000"); /* 11: tell, unless multicast */
	end_with_udp();
	problem(lab, 2, 42);
	lab_close(lab);
}

SPEC(unknown_options_to_a_group_are_told_for_10_only)
{
	struct lab *lab = lab_with_peer();
	const struct lab_bytes *f;

	begin("ff02::1", 60);
	memcpy(c.b, lab_hex("333300000001").b, 6);
	craft_ext6(&c, "1100"
		       "de0400000000");
	end_with_udp();
	lab_refuse(lab, c.b, c.len, WIRE_unsupported);

	begin("ff02::1", 60);
	memcpy(c.b, lab_hex("333300000001").b, 6);
	craft_ext6(&c, "1100"
		       "9e0400000000");
	end_with_udp();
	assert_false(lab_feed(lab, c.b, c.len));
	f = lab_next(lab);
	assert_memory_equal(f->b + 22, lab_ip(US6).b, 16); /* a group cannot be the source */
	assert_int_equal(f->b[55], 2);
	lab_close(lab);
}

SPEC(an_option_that_runs_out_of_its_header_is_told)
{
	struct lab *lab = lab_with_peer();
	const struct lab_bytes *f;

	begin(US6, 60);
	craft_ext6(&c, "1100"
		       "010500000000");
	end_with_udp();
	assert_false(lab_feed(lab, c.b, c.len));
	assert_int_equal(lab->res.reason, WIRE_bad_header);
	f = lab_next(lab);
	assert_int_equal(f->b[54], 4);
	assert_int_equal(f->b[55], 0);
	assert_int_equal(f->b[61], 42);
	begin(US6, 60);
	craft_ext6(&c, "1100"
		       "000000000001");
	end_with_udp();
	assert_false(lab_feed(lab, c.b, c.len));
	assert_int_equal(lab_next(lab)->b[61], 47);
	lab_close(lab);
}

SPEC(a_jumbogram_is_an_unknown_option)
{
	struct lab *lab = lab_with_peer();

	begin(US6, 0);
	craft_ext6(&c, "1100"
		       "c20400010000");
	end_with_udp();
	problem(lab, 2, 42);
	lab_close(lab);
}

SPEC(no_error_answers_an_error_whatever_stands_before_it)
{
	static const char *const chain[] = {
		"3a00"
		"de0400000000", /* unknown option, then ICMPv6 */
		"3c00"
		"de0400000000"
		"3a00010400000000", /* and one more header between */
		"2c00"
		"de0400000000"
		"3a00000100000001", /* first fragment of one */
		"2c00"
		"de0400000000"
		"3a00000800000001", /* later: it cannot be told */
	};
	static const uint8_t types[] = {1, 2, 3, 4, 127, 137};
	struct lab *lab = lab_with_peer();

	for (unsigned k = 0; k < 4; k++)
		for (unsigned i = 0; i < 6; i++) {
			begin(US6, 60);
			craft_ext6(&c, chain[k]);
			c.l4_proto = 58;
			craft_icmp(&c, types[i], 0, 0);
			craft_seal(&c);
			lab_refuse(lab, c.b, c.len, WIRE_unsupported);
		}
	begin(US6, 60);
	craft_ext6(&c, chain[0]);
	craft_icmp(&c, 128, 0, 0);
	craft_seal(&c);
	problem(lab, 2, 42);
	lab_close(lab);
}

SPEC(ecn_is_read_from_the_traffic_class)
{
	struct lab *lab = lab_open(NULL);

	craft_udp6(&c, "<13>x");
	c.b[15] = 0x30;
	c.b[21] = 3;
	assert_true(lab_feed(lab, c.b, c.len));
	assert_int_equal(lab->pkt.ecn, 3);
	assert_int_equal(lab->pkt.ttl, 3);
	lab_close(lab);
}

SPEC(a_thousand_options_cost_no_more_than_their_bytes)
{
	struct lab *lab = lab_open(NULL);

	begin(US6, 60);
	c.l4_proto = 17;
	craft_hex(&c, "11ab"
		      "000000000000");
	for (unsigned i = 0; i < 171 * 8; i++)
		craft_hex(&c, "00");
	c.l4 = c.len;
	end_with_udp();
	assert_true(lab_feed(lab, c.b, c.len));
	lab_close(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_datagram_from_linux_is_decoded),
		cmocka_unit_test(what_follows_the_payload_length_is_padding),
		cmocka_unit_test(lengths_that_contradict_each_other_are_a_bad_header),
		cmocka_unit_test(only_our_addresses_and_groups_are_for_us),
		cmocka_unit_test(udp_and_tcp_to_a_group_are_not_for_us),
		cmocka_unit_test(a_source_that_no_host_can_have_is_a_bad_header),
		cmocka_unit_test(extension_headers_are_stepped_over_to_the_upper_layer),
		cmocka_unit_test(an_atomic_fragment_is_a_whole_packet),
		cmocka_unit_test(two_fragment_headers_are_a_bad_header),
		cmocka_unit_test(an_extension_header_cut_off_is_a_bad_header),
		cmocka_unit_test(an_unknown_next_header_is_told_with_the_place_that_named_it),
		cmocka_unit_test(no_next_header_is_dropped_in_silence),
		cmocka_unit_test(hop_by_hop_options_may_come_first_only),
		cmocka_unit_test(a_routing_header_with_segments_left_is_refused),
		cmocka_unit_test(a_routing_header_with_none_left_is_skipped),
		cmocka_unit_test(unknown_options_do_what_their_upper_two_bits_say),
		cmocka_unit_test(unknown_options_to_a_group_are_told_for_10_only),
		cmocka_unit_test(an_option_that_runs_out_of_its_header_is_told),
		cmocka_unit_test(a_jumbogram_is_an_unknown_option),
		cmocka_unit_test(no_error_answers_an_error_whatever_stands_before_it),
		cmocka_unit_test(ecn_is_read_from_the_traffic_class),
		cmocka_unit_test(a_thousand_options_cost_no_more_than_their_bytes),
	};

	return cmocka_run_group_tests_name("net: IPv6", tests, NULL, NULL);
}
