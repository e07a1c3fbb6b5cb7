/* The internet checksum (RFC 1071), and what is built with it. */
#include "tests/unit/net/craft.h"
#include "tests/unit/net/lab.h"
#include "tests/unit/net/linux.h"

#include <stdlib.h>

#include "dataplane/net/checksum.h"

static uint16_t swap(uint16_t v)
{
	return (uint16_t)(v << 8 | v >> 8);
}

SPEC(the_example_of_rfc_1071_sums_to_ddf2)
{
	static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	assert_int_equal(swap(net_sum_fold(net_sum(0, bytes, sizeof(bytes)))), 0xddf2);
}

SPEC(every_length_at_every_alignment_equals_the_sum_word_by_word)
{
	uint8_t *data = malloc(700);

	for (uint32_t i = 0; i < 700; i++)
		data[i] = (uint8_t)(i * 167 + (i >> 3));
	for (uint32_t off = 0; off < 16; off++)
		for (uint32_t len = 0; len <= 600; len++) {
			uint16_t want = (uint16_t)~craft_checksum(data + off, len, 0);
			uint16_t got = swap(net_sum_fold(net_sum(0, data + off, len)));

			/* 0 and 0xffff are the same in one's complement */
			if (got != want && !(want == 0 && got == 0xffff))
				fail_msg("%u bytes at %u: %04x, not %04x", len, off, got, want);
		}
	free(data);
}

SPEC(no_carry_is_lost_in_64_KiB_of_ones)
{
	uint8_t *data = malloc(65536);

	memset(data, 0xff, 65536);
	assert_int_equal(net_sum_fold(net_sum(0, data, 65535)), swap(0xff00));
	assert_int_equal(net_sum_fold(net_sum(0, data, 65536)), 0xffff);
	assert_int_equal(net_sum_fold(net_sum(0xffffffffffff, data, 65536)), 0xffff);
	free(data);
}

SPEC(an_ipv4_header_is_built_byte_by_byte)
{
	struct ip_addr src = lab_ip("192.168.0.1"), dst = lab_ip("192.168.0.199");
	struct lab_bytes want = lab_hex("4500007300004000"
					"4011b861c0a80001c0a800c7");
	uint8_t hdr[20];

	/* 0xb861: the checksum of the worked example that everybody copies. */
	assert_int_equal(net_build_ip(hdr, &src, &dst, 17, 0x73 - 20), 20);
	assert_memory_equal(hdr, want.b, 20);
}

SPEC(an_ipv6_header_is_built_byte_by_byte)
{
	struct ip_addr src = lab_ip(US6), dst = lab_ip(PEER6);
	struct lab_bytes want = lab_hex("60000000fffe0640"
					"20010db8000000000000000000000002"
					"20010db8000000000000000000000099");
	uint8_t hdr[40];

	assert_int_equal(net_build_ip(hdr, &src, &dst, 6, 0xfffe), 40);
	assert_memory_equal(hdr, want.b, 40);
}

static void checksum_matches(const char *hex, unsigned at)
{
	struct lab_bytes f = lab_hex(hex);
	bool v4 = f.b[14] >> 4 == 4;
	unsigned hdr_len = v4 ? 20 : 40;
	uint8_t *l4 = f.b + 14 + hdr_len;
	struct ip_addr src, dst;
	uint16_t want, got;

	if (v4) {
		src = ip_addr_v4(f.b + 26);
		dst = ip_addr_v4(f.b + 30);
	} else {
		memcpy(src.b, f.b + 22, 16);
		memcpy(dst.b, f.b + 38, 16);
	}
	memcpy(&want, l4 + at, 2);
	memset(l4 + at, 0, 2);
	got = net_l4_checksum(&src, &dst, v4 ? f.b[23] : f.b[20], l4, f.len - 14 - hdr_len);
	assert_int_equal(got, want);
}

SPEC(transport_checksums_equal_those_that_linux_sent)
{
	checksum_matches(LINUX_UDP4, 6);
	checksum_matches(LINUX_UDP6, 6);
	checksum_matches(LINUX_TCP4_SYN, 16);
	checksum_matches(LINUX_TCP6_SYN, 16);
	checksum_matches(LINUX_NS, 2);
}

SPEC(a_udp_checksum_of_zero_is_sent_as_ffff)
{
	struct ip_addr a = lab_ip("0.0.0.0");
	/* Pseudo header: protocol 17 and length 10; the data makes the sum 0xffff. */
	uint8_t udp[10] = {0, 0, 0, 0, 0, 10, 0, 0, 0xff, 0xff - 17 - 10 - 10};

	assert_int_equal(net_l4_checksum(&a, &a, 17, udp, sizeof(udp)), 0xffff);
	udp[9] = (uint8_t)(udp[9] + 17 - 6);
	assert_int_equal(net_l4_checksum(&a, &a, 6, udp, sizeof(udp)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_rfc_1071_sums_to_ddf2),
		cmocka_unit_test(every_length_at_every_alignment_equals_the_sum_word_by_word),
		cmocka_unit_test(no_carry_is_lost_in_64_KiB_of_ones),
		cmocka_unit_test(an_ipv4_header_is_built_byte_by_byte),
		cmocka_unit_test(an_ipv6_header_is_built_byte_by_byte),
		cmocka_unit_test(transport_checksums_equal_those_that_linux_sent),
		cmocka_unit_test(a_udp_checksum_of_zero_is_sent_as_ffff),
	};

	return cmocka_run_group_tests_name("net: checksums", tests, NULL, NULL);
}
