/* Who has which stream: at most one session, the newest that claims it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/ledger/claims.h"

static const struct siphash_key key = {1, 2};
static struct claims *claims;
/* What was called since asked for last: "grant 2, refuse 1 claim_rate, release 1". */
static char said[256];
static uint64_t now;

static void note(const char *what, uint64_t session, const char *how)
{
	size_t n = strlen(said);

	snprintf(said + n, sizeof(said) - n, "%s%s %llu%s%s", n ? ", " : "", what,
		(unsigned long long)session, how[0] ? " " : "", how);
}

static void on_grant(void *ctx, struct claim *c)
{
	(void)ctx;
	note("grant", c->who.id, "");
}

static void on_refuse(void *ctx, struct claim *c, enum refusal_reason why)
{
	(void)ctx;
	note("refuse", c->who.id, refusal_reason_slug(why));
}

static void on_release(void *ctx, const struct claims_session *owner, bool turns)
{
	(void)ctx;
	note("release", owner->id, turns ? "turns" : "");
}

static int begin(void **state)
{
	static const struct claims_ops ops = {on_grant, on_refuse, on_release};

	(void)state;
	claims = claims_new(&key, &ops, NULL);
	said[0] = '\0';
	now = 1000000;
	return claims ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	claims_free(claims);
	return 0;
}

static struct claim claim_of(uint64_t session, uint8_t host, const char *serial, uint32_t conn_id)
{
	struct claim c = {.who = {.id = session, .slot = (uint32_t)session}, .n = 1};

	c.who.addr.b[15] = host;
	snprintf(c.serial, sizeof(c.serial), "%s", serial);
	c.conn_id[0] = conn_id;
	return c;
}

static void expect(const char *want)
{
	assert_string_equal(said, want);
	said[0] = '\0';
}

static void what_nobody_has_is_granted_at_once(void **state)
{
	struct claim a = claim_of(1, 1, "SERIAL-A", 1), b = claim_of(2, 1, "SERIAL-A", 2),
		     c = claim_of(3, 1, "SERIAL-B", 1);

	(void)state;
	claims_ask(claims, &a, now);
	claims_ask(claims, &b, now);
	claims_ask(claims, &c, now);
	expect("grant 1, grant 2, grant 3");
	assert_int_equal(claims_held(claims), 3);
	claims_left(claims, 1);
	claims_left(claims, 2);
	claims_left(claims, 3);
	claims_left(claims, 4);
	expect("");
	assert_int_equal(claims_held(claims), 0);
}

static void who_has_it_lets_go_first(void **state)
{
	struct claim a = claim_of(1, 1, "SERIAL-A", 1), b = claim_of(2, 1, "SERIAL-A", 1);

	(void)state;
	claims_ask(claims, &a, now);
	claims_ask(claims, &b, now);
	expect("grant 1, release 1");
	claims_left(claims, 1);
	expect("grant 2");
	/* And late news of the first are nobody's. */
	claims_left(claims, 1);
	expect("");
	assert_int_equal(claims_held(claims), 1);
}

static void a_claim_waits_for_all_that_it_wants(void **state)
{
	struct claim a = claim_of(1, 1, "SERIAL-A", 1), b = claim_of(2, 1, "SERIAL-A", 2),
		     c = claim_of(3, 1, "SERIAL-A", 1);

	(void)state;
	c.n = 3;
	c.conn_id[1] = 2;
	c.conn_id[2] = 3;
	claims_ask(claims, &a, now);
	claims_ask(claims, &b, now);
	claims_ask(claims, &c, now);
	expect("grant 1, grant 2, release 1, release 2");
	claims_left(claims, 2);
	expect("");
	claims_left(claims, 1);
	expect("grant 3");
	assert_int_equal(claims_held(claims), 3);
}

static void the_newest_wins(void **state)
{
	struct claim a = claim_of(1, 1, "SERIAL-A", 1), b = claim_of(2, 1, "SERIAL-A", 1),
		     c = claim_of(3, 1, "SERIAL-A", 1);

	(void)state;
	claims_ask(claims, &a, now);
	claims_ask(claims, &b, now);
	claims_ask(claims, &c, now);
	expect("grant 1, release 1, refuse 2 duplicate_serial, release 1");
	claims_left(claims, 1);
	expect("grant 3");
}

static void who_ends_while_it_waits_waits_no_more(void **state)
{
	struct claim a = claim_of(1, 1, "SERIAL-A", 1), b = claim_of(2, 1, "SERIAL-A", 1);

	(void)state;
	claims_ask(claims, &a, now);
	claims_ask(claims, &b, now);
	claims_left(claims, 2);
	expect("grant 1, release 1, refuse 2 idle_timeout");
	claims_left(claims, 1);
	expect("");
	assert_int_equal(claims_held(claims), 0);
}

static void its_own_it_gets_again_for_another_epoch(void **state)
{
	struct claim a = claim_of(1, 1, "SERIAL-A", 1), again = a;

	(void)state;
	claims_ask(claims, &a, now);
	claims_ask(claims, &again, now);
	expect("grant 1, grant 1");
	claims_left(claims, 1);
	assert_int_equal(claims_held(claims), 0);
}

static void its_own_it_gets_no_more_when_a_newer_one_waits(void **state)
{
	struct claim a = claim_of(1, 1, "SERIAL-A", 1), b = claim_of(2, 1, "SERIAL-A", 1),
		     again = a;

	(void)state;
	claims_ask(claims, &a, now);
	claims_ask(claims, &b, now);
	claims_ask(claims, &again, now);
	expect("grant 1, release 1, refuse 1 duplicate_serial");
	claims_left(claims, 1);
	expect("grant 2");
}

static void new_epochs_have_a_rate(void **state)
{
	struct claim c = claim_of(1, 1, "SERIAL-A", 1);

	(void)state;
	for (unsigned i = 0; i <= CLAIMS_BURST; i++) {
		said[0] = '\0';
		claims_ask(claims, &c, now);
	}
	expect("grant 1");
	claims_ask(claims, &c, now);
	expect("refuse 1 claim_rate");
	now += CLAIMS_EVERY_US;
	claims_ask(claims, &c, now);
	expect("grant 1");
}

static void two_addresses_in_turns_are_told(void **state)
{
	struct claim c[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		c[i] = claim_of(i + 1, 1 + i % 2, "SERIAL-A", 1);
		claims_ask(claims, &c[i], now);
		claims_left(claims, i);
		now += 1000000;
	}
	expect("grant 1, release 1, grant 2, release 2 turns, grant 3, release 3 turns, grant 4");
}

static void the_same_address_comes_as_often_as_it_likes_but_for_the_rate(void **state)
{
	struct claim c[CLAIMS_BURST + 3];
	char want[64];

	(void)state;
	for (uint64_t i = 0; i <= CLAIMS_BURST + 1; i++) {
		c[i] = claim_of(i + 1, 1, "SERIAL-A", 1);
		said[0] = '\0';
		claims_ask(claims, &c[i], now);
		if (i <= CLAIMS_BURST)
			claims_left(claims, i);
	}
	snprintf(want, sizeof(want), "refuse %u claim_rate", CLAIMS_BURST + 2);
	expect(want);
	now += CLAIMS_EVERY_US;
	c[0] = claim_of(100, 1, "SERIAL-A", 1);
	claims_ask(claims, &c[0], now);
	snprintf(want, sizeof(want), "release %u", CLAIMS_BURST + 1);
	expect(want);
}

static void the_end_refuses_what_waits(void **state)
{
	struct claim a = claim_of(1, 1, "SERIAL-A", 1), b = claim_of(2, 1, "SERIAL-A", 1);

	claims_ask(claims, &a, now);
	claims_ask(claims, &b, now);
	said[0] = '\0';
	claims_free(claims);
	expect("refuse 2 idle_timeout");
	begin(state);
}

static void a_serial_has_so_many_at_once(void **state)
{
	struct claim a = claim_of(1, 1, "SERIAL-A", 1), b = claim_of(2, 1, "SERIAL-A", 3),
		     c = claim_of(3, 1, "SERIAL-B", 1), d = claim_of(4, 1, "SERIAL-A", 1);

	(void)state;
	claims_limit(claims, 3);
	a.n = b.n = 2;
	a.conn_id[1] = 2;
	b.conn_id[1] = 4;
	claims_ask(claims, &a, now);
	claims_ask(claims, &b, now);
	expect("grant 1, refuse 2 session_limit");
	assert_int_equal(claims_held(claims), 2); /* nothing is left of what was refused */
	/* Another serial's business it is not, and what is held changes hands as ever. */
	claims_ask(claims, &c, now);
	claims_ask(claims, &d, now);
	expect("grant 3, release 1");
	claims_left(claims, 1);
	expect("grant 4");
	claims_ask(claims, &b, now);
	expect("grant 2");
	assert_int_equal(claims_held(claims), 4);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		T(what_nobody_has_is_granted_at_once),
		T(who_has_it_lets_go_first),
		T(a_claim_waits_for_all_that_it_wants),
		T(the_newest_wins),
		T(who_ends_while_it_waits_waits_no_more),
		T(its_own_it_gets_again_for_another_epoch),
		T(its_own_it_gets_no_more_when_a_newer_one_waits),
		T(a_serial_has_so_many_at_once),
		T(new_epochs_have_a_rate),
		T(two_addresses_in_turns_are_told),
		T(the_same_address_comes_as_often_as_it_likes_but_for_the_rate),
		T(the_end_refuses_what_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
