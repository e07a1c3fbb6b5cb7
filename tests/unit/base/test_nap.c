/* A polling thread that looks away is back before a ring is full, once it knows the rate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
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

/* A millisecond of frames, then nothing for four: only the first finds it asleep for long. */
static void bursts_are_remembered(void **state)
{
	struct nap n = {0};
	uint64_t frames = 0, slept = 0;

	(void)state;
	for (uint64_t now = 1000000; now < 1050000;) {
		bool burst = now / 1000 % 5 == 0;
		uint64_t us = nap_us(&n, frames, now);

		if (now > 1002000)
			assert_true(us * 2000 / 1000 <= SMALLEST_RING);
		slept += us;
		us = us ? us : 10;
		frames += burst ? us * 2000 / 1000 : 0; /* two million a second */
		now += us;
	}
	assert_true(slept > 0);
}

static void a_rate_is_forgotten_when_nothing_comes(void **state)
{
	struct nap n = {0};
	uint64_t now = 1000000;

	(void)state;
	nap_us(&n, 0, now);
	assert_int_equal(nap_us(&n, 5000, now += NAP_WATCH_US), 0);
	assert_int_equal(nap_us(&n, 5000, now + NAP_WATCH_US - 1), 0);
	for (unsigned i = 0; i < 100; i++)
		nap_us(&n, 5000, now += NAP_WATCH_US);
	assert_int_equal(nap_us(&n, 5000, now), NAP_MOST_US);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_meanwhile_fits),
		cmocka_unit_test(bursts_are_remembered),
		cmocka_unit_test(a_rate_is_forgotten_when_nothing_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
