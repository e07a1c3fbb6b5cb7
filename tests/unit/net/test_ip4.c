/* The IPv4 header (RFC 791; RFC 1122 section 3.2.1). */
#include "tests/unit/net/craft.h"
#include "tests/unit/net/lab.h"
#include "tests/unit/net/linux.h"

static struct craft c;

static void udp4_from(const char *src, const char *dst)
{
	craft_eth(&c, NULL, 0x0800);
	craft_ip4(&c, src, dst, 17);
	craft_udp(&c, 1, 514);
	craft_hex(&c, "3c31333e");
	craft_seal(&c);
}

static void udp4_with_options(const char *options)
{
	craft_eth(&c, NULL, 0x0800);
	craft_ip4(&c, PEER4, US4, 17);
	craft_options4(&c, options);
	craft_udp(&c, 40000, 514);
	craft_bytes(&c, "<13>x", 5);
	craft_seal(&c);
}

SPEC(a_datagram_from_linux_is_decoded)
{
	struct lab *lab = lab_open(NULL);
	struct lab_bytes f = lab_hex(LINUX_UDP4);
	struct net_pkt pkt;

	net_parse(lab->port, f.b, f.len, NET_CSUM_UNKNOWN, NET_CSUM_UNKNOWN, &pkt);
	assert_int_equal(pkt.verdict, NET_UDP);
	assert_true(lab_is(&pkt.flow.src, GW4));
	assert_true(lab_is(&pkt.flow.dst, US4));
	assert_int_equal(pkt.flow.src_port, 0xed50);
	assert_int_equal(pkt.flow.dst_port, 514);
	assert_int_equal(pkt.payload_len, 20);
	assert_memory_equal(pkt.payload, "<13>hello from Linux", 20);
	assert_int_equal(pkt.ttl, 64);
	assert_int_equal(pkt.ip_off, 14);
	lab_close(lab);
}

SPEC(what_follows_the_total_length_is_padding)
{
	struct lab *lab = lab_open(NULL);

	craft_udp4(&c, "<13>x");
	craft_fill(&c, 13, 9);
	assert_true(lab_feed(lab, c.b, c.len));
	assert_int_equal(lab->pkt.payload_len, 5);
	lab_close(lab);
}

SPEC(lengths_that_contradict_each_other_are_a_bad_header)
{
	struct lab *lab = lab_open(NULL);
	static const struct {
		unsigned at;
		uint8_t value;
	} wrong[] = {
		{14, 0x55},	   /* version 5 */
		{14, 0x65},	   /* version 6 under the type of 4 */
		{14, 0x44},	   /* a header of 16 bytes */
		{14, 0x4f},	   /* 60 bytes, more than the packet has */
		{17, 19},	   /* total length below the header's */
		{17, 20 + 13 + 1}, /* and above what is there */
	};

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		craft_udp4(&c, "<13>x");
		c.b[wrong[i].at] = wrong[i].value;
		craft_seal_ip4(&c);
		lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	}
	lab_close(lab);
}

SPEC(a_wrong_header_checksum_is_seen_in_every_bit)
{
	struct lab *lab = lab_open(NULL);

	for (unsigned bit = 0; bit < 16; bit++) {
		craft_udp4(&c, "<13>x");
		c.b[24 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		lab_refuse(lab, c.b, c.len, WIRE_bad_checksum);
	}
	lab_close(lab);
}

SPEC(what_hardware_says_of_the_header_checksum_is_believed)
{
	struct lab *lab = lab_open(NULL);
	struct net_pkt pkt;

	craft_udp4(&c, "<13>x");
	net_parse(lab->port, c.b, c.len, NET_CSUM_BAD, NET_CSUM_UNKNOWN, &pkt);
	assert_int_equal(pkt.verdict, NET_REJECT);
	assert_int_equal(pkt.reason, WIRE_bad_checksum);
	c.b[24] ^= 0xff;
	net_parse(lab->port, c.b, c.len, NET_CSUM_GOOD, NET_CSUM_UNKNOWN, &pkt);
	assert_int_equal(pkt.verdict, NET_UDP);
	lab_close(lab);
}

SPEC(only_our_addresses_are_for_us)
{
	static const char *const others[] = {"192.0.2.3", "192.0.3.2", "10.0.0.1", "127.0.0.1",
		"0.0.0.0", "192.0.2.255", "192.0.2.0", "255.255.255.255", "224.0.0.1",
		"239.255.255.250"};
	struct lab *lab = lab_open(NULL);

	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		udp4_from(PEER4, others[i]);
		lab_refuse(lab, c.b, c.len, WIRE_not_for_us);
	}
	lab_close(lab);
}

SPEC(a_source_that_no_host_can_have_is_a_bad_header)
{
	static const char *const martians[] = {"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254",
		"224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255", "192.0.2.255",
		"192.0.2.0", US4};
	struct lab *lab = lab_open(NULL);

	for (unsigned i = 0; i < sizeof(martians) / sizeof(martians[0]); i++) {
		udp4_from(martians[i], US4);
		lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	}
	lab_close(lab);
}

SPEC(any_other_source_is_fine)
{
	static const char *const fine[] = {"1.0.0.0", "10.0.0.255", "126.255.255.255", "128.0.0.0",
		"223.255.255.255", "192.0.3.0", "192.0.1.255", GW4};
	struct lab *lab = lab_open(NULL);

	for (unsigned i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		udp4_from(fine[i], US4);
		assert_true(lab_feed(lab, c.b, c.len));
	}
	lab_close(lab);
}

SPEC(a_link_of_two_has_no_broadcast_address)
{
	struct net_config cfg;
	struct lab *lab;
	unsigned len;

	/* RFC 3021 */
	lab_config(&cfg);
	ip_prefix_parse(&cfg.addresses[0].addr, &len, "192.0.2.2/31");
	cfg.addresses[0].prefix_len = (uint8_t)len;
	lab = lab_open(&cfg);
	udp4_from("192.0.2.3", US4);
	assert_true(lab_feed(lab, c.b, c.len));
	lab_close(lab);
}

SPEC(options_are_stepped_over)
{
	static const char *const options[] = {
		"01010101",		    /* four times nothing */
		"00ffffff",		    /* the end, and what follows it */
		"94040000",		    /* router alert */
		"0707040000000000",	    /* record route, and the end */
		"440c05000000000000000000", /* timestamps */
		"86040102",		    /* one that nobody knows */
	};
	struct lab *lab = lab_open(NULL);

	for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		udp4_with_options(options[i]);
		assert_true(lab_feed(lab, c.b, c.len));
		assert_int_equal(lab->pkt.verdict, NET_UDP);
		assert_int_equal(lab->pkt.payload_len, 5);
	}
	lab_close(lab);
}

SPEC(the_checksum_covers_options)
{
	struct lab *lab = lab_open(NULL);

	udp4_with_options("94040000");
	c.b[37] ^= 1;
	lab_refuse(lab, c.b, c.len, WIRE_bad_checksum);
	lab_close(lab);
}

SPEC(source_routes_are_refused)
{
	static const char *const routes[] = {
		"830704c000020100", "890704c000020100", "830708c000020100"};
	struct lab *lab = lab_open(NULL);

	for (unsigned i = 0; i < 3; i++) {
		udp4_with_options(routes[i]);
		lab_refuse(lab, c.b, c.len, WIRE_unsupported);
	}
	lab_close(lab);
}

SPEC(an_option_that_runs_out_of_the_header_is_told_by_a_parameter_problem)
{
	static const struct {
		const char *options;
		uint8_t pointer;
	} wrong[] = {
		{"94050000", 20}, /* longer than what is left */
		{"94000000", 20}, /* of no length */
		{"94010000", 20}, /* shorter than its own head */
		{"01010194", 23}, /* cut off before its length */
	};
	struct lab *lab = lab_open(NULL);

	lab_know_peer(lab);
	for (unsigned i = 0; i < 4; i++) {
		const struct lab_bytes *f;

		udp4_with_options(wrong[i].options);
		assert_false(lab_feed(lab, c.b, c.len));
		assert_int_equal(lab->res.reason, WIRE_bad_header);
		f = lab_next(lab);
		assert_int_equal(f->b[34], 12);
		assert_int_equal(f->b[35], 0);
		assert_int_equal(f->b[38], wrong[i].pointer);
		assert_memory_equal(f->b + 42, c.b + 14, c.len - 14);
		assert_true(craft_l4_good(f->b, f->len));
	}
	lab_close(lab);
}

SPEC(ttl_and_ecn_are_passed_on)
{
	struct lab *lab = lab_open(NULL);

	craft_udp4(&c, "<13>x");
	c.b[15] = 0xb8 | 3;
	c.b[22] = 1;
	craft_seal_ip4(&c);
	assert_true(lab_feed(lab, c.b, c.len));
	assert_int_equal(lab->pkt.ecn, 3);
	assert_int_equal(lab->pkt.ttl, 1);
	lab_close(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_datagram_from_linux_is_decoded),
		cmocka_unit_test(what_follows_the_total_length_is_padding),
		cmocka_unit_test(lengths_that_contradict_each_other_are_a_bad_header),
		cmocka_unit_test(a_wrong_header_checksum_is_seen_in_every_bit),
		cmocka_unit_test(what_hardware_says_of_the_header_checksum_is_believed),
		cmocka_unit_test(only_our_addresses_are_for_us),
		cmocka_unit_test(a_source_that_no_host_can_have_is_a_bad_header),
		cmocka_unit_test(any_other_source_is_fine),
		cmocka_unit_test(a_link_of_two_has_no_broadcast_address),
		cmocka_unit_test(options_are_stepped_over),
		cmocka_unit_test(the_checksum_covers_options),
		cmocka_unit_test(source_routes_are_refused),
		cmocka_unit_test(
			an_option_that_runs_out_of_the_header_is_told_by_a_parameter_problem),
		cmocka_unit_test(ttl_and_ecn_are_passed_on),
	};

	return cmocka_run_group_tests_name("net: IPv4", tests, NULL, NULL);
}
