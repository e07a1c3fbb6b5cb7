/* One rate a device, whoever takes of it: counted at times that the test names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/rates.h"

#define SECOND 1000000000ull
#define NOW    (1000 * SECOND)

static struct rates rates;

static int begin(void **state)
{
	(void)state;
	return rates_init(&rates, 4);
}

static int end(void **state)
{
	(void)state;
	rates_fini(&rates);
	return 0;
}

/* How many of `n` it may take now. */
static unsigned take(uint64_t who, uint32_t rate, uint64_t now_ns, unsigned n)
{
	unsigned got = 0;

	while (n-- > 0)
		got += rates_spend(&rates, who, rate, 1, now_ns);
	return got;
}

static void a_second_may_be_taken_in_advance_and_no_more(void **state)
{
	(void)state;
	assert_int_equal(take(7, 100, NOW, 1000), 100);
	assert_int_equal(take(7, 100, NOW, 1000), 0);
	/* Then as many as time has gone by, to the log. */
	assert_int_equal(take(7, 100, NOW + SECOND / 100, 1000), 1);
	assert_int_equal(take(7, 100, NOW + SECOND / 2, 1000), 49);
	/* Silence saves up no more than a second. */
	assert_int_equal(take(7, 100, NOW + 60 * SECOND, 1000), 100);
}

static void two_lcores_have_it_together(void **state)
{
	(void)state;
	/* The clock of the second is some rounds behind. */
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(take(7, 100, NOW, 1), 1);
		assert_int_equal(take(7, 100, NOW - 300000, 1), 1);
	}
	assert_int_equal(take(7, 100, NOW, 50), 0);
	assert_int_equal(take(7, 100, NOW - 300000, 50), 0);
}

static void each_device_has_its_own(void **state)
{
	(void)state;
	/* As many as may stand at once, all of one place. */
	for (uint64_t who = 1; who <= 8; who++)
		assert_int_equal(take(who * 1024 + 1, 10, NOW, 20), 10);
	for (uint64_t who = 1; who <= 8; who++)
		assert_int_equal(take(who * 1024 + 1, 10, NOW, 20), 0);
}

static void who_has_paid_gives_his_place(void **state)
{
	(void)state;
	for (uint64_t who = 1; who <= 8; who++)
		take(who * 1024 + 1, 10, NOW, who == 3 ? 1 : 10);
	/* A ninth: it begins with nothing taken, and no other than the third loses its account. */
	assert_int_equal(take(9 * 1024 + 1, 10, NOW + SECOND / 5, 20), 10);
	for (uint64_t who = 1; who <= 8; who++)
		if (who != 3)
			assert_int_equal(take(who * 1024 + 1, 10, NOW + SECOND / 5, 20), 2);
}

static void what_came_together_is_owed_for_a_minute_at_most(void **state)
{
	(void)state;
	/* Of one log a second: without a bound it would have to wait for eighteen hours. */
	assert_true(rates_spend(&rates, 7, 1, 65535, NOW));
	assert_int_equal(take(7, 1, NOW + RATES_DEBT_NS - SECOND, 1), 0);
	assert_int_equal(take(7, 1, NOW + RATES_DEBT_NS - SECOND + 1, 1), 1);
}

static void what_anybody_can_send_is_not_charged_to_what_only_the_device_can(void **state)
{
	(void)state;
	for (uint64_t device = 1000; device <= 2000; device += 1000) {
		assert_int_equal(take(rates_who(device, RATE_DATAGRAM), 10, NOW, 20), 10);
		assert_int_equal(take(rates_who(device, RATE_CLEAR), 10, NOW, 20), 10);
		assert_int_equal(take(rates_who(device, RATE_PROVEN), 10, NOW, 20), 10);
		assert_int_equal(take(rates_who(device, RATE_DATAGRAM), 10, NOW, 20), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_second_may_be_taken_in_advance_and_no_more, begin, end),
		cmocka_unit_test_setup_teardown(two_lcores_have_it_together, begin, end),
		cmocka_unit_test_setup_teardown(each_device_has_its_own, begin, end),
		cmocka_unit_test_setup_teardown(
			what_came_together_is_owed_for_a_minute_at_most, begin, end),
		cmocka_unit_test_setup_teardown(
			what_anybody_can_send_is_not_charged_to_what_only_the_device_can, begin,
			end),
		cmocka_unit_test_setup_teardown(who_has_paid_gives_his_place, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
