/* A polling thread that looks away is back before a ring is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "dataplane/base/nap.h"

#define SMALLEST_RING 256u

/* Frames at a steady rate for 20 ms, and a nap whenever there is none left. */
static void what_comes_meanwhile_fits(void **state)
{
	(void)state;
	for (uint64_t per_ms = 1; per_ms < 20000; per_ms += 1 + per_ms / 7) {
		struct nap n = {0};
		uint64_t naps = 0;

		for (uint64_t now = 1000000; now < 1020000;) {
			uint64_t us = nap_us(&n, now * per_ms / 1000, now);

			assert_true(us <= NAP_MOST_US);
			if (now > 1000000 + 2 * NAP_WATCH_US)
				assert_true(us * per_ms / 1000 <= SMALLEST_RING / 4);
			naps += us > 0;
			now += us ? us : 10;
		}
		if (per_ms < NAP_FRAMES * 1000 / NAP_LEAST_US)
			assert_true(naps >= 20000 / NAP_MOST_US);
		else
			assert_true(naps <= 2); /* before it knows */
	}
}

static void a_rate_is_forgotten_when_nothing_comes(void **state)
{
	struct nap n = {0};

	(void)state;
	nap_us(&n, 0, 1000000);
	assert_int_equal(nap_us(&n, 5000, 1001000), 0);
	assert_int_equal(nap_us(&n, 5000, 1001000 + NAP_WATCH_US - 1), 0);
	assert_int_equal(nap_us(&n, 5000, 1001000 + NAP_WATCH_US), NAP_MOST_US);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_meanwhile_fits),
		cmocka_unit_test(a_rate_is_forgotten_when_nothing_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
