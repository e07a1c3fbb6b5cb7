/* The table of refusals: coalesced, bounded, fair. */
#include <stdio.h>
#include <stdlib.h>

#include "control/refusals.h"
#include "tests/unit/control/harness.h"

static struct refusals *r;

static int make(void **state)
{
	const struct siphash_key key = {1, 2};

	(void)state;
	r = malloc(sizeof(*r));
	refusals_init(r, &key);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	free(r);
	return 0;
}

static struct auth_event from(const char *addr, const char *serial, enum refusal_reason reason)
{
	struct auth_event ev = {.kind = AUTH_EV_REFUSED, .reason = (uint16_t)reason, .time_ns = 1};

	assert_int_equal(ip_addr_parse(&ev.addr, addr), 0);
	snprintf(ev.serial, sizeof(ev.serial), "%s", serial);
	snprintf(ev.fingerprint, sizeof(ev.fingerprint), "%s", "ab");
	snprintf(ev.detail, sizeof(ev.detail), "%s", "why");
	return ev;
}

struct sum {
	unsigned entries, others;
	uint64_t count;
	struct refusal first;
};

static void add(void *ctx, const struct refusal *e)
{
	struct sum *s = ctx;

	if (s->entries++ == 0)
		s->first = *e;
	s->others += e->others;
	s->count += e->count;
}

static struct sum sum(void)
{
	struct sum s = {0};

	refusals_each(r, add, &s);
	assert_true(s.entries <= REFUSALS_MAX);
	assert_int_equal(s.count + r->evicted, r->total);
	return s;
}

static void the_same_is_one_entry_with_a_count(void **state)
{
	struct auth_event ev = from("192.0.2.7", "FGT-1", REFUSAL_expired);
	struct sum s;

	(void)state;
	refusals_add(r, &ev);
	ev.time_ns = 9;
	ev.port = 4711;
	refusals_add(r, &ev);
	s = sum();
	assert_int_equal(s.entries, 1);
	assert_int_equal(s.first.count, 2);
	assert_int_equal(s.first.first_ns, 1);
	assert_int_equal(s.first.last_ns, 9);
	assert_int_equal(s.first.port, 4711);
	assert_string_equal(s.first.serial, "FGT-1");
	assert_string_equal(s.first.detail, "why");
}

static void reason_address_certificate_and_serial_tell_entries_apart(void **state)
{
	struct auth_event ev = from("192.0.2.7", "FGT-1", REFUSAL_expired);

	(void)state;
	refusals_add(r, &ev);
	ev.reason = REFUSAL_revoked;
	refusals_add(r, &ev);
	ev.serial[4] = '2';
	refusals_add(r, &ev);
	ev.fingerprint[0] = 'c';
	refusals_add(r, &ev);
	ev.addr.b[15]++;
	refusals_add(r, &ev);
	assert_int_equal(sum().entries, 5);
}

static void the_newest_is_first_and_the_oldest_makes_room(void **state)
{
	struct auth_event ev;
	struct sum s;

	(void)state;
	for (unsigned i = 0; i < REFUSALS_MAX + 3; i++) {
		char addr[32];

		snprintf(addr, sizeof(addr), "10.0.%u.%u", i / 256, i % 256);
		ev = from(addr, "FGT-1", REFUSAL_wrong_ca);
		refusals_add(r, &ev);
		/* The very first is touched again and again: it stays. */
		ev = from("10.0.0.0", "FGT-1", REFUSAL_wrong_ca);
		refusals_add(r, &ev);
	}
	s = sum();
	assert_int_equal(s.entries, REFUSALS_MAX);
	assert_int_equal(ip_addr_equal(&s.first.addr, &ev.addr), 1);
	assert_int_equal(s.first.count, REFUSALS_MAX + 4);
	assert_int_equal(r->evicted, 3);
}

static void one_source_has_its_share_and_no_more(void **state)
{
	struct auth_event victim = from("198.51.100.1", "FGT-VICTIM", REFUSAL_no_legal_sn);
	struct sum s;

	(void)state;
	refusals_add(r, &victim);
	for (unsigned i = 0; i < 5 * REFUSALS_MAX; i++) {
		char addr[48], serial[32];

		/* One IPv6 network of whoever it is, each time another address and serial. */
		snprintf(addr, sizeof(addr), "2001:db8:0:1::%x", i);
		snprintf(serial, sizeof(serial), "MADE-UP-%u", i);
		struct auth_event ev = from(addr, serial, REFUSAL_wrong_ca);

		refusals_add(r, &ev);
	}
	s = sum();
	assert_int_equal(s.entries, 1 + REFUSALS_PER_SOURCE + 1);
	assert_int_equal(s.others, 1);
	assert_int_equal(r->evicted, 0);
}

static void addresses_that_may_be_inventions_are_one_source(void **state)
{
	struct auth_event victim = from("198.51.100.1", "FGT-VICTIM", REFUSAL_no_legal_sn);
	struct auth_event ev;
	struct sum s;

	(void)state;
	refusals_add(r, &victim);
	for (unsigned i = 0; i < 5 * REFUSALS_MAX; i++) {
		char addr[48];

		snprintf(addr, sizeof(addr), "10.%u.%u.%u", i % 7, i / 256, i % 256);
		ev = from(addr, "", REFUSAL_address_not_allowed);
		ev.unproven = true;
		refusals_add(r, &ev);
	}
	s = sum();
	assert_int_equal(s.entries, 1 + REFUSALS_PER_SOURCE + 1);
	assert_int_equal(s.others, 1);
	assert_int_equal(r->evicted, 0);
	assert_true(ip_addr_equal(&s.first.addr, &ev.addr));
	/* Whoever has proven the same address has entries of its own. */
	ev.unproven = false;
	refusals_add(r, &ev);
	assert_int_equal(sum().entries, 1 + REFUSALS_PER_SOURCE + 2);
}

/* The number. What a refusal costs does not depend on what the table holds, so this is
 * quick, and its memory is the table. */
static void a_million_from_everywhere_stays_within_the_table(void **state)
{
	struct auth_event ev = from("10.0.0.0", "FGT-1", REFUSAL_wrong_ca);

	(void)state;
	for (uint32_t i = 0; i < 1000000; i++) {
		uint32_t mixed = i * 2654435761u;

		for (unsigned b = 0; b < 4; b++)
			ev.addr.b[12 + b] = (uint8_t)(mixed >> (8 * b));
		ev.reason = (uint16_t)(i % REFUSAL_REASON_COUNT);
		refusals_add(r, &ev);
	}
	assert_int_equal(r->total, 1000000);
	assert_int_equal(sum().entries, REFUSALS_MAX);
}

#define T(f) cmocka_unit_test_setup_teardown(f, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_same_is_one_entry_with_a_count),
		T(reason_address_certificate_and_serial_tell_entries_apart),
		T(the_newest_is_first_and_the_oldest_makes_room),
		T(one_source_has_its_share_and_no_more),
		T(addresses_that_may_be_inventions_are_one_source),
		T(a_million_from_everywhere_stays_within_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
