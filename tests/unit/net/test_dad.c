/* How our addresses become valid (RFC 5227, RFC 4862 5.4), and how they are defended. */
#include "tests/unit/net/craft.h"
#include "tests/unit/net/lab.h"

#define UNIT LAB_SECOND

static struct lab *starting(void)
{
	struct net_config cfg;

	lab_config(&cfg);
	cfg.dad_us = UNIT;
	cfg.gateways_count = 0;
	return lab_open_cold(&cfg);
}

/* When the frames of this kind were sent: turns the clock up to `end`. */
static unsigned watch(struct lab *lab, const char *hex, uint64_t end, uint64_t at[8])
{
	struct lab_bytes want = lab_hex(hex);
	unsigned n = 0, seen = lab->sent;

	while (lab->now < end) {
		uint64_t next = net_port_next_deadline(lab->port);

		if (next > end) {
			lab->now = end;
			break;
		}
		lab_pass(lab, next > lab->now ? next - lab->now : 0);
		for (; seen < lab->sent; seen++)
			if (lab->frame[seen].len == want.len &&
				memcmp(lab->frame[seen].b, want.b, want.len) == 0) {
				assert_true(n < 8);
				at[n++] = lab->now;
			}
	}
	return n;
}

static bool between(uint64_t t, uint64_t lo, uint64_t hi)
{
	return t >= lo && t <= hi;
}

SPEC(an_ipv4_address_is_probed_three_times_then_announced_twice)
{
	struct lab *lab = starting();
	uint64_t p[8] = {0}, a[8] = {0};

	assert_int_equal(watch(lab, V_ARP_OUR_PROBE, LAB_START + 10 * UNIT, p), 3);
	lab_close(lab);
	lab = starting();
	assert_int_equal(watch(lab, V_ARP_OUR_ANNOUNCEMENT, LAB_START + 20 * UNIT, a), 2);
	/* RFC 5227 2.1.1 and 2.3, with the same key: the same delays */
	assert_true(between(p[0], LAB_START, LAB_START + UNIT));
	assert_true(between(p[1] - p[0], UNIT, 2 * UNIT));
	assert_true(between(p[2] - p[1], UNIT, 2 * UNIT));
	assert_int_equal(a[0] - p[2], 2 * UNIT);
	assert_int_equal(a[1] - a[0], 2 * LAB_SECOND);
	lab_close(lab);
}

SPEC(an_ipv6_address_is_reported_solicited_once_and_announced)
{
	struct lab *lab = starting();
	uint64_t joined[8] = {0}, at[8] = {0};
	struct lab_bytes f = {0};
	unsigned solicitations = 0;

	assert_int_equal(watch(lab, V_MLD2_JOIN_FROM_NOWHERE, LAB_START + UNIT, joined), 1);
	for (unsigned i = 0; i < lab->sent; i++)
		if (lab->frame[i].len == 86 && lab->frame[i].b[54] == 135 &&
			memcmp(lab->frame[i].b + 62, lab_ip(US6).b, 16) == 0) {
			f = lab->frame[i];
			solicitations++;
		}
	assert_int_equal(solicitations, 1);
	/* From ::, to the group, with a nonce (RFC 7527) and no MAC. */
	assert_memory_equal(f.b,
		lab_hex("3333ff000002" US_MAC "86dd"
			"6000000000203aff")
			.b,
		22);
	assert_memory_equal(f.b + 22, lab_ip("::").b, 16);
	assert_memory_equal(f.b + 38, lab_ip("ff02::1:ff00:2").b, 16);
	assert_int_equal(f.b[78], 14);
	assert_int_equal(f.b[79], 1);
	assert_true(craft_l4_good(f.b, f.len));
	lab_close(lab);
	lab = starting();
	assert_int_equal(watch(lab, V_NA_OUR_ANNOUNCEMENT, LAB_START + 10 * UNIT, at), 2);
	assert_true(between(at[0], LAB_START + UNIT, LAB_START + 2 * UNIT));
	lab_close(lab);
}

SPEC(until_then_nothing_is_for_us)
{
	struct lab *lab = starting();

	net_port_expire(lab->port, &lab->out, lab->now);
	assert_false(net_port_ready(lab->port));
	assert_string_equal(net_port_address_state(lab->port, 0), "tentative");
	lab_refuse_hex(lab, V_UDP4, WIRE_not_for_us);
	lab_refuse_hex(lab, V_PING4, WIRE_not_for_us);
	lab_refuse_hex(lab, V_UDP6, WIRE_not_for_us);
	lab_refuse_hex(lab, V_PING6, WIRE_not_for_us);
	assert_true(lab_feed_hex(lab, V_ARP_PEER_ASKS_US));
	assert_true(lab_feed_hex(lab, V_NS_PEER_ASKS_US));
	assert_int_equal(lab_count(lab)->dad_conflicts, 0);
	for (unsigned i = 0; i < lab->sent; i++)
		assert_int_not_equal(lab->frame[i].b[54], 136);
	lab_pass(lab, 10 * UNIT);
	assert_true(net_port_ready(lab->port));
	assert_string_equal(net_port_address_state(lab->port, 0), "valid");
	assert_string_equal(net_port_address_state(lab->port, 1), "valid");
	assert_true(lab_feed_hex(lab, V_UDP4));
	assert_true(lab_feed_hex(lab, V_UDP6));
	lab_close(lab);
}

SPEC(the_link_local_address_is_made_from_the_mac_and_goes_the_same_way)
{
	struct lab *lab = starting();

	assert_true(lab_is(net_port_address(lab->port, 2), US_LL));
	assert_string_equal(net_port_address_state(lab->port, 2), "tentative");
	lab_pass(lab, 3 * UNIT);
	assert_string_equal(net_port_address_state(lab->port, 2), "valid");
	assert_null(net_port_address(lab->port, 3));
	assert_null(net_port_address_state(lab->port, 3));
	lab_close(lab);
}

SPEC(a_configured_link_local_address_is_not_added_twice)
{
	struct net_config cfg;
	struct lab *lab;

	lab_config(&cfg);
	cfg.addresses[0].addr = lab_ip(US_LL);
	cfg.addresses[0].prefix_len = 64;
	lab = lab_open(&cfg);
	assert_true(lab_is(net_port_address(lab->port, 0), US_LL));
	assert_true(lab_is(net_port_address(lab->port, 1), US6));
	assert_null(net_port_address(lab->port, 2));
	lab_close(lab);
}

SPEC(an_ipv4_address_that_somebody_uses_is_a_duplicate)
{
	static const char *const claims[] = {V_ARP_PEER_CLAIMS_OURS, V_ARP_PEER_PROBES_OURS};

	for (unsigned i = 0; i < 2; i++) {
		struct lab *lab = starting();

		lab_pass(lab, UNIT);
		assert_true(lab_feed_hex(lab, claims[i]));
		assert_string_equal(net_port_address_state(lab->port, 0), "duplicate");
		assert_int_equal(lab_count(lab)->dad_conflicts, 1);
		lab_pass(lab, 10 * UNIT);
		assert_true(net_port_ready(lab->port));
		lab_refuse_hex(lab, V_UDP4, WIRE_not_for_us);
		lab_forget(lab);
		assert_true(lab_feed_hex(lab, V_ARP_PEER_ASKS_US));
		lab_expect_silence(lab);
		lab_close(lab);
	}
}

SPEC(the_owner_of_a_duplicate_is_a_neighbour_like_any_other)
{
	static const char *const asks[] = {
		/* 192.0.2.2 at the peer's MAC asks for our second address, 192.0.2.3. */
		ALL_MAC PEER_MAC "0806"
				 "0001080006040001" PEER_MAC "c0000202"
				 "000000000000"
				 "c0000203"};
	struct net_config cfg;
	struct lab *lab;
	unsigned len;

	lab_config(&cfg);
	cfg.dad_us = UNIT;
	assert_int_equal(ip_prefix_parse(&cfg.addresses[2].addr, &len, "192.0.2.3/24"), 0);
	cfg.addresses[2].prefix_len = (uint8_t)len;
	cfg.addresses_count = 3;
	lab = lab_open(&cfg);
	lab_pass(lab, UNIT);
	assert_true(lab_feed_hex(lab, V_ARP_PEER_CLAIMS_OURS));
	assert_true(lab_feed_hex(lab, V_NA_PEER_CLAIMS_OURS));
	lab_pass(lab, 20 * UNIT);
	lab_forget(lab);
	assert_true(lab_feed_hex(lab, asks[0]));
	assert_int_equal(lab_next(lab)->b[21], 2);
	assert_string_equal(lab_mac_of(lab, US4), PEER_MAC);
	lab_send(lab, US6, 60, 7);
	assert_int_equal(lab_next(lab)->b[54], 135);
	assert_true(lab_feed_hex(lab, V_NA_PEER_CLAIMS_OURS));
	assert_int_equal(lab_next(lab)->b[73], 7);
	lab_close(lab);
}

SPEC(an_ipv6_address_that_somebody_uses_is_a_duplicate)
{
	static const char *const claims[] = {V_NA_PEER_CLAIMS_OURS, V_NS_PEER_PROBES_OURS};

	for (unsigned i = 0; i < 2; i++) {
		struct lab *lab = starting();

		lab_pass(lab, UNIT / 10);
		assert_true(lab_feed_hex(lab, claims[i]));
		assert_string_equal(net_port_address_state(lab->port, 1), "duplicate");
		lab_pass(lab, 10 * UNIT);
		lab_refuse_hex(lab, V_UDP6, WIRE_not_for_us);
		lab_forget(lab);
		assert_true(lab_feed_hex(lab, V_NS_PEER_ASKS_US));
		assert_true(lab_feed_hex(lab, V_NS_PEER_PROBES_OURS));
		lab_expect_silence(lab);
		lab_close(lab);
	}
}

SPEC(our_own_solicitation_looped_back_is_known_by_its_nonce)
{
	struct lab *lab = starting();

	lab_pass(lab, UNIT);
	for (unsigned i = 0; i < lab->sent; i++)
		if (lab->frame[i].b[12] == 0x86 && lab->frame[i].b[54] == 135)
			assert_true(lab_feed(lab, lab->frame[i].b, lab->frame[i].len));
	assert_int_equal(lab_count(lab)->dad_conflicts, 0);
	lab_pass(lab, 9 * UNIT);
	assert_string_equal(net_port_address_state(lab->port, 1), "valid");
	for (unsigned i = 0; i < lab->sent; i++)
		if (lab->frame[i].b[12] == 0x86 && lab->frame[i].b[54] == 136)
			lab_feed(lab, lab->frame[i].b, lab->frame[i].len);
	assert_int_equal(lab_count(lab)->dad_conflicts, 0);
	lab_close(lab);
}

SPEC(a_duplicate_is_tried_again_after_a_minute)
{
	struct lab *lab = starting();

	lab_pass(lab, UNIT);
	assert_true(lab_feed_hex(lab, V_ARP_PEER_CLAIMS_OURS));
	assert_true(lab_feed_hex(lab, V_NA_PEER_CLAIMS_OURS));
	lab_pass(lab, 59 * LAB_SECOND);
	assert_string_equal(net_port_address_state(lab->port, 0), "duplicate");
	lab_pass(lab, 20 * LAB_SECOND);
	assert_string_equal(net_port_address_state(lab->port, 0), "valid");
	assert_string_equal(net_port_address_state(lab->port, 1), "valid");
	assert_true(lab_feed_hex(lab, V_UDP4));
	lab_close(lab);
}

SPEC(a_valid_address_is_defended_at_most_every_ten_seconds)
{
	struct lab *lab = lab_open(NULL);

	lab_pass(lab, 5 * LAB_SECOND);
	lab_forget(lab);
	assert_true(lab_feed_hex(lab, V_ARP_PEER_CLAIMS_OURS));
	lab_expect(lab, V_ARP_OUR_ANNOUNCEMENT);
	assert_true(lab_feed_hex(lab, V_ARP_PEER_CLAIMS_OURS));
	lab_expect_silence(lab);
	lab->now += 10 * LAB_SECOND;
	assert_true(lab_feed_hex(lab, V_ARP_PEER_CLAIMS_OURS));
	lab_expect(lab, V_ARP_OUR_ANNOUNCEMENT);
	assert_int_equal(lab_count(lab)->dad_conflicts, 3);
	assert_string_equal(net_port_address_state(lab->port, 0), "valid");
	lab_close(lab);
}

SPEC(a_valid_ipv6_address_is_defended_too)
{
	struct lab *lab = lab_open(NULL);

	lab_pass(lab, 5 * LAB_SECOND);
	lab_forget(lab);
	assert_true(lab_feed_hex(lab, V_NS_PEER_PROBES_OURS));
	lab_expect(lab, V_NA_OUR_ANNOUNCEMENT);
	assert_true(lab_feed_hex(lab, V_NA_PEER_CLAIMS_OURS));
	lab_expect(lab, V_NA_OUR_ANNOUNCEMENT);
	assert_true(lab_feed_hex(lab, V_NA_PEER_CLAIMS_OURS));
	lab_expect_silence(lab);
	assert_true(lab_feed_hex(lab, V_UDP6));
	lab_close(lab);
}

SPEC(who_probes_for_our_valid_ipv4_address_is_told)
{
	struct lab *lab = lab_open(NULL);

	assert_true(lab_feed_hex(lab, V_ARP_PEER_PROBES_OURS));
	lab_expect(lab, V_ARP_WE_ANSWER_PROBE);
	assert_int_equal(lab_count(lab)->dad_conflicts, 0);
	assert_string_equal(lab_mac_of(lab, "0.0.0.0"), "");
	lab_close(lab);
}

SPEC(with_detection_off_addresses_are_valid_at_once_and_announced)
{
	struct lab *lab = lab_open_cold(NULL);
	uint64_t at[8] = {0};

	assert_true(net_port_ready(lab->port));
	assert_true(lab_feed_hex(lab, V_UDP4));
	assert_int_equal(watch(lab, V_ARP_OUR_ANNOUNCEMENT, LAB_START + 5 * LAB_SECOND, at), 2);
	assert_int_equal(at[0], LAB_START);
	assert_int_equal(at[1], LAB_START + 2 * LAB_SECOND);
	lab_close(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ipv4_address_is_probed_three_times_then_announced_twice),
		cmocka_unit_test(an_ipv6_address_is_reported_solicited_once_and_announced),
		cmocka_unit_test(until_then_nothing_is_for_us),
		cmocka_unit_test(the_link_local_address_is_made_from_the_mac_and_goes_the_same_way),
		cmocka_unit_test(a_configured_link_local_address_is_not_added_twice),
		cmocka_unit_test(an_ipv4_address_that_somebody_uses_is_a_duplicate),
		cmocka_unit_test(the_owner_of_a_duplicate_is_a_neighbour_like_any_other),
		cmocka_unit_test(an_ipv6_address_that_somebody_uses_is_a_duplicate),
		cmocka_unit_test(our_own_solicitation_looped_back_is_known_by_its_nonce),
		cmocka_unit_test(a_duplicate_is_tried_again_after_a_minute),
		cmocka_unit_test(a_valid_address_is_defended_at_most_every_ten_seconds),
		cmocka_unit_test(a_valid_ipv6_address_is_defended_too),
		cmocka_unit_test(who_probes_for_our_valid_ipv4_address_is_told),
		cmocka_unit_test(with_detection_off_addresses_are_valid_at_once_and_announced),
	};

	return cmocka_run_group_tests_name("net: duplicate address detection", tests, NULL, NULL);
}
