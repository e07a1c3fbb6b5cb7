/* Packets that wait for their neighbour's answer. */
#include "tests/unit/net/craft.h"
#include "tests/unit/net/lab.h"

static struct lab *lab_holding(unsigned max_held)
{
	struct net_config cfg;
	struct lab *lab;

	lab_config(&cfg);
	cfg.max_held = max_held;
	lab = lab_open(&cfg);
	return lab;
}

/* The next frame is the packet with that mark at its end, to `mac`. */
static void expect_packet(struct lab *lab, const char *mac, uint8_t mark)
{
	const struct lab_bytes *f = lab_next(lab);

	assert_memory_equal(f->b, lab_hex(mac).b, 6);
	assert_memory_equal(f->b + 6, lab_hex(US_MAC).b, 6);
	assert_int_equal(f->b[f->len - 1], mark);
}

SPEC(held_packets_go_out_in_order_when_the_answer_comes)
{
	struct lab *lab = lab_holding(256);

	lab_send(lab, PEER4, 60, 1);
	lab_send(lab, PEER4, 1500, 2);
	lab_send(lab, PEER4, 60, 3);
	lab_expect(lab, V_ARP_WE_ASK_PEER);
	lab_expect_silence(lab);
	assert_true(lab_feed_hex(lab, V_ARP_PEER_ANSWERS));
	expect_packet(lab, PEER_MAC, 1);
	expect_packet(lab, PEER_MAC, 2);
	expect_packet(lab, PEER_MAC, 3);
	lab_expect_silence(lab);
	assert_int_equal(lab_count(lab)->unresolved_dropped, 0);
	lab_close(lab);
}

SPEC(a_request_by_the_neighbour_serves_as_well)
{
	struct lab *lab = lab_holding(256);

	lab_send(lab, PEER6, 60, 1);
	lab_forget(lab);
	assert_true(lab_feed_hex(lab, V_NS_PEER_ASKS_US));
	expect_packet(lab, PEER_MAC, 1);
	lab_expect(lab, V_NA_WE_ANSWER_PEER);
	lab_close(lab);
}

SPEC(a_packet_for_a_known_neighbour_is_sent_at_once)
{
	struct lab *lab = lab_holding(256);

	lab_know_peer(lab);
	lab_send(lab, PEER4, 60, 1);
	expect_packet(lab, PEER_MAC, 1);
	lab_send(lab, PEER6, 60, 2);
	expect_packet(lab, PEER_MAC, 2);
	lab_close(lab);
}

SPEC(packets_beyond_the_link_wait_for_the_gateway)
{
	struct lab *lab = lab_holding(256);

	lab_send(lab, "203.0.113.7", 60, 1);
	lab_send(lab, "198.51.100.7", 60, 2);
	lab_send(lab, "2001:db8:7::1", 60, 3);
	lab_expect_silence(lab);
	assert_true(lab_feed_hex(lab, V_ARP_GATEWAY_ANSWERS));
	expect_packet(lab, GW_MAC, 1);
	expect_packet(lab, GW_MAC, 2);
	assert_true(lab_feed_hex(lab, V_NA_GATEWAY_ANSWERS));
	expect_packet(lab, GW_MAC, 3);
	lab_close(lab);
}

SPEC(of_one_neighbour_eight_are_held_and_the_oldest_goes)
{
	struct lab *lab = lab_holding(256);

	for (uint8_t i = 1; i <= NET_HELD_PER_NEIGHBOUR + 2; i++)
		lab_send(lab, PEER4, 60, i);
	lab_forget(lab);
	assert_int_equal(lab_count(lab)->unresolved_dropped, 2);
	assert_true(lab_feed_hex(lab, V_ARP_PEER_ANSWERS));
	for (uint8_t i = 3; i <= NET_HELD_PER_NEIGHBOUR + 2; i++)
		expect_packet(lab, PEER_MAC, i);
	lab_close(lab);
}

SPEC(of_all_neighbours_the_oldest_goes)
{
	struct lab *lab = lab_holding(4);

	lab_send(lab, PEER4, 60, 1);
	lab_send(lab, PEER6, 60, 2);
	lab_send(lab, PEER4, 60, 3);
	lab_send(lab, PEER6, 60, 4);
	lab_send(lab, "192.0.2.77", 60, 5); /* 1 goes */
	lab_send(lab, "192.0.2.78", 60, 6); /* 2 goes */
	lab_forget(lab);
	assert_int_equal(lab_count(lab)->unresolved_dropped, 2);
	assert_true(lab_feed_hex(lab, V_NA_PEER_ANSWERS));
	expect_packet(lab, PEER_MAC, 4);
	assert_true(lab_feed_hex(lab, V_ARP_PEER_ANSWERS));
	expect_packet(lab, PEER_MAC, 3);
	lab_expect_silence(lab);
	lab_close(lab);
}

SPEC(packets_for_who_never_answers_are_dropped_and_counted)
{
	struct lab *lab = lab_holding(256);

	for (uint8_t i = 0; i < 5; i++)
		lab_send(lab, PEER4, 60, i);
	lab_send(lab, "203.0.113.7", 60, 9);
	lab_pass(lab, 20 * LAB_SECOND);
	assert_int_equal(lab_count(lab)->unresolved_dropped, 6);
	lab_forget(lab);
	assert_true(lab_feed_hex(lab, V_ARP_PEER_ANSWERS));
	assert_true(lab_feed_hex(lab, V_ARP_GATEWAY_ANSWERS));
	lab_expect_silence(lab);
	lab_close(lab);
}

SPEC(eviction_of_the_neighbour_drops_its_packets)
{
	struct net_config cfg;
	struct lab *lab;

	lab_config(&cfg);
	cfg.max_neighbours = 1;
	lab = lab_open(&cfg);
	lab_send(lab, PEER4, 60, 1);
	lab_send(lab, PEER6, 60, 2);
	assert_int_equal(lab_count(lab)->unresolved_dropped, 1);
	lab_forget(lab);
	assert_true(lab_feed_hex(lab, V_NA_PEER_ANSWERS));
	expect_packet(lab, PEER_MAC, 2);
	lab_close(lab);
}

SPEC(without_buffers_nothing_is_sent_and_it_is_counted)
{
	struct lab *lab = lab_holding(256);

	lab->buffers = 0;
	lab_send(lab, PEER4, 60, 1);
	assert_true(lab_feed_hex(lab, V_ARP_PEER_ASKS_US)); /* two: the packet and the answer */
	assert_int_equal(lab_count(lab)->no_buffer, 3);
	lab_expect_silence(lab);
	lab_close(lab);
}

SPEC(a_pool_of_none_holds_nothing)
{
	struct lab *lab = lab_holding(0);

	lab_send(lab, PEER4, 60, 1);
	assert_int_equal(lab_count(lab)->unresolved_dropped, 1);
	lab_expect(lab, V_ARP_WE_ASK_PEER);
	assert_true(lab_feed_hex(lab, V_ARP_PEER_ANSWERS));
	lab_expect_silence(lab);
	lab_close(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(held_packets_go_out_in_order_when_the_answer_comes),
		cmocka_unit_test(a_request_by_the_neighbour_serves_as_well),
		cmocka_unit_test(a_packet_for_a_known_neighbour_is_sent_at_once),
		cmocka_unit_test(packets_beyond_the_link_wait_for_the_gateway),
		cmocka_unit_test(of_one_neighbour_eight_are_held_and_the_oldest_goes),
		cmocka_unit_test(of_all_neighbours_the_oldest_goes),
		cmocka_unit_test(packets_for_who_never_answers_are_dropped_and_counted),
		cmocka_unit_test(eviction_of_the_neighbour_drops_its_packets),
		cmocka_unit_test(without_buffers_nothing_is_sent_and_it_is_counted),
		cmocka_unit_test(a_pool_of_none_holds_nothing),
	};

	return cmocka_run_group_tests_name("net: held packets", tests, NULL, NULL);
}
