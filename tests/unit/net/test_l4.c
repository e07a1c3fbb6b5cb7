/* UDP (RFC 768, RFC 8200 8.1) and the part of TCP that belongs here: lengths and checksum. */
#include "tests/unit/net/craft.h"
#include "tests/unit/net/lab.h"
#include "tests/unit/net/linux.h"

#include "dataplane/base/bytes.h"

static struct craft c;

static void tcp(bool v6, uint8_t words, uint32_t extra)
{
	craft_eth(&c, NULL, v6 ? 0x86dd : 0x0800);
	if (v6)
		craft_ip6(&c, PEER6, US6, 6);
	else
		craft_ip4(&c, PEER4, US4, 6);
	craft_tcp(&c, 40001, 514, 7, 2);
	c.b[c.l4 + 12] = (uint8_t)(words << 4);
	craft_fill(&c, extra, 1);
	craft_seal(&c);
}

SPEC(the_payload_of_udp_is_what_follows_its_header)
{
	struct lab *lab = lab_open(NULL);

	assert_true(lab_feed_hex(lab, V_UDP4));
	assert_int_equal(lab->pkt.payload_len, 9);
	assert_memory_equal(lab->pkt.payload, "<13>hello", 9);
	assert_true(lab_feed_hex(lab, V_UDP6));
	assert_memory_equal(lab->pkt.payload, "<13>hello", 9);
	lab_close(lab);
}

SPEC(an_empty_datagram_is_one)
{
	struct lab *lab = lab_open(NULL);

	craft_udp4(&c, "");
	assert_true(lab_feed(lab, c.b, c.len));
	assert_int_equal(lab->pkt.payload_len, 0);
	lab_close(lab);
}

SPEC(a_udp_length_beyond_the_packet_or_below_its_header_is_bad)
{
	static const uint16_t lengths[] = {0, 7, 14, 0xffff};
	struct lab *lab = lab_open(NULL);

	for (unsigned v6 = 0; v6 < 2; v6++)
		for (unsigned i = 0; i < 4; i++) {
			if (v6)
				craft_udp6(&c, "<13>x");
			else
				craft_udp4(&c, "<13>x");
			store_be16(c.b + c.l4 + 4, lengths[i]);
			lab_refuse(lab, c.b, c.len, WIRE_bad_header);
		}
	lab_close(lab);
}

SPEC(bytes_between_the_end_of_udp_and_of_ip_are_padding)
{
	struct lab *lab = lab_open(NULL);
	uint32_t len;

	craft_udp4(&c, "<13>x");
	len = c.len;
	craft_fill(&c, 9, 1);
	store_be16(c.b + 16, (uint16_t)(c.len - 14));
	craft_seal_ip4(&c);
	assert_true(lab_feed(lab, c.b, c.len));
	assert_int_equal(lab->pkt.payload_len, len - 42);
	lab_close(lab);
}

SPEC(every_bit_of_a_datagram_is_covered_by_its_checksum)
{
	static const char *const frames[] = {V_UDP4, V_UDP6, V_TCP4, V_TCP6};
	struct lab *lab = lab_open(NULL);

	for (unsigned k = 0; k < 4; k++) {
		struct lab_bytes f = lab_hex(frames[k]);
		uint32_t l4 = f.b[14] >> 4 == 4 ? 34 : 54;

		for (uint32_t bit = l4 * 8; bit < f.len * 8; bit++) {
			f.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(lab_feed(lab, f.b, f.len));
			f.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
	assert_int_equal(lab->acc.accepted, 0);
	lab_close(lab);
}

SPEC(the_checksum_covers_the_addresses)
{
	struct lab *lab = lab_open(NULL);

	craft_udp4(&c, "<13>x");
	c.b[29] ^= 1;
	craft_seal_ip4(&c);
	lab_refuse(lab, c.b, c.len, WIRE_bad_checksum);
	craft_udp6(&c, "<13>x");
	c.b[36] ^= 1;
	lab_refuse(lab, c.b, c.len, WIRE_bad_checksum);
	lab_close(lab);
}

SPEC(a_checksum_of_zero_means_none_in_ipv4)
{
	struct lab *lab = lab_open(NULL);

	craft_udp4(&c, "<13>x");
	store_be16(c.b + c.l4 + 6, 0);
	assert_true(lab_feed(lab, c.b, c.len));
	lab_close(lab);
}

SPEC(a_checksum_of_zero_is_illegal_in_ipv6)
{
	struct lab *lab = lab_open(NULL);

	craft_udp6(&c, "<13>x");
	store_be16(c.b + c.l4 + 6, 0);
	lab_refuse(lab, c.b, c.len, WIRE_bad_checksum);
	lab_close(lab);
}

SPEC(what_hardware_says_of_the_transport_checksum_is_believed)
{
	struct lab *lab = lab_open(NULL);
	static const char *const frames[] = {V_UDP4, V_UDP6, V_TCP4, V_TCP6};

	for (unsigned k = 0; k < 4; k++) {
		struct lab_bytes f = lab_hex(frames[k]);
		struct net_pkt pkt;

		net_parse(lab->port, f.b, f.len, NET_CSUM_UNKNOWN, NET_CSUM_BAD, &pkt);
		assert_int_equal(pkt.verdict, NET_REJECT);
		assert_int_equal(pkt.reason, WIRE_bad_checksum);
		f.b[f.b[14] >> 4 == 4 ? 34 : 54] ^= 1; /* source port */
		net_parse(lab->port, f.b, f.len, NET_CSUM_GOOD, NET_CSUM_GOOD, &pkt);
		assert_int_not_equal(pkt.verdict, NET_REJECT);
	}
	lab_close(lab);
}

/* RFC 1071 over the pseudo header alone, as Linux leaves it to a NIC: not complemented. */
static uint16_t pseudo_sum(const uint8_t *f, uint32_t frame_len)
{
	bool six = f[14] >> 4 == 6;
	uint32_t at = six ? 22 : 26, end = six ? 54 : 34, sum;

	sum = (six ? f[20] : f[23]) + frame_len - end;
	for (; at < end; at += 2)
		sum += load_be16(f + at);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

SPEC(a_checksum_that_was_left_to_a_nic_is_good_where_there_is_none)
{
	struct lab *lab = lab_open(NULL);
	static const char *const frames[] = {V_UDP4, V_UDP6, V_TCP4, V_TCP6};

	for (unsigned k = 0; k < 4; k++) {
		struct lab_bytes f = lab_hex(frames[k]);
		uint8_t *l4 = f.b + (f.b[14] >> 4 == 4 ? 34 : 54);
		struct net_pkt pkt;

		net_parse(lab->port, f.b, f.len, NET_CSUM_UNKNOWN, NET_CSUM_PARTIAL, &pkt);
		assert_int_not_equal(pkt.verdict, NET_REJECT);
		f.b[f.len - 1] ^= 1;
		net_parse(lab->port, f.b, f.len, NET_CSUM_UNKNOWN, NET_CSUM_PARTIAL, &pkt);
		assert_int_equal(pkt.verdict, NET_REJECT);
		assert_int_equal(pkt.reason, WIRE_bad_checksum);
		store_be16(l4 + (k < 2 ? 6 : 16), pseudo_sum(f.b, (uint32_t)f.len));
		net_parse(lab->port, f.b, f.len, NET_CSUM_UNKNOWN, NET_CSUM_PARTIAL, &pkt);
		assert_int_not_equal(pkt.verdict, NET_REJECT);
		net_parse(lab->port, f.b, f.len, NET_CSUM_UNKNOWN, NET_CSUM_UNKNOWN, &pkt);
		assert_int_equal(pkt.verdict, NET_REJECT);
	}
	lab_close(lab);
}

SPEC(the_payload_of_tcp_is_header_and_data)
{
	struct lab *lab = lab_open(NULL);

	assert_true(lab_feed_hex(lab, V_TCP6));
	assert_int_equal(lab->pkt.verdict, NET_TCP);
	assert_int_equal(lab->pkt.payload_len, 24);
	assert_int_equal(load_be32(lab->pkt.payload + 4), 0x01020304);
	assert_memory_equal(lab->pkt.payload + 20, "data", 4);
	assert_int_equal(lab->pkt.flow.src_port, 40001);
	assert_int_equal(lab->pkt.flow.dst_port, 514);
	assert_true(lab_feed_hex(lab, LINUX_TCP4_SYN));
	assert_int_equal(lab->pkt.payload_len, 40);
	assert_true(lab_feed_hex(lab, LINUX_TCP6_SYN));
	assert_int_equal(lab->pkt.verdict, NET_TCP);
	lab_close(lab);
}

SPEC(a_data_offset_out_of_the_segment_is_a_bad_header)
{
	struct lab *lab = lab_open(NULL);

	for (unsigned v6 = 0; v6 < 2; v6++) {
		tcp(v6, 4, 0);
		lab_refuse(lab, c.b, c.len, WIRE_bad_header);
		tcp(v6, 6, 3);
		lab_refuse(lab, c.b, c.len, WIRE_bad_header);
		tcp(v6, 6, 4);
		assert_true(lab_feed(lab, c.b, c.len));
	}
	lab_close(lab);
}

SPEC(ethernet_padding_is_no_tcp_data)
{
	struct lab *lab = lab_open(NULL);

	tcp(false, 5, 0);
	craft_hex(&c, "000000000000");
	assert_true(lab_feed(lab, c.b, c.len));
	assert_int_equal(lab->pkt.payload_len, 20);
	lab_close(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_payload_of_udp_is_what_follows_its_header),
		cmocka_unit_test(an_empty_datagram_is_one),
		cmocka_unit_test(a_udp_length_beyond_the_packet_or_below_its_header_is_bad),
		cmocka_unit_test(bytes_between_the_end_of_udp_and_of_ip_are_padding),
		cmocka_unit_test(every_bit_of_a_datagram_is_covered_by_its_checksum),
		cmocka_unit_test(the_checksum_covers_the_addresses),
		cmocka_unit_test(a_checksum_of_zero_means_none_in_ipv4),
		cmocka_unit_test(a_checksum_of_zero_is_illegal_in_ipv6),
		cmocka_unit_test(a_checksum_that_was_left_to_a_nic_is_good_where_there_is_none),
		cmocka_unit_test(what_hardware_says_of_the_transport_checksum_is_believed),
		cmocka_unit_test(the_payload_of_tcp_is_header_and_data),
		cmocka_unit_test(a_data_offset_out_of_the_segment_is_a_bad_header),
		cmocka_unit_test(ethernet_padding_is_no_tcp_data),
	};

	return cmocka_run_group_tests_name("net: UDP and TCP", tests, NULL, NULL);
}
