/* A polling thread that looks away is back before a ring is full, once it knows the rate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "dataplane/base/nap.h"

static const uint32_t rings[] = {0, 64, 256, 300, 512, 1024, 4096};

/* One of which nothing is known is taken for virtio's smallest. */
static uint32_t ring_of(unsigned i)
{
	return rings[i] ? rings[i] : 256;
}

/* Frames at a steady rate for 20 ms, and a nap whenever there is none left; how many naps. */
static uint64_t steady(uint32_t ring, uint32_t quarter, bool answers, uint64_t per_ms)
{
	struct nap n = {.room = nap_room(ring)};
	uint64_t naps = 0;

	for (uint64_t now = 1000000; now < 1020000;) {
		uint64_t us = nap_us(&n, now * per_ms / 1000, answers, now);

		assert_true(us <= (answers ? NAP_MOST_US : 1000));
		if (now > 1000000 + 2 * NAP_WATCH_US)
			assert_true(us * per_ms / 1000 <= quarter);
		naps += us > 0;
		now += us ? us : 10;
	}
	return naps;
}

static void what_comes_meanwhile_fits(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
		uint32_t quarter = ring_of(i) / 4 < 256 ? ring_of(i) / 4 : 256;

		for (uint64_t per_ms = 1; per_ms < 20000; per_ms += 1 + per_ms / 7)
			for (unsigned answers = 0; answers < 2; answers++) {
				uint64_t naps = steady(rings[i], quarter, answers, per_ms);

				if (quarter >= 64 && per_ms < quarter * 1000 / NAP_LEAST_US)
					assert_true(naps >= (answers ? 20000 / NAP_MOST_US : 20));
				else
					assert_true(naps <= 2); /* before it knows */
			}
	}
}

/* A millisecond of a million frames a second that nobody expected fits, too. */
static void a_burst_fits_before_it_is_known(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
		struct nap n = {.room = nap_room(rings[i])};

		nap_us(&n, 0, false, 1000000);
		assert_true(nap_us(&n, 0, false, 1000010) <= ring_of(i));
		assert_true(nap_us(&n, 0, true, 1000020) <= NAP_MOST_US);
	}
}

/* A millisecond of frames, then nothing for four: only the first finds it asleep for long. */
static void bursts_are_remembered(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
		struct nap n = {.room = nap_room(rings[i])};
		uint64_t frames = 0, slept = 0;

		for (uint64_t now = 1000000; now < 1050000;) {
			bool burst = now / 1000 % 5 == 0;
			uint64_t us = nap_us(&n, frames, false, now);

			if (now > 1002000)
				assert_true(us * 2000 / 1000 <= ring_of(i));
			slept += us;
			us = us ? us : 10;
			frames += burst ? us * 2000 / 1000 : 0; /* two million a second */
			now += us;
		}
		if (ring_of(i) >= 256)
			assert_true(slept > 0);
	}
}

static void a_rate_is_forgotten_when_nothing_comes(void **state)
{
	struct nap n = {.room = nap_room(256)};
	uint64_t now = 1000000;

	(void)state;
	nap_us(&n, 0, true, now);
	assert_int_equal(nap_us(&n, 5000, true, now += NAP_WATCH_US), 0);
	assert_int_equal(nap_us(&n, 5000, true, now + NAP_WATCH_US - 1), 0);
	for (unsigned i = 0; i < 100; i++)
		nap_us(&n, 5000, true, now += NAP_WATCH_US);
	assert_int_equal(nap_us(&n, 5000, true, now), NAP_MOST_US);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_meanwhile_fits),
		cmocka_unit_test(a_burst_fits_before_it_is_known),
		cmocka_unit_test(bursts_are_remembered),
		cmocka_unit_test(a_rate_is_forgotten_when_nothing_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
