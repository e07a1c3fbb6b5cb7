/* The life of a neighbour (RFC 4861 section 7.3), and of a gateway. */
#include "tests/unit/net/craft.h"
#include "tests/unit/net/lab.h"

#include <stdio.h>

/* As the peer's, from the neighbour 192.0.2.n at 02:00:00:00:01:n. */
static void answer_from(struct lab *lab, uint8_t n, uint8_t op)
{
	struct lab_bytes f = lab_hex(op == 1 ? V_ARP_PEER_ASKS_US : V_ARP_PEER_ANSWERS);

	f.b[10] = f.b[26] = 1;
	f.b[11] = f.b[27] = n;
	f.b[31] = n;
	assert_true(lab_feed(lab, f.b, f.len));
}

static unsigned count_sent(const struct lab *lab, const char *hex)
{
	struct lab_bytes want = lab_hex(hex);
	unsigned n = 0;

	for (unsigned i = 0; i < lab->sent; i++)
		n += lab->frame[i].len == want.len &&
		     memcmp(lab->frame[i].b, want.b, want.len) == 0;
	return n;
}

/* No gateways, so that nothing but the neighbour speaks. */
static struct lab *alone(void)
{
	struct net_config cfg;
	struct lab *lab;

	lab_config(&cfg);
	cfg.gateways_count = 0;
	lab = lab_open(&cfg);
	lab_pass(lab, 10 * LAB_SECOND);
	lab_forget(lab);
	return lab;
}

static struct lab *with_reachable_peer(void)
{
	struct lab *lab = alone();

	lab_send(lab, PEER4, 60, 1);
	assert_true(lab_feed_hex(lab, V_ARP_PEER_ANSWERS));
	lab_forget(lab);
	return lab;
}

SPEC(an_unknown_neighbour_is_asked_for_three_times_a_second_apart)
{
	struct lab *lab = alone();

	lab_send(lab, PEER4, 60, 1);
	lab_expect(lab, V_ARP_WE_ASK_PEER);
	lab_expect_silence(lab);
	lab_pass(lab, LAB_SECOND);
	lab_expect(lab, V_ARP_WE_ASK_PEER);
	lab_pass(lab, LAB_SECOND);
	lab_expect(lab, V_ARP_WE_ASK_PEER);
	lab_pass(lab, 60 * LAB_SECOND);
	lab_expect_silence(lab);
	assert_int_equal(lab_count(lab)->unresolved_dropped, 1);
	assert_int_equal(lab_count(lab)->neighbours, 0);
	lab_close(lab);
}

SPEC(ipv6_neighbours_are_asked_for_alike)
{
	struct lab *lab = alone();

	lab_send(lab, PEER6, 60, 1);
	lab_pass(lab, 10 * LAB_SECOND);
	assert_int_equal(count_sent(lab, V_NS_WE_ASK_PEER), 3);
	assert_int_equal(lab->sent, 3);
	lab_close(lab);
}

SPEC(a_link_local_neighbour_is_asked_for_from_our_link_local_address)
{
	struct lab *lab = alone();
	struct ip_addr src = lab_ip(US_LL), dst = lab_ip(PEER_LL);
	uint8_t packet[60] = {0};

	net_build_ip(packet, &src, &dst, 17, 20);
	net_port_send_ip(lab->port, packet, sizeof(packet), &lab->out, lab->now);
	assert_memory_equal(lab_next(lab)->b + 22, src.b, 16);
	lab_close(lab);
}

SPEC(a_confirmed_neighbour_is_left_alone_while_nobody_uses_it)
{
	struct lab *lab = with_reachable_peer();

	lab_pass(lab, 600 * LAB_SECOND);
	lab_expect_silence(lab);
	assert_string_equal(lab_mac_of(lab, PEER4), PEER_MAC);
	lab_close(lab);
}

SPEC(a_neighbour_in_use_is_verified_by_unicast_before_it_is_doubted)
{
	struct lab *lab = with_reachable_peer();
	unsigned lost = 0;

	for (unsigned s = 0; s < 300; s++) {
		lost += lab_mac_of(lab, PEER4)[0] == '\0';
		lab_pass(lab, LAB_SECOND);
		if (lab->sent > 0) {
			lab_expect(lab, V_ARP_WE_PROBE_PEER);
			lab_forget(lab);
			assert_true(lab_feed_hex(lab, V_ARP_PEER_ANSWERS));
		}
	}
	assert_int_equal(lost, 0);
	/* 300 s of at most 45 + 1 + 5 s and at least 15 + 5 s each */
	assert_in_range(lab_count(lab)->arp_out, 2 + 1 + 5, 2 + 1 + 15);
	lab_close(lab);
}

SPEC(a_neighbour_that_left_is_found_out_by_three_probes)
{
	struct lab *lab = with_reachable_peer();
	unsigned s;

	for (s = 0; s < 100 && lab_mac_of(lab, PEER4)[0] != '\0'; s++)
		lab_pass(lab, LAB_SECOND);
	assert_in_range(s, 15 + 5 + 3, 45 + 1 + 5 + 3 + 1);
	assert_int_equal(count_sent(lab, V_ARP_WE_PROBE_PEER), 3);
	assert_int_equal(lab->sent, 3);
	lab_close(lab);
}

SPEC(ipv6_probes_go_by_unicast_too)
{
	struct lab *lab = alone();

	lab_send(lab, PEER6, 60, 1);
	assert_true(lab_feed_hex(lab, V_NA_PEER_ANSWERS));
	lab_forget(lab);
	for (unsigned s = 0; s < 60; s++) {
		lab_mac_of(lab, PEER6);
		lab_pass(lab, LAB_SECOND);
	}
	assert_int_equal(count_sent(lab, V_NS_WE_PROBE_PEER), 3);
	lab_close(lab);
}

SPEC(an_entry_unused_for_twenty_minutes_goes)
{
	struct lab *lab = with_reachable_peer();

	assert_int_equal(lab_count(lab)->neighbours, 1);
	lab_pass(lab, (20 * 60 + 46) * LAB_SECOND);
	assert_int_equal(lab_count(lab)->neighbours, 0);
	assert_string_equal(lab_mac_of(lab, PEER4), "");
	lab_close(lab);
}

SPEC(gateways_are_asked_for_before_anybody_needs_them)
{
	struct lab *lab = lab_open_cold(NULL);

	net_port_expire(lab->port, &lab->out, lab->now);
	assert_int_equal(count_sent(lab, V_ARP_WE_ASK_GATEWAY), 1);
	assert_int_equal(count_sent(lab, V_NS_WE_ASK_GATEWAY), 1);
	lab_know_gateways(lab);
	assert_string_equal(lab_mac_of(lab, "203.0.113.7"), GW_MAC);
	assert_string_equal(lab_mac_of(lab, "2001:db8:77::1"), GW_MAC);
	lab_close(lab);
}

SPEC(a_silent_gateway_is_asked_for_ever_but_less_often)
{
	struct lab *lab = lab_open(NULL);

	lab_pass(lab, 3 * LAB_SECOND);
	lab_forget(lab);
	lab_pass(lab, 100 * LAB_SECOND);
	assert_in_range(count_sent(lab, V_ARP_WE_ASK_GATEWAY), 9, 11);
	assert_true(lab_feed_hex(lab, V_ARP_GATEWAY_ANSWERS));
	assert_string_equal(lab_mac_of(lab, "203.0.113.7"), GW_MAC);
	lab_close(lab);
}

SPEC(a_gateway_is_kept_verified_though_nobody_uses_it)
{
	struct lab *lab = lab_open(NULL);
	unsigned probes = 0;

	lab_know_gateways(lab);
	lab_pass(lab, 10 * LAB_SECOND);
	lab_forget(lab);
	for (unsigned s = 0; s < 300; s++) {
		lab_pass(lab, LAB_SECOND);
		if (count_sent(lab, V_ARP_WE_PROBE_GATEWAY)) {
			probes++;
			assert_true(lab_feed_hex(lab, V_ARP_GATEWAY_ANSWERS));
		}
		if (lab->sent)
			assert_true(lab_feed_hex(lab, V_NA_GATEWAY_ANSWERS));
		lab_forget(lab);
	}
	assert_in_range(probes, 5, 20);
	assert_string_equal(lab_mac_of(lab, "203.0.113.7"), GW_MAC);
	lab_close(lab);
}

SPEC(when_the_first_gateway_dies_the_second_takes_over)
{
	struct net_config cfg;
	struct lab *lab;
	unsigned s;

	lab_config(&cfg);
	cfg.gateways[1] = lab_ip("192.0.2.200");
	lab = lab_open(&cfg);
	assert_true(lab_feed_hex(lab, V_ARP_GATEWAY_ANSWERS));
	answer_from(lab, 200, 2);
	assert_string_equal(lab_mac_of(lab, "203.0.113.7"), GW_MAC);
	for (s = 0; s < 60 && strcmp(lab_mac_of(lab, "203.0.113.7"), GW_MAC) == 0; s++) {
		lab_pass(lab, LAB_SECOND);
		answer_from(lab, 200, 2);
	}
	assert_true(s < 60);
	assert_string_equal(lab_mac_of(lab, "203.0.113.7"), "0200000001c8");
	assert_true(lab_feed_hex(lab, V_ARP_GATEWAY_ANSWERS));
	assert_string_equal(lab_mac_of(lab, "203.0.113.7"), GW_MAC);
	lab_close(lab);
}

SPEC(a_gateway_that_announces_another_mac_is_followed)
{
	struct lab *lab = lab_open(NULL);
	struct lab_bytes f = lab_hex(V_ARP_GATEWAY_ANSWERS);
	uint8_t mac[6];

	assert_false(net_port_gateway(lab->port, 0, mac));
	lab_know_gateways(lab);
	assert_true(net_port_gateway(lab->port, 0, mac));
	assert_memory_equal(mac, lab_hex(GW_MAC).b, 6);
	assert_false(net_port_gateway(lab->port, 2, mac));
	/* As in a VRRP fail-over: broadcast, for its own address. */
	memset(f.b, 0xff, 6);
	f.b[27] = f.b[11] = 0xfd;
	memcpy(f.b + 38, f.b + 28, 4);
	assert_true(lab_feed(lab, f.b, f.len));
	assert_string_equal(lab_mac_of(lab, "203.0.113.7"), "0200000000fd");
	assert_int_equal(lab_count(lab)->neighbour_changes, 1);
	lab_close(lab);
}

SPEC(multicast_and_broadcast_need_no_neighbour)
{
	struct lab *lab = lab_open(NULL);

	assert_string_equal(lab_mac_of(lab, "224.129.2.3"), "01005e010203");
	assert_string_equal(lab_mac_of(lab, "255.255.255.255"), ALL_MAC);
	assert_string_equal(lab_mac_of(lab, "192.0.2.255"), ALL_MAC);
	assert_string_equal(lab_mac_of(lab, "ff02::1:ff00:99"), "3333ff000099");
	lab_close(lab);
}

SPEC(without_a_route_a_packet_is_dropped_and_counted)
{
	struct lab *lab = alone();

	lab_send(lab, "203.0.113.7", 60, 1);
	lab_send(lab, "2001:db8:77::1", 60, 1);
	lab_send(lab, US4, 60, 1);     /* to ourselves */
	lab_send(lab, PEER4, 1501, 1); /* longer than the MTU */
	net_port_send_ip(lab->port, (const uint8_t *)"\x45", 1, &lab->out, lab->now);
	lab_expect_silence(lab);
	assert_int_equal(lab_count(lab)->unresolved_dropped, 5);
	lab_close(lab);
}

/* Bounds */

static struct lab *small(unsigned max)
{
	struct net_config cfg;
	struct lab *lab;

	lab_config(&cfg);
	cfg.max_neighbours = max;
	lab = lab_open(&cfg);
	lab_know_gateways(lab);
	return lab;
}

static const char *neighbour(uint8_t n)
{
	static char text[16];

	snprintf(text, sizeof(text), "192.0.2.%u", n);
	return text;
}

SPEC(the_table_never_outgrows_its_bound_and_gateways_stay)
{
	struct lab *lab = small(8);

	for (uint8_t n = 10; n < 250; n++) {
		answer_from(lab, n, 1);
		assert_true(lab_count(lab)->neighbours <= 8 + 2);
	}
	assert_int_equal(lab_count(lab)->neighbours_full, 240 - 8);
	assert_string_equal(lab_mac_of(lab, "203.0.113.7"), GW_MAC);
	assert_string_equal(lab_mac_of(lab, "2001:db8:77::1"), GW_MAC);
	assert_string_equal(lab_mac_of(lab, neighbour(249)), "0200000001f9");
	assert_string_equal(lab_mac_of(lab, neighbour(241)), "");
	lab_close(lab);
}

SPEC(a_flood_of_claims_does_not_evict_a_neighbour_that_we_talk_to)
{
	struct lab *lab = small(8);

	lab_send(lab, PEER4, 60, 1);
	assert_true(lab_feed_hex(lab, V_ARP_PEER_ANSWERS));
	for (uint8_t n = 100; n < 250; n++)
		answer_from(lab, n, 1);
	assert_string_equal(lab_mac_of(lab, PEER4), PEER_MAC);
	lab_close(lab);
}

SPEC(a_scan_of_addresses_that_nobody_has_does_not_either)
{
	struct lab *lab = small(8);

	for (uint8_t n = 10; n < 16; n++) {
		lab_send(lab, neighbour(n), 60, 1);
		answer_from(lab, n, 2);
	}
	for (uint8_t n = 100; n < 250; n++)
		lab_send(lab, neighbour(n), 60, 1);
	for (uint8_t n = 10; n < 16; n++)
		assert_string_not_equal(lab_mac_of(lab, neighbour(n)), "");
	lab_close(lab);
}

SPEC(the_least_recently_heard_goes_first_and_who_is_in_use_gets_another_chance)
{
	struct lab *lab = small(4);

	for (uint8_t n = 10; n < 14; n++)
		answer_from(lab, n, 1);
	answer_from(lab, 10, 1); /* again */
	lab_mac_of(lab, neighbour(11));
	answer_from(lab, 20, 1);
	assert_string_not_equal(lab_mac_of(lab, neighbour(10)), "");
	assert_string_not_equal(lab_mac_of(lab, neighbour(11)), "");
	assert_string_equal(lab_mac_of(lab, neighbour(12)), "");
	lab_close(lab);
}

SPEC(a_table_of_none_still_has_its_gateways)
{
	struct lab *lab = small(0);

	answer_from(lab, 10, 1);
	lab_send(lab, PEER4, 60, 1);
	assert_string_equal(lab_mac_of(lab, PEER4), "");
	assert_string_equal(lab_mac_of(lab, "203.0.113.7"), GW_MAC);
	assert_int_equal(lab_count(lab)->unresolved_dropped, 1);
	lab_close(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unknown_neighbour_is_asked_for_three_times_a_second_apart),
		cmocka_unit_test(ipv6_neighbours_are_asked_for_alike),
		cmocka_unit_test(a_link_local_neighbour_is_asked_for_from_our_link_local_address),
		cmocka_unit_test(a_confirmed_neighbour_is_left_alone_while_nobody_uses_it),
		cmocka_unit_test(a_neighbour_in_use_is_verified_by_unicast_before_it_is_doubted),
		cmocka_unit_test(a_neighbour_that_left_is_found_out_by_three_probes),
		cmocka_unit_test(ipv6_probes_go_by_unicast_too),
		cmocka_unit_test(an_entry_unused_for_twenty_minutes_goes),
		cmocka_unit_test(gateways_are_asked_for_before_anybody_needs_them),
		cmocka_unit_test(a_silent_gateway_is_asked_for_ever_but_less_often),
		cmocka_unit_test(a_gateway_is_kept_verified_though_nobody_uses_it),
		cmocka_unit_test(when_the_first_gateway_dies_the_second_takes_over),
		cmocka_unit_test(a_gateway_that_announces_another_mac_is_followed),
		cmocka_unit_test(multicast_and_broadcast_need_no_neighbour),
		cmocka_unit_test(without_a_route_a_packet_is_dropped_and_counted),
		cmocka_unit_test(the_table_never_outgrows_its_bound_and_gateways_stay),
		cmocka_unit_test(a_flood_of_claims_does_not_evict_a_neighbour_that_we_talk_to),
		cmocka_unit_test(a_scan_of_addresses_that_nobody_has_does_not_either),
		cmocka_unit_test(
			the_least_recently_heard_goes_first_and_who_is_in_use_gets_another_chance),
		cmocka_unit_test(a_table_of_none_still_has_its_gateways),
	};

	return cmocka_run_group_tests_name("net: neighbours", tests, NULL, NULL);
}
