/* Reading: filters, what the index saves, following. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/crc32c.h"
#include "dataplane/journal/internal.h"
#include "tests/unit/journal/place.h"

static void many(struct place *p, bool closed)
{
	for (unsigned i = 0; i < 40; i++)
		place_send(p, i % 10 == 3 ? "rare" : "common", 100);
	if (closed)
		place_close(p);
}

static void filters(struct place *p)
{
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	uint64_t first;
	uint64_t last;

	assert_int_equal(place_run(p, &q, &first, &last, NULL), 4000);
	q.device = "rare";
	assert_int_equal(place_run(p, &q, &first, &last, NULL), 400);
	assert_int_equal(first, 300);
	assert_int_equal(last, 3399);
	q.device = "common";
	assert_int_equal(place_run(p, &q, &first, &last, NULL), 3600);
	q.device = "nobody";
	assert_int_equal(place_run(p, &q, &first, &last, NULL), 0);
	q.device = NULL;
	q.since_ns = T0 + 1050 * 1000000000ull;
	q.until_ns = T0 + 1160 * 1000000000ull;
	assert_int_equal(place_run(p, &q, &first, &last, NULL), 111); /* both ends included */
	assert_int_equal(first, 1050);
	assert_int_equal(last, 1160);
	q = (struct journal_query){.until_ns = UINT64_MAX, .after_block = 10, .max_block = 12};
	assert_int_equal(place_run(p, &q, &first, &last, NULL), 200);
	assert_int_equal(first, 1000);
	q = (struct journal_query){
		.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED, .grep = "on 77"};
	assert_int_equal(place_run(p, &q, &first, &last, NULL), 1 + 10 + 0);
	q.grep = "^rare 3+$";
	assert_int_equal(place_run(p, &q, &first, &last, NULL), 2); /* 333 and 3333 */
	q.grep = "nothing.at all";
	assert_int_equal(place_run(p, &q, &first, &last, NULL), 0);
}

static void filters_on_finished_segments(void **state)
{
	many(*state, true);
	filters(*state);
}

static void filters_on_an_open_segment(void **state)
{
	many(*state, false);
	filters(*state);
}

static void index_saves_reading(void **state)
{
	struct place *p = *state;
	struct journal_query q = {
		.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED, .device = "rare"};
	struct journal_reader_stats st;
	uint64_t first;
	uint64_t last;

	many(p, true);
	place_run(p, &q, &first, &last, &st);
	assert_int_equal(st.blocks_read, 4);
	assert_int_equal(st.blocks_skipped, 36);
	assert_int_equal(st.logs, 400);
	assert_int_equal(st.corrupt_blocks, 0);
	q.device = NULL;
	q.since_ns = T0 + 1050 * 1000000000ull;
	q.until_ns = T0 + 1160 * 1000000000ull;
	place_run(p, &q, &first, &last, &st);
	assert_int_equal(st.blocks_read, 2);
}

/* Follows a live writer by its durable block, over the ends of segments. */
static void follows_a_live_writer(void **state)
{
	struct place *p = *state;
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = 1};
	struct journal_reader *r;
	struct journal_log log;
	uint64_t block;
	uint64_t logs;
	uint64_t n = 0;

	p->cfg.segment_size = 64u << 10;
	place_send(p, "first", 1);
	r = place_reader(p, &q);
	assert_int_equal(journal_reader_next(r, &log), 1);
	assert_int_equal(journal_reader_next(r, &log), 0);
	n = 1;
	for (unsigned i = 0; i < 60; i++) {
		place_send(p, "x", 1 + i * 7);
		assert_int_equal(journal_reader_next(r, &log), 0); /* not yet allowed */
		journal_durable(p->j, &block, &logs);
		journal_reader_extend(r, block);
		while (journal_reader_next(r, &log) == 1) {
			assert_int_equal(log.time_ns, T0 + n * 1000000000ull);
			n++;
		}
		assert_int_equal(n, p->sent);
		if (i % 20 == 19)
			assert_int_equal(rotate_finish(p->j), 0);
	}
	journal_reader_close(r);
}

/* Without a writer's word: what is whole is there, and more comes as it is written. */
static void follows_without_a_bound(void **state)
{
	struct place *p = *state;
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	struct journal_reader *r = place_reader(p, &q);
	struct journal_log log;
	uint64_t n = 0;

	assert_int_equal(journal_reader_next(r, &log), 0);
	for (unsigned i = 0; i < 40; i++) {
		place_send(p, "x", 50);
		while (journal_reader_next(r, &log) == 1)
			n++;
		assert_int_equal(n, p->sent);
		if (i % 15 == 14)
			assert_int_equal(rotate_finish(p->j), 0);
	}
	place_close(p);
	assert_int_equal(journal_reader_next(r, &log), 0);
	journal_reader_close(r);
}

/* The tail of the file is being written: nothing of it is read, nothing is lost. */
static void half_a_block_is_waited_for(void **state)
{
	struct place *p = *state;
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	struct journal_reader *r;
	struct journal_log log;
	struct memfs *copy;
	uint8_t *whole;
	uint64_t one;
	uint64_t size;

	place_send(p, "x", 10);
	one = p->j->w.end;
	place_send(p, "y", 10);
	copy = memfs_crash(p->fs, 1);
	whole = malloc(p->j->w.end);
	memcpy(whole, memfs_data(copy, "/j/0000000000000001.zst", &size), p->j->w.end);
	memfs_put(copy, "/j/0000000000000001.zst", whole, one + 1);
	assert_int_equal(journal_reader_open_fs(memfs_table(copy), "/j", &q, &r, NULL), JOURNAL_OK);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(journal_reader_next(r, &log), 1);
	for (uint64_t len = one + 1; len < size; len++) {
		memfs_put(copy, "/j/0000000000000001.zst", whole, len);
		assert_int_equal(journal_reader_next(r, &log), 0);
	}
	memfs_put(copy, "/j/0000000000000001.zst", whole, size);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(journal_reader_next(r, &log), 1);
	assert_int_equal(journal_reader_next(r, &log), 0);
	journal_reader_close(r);
	free(whole);
	memfs_free(copy);
}

/* Half of a block is there when the reader maps the file; then it is whole, and durable. */
static void extended_over_what_was_half_written(void **state)
{
	struct place *p = *state;
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = 1};
	struct journal_reader_stats st;
	struct memfs *copy;
	uint8_t *whole;
	uint64_t one;
	uint64_t two;
	uint64_t size;

	place_send(p, "x", 10);
	one = p->j->w.end;
	place_send(p, "y", 10);
	two = p->j->w.end;
	place_send(p, "z", 10);
	copy = memfs_crash(p->fs, 1);
	whole = malloc(p->j->w.end);
	memcpy(whole, memfs_data(copy, "/j/0000000000000001.zst", &size), p->j->w.end);
	for (uint64_t len = one + 1; len < two; len += 7) {
		struct journal_reader *r;
		struct journal_log log;
		unsigned n = 0;

		memfs_put(copy, "/j/0000000000000001.zst", whole, len);
		assert_int_equal(
			journal_reader_open_fs(memfs_table(copy), "/j", &q, &r, NULL), JOURNAL_OK);
		for (; n < 10; n++)
			assert_int_equal(journal_reader_next(r, &log), 1);
		assert_int_equal(journal_reader_next(r, &log), 0);
		memfs_put(copy, "/j/0000000000000001.zst", whole, size);
		journal_reader_extend(r, 3);
		while (journal_reader_next(r, &log) == 1)
			n++;
		assert_int_equal(n, 30);
		journal_reader_stats(r, &st);
		assert_int_equal(st.corrupt_blocks, 0);
		journal_reader_close(r);
	}
	free(whole);
	memfs_free(copy);
}

/* A log may hold the bytes of any frame: where damage makes us search, it is not taken for one. */
static void frames_inside_of_logs_are_text(void **state)
{
	struct place *p = *state;
	struct journal_verify_totals totals;
	struct journal_port *port;
	struct block_frame f = {.p = {.id = {1, 2}, .segment = 1, .frame_len = BLOCK_FIXED},
		.first_block = 2,
		.last_block = 2};
	uint8_t text[BLOCK_FIXED];
	struct memfs *copy;
	struct block *b;
	uint8_t *data;
	uint64_t begin;
	uint64_t size;

	place_close(p);
	p->cfg.compression_level = zpress_raw_level();
	assert_int_equal(journal_open(&p->cfg, 1, &p->j, NULL, NULL), JOURNAL_OK);
	port = journal_port(p->j, 0);
	b = journal_block_get(port);
	assert_non_null(b);
	if (!b)
		return;		      /* for the analyzer: cmocka has jumped away */
	block_frame_encode(&f, text); /* of another journal */
	test_log(b, "d", 1, (char *)text, sizeof(text));
	text[13] = JOURNAL_FORMAT_VERSION + 1; /* and of a newer version */
	store_le32(text + BLOCK_FIXED - 4, crc32c(0, text, BLOCK_FIXED - 4));
	test_log(b, "d", 1, (char *)text, sizeof(text));
	journal_submit(port, b);
	test_settle(p->j);
	assert_int_equal(journal_completed(port, &b, 1), 1);
	journal_block_put(port, b);
	if (!p->j)
		return; /* likewise */
	begin = p->j->w.begin;
	place_send(p, "x", 1);
	copy = memfs_crash(p->fs, 1);
	data = memfs_data(copy, "/j/0000000000000001.zst", &size);
	assert(data && begin + 50 < size);
	data[begin + 50] ^= 1;
	assert_int_equal(journal_verify_fs(memfs_table(copy), "/j", JOURNAL_UNBOUNDED, NULL, NULL,
				 &totals, NULL),
		JOURNAL_OK);
	assert_int_equal(totals.corrupt, 1);
	assert_int_equal(totals.torn, 0);
	assert_int_equal(totals.logs, 1);
	memfs_free(copy);
}

static void segments_may_go_while_they_are_read(void **state)
{
	struct place *p = *state;
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	const struct journal_fs *fs = memfs_table(p->fs);
	struct journal_reader_stats st;
	struct journal_reader *r;
	struct journal_log log;
	unsigned n = 0;

	for (unsigned i = 0; i < 4; i++) {
		place_send(p, "x", 10);
		assert_int_equal(rotate_finish(p->j), 0);
	}
	r = place_reader(p, &q);
	for (; n < 5; n++)
		assert_int_equal(journal_reader_next(r, &log), 1);
	/* The one that is open can be read to its end; the next two are gone. */
	assert_int_equal(fs->unlink(fs->ctx, "/j/0000000000000001.zst"), 0);
	assert_int_equal(fs->unlink(fs->ctx, "/j/0000000000000002.zst"), 0);
	assert_int_equal(fs->unlink(fs->ctx, "/j/0000000000000003.zst"), 0);
	while (journal_reader_next(r, &log) == 1)
		n++;
	assert_int_equal(n, 20);
	assert_int_equal(log.block, 4);
	journal_reader_stats(r, &st);
	assert_int_equal(st.corrupt_blocks, 0);
	journal_reader_close(r);
}

static struct journal_fs wrapped;
static struct place *opening;
static unsigned misses;
static bool removed;

/* The first segment's name is gone when it is opened: for good, or for a moment. */
static int open_too_late(void *ctx, const char *path, int flags, unsigned mode)
{
	const struct journal_fs *fs = memfs_table(opening->fs);

	if (misses == 0 || strcmp(path, "/j/0000000000000001.zst") != 0)
		return fs->open(ctx, path, flags, mode);
	misses--;
	if (removed)
		fs->unlink(ctx, path);
	return -ENOENT;
}

static unsigned read_once(struct place *p)
{
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	struct journal_reader *r;
	struct journal_log log;
	unsigned n = 0;
	int rc;

	opening = p;
	wrapped = *memfs_table(p->fs);
	wrapped.open = open_too_late;
	assert_int_equal(journal_reader_open_fs(&wrapped, "/j", &q, &r, NULL), JOURNAL_OK);
	while ((rc = journal_reader_next(r, &log)) == 1)
		n++;
	journal_reader_close(r);
	return rc == 0 ? n : UINT_MAX;
}

/* Who reads once goes on with what is there instead, and has each log once. */
static void a_segment_may_go_between_listing_and_opening(void **state)
{
	struct place *p = *state;

	for (unsigned i = 0; i < 3; i++) {
		place_send(p, "x", 10);
		assert_int_equal(rotate_finish(p->j), 0);
	}
	misses = 1;
	assert_int_equal(read_once(p), 30);
	misses = 1;
	removed = true;
	assert_int_equal(read_once(p), 20);
	removed = false;
	misses = UINT_MAX; /* a name that leads nowhere is an error, not an endless search */
	memfs_put(p->fs, "/j/0000000000000001.zst", "", 0);
	assert_int_equal(read_once(p), UINT_MAX);
}

struct segments {
	struct journal_segment_info v[16];
	unsigned n;
};

static void on_segment(void *ctx, const struct journal_segment_info *info)
{
	struct segments *s = ctx;

	s->v[s->n++] = *info;
}

static void lists_segments(void **state)
{
	struct place *p = *state;
	struct segments s = {.n = 0};

	place_send(p, "x", 10);
	place_send(p, "x", 10);
	assert_int_equal(rotate_finish(p->j), 0);
	place_send(p, "x", 5);
	assert_int_equal(
		journal_list_fs(memfs_table(p->fs), "/j", on_segment, &s, NULL), JOURNAL_OK);
	assert_int_equal(s.n, 2);
	assert_string_equal(s.v[0].name, "0000000000000001.zst");
	assert_true(s.v[0].finished);
	assert_int_equal(s.v[0].first_block, 1);
	assert_int_equal(s.v[0].last_block, 2);
	assert_int_equal(s.v[0].blocks, 2);
	assert_int_equal(s.v[0].logs, 20);
	assert_int_equal(s.v[0].first_ns, T0);
	assert_int_equal(s.v[0].last_ns, T0 + 19000000000ull);
	assert_false(s.v[1].finished);
	assert_string_equal(s.v[1].name, "0000000000000003.zst");
	assert_int_equal(s.v[1].logs, 5);
	assert_int_equal(s.v[1].raw_bytes, 5 * 5);
	assert_int_equal(s.v[1].bytes, p->j->w.end);
}

/* A commit that came to nothing, or a recovery, puts a new file in the place of the newest. */
static void follows_into_a_file_that_replaced_it(void **state)
{
	struct place *p = *state;
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = 1};
	const struct journal_fs *fs = memfs_table(p->fs);
	struct journal_reader *r;
	struct journal_log log;
	uint64_t size;
	uint64_t one;
	uint8_t *whole;

	place_send(p, "x", 1);
	r = place_reader(p, &q);
	assert_int_equal(journal_reader_next(r, &log), 1);
	assert_int_equal(journal_reader_next(r, &log), 0);
	one = p->j->w.end;
	place_send(p, "x", 1);
	/* The reader's file ends behind block 1 for ever; another of the same name goes on. */
	memfs_data(p->fs, "/j/0000000000000001.zst", &size);
	whole = malloc(size);
	memcpy(whole, memfs_data(p->fs, "/j/0000000000000001.zst", &size), size);
	assert_int_equal(
		fs->rename(fs->ctx, "/j/0000000000000001.zst", "/j/0000000000000001.zst.tmp"), 0);
	memfs_put(p->fs, "/j/0000000000000001.zst", whole, size);
	memfs_put(p->fs, "/j/0000000000000001.zst.tmp", whole, one);
	free(whole);
	journal_reader_extend(r, 2);
	assert_int_equal(journal_reader_next(r, &log), 1);
	assert_int_equal(log.block, 2);
	assert_int_equal(journal_reader_next(r, &log), 0);
	journal_reader_close(r);
}

/* A bound that nobody set reads nothing: not what may never become durable. */
static void a_bound_of_zero_reads_nothing(void **state)
{
	struct place *p = *state;
	struct journal_query q = {.until_ns = UINT64_MAX};
	struct journal_reader *r;
	struct journal_log log;

	place_send(p, "x", 10);
	r = place_reader(p, &q);
	assert_int_equal(journal_reader_next(r, &log), 0);
	journal_reader_extend(r, 1);
	assert_int_equal(journal_reader_next(r, &log), 1);
	journal_reader_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_CASE(filters_on_finished_segments),
		PLACE_CASE(filters_on_an_open_segment),
		PLACE_CASE(index_saves_reading),
		PLACE_CASE(follows_a_live_writer),
		PLACE_CASE(follows_without_a_bound),
		PLACE_CASE(half_a_block_is_waited_for),
		PLACE_CASE(extended_over_what_was_half_written),
		PLACE_CASE(frames_inside_of_logs_are_text),
		PLACE_CASE(segments_may_go_while_they_are_read),
		PLACE_CASE(a_segment_may_go_between_listing_and_opening),
		PLACE_CASE(follows_into_a_file_that_replaced_it),
		PLACE_CASE(a_bound_of_zero_reads_nothing),
		PLACE_CASE(lists_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
