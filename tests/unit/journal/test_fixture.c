/*
 * A journal of format version 1, committed in the tree and never written again: whatever changes,
 * these bytes must go on meaning this. Blocks 1 to 3 in a finished segment, 4 and 5 in an open one.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/journal/internal.h"
#include "tests/unit/journal/memfs.h"
#include "tests/unit/journal/util.h"

static const char *const names[] = {"ID", "0000000000000001.zst", "0000000000000004.zst"};

static void all_logs_read(const struct journal_fs *fs, const char *dir, unsigned blocks)
{
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	struct journal_verify_totals totals;
	struct journal_fault fault;
	struct journal_reader *r;
	struct journal_log log;

	assert_int_equal(journal_reader_open_fs(fs, dir, &q, &r, &fault), JOURNAL_OK);
	for (unsigned k = 1; k <= blocks; k++) {
		for (unsigned i = 0; i < TEST_RICH_LOGS; i++) {
			assert_int_equal(journal_reader_next(r, &log), 1);
			assert_int_equal(log.block, k);
			test_rich_check(&log, k, i);
		}
	}
	assert_int_equal(journal_reader_next(r, &log), 0);
	journal_reader_close(r);
	assert_int_equal(journal_verify_fs(fs, dir, JOURNAL_UNBOUNDED, NULL, NULL, &totals, &fault),
		JOURNAL_OK);
	assert_int_equal(totals.blocks, blocks);
	assert_int_equal(totals.logs, blocks * TEST_RICH_LOGS);
	assert_int_equal(totals.torn + totals.corrupt, 0);
}

static void version_1_is_read(void **state)
{
	(void)state;
	all_logs_read(NULL, JOURNAL_FIXTURE, 5);
}

static size_t load(const char *name, uint8_t *bytes, size_t room)
{
	char path[1000];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", JOURNAL_FIXTURE, name);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(bytes, 1, room, f);
	fclose(f);
	return n;
}

static void version_1_is_recovered_and_continued(void **state)
{
	struct memfs *fs = memfs_new();
	struct journal_recovery rec;
	struct journal_config cfg;
	struct journal_port *port;
	struct block *b;
	struct journal *j;
	uint8_t bytes[8192];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		char path[100];
		size_t n = load(names[i], bytes, sizeof(bytes));

		snprintf(path, sizeof(path), "/j/%s", names[i]);
		memfs_put(fs, path, bytes, n);
	}
	test_config(&cfg, "/j");
	cfg.fs = memfs_table(fs);
	assert_int_equal(journal_open(&cfg, 1, &j, &rec, NULL), JOURNAL_OK);
	assert_int_equal(rec.durable_block, 5);
	assert_int_equal(rec.logs, 40);
	assert_int_equal(rec.corrupt_blocks, 0);
	assert_int_equal(rec.torn_files, 0);
	assert_false(rec.clean);
	assert_int_equal(fold_device_count(j->fold), 2);
	assert_int_equal(fold_device(j->fold, 0)->stored, 30);
	assert_int_equal(fold_device(j->fold, 0)->duplicate, 5 * DELTA_DUPLICATE);
	assert_int_equal(
		fold_device(j->fold, 1)->dropped[DROP_ring_full], 5 * (DROP_ring_full + 1));
	assert_int_equal(fold_stream_count(j->fold), 2);
	assert_int_equal(fold_stream(j->fold, 0)->confirmed, 52);
	assert_int_equal(fold_stream(j->fold, 0)->gap_count, 10);
	port = journal_port(j, 0);
	b = journal_block_get(port);
	test_rich_block(b, 6);
	journal_submit(port, b);
	test_settle(j);
	assert_int_equal(journal_completed(port, &b, 1), 1);
	journal_block_put(port, b);
	journal_close(j);
	all_logs_read(memfs_table(fs), "/j", 6);
	memfs_free(fs);
}

/* The offsets of docs/journal.md, in its own numbers. */
static void bytes_are_where_the_document_says(void **state)
{
	uint8_t f[8192];
	size_t n = load(names[2], f, sizeof(f));
	uint32_t first = load_le32(f + 4) + 8;
	const uint8_t *b = f + first;

	(void)state;
	assert_true(n > first);
	assert_int_equal(load_le32(f), 0x184D2A53);
	assert_memory_equal(f + 8, "SLJF", 4);
	assert_int_equal(f[12], 1); /* a checkpoint */
	assert_int_equal(f[13], 1); /* of version 1 */
	assert_int_equal(load_le16(f + 14), 100);
	assert_int_equal(load_le64(f + 32), 4);	 /* segment */
	assert_int_equal(load_le64(f + 40), 3);	 /* durable_upto */
	assert_int_equal(load_le64(f + 56), 24); /* logs before it */
	assert_int_equal(load_le32(f + 72), 0);	 /* generation */
	assert_int_equal(load_le32(f + 76), 2);	 /* devices */
	assert_int_equal(load_le32(f + 80), 2);	 /* streams */
	assert_int_equal(load_le32(f + 88) + 100, first);
	assert_int_equal(load_le32(b), 0x184D2A53);
	assert_int_equal(b[12], 2); /* a block */
	assert_int_equal(load_le16(b + 14), 116);
	assert_int_equal(load_le64(b + 40), 3);
	assert_int_equal(load_le64(b + 48), 4); /* first block */
	assert_int_equal(load_le64(b + 56), 4); /* last block */
	assert_int_equal(load_le64(b + 64), 1763762004000000000ull);
	assert_int_equal(load_le64(b + 72), 1763762004000007000ull);
	assert_int_equal(load_le32(b + 80), 8); /* rows */
	assert_int_equal(b[96], 0);		/* lcore */
	assert_int_equal(b[97], 0);		/* flags */
	assert_int_equal(load_le32(b + 104) + 116, load_le32(b + 4) + 8);
	b += load_le32(b + 4) + 8;
	assert_int_equal(load_le32(b), 0xFD2FB528); /* the data: an ordinary zstd frame */
	n = load(names[1], f, sizeof(f));
	assert_int_equal(load_le32(f + n - 4), 0x8F92EAB1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1_is_read),
		cmocka_unit_test(version_1_is_recovered_and_continued),
		cmocka_unit_test(bytes_are_where_the_document_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
