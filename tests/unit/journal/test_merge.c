/* The records of several blocks as those of one. */
#include <stdlib.h>

#include "dataplane/journal/internal.h"
#include "dataplane/journal/merge.h"
#include "tests/unit/journal/util.h"
#include "tests/unit/journal/work.h"

/* The state that follows from the merged records is that of the blocks one by one. */
static void folded_like_the_blocks(void **state)
{
	struct siphash_key key = {1, 2};
	struct fold *one = fold_new(&key);
	struct fold *all = fold_new(&key);
	struct block *b = block_new(64u << 10);
	struct journal_records r;
	struct bytes_buf x = {0};
	struct bytes_buf y = {0};
	struct merge m;

	(void)state;
	merge_init(&m, &key);
	for (unsigned k = 1; k <= 30; k++) {
		struct journal_part part;

		block_reset(b);
		test_rich_block(b, k);
		b->number = k;
		r = records_of_block(b, &part);
		assert_true(merge_has_room(&m, &r, 1000));
		assert_int_equal(merge_add(&m, &r), 0);
		assert_int_equal(fold_block(one, &r), 0);
	}
	assert_false(merge_has_room(&m, &r, 30 * TEST_RICH_LOGS));
	assert_int_equal(merge_records(&m, &r), 0);
	assert_int_equal(r.part_count, 30);
	assert_int_equal(r.row_count, 30 * TEST_RICH_LOGS);
	assert_int_equal(r.device_count, 2);
	assert_int_equal(fold_block(all, &r), 0);
	fold_encode(one, &x);
	fold_encode(all, &y);
	assert_int_equal(x.len, y.len);
	assert_memory_equal(x.data, y.data, x.len);
	bytes_buf_free(&x);
	bytes_buf_free(&y);
	merge_free(&m);
	block_free(b);
	fold_free(one);
	fold_free(all);
}

/* A counter whose name this version does not know could not be written again. */
static void unknown_counters_are_not_rewritten(void **state)
{
	struct siphash_key key = {1, 2};
	struct block *b = block_new(64u << 10);
	struct journal_part part;
	struct journal_records r;
	struct merge m;

	(void)state;
	merge_init(&m, &key);
	block_device_add(b, "d", 1, 0);
	block_delta_add(b, 0, DELTA_UNKNOWN, 1);
	r = records_of_block(b, &part);
	assert_int_equal(merge_add(&m, &r), -1);
	merge_free(&m);
	block_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folded_like_the_blocks),
		cmocka_unit_test(unknown_counters_are_not_rewritten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
