/*
 * sim-journal-reading [--mb N] [--dir DIR] [--time]
 *
 * Questions to a journal of a gigabyte of raw logs (or N MB): what is read for an answer is counted
 * at the read calls, and must not be more than twice the blocks that match. --time says how long
 * the first line and a search took on this machine; nothing is asserted about time.
 *
 * The journal lies in memory; with --dir on a disk, with segments as sluiced has them, where it is
 * made if it is not there, and stays.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dataplane/journal/internal.h"
#include "tests/unit/journal/memfs.h"
#include "tests/unit/journal/util.h"

#define DEVICES	 200u
#define RARE	 7u /* this device logs in one block of a hundred only */
#define EVERY	 100u
#define BLOCK_NS 1000000000ull /* a block a second */
#define AT_ONCE	 4u
#define LINES	 50000u /* some 25 blocks */

struct big {
	struct memfs *fs; /* NULL: on a disk */
	const char *dir;
	struct journal_config cfg;
	struct journal *j;
	uint64_t logs, raw, blocks, began_ns;
	/* On a disk the same lines come again and again: to make them would take longer than all
	 * else, and no block is so long that it would compress better for it. */
	char (*lines)[1024];
	uint32_t *line_len;
};

static struct journal_fs counting;
static const struct journal_fs *real;
static uint64_t calls, bytes;

static int64_t counted_pread(void *ctx, int fd, void *buf, size_t len, uint64_t off)
{
	int64_t n = real->pread(ctx, fd, buf, len, off);

	calls++;
	bytes += n > 0 ? (uint64_t)n : 0;
	return n;
}

static void make_lines(struct big *g)
{
	g->lines = malloc(LINES * sizeof(*g->lines));
	g->line_len = malloc(LINES * sizeof(*g->line_len));
	assert_true(g->lines && g->line_len);
	for (unsigned i = 0; i < LINES; i++)
		g->line_len[i] = test_line(g->lines[i], i);
}

static void fill(struct big *g, struct block *b)
{
	uint16_t index[DEVICES];
	bool rare = g->blocks % EVERY == EVERY / 2;

	for (unsigned d = 0; d < DEVICES; d++) {
		char name[32];
		int len = snprintf(name, sizeof(name), "FGT60FTK%08u", d);

		if (d != RARE || rare)
			index[d] = block_device_add(b, name, (uint16_t)len, d);
		else
			index[d] = index[0];
	}
	for (;;) {
		char own[1024];
		const char *line = g->lines ? g->lines[g->logs % LINES] : own;
		uint32_t len = g->lines ? g->line_len[g->logs % LINES] : test_line(own, g->logs);
		struct block_row row = {
			.time_ns = g->began_ns + g->blocks * BLOCK_NS + g->logs % 1000,
			.len = len,
			.device = index[g->logs % DEVICES],
			.source = BLOCK_NONE,
			.vdom = BLOCK_NONE,
			.stream = BLOCK_NONE,
			.transport = TRANSPORT_UDP};

		if (!block_has_room(b, len, 1, 0))
			break;
		memcpy(block_append(b, &row), line, len);
		g->logs++;
		g->raw += len + 1;
	}
	g->blocks++;
}

static void make(struct big *g, uint64_t mb)
{
	struct journal_port *p = journal_port(g->j, 0);

	g->began_ns = g->cfg.fs->wall_ns(g->fs);
	if (!g->fs)
		make_lines(g);
	while (g->raw < mb << 20) {
		struct block *b;

		for (unsigned i = 0; i < AT_ONCE; i++) {
			b = journal_block_get(p);
			assert_non_null(b);
			fill(g, b);
			journal_submit(p, b);
		}
		test_settle(g->j);
		while (journal_completed(p, &b, 1) == 1) {
			assert_int_equal(b->error, 0);
			journal_block_put(p, b);
		}
	}
	assert_int_equal(rotate_finish(g->j), 0);
}

/* One that an earlier run has made. */
static void take_up(struct big *g)
{
	g->began_ns = g->j->segs[0].first_ns;
	g->blocks = g->j->last_number;
	for (unsigned i = 0; i < g->j->seg_count; i++) {
		g->raw += g->j->segs[i].raw_bytes;
		g->logs += g->j->segs[i].logs;
	}
}

static void open_it(struct big *g, const char *dir, uint64_t mb)
{
	g->dir = dir ? dir : "/j";
	test_config(&g->cfg, g->dir);
	g->cfg.block_size = 1u << 20;
	g->cfg.pool_blocks = 4 * AT_ONCE; /* more of it waiting, and blocks are stored raw */
	g->cfg.segment_size = dir ? 256u << 20 : 16u << 20;
	if (!dir)
		g->fs = memfs_new();
	g->cfg.fs = dir ? &journal_fs_real : memfs_table(g->fs);
	assert_int_equal(journal_open(&g->cfg, 1, &g->j, NULL, NULL), JOURNAL_OK);
	if (g->j->last_number)
		take_up(g);
	else
		make(g, mb);
	real = g->cfg.fs;
	counting = *real;
	counting.pread = counted_pread;
}

/* Bytes of the blocks that may hold an answer: the question's own, found one by one. */
static uint64_t matching(struct big *g, const struct journal_query *q)
{
	struct siphash_key key = {1, 2};
	struct segment_buffers buffers;
	struct index x;
	uint64_t sum = 0;

	assert_int_equal(segment_buffers_init(&buffers), 0);
	index_init(&x, &key);
	for (unsigned i = 0; i < g->j->seg_count; i++) {
		struct index_frame f;
		struct segment s;
		uint64_t off;
		uint32_t d;

		assert_int_equal(
			segment_open(&s, real, g->dir, g->j->segs[i].first_block, g->j->id), 0);
		assert_true(segment_tail(&s, &f, &off));
		assert_int_equal(segment_index(&s, &f, off, &buffers, &x), SEGMENT_OK);
		d = q->device ? names_find(&x.names, q->device, (uint16_t)strlen(q->device)) : 0;
		for (uint32_t k = 0; k < x.count; k++) {
			const struct index_entry *e = &x.entries[k];

			if (e->last_ns >= q->since_ns && e->first_ns <= q->until_ns &&
				(!q->device || (d != NAMES_NONE && index_has_device(&x, e, d))))
				sum += e->head_len + e->data_len;
		}
		segment_close(&s);
	}
	index_free(&x);
	segment_buffers_free(&buffers);
	return sum;
}

struct answer {
	uint64_t logs, bytes, calls, first_bytes, first_us, us, cpu_us;
};

static uint64_t cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static struct answer ask(const char *dir, const struct journal_query *q)
{
	uint64_t began = journal_fs_real.mono_us(NULL);
	uint64_t cpu = cpu_us();
	struct answer a = {0};
	struct journal_reader *r;
	struct journal_log log;

	calls = bytes = 0;
	assert_int_equal(journal_reader_open_fs(&counting, dir, q, &r, NULL), JOURNAL_OK);
	while (journal_reader_next(r, &log) == 1) {
		if (a.logs++ == 0) {
			a.first_bytes = bytes;
			a.first_us = journal_fs_real.mono_us(NULL) - began;
		}
	}
	journal_reader_close(r);
	a.us = journal_fs_real.mono_us(NULL) - began;
	a.cpu_us = cpu_us() - cpu;
	a.bytes = bytes;
	a.calls = calls;
	return a;
}

static void question(struct big *g, const char *what, const struct journal_query *q, bool timed)
{
	uint64_t most = matching(g, q);
	struct answer a = ask(g->dir, q);

	printf("%s: %" PRIu64 " logs; read %" PRIu64 " bytes in %" PRIu64
	       " calls, matching blocks have %" PRIu64 ", %" PRIu64 " before the first log\n",
		what, a.logs, a.bytes, a.calls, most, a.first_bytes);
	if (timed)
		printf("  first line after %.1f ms, all of it after %.1f ms, %.1f ms of CPU: %.0f "
		       "MB "
		       "of raw logs a second of it\n",
			(double)a.first_us / 1e3, (double)a.us / 1e3, (double)a.cpu_us / 1e3,
			(double)g->raw / (double)a.cpu_us);
	assert_true(a.logs > 0);
	assert_true(a.bytes <= 2 * most);
	/* The first log waits for the segments' ends, an index and a block: not for the rest. */
	assert_true(a.first_bytes <= 64u * g->j->seg_count + (1u << 20));
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"mb", required_argument, NULL, 'm'},
		{"dir", required_argument, NULL, 'd'},
		{"time", no_argument, NULL, 't'},
		{NULL, 0, NULL, 0},
	};
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	struct big g = {0};
	const char *dir = NULL;
	uint64_t mb = 1024;
	bool timed = false;
	int c;

	setenv("CMOCKA_TEST_ABORT", "1", 1);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'm') {
			mb = strtoull(optarg, NULL, 10);
		} else if (c == 'd') {
			dir = optarg;
		} else if (c == 't') {
			timed = true;
		} else {
			fprintf(stderr,
				"usage: sim-journal-reading [--mb N] [--dir DIR] [--time]\n");
			return 2;
		}
	}
	open_it(&g, dir, mb);
	printf("sim-journal-reading: %" PRIu64 " logs, %.0f MB raw, %" PRIu64
	       " blocks, %u segments\n",
		g.logs, (double)g.raw / 1e6, g.blocks, g.j->seg_count);
	q.since_ns = g.began_ns + g.blocks / 2 * BLOCK_NS;
	q.until_ns = q.since_ns + 5 * BLOCK_NS;
	question(&g, "all of five seconds", &q, timed);
	q.device = "FGT60FTK00000003";
	question(&g, "a device that always logs, five seconds", &q, timed);
	q.device = "FGT60FTK00000007";
	q.since_ns = g.began_ns + g.blocks / 4 * BLOCK_NS;
	q.until_ns = g.began_ns + g.blocks / 2 * BLOCK_NS;
	question(&g, "a device that seldom logs, a quarter of the time", &q, timed);
	q.since_ns = 0;
	q.until_ns = UINT64_MAX;
	question(&g, "a device that seldom logs, all of the time", &q, timed);
	q.device = NULL;
	q.grep = "sessionid=100007 ";
	question(&g, "one session, by its text", &q, timed);
	q.grep = "srcport=[0-9]+ .* sessionid=100014 .* app=";
	question(&g, "one session, by an expression", &q, timed);
	q.grep = "(srcport|dstport)=[0-9]+ .*sessionid=10[0-9]*14 ";
	question(&g, "some sessions, by an expression whose text all logs have", &q, timed);
	journal_close(g.j);
	if (g.fs)
		memfs_free(g.fs);
	free(g.lines);
	free(g.line_len);
	return 0;
}
