/* The timer wheel against a model that keeps its timers in an array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/base/wheel.h"

static struct wheel w;

static struct wheel_timer *pop(uint64_t now)
{
	unsigned moves = 1000000;

	return wheel_pop(&w, now, &moves);
}

static void an_empty_wheel_has_no_deadline(void **state)
{
	(void)state;
	wheel_init(&w, 12345);
	assert_int_equal(wheel_next(&w), UINT64_MAX);
	assert_null(pop(UINT64_MAX));
}

static void a_timer_rings_at_its_instant_and_not_before(void **state)
{
	static const uint64_t delays[] = {1, 63, 64, 65, 4095, 4096, 262143, 262144, 1000000,
		7200000000, 1ULL << 40, 1ULL << 62};
	struct wheel_timer t = {0};

	(void)state;
	for (unsigned i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		uint64_t at = 999 + delays[i];

		wheel_init(&w, 999);
		wheel_arm(&w, &t, at);
		assert_true(wheel_armed(&t));
		assert_int_equal(wheel_next(&w), at);
		assert_null(pop(at - 1));
		assert_int_equal(wheel_next(&w), at);
		assert_ptr_equal(pop(at), &t);
		assert_false(wheel_armed(&t));
		assert_int_equal(wheel_next(&w), UINT64_MAX);
	}
}

static void the_past_is_due_at_once(void **state)
{
	struct wheel_timer t = {0};

	(void)state;
	wheel_init(&w, 500);
	wheel_arm(&w, &t, 0);
	assert_int_equal(wheel_next(&w), 500);
	assert_ptr_equal(pop(500), &t);
}

static void the_last_instant_there_is_can_be_armed(void **state)
{
	struct wheel_timer t = {0};

	(void)state;
	wheel_init(&w, 0);
	wheel_arm(&w, &t, UINT64_MAX);
	assert_null(pop(UINT64_MAX - 1));
	assert_ptr_equal(pop(UINT64_MAX), &t);
}

static void cancelling_and_arming_again(void **state)
{
	struct wheel_timer a = {0}, b = {0};

	(void)state;
	wheel_init(&w, 0);
	wheel_cancel(&w, &a);
	wheel_arm(&w, &a, 1000);
	wheel_arm(&w, &b, 1000);
	wheel_arm(&w, &a, 5000);
	wheel_cancel(&w, &b);
	wheel_cancel(&w, &b);
	assert_null(pop(4999));
	assert_ptr_equal(pop(5000), &a);
	wheel_arm(&w, &b, 1);
	wheel_cancel(&w, &b); /* from the list of those that are due */
	assert_null(pop(10000));
	assert_int_equal(wheel_next(&w), UINT64_MAX);
}

static void time_does_not_go_backwards(void **state)
{
	struct wheel_timer t = {0};

	(void)state;
	wheel_init(&w, 0);
	assert_null(pop(1000));
	assert_null(pop(10));
	wheel_arm(&w, &t, 1001);
	assert_null(pop(1000));
	assert_ptr_equal(pop(1001), &t);
}

static void spreading_is_bounded_and_goes_on(void **state)
{
	enum { N = 1000 };
	static struct wheel_timer t[N];
	unsigned rang = 0, calls = 0;

	(void)state;
	wheel_init(&w, 0);
	for (unsigned i = 0; i < N; i++)
		wheel_arm(&w, &t[i], 1000000 + i);
	while (rang < N) {
		unsigned moves = 50;

		while (rang < N && wheel_pop(&w, 2000000, &moves))
			rang++;
		if (rang < N)
			assert_true(wheel_next(&w) <= 2000000);
		assert_true(++calls < 1000);
	}
	assert_true(calls > N / 50);
	assert_int_equal(wheel_next(&w), UINT64_MAX);
}

static uint64_t seed;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void the_wheel_agrees_with_a_list(void **state)
{
	enum { N = 200 };
	static struct wheel_timer t[N];
	static uint64_t model[N]; /* 0: not armed */
	uint64_t now = 1;

	(void)state;
	seed = 88172645463325252ULL;
	printf("seed %llu\n", (unsigned long long)seed);
	wheel_init(&w, now);
	for (unsigned step = 0; step < 200000; step++) {
		unsigned i = (unsigned)(rnd() % N);
		uint64_t earliest = UINT64_MAX, last = 0;
		struct wheel_timer *r;

		switch (rnd() % 8) {
		case 0:
		case 1:
		case 2:
		case 3: {
			uint64_t at = now + (rnd() >> (20 + rnd() % 44));

			model[i] = at;
			wheel_arm(&w, &t[i], at);
			break;
		}
		case 4:
			model[i] = 0;
			wheel_cancel(&w, &t[i]);
			break;
		default:
			for (unsigned k = 0; k < N; k++)
				if (model[k] && model[k] < earliest)
					earliest = model[k];
			assert_true(wheel_next(&w) <= earliest || earliest <= now);
			now += rnd() % 3 == 0 ? rnd() >> (24 + rnd() % 40) : rnd() % 64;
			while ((r = pop(now)) != NULL) {
				unsigned k = (unsigned)(r - t);

				assert_true(model[k] != 0 && model[k] <= now);
				assert_int_equal(model[k], r->expires);
				assert_true(r->expires >= last || r->expires <= w.now);
				last = r->expires;
				model[k] = 0;
			}
			for (unsigned k = 0; k < N; k++)
				assert_true(model[k] == 0 || model[k] > now);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_wheel_has_no_deadline),
		cmocka_unit_test(a_timer_rings_at_its_instant_and_not_before),
		cmocka_unit_test(the_past_is_due_at_once),
		cmocka_unit_test(the_last_instant_there_is_can_be_armed),
		cmocka_unit_test(cancelling_and_arming_again),
		cmocka_unit_test(time_does_not_go_backwards),
		cmocka_unit_test(spreading_is_bounded_and_goes_on),
		cmocka_unit_test(the_wheel_agrees_with_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
