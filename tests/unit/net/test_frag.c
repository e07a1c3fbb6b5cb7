/* Reassembly (RFC 791, RFC 8200 4.5, RFC 5722, RFC 6946): every case for both families. */
#include "tests/unit/net/craft.h"
#include "tests/unit/net/lab.h"

#include "dataplane/base/bytes.h"

static struct craft c;
static struct craft_whole w, w2;

/* Both families: `for_each_family(v6)` runs the block with v6 false, then true. */
#define for_each_family(v6) for (unsigned v6 = 0; v6 < 2; v6++)

static bool feed_piece(
	struct lab *lab, const struct craft_whole *whole, uint32_t off, uint32_t len, bool more)
{
	craft_piece(&c, whole, off, len, more);
	return lab_feed(lab, c.b, c.len);
}

static void refuse_piece(
	struct lab *lab, uint32_t off, uint32_t len, bool more, enum wire_reason reason)
{
	craft_piece(&c, &w, off, len, more);
	lab_refuse(lab, c.b, c.len, reason);
}

/* The last frame fed completed `whole`, which came in `frames` frames. */
static void is_whole(const struct lab *lab, const struct craft_whole *whole, uint32_t frames)
{
	const struct net_pkt *pkt = &lab->res.pkt;

	assert_true(lab->res.accepted);
	assert_true(lab->res.datagram);
	assert_int_equal(lab->res.frames, frames);
	assert_int_equal(pkt->verdict, NET_UDP);
	assert_int_equal(pkt->flow.src_port, 40000);
	assert_int_equal(pkt->flow.dst_port, 514);
	assert_true(lab_is(&pkt->flow.dst, whole->v6 ? US6 : US4));
	assert_int_equal(pkt->payload_len, whole->len - 8);
	assert_memory_equal(pkt->payload, whole->b + 8, whole->len - 8);
	assert_memory_equal(pkt->src_mac, lab_hex(PEER_MAC).b, 6);
}

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

SPEC(a_duplicate_of_odd_length_is_one)
{
	for_each_family(v6)
	{
		struct lab *lab = lab_open(NULL);

		craft_whole(&w, v6, 1, 1003, 1);
		assert_true(feed_piece(lab, &w, 800, 203, false));
		assert_true(feed_piece(lab, &w, 800, 203, false));
		/* The same units of eight, but one byte less. */
		refuse_piece(lab, 800, 202, false, WIRE_bad_header);
		lab_close(lab);
	}
}

/* Feeds 0..1000 and 2000..2500 of 2500 bytes, then a fragment that contradicts them. */
static void contradicts(bool v6, uint32_t off, uint32_t len, bool more, uint8_t change)
{
	struct lab *lab = lab_open(NULL);
	struct lab_accounts a;

	craft_whole(&w, v6, 1, 2500, 1);
	assert_true(feed_piece(lab, &w, 0, 1000, true));
	assert_true(feed_piece(lab, &w, 2000, 500, false));
	craft_piece(&c, &w, off, len, more);
	c.b[c.len - 1] ^= change;
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	/* All of it is worthless: what came before, and what follows. */
	a = lab_accounts(lab);
	assert_int_equal(a.accepted, 0);
	assert_int_equal(a.rejected[WIRE_bad_header], 3);
	assert_int_equal(lab_count(lab)->frag_overlap, 3);
	assert_int_equal(lab_count(lab)->reassembly_bytes, 0);
	refuse_piece(lab, 1000, 1000, true, WIRE_bad_header);
	refuse_piece(lab, 0, 1000, true, WIRE_bad_header);
	/* Until its time is over: then the id is free again. */
	lab_pass(lab, 30 * LAB_SECOND);
	lab_forget(lab);
	assert_true(feed_piece(lab, &w, 0, 2000, true));
	assert_true(feed_piece(lab, &w, 2000, 500, false));
	assert_true(lab->res.datagram);
	lab_close(lab);
}

SPEC(a_fragment_that_overlaps_kills_the_datagram)
{
	for_each_family(v6)
	{
		contradicts(v6, 992, 1008, true, 0);  /* the end of the one before */
		contradicts(v6, 1000, 1008, true, 0); /* the start of the one after */
		contradicts(v6, 8, 8, true, 0);	      /* inside of one */
		contradicts(v6, 0, 8, true, 0);	      /* its start */
		contradicts(v6, 992, 8, true, 0);     /* its end */
		contradicts(v6, 0, 2000, true, 0);    /* all of one and more */
		contradicts(v6, 0, 2496, true, 0);    /* all of them */
	}
}

SPEC(so_does_a_duplicate_with_other_bytes)
{
	for_each_family(v6)
	{
		contradicts(v6, 0, 1000, true, 1);
		contradicts(v6, 2000, 500, false, 1);
	}
}

SPEC(so_do_two_opinions_of_where_it_ends)
{
	for_each_family(v6)
	{
		contradicts(v6, 1000, 500, false, 0); /* before */
		contradicts(v6, 2504, 96, false, 0);  /* after */
		contradicts(v6, 2504, 96, true, 0);   /* more after the last */
		contradicts(v6, 2000, 504, true, 0);  /* the last is not the last */
	}
}

SPEC(a_last_fragment_before_others_that_came_earlier_kills_too)
{
	for_each_family(v6)
	{
		struct lab *lab = lab_open(NULL);

		craft_whole(&w, v6, 1, 3000, 1);
		assert_true(feed_piece(lab, &w, 2000, 800, true));
		refuse_piece(lab, 1000, 1000, false, WIRE_bad_header);
		lab_close(lab);
	}
}

SPEC(a_length_that_is_no_multiple_of_eight_is_refused_alone)
{
	for_each_family(v6)
	{
		struct lab *lab = lab_open(NULL);
		const struct lab_bytes *f;

		lab_know_peer(lab);
		craft_whole(&w, v6, 1, 2000, 1);
		assert_true(feed_piece(lab, &w, 0, 1000, true));
		assert_false(feed_piece(lab, &w, 1000, 997, true));
		assert_int_equal(lab->res.reason, WIRE_bad_header);
		if (v6) { /* RFC 8200: parameter problem, at the payload length */
			f = lab_next(lab);
			assert_int_equal(f->b[54], 4);
			assert_int_equal(f->b[55], 0);
			assert_int_equal(load_be32(f->b + 58), 4);
			assert_true(craft_l4_good(f->b, f->len));
		}
		lab_expect_silence(lab);
		assert_true(feed_piece(lab, &w, 1000, 1000, false));
		is_whole(lab, &w, 2);
		lab_close(lab);
	}
}

SPEC(a_fragment_that_ends_past_65535_is_refused_alone)
{
	for_each_family(v6)
	{
		struct lab *lab = lab_open(NULL);
		const struct lab_bytes *f;

		lab_know_peer(lab);
		craft_whole(&w, v6, 1, 2000, 1);
		assert_true(feed_piece(lab, &w, 0, 1000, true));
		/* The ping of death: the highest offset there is, and more than 7 bytes. */
		craft_piece(&c, &w, 0, 100, false);
		if (v6) {
			store_be16(c.b + 56, 0xfff8);
		} else {
			store_be16(c.b + 20, 0x1fff);
			craft_seal_ip4(&c);
		}
		assert_false(lab_feed(lab, c.b, c.len));
		assert_int_equal(lab->res.reason, WIRE_bad_header);
		if (v6) { /* at the fragment offset */
			f = lab_next(lab);
			assert_int_equal(f->b[54], 4);
			assert_int_equal(load_be32(f->b + 58), 42);
		}
		lab_expect_silence(lab);
		assert_true(feed_piece(lab, &w, 1000, 1000, false));
		is_whole(lab, &w, 2);
		lab_close(lab);
	}
}

SPEC(a_first_header_that_makes_the_whole_too_long_is_refused)
{
	struct lab *lab = lab_open(NULL);
	uint32_t off;

	/* 65515 bytes fit after 20 bytes of header; the first fragment comes with 24. */
	craft_whole(&w, false, 7, 65515, 1);
	for (off = 1000; off + 1000 < w.len; off += 1000)
		assert_true(feed_piece(lab, &w, off, 1000, true));
	assert_true(feed_piece(lab, &w, off, w.len - off, false));
	craft_eth(&c, NULL, 0x0800);
	craft_ip4(&c, PEER4, US4, 17);
	craft_options4(&c, "01010101");
	craft_frag4(&c, 7, 0, true);
	craft_bytes(&c, w.b, 1000);
	craft_seal(&c);
	lab_refuse(lab, c.b, c.len, WIRE_bad_header);
	assert_int_equal(lab_accounts(lab).rejected[WIRE_bad_header], 66);
	lab_close(lab);
}

SPEC(an_empty_fragment_is_a_bad_header)
{
	for_each_family(v6)
	{
		struct lab *lab = lab_open(NULL);

		craft_whole(&w, v6, 1, 2000, 1);
		refuse_piece(lab, 1000, 0, true, WIRE_bad_header);
		refuse_piece(lab, 1000, 0, false, WIRE_bad_header);
		lab_close(lab);
	}
}

SPEC(an_ipv6_first_fragment_without_all_headers_is_told)
{
	struct lab *lab = lab_open(NULL);
	static const struct {
		uint8_t next;
		const char *data;
	} cut[] = {
		{60, "1101010400000000"}, /* options longer than the fragment */
		{60, "1100010400000000"}, /* and none of UDP */
		{6, "9c41020200000001"
		    "0000000050020000"}, /* sixteen bytes of TCP */
		{43, "3a00040000000000"},
	};
	const struct lab_bytes *f;

	lab_know_peer(lab);
	for (unsigned i = 0; i < 4; i++) { /* RFC 7112 */
		craft_eth(&c, NULL, 0x86dd);
		craft_ip6(&c, PEER6, US6, 44);
		craft_frag6(&c, cut[i].next, 9, 0, true);
		craft_hex(&c, cut[i].data);
		craft_seal(&c);
		assert_false(lab_feed(lab, c.b, c.len));
		assert_int_equal(lab->res.reason, WIRE_bad_header);
		f = lab_next(lab);
		assert_int_equal(f->b[54], 4);
		assert_int_equal(f->b[55], 3);
		assert_int_equal(load_be32(f->b + 58), 0);
	}
	lab_close(lab);
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

SPEC(more_extension_headers_than_anybody_sends_are_unsupported)
{
	struct lab *lab = lab_open(NULL);

	craft_whole(&w, true, 1, 1008, 1);
	craft_eth(&c, NULL, 0x86dd);
	craft_ip6(&c, PEER6, US6, 60);
	craft_hex(&c, "2c1f"
		      "000000000000");
	for (unsigned i = 0; i < 31; i++)
		craft_hex(&c, "0000000000000000");
	craft_frag6(&c, 17, 5, 0, true);
	craft_bytes(&c, w.b, 504);
	craft_seal(&c);
	lab_refuse(lab, c.b, c.len, WIRE_unsupported);
	lab_close(lab);
}

SPEC(a_wrong_checksum_of_the_whole_rejects_every_fragment_of_it)
{
	for_each_family(v6)
	{
		struct lab *lab = lab_open(NULL);
		struct lab_accounts a;

		craft_whole(&w, v6, 1, 3000, 1);
		assert_true(feed_piece(lab, &w, 0, 1000, true));
		assert_true(feed_piece(lab, &w, 1000, 1000, true));
		w.b[2500] ^= 1;
		refuse_piece(lab, 2000, 1000, false, WIRE_bad_checksum);
		a = lab_accounts(lab);
		assert_int_equal(a.rejected[WIRE_bad_checksum], 3);
		assert_int_equal(a.accepted, 0);
		assert_int_equal(lab_count(lab)->reassembled, 1);
		lab_close(lab);
	}
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

SPEC(fragments_of_fragments_are_a_bad_header)
{
	struct lab *lab = lab_open(NULL);
	struct lab_accounts a;

	/* What is put together begins with a fragment header again. */
	craft_whole(&w, true, 1, 1008, 1);
	for (unsigned i = 0; i < 2; i++) {
		craft_eth(&c, NULL, 0x86dd);
		craft_ip6(&c, PEER6, US6, 44);
		craft_frag6(&c, 44, 5, i * 512, i == 0);
		if (i == 0)
			craft_hex(&c, "1100000100000009");
		craft_bytes(&c, w.b + i * 504, 504);
		craft_seal(&c);
		assert_int_equal(lab_feed(lab, c.b, c.len), i == 0);
	}
	assert_int_equal(lab->res.reason, WIRE_bad_header);
	a = lab_accounts(lab);
	assert_int_equal(a.rejected[WIRE_bad_header], 2);
	lab_close(lab);
}

SPEC(a_problem_found_in_the_whole_is_told_about_the_whole)
{
	struct lab *lab = lab_open(NULL);
	const struct lab_bytes *f;

	lab_know_peer(lab);
	craft_whole(&w, true, 1, 1008, 1);
	for (unsigned i = 0; i < 2; i++) {
		craft_eth(&c, NULL, 0x86dd);
		craft_ip6(&c, PEER6, US6, 44);
		craft_frag6(&c, 60, 5, i * 512, i == 0);
		if (i == 0)
			craft_hex(&c, "1100de0400000000"); /* an option that must be told */
		craft_bytes(&c, w.b + i * 504, 504);
		craft_seal(&c);
		assert_int_equal(lab_feed(lab, c.b, c.len), i == 0);
	}
	f = lab_next(lab);
	assert_int_equal(f->b[54], 4);
	assert_int_equal(f->b[55], 2);
	assert_int_equal(load_be32(f->b + 58), 42);
	assert_int_equal(load_be16(f->b + 62 + 4), 8 + 1008);
	assert_int_equal(lab_accounts(lab).rejected[WIRE_unsupported], 2);
	lab_close(lab);
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

SPEC(congestion_on_one_and_no_ecn_on_another_cannot_be)
{
	for_each_family(v6)
	{
		struct lab *lab = lab_open(NULL);

		craft_whole(&w, v6, 1, 2000, 1);
		assert_true(feed_piece(lab, &w, 0, 1000, true));
		craft_piece(&c, &w, 1000, 1000, false);
		c.b[15] |= v6 ? 0x30 : 3;
		if (!v6)
			craft_seal_ip4(&c);
		lab_refuse(lab, c.b, c.len, WIRE_bad_header);
		assert_int_equal(lab_accounts(lab).rejected[WIRE_bad_header], 2);
		lab_close(lab);
	}
}

SPEC(fragments_to_a_group_are_not_for_us)
{
	struct lab *lab = lab_open(NULL);

	craft_whole(&w, true, 1, 2000, 1);
	craft_piece(&c, &w, 0, 1000, true);
	memcpy(c.b, lab_hex("333300000001").b, 6);
	memcpy(c.b + 38, lab_ip("ff02::1").b, 16);
	lab_refuse(lab, c.b, c.len, WIRE_not_for_us);
	lab_close(lab);
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
		cmocka_unit_test(a_duplicate_of_odd_length_is_one),
		cmocka_unit_test(a_fragment_that_overlaps_kills_the_datagram),
		cmocka_unit_test(so_does_a_duplicate_with_other_bytes),
		cmocka_unit_test(so_do_two_opinions_of_where_it_ends),
		cmocka_unit_test(a_last_fragment_before_others_that_came_earlier_kills_too),
		cmocka_unit_test(a_length_that_is_no_multiple_of_eight_is_refused_alone),
		cmocka_unit_test(a_fragment_that_ends_past_65535_is_refused_alone),
		cmocka_unit_test(a_first_header_that_makes_the_whole_too_long_is_refused),
		cmocka_unit_test(an_empty_fragment_is_a_bad_header),
		cmocka_unit_test(an_ipv6_first_fragment_without_all_headers_is_told),
		cmocka_unit_test(ipv6_headers_before_and_after_the_fragment_header_survive),
		cmocka_unit_test(ipv4_options_of_the_first_fragment_survive),
		cmocka_unit_test(more_extension_headers_than_anybody_sends_are_unsupported),
		cmocka_unit_test(a_wrong_checksum_of_the_whole_rejects_every_fragment_of_it),
		cmocka_unit_test(a_tcp_segment_in_fragments_is_put_together),
		cmocka_unit_test(fragments_of_fragments_are_a_bad_header),
		cmocka_unit_test(a_problem_found_in_the_whole_is_told_about_the_whole),
		cmocka_unit_test(congestion_met_by_one_fragment_is_the_datagrams),
		cmocka_unit_test(congestion_on_one_and_no_ecn_on_another_cannot_be),
		cmocka_unit_test(fragments_to_a_group_are_not_for_us),
	};

	return cmocka_run_group_tests_name("net: reassembly", tests, NULL, NULL);
}
