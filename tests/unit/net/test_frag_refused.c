/* Fragments that make no datagram: they contradict each other (RFC 5722), or what they say cannot
 * be. */
#include "tests/unit/net/craft.h"
#include "tests/unit/net/lab.h"
#include "tests/unit/net/pieces.h"

#include "dataplane/base/bytes.h"

static struct craft c;
static struct craft_whole w;

SPEC(a_duplicate_of_odd_length_is_one)
{
	for_each_family(v6)
	{
		struct lab *lab = lab_open(NULL);

		craft_whole(&w, v6, 1, 1003, 1);
		assert_true(feed_piece(lab, &w, 800, 203, false));
		assert_true(feed_piece(lab, &w, 800, 203, false));
		/* The same units of eight, but one byte less. */
		refuse_piece(lab, &w, 800, 202, false, WIRE_bad_header);
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
	refuse_piece(lab, &w, 1000, 1000, true, WIRE_bad_header);
	refuse_piece(lab, &w, 0, 1000, true, WIRE_bad_header);
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
		refuse_piece(lab, &w, 1000, 1000, false, WIRE_bad_header);
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
		refuse_piece(lab, &w, 1000, 0, true, WIRE_bad_header);
		refuse_piece(lab, &w, 1000, 0, false, WIRE_bad_header);
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
		refuse_piece(lab, &w, 2000, 1000, false, WIRE_bad_checksum);
		a = lab_accounts(lab);
		assert_int_equal(a.rejected[WIRE_bad_checksum], 3);
		assert_int_equal(a.accepted, 0);
		assert_int_equal(lab_count(lab)->reassembled, 1);
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
		cmocka_unit_test(more_extension_headers_than_anybody_sends_are_unsupported),
		cmocka_unit_test(a_wrong_checksum_of_the_whole_rejects_every_fragment_of_it),
		cmocka_unit_test(fragments_of_fragments_are_a_bad_header),
		cmocka_unit_test(a_problem_found_in_the_whole_is_told_about_the_whole),
		cmocka_unit_test(congestion_on_one_and_no_ecn_on_another_cannot_be),
		cmocka_unit_test(fragments_to_a_group_are_not_for_us),
	};

	return cmocka_run_group_tests_name("net: reassembly refused", tests, NULL, NULL);
}
