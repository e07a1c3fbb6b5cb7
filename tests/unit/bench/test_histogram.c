/* Quantiles of the histogram against those of the sorted values themselves. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bench/load/histogram.h"
#include "bench/load/rng.h"

static struct histogram h;

static int fresh(void **state)
{
	(void)state;
	h = (struct histogram){0};
	return 0;
}

static void empty(void **state)
{
	(void)state;
	assert_int_equal(histogram_quantile(&h, 0.99), 0);
	assert_true(histogram_mean(&h) == 0);
}

static void small_values_are_exact(void **state)
{
	(void)state;
	for (uint64_t v = 0; v < 2000; v++)
		histogram_add(&h, v, 1);
	assert_int_equal(histogram_quantile(&h, 0), 0);
	assert_int_equal(histogram_quantile(&h, 0.5), 999);
	assert_int_equal(histogram_quantile(&h, 0.999), 1997);
	assert_int_equal(histogram_quantile(&h, 1), 1999);
	assert_true(fabs(histogram_mean(&h) - 999.5) < 1e-9);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void quantiles_within_a_thousandth(void **state)
{
	static uint64_t v[20000];
	const unsigned n = sizeof(v) / sizeof(v[0]);
	struct rng r;

	(void)state;
	rng_seed(&r, 42);
	for (unsigned i = 0; i < n; i++) {
		v[i] = rng_next(&r) >> (22 + rng_below(&r, 42));
		histogram_add(&h, v[i], 1);
	}
	qsort(v, n, sizeof(v[0]), by_value);
	for (unsigned p = 1; p <= 1000; p++) {
		double q = p / 1000.0;
		double exact = (double)v[(unsigned)ceil(q * n) - 1];
		double got = (double)histogram_quantile(&h, q);

		assert_true(got >= exact && got <= exact * 1.001 + 0.5);
	}
	assert_int_equal(h.min, v[0]);
	assert_int_equal(h.max, v[n - 1]);
}

static void edges_of_buckets(void **state)
{
	(void)state;
	for (unsigned b = 1; b < 42; b++)
		for (int d = -1; d <= 1; d++) {
			uint64_t v = (UINT64_C(1) << b) + (uint64_t)d;

			fresh(NULL);
			histogram_add(&h, v, 1);
			assert_int_equal(histogram_quantile(&h, 0.5), v);
		}
	fresh(NULL);
	histogram_add(&h, UINT64_MAX, 1);
	assert_int_equal(histogram_quantile(&h, 0.5), HISTOGRAM_MAX);
}

static void merged_is_as_if_added(void **state)
{
	static struct histogram a, b;

	(void)state;
	for (uint64_t v = 1; v < 100000; v += 7) {
		histogram_add(v % 2 ? &a : &b, v, v % 3);
		histogram_add(&h, v, v % 3);
	}
	histogram_merge(&a, &b);
	assert_memory_equal(&a, &h, sizeof(h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(empty, fresh),
		cmocka_unit_test_setup(small_values_are_exact, fresh),
		cmocka_unit_test_setup(quantiles_within_a_thousandth, fresh),
		cmocka_unit_test_setup(edges_of_buckets, fresh),
		cmocka_unit_test_setup(merged_is_as_if_added, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
