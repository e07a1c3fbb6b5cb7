/* When logs of the open loop are due. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/load/due.h"

#define START 5555555555555u

static const double rates[] = {20000, 30000, 7000, 999999, 1.5e6, 333.3};

static void a_log_is_due_in_its_nanosecond_and_not_before(void **state)
{
	(void)state;
	for (unsigned r = 0; r < sizeof(rates) / sizeof(rates[0]); r++)
		for (uint64_t n = 1; n < 100000; n++) {
			uint64_t at = due_ns(START, rates[r], n);

			assert_int_equal(due_count(START, rates[r], n, at), 1);
			assert_int_equal(due_count(START, rates[r], n, at - 1), 0);
		}
}

static void who_is_late_has_all_that_has_become_due(void **state)
{
	(void)state;
	assert_int_equal(due_count(START, 1000, 0, START), 1);
	assert_int_equal(due_count(START, 1000, 0, START + 10500000), 11);
	assert_int_equal(due_count(START, 1000, 4, START + 10500000), 7);
	assert_int_equal(due_count(START, 1000, 11, START + 10500000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_is_due_in_its_nanosecond_and_not_before),
		cmocka_unit_test(who_is_late_has_all_that_has_become_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
