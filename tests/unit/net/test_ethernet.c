/* Whose frame it is: MAC, VLAN, type (IEEE 802.3, 802.1Q). */
#include "tests/unit/net/craft.h"
#include "tests/unit/net/lab.h"

static struct lab *lab_in_vlan(uint16_t vlan)
{
	struct net_config cfg;

	lab_config(&cfg);
	cfg.vlan = vlan;
	return lab_open(&cfg);
}

SPEC(a_frame_to_our_mac_is_taken)
{
	struct lab *lab = lab_open(NULL);

	assert_true(lab_feed_hex(lab, V_UDP4));
	assert_int_equal(lab->pkt.verdict, NET_UDP);
	assert_memory_equal(lab->pkt.src_mac, lab_hex(PEER_MAC).b, 6);
	lab_close(lab);
}

SPEC(a_frame_to_another_mac_is_not_for_us)
{
	struct lab *lab = lab_open(NULL);
	struct lab_bytes f = lab_hex(V_UDP4);

	f.b[5] ^= 1;
	lab_refuse(lab, f.b, f.len, WIRE_not_for_us);
	lab_close(lab);
}

SPEC(ethernet_multicast_other_than_ipv6s_is_not_for_us)
{
	static const char *const groups[] = {
		"0180c2000000", "01005e000001", "01000ccccccc", "0180c200000e"};
	struct lab *lab = lab_open(NULL);

	for (unsigned i = 0; i < 4; i++) {
		struct lab_bytes f = lab_hex(V_UDP4);

		memcpy(f.b, lab_hex(groups[i]).b, 6);
		lab_refuse(lab, f.b, f.len, WIRE_not_for_us);
	}
	lab_close(lab);
}

SPEC(unicast_ip_in_a_broadcast_or_multicast_frame_is_dropped)
{
	static const char *const dst[] = {ALL_MAC, "333300000001"};
	static const char *const frames[] = {V_UDP4, V_UDP6, V_PING4, V_PING6};
	struct lab *lab = lab_open(NULL);

	for (unsigned d = 0; d < 2; d++)
		for (unsigned i = 0; i < 4; i++) {
			struct lab_bytes f = lab_hex(frames[i]);

			memcpy(f.b, lab_hex(dst[d]).b, 6);
			lab_refuse(lab, f.b, f.len, WIRE_not_for_us);
		}
	lab_close(lab);
}

SPEC(a_group_address_cannot_be_a_source)
{
	struct lab *lab = lab_open(NULL);
	struct lab_bytes f = lab_hex(V_UDP4);

	f.b[6] |= 1;
	lab_refuse(lab, f.b, f.len, WIRE_bad_header);
	lab_close(lab);
}

SPEC(other_ethertypes_and_llc_are_unsupported)
{
	static const uint16_t types[] = {0x0026, 0x8035, 0x88a8, 0x88cc, 0x9000, 0xffff};
	struct lab *lab = lab_open(NULL);

	for (unsigned i = 0; i < 6; i++) {
		struct craft c;

		craft_eth(&c, NULL, types[i]);
		craft_fill(&c, 46, 1);
		lab_refuse(lab, c.b, c.len, WIRE_unsupported);
	}
	lab_close(lab);
}

SPEC(a_frame_cut_anywhere_is_rejected_and_never_read_past_its_end)
{
	static const char *const frames[] = {V_UDP4, V_UDP6, V_TCP4, V_TCP6, V_PING4, V_PING6,
		V_ARP_PEER_ASKS_US, V_NS_PEER_ASKS_US, V_NA_PEER_ANSWERS, V_MLD2_GENERAL_QUERY,
		V_TOO_BIG4, V_TOO_BIG6, V_FRAG4_FIRST, V_FRAG6_FIRST, V_UDP4_VLAN7, V_NEXT6};
	struct lab *lab = lab_open(NULL);

	for (unsigned i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		struct lab_bytes f = lab_hex(frames[i]);

		for (uint32_t len = 0; len < f.len; len++)
			assert_false(lab_feed(lab, f.b, len));
	}
	lab_expect_silence(lab);
	lab_close(lab);
}

SPEC(without_a_vlan_tagged_frames_are_not_for_us)
{
	struct lab *lab = lab_open(NULL);

	lab_refuse_hex(lab, V_UDP4_VLAN7, WIRE_not_for_us);
	lab_close(lab);
}

SPEC(without_a_vlan_priority_tagged_frames_are_taken)
{
	struct lab *lab = lab_open(NULL);

	assert_true(lab_feed_hex(lab, V_UDP4_PRIORITY));
	assert_int_equal(lab->pkt.verdict, NET_UDP);
	assert_int_equal(lab->pkt.ip_off, 18);
	lab_close(lab);
}

SPEC(with_a_vlan_only_its_frames_are_taken)
{
	struct lab *lab = lab_in_vlan(7);

	assert_true(lab_feed_hex(lab, V_UDP4_VLAN7));
	assert_int_equal(lab->pkt.verdict, NET_UDP);
	assert_int_equal(lab->pkt.payload_len, 9);
	lab_refuse_hex(lab, V_UDP4, WIRE_not_for_us);
	lab_refuse_hex(lab, V_UDP4_PRIORITY, WIRE_not_for_us);
	lab_close(lab);
	lab = lab_in_vlan(8);
	lab_refuse_hex(lab, V_UDP4_VLAN7, WIRE_not_for_us);
	lab_close(lab);
}

SPEC(a_second_tag_is_unsupported)
{
	struct lab *lab = lab_in_vlan(7);
	struct craft c;

	craft_eth(&c, NULL, 0x8100);
	craft_hex(&c, "0007"
		      "8100"
		      "0007"
		      "0800");
	craft_fill(&c, 46, 1);
	lab_refuse(lab, c.b, c.len, WIRE_unsupported);
	lab_close(lab);
}

SPEC(what_we_send_carries_our_tag)
{
	struct lab *lab = lab_in_vlan(7);
	struct ip_addr to = lab_ip(PEER4);
	uint8_t l2[NET_L2_MAX];
	struct craft c;

	craft_eth(&c, ALL_MAC, 0x8100);
	craft_hex(&c, "0007");
	craft_hex(&c, &(V_ARP_PEER_ASKS_US)[24]);
	assert_true(lab_feed(lab, c.b, c.len));
	lab_expect(lab, PEER_MAC US_MAC "8100"
					"0007"
					"0806"
					"0001080006040002" US_MAC "c0000202" PEER_MAC "c0000263");
	assert_int_equal(net_port_l2(lab->port, &to, l2), 18);
	assert_memory_equal(l2, lab_hex(PEER_MAC US_MAC "810000070800").b, 18);
	to = lab_ip("ff02::1");
	assert_int_equal(net_port_l2(lab->port, &to, l2), 18);
	assert_memory_equal(l2, lab_hex("333300000001" US_MAC "8100000786dd").b, 18);
	lab_close(lab);
}

SPEC(a_fragmented_datagram_is_put_together_in_a_vlan_too)
{
	struct lab *lab = lab_in_vlan(7);
	static const char *const frames[] = {V_FRAG4_FIRST, V_FRAG4_LAST};

	for (unsigned i = 0; i < 2; i++) {
		struct craft c;

		craft_eth(&c, NULL, 0x8100);
		craft_hex(&c, "0007");
		craft_hex(&c, &frames[i][24]);
		assert_true(lab_feed(lab, c.b, c.len));
	}
	assert_true(lab->res.datagram);
	assert_int_equal(lab->res.pkt.payload_len, 16);
	lab_close(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_to_our_mac_is_taken),
		cmocka_unit_test(a_frame_to_another_mac_is_not_for_us),
		cmocka_unit_test(ethernet_multicast_other_than_ipv6s_is_not_for_us),
		cmocka_unit_test(unicast_ip_in_a_broadcast_or_multicast_frame_is_dropped),
		cmocka_unit_test(a_group_address_cannot_be_a_source),
		cmocka_unit_test(other_ethertypes_and_llc_are_unsupported),
		cmocka_unit_test(a_frame_cut_anywhere_is_rejected_and_never_read_past_its_end),
		cmocka_unit_test(without_a_vlan_tagged_frames_are_not_for_us),
		cmocka_unit_test(without_a_vlan_priority_tagged_frames_are_taken),
		cmocka_unit_test(with_a_vlan_only_its_frames_are_taken),
		cmocka_unit_test(a_second_tag_is_unsupported),
		cmocka_unit_test(what_we_send_carries_our_tag),
		cmocka_unit_test(a_fragmented_datagram_is_put_together_in_a_vlan_too),
	};

	return cmocka_run_group_tests_name("net: Ethernet", tests, NULL, NULL);
}
