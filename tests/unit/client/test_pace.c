/* max-log-rate and upload-option, by a test's clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "dataplane/client/pace.h"

#define S 1000000u

static void without_both_all_goes_at_once(void **state)
{
	struct pace p;

	(void)state;
	pace_init(&p, 0, 0);
	for (uint64_t i = 0; i < 1000; i++) {
		assert_true(pace_open(&p, i, 1000, S));
		pace_spend(&p, 262144);
	}
	assert_int_equal(pace_deadline(&p, 1000), 0);
}

/* Sends items of `bytes` as soon as it may, for so many seconds; bytes sent. */
static uint64_t sent_in(struct pace *p, uint64_t from, unsigned seconds, uint32_t bytes)
{
	uint64_t now = from, sum = 0;

	while (now < from + (uint64_t)seconds * S) {
		if (pace_open(p, 0, 1, now)) {
			pace_spend(p, bytes);
			sum += bytes;
		} else {
			assert_true(pace_deadline(p, 0) > now);
			now = pace_deadline(p, 0);
		}
	}
	return sum;
}

static void a_rate_is_kept_whatever_the_items(void **state)
{
	static const uint32_t sizes[] = {1, 100, 4096, 262144};
	struct pace p;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t sum;

		pace_init(&p, S / 4, 0);
		(void)pace_open(&p, 0, 1, 1000 * S);
		sum = sent_in(&p, 1000 * S, 100, sizes[i]);
		/* A second is saved up before, an item may overdraw. */
		assert_in_range(sum, 100 * S / 4, 101 * S / 4 + 2 * sizes[i]);
	}
}

static void no_more_than_a_second_is_saved_up(void **state)
{
	struct pace p;
	uint64_t sum = 0;

	(void)state;
	pace_init(&p, 1000, 0);
	(void)pace_open(&p, 0, 1, S);
	while (pace_open(&p, 0, 1, 86400ull * S)) {
		pace_spend(&p, 100);
		sum += 100;
	}
	assert_int_equal(sum, 1000);
}

static void the_highest_rate_does_not_overflow(void **state)
{
	struct pace p;

	(void)state;
	pace_init(&p, 100000ull * 1000000, 0);
	assert_true(pace_open(&p, 0, 1, S));
	assert_true(pace_open(&p, 0, 1, UINT64_MAX / 2));
	for (unsigned i = 0; i < 1000; i++)
		pace_spend(&p, 262144);
	assert_true(pace_open(&p, 0, 1, UINT64_MAX / 2));
}

static void at_intervals_all_that_is_there_goes(void **state)
{
	struct pace p;

	(void)state;
	pace_init(&p, 0, 60 * S);
	/* At once what was there. */
	assert_true(pace_open(&p, 0, 3, 7 * S));
	assert_true(pace_open(&p, 2, 5, 8 * S));
	assert_false(pace_open(&p, 3, 5, 8 * S));
	assert_int_equal(pace_deadline(&p, 3), 67 * S);
	assert_false(pace_open(&p, 3, 5, 67 * S - 1));
	assert_true(pace_open(&p, 3, 6, 67 * S));
	assert_true(pace_open(&p, 5, 9, 68 * S));
	assert_false(pace_open(&p, 6, 9, 68 * S));
}

static void an_interval_and_a_rate_hold_both(void **state)
{
	struct pace p;

	(void)state;
	pace_init(&p, 1000, 60 * S);
	assert_true(pace_open(&p, 0, 10, 10 * S));
	pace_spend(&p, 5000);
	assert_false(pace_open(&p, 1, 10, 10 * S));
	assert_in_range(pace_deadline(&p, 1), 14 * S, 15 * S);
	assert_int_equal(pace_deadline(&p, 10), 70 * S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_both_all_goes_at_once),
		cmocka_unit_test(a_rate_is_kept_whatever_the_items),
		cmocka_unit_test(no_more_than_a_second_is_saved_up),
		cmocka_unit_test(the_highest_rate_does_not_overflow),
		cmocka_unit_test(at_intervals_all_that_is_there_goes),
		cmocka_unit_test(an_interval_and_a_rate_hold_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
