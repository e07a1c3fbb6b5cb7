/* ARP (RFC 826): what we answer, and what we learn from whom. */
#include "tests/unit/net/craft.h"
#include "tests/unit/net/lab.h"
#include "tests/unit/net/linux.h"

/* An ARP packet in a frame from `sha`. */
static struct craft c;
static void arp(const char *dst, uint8_t op, const char *sha, const char *spa, const char *tpa)
{
	struct ip_addr s = lab_ip(spa), t = lab_ip(tpa);
	const uint8_t head[8] = {0, 1, 8, 0, 6, 4, 0, op};

	c.len = 0;
	craft_hex(&c, dst);
	craft_hex(&c, sha);
	craft_hex(&c, "0806");
	craft_bytes(&c, head, 8);
	craft_hex(&c, sha);
	craft_bytes(&c, s.b + 12, 4);
	craft_hex(&c, "000000000000");
	craft_bytes(&c, t.b + 12, 4);
}

SPEC(a_request_for_our_address_is_answered)
{
	struct lab *lab = lab_open(NULL);

	assert_true(lab_feed_hex(lab, V_ARP_PEER_ASKS_US));
	lab_expect(lab, V_ARP_WE_ANSWER_PEER);
	lab_expect_silence(lab);
	lab_close(lab);
}

SPEC(linux_is_answered_as_it_expects)
{
	struct lab *lab = lab_open(NULL);

	assert_true(lab_feed_hex(lab, LINUX_ARP_REQUEST));
	lab_expect(lab, LINUX_MAC US_MAC "0806"
					 "0001080006040002" US_MAC "c0000202" LINUX_MAC "c0000201");
	lab_close(lab);
}

SPEC(padding_after_the_packet_is_ignored)
{
	struct lab *lab = lab_open(NULL);

	assert_true(lab_feed_hex(lab, V_ARP_PEER_ASKS_US "0000000000000000000000000000000000ff"));
	lab_expect(lab, V_ARP_WE_ANSWER_PEER);
	lab_close(lab);
}

SPEC(a_request_for_another_address_is_not_answered)
{
	struct lab *lab = lab_open(NULL);

	arp(ALL_MAC, 1, PEER_MAC, PEER4, "192.0.2.3");
	assert_true(lab_feed(lab, c.b, c.len));
	lab_expect_silence(lab);
	lab_close(lab);
}

SPEC(who_asks_us_is_learnt)
{
	struct lab *lab = lab_open(NULL);

	assert_string_equal(lab_mac_of(lab, PEER4), "");
	assert_true(lab_feed_hex(lab, V_ARP_PEER_ASKS_US));
	assert_string_equal(lab_mac_of(lab, PEER4), PEER_MAC);
	lab_close(lab);
}

SPEC(who_asks_for_another_is_not_learnt)
{
	struct lab *lab = lab_open(NULL);

	arp(ALL_MAC, 1, PEER_MAC, PEER4, "192.0.2.3");
	assert_true(lab_feed(lab, c.b, c.len));
	assert_string_equal(lab_mac_of(lab, PEER4), "");
	lab_close(lab);
}

SPEC(an_announcement_updates_who_is_known_and_adds_nobody)
{
	struct lab *lab = lab_open(NULL);

	assert_true(lab_feed_hex(lab, V_ARP_PEER_ANNOUNCES));
	assert_string_equal(lab_mac_of(lab, PEER4), "");
	assert_true(lab_feed_hex(lab, V_ARP_PEER_ASKS_US));
	arp(ALL_MAC, 1, "0200000000aa", PEER4, PEER4);
	assert_true(lab_feed(lab, c.b, c.len));
	assert_string_equal(lab_mac_of(lab, PEER4), "0200000000aa");
	assert_int_equal(lab_count(lab)->neighbour_changes, 1);
	lab_close(lab);
}

SPEC(who_is_not_on_the_link_is_answered_but_not_learnt)
{
	struct lab *lab = lab_open(NULL);

	lab_know_gateways(lab);
	arp(ALL_MAC, 1, PEER_MAC, "198.51.100.7", US4);
	assert_true(lab_feed(lab, c.b, c.len));
	assert_memory_equal(lab_next(lab)->b, lab_hex(PEER_MAC).b, 6);
	assert_string_equal(lab_mac_of(lab, "198.51.100.7"), GW_MAC);
	assert_int_equal(lab_count(lab)->neighbours, 2);
	lab_close(lab);
}

SPEC(a_gateway_outside_of_our_prefixes_is_learnt_all_the_same)
{
	struct net_config cfg;
	struct lab *lab;

	lab_config(&cfg);
	cfg.gateways[0] = lab_ip("198.51.100.1");
	lab = lab_open(&cfg);
	arp(US_MAC, 2, GW_MAC, "198.51.100.1", US4);
	assert_true(lab_feed(lab, c.b, c.len));
	assert_string_equal(lab_mac_of(lab, "203.0.113.1"), GW_MAC);
	lab_close(lab);
}

SPEC(impossible_senders_are_a_bad_header)
{
	static const char *const senders[] = {
		"127.0.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.255", "192.0.2.0"};
	struct lab *lab = lab_open(NULL);

	for (unsigned i = 0; i < 5; i++) {
		arp(ALL_MAC, 1, PEER_MAC, senders[i], US4);
		lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	}
	lab_close(lab);
}

SPEC(impossible_macs_are_a_bad_header)
{
	static const char *const macs[] = {"000000000000", ALL_MAC, "01005e000001"};
	struct lab *lab = lab_open(NULL);

	for (unsigned i = 0; i < 3; i++) {
		arp(ALL_MAC, 1, PEER_MAC, PEER4, US4);
		memcpy(c.b + 22, lab_hex(macs[i]).b, 6);
		lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	}
	lab_close(lab);
}

SPEC(other_hardware_protocols_and_operations_are_unsupported)
{
	static const struct {
		unsigned at;
		uint8_t value;
		enum wire_reason reason;
	} wrong[] = {
		{15, 6, WIRE_unsupported}, /* IEEE 802 */
		{17, 1, WIRE_unsupported}, /* protocol 0x0801 */
		{18, 8, WIRE_bad_header},  /* eight bytes of MAC */
		{19, 16, WIRE_bad_header}, /* sixteen of IP */
		{21, 0, WIRE_unsupported}, /* no operation */
		{21, 3, WIRE_unsupported}, /* reverse request */
		{21, 8, WIRE_unsupported}, /* inverse request */
	};
	struct lab *lab = lab_open(NULL);

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct lab_bytes f = lab_hex(V_ARP_PEER_ASKS_US);

		f.b[wrong[i].at] = wrong[i].value;
		lab_refuse(lab, f.b, f.len, wrong[i].reason);
	}
	lab_close(lab);
}

SPEC(arp_in_an_ipv6_group_frame_is_not_for_us)
{
	struct lab *lab = lab_open(NULL);

	arp("333300000001", 1, PEER_MAC, PEER4, US4);
	lab_refuse(lab, c.b, c.len, WIRE_not_for_us);
	lab_close(lab);
}

SPEC(our_own_packets_reflected_by_a_switch_mean_nothing)
{
	struct lab *lab = lab_open(NULL);

	assert_true(lab_feed_hex(lab, V_ARP_OUR_ANNOUNCEMENT));
	assert_true(lab_feed_hex(lab, V_ARP_WE_ASK_PEER));
	lab_expect_silence(lab);
	assert_int_equal(lab_count(lab)->dad_conflicts, 0);
	lab_close(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_for_our_address_is_answered),
		cmocka_unit_test(linux_is_answered_as_it_expects),
		cmocka_unit_test(padding_after_the_packet_is_ignored),
		cmocka_unit_test(a_request_for_another_address_is_not_answered),
		cmocka_unit_test(who_asks_us_is_learnt),
		cmocka_unit_test(who_asks_for_another_is_not_learnt),
		cmocka_unit_test(an_announcement_updates_who_is_known_and_adds_nobody),
		cmocka_unit_test(who_is_not_on_the_link_is_answered_but_not_learnt),
		cmocka_unit_test(a_gateway_outside_of_our_prefixes_is_learnt_all_the_same),
		cmocka_unit_test(impossible_senders_are_a_bad_header),
		cmocka_unit_test(impossible_macs_are_a_bad_header),
		cmocka_unit_test(other_hardware_protocols_and_operations_are_unsupported),
		cmocka_unit_test(arp_in_an_ipv6_group_frame_is_not_for_us),
		cmocka_unit_test(our_own_packets_reflected_by_a_switch_mean_nothing),
	};

	return cmocka_run_group_tests_name("net: ARP", tests, NULL, NULL);
}
