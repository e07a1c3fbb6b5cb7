/* Frames of made-up hosts: what net/ makes of them, which shares only the checksum with their
 * maker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/wire/frames.h"
#include "dataplane/base/bytes.h"
#include "dataplane/net/net.h"

static const uint8_t port_mac[6] = {2, 9, 9, 9, 9, 9};
static const uint8_t hello[5] = {'h', 'e', 'l', 'l', 'o'};
static struct ip_addr port, host;

static struct net_port *new_port(void)
{
	struct net_config cfg;

	net_config_defaults(&cfg);
	memset(&cfg.key, 1, sizeof(cfg.key));
	memcpy(cfg.mac, port_mac, 6);
	cfg.dad_us = 0;
	cfg.addresses_count = 1;
	cfg.gateways_count = 0;
	ip_addr_parse(&port, "192.0.2.2");
	ip_addr_parse(&host, "10.1.2.3");
	cfg.addresses[0].addr = port;
	cfg.addresses[0].prefix_len = 120;
	return net_port_new(&cfg);
}

static void a_datagram_is_taken(void **state)
{
	struct net_port *p = new_port();
	uint8_t f[200];
	struct net_pkt pkt;
	uint32_t len;

	(void)state;
	memcpy(f + FRAME_UDP, hello, sizeof(hello));
	len = frame_udp(f, port_mac, &host, &port, 5000, 514, 5);
	net_parse(p, f, len, NET_CSUM_UNKNOWN, NET_CSUM_UNKNOWN, &pkt);
	assert_int_equal(pkt.verdict, NET_UDP);
	assert_int_equal(pkt.flow.src_port, 5000);
	assert_int_equal(pkt.flow.dst_port, 514);
	assert_true(ip_addr_equal(&pkt.flow.src, &host));
	assert_int_equal(pkt.payload_len, 5);
	assert_memory_equal(pkt.payload, hello, sizeof(hello));
	assert_memory_equal(pkt.src_mac, "\x02\x00\x0a\x01\x02\x03", 6);
	f[FRAME_UDP] ^= 1;
	net_parse(p, f, len, NET_CSUM_UNKNOWN, NET_CSUM_UNKNOWN, &pkt);
	assert_int_equal(pkt.reason, WIRE_bad_checksum);
	net_port_free(p);
}

static void a_segment_is_read_if_nothing_is_wrong_with_it(void **state)
{
	uint8_t good[FRAME_L4 + 25] = {0}, f[sizeof(good) + 6];
	uint8_t *l4 = frame_ip(good, port_mac, &port, &host, 6, 25);
	struct ip_flow flow;
	const uint8_t *tcp;
	uint32_t len;

	(void)state;
	store_be16(l4, 514);
	store_be16(l4 + 2, 20000);
	l4[12] = 5 << 4;
	memcpy(l4 + 20, hello, 5);
	frame_sum(&port, &host, 6, l4, 25, 16);
	memcpy(f, good, sizeof(good));
	assert_true(frame_tcp(f, sizeof(f), &flow, &tcp, &len)); /* padded */
	assert_int_equal(len, 25);
	assert_ptr_equal(tcp, f + FRAME_L4);
	assert_true(ip_addr_equal(&flow.src, &port) && ip_addr_equal(&flow.dst, &host));
	assert_int_equal(flow.src_port, 514);
	assert_int_equal(flow.dst_port, 20000);
	assert_false(frame_tcp(f, sizeof(good) - 1, &flow, &tcp, &len));
	/* Both MACs are anybody's. */
	for (unsigned bit = 12 * 8; bit < sizeof(good) * 8; bit++) {
		f[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(frame_tcp(f, sizeof(good), &flow, &tcp, &len));
		f[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void question(uint8_t f[FRAME_ARP], const char *spa, const char *tpa)
{
	static const uint8_t fixed[8] = {0, 1, 8, 0, 6, 4, 0, 1};
	struct ip_addr a;

	memset(f, 0xff, 6);
	memcpy(f + 6, port_mac, 6);
	store_be16(f + 12, 0x0806);
	memcpy(f + 14, fixed, 8);
	memcpy(f + 22, port_mac, 6);
	ip_addr_parse(&a, spa);
	memcpy(f + 28, a.b + 12, 4);
	memset(f + 32, 0, 6);
	ip_addr_parse(&a, tpa);
	memcpy(f + 38, a.b + 12, 4);
}

static void who_has_is_answered(void **state)
{
	uint8_t f[FRAME_ARP], answer[FRAME_ARP], mac[6];
	struct ip_addr asked, them;

	(void)state;
	question(f, "192.0.2.2", "10.1.2.3");
	assert_true(frame_arp_answer(f, sizeof(f), &asked, answer));
	ip_addr_parse(&them, "10.1.2.3");
	assert_true(ip_addr_equal(&asked, &them));
	assert_memory_equal(answer, port_mac, 6);
	assert_int_equal(load_be16(answer + 20), 2);
	assert_true(frame_arp_from(answer, sizeof(answer), &them, mac));
	assert_memory_equal(mac, "\x02\x00\x0a\x01\x02\x03", 6);
	ip_addr_parse(&them, "192.0.2.2");
	assert_false(frame_arp_from(answer, sizeof(answer), &them, mac));
	assert_memory_equal(answer + 38, them.b + 12, 4);
}

/* Duplicate address detection would find a conflict that is none. */
static void probes_and_announcements_are_not_answered(void **state)
{
	uint8_t f[FRAME_ARP], answer[FRAME_ARP];
	struct ip_addr asked;

	(void)state;
	question(f, "0.0.0.0", "192.0.2.2");
	assert_false(frame_arp_answer(f, sizeof(f), &asked, answer));
	question(f, "192.0.2.2", "192.0.2.2");
	assert_false(frame_arp_answer(f, sizeof(f), &asked, answer));
	question(f, "192.0.2.2", "10.1.2.3");
	assert_false(frame_arp_answer(f, sizeof(f) - 1, &asked, answer));
	f[21] = 2;
	assert_false(frame_arp_answer(f, sizeof(f), &asked, answer));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_datagram_is_taken),
		cmocka_unit_test(a_segment_is_read_if_nothing_is_wrong_with_it),
		cmocka_unit_test(who_has_is_answered),
		cmocka_unit_test(probes_and_announcements_are_not_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
