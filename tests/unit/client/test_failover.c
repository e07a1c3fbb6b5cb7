/* Which server, by a test's clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "dataplane/client/failover.h"

#define S 1000000u

static void alone_it_is_always_the_same(void **state)
{
	struct failover f;

	(void)state;
	failover_init(&f, false, true, 5 * S);
	for (unsigned i = 0; i < 5; i++) {
		failover_lost(&f);
		assert_int_equal(f.server, 0);
	}
	failover_open(&f, S);
	assert_true(failover_deadline(&f) == UINT64_MAX);
}

static void attempts_take_turns(void **state)
{
	struct failover f;

	(void)state;
	failover_init(&f, true, true, 5 * S);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(f.server, i % 2);
		failover_lost(&f);
	}
}

static void a_session_that_ends_is_tried_again_there(void **state)
{
	struct failover f;

	(void)state;
	failover_init(&f, true, false, 5 * S);
	failover_lost(&f);
	failover_open(&f, S);
	failover_lost(&f);
	assert_int_equal(f.server, 1);
	failover_lost(&f);
	assert_int_equal(f.server, 0);
}

static void with_fallback_the_primary_is_tried_first(void **state)
{
	struct failover f;

	(void)state;
	failover_init(&f, true, true, 5 * S);
	failover_lost(&f);
	failover_open(&f, S);
	failover_lost(&f);
	assert_int_equal(f.server, 0);
}

static void without_fallback_it_stays(void **state)
{
	struct failover f;

	(void)state;
	failover_init(&f, true, false, 5 * S);
	failover_lost(&f);
	failover_open(&f, S);
	assert_true(failover_deadline(&f) == UINT64_MAX);
}

static void the_primary_is_probed_and_returned_to(void **state)
{
	struct failover f;

	(void)state;
	failover_init(&f, true, true, 5 * S);
	failover_lost(&f);
	failover_open(&f, 10 * S);
	assert_int_equal(failover_deadline(&f), 15 * S);
	failover_probe(&f);
	assert_true(failover_deadline(&f) == UINT64_MAX);
	assert_false(failover_probed(&f, false, 17 * S));
	assert_int_equal(f.server, 1);
	assert_int_equal(failover_deadline(&f), 22 * S);
	failover_probe(&f);
	assert_true(failover_probed(&f, true, 23 * S));
	assert_int_equal(f.server, 0);
	failover_open(&f, 24 * S);
	assert_true(failover_deadline(&f) == UINT64_MAX);
}

static void a_probe_of_a_session_that_has_ended_means_nothing(void **state)
{
	struct failover f;

	(void)state;
	failover_init(&f, true, true, 5 * S);
	failover_lost(&f);
	failover_open(&f, 10 * S);
	failover_probe(&f);
	failover_lost(&f);
	assert_false(failover_probed(&f, true, 16 * S));
	assert_int_equal(f.server, 0);
}

static void a_primary_that_does_not_let_us_in_is_probed_less_and_less(void **state)
{
	struct failover f;
	uint64_t now = 10 * S, before = 0;

	(void)state;
	failover_init(&f, true, true, 5 * S);
	failover_lost(&f);
	for (unsigned i = 0; i < 10; i++) {
		failover_open(&f, now);
		assert_int_equal(f.server, 1);
		assert_true(failover_deadline(&f) - now >= before);
		assert_true(failover_deadline(&f) - now <= FAILOVER_SLOWEST * 5ull * S);
		before = failover_deadline(&f) - now;
		now += before;
		failover_probe(&f);
		assert_true(failover_probed(&f, true, now));
		failover_lost(&f); /* refused */
	}
	assert_int_equal(before, FAILOVER_SLOWEST * 5ull * S);
	/* It does in the end: as at first. */
	failover_lost(&f);
	assert_int_equal(f.server, 0);
	failover_open(&f, now);
	failover_lost(&f);
	failover_lost(&f);
	failover_open(&f, now);
	assert_int_equal(failover_deadline(&f), now + 5 * S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone_it_is_always_the_same),
		cmocka_unit_test(attempts_take_turns),
		cmocka_unit_test(a_session_that_ends_is_tried_again_there),
		cmocka_unit_test(with_fallback_the_primary_is_tried_first),
		cmocka_unit_test(without_fallback_it_stays),
		cmocka_unit_test(the_primary_is_probed_and_returned_to),
		cmocka_unit_test(a_probe_of_a_session_that_has_ended_means_nothing),
		cmocka_unit_test(a_primary_that_does_not_let_us_in_is_probed_less_and_less),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
