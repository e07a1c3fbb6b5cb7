/* Echo (RFC 792, RFC 1122 3.2.2.6, RFC 4443 section 4). */
#include "tests/unit/net/craft.h"
#include "tests/unit/net/lab.h"
#include "tests/unit/net/linux.h"

static struct craft c;

static void ping4(uint32_t data)
{
	craft_eth(&c, NULL, 0x0800);
	craft_ip4(&c, PEER4, US4, 1);
	craft_icmp(&c, 8, 0, 0x12340007);
	craft_fill(&c, data, 1);
	craft_seal(&c);
}

static struct lab *lab_with_peer(void)
{
	struct lab *lab = lab_open(NULL);

	lab_know_peer(lab);
	return lab;
}

SPEC(a_ping_is_answered_byte_by_byte)
{
	struct lab *lab = lab_with_peer();

	assert_true(lab_feed_hex(lab, V_PING4));
	lab_expect(lab, V_PONG4);
	assert_true(lab_feed_hex(lab, V_PING6));
	lab_expect(lab, V_PONG6);
	assert_int_equal(lab_count(lab)->echo, 2);
	lab_close(lab);
}

SPEC(linux_ping_takes_the_answer)
{
	struct lab *lab = lab_open(NULL);

	assert_true(lab_feed_hex(lab, LINUX_ARP_REPLY));
	lab_forget(lab);
	assert_true(lab_feed_hex(lab, LINUX_PING4));
	lab_expect(lab, LINUX_PONG4);
	lab_close(lab);
}

SPEC(a_ping_from_an_unknown_neighbour_is_answered_once_it_is_resolved)
{
	struct lab *lab = lab_open(NULL);

	assert_true(lab_feed_hex(lab, V_PING4));
	lab_expect(lab, V_ARP_WE_ASK_PEER);
	lab_expect_silence(lab);
	assert_true(lab_feed_hex(lab, V_ARP_PEER_ANSWERS));
	lab_expect(lab, V_PONG4);
	lab_close(lab);
}

SPEC(a_ping_to_all_nodes_is_answered_from_a_unicast_address)
{
	struct lab *lab = lab_with_peer();

	assert_true(lab_feed_hex(lab, V_PING6_ALL_NODES));
	lab_expect(lab, V_PONG6_LINK_LOCAL);
	lab_close(lab);
}

SPEC(a_ping_to_an_ipv4_broadcast_is_not_answered)
{
	static const char *const dst[] = {"192.0.2.255", "255.255.255.255", "224.0.0.1"};
	struct lab *lab = lab_with_peer();

	for (unsigned i = 0; i < 3; i++) {
		craft_eth(&c, ALL_MAC, 0x0800);
		craft_ip4(&c, PEER4, dst[i], 1);
		craft_icmp(&c, 8, 0, 1);
		craft_seal(&c);
		lab_refuse(lab, c.b, c.len, WIRE_not_for_us);
	}
	lab_close(lab);
}

SPEC(a_wrong_checksum_is_not_answered)
{
	struct lab *lab = lab_with_peer();

	ping4(10);
	c.b[50] ^= 1;
	lab_refuse(lab, c.b, c.len, WIRE_bad_checksum);
	lab_close(lab);
}

SPEC(the_longest_ping_that_fits_is_answered)
{
	struct lab *lab = lab_with_peer();

	ping4(1472);
	assert_true(lab_feed(lab, c.b, c.len));
	assert_int_equal(lab_next(lab)->len, 1514);
	lab_close(lab);
}

SPEC(a_ping_in_fragments_is_answered_if_the_answer_fits_one_packet)
{
	struct lab *lab = lab_with_peer();
	const struct lab_bytes *f;
	struct craft whole;

	ping4(1400);
	whole = c;
	for (unsigned i = 0; i < 2; i++) {
		craft_eth(&c, NULL, 0x0800);
		craft_ip4(&c, PEER4, US4, 1);
		craft_frag4(&c, 9, i * 704, i == 0);
		craft_bytes(&c, whole.b + 34 + i * 704, 704);
		craft_seal(&c);
		assert_true(lab_feed(lab, c.b, c.len));
	}
	f = lab_next(lab);
	assert_int_equal(f->len, 14 + 20 + 1408);
	assert_int_equal(f->b[34], 0);
	assert_memory_equal(f->b + 38, whole.b + 38, 1404);
	assert_true(craft_l4_good(f->b, f->len));
	lab_close(lab);
}

SPEC(a_ping_too_long_for_one_packet_is_accepted_and_counted)
{
	struct lab *lab = lab_with_peer();
	struct craft whole;

	ping4(2800);
	whole = c;
	for (unsigned i = 0; i < 2; i++) {
		craft_eth(&c, NULL, 0x0800);
		craft_ip4(&c, PEER4, US4, 1);
		craft_frag4(&c, 9, i * 1400, i == 0);
		craft_bytes(&c, whole.b + 34 + i * 1400, i == 0 ? 1400 : 1408);
		craft_seal(&c);
		assert_true(lab_feed(lab, c.b, c.len));
	}
	lab_expect_silence(lab);
	assert_int_equal(lab_count(lab)->echo_too_big, 1);
	lab_close(lab);
}

SPEC(other_icmp_is_accepted_in_silence)
{
	/* echo reply, quench, redirect, router messages, timestamp, mask; anything */
	static const uint8_t v4[] = {0, 4, 5, 9, 10, 13, 14, 17, 18, 42, 255};
	static const uint8_t v6[] = {0, 5, 100, 127, 129, 138, 139, 140, 144, 200, 255};
	struct lab *lab = lab_with_peer();

	for (unsigned i = 0; i < 11; i++) {
		craft_eth(&c, NULL, 0x0800);
		craft_ip4(&c, PEER4, US4, 1);
		craft_icmp(&c, v4[i], 0, 0);
		craft_fill(&c, 40, 1);
		craft_seal(&c);
		assert_true(lab_feed(lab, c.b, c.len));
		craft_eth(&c, NULL, 0x86dd);
		craft_ip6(&c, PEER6, US6, 58);
		craft_icmp(&c, v6[i], 0, 0);
		craft_fill(&c, 40, 1);
		craft_seal(&c);
		assert_true(lab_feed(lab, c.b, c.len));
	}
	lab_expect_silence(lab);
	lab_close(lab);
}

SPEC(icmp_shorter_than_its_header_is_a_bad_header)
{
	struct lab *lab = lab_with_peer();

	craft_eth(&c, NULL, 0x0800);
	craft_ip4(&c, PEER4, US4, 1);
	craft_hex(&c, "0800f7ff000000");
	craft_seal(&c);
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	lab_close(lab);
}

SPEC(icmpv6_other_than_nd_has_a_source)
{
	struct lab *lab = lab_with_peer();
	static const char *const sources[] = {"::", US6};

	for (unsigned i = 0; i < 2; i++) {
		craft_eth(&c, NULL, 0x86dd);
		craft_ip6(&c, sources[i], US6, 58);
		craft_icmp(&c, 128, 0, 1);
		craft_seal(&c);
		lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	}
	lab_close(lab);
}

SPEC(a_flood_of_pings_is_answered_at_the_rate_of_the_bucket)
{
	struct net_config cfg;
	struct lab *lab;
	unsigned answered;

	lab_config(&cfg);
	cfg.icmp_per_second = 50;
	lab = lab_open(&cfg);
	lab_know_peer(lab);
	for (unsigned i = 0; i < 1000; i++)
		assert_true(lab_feed_hex(lab, V_PING4));
	assert_int_equal(lab->sent, 50);
	assert_int_equal(lab_count(lab)->icmp_limited, 950);
	answered = lab->sent;
	lab->now += 100000; /* a tenth of a second: five more */
	for (unsigned i = 0; i < 100; i++)
		assert_true(lab_feed_hex(lab, V_PING6));
	assert_int_equal(lab->sent, answered + 5);
	lab->now += 3600 * LAB_SECOND; /* and never more than a second's worth */
	for (unsigned i = 0; i < 100; i++)
		assert_true(lab_feed_hex(lab, V_PING6));
	assert_int_equal(lab->sent, answered + 55);
	lab_close(lab);
}

SPEC(a_rate_of_zero_sends_no_icmp)
{
	struct net_config cfg;
	struct lab *lab;

	lab_config(&cfg);
	cfg.icmp_per_second = 0;
	lab = lab_open(&cfg);
	lab_know_peer(lab);
	assert_true(lab_feed_hex(lab, V_PING4));
	lab_expect_silence(lab);
	lab_close(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ping_is_answered_byte_by_byte),
		cmocka_unit_test(linux_ping_takes_the_answer),
		cmocka_unit_test(a_ping_from_an_unknown_neighbour_is_answered_once_it_is_resolved),
		cmocka_unit_test(a_ping_to_all_nodes_is_answered_from_a_unicast_address),
		cmocka_unit_test(a_ping_to_an_ipv4_broadcast_is_not_answered),
		cmocka_unit_test(a_wrong_checksum_is_not_answered),
		cmocka_unit_test(the_longest_ping_that_fits_is_answered),
		cmocka_unit_test(a_ping_in_fragments_is_answered_if_the_answer_fits_one_packet),
		cmocka_unit_test(a_ping_too_long_for_one_packet_is_accepted_and_counted),
		cmocka_unit_test(other_icmp_is_accepted_in_silence),
		cmocka_unit_test(icmp_shorter_than_its_header_is_a_bad_header),
		cmocka_unit_test(icmpv6_other_than_nd_has_a_source),
		cmocka_unit_test(a_flood_of_pings_is_answered_at_the_rate_of_the_bucket),
		cmocka_unit_test(a_rate_of_zero_sends_no_icmp),
	};

	return cmocka_run_group_tests_name("net: echo", tests, NULL, NULL);
}
