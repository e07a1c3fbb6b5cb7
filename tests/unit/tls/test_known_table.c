/*
 * The table of chains that were verified, without chains: what makes room for what, and two threads
 * at it at once. Nobody waits for the other, so that a chain may be forgotten; what must never be
 * is that one counts as known which nobody has verified.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tls/known_table.h"

#define THREADS 2u
#define ROUNDS	200000u

static struct known_table *known;

static int setup(void **state)
{
	(void)state;
	known = calloc(1, sizeof(*known));
	if (!known)
		return -1;
	known_table_init(known);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(known);
	return 0;
}

/* The n-th of a row. All of it follows from both, so that one that is mixed of two is seen. */
static struct chain_id id_of(uint32_t row, uint32_t n)
{
	uint32_t words[8] = {row | n << 11, n + 1};
	struct chain_id id;

	for (unsigned i = 2; i < 8; i++)
		words[i] = words[i - 1] * 2654435761u + words[i - 2] + 1;
	memcpy(id.b, words, sizeof(id.b));
	return id;
}

static void remembered(uint32_t row, uint32_t n)
{
	const struct chain_id id = id_of(row, n);

	known_table_add(known, &id);
}

static bool is_there(uint32_t row, uint32_t n)
{
	const struct chain_id id = id_of(row, n);

	for (unsigned i = 0; i < KNOWN_WAYS; i++)
		if (memcmp(&known->rows[row][i], &id, sizeof(id)) == 0)
			return true;
	return false;
}

static bool used(uint32_t row, uint32_t n)
{
	const struct chain_id id = id_of(row, n);

	return known_table_has(known, &id);
}

static void the_one_used_least_lately_makes_room(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < KNOWN_WAYS; n++)
		remembered(7, n);
	assert_int_equal(known_table_count(known), KNOWN_WAYS);
	/* Now it is the second one. */
	assert_true(used(7, 0));
	remembered(7, KNOWN_WAYS);
	assert_int_equal(known_table_count(known), KNOWN_WAYS);
	assert_false(is_there(7, 1));
	assert_true(is_there(7, 0) && is_there(7, 2) && is_there(7, 3) && is_there(7, 4));
	/* One that was asked for in vain takes nobody's place. */
	assert_false(used(7, 9));
	assert_true(is_there(7, 0) && is_there(7, 2) && is_there(7, 3) && is_there(7, 4));
	assert_true(used(7, 2));
	/* To be remembered again is a use, and takes no other place. */
	remembered(7, 3);
	assert_int_equal(known_table_count(known), KNOWN_WAYS);
	remembered(7, 5);
	remembered(7, 6);
	assert_true(is_there(7, 2) && is_there(7, 3) && is_there(7, 5) && is_there(7, 6));
}

/* Who shows chains that do not hold makes nobody older. */
static void who_is_asked_for_in_vain_uses_nobody(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < KNOWN_WAYS; n++)
		remembered(7, n);
	for (uint32_t n = 0; n < KNOWN_WAYS; n++) {
		assert_false(used(7, 100 + n));
		remembered(7, 10 + n);
		assert_false(is_there(7, n));
		assert_true(n == KNOWN_WAYS - 1 || is_there(7, n + 1));
	}
}

static void rows_leave_each_other_alone(void **state)
{
	(void)state;
	remembered(8, 0);
	for (uint32_t n = 0; n < 10 * KNOWN_WAYS; n++)
		remembered(9, n);
	assert_true(used(8, 0));
	assert_int_equal(known_table_count(known), 1 + KNOWN_WAYS);
}

static void there_are_never_more_than_the_bound(void **state)
{
	(void)state;
	for (uint32_t row = 0; row < KNOWN_ROWS; row++)
		for (uint32_t n = 0; n < KNOWN_WAYS; n++)
			remembered(row, n);
	assert_int_equal(known_table_count(known), KNOWN_CHAINS);
	for (uint32_t row = 0; row < KNOWN_ROWS; row++)
		remembered(row, KNOWN_WAYS);
	assert_int_equal(known_table_count(known), KNOWN_CHAINS);
	for (uint32_t row = 0; row < KNOWN_ROWS; row++)
		assert_true(is_there(row, KNOWN_WAYS) && !is_there(row, 0));
}

static void who_finds_it_taken_waits_for_nobody(void **state)
{
	(void)state;
	remembered(1, 0);
	assert_false(atomic_flag_test_and_set(&known->busy));
	assert_false(used(1, 0));
	remembered(1, 1);
	atomic_flag_clear(&known->busy);
	assert_true(used(1, 0));
	assert_false(used(1, 1));
	assert_int_equal(known_table_count(known), 1);
}

/* ---- two at once -------------------------------------------------------------------------- */

static pthread_barrier_t start;

struct worker {
	pthread_t thread;
	uint32_t own;
	unsigned wrong;
};

/* Each has chains of its own and some that both have, in two rows: of the ids with the highest
 * numbers it asks and remembers none. */
static void *work(void *arg)
{
	struct worker *w = arg;
	const uint32_t own = w->own;
	uint32_t x = own + 1;

	pthread_barrier_wait(&start);
	for (unsigned i = 0; i < ROUNDS; i++) {
		const uint32_t row = (x >> 8) & 1, both = (x >> 9) & 1,
			       n = (x >> 10) % 4 + (both ? 0 : 4 * own);

		x = x * 1664525u + 1013904223u;
		if (x >> 31)
			remembered(row, n);
		else
			(void)used(row, n);
		w->wrong += used(row, 100 + own);
	}
	return NULL;
}

/* What is found is what one of them has put there, whole, and each once. */
static void two_threads_make_nothing_up(void **state)
{
	struct worker workers[THREADS] = {{.own = 1}, {.own = 2}};
	unsigned whole = 0;

	(void)state;
	assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		assert_int_equal(workers[i].wrong, 0);
	}
	pthread_barrier_destroy(&start);
	for (uint32_t row = 0; row < 2; row++)
		for (uint32_t n = 0; n < 4 * (THREADS + 1); n++)
			whole += is_there(row, n);
	assert_int_equal(whole, known_table_count(known));
	assert_int_equal(whole, 2 * KNOWN_WAYS);
}

/* Sets that follow each other let go of it on whatever thread is the last. */
static void *let_go(void *arg)
{
	pthread_barrier_wait(&start);
	for (unsigned i = 0; i < 1000; i++)
		known_unref(known_ref(arg));
	known_unref(arg);
	return NULL;
}

static void the_last_of_two_threads_frees_it(void **state)
{
	struct tls_known *k = known_new();
	pthread_t threads[THREADS];

	(void)state;
	assert_non_null(k);
	assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, let_go, i ? known_ref(k) : k), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	pthread_barrier_destroy(&start);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_one_used_least_lately_makes_room),
		T(who_is_asked_for_in_vain_uses_nobody),
		T(rows_leave_each_other_alone),
		T(there_are_never_more_than_the_bound),
		T(who_finds_it_taken_waits_for_nobody),
		T(two_threads_make_nothing_up),
		cmocka_unit_test(the_last_of_two_threads_frees_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
