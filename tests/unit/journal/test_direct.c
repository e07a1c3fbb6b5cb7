/*
 * Large commits go past the page cache: aligned as that wants it (the disk in memory asserts it),
 * padded where nobody minds, and through the page cache wherever it cannot be.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "dataplane/base/bytes.h"
#include "dataplane/journal/internal.h"
#include "tests/unit/journal/memfs.h"
#include "tests/unit/journal/util.h"
#include "tests/unit/journal/work.h"

#define PAGE  4096u
#define LARGE 400u /* logs of some 500 bytes, stored raw */
#define POOL  16u

struct place {
	struct memfs *fs; /* NULL: a directory on a disk */
	char dir[256];
	struct journal_config cfg;
	struct journal *j;
	uint64_t logs;
};

static void open_it(struct place *p)
{
	p->cfg.pool_blocks = POOL;
	p->cfg.block_size = 1u << 20;
	p->cfg.segment_size = 1u << 30;
	p->cfg.compression_level = zpress_raw_level();
	p->cfg.direct_least = 64u << 10;
	assert_int_equal(journal_open(&p->cfg, 1, &p->j, NULL, NULL), JOURNAL_OK);
}

static void begin(struct place *p, enum memfs_direct how)
{
	memset(p, 0, sizeof(*p));
	p->fs = memfs_new();
	memfs_set_direct(p->fs, how);
	test_config(&p->cfg, "/j");
	p->cfg.fs = memfs_table(p->fs);
	open_it(p);
}

static void submit(struct place *p, unsigned logs)
{
	struct journal_port *port = journal_port(p->j, 0);
	struct block *b = journal_block_get(port);
	char line[1024];

	assert_non_null(b);
	for (unsigned i = 0; i < logs; i++, p->logs++)
		assert_true(test_log(b, "d", 1, line, test_line(line, p->logs)));
	journal_submit(port, b);
}

static void take_back(struct place *p)
{
	struct journal_port *port = journal_port(p->j, 0);
	struct block *b;

	while (journal_completed(port, &b, 1) == 1) {
		assert_int_equal(b->error, 0);
		journal_block_put(port, b);
	}
}

/* One commit of a block. */
static void send(struct place *p, unsigned logs)
{
	submit(p, logs);
	test_settle(p->j);
	take_back(p);
}

static void all_is_there(struct place *p)
{
	assert_int_equal(counted(&p->j->durable_logs), p->logs);
	test_lines_are(p->j->fs, p->cfg.dir, p->logs);
}

/* As it is, closed, and after the next start. */
static void end(struct place *p)
{
	if (p->fs)
		memfs_repair(p->fs);
	all_is_there(p);
	journal_close(p->j);
	if (p->fs)
		assert_int_equal(work_verify(p->fs, false), p->logs);
	open_it(p);
	all_is_there(p);
	journal_close(p->j);
	if (p->fs)
		memfs_free(p->fs);
}

/* What is pressed before the next commit is as if a compressor had done it: of any length. */
static void copied(struct place *p, bool yes)
{
	p->j->presser.whole_least = yes ? 0 : p->cfg.direct_least;
}

static const unsigned MIXED[6] = {LARGE, 9, 10, LARGE + 1, 11};

static void submit_all(struct place *p, const unsigned logs[6])
{
	for (unsigned k = 0; k < 6 && logs[k]; k++)
		submit(p, logs[k]);
}

static void large_commits_go_direct(void **state)
{
	struct place p;

	(void)state;
	begin(&p, MEMFS_DIRECT);
	for (unsigned i = 0; i < 3; i++) {
		send(&p, LARGE + i);
		assert_int_equal(p.j->w.begin % PAGE, 0);
		assert_int_equal(p.j->w.end % PAGE, 0);
		assert_int_equal(memfs_direct_writes(p.fs), i + 1);
	}
	end(&p);
}

static void a_small_commit_is_not_padded(void **state)
{
	struct place p;
	uint64_t at;

	(void)state;
	begin(&p, MEMFS_DIRECT);
	send(&p, LARGE);
	at = p.j->w.end;
	send(&p, 3);
	assert_in_range(p.j->w.end - at, 1, 3000);
	send(&p, LARGE); /* what is missing to a page, then the rest */
	assert_int_equal(memfs_direct_writes(p.fs), 2);
	assert_int_equal(p.j->w.end % PAGE, 0);
	send(&p, LARGE);
	assert_int_equal(memfs_direct_writes(p.fs), 3);
	end(&p);
}

/* Padding shorter than a frame's header takes a page more: all lengths that there are. */
static void whatever_is_missing_to_a_page(void **state)
{
	struct place p;

	(void)state;
	begin(&p, MEMFS_DIRECT);
	for (unsigned i = 0; i < 600; i++) {
		copied(&p, i >= 300);
		send(&p, 140 + i % 30);
		assert_int_equal(p.j->w.end % PAGE, 0);
	}
	assert_int_equal(memfs_direct_writes(p.fs), 600);
	end(&p);
}

static void a_commit_larger_than_a_piece_goes_in_several(void **state)
{
	struct place p;

	(void)state;
	begin(&p, MEMFS_DIRECT);
	for (unsigned i = 0; i < POOL / 2; i++)
		submit(&p, 1900);
	copied(&p, true);
	test_settle(p.j);
	take_back(&p);
	assert_true(p.j->commit.len > 7u << 20);
	assert_int_equal(memfs_direct_writes(p.fs), 2);
	for (unsigned i = 0; i < POOL / 2; i++)
		submit(&p, 1900);
	test_settle(p.j);
	take_back(&p);
	assert_true(p.j->commit.len > 7u << 20);
	assert_int_equal(memfs_direct_writes(p.fs), 2 + 2);
	end(&p);
}

/* Written from where they were made, all in one write; what lies between is copied, and padded up
 * to them. Where no page begins what is missing to one goes first, through the page cache, and is
 * all of a few logs. */
static void whole_blocks_among_others(void **state)
{
	static const unsigned row[][6] = {
		{LARGE, LARGE, LARGE},
		{9, LARGE},
		{LARGE, 9},
		{9, 11, LARGE, 10, LARGE, LARGE},
		{LARGE, 9, 10, 11, LARGE, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		for (unsigned before = 0; before < 2; before++) { /* a page begins, or not */
			struct place p;
			uint64_t writes;

			begin(&p, MEMFS_DIRECT);
			send(&p, before ? 3 : LARGE);
			writes = memfs_direct_writes(p.fs);
			submit_all(&p, row[i]);
			test_settle(p.j);
			take_back(&p);
			assert_int_equal(p.j->w.end % PAGE, 0);
			assert_int_equal(memfs_direct_writes(p.fs) - writes, 1);
			end(&p);
		}
}

/* What is copied may by chance be pages in memory, begin in the middle of one on the disk, and be
 * where a piece is full: then the rest of it comes next, not all of it once more. */
static void a_part_of_what_looks_whole(void **state)
{
	const size_t before = (4u << 20) - PAGE + 100, len = before + 2 * PAGE + PAGE - 100;
	uint8_t *bytes = aligned_alloc(PAGE, 2 * len / PAGE * PAGE), *back = malloc(len);
	uint8_t *pages = aligned_alloc(PAGE, 2 * PAGE);
	struct journal_io_done done;
	struct commit *c;
	struct place p;

	(void)state;
	begin(&p, MEMFS_DIRECT);
	send(&p, LARGE); /* has opened the file */
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 13);
	memcpy(pages, bytes + before, 2 * PAGE);
	c = &p.j->commit;
	c->direct = true;
	c->off = p.j->w.end;
	c->left = len;
	c->iov_first = 0;
	c->iov_count = 3;
	c->iov[0] = (struct iovec){bytes, before};
	c->iov[1] = (struct iovec){pages, 2 * PAGE};
	c->iov[2] = (struct iovec){bytes + before + 2 * PAGE, PAGE - 100};
	while (c->left > 0) {
		assert_int_equal(commit_write_on(p.j), 0);
		assert_int_equal(p.j->fs->io_reap(p.j->fs->ctx, p.j->io, &done, 1, true), 1);
		assert_in_range(done.result, 1, c->left);
		commit_advance(c, (uint64_t)done.result);
	}
	assert_int_equal(journal_fs_read(p.j->fs, p.j->w.fd, back, len, p.j->w.end), len);
	assert_memory_equal(back, bytes, len);
	free(bytes);
	free(back);
	free(pages);
	end(&p);
}

static void through_the_page_cache_where_it_must_be(void **state)
{
	struct place p;

	(void)state;
	for (enum memfs_direct how = MEMFS_NO_DIRECT_OPEN; how <= MEMFS_DIRECT_SHORT; how++) {
		begin(&p, how);
		for (unsigned i = 0; i < 5; i++)
			send(&p, LARGE);
		submit_all(&p, MIXED);
		test_settle(p.j);
		take_back(&p);
		assert_int_equal(counted(&p.j->write_errors), 0);
		assert_int_equal(p.j->seg_count, 1);
		assert_int_equal(memfs_direct_writes(p.fs) > 0, how == MEMFS_DIRECT_SHORT);
		assert_int_equal(p.j->presser.whole_least > 0, how == MEMFS_DIRECT_SHORT);
		assert_int_equal(p.j->w.end % PAGE == 0, how == MEMFS_DIRECT_SHORT);
		end(&p);
	}
}

static void never_where_it_is_not_wanted(void **state)
{
	struct place p;

	(void)state;
	begin(&p, MEMFS_DIRECT);
	p.j->cfg.direct_least = 0;
	copied(&p, true);
	for (unsigned i = 0; i < 3; i++)
		send(&p, LARGE);
	assert_int_equal(memfs_direct_writes(p.fs), 0);
	assert_true(p.j->w.end % PAGE != 0);
	end(&p);
}

/* The blocks of a commit that failed are written again, elsewhere and with a padding of its own. */
static void a_failed_commit_is_written_anew(void **state)
{
	unsigned again = 0;

	(void)state;
	for (uint64_t call = 1; call < 25; call++) {
		struct place p;

		begin(&p, MEMFS_DIRECT);
		send(&p, call % 2 ? LARGE : 3); /* the next begins at a page, or not */
		memfs_fail(p.fs, memfs_calls(p.fs) + call, MEMFS_EIO);
		for (unsigned i = 0; i < 3; i++) {
			submit_all(&p, MIXED);
			test_settle(p.j);
			take_back(&p);
		}
		again += p.j->seg_count > 1;
		assert_int_equal(p.j->seg_count > 1,
			counted(&p.j->write_errors) + counted(&p.j->sync_errors) > 0);
		end(&p);
	}
	assert_in_range(again, 6, 24); /* three writes and three syncs, if not more */
}

static uint64_t lines_of_zstdcat(const char *dir)
{
	char command[400];
	unsigned long long n = 0;
	FILE *f;

	snprintf(command, sizeof(command), "zstdcat %s/*.zst | wc -l", dir);
	f = popen(command, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%llu", &n), 1);
	assert_int_equal(pclose(f), 0);
	return n;
}

static void on_a_disk(void **state)
{
	struct place p = {.fs = NULL};

	(void)state;
	test_dir_make(p.dir);
	test_config(&p.cfg, p.dir);
	open_it(&p);
	for (unsigned i = 0; i < 20; i++) {
		submit(&p, LARGE + i);
		while (counted(&p.j->durable_logs) < p.logs)
			journal_step(p.j, p.j->fs->mono_us(p.j->fs->ctx));
		take_back(&p);
	}
	end(&p);
	assert_int_equal(lines_of_zstdcat(p.dir), p.logs);
	test_dir_remove(p.dir);
}

static size_t skippable(uint8_t *to, uint32_t len)
{
	store_le32(to, 0x184D2A50u);
	store_le32(to + 4, len);
	memset(to + 8, 0, len);
	return 8 + len;
}

static void padding_is_one_skippable_frame_behind_the_payload(void **state)
{
	uint8_t b[1024] = {0};
	size_t n = ZSTD_compress(b, 512, "payload", 7, 1);
	size_t whole;

	(void)state;
	assert_int_equal(zread_unpadded(b, n), n);
	whole = n + skippable(b + n, 0);
	assert_int_equal(zread_unpadded(b, whole), n);
	whole = n + skippable(b + n, 100);
	assert_int_equal(zread_unpadded(b, whole), n);
	for (size_t len = n + 1; len < whole; len++)
		assert_int_equal(zread_unpadded(b, len), len);
	assert_int_equal(zread_unpadded(b, whole + 1), whole + 1);
	assert_int_equal(zread_unpadded(b, whole + skippable(b + whole, 8)), whole + 16);
	b[n] = 0;
	assert_int_equal(zread_unpadded(b, whole), whole);
	assert_int_equal(zread_unpadded(b, 3), 3);
	assert_int_equal(zread_unpadded(b, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(large_commits_go_direct),
		cmocka_unit_test(whole_blocks_among_others),
		cmocka_unit_test(a_part_of_what_looks_whole),
		cmocka_unit_test(a_small_commit_is_not_padded),
		cmocka_unit_test(whatever_is_missing_to_a_page),
		cmocka_unit_test(a_commit_larger_than_a_piece_goes_in_several),
		cmocka_unit_test(through_the_page_cache_where_it_must_be),
		cmocka_unit_test(never_where_it_is_not_wanted),
		cmocka_unit_test(a_failed_commit_is_written_anew),
		cmocka_unit_test(on_a_disk),
		cmocka_unit_test(padding_is_one_skippable_frame_behind_the_payload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
