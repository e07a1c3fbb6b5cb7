/*
 * sim-journal-day [--rate LOGS_A_SECOND] [--minutes N]
 *
 * A day, or a part of it, on a clock of its own: FortiGates send at an even rate, half of them by
 * datagrams, half of them with streams and acknowledgements; segments are finished by size and age
 * and rewritten. What is on the disk in the end must be a sixth of the raw logs or less, all that
 * is not compressed logs at most 3 % of them, and every log must still be there.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/internal.h"
#include "tests/unit/journal/memfs.h"
#include "tests/unit/journal/util.h"

#define DEVICES	 40u
#define TICK_US	 50000u /* commit-interval-unacked */
#define NO_INDEX UINT16_MAX

struct day {
	struct memfs *fs;
	struct journal_config cfg;
	struct journal *j;
	uint64_t logs, raw, seq[DEVICES];
};

/* A block's numbers of the devices that it knows by now. */
struct known {
	uint16_t device[DEVICES], source[DEVICES], stream[DEVICES];
};

static void know(struct block *b, struct known *k, unsigned d, uint64_t seq)
{
	const uint8_t address[4] = {192, 0, 2, (uint8_t)d};
	struct ip_addr a = ip_addr_v4(address);
	char name[32];

	if (k->device[d] == NO_INDEX) {
		int len = snprintf(name, sizeof(name), "FGT60FTK%08u", d);

		k->device[d] = block_device_add(b, name, (uint16_t)len, d);
		k->source[d] = block_source_add(b, &a, 514);
	}
	if (d % 2 == 0)
		return;
	if (k->stream[d] == NO_INDEX) {
		k->stream[d] = b->stream_count++;
		b->streams[k->stream[d]] = (struct block_stream){.epoch = 0x1234567890abcdefull * d,
			.conn_id = 1,
			.device = k->device[d],
			.first_seq = seq};
	}
	b->streams[k->stream[d]].last_seq = b->streams[k->stream[d]].confirmed = seq;
	memcpy(b->streams[k->stream[d]].digest, &seq, sizeof(seq));
}

static void log_one(struct day *y, struct block *b, struct known *k, uint64_t ns)
{
	char line[1024];
	uint32_t len = test_line(line, y->logs);
	unsigned d = (unsigned)strtoul(strstr(line, "devname=\"fw-") + 12, NULL, 10);
	struct block_row row = {.time_ns = ns, .len = len, .vdom = BLOCK_NONE};

	know(b, k, d, y->seq[d] + 1);
	row.device = k->device[d];
	row.source = k->source[d];
	row.stream = d % 2 ? k->stream[d] : BLOCK_NONE;
	row.seq_no = d % 2 ? ++y->seq[d] : 0;
	row.transport = d % 2 ? TRANSPORT_OFTP : TRANSPORT_UDP;
	memcpy(block_append(b, &row), line, len);
	y->logs++;
	y->raw += len + 1;
}

static struct block *next_block(struct journal_port *p, struct known *k)
{
	struct block *b = journal_block_get(p);

	assert_non_null(b);
	memset(k, 0xff, sizeof(*k));
	return b;
}

static void store(struct day *y, struct journal_port *p, struct block *b)
{
	journal_submit(p, b);
	test_settle(y->j);
	assert_int_equal(journal_completed(p, &b, 1), 1);
	assert_int_equal(b->error, 0);
	journal_block_put(p, b);
}

/* What comes in one tick of the clock makes one block. */
static void run(struct day *y, uint64_t rate, uint64_t minutes)
{
	struct journal_port *p = journal_port(y->j, 0);
	uint64_t ticks = minutes * 60 * (1000000 / TICK_US);

	for (uint64_t t = 0; t < ticks; t++) {
		uint64_t wall = memfs_table(y->fs)->wall_ns(y->fs);
		uint64_t until = (t + 1) * rate * TICK_US / 1000000;
		struct known k;
		struct block *b;

		if (until > y->logs) {
			b = next_block(p, &k);
			while (y->logs < until)
				log_one(y, b, &k, wall + (until - y->logs) * 997);
			store(y, p, b);
		}
		memfs_advance(y->fs, TICK_US);
		journal_step(y->j, memfs_table(y->fs)->mono_us(y->fs));
		if (t % 20000 == 0)
			while (compacting_step(y->j))
				continue;
	}
}

/* A last block in a segment of its own, so that all before it can be rewritten. */
static void end(struct day *y)
{
	struct journal_port *p = journal_port(y->j, 0);
	struct known k;
	struct block *b;

	assert_int_equal(rotate_finish(y->j), 0);
	b = next_block(p, &k);
	log_one(y, b, &k, 1);
	store(y, p, b);
	while (compacting_step(y->j))
		continue;
}

struct sums {
	uint64_t bytes, data, raw, logs, blocks;
};

/* The data frames of a finished segment, and all of its bytes. */
static void add_segment(void *ctx, const struct journal_segment_info *info)
{
	struct sums *s = ctx;

	if (!info->finished)
		return;
	s->bytes += info->bytes;
	s->raw += info->raw_bytes;
	s->logs += info->logs;
	s->blocks += info->blocks;
}

static uint64_t data_bytes(struct day *y)
{
	struct siphash_key key = {1, 2};
	struct segment_buffers buffers;
	struct index x;
	uint64_t sum = 0;

	assert_int_equal(segment_buffers_init(&buffers), 0);
	index_init(&x, &key);
	for (unsigned i = 0; i + 1 < y->j->seg_count; i++) {
		struct index_frame f;
		struct segment s;
		uint64_t off;

		assert_int_equal(
			segment_open(&s, y->cfg.fs, "/j", y->j->segs[i].first_block, y->j->id), 0);
		assert_true(segment_tail(&s, &f, &off));
		assert_int_equal(segment_index(&s, &f, off, &buffers, &x), SEGMENT_OK);
		for (uint32_t k = 0; k < x.count; k++)
			sum += x.entries[k].data_len;
		segment_close(&s);
	}
	index_free(&x);
	segment_buffers_free(&buffers);
	return sum;
}

/* Every log is there, once, in order. */
static void read_all(struct day *y)
{
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	struct journal_reader *r;
	struct journal_log log;
	uint64_t n = 0;

	assert_int_equal(journal_reader_open_fs(y->cfg.fs, "/j", &q, &r, NULL), JOURNAL_OK);
	while (journal_reader_next(r, &log) == 1) {
		char line[1024];
		uint32_t len = test_line(line, n++);

		assert_int_equal(log.len, len);
		assert_memory_equal(log.log, line, len);
		assert_int_equal(log.has_stream, log.seq_no != 0);
	}
	journal_reader_close(r);
	assert_int_equal(n, y->logs);
}

static void judge(struct day *y, uint64_t rate, uint64_t minutes, uint64_t before)
{
	struct sums s = {0};
	uint64_t data;

	assert_int_equal(journal_list_fs(y->cfg.fs, "/j", add_segment, &s, NULL), JOURNAL_OK);
	data = data_bytes(y);
	printf("sim-journal-day: %" PRIu64 " minutes at %" PRIu64 " logs/s: %" PRIu64
	       " logs, %.1f MB raw; as written %.1f:1; rewritten %.1f:1, metadata %.2f %% of raw, "
	       "%" PRIu64 " blocks in %u segments\n",
		minutes, rate, s.logs, (double)s.raw / 1e6, (double)s.raw / (double)before,
		(double)s.raw / (double)s.bytes, 100.0 * (double)(s.bytes - data) / (double)s.raw,
		s.blocks, y->j->seg_count - 1);
	assert_int_equal(s.logs, y->logs - 1);
	assert_true(s.bytes * 6 <= s.raw);
	assert_true((s.bytes - data) * 100 <= s.raw * 3);
}

static void day(uint64_t rate, uint64_t minutes)
{
	struct day y = {.fs = memfs_new()};

	test_config(&y.cfg, "/j");
	y.cfg.block_size = 1u << 20;
	y.cfg.pool_blocks = 8;
	y.cfg.compaction_level = 9;
	y.cfg.fs = memfs_table(y.fs);
	assert_int_equal(journal_open(&y.cfg, 1, &y.j, NULL, NULL), JOURNAL_OK);
	journal_compact(y.j);
	run(&y, rate, minutes);
	end(&y);
	judge(&y, rate, minutes, counted(&y.j->compacted_from));
	read_all(&y);
	journal_close(y.j);
	memfs_free(y.fs);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"rate", required_argument, NULL, 'r'},
		{"minutes", required_argument, NULL, 'm'},
		{NULL, 0, NULL, 0},
	};
	uint64_t minutes = 10;
	uint64_t rate = 0;
	int c;

	setenv("CMOCKA_TEST_ABORT", "1", 1);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'r') {
			rate = strtoull(optarg, NULL, 10);
		} else if (c == 'm') {
			minutes = strtoull(optarg, NULL, 10);
		} else {
			fprintf(stderr, "usage: sim-journal-day [--rate LOGS_A_SECOND] "
					"[--minutes N]\n");
			return 2;
		}
	}
	if (rate) {
		day(rate, minutes);
	} else {
		day(20, minutes);
		day(1000, minutes);
	}
	return 0;
}
