/* Reassembly (RFC 791, RFC 8200 4.5, RFC 6946): every case for both families. */
#include "tests/unit/net/craft.h"
#include "tests/unit/net/lab.h"
#include "tests/unit/net/pieces.h"

#include "dataplane/base/bytes.h"

static struct craft c;
static struct craft_whole w, w2;

SPEC(two_fragments_make_a_datagram)
{
	struct lab *lab = lab_open(NULL);
	static const char *const pieces[][2] = {
		{V_FRAG4_FIRST, V_FRAG4_LAST}, {V_FRAG6_FIRST, V_FRAG6_LAST}};

	for_each_family(v6)
	{
		assert_true(lab_feed_hex(lab, pieces[v6][0]));
		assert_false(lab->res.datagram);
		assert_true(lab_feed_hex(lab, pieces[v6][1]));
		assert_true(lab->res.datagram);
		assert_int_equal(lab->res.pkt.payload_len, 16);
		assert_memory_equal(lab->res.pkt.payload, "0123456789abcdef", 16);
	}
	assert_int_equal(lab_count(lab)->reassembled, 2);
	assert_int_equal(lab_count(lab)->fragments, 4);
	lab_close(lab);
}

SPEC(the_order_of_fragments_does_not_matter)
{
	static const uint8_t orders[6][3] = {
		{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	for_each_family(v6)
	{
		struct lab *lab = lab_open(NULL);

		for (uint8_t o = 0; o < 6; o++) {
			craft_whole(&w, v6, 100 + o, 3000, o);
			for (unsigned i = 0; i < 3; i++) {
				uint32_t off = orders[o][i] * 1000u;

				assert_true(feed_piece(lab, &w, off, 1000, off < 2000));
				assert_int_equal(lab->res.datagram, i == 2);
			}
			is_whole(lab, &w, 3);
		}
		lab_close(lab);
	}
}

SPEC(the_longest_datagram_is_put_together)
{
	for_each_family(v6)
	{
		struct lab *lab = lab_open(NULL);
		uint32_t len = v6 ? 65535 : 65515;
		uint32_t off = 0;

		craft_whole(&w, v6, 7, len, 1);
		for (; off + 1448 < len; off += 1448)
			assert_true(feed_piece(lab, &w, off, 1448, true));
		assert_true(feed_piece(lab, &w, off, len - off, false));
		is_whole(lab, &w, 46);
		assert_int_equal(lab_count(lab)->reassembly_bytes, 0);
		lab_close(lab);
	}
}

SPEC(the_tiniest_fragments_make_a_datagram)
{
	for_each_family(v6)
	{
		struct lab *lab = lab_open(NULL);
		uint32_t pieces = 0;

		craft_whole(&w, v6, 7, 2000, 1);
		/* Backwards: each one enters at the front of what is there. */
		for (uint32_t off = 2000; off > 0;) {
			off -= 8;
			assert_true(feed_piece(lab, &w, off, 8, off < 1992));
			pieces++;
		}
		is_whole(lab, &w, pieces);
		lab_close(lab);
	}
}

SPEC(datagrams_are_told_apart_by_source_and_id)
{
	for_each_family(v6)
	{
		struct lab *lab = lab_open(NULL);

		craft_whole(&w, v6, 1, 2000, 1);
		craft_whole(&w2, v6, 2, 2000, 2);
		assert_true(feed_piece(lab, &w, 0, 1000, true));
		assert_true(feed_piece(lab, &w2, 0, 1000, true));
		w2.id = 1;
		w2.src++;
		assert_true(feed_piece(lab, &w2, 1000, 1000, false)); /* of another source */
		w2.id = 2;
		w2.src--;
		assert_true(feed_piece(lab, &w, 1000, 1000, false));
		is_whole(lab, &w, 2);
		assert_int_equal(lab_count(lab)->reassembly_bytes, 2 * 2048);
		lab_close(lab);
	}
}

SPEC(ipv4_tells_them_apart_by_protocol_too)
{
	struct lab *lab = lab_open(NULL);

	craft_whole(&w, false, 1, 2000, 1);
	assert_true(feed_piece(lab, &w, 0, 1000, true));
	craft_piece(&c, &w, 1000, 1000, false);
	c.b[23] = 6;
	craft_seal_ip4(&c);
	assert_true(lab_feed(lab, c.b, c.len));
	assert_false(lab->res.datagram);
	assert_true(feed_piece(lab, &w, 1000, 1000, false));
	assert_true(lab->res.datagram);
	lab_close(lab);
}

SPEC(the_next_header_of_the_first_ipv6_fragment_counts)
{
	struct lab *lab = lab_open(NULL);

	craft_whole(&w, true, 1, 2000, 1);
	craft_piece(&c, &w, 1000, 1000, false);
	c.b[54] = 6;
	assert_true(lab_feed(lab, c.b, c.len));
	assert_true(feed_piece(lab, &w, 0, 1000, true));
	is_whole(lab, &w, 2);
	lab_close(lab);
}

SPEC(an_exact_duplicate_is_ignored)
{
	for_each_family(v6)
	{
		struct lab *lab = lab_open(NULL);

		craft_whole(&w, v6, 1, 2500, 1);
		assert_true(feed_piece(lab, &w, 0, 1000, true));
		assert_true(feed_piece(lab, &w, 0, 1000, true));
		assert_true(feed_piece(lab, &w, 2000, 500, false));
		assert_true(feed_piece(lab, &w, 2000, 500, false));
		assert_true(feed_piece(lab, &w, 0, 1000, true));
		assert_false(lab->res.datagram);
		assert_true(feed_piece(lab, &w, 1000, 1000, true));
		is_whole(lab, &w, 6);
		assert_int_equal(lab_count(lab)->frag_duplicates, 3);
		lab_close(lab);
	}
}

SPEC(ipv6_headers_before_and_after_the_fragment_header_survive)
{
	struct lab *lab = lab_open(NULL);

	craft_whole(&w, true, 1, 1008, 1);
	for (unsigned i = 0; i < 2; i++) {
		craft_eth(&c, NULL, 0x86dd);
		craft_ip6(&c, PEER6, US6, 0);
		craft_ext6(&c, "3c00010400000000"); /* hop-by-hop */
		craft_ext6(&c, "2c00010400000000"); /* destination options */
		craft_frag6(&c, 60, 5, i * 512, i == 0);
		if (i == 0)
			craft_hex(&c, "1100010400000000"); /* destination options */
		craft_bytes(&c, w.b + i * 504, 504);
		craft_seal(&c);
		assert_true(lab_feed(lab, c.b, c.len));
	}
	assert_true(lab->res.datagram);
	assert_int_equal(lab->res.pkt.payload_len, 1000);
	assert_memory_equal(lab->res.pkt.payload, w.b + 8, 1000);
	lab_close(lab);
}

SPEC(ipv4_options_of_the_first_fragment_survive)
{
	struct lab *lab = lab_open(NULL);

	craft_whole(&w, false, 1, 1008, 1);
	craft_eth(&c, NULL, 0x0800);
	craft_ip4(&c, PEER4, US4, 17);
	craft_options4(&c, "94040000");
	craft_frag4(&c, 1, 0, true);
	craft_bytes(&c, w.b, 504);
	craft_seal(&c);
	assert_true(lab_feed(lab, c.b, c.len));
	assert_true(feed_piece(lab, &w, 504, 504, false));
	assert_true(lab->res.datagram);
	assert_int_equal(lab->res.frame[14], 0x46);
	assert_int_equal(load_be16(lab->res.frame + 16), 24 + 1008);
	assert_int_equal(load_be16(lab->res.frame + 20), 0);
	assert_int_equal(craft_checksum(lab->res.frame + 14, 24, 0), 0);
	lab_close(lab);
}

SPEC(a_tcp_segment_in_fragments_is_put_together)
{
	for_each_family(v6)
	{
		struct lab *lab = lab_open(NULL);
		struct craft s;

		craft_eth(&s, NULL, v6 ? 0x86dd : 0x0800);
		if (v6)
			craft_ip6(&s, PEER6, US6, 6);
		else
			craft_ip4(&s, PEER4, US4, 6);
		craft_tcp(&s, 40001, 514, 5, 0x18);
		craft_fill(&s, 180, 1);
		craft_seal(&s);
		for (unsigned i = 0; i < 2; i++) {
			craft_eth(&c, NULL, v6 ? 0x86dd : 0x0800);
			if (v6) {
				craft_ip6(&c, PEER6, US6, 44);
				craft_frag6(&c, 6, 1, i * 104, i == 0);
			} else {
				craft_ip4(&c, PEER4, US4, 6);
				craft_frag4(&c, 1, i * 104, i == 0);
			}
			c.l4_proto = 0;
			craft_bytes(&c, s.b + s.l4 + i * 104, i == 0 ? 104 : 96);
			craft_seal(&c);
			assert_true(lab_feed(lab, c.b, c.len));
		}
		assert_true(lab->res.datagram);
		assert_int_equal(lab->res.pkt.verdict, NET_TCP);
		assert_int_equal(lab->res.pkt.payload_len, 200);
		assert_memory_equal(lab->res.pkt.payload, s.b + s.l4, 200);
		lab_close(lab);
	}
}

SPEC(congestion_met_by_one_fragment_is_the_datagrams)
{
	for_each_family(v6)
	{
		struct lab *lab = lab_open(NULL);

		craft_whole(&w, v6, 1, 2000, 1);
		for (unsigned i = 0; i < 2; i++) {
			uint8_t ecn = i == 0 ? 2 : 3;

			craft_piece(&c, &w, i * 1000, 1000, i == 0);
			c.b[15] |= (uint8_t)(v6 ? ecn << 4 : ecn);
			if (!v6)
				craft_seal_ip4(&c);
			assert_true(lab_feed(lab, c.b, c.len));
		}
		assert_true(lab->res.datagram);
		assert_int_equal(lab->res.pkt.ecn, 3);
		lab_close(lab);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_fragments_make_a_datagram),
		cmocka_unit_test(the_order_of_fragments_does_not_matter),
		cmocka_unit_test(the_longest_datagram_is_put_together),
		cmocka_unit_test(the_tiniest_fragments_make_a_datagram),
		cmocka_unit_test(datagrams_are_told_apart_by_source_and_id),
		cmocka_unit_test(ipv4_tells_them_apart_by_protocol_too),
		cmocka_unit_test(the_next_header_of_the_first_ipv6_fragment_counts),
		cmocka_unit_test(an_exact_duplicate_is_ignored),
		cmocka_unit_test(ipv6_headers_before_and_after_the_fragment_header_survive),
		cmocka_unit_test(ipv4_options_of_the_first_fragment_survive),
		cmocka_unit_test(a_tcp_segment_in_fragments_is_put_together),
		cmocka_unit_test(congestion_met_by_one_fragment_is_the_datagrams),
	};

	return cmocka_run_group_tests_name("net: reassembly", tests, NULL, NULL);
}
