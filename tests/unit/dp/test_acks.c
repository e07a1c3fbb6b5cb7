/* Marks of sessions on blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/acks.h"

static struct acks acks;

static int start(void **state)
{
	(void)state;
	return acks_init(&acks, 4);
}

static int stop(void **state)
{
	(void)state;
	acks_fini(&acks);
	return 0;
}

static void note(uint64_t session, uint32_t generation, uint64_t upto, uint32_t *newest)
{
	const struct ack_mark m = {
		.session = session, .generation = generation, .upto = upto, .slot = 7};

	acks_note(&acks, &m, newest);
}

static void a_mark_comes_back_with_its_block(void **state)
{
	uint32_t newest = 0;
	struct ack_mark m;

	(void)state;
	note(1, 10, 5, &newest);
	assert_false(acks_take(&acks, 9, &m));
	assert_true(acks_take(&acks, 10, &m));
	assert_int_equal(m.session, 1);
	assert_int_equal(m.upto, 5);
	assert_int_equal(m.slot, 7);
	assert_false(acks_take(&acks, 10, &m));
}

static void in_one_block_a_sessions_mark_moves_on(void **state)
{
	uint32_t a = 0, b = 0;
	struct ack_mark m;

	(void)state;
	note(1, 10, 5, &a);
	note(2, 10, 1, &b);
	note(1, 10, 6, &a);
	note(1, 10, 7, &a);
	assert_true(acks_take(&acks, 10, &m));
	assert_int_equal(m.session, 1);
	assert_int_equal(m.upto, 7);
	assert_true(acks_take(&acks, 10, &m));
	assert_int_equal(m.session, 2);
	assert_false(acks_take(&acks, 10, &m));
}

static void a_newer_block_has_a_mark_of_its_own(void **state)
{
	uint32_t newest = 0;
	struct ack_mark m;

	(void)state;
	note(1, 10, 5, &newest);
	note(1, 11, 6, &newest);
	assert_true(acks_take(&acks, 10, &m));
	assert_int_equal(m.upto, 5);
	assert_false(acks_take(&acks, 10, &m));
	assert_true(acks_take(&acks, 11, &m));
	assert_int_equal(m.upto, 6);
}

/* A session's memory of its newest mark may point at what is another's by now. */
static void an_old_memory_moves_nobodys_mark(void **state)
{
	uint32_t old = 0, other = 0;
	struct ack_mark m;

	(void)state;
	note(1, 10, 5, &old);
	assert_true(acks_take(&acks, 10, &m));
	for (uint64_t i = 0; i < 4; i++) {
		other = 0;
		note(20 + i, 11, i + 1, &other);
		if (i == 3)
			break;
	}
	assert_false(acks_room(&acks));
	assert_true(acks_take(&acks, 11, &m));
	assert_int_equal(m.upto, 1);
	note(1, 12, 9, &old);
	for (uint64_t i = 1; i < 4; i++) {
		assert_true(acks_take(&acks, 11, &m));
		assert_int_equal(m.session, 20 + i);
		assert_int_equal(m.upto, i + 1);
	}
	assert_true(acks_take(&acks, 12, &m));
	assert_int_equal(m.upto, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_mark_comes_back_with_its_block, start, stop),
		cmocka_unit_test_setup_teardown(in_one_block_a_sessions_mark_moves_on, start, stop),
		cmocka_unit_test_setup_teardown(a_newer_block_has_a_mark_of_its_own, start, stop),
		cmocka_unit_test_setup_teardown(an_old_memory_moves_nobodys_mark, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
