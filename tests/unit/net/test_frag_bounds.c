/* The bounds of reassembly: time, fragments, datagrams, sources, bytes; and their accounts. */
#include "tests/unit/net/craft.h"
#include "tests/unit/net/lab.h"
#include "tests/unit/net/pieces.h"

static struct craft c;
static struct craft_whole w;

/* The first half of datagram `id` from source `src`. */
static void half(struct lab *lab, bool v6, uint32_t id, uint8_t src)
{
	craft_whole(&w, v6, id, 2000, 1);
	w.src = src;
	assert_true(feed_piece(lab, &w, 0, 1000, true));
}

/* Does the second half of it find the first? */
static bool other_half(struct lab *lab, bool v6, uint32_t id, uint8_t src)
{
	craft_whole(&w, v6, id, 2000, 1);
	w.src = src;
	craft_piece(&c, &w, 1000, 1000, false);
	/* The checksum was made for the peer; another source has another. */
	lab_feed(lab, c.b, c.len);
	return lab->res.datagram || lab->res.reason == WIRE_bad_checksum;
}

static struct lab *small(unsigned datagrams, unsigned per_source, size_t bytes)
{
	struct net_config cfg;
	struct lab *lab;

	lab_config(&cfg);
	cfg.max_datagrams = datagrams;
	cfg.max_datagrams_source = per_source;
	cfg.max_reassembly_bytes = bytes;
	lab = lab_open(&cfg);
	lab_know_peer(lab);
	return lab;
}

SPEC(what_is_not_whole_in_time_is_dropped_and_told)
{
	static const char *const first[] = {V_FRAG4_FIRST, V_FRAG6_FIRST};
	static const char *const told[] = {V_FRAG_TIMEOUT4, V_FRAG_TIMEOUT6};

	for_each_family(v6)
	{
		struct lab *lab = small(16, 16, 1 << 20);
		struct lab_accounts a;
		unsigned sent;

		assert_true(lab_feed_hex(lab, first[v6]));
		assert_true(lab_feed_hex(lab, first[v6])); /* and once more */
		lab_pass(lab, 30 * LAB_SECOND - 1);
		assert_int_equal(lab_accounts(lab).accepted, lab->acc.accepted);
		lab_forget(lab);
		lab_pass(lab, 1);
		lab_expect(lab, told[v6]);
		a = lab_accounts(lab);
		assert_int_equal(a.rejected[WIRE_fragment_timeout], 2);
		assert_int_equal(lab_count(lab)->frag_timeout, 2);
		assert_int_equal(lab_count(lab)->reassembly_bytes, 0);
		sent = lab->sent;
		lab_feed_hex(lab, v6 ? V_FRAG6_LAST : V_FRAG4_LAST);
		assert_false(lab->res.datagram);
		assert_int_equal(lab->sent, sent);
		lab_close(lab);
	}
}

SPEC(without_its_first_fragment_nobody_is_told)
{
	for_each_family(v6)
	{
		struct lab *lab = small(16, 16, 1 << 20);

		assert_true(lab_feed_hex(lab, v6 ? V_FRAG6_LAST : V_FRAG4_LAST));
		lab_pass(lab, 29 * LAB_SECOND);
		lab_forget(lab);
		lab_pass(lab, 2 * LAB_SECOND);
		for (unsigned i = 0; i < lab->sent; i++) {
			assert_int_not_equal(lab->frame[i].b[34], 11);
			assert_int_not_equal(lab->frame[i].b[54], 3);
		}
		assert_int_equal(lab_accounts(lab).rejected[WIRE_fragment_timeout], 1);
		lab_close(lab);
	}
}

SPEC(an_icmp_error_in_fragments_gets_no_error)
{
	for_each_family(v6)
	{
		struct lab *lab = small(16, 16, 1 << 20);

		craft_eth(&c, NULL, v6 ? 0x86dd : 0x0800);
		if (v6) {
			craft_ip6(&c, PEER6, US6, 44);
			craft_frag6(&c, 58, 1, 0, true);
		} else {
			craft_ip4(&c, PEER4, US4, 1);
			craft_frag4(&c, 1, 0, true);
		}
		c.l4_proto = 0;
		craft_icmp(&c, v6 ? 1 : 3, 3, 0);
		craft_fill(&c, 96, 1);
		craft_seal(&c);
		assert_true(lab_feed(lab, c.b, c.len));
		lab_pass(lab, 29 * LAB_SECOND);
		lab_forget(lab);
		lab_pass(lab, 2 * LAB_SECOND);
		assert_int_equal(lab_count(lab)->icmp_out, 0);
		assert_int_equal(lab_accounts(lab).rejected[WIRE_fragment_timeout], 1);
		lab_close(lab);
	}
}

SPEC(the_clock_runs_from_the_first_fragment_that_came)
{
	struct lab *lab = small(16, 16, 1 << 20);

	craft_whole(&w, false, 1, 3000, 1);
	assert_true(feed_piece(lab, &w, 0, 1000, true));
	lab_pass(lab, 29 * LAB_SECOND);
	assert_true(feed_piece(lab, &w, 1000, 1000, true));
	lab_pass(lab, LAB_SECOND);
	assert_int_equal(lab_accounts(lab).rejected[WIRE_fragment_timeout], 2);
	lab_close(lab);
}

SPEC(more_fragments_than_the_bound_discard_the_datagram)
{
	for_each_family(v6)
	{
		struct lab *lab = small(16, 16, 1 << 20);
		struct lab_accounts a;
		unsigned n = 0;

		craft_whole(&w, v6, 1, 8 * (NET_MAX_FRAGMENTS + 8), 1);
		for (; n < NET_MAX_FRAGMENTS; n++)
			assert_true(feed_piece(lab, &w, n * 8, 8, true));
		craft_piece(&c, &w, n * 8, 8, true);
		lab_refuse(lab, c.b, c.len, WIRE_fragment_overflow);
		craft_piece(&c, &w, n * 8 + 8, 8, true);
		lab_refuse(lab, c.b, c.len, WIRE_fragment_overflow);
		a = lab_accounts(lab);
		assert_int_equal(a.rejected[WIRE_fragment_overflow], NET_MAX_FRAGMENTS + 2);
		assert_int_equal(lab_count(lab)->reassembly_bytes, 0);
		lab_close(lab);
	}
}

SPEC(the_oldest_datagram_of_a_source_gives_way_to_its_newest)
{
	for_each_family(v6)
	{
		struct lab *lab = small(64, 3, 1 << 20);

		half(lab, v6, 50, 77); /* of another source: not touched */
		for (uint32_t id = 1; id <= 4; id++)
			half(lab, v6, id, 99);
		assert_int_equal(lab_accounts(lab).rejected[WIRE_fragment_overflow], 1);
		assert_true(other_half(lab, v6, 2, 99));
		assert_true(other_half(lab, v6, 3, 99));
		assert_true(other_half(lab, v6, 4, 99));
		assert_true(other_half(lab, v6, 50, 77));
		assert_false(other_half(lab, v6, 1, 99));
		lab_close(lab);
	}
}

SPEC(the_oldest_datagram_of_all_gives_way_when_the_table_is_full)
{
	for_each_family(v6)
	{
		struct lab *lab = small(4, 4, 1 << 20);

		for (uint8_t src = 10; src < 16; src++)
			half(lab, v6, 1, src);
		assert_int_equal(lab_accounts(lab).rejected[WIRE_fragment_overflow], 2);
		for (uint8_t src = 12; src < 16; src++)
			assert_true(other_half(lab, v6, 1, src));
		assert_false(other_half(lab, v6, 1, 10));
		lab_close(lab);
	}
}

SPEC(the_oldest_gives_way_when_the_bytes_are_used_up)
{
	/* Five pages of 2 KiB. */
	struct lab *lab = small(64, 64, 5 * 2048);

	for (uint32_t id = 1; id <= 5; id++)
		half(lab, false, id, 99);
	assert_int_equal(lab_count(lab)->reassembly_bytes, 5 * 2048);
	assert_int_equal(lab_count(lab)->frag_overflow, 0);
	half(lab, false, 6, 99);
	assert_int_equal(lab_count(lab)->reassembly_bytes, 5 * 2048);
	assert_int_equal(lab_accounts(lab).rejected[WIRE_fragment_overflow], 1);
	assert_false(other_half(lab, false, 1, 99)); /* pushes 2 out itself */
	assert_true(other_half(lab, false, 6, 99));
	lab_close(lab);
}

SPEC(a_datagram_too_long_for_the_pool_is_discarded_without_harm_to_itself)
{
	struct lab *lab = small(64, 64, 2 * 2048);

	craft_whole(&w, false, 1, 8000, 1);
	assert_true(feed_piece(lab, &w, 0, 1400, true));
	assert_true(feed_piece(lab, &w, 1400, 1400, true));
	craft_piece(&c, &w, 5600, 1400, true); /* a third and fourth page */
	lab_refuse(lab, c.b, c.len, WIRE_fragment_overflow);
	assert_int_equal(lab_accounts(lab).rejected[WIRE_fragment_overflow], 3);
	assert_int_equal(lab_count(lab)->reassembly_bytes, 0);
	lab_close(lab);
}

SPEC(a_table_of_none_keeps_nothing)
{
	struct lab *lab = small(0, 16, 1 << 20);

	lab_refuse_hex(lab, V_FRAG4_FIRST, WIRE_fragment_overflow);
	lab_refuse_hex(lab, V_FRAG6_FIRST, WIRE_fragment_overflow);
	lab_close(lab);
	lab = small(16, 16, 0);
	lab_refuse_hex(lab, V_FRAG4_FIRST, WIRE_fragment_overflow);
	lab_close(lab);
}

SPEC(a_thousand_timeouts_at_once_are_worked_off_in_bounded_calls)
{
	struct lab *lab = small(1024, 1024, 8 << 20);
	unsigned calls = 0;

	for (uint32_t id = 0; id < 1000; id++)
		half(lab, true, id, 0x99);
	lab->now += 31 * LAB_SECOND;
	for (; lab_count(lab)->frag_timeout < 1000; calls++) {
		uint64_t before = lab_count(lab)->frag_timeout;

		assert_true(net_port_next_deadline(lab->port) <= lab->now);
		lab_forget(lab);
		net_port_expire(lab->port, &lab->out, lab->now);
		assert_in_range(lab_count(lab)->frag_timeout - before, 1, 64);
	}
	assert_int_equal(calls, 16);
	assert_int_equal(lab_accounts(lab).rejected[WIRE_fragment_timeout], 1000);
	lab_close(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_whole_in_time_is_dropped_and_told),
		cmocka_unit_test(without_its_first_fragment_nobody_is_told),
		cmocka_unit_test(an_icmp_error_in_fragments_gets_no_error),
		cmocka_unit_test(the_clock_runs_from_the_first_fragment_that_came),
		cmocka_unit_test(more_fragments_than_the_bound_discard_the_datagram),
		cmocka_unit_test(the_oldest_datagram_of_a_source_gives_way_to_its_newest),
		cmocka_unit_test(the_oldest_datagram_of_all_gives_way_when_the_table_is_full),
		cmocka_unit_test(the_oldest_gives_way_when_the_bytes_are_used_up),
		cmocka_unit_test(
			a_datagram_too_long_for_the_pool_is_discarded_without_harm_to_itself),
		cmocka_unit_test(a_table_of_none_keeps_nothing),
		cmocka_unit_test(a_thousand_timeouts_at_once_are_worked_off_in_bounded_calls),
	};

	return cmocka_run_group_tests_name("net: bounds of reassembly", tests, NULL, NULL);
}
