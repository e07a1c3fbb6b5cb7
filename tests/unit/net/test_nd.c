/* Neighbour discovery (RFC 4861): validation, answers, and what an advertisement changes. */
#include "tests/unit/net/craft.h"
#include "tests/unit/net/lab.h"
#include "tests/unit/net/linux.h"

#include <stdio.h>

static struct craft c;

/* An ND message from the peer, hop limit 255, unsealed after `body` (all after type and code). */
static void nd(const char *dst_mac, const char *src, const char *dst, uint8_t type, uint32_t flags,
	const char *target, const char *options)
{
	struct ip_addr t = lab_ip(target);

	craft_eth(&c, dst_mac, 0x86dd);
	craft_ip6(&c, src, dst, 58);
	c.b[c.l3 + 7] = 255;
	craft_icmp(&c, type, 0, flags);
	craft_bytes(&c, t.b, 16);
	craft_hex(&c, options);
	craft_seal(&c);
}

#define NS_MAC	  "3333ff000002"
#define NS_DST	  "ff02::1:ff00:2"
#define SOURCE	  "0101" PEER_MAC

#define SOLICITED 0x40000000u
#define OVERRIDE  0x20000000u

static void advertise(struct lab *lab, uint32_t flags, const char *mac)
{
	char option[17] = "";

	if (mac)
		snprintf(option, sizeof(option), "0201%s", mac);
	nd(US_MAC, PEER6, US6, 136, flags, PEER6, option);
	assert_true(lab_feed(lab, c.b, c.len));
}

SPEC(a_solicitation_for_our_address_is_answered)
{
	struct lab *lab = lab_open(NULL);

	assert_true(lab_feed_hex(lab, V_NS_PEER_ASKS_US));
	lab_expect(lab, V_NA_WE_ANSWER_PEER);
	lab_expect_silence(lab);
	assert_string_equal(lab_mac_of(lab, PEER6), PEER_MAC);
	lab_close(lab);
}

SPEC(a_solicitation_for_the_link_local_address_is_answered)
{
	struct lab *lab = lab_open(NULL);

	assert_true(lab_feed_hex(lab, V_NS_PEER_ASKS_LINK_LOCAL));
	lab_expect(lab, V_NA_WE_ANSWER_LINK_LOCAL);
	assert_string_equal(lab_mac_of(lab, PEER_LL), PEER_MAC);
	lab_close(lab);
}

SPEC(linux_is_answered_as_it_expects)
{
	struct lab *lab = lab_open(NULL);
	const struct lab_bytes *f;

	assert_true(lab_feed_hex(lab, LINUX_NS));
	f = lab_next(lab);
	/* What Linux took for an answer in the capture, but for the address order of the test. */
	assert_memory_equal(f->b,
		lab_hex(LINUX_MAC US_MAC "86dd"
					 "6000000000203aff")
			.b,
		22);
	assert_memory_equal(f->b + 54,
		lab_hex("88008a72"
			"60000000")
			.b,
		8);
	assert_true(lab_feed_hex(lab, LINUX_NA));
	lab_close(lab);
}

SPEC(a_unicast_solicitation_without_a_source_address_option_goes_back_where_it_came_from)
{
	struct lab *lab = lab_open(NULL);

	nd(US_MAC, PEER6, US6, 135, 0, US6, "");
	assert_true(lab_feed(lab, c.b, c.len));
	lab_expect(lab, V_NA_WE_ANSWER_PEER);
	assert_string_equal(lab_mac_of(lab, PEER6), "");
	lab_close(lab);
}

SPEC(who_is_not_on_the_link_is_answered_but_not_learnt)
{
	struct lab *lab = lab_open(NULL);

	nd(NS_MAC, "2001:db8:1::99", NS_DST, 135, 0, US6, SOURCE);
	assert_true(lab_feed(lab, c.b, c.len));
	assert_memory_equal(lab_next(lab)->b, lab_hex(PEER_MAC).b, 6);
	assert_int_equal(lab_count(lab)->neighbours, 2);
	lab_close(lab);
}

SPEC(a_target_that_is_not_ours_is_not_for_us)
{
	struct lab *lab = lab_open(NULL);

	/* It shares our solicited-node group. */
	nd(NS_MAC, PEER6, NS_DST, 135, 0, "2001:db8:ffff::2", SOURCE);
	lab_refuse(lab, c.b, c.len, WIRE_not_for_us);
	lab_close(lab);
}

SPEC(a_solicitation_that_breaks_a_rule_is_a_bad_header)
{
	struct lab *lab = lab_open(NULL);

	nd(NS_MAC, PEER6, NS_DST, 135, 0, US6, SOURCE);
	c.b[21] = 254; /* came through a router */
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	nd(NS_MAC, PEER6, NS_DST, 135, 0, US6, SOURCE);
	c.b[55] = 1; /* code */
	craft_seal(&c);
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	nd(NS_MAC, PEER6, NS_DST, 135, 0, US6, "0100" PEER_MAC); /* option of no length */
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	nd(NS_MAC, PEER6, NS_DST, 135, 0, US6, "0102" PEER_MAC); /* past the end */
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	nd(NS_MAC, PEER6, NS_DST, 135, 0, US6, "01010200"); /* cut */
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	nd(NS_MAC, PEER6, NS_DST, 135, 0, US6, "0101" ALL_MAC); /* a group for a MAC */
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	nd(NS_MAC, PEER6, NS_DST, 135, 0, US6, "0102" PEER_MAC "0000000000000000");
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);	      /* fourteen bytes of MAC */
	nd(NS_MAC, PEER6, NS_DST, 135, 0, "ff02::1", SOURCE); /* a group for a target */
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	nd(NS_MAC, "::", NS_DST, 135, 0, US6, SOURCE); /* duplicate detection with a MAC */
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	nd(US_MAC, "::", US6, 135, 0, US6, ""); /* duplicate detection by unicast */
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	nd("333300000001", "::", "ff02::1", 135, 0, US6, ""); /* or to all nodes */
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	nd(NS_MAC, US6, NS_DST, 135, 0, US6, SOURCE); /* from ourselves */
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	craft_eth(&c, NS_MAC, 0x86dd);
	craft_ip6(&c, PEER6, NS_DST, 58);
	c.b[c.l3 + 7] = 255;
	craft_icmp(&c, 135, 0, 0);
	craft_hex(&c, "20010db8000000000000000000"); /* three bytes short */
	craft_seal(&c);
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	assert_int_equal(lab_count(lab)->dad_conflicts, 0);
	lab_close(lab);
}

SPEC(an_ipv4_mapped_target_does_not_touch_the_ipv4_address_or_neighbour)
{
	static const char *const targets[] = {"00000000000000000000ffffc0000202",
		"00000000000000000000ffffc0000263", "00000000000000000000ffffc0000201"};
	static const uint8_t types[] = {135, 136};
	struct lab *lab = lab_open(NULL);

	for (unsigned i = 0; i < 3; i++)
		for (unsigned t = 0; t < 2; t++) {
			nd(US_MAC, PEER6, US6, types[t], OVERRIDE, US6,
				types[t] == 135 ? SOURCE : "0201" PEER_MAC);
			memcpy(c.b + 62, lab_hex(targets[i]).b, 16);
			craft_seal(&c);
			lab_refuse(lab, c.b, c.len, WIRE_bad_header);
		}
	assert_int_equal(lab_count(lab)->dad_conflicts, 0);
	assert_string_equal(lab_mac_of(lab, "203.0.113.7"), "");
	lab_close(lab);
}

SPEC(a_wrong_checksum_is_seen)
{
	struct lab *lab = lab_open(NULL);
	struct lab_bytes f = lab_hex(V_NS_PEER_ASKS_US);

	f.b[85] ^= 1;
	lab_refuse(lab, f.b, f.len, WIRE_bad_checksum);
	lab_close(lab);
}

SPEC(a_message_with_a_fragment_header_is_refused_be_it_atomic)
{
	struct lab *lab = lab_open(NULL);

	/* RFC 6980 */
	craft_eth(&c, NULL, 0x86dd);
	craft_ip6(&c, PEER6, US6, 44);
	c.b[c.l3 + 7] = 255;
	craft_frag6(&c, 58, 7, 0, false);
	craft_icmp(&c, 135, 0, 0);
	craft_bytes(&c, lab_ip(US6).b, 16);
	craft_hex(&c, SOURCE);
	craft_seal(&c);
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	lab_close(lab);
}

SPEC(options_that_we_do_not_know_are_stepped_over)
{
	struct lab *lab = lab_open(NULL);

	nd(NS_MAC, PEER6, NS_DST, 135, 0, US6,
		"fe02"
		"00112233445566778899aabbccdd" SOURCE);
	assert_true(lab_feed(lab, c.b, c.len));
	lab_expect(lab, V_NA_WE_ANSWER_PEER);
	lab_close(lab);
}

SPEC(router_messages_are_accepted_and_change_nothing)
{
	struct lab *lab = lab_open(NULL);
	static const uint8_t types[] = {133, 134, 137};

	for (unsigned i = 0; i < 3; i++) {
		nd("333300000001", PEER_LL, "ff02::1", types[i], 0x40000708, PEER6,
			SOURCE "030440c0000151800000a8c00000000020010db8000100000000000000000000");
		assert_true(lab_feed(lab, c.b, c.len));
	}
	lab_expect_silence(lab);
	assert_int_equal(lab_count(lab)->neighbours, 2);
	assert_string_equal(lab_mac_of(lab, "2001:db8:1::1"), "");
	lab_close(lab);
}

SPEC(an_advertisement_that_nobody_waits_for_makes_no_entry)
{
	struct lab *lab = lab_open(NULL);

	advertise(lab, SOLICITED | OVERRIDE, PEER_MAC);
	assert_string_equal(lab_mac_of(lab, PEER6), "");
	lab_close(lab);
}

SPEC(an_advertisement_resolves_who_was_asked_for)
{
	struct lab *lab = lab_open(NULL);

	lab_send(lab, PEER6, 60, 1);
	lab_expect(lab, V_NS_WE_ASK_PEER);
	advertise(lab, SOLICITED | OVERRIDE, NULL); /* without a MAC it says nothing */
	assert_string_equal(lab_mac_of(lab, PEER6), "");
	assert_true(lab_feed_hex(lab, V_NA_PEER_ANSWERS));
	assert_string_equal(lab_mac_of(lab, PEER6), PEER_MAC);
	lab_close(lab);
}

/* RFC 4861 7.2.5, on an entry that is REACHABLE at PEER_MAC. */
static struct lab *reachable(void)
{
	struct lab *lab = lab_open(NULL);

	lab_send(lab, PEER6, 60, 1);
	assert_true(lab_feed_hex(lab, V_NA_PEER_ANSWERS));
	lab_forget(lab);
	return lab;
}

/* Is the neighbour verified some seconds after it is used? Then it was stale. */
static bool is_stale(struct lab *lab)
{
	assert_string_not_equal(lab_mac_of(lab, PEER6), "");
	lab_pass(lab, 8 * LAB_SECOND);
	for (unsigned i = 0; i < lab->sent; i++)
		if (lab->frame[i].b[54] == 135 && lab->frame[i].b[77] == 0x99)
			return true;
	return false;
}

SPEC(another_mac_without_override_is_not_taken_but_makes_us_doubt)
{
	struct lab *lab = reachable();

	advertise(lab, SOLICITED, "0200000000aa");
	assert_string_equal(lab_mac_of(lab, PEER6), PEER_MAC);
	assert_true(is_stale(lab));
	lab_close(lab);
}

SPEC(another_mac_with_override_is_taken)
{
	struct lab *lab = reachable();

	advertise(lab, SOLICITED | OVERRIDE, "0200000000aa");
	assert_string_equal(lab_mac_of(lab, PEER6), "0200000000aa");
	assert_false(is_stale(lab));
	assert_int_equal(lab_count(lab)->neighbour_changes, 1);
	lab_close(lab);
}

SPEC(another_mac_that_we_did_not_ask_for_is_taken_and_verified)
{
	struct lab *lab = reachable();

	advertise(lab, OVERRIDE, "0200000000aa");
	assert_string_equal(lab_mac_of(lab, PEER6), "0200000000aa");
	assert_true(is_stale(lab));
	lab_close(lab);
}

SPEC(the_same_mac_unasked_changes_nothing)
{
	struct lab *lab = reachable();

	advertise(lab, OVERRIDE, PEER_MAC);
	assert_false(is_stale(lab));
	lab_close(lab);
}

SPEC(a_solicited_flag_in_a_multicast_advertisement_is_a_bad_header)
{
	struct lab *lab = reachable();

	nd("333300000001", PEER6, "ff02::1", 136, SOLICITED, PEER6, "0201" PEER_MAC);
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	lab_close(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_solicitation_for_our_address_is_answered),
		cmocka_unit_test(a_solicitation_for_the_link_local_address_is_answered),
		cmocka_unit_test(linux_is_answered_as_it_expects),
		cmocka_unit_test(
			a_unicast_solicitation_without_a_source_address_option_goes_back_where_it_came_from),
		cmocka_unit_test(who_is_not_on_the_link_is_answered_but_not_learnt),
		cmocka_unit_test(a_target_that_is_not_ours_is_not_for_us),
		cmocka_unit_test(a_solicitation_that_breaks_a_rule_is_a_bad_header),
		cmocka_unit_test(
			an_ipv4_mapped_target_does_not_touch_the_ipv4_address_or_neighbour),
		cmocka_unit_test(a_wrong_checksum_is_seen),
		cmocka_unit_test(a_message_with_a_fragment_header_is_refused_be_it_atomic),
		cmocka_unit_test(options_that_we_do_not_know_are_stepped_over),
		cmocka_unit_test(router_messages_are_accepted_and_change_nothing),
		cmocka_unit_test(an_advertisement_that_nobody_waits_for_makes_no_entry),
		cmocka_unit_test(an_advertisement_resolves_who_was_asked_for),
		cmocka_unit_test(another_mac_without_override_is_not_taken_but_makes_us_doubt),
		cmocka_unit_test(another_mac_with_override_is_taken),
		cmocka_unit_test(another_mac_that_we_did_not_ask_for_is_taken_and_verified),
		cmocka_unit_test(the_same_mac_unasked_changes_nothing),
		cmocka_unit_test(a_solicited_flag_in_a_multicast_advertisement_is_a_bad_header),
	};

	return cmocka_run_group_tests_name("net: neighbour discovery", tests, NULL, NULL);
}
