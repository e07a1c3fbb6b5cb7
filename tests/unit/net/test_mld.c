/* Multicast listener reports (RFC 3810, RFC 2710): what routers and snooping switches hear of us.
 */
#include "tests/unit/net/craft.h"
#include "tests/unit/net/lab.h"
#include "tests/unit/net/linux.h"

static struct craft c;

/* How many frames equal to `hex` were sent since the last lab_forget(). */
static unsigned count_sent(const struct lab *lab, const char *hex)
{
	struct lab_bytes want = lab_hex(hex);
	unsigned n = 0;

	for (unsigned i = 0; i < lab->sent; i++)
		n += lab->frame[i].len == want.len &&
		     memcmp(lab->frame[i].b, want.b, want.len) == 0;
	return n;
}

static struct lab *settled(void)
{
	struct lab *lab = lab_open(NULL);

	lab_pass(lab, 10 * LAB_SECOND);
	lab_forget(lab);
	return lab;
}

/* A query: `code` is the maximum response code; `v2` adds its four bytes. */
static void query(
	const char *src, const char *dst, uint16_t code, const char *group, bool v2, bool alert)
{
	struct ip_addr g = lab_ip(group);

	craft_eth(&c, "333300000001", 0x86dd);
	if (strcmp(dst, "ff02::1") != 0)
		memcpy(c.b, lab_hex("3333ff000002").b, 6);
	craft_ip6(&c, src, dst, alert ? 0 : 58);
	c.b[c.l3 + 7] = 1;
	if (alert)
		craft_ext6(&c, "3a000502000001"
			       "00");
	craft_icmp(&c, 130, 0, (uint32_t)code << 16);
	craft_bytes(&c, g.b, 16);
	if (v2)
		craft_hex(&c, "027d0000");
	craft_seal(&c);
}

SPEC(a_group_is_reported_when_it_is_joined_and_once_more)
{
	struct net_config cfg;
	struct lab *lab;

	lab_config(&cfg);
	cfg.dad_us = LAB_SECOND;
	lab = lab_open_cold(&cfg);
	lab_pass(lab, 20 * LAB_SECOND);
	assert_int_equal(count_sent(lab, V_MLD2_JOIN_FROM_NOWHERE), 1);
	assert_int_equal(count_sent(lab, V_MLD2_JOIN_LL_FROM_NOWHERE), 1);
	/* From ::, while there is no other address; then all of them from the link-local one. */
	assert_true(count_sent(lab, V_MLD2_CHANGE_ALL) >= 1);
	lab_close(lab);
}

SPEC(a_general_query_is_answered_within_its_time_by_all_groups)
{
	struct lab *lab = settled();
	uint64_t asked = lab->now;

	assert_true(lab_feed_hex(lab, V_MLD2_GENERAL_QUERY));
	lab_expect_silence(lab);
	while (lab->sent == 0) {
		assert_true(lab->now <= asked + 10 * LAB_SECOND);
		lab_pass(lab, 10000);
	}
	lab_expect(lab, V_MLD2_STATE_ALL);
	lab_pass(lab, 11 * LAB_SECOND);
	assert_int_equal(count_sent(lab, V_MLD2_STATE_ALL), 1);
	lab_close(lab);
}

SPEC(a_query_for_one_group_is_answered_by_that_group)
{
	struct lab *lab = settled();

	assert_true(lab_feed_hex(lab, V_MLD2_GROUP_QUERY));
	lab_pass(lab, LAB_SECOND);
	assert_int_equal(count_sent(lab, V_MLD2_STATE_ONE), 1);
	assert_int_equal(count_sent(lab, V_MLD2_STATE_ALL), 0);
	lab_close(lab);
}

SPEC(a_query_for_a_group_of_others_is_not_answered)
{
	struct lab *lab = settled();

	query(PEER_LL, "ff02::1", 1000, "ff02::1:ff00:3", true, true);
	assert_true(lab_feed(lab, c.b, c.len));
	lab_pass(lab, 2 * LAB_SECOND);
	assert_int_equal(count_sent(lab, V_MLD2_STATE_ALL), 0);
	assert_int_equal(count_sent(lab, V_MLD2_STATE_ONE), 0);
	lab_close(lab);
}

SPEC(two_queries_get_one_answer)
{
	struct lab *lab = settled();

	assert_true(lab_feed_hex(lab, V_MLD2_GROUP_QUERY));
	assert_true(lab_feed_hex(lab, V_MLD2_GENERAL_QUERY));
	lab_pass(lab, 11 * LAB_SECOND);
	assert_int_equal(count_sent(lab, V_MLD2_STATE_ALL), 1);
	assert_int_equal(count_sent(lab, V_MLD2_STATE_ONE), 0);
	lab_close(lab);
}

SPEC(a_long_response_time_is_in_floating_point)
{
	struct lab *lab = settled();

	/* RFC 3810 5.1.3: 0x8000 is 0x1000 << 3 ms, 0xffff is 0x1fff << 10 ms */
	query(PEER_LL, "ff02::1", 0xffff, "::", true, true);
	assert_true(lab_feed(lab, c.b, c.len));
	lab_pass(lab, (0x1fffull << 10) * 1000);
	assert_int_equal(count_sent(lab, V_MLD2_STATE_ALL), 1);
	lab_forget(lab);
	query(PEER_LL, "ff02::1", 0x8000, "::", true, true);
	assert_true(lab_feed(lab, c.b, c.len));
	lab_pass(lab, 32768000);
	assert_int_equal(count_sent(lab, V_MLD2_STATE_ALL), 1);
	lab_forget(lab);
	query(PEER_LL, "ff02::1", 0, "::", true, true);
	assert_true(lab_feed(lab, c.b, c.len));
	lab_pass(lab, 0);
	assert_int_equal(count_sent(lab, V_MLD2_STATE_ALL), 1);
	lab_close(lab);
}

SPEC(a_querier_of_version_1_gets_reports_of_version_1_until_it_is_forgotten)
{
	struct lab *lab = settled();

	assert_true(lab_feed_hex(lab, V_MLD1_GENERAL_QUERY));
	lab_pass(lab, 10 * LAB_SECOND);
	assert_int_equal(count_sent(lab, V_MLD1_REPORT_ONE), 1);
	assert_int_equal(count_sent(lab, V_MLD1_REPORT_LL), 1);
	assert_int_equal(count_sent(lab, V_MLD2_STATE_ALL), 0);
	lab_pass(lab, 251 * LAB_SECOND);
	lab_forget(lab);
	assert_true(lab_feed_hex(lab, V_MLD2_GENERAL_QUERY));
	lab_pass(lab, 10 * LAB_SECOND);
	assert_int_equal(count_sent(lab, V_MLD2_STATE_ALL), 1);
	lab_close(lab);
}

SPEC(addresses_that_end_alike_share_one_record)
{
	struct net_config cfg;
	struct lab *lab;

	lab_config(&cfg);
	cfg.addresses[0] = cfg.addresses[1];
	cfg.addresses[0].addr = lab_ip("2001:db8:5::2");
	lab = lab_open(&cfg);
	lab_pass(lab, 10 * LAB_SECOND);
	lab_forget(lab);
	assert_true(lab_feed_hex(lab, V_MLD2_GENERAL_QUERY));
	lab_pass(lab, 10 * LAB_SECOND);
	assert_int_equal(count_sent(lab, V_MLD2_STATE_ALL), 1);
	lab_forget(lab);
	assert_true(lab_feed_hex(lab, V_MLD2_GROUP_QUERY));
	lab_pass(lab, 10 * LAB_SECOND);
	assert_int_equal(count_sent(lab, V_MLD2_STATE_ONE), 1);
	lab_close(lab);
}

SPEC(a_query_that_breaks_a_rule_is_a_bad_header)
{
	struct lab *lab = settled();

	query(PEER6, "ff02::1", 1000, "::", true, true); /* not from the link */
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	query("::", "ff02::1", 1000, "::", true, true);
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	query(PEER_LL, "ff02::1", 1000, "::", true, false); /* no router alert */
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	query(PEER_LL, "ff02::1", 1000, "::", true, true);
	c.b[21] = 2; /* hop limit */
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	query(PEER_LL, "ff02::1", 1000, "::", false, true);
	craft_hex(&c, "02"); /* between the lengths of both versions */
	craft_seal(&c);
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	lab_pass(lab, 10 * LAB_SECOND);
	assert_int_equal(count_sent(lab, V_MLD2_STATE_ALL), 0);
	lab_close(lab);
}

SPEC(reports_of_others_are_accepted_and_mean_nothing_to_a_host)
{
	struct lab *lab = settled();

	craft_eth(&c, "3333ff000002", 0x86dd);
	craft_ip6(&c, PEER_LL, "ff02::1:ff00:2", 0);
	craft_ext6(&c, "3a00050200000100");
	craft_icmp(&c, 131, 0, 0);
	craft_bytes(&c, lab_ip("ff02::1:ff00:2").b, 16);
	craft_seal(&c);
	assert_true(lab_feed(lab, c.b, c.len));
	lab_expect_silence(lab);
	/* What Linux tells its routers goes to groups that we are not in. */
	lab_refuse_hex(lab, LINUX_MLD_REPORT, WIRE_not_for_us);
	lab_refuse_hex(lab, LINUX_DAD, WIRE_not_for_us);
	lab_refuse_hex(lab, LINUX_ROUTER_SOLICITATION, WIRE_not_for_us);
	lab_close(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_is_reported_when_it_is_joined_and_once_more),
		cmocka_unit_test(a_general_query_is_answered_within_its_time_by_all_groups),
		cmocka_unit_test(a_query_for_one_group_is_answered_by_that_group),
		cmocka_unit_test(a_query_for_a_group_of_others_is_not_answered),
		cmocka_unit_test(two_queries_get_one_answer),
		cmocka_unit_test(a_long_response_time_is_in_floating_point),
		cmocka_unit_test(
			a_querier_of_version_1_gets_reports_of_version_1_until_it_is_forgotten),
		cmocka_unit_test(addresses_that_end_alike_share_one_record),
		cmocka_unit_test(a_query_that_breaks_a_rule_is_a_bad_header),
		cmocka_unit_test(reports_of_others_are_accepted_and_mean_nothing_to_a_host),
	};

	return cmocka_run_group_tests_name("net: MLD", tests, NULL, NULL);
}
