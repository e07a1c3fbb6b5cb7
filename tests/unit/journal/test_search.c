/* Reading by an expression: where logs end, logs that would take for ever, and giving up. */
#include <stdio.h>
#include <string.h>

#include "dataplane/journal/reader_internal.h"
#include "dataplane/journal/internal.h"
#include "tests/unit/journal/place.h"

#define COSTLY "(a*)*[bc]" /* on a log of many "a" */

/* Literals over the end of a log are none; expressions need their text in the log itself. */
static void grep_minds_where_logs_end(void **state)
{
	struct place *p = *state;
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	uint64_t first;
	uint64_t last;

	place_send(p, "ab", 30); /* "ab 0\nab 1\n..." */
	q.grep = "0\nab";
	assert_int_equal(place_run(p, &q, &first, &last, NULL), 0);
	q.grep = "0.ab";
	assert_int_equal(place_run(p, &q, &first, &last, NULL), 0);
	q.grep = "ab 1";
	assert_int_equal(place_run(p, &q, &first, &last, NULL), 11);
	q.grep = "b 1[0-9]$";
	assert_int_equal(place_run(p, &q, &first, &last, NULL), 10);
	assert_int_equal(first, 10);
	assert_int_equal(last, 19);
	q.since_ns = T0 + 15 * 1000000000ull;
	assert_int_equal(place_run(p, &q, &first, &last, NULL), 5);
}

/* A block of logs of many "a", the last of them with a "b". */
static void send_costly(struct place *p, unsigned logs)
{
	struct journal_port *port = journal_port(p->j, 0);
	struct block *b = journal_block_get(port);
	char text[41];

	memset(text, 'a', 40);
	for (unsigned i = 0; i < logs; i++) {
		text[39] = i + 1 == logs ? 'b' : 'a';
		assert_true(test_log(b, "d", T0, text, 40));
	}
	journal_submit(port, b);
	test_settle(p->j);
	assert_int_equal(journal_completed(port, &b, 1), 1);
	journal_block_put(port, b);
}

static void a_log_that_takes_too_long_is_left_out_and_counted(void **state)
{
	struct place *p = *state;
	struct journal_query q = {
		.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED, .grep = COSTLY};
	struct journal_reader *r;
	struct journal_reader_stats st;
	struct journal_log log;

	send_costly(p, 4);
	r = place_reader(p, &q);
	assert_int_equal(journal_reader_next(r, &log), 1);
	assert_int_equal(log.log[39], 'b');
	assert_int_equal(journal_reader_next(r, &log), 0);
	journal_reader_stats(r, &st);
	assert_int_equal(st.undecided, 3);
	journal_reader_close(r);
}

static void too_many_of_them_end_the_search(void **state)
{
	struct place *p = *state;
	struct journal_query q = {
		.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED, .grep = COSTLY};
	struct journal_reader *r;
	struct journal_log log;
	struct journal_reader_stats st;

	send_costly(p, 2);
	send_costly(p, GREP_UNDECIDED + 10);
	r = place_reader(p, &q);
	r->grep.undecided = GREP_UNDECIDED - 3;
	assert_int_equal(journal_reader_next(r, &log), 1);
	assert_int_equal(journal_reader_next(r, &log), JOURNAL_E_COSTLY);
	assert_int_equal(journal_reader_next(r, &log), JOURNAL_E_COSTLY);
	journal_reader_stats(r, &st);
	assert_int_equal(st.undecided, GREP_UNDECIDED + 1);
	journal_reader_close(r);
}

static bool after_some(void *arg)
{
	unsigned *left = arg;

	return *left == 0 || --*left == 0;
}

/* Whoever asked goes away: not even the block is searched to its end. */
static void who_goes_away_ends_it(void **state)
{
	struct place *p = *state;
	unsigned left = 6;
	struct journal_query q = {.until_ns = UINT64_MAX,
		.max_block = JOURNAL_UNBOUNDED,
		.grep = COSTLY,
		.stop = after_some,
		.stop_arg = &left};
	struct journal_reader *r;
	struct journal_reader_stats st;
	struct journal_log log;

	send_costly(p, 100);
	r = place_reader(p, &q);
	assert_int_equal(journal_reader_next(r, &log), 0);
	assert_int_equal(journal_reader_next(r, &log), 0);
	journal_reader_stats(r, &st);
	assert_in_range(st.undecided, 1, 5);
	journal_reader_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_CASE(grep_minds_where_logs_end),
		PLACE_CASE(a_log_that_takes_too_long_is_left_out_and_counted),
		PLACE_CASE(too_many_of_them_end_the_search),
		PLACE_CASE(who_goes_away_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
