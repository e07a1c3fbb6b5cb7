/* The checker must see every way in which a receiver can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/load/check.h"

static const struct plan plan = {.devices = 5, .flows = 2};
static const uint64_t sent[2] = {1000, 70};

struct stage {
	struct lines *lines;
	struct check *check;
	struct check_result r;
};

static int setup(void **state)
{
	static struct stage s;

	s.lines = lines_new(11, 480, &plan);
	s.check = check_new(s.lines, &plan, sent);
	*state = &s;
	return s.check ? 0 : -1;
}

static int teardown(void **state)
{
	struct stage *s = *state;

	check_free(s->check);
	lines_free(s->lines);
	return 0;
}

static void give(struct stage *s, uint32_t flow, uint64_t number)
{
	char line[LINES_MAX];
	uint32_t len = lines_write(s->lines, flow, number, line);

	check_log(s->check, line, len);
}

static void give_all_but(struct stage *s, uint32_t flow, uint64_t number)
{
	for (uint32_t f = 0; f < plan.flows; f++)
		for (uint64_t n = 0; n < sent[f]; n++)
			if (f != flow || n != number)
				give(s, f, n);
}

static void give_all(struct stage *s)
{
	give_all_but(s, 0, sent[0]);
}

static bool judge(struct stage *s)
{
	check_result(s->check, &s->r);
	return check_equal(&s->r);
}

static void all_that_was_sent(void **state)
{
	struct stage *s = *state;

	give_all(s);
	assert_true(judge(s));
	assert_int_equal(s->r.sent, 1070);
	assert_int_equal(s->r.stored, 1070);
	assert_int_equal(s->r.reordered, 0);
}

static void nothing(void **state)
{
	struct stage *s = *state;

	assert_false(judge(s));
	assert_int_equal(s->r.missing, 1070);
}

static void one_missing(void **state)
{
	struct stage *s = *state;

	give_all_but(s, 1, 69);
	assert_false(judge(s));
	assert_int_equal(s->r.missing, 1);
}

/* As many logs as were sent, but one of them twice instead of another. */
static void one_twice_instead_of_another(void **state)
{
	struct stage *s = *state;

	give_all_but(s, 0, 500);
	give(s, 0, 499);
	assert_false(judge(s));
	assert_int_equal(s->r.missing, 1);
	assert_int_equal(s->r.duplicate, 1);
}

static void one_altered(void **state)
{
	struct stage *s = *state;
	char line[LINES_MAX];
	uint32_t len = lines_write(s->lines, 0, 63, line);

	give_all_but(s, 0, 63);
	line[200] ^= 1;
	check_log(s->check, line, len);
	assert_false(judge(s));
	assert_int_equal(s->r.altered, 1);
	assert_int_equal(s->r.missing, 1);
}

/* The text of one log under the number of another. */
static void one_renumbered(void **state)
{
	struct stage *s = *state;
	char line[LINES_MAX];
	uint32_t len = lines_write(s->lines, 0, 64, line);

	give_all_but(s, 0, 65);
	line[len - 1] = '5';
	check_log(s->check, line, len);
	assert_false(judge(s));
	assert_int_equal(s->r.altered, 1);
}

static void more_than_was_sent(void **state)
{
	struct stage *s = *state;

	give_all(s);
	give(s, 1, 70);
	assert_false(judge(s));
	assert_int_equal(s->r.unsent, 1);
	assert_int_equal(s->r.missing, 0);
}

static void of_a_device_that_is_none(void **state)
{
	struct stage *s = *state;
	const struct plan more = {.devices = 6, .flows = 6};
	struct lines *l = lines_new(11, 480, &more);
	char line[LINES_MAX];

	give_all(s);
	check_log(s->check, line, lines_write(l, 5, 0, line));
	lines_free(l);
	assert_false(judge(s));
	assert_int_equal(s->r.unsent, 1);
}

static void foreign_logs_are_told_and_harmless(void **state)
{
	struct stage *s = *state;

	give_all(s);
	check_log(s->check, "<13>hello", 9);
	check_log(s->check, "", 0);
	assert_true(judge(s));
	assert_int_equal(s->r.foreign, 2);
}

static void order_within_a_flow(void **state)
{
	struct stage *s = *state;

	give(s, 0, 1);
	give(s, 1, 0);
	give(s, 0, 0);
	give(s, 0, 2);
	judge(s);
	assert_int_equal(s->r.reordered, 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(all_that_was_sent),
		CASE(nothing),
		CASE(one_missing),
		CASE(one_twice_instead_of_another),
		CASE(one_altered),
		CASE(one_renumbered),
		CASE(more_than_was_sent),
		CASE(of_a_device_that_is_none),
		CASE(foreign_logs_are_told_and_harmless),
		CASE(order_within_a_flow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
