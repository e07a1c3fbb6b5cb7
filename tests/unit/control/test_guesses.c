/* How often a source may guess. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "control/guesses.h"

#define S 1000000ull

static struct guesses g;
static uint64_t now;

static int begin(void **state)
{
	(void)state;
	guesses_init(&g, &(struct siphash_key){3, 4});
	now = 1000 * S;
	return 0;
}

static uint64_t host(uint8_t last, const char *user)
{
	const uint8_t four[] = {192, 0, 2, last};
	const struct ip_addr a = ip_addr_v4(four);

	return guesses_source(&g, &a, user);
}

/* What it has to wait for before it is judged, and then is. */
static uint32_t guess(uint64_t who, bool right)
{
	uint32_t wait = guesses_begin(&g, who, now);

	if (wait == 0)
		guesses_done(&g, who, right, GUESSES_WAIT_MAX, now);
	return wait;
}

static void the_first_wrong_ones_cost_nothing_and_each_further_one_twice_as_much(void **state)
{
	const uint64_t who = host(1, "");

	(void)state;
	for (unsigned i = 0; i < GUESSES_FREE; i++)
		assert_int_equal(guess(who, false), 0);
	for (uint32_t wait = 1; wait <= 2 * GUESSES_WAIT_MAX; wait *= 2) {
		uint32_t most = wait < GUESSES_WAIT_MAX ? wait : GUESSES_WAIT_MAX;

		assert_int_equal(guess(who, false), 0);
		assert_int_equal(guess(who, true), most);
		now += most * S - 1;
		assert_int_equal(guess(who, true), 1);
		now++;
	}
	/* A right one is let in, and excuses nothing. */
	assert_int_equal(guess(who, true), 0);
	assert_int_equal(guess(who, false), 0);
	assert_int_equal(guess(who, false), GUESSES_WAIT_MAX);
	/* Others do not wait for it. */
	assert_int_equal(guess(host(2, ""), false), 0);
	assert_int_equal(guess(host(1, "somebody"), false), 0);
}

static void all_is_forgotten_after_a_while(void **state)
{
	const uint64_t who = host(1, "");

	(void)state;
	for (unsigned i = 0; i < GUESSES_FREE; i++)
		assert_int_equal(guess(who, false), 0);
	now += GUESSES_FORGET_US;
	for (unsigned i = 0; i < GUESSES_FREE; i++)
		assert_int_equal(guess(who, false), 0);
	assert_int_equal(guess(who, false), 0);
	assert_int_equal(guess(who, false), 1);
}

static void so_many_are_judged_at_once(void **state)
{
	const uint64_t who = host(1, "");

	(void)state;
	for (unsigned i = 0; i < GUESSES_AT_ONCE; i++)
		assert_int_equal(guesses_begin(&g, who, now), 0);
	assert_int_equal(guesses_begin(&g, who, now), 1);
	guesses_done(&g, who, true, GUESSES_WAIT_MAX, now);
	assert_int_equal(guesses_begin(&g, who, now), 0);
	assert_int_equal(guesses_begin(&g, who, now), 1);
}

static void an_ipv6_network_is_one_source(void **state)
{
	struct ip_addr a = {.b = {0x20, 1, 0xd, 0xb8, 0, 1, 0, 1}}, b = a, c = a;

	(void)state;
	b.b[15] = 9;
	c.b[7] = 2;
	assert_true(guesses_source(&g, &a, "") == guesses_source(&g, &b, ""));
	assert_false(guesses_source(&g, &a, "") == guesses_source(&g, &c, ""));
	assert_false(host(1, "") == host(2, ""));
}

/* Many sources do not wash out who has guessed most lately while there is anybody else. */
static void a_full_table_forgets_the_quietest(void **state)
{
	const uint64_t who = 5; /* and what follows has its places */

	(void)state;
	for (uint32_t i = 0; i <= GUESSES_FREE; i++)
		assert_int_equal(guess(who, false), 0);
	for (uint64_t i = 1; i < 1000; i++)
		assert_int_equal(guess(who + i * GUESSES_SLOTS, true), 0);
	assert_int_equal(guess(who, true), 1);
	/* Nobody under way loses its place: who comes then comes again. */
	begin(NULL);
	for (uint64_t i = 0; i < 8; i++)
		assert_int_equal(guesses_begin(&g, who + i * GUESSES_SLOTS, now), 0);
	assert_int_equal(guesses_begin(&g, who + 8 * GUESSES_SLOTS, now), 1);
	guesses_done(&g, who + 8 * GUESSES_SLOTS, true, GUESSES_WAIT_MAX,
		now); /* nothing of it is there */
	guesses_done(&g, who, true, GUESSES_WAIT_MAX, now);
	assert_int_equal(guesses_begin(&g, who + 8 * GUESSES_SLOTS, now), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, begin)
	const struct CMUnitTest tests[] = {
		T(the_first_wrong_ones_cost_nothing_and_each_further_one_twice_as_much),
		T(all_is_forgotten_after_a_while),
		T(so_many_are_judged_at_once),
		T(an_ipv6_network_is_one_source),
		T(a_full_table_forgets_the_quietest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
