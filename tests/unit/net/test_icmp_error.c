/* ICMP errors: those that we send (RFC 1122 3.2.2, RFC 4443 2.4), and those about our segments. */
#include "tests/unit/net/craft.h"
#include "tests/unit/net/lab.h"

#include "dataplane/base/bytes.h"

static struct craft c;

static struct lab *lab_with_peer(void)
{
	struct lab *lab = lab_open(NULL);

	lab_know_peer(lab);
	return lab;
}

static void unreachable(struct lab *lab)
{
	assert_true(lab_feed(lab, c.b, c.len));
	assert_int_equal(lab->pkt.verdict, NET_UDP);
	net_port_unreachable(lab->port, lab->last, c.len, &lab->pkt, &lab->out, lab->now);
}

SPEC(a_closed_port_is_told_byte_by_byte)
{
	struct lab *lab = lab_with_peer();
	static const char *const in[] = {V_UDP4, V_UDP6};
	static const char *const answer[] = {V_PORT_UNREACHABLE4, V_PORT_UNREACHABLE6};

	for (unsigned i = 0; i < 2; i++) {
		struct lab_bytes f = lab_hex(in[i]);

		assert_true(lab_feed(lab, f.b, f.len));
		net_port_unreachable(lab->port, lab->last, f.len, &lab->pkt, &lab->out, lab->now);
		lab_expect(lab, answer[i]);
	}
	assert_int_equal(lab_count(lab)->icmp_out, 2);
	lab_close(lab);
}

SPEC(an_error_quotes_as_much_as_its_rfc_allows_and_no_padding)
{
	struct lab *lab = lab_with_peer();
	const struct lab_bytes *f;

	craft_udp4(&c, "<13>short");
	craft_fill(&c, 10, 1); /* Ethernet padding */
	unreachable(lab);
	assert_int_equal(lab_next(lab)->len, 14 + 28 + 20 + 8 + 9);

	craft_eth(&c, NULL, 0x0800);
	craft_ip4(&c, PEER4, US4, 17);
	craft_udp(&c, 1, 515);
	craft_fill(&c, 1400, 1);
	craft_seal(&c);
	unreachable(lab);
	f = lab_next(lab);
	assert_int_equal(f->len, 14 + 576);
	assert_memory_equal(f->b + 42, c.b + 14, 576 - 28);
	assert_true(craft_l4_good(f->b, f->len));

	craft_eth(&c, NULL, 0x86dd);
	craft_ip6(&c, PEER6, US6, 17);
	craft_udp(&c, 1, 515);
	craft_fill(&c, 1400, 1);
	craft_seal(&c);
	unreachable(lab);
	f = lab_next(lab);
	assert_int_equal(f->len, 14 + 1280);
	assert_memory_equal(f->b + 62, c.b + 14, 1280 - 48);
	assert_true(craft_l4_good(f->b, f->len));
	lab_close(lab);
}

SPEC(a_closed_port_is_told_about_a_datagram_in_fragments_too)
{
	struct lab *lab = lab_with_peer();
	const struct lab_bytes *f;

	assert_true(lab_feed_hex(lab, V_FRAG4_FIRST));
	assert_true(lab_feed_hex(lab, V_FRAG4_LAST));
	assert_true(lab->res.datagram);
	net_port_unreachable(
		lab->port, lab->res.frame, lab->res.frame_len, &lab->res.pkt, &lab->out, lab->now);
	f = lab_next(lab);
	assert_int_equal(f->b[34], 3);
	assert_int_equal(f->b[35], 3);
	assert_int_equal(load_be16(f->b + 44), 44); /* the whole datagram's length */
	assert_memory_equal(f->b + 42 + 28, "0123456789abcdef", 16);
	assert_true(craft_l4_good(f->b, f->len));
	lab_close(lab);
}

SPEC(an_unknown_ipv4_protocol_is_told)
{
	struct lab *lab = lab_with_peer();

	assert_false(lab_feed_hex(lab, V_PROTO4));
	assert_int_equal(lab->res.reason, WIRE_unsupported);
	lab_expect(lab, V_PROTO_UNREACHABLE4);
	lab_close(lab);
}

SPEC(a_later_fragment_gets_no_ipv4_error)
{
	struct lab *lab = lab_with_peer();

	craft_eth(&c, NULL, 0x0800);
	craft_ip4(&c, PEER4, US4, 200);
	craft_frag4(&c, 1, 8, false);
	craft_fill(&c, 40, 1);
	craft_seal(&c);
	lab_refuse(lab, c.b, c.len, WIRE_unsupported);
	lab_close(lab);
}

SPEC(no_ipv4_error_answers_an_error)
{
	static const uint8_t types[] = {3, 4, 5, 11, 12};
	struct lab *lab = lab_with_peer();

	for (unsigned i = 0; i < 5; i++) {
		craft_eth(&c, NULL, 0x0800);
		craft_ip4(&c, PEER4, US4, 1);
		craft_options4(&c, "94ff0000");
		craft_icmp(&c, types[i], 0, 0);
		craft_seal(&c);
		lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	}
	craft_eth(&c, NULL, 0x0800);
	craft_ip4(&c, PEER4, US4, 1);
	craft_options4(&c, "94ff0000"); /* and nothing after it */
	craft_seal(&c);
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	lab_close(lab);
}

SPEC(errors_share_the_bucket)
{
	struct net_config cfg;
	struct lab *lab;

	lab_config(&cfg);
	cfg.icmp_per_second = 3;
	lab = lab_open(&cfg);
	lab_know_peer(lab);
	for (unsigned i = 0; i < 10; i++)
		assert_false(lab_feed_hex(lab, V_PROTO4));
	assert_false(lab_feed_hex(lab, V_NEXT6));
	assert_int_equal(lab->sent, 3);
	assert_int_equal(lab_count(lab)->icmp_limited, 8);
	lab_close(lab);
}

SPEC(an_mtu_of_576_still_bounds_ipv6_errors)
{
	struct net_config cfg;
	struct lab *lab;

	lab_config(&cfg);
	cfg.mtu = 100; /* counts as 576 */
	lab = lab_open(&cfg);
	lab_know_peer(lab);
	craft_eth(&c, NULL, 0x86dd);
	craft_ip6(&c, PEER6, US6, 17);
	craft_udp(&c, 1, 515);
	craft_fill(&c, 1000, 1);
	craft_seal(&c);
	unreachable(lab);
	assert_int_equal(lab_next(lab)->len, 14 + 576);
	lab_close(lab);
}

/* Errors about what we sent */

/* An ICMP message from the gateway with the first `quoted` bytes of c.b, which is an IP packet. */
static void error4(uint8_t type, uint8_t code, uint32_t word, const uint8_t *packet, uint32_t len)
{
	craft_eth(&c, NULL, 0x0800);
	craft_ip4(&c, GW4, US4, 1);
	craft_icmp(&c, type, code, word);
	craft_bytes(&c, packet, len);
	craft_seal(&c);
}

static void error6(uint8_t type, uint8_t code, uint32_t word, const uint8_t *packet, uint32_t len)
{
	craft_eth(&c, NULL, 0x86dd);
	craft_ip6(&c, GW6, US6, 58);
	craft_icmp(&c, type, code, word);
	craft_bytes(&c, packet, len);
	craft_seal(&c);
}

/* A segment of ours, as a router sees it: 28 or 60 bytes and more. */
static const uint8_t *our_segment(bool v6)
{
	static struct craft s;

	craft_eth(&s, NULL, v6 ? 0x86dd : 0x0800);
	if (v6)
		craft_ip6(&s, US6, PEER6, 6);
	else
		craft_ip4(&s, US4, PEER4, 6);
	craft_tcp(&s, 514, 40001, 0x0a0b0c0d, 0x10);
	craft_fill(&s, 1440, 1);
	craft_seal(&s);
	return s.b + 14;
}

static void is_about_our_segment(const struct lab *lab, bool v6, uint32_t mtu)
{
	const struct net_icmp_tcp *i = &lab->res.icmp;

	assert_true(i->valid);
	assert_true(lab_is(&i->flow.src, v6 ? US6 : US4));
	assert_true(lab_is(&i->flow.dst, v6 ? PEER6 : PEER4));
	assert_int_equal(i->flow.src_port, 514);
	assert_int_equal(i->flow.dst_port, 40001);
	assert_int_equal(i->seq, 0x0a0b0c0d);
	assert_int_equal(i->mtu, mtu);
}

SPEC(a_packet_too_big_is_passed_on_with_its_mtu)
{
	struct lab *lab = lab_open(NULL);

	assert_true(lab_feed_hex(lab, V_TOO_BIG4));
	is_about_our_segment(lab, false, 1400);
	assert_true(lab_feed_hex(lab, V_TOO_BIG6));
	is_about_our_segment(lab, true, 1400);
	lab_expect_silence(lab);
	lab_close(lab);
}

SPEC(unreachables_and_other_errors_are_passed_on_without_mtu)
{
	static const uint8_t types4[][2] = {
		{3, 2}, {3, 3}, {3, 0}, {3, 1}, {3, 5}, {3, 13}, {11, 0}, {11, 2}, {12, 3}};
	static const uint8_t types6[][2] = {{1, 1}, {1, 4}, {1, 0}, {1, 3}, {3, 1}, {4, 1}};
	struct lab *lab = lab_open(NULL);

	/* The first two of each are hard: nobody is there. */
	for (unsigned i = 0; i < 9; i++) {
		error4(types4[i][0], types4[i][1], 1000, our_segment(false), 28);
		assert_true(lab_feed(lab, c.b, c.len));
		is_about_our_segment(lab, false, 0);
		assert_int_equal(lab->res.icmp.hard, i < 2);
	}
	for (unsigned i = 0; i < 6; i++) {
		error6(types6[i][0], types6[i][1], 1000, our_segment(true), 60);
		assert_true(lab_feed(lab, c.b, c.len));
		is_about_our_segment(lab, true, 0);
		assert_int_equal(lab->res.icmp.hard, i < 2);
	}
	lab_close(lab);
}

SPEC(a_router_that_names_no_mtu_means_the_next_plateau)
{
	struct lab *lab = lab_open(NULL);
	uint8_t packet[64];

	static const uint16_t sent_and_meant[][2] = {
		{1500, 1492}, {1492, 1006}, {1480, 1006}, {576, 508}, {296, 68}, {9000, 8166}};

	for (unsigned i = 0; i < 6; i++) {
		memcpy(packet, our_segment(false), 28);
		store_be16(packet + 2, sent_and_meant[i][0]);
		error4(3, 4, 0, packet, 28);
		assert_true(lab_feed(lab, c.b, c.len));
		is_about_our_segment(lab, false, sent_and_meant[i][1]);
	}
	lab_close(lab);
}

SPEC(an_mtu_below_the_protocols_minimum_is_ignored)
{
	struct lab *lab = lab_open(NULL);

	error4(3, 4, 67, our_segment(false), 28);
	assert_true(lab_feed(lab, c.b, c.len));
	assert_false(lab->res.icmp.valid);
	error6(2, 0, 1279, our_segment(true), 60);
	assert_true(lab_feed(lab, c.b, c.len));
	assert_false(lab->res.icmp.valid);
	lab_close(lab);
}

SPEC(what_we_cannot_have_sent_is_ignored)
{
	static const struct {
		unsigned at;
		uint8_t v4;
	} wrong4[] = {
		{0, 0x65}, /* version */
		{0, 0x44}, /* header length */
		{0, 0x4f}, /* header longer than the quote */
		{9, 17},   /* not TCP */
		{7, 1},	   /* a later fragment */
		{15, 99},  /* another source */
	};
	struct lab *lab = lab_open(NULL);
	uint8_t packet[80];

	for (unsigned i = 0; i < sizeof(wrong4) / sizeof(wrong4[0]); i++) {
		memcpy(packet, our_segment(false), 28);
		packet[wrong4[i].at] = wrong4[i].v4;
		error4(3, 3, 0, packet, 28);
		assert_true(lab_feed(lab, c.b, c.len));
		assert_false(lab->res.icmp.valid);
	}
	memcpy(packet, our_segment(true), 60);
	packet[0] = 0x45;
	error6(1, 4, 0, packet, 60);
	assert_true(lab_feed(lab, c.b, c.len));
	assert_false(lab->res.icmp.valid);
	memcpy(packet, our_segment(true), 60);
	packet[6] = 60;
	error6(1, 4, 0, packet, 60);
	assert_true(lab_feed(lab, c.b, c.len));
	assert_false(lab->res.icmp.valid);
	memcpy(packet, our_segment(true), 60);
	packet[23] = 0x99;
	error6(1, 4, 0, packet, 60);
	assert_true(lab_feed(lab, c.b, c.len));
	assert_false(lab->res.icmp.valid);
	lab_close(lab);
}

SPEC(an_ipv6_quote_of_mapped_addresses_is_not_about_our_ipv4)
{
	struct lab *lab = lab_open(NULL);
	uint8_t packet[80];

	memcpy(packet, our_segment(true), 60);
	memcpy(packet + 8, lab_hex("00000000000000000000ffffc0000202").b, 16);
	error6(1, 4, 0, packet, 60);
	assert_true(lab_feed(lab, c.b, c.len));
	assert_false(lab->res.icmp.valid);
	memcpy(packet, our_segment(true), 60);
	memcpy(packet + 24, lab_hex("00000000000000000000ffffc0000263").b, 16);
	error6(1, 4, 0, packet, 60);
	assert_true(lab_feed(lab, c.b, c.len));
	assert_false(lab->res.icmp.valid);
	lab_close(lab);
}

SPEC(a_quote_too_short_for_ports_and_sequence_number_is_ignored)
{
	struct lab *lab = lab_open(NULL);

	for (uint32_t len = 0; len < 28; len++) {
		error4(3, 3, 0, our_segment(false), len);
		assert_true(lab_feed(lab, c.b, c.len));
		assert_false(lab->res.icmp.valid);
	}
	for (uint32_t len = 0; len < 48; len++) {
		error6(1, 4, 0, our_segment(true), len);
		assert_true(lab_feed(lab, c.b, c.len));
		assert_false(lab->res.icmp.valid);
	}
	lab_close(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_closed_port_is_told_byte_by_byte),
		cmocka_unit_test(an_error_quotes_as_much_as_its_rfc_allows_and_no_padding),
		cmocka_unit_test(a_closed_port_is_told_about_a_datagram_in_fragments_too),
		cmocka_unit_test(an_unknown_ipv4_protocol_is_told),
		cmocka_unit_test(a_later_fragment_gets_no_ipv4_error),
		cmocka_unit_test(no_ipv4_error_answers_an_error),
		cmocka_unit_test(errors_share_the_bucket),
		cmocka_unit_test(an_mtu_of_576_still_bounds_ipv6_errors),
		cmocka_unit_test(a_packet_too_big_is_passed_on_with_its_mtu),
		cmocka_unit_test(unreachables_and_other_errors_are_passed_on_without_mtu),
		cmocka_unit_test(a_router_that_names_no_mtu_means_the_next_plateau),
		cmocka_unit_test(an_mtu_below_the_protocols_minimum_is_ignored),
		cmocka_unit_test(what_we_cannot_have_sent_is_ignored),
		cmocka_unit_test(an_ipv6_quote_of_mapped_addresses_is_not_about_our_ipv4),
		cmocka_unit_test(a_quote_too_short_for_ports_and_sequence_number_is_ignored),
	};

	return cmocka_run_group_tests_name("net: ICMP errors", tests, NULL, NULL);
}
