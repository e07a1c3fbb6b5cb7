/*
 * Arbitrary bytes as a segment file: read, listed, verified, recovered, read again. Whatever they
 * are, nothing crashes, and recovery loses no log that could be read before it.
 *
 * First byte even: the rest is the file as it is. Odd: the rest describes frames, and lengths,
 * compression and checksums are made right here, so that the decoders behind them are reached. Its
 * bits 1 and 2 set: with recovery.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/crc32c.h"
#include "dataplane/journal/columns.h"
#include "dataplane/journal/format.h"
#include "dataplane/journal/journal.h"
#include "dataplane/journal/reader.h"
#include "dataplane/journal/zframe.h"
#include "tests/unit/journal/memfs.h"

#define SEGMENT "/j/0000000000000001.zst"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint64_t id[2] = {0x1111111111111111ull, 0x2222222222222222ull};

/*
 * One frame as the input describes it. numbers: added to what would follow the last block;
 * payload_len and data_len raw bytes come behind it.
 */
struct description {
	uint8_t kind, first, blocks, behind; /* behind: durable_upto stays so far behind */
	uint16_t rows, payload_len, data_len;
	uint8_t first_ns, last_ns; /* added to what is right */
};
#define DESCRIPTION_BYTES 12u

struct assembly {
	struct bytes_buf file, table;
	struct zpress *z;
	uint64_t next_block;
	uint32_t frames;
};

static void table_add(struct assembly *a, uint32_t stored, uint32_t inflated)
{
	uint8_t *at = bytes_buf_room(&a->table, SEEK_ENTRY);

	seek_table_entry(at, stored, inflated);
	a->frames++;
}

/* The times that the columns hold, so that the header agrees; off by what the description says. */
static void set_times(const struct description *d, struct block_frame *f, const uint8_t *columns)
{
	struct columns_arena arena = {0};
	struct journal_records r;

	f->first_ns = UINT64_MAX;
	if (columns_decode(columns, d->payload_len, f->first_block, f->last_block, f->rows,
		    f->raw_len, &arena, &r) == 0)
		for (uint32_t i = 0; i < r.row_count; i++) {
			f->first_ns =
				r.rows[i].time_ns < f->first_ns ? r.rows[i].time_ns : f->first_ns;
			f->last_ns =
				r.rows[i].time_ns > f->last_ns ? r.rows[i].time_ns : f->last_ns;
		}
	if (f->first_ns == UINT64_MAX)
		f->first_ns = 0;
	f->first_ns += d->first_ns;
	f->last_ns += d->last_ns;
	columns_arena_free(&arena);
}

static void add_block(struct assembly *a, const struct description *d, struct block_frame *f,
	const uint8_t *columns, const uint8_t *raw, const struct bytes_buf *payload)
{
	size_t bound = zpress_bound(d->data_len);
	uint8_t *packed = malloc(bound);
	uint8_t *at;

	f->first_block = a->next_block + d->first;
	f->last_block = f->first_block + d->blocks;
	f->p.durable_upto = f->first_block > d->behind ? f->first_block - d->behind : 0;
	f->rows = d->rows;
	f->raw_len = d->data_len;
	set_times(d, f, columns);
	f->data_len = (uint32_t)zpress_data(a->z, 1, raw, d->data_len, packed, bound, &f->data_crc);
	at = bytes_buf_room(&a->file, BLOCK_FIXED);
	block_frame_encode(f, at);
	bytes_buf_add(&a->file, payload->data, payload->len);
	bytes_buf_add(&a->file, packed, f->data_len);
	table_add(a, BLOCK_FIXED + f->payload.len, 0);
	table_add(a, f->data_len, f->raw_len);
	a->next_block = f->last_block + 1;
	free(packed);
}

static void add_index(struct assembly *a, const struct description *d, struct index_frame *f,
	const struct bytes_buf *payload)
{
	uint8_t begin[8];
	uint8_t footer[SEEK_FOOTER];
	struct bytes_buf all = {0};
	uint8_t *at;

	f->first_block = 1u + d->first;
	f->last_block = a->next_block - 1 + d->blocks;
	f->p.durable_upto = f->last_block;
	f->entries = d->rows;
	f->logs = d->first_ns;
	f->raw_bytes = d->data_len;
	table_add(a, INDEX_FIXED + f->payload.len, 0);
	seek_table_begin(begin, a->frames);
	seek_table_footer(footer, a->frames);
	bytes_buf_add(&all, begin, sizeof(begin));
	bytes_buf_add(&all, a->table.data, a->table.len);
	bytes_buf_add(&all, footer, sizeof(footer));
	f->seek_table_crc = crc32c(0, all.data, all.len);
	at = bytes_buf_room(&a->file, INDEX_FIXED);
	index_frame_encode(f, at);
	bytes_buf_add(&a->file, payload->data, payload->len);
	bytes_buf_add(&a->file, all.data, all.len);
	bytes_buf_free(&all);
}

static void add_frame(
	struct assembly *a, const struct description *d, const uint8_t *payload, const uint8_t *raw)
{
	union journal_frame f;
	struct bytes_buf plain = {0};
	struct bytes_buf packed = {0};
	struct frame_payload p;

	memset(&f, 0, sizeof(f));
	f.p.id[0] = id[0];
	f.p.id[1] = id[1];
	f.p.segment = 1;
	bytes_buf_add(&plain, payload, d->payload_len);
	if (zpress_payload_buf(a->z, &plain, &packed, &p) != 0)
		abort();
	bytes_buf_free(&plain);
	if (d->kind % 3 == 0) {
		uint8_t *at = bytes_buf_room(&a->file, CHECKPOINT_FIXED);

		f.checkpoint.payload = p;
		checkpoint_frame_encode(&f.checkpoint, at);
		bytes_buf_add(&a->file, packed.data, packed.len);
		table_add(a, CHECKPOINT_FIXED + p.len, 0);
	} else if (d->kind % 3 == 1) {
		f.block.payload = p;
		add_block(a, d, &f.block, payload, raw, &packed);
	} else {
		f.index.payload = p;
		add_index(a, d, &f.index, &packed);
	}
	bytes_buf_free(&packed);
}

static void assemble(struct assembly *a, const uint8_t *data, size_t size)
{
	struct byte_reader in = byte_reader_init(data, size);

	a->next_block = 1;
	a->z = zpress_new();
	while (byte_reader_left(&in) >= DESCRIPTION_BYTES) {
		struct description d = {
			.kind = byte_reader_u8(&in),
			.first = byte_reader_u8(&in),
			.blocks = byte_reader_u8(&in),
			.behind = byte_reader_u8(&in),
			.rows = byte_reader_le16(&in),
			.payload_len = byte_reader_le16(&in),
			.data_len = byte_reader_le16(&in),
			.first_ns = byte_reader_u8(&in),
			.last_ns = byte_reader_u8(&in),
		};
		const uint8_t *payload;
		const uint8_t *raw;

		payload = byte_reader_take(&in, d.payload_len);
		raw = byte_reader_take(&in, d.data_len);
		if (d.kind == 255 && raw) /* bytes that are no frame */
			bytes_buf_add(&a->file, raw, d.data_len);
		else if (raw)
			add_frame(a, &d, payload, raw);
	}
	zpress_free(a->z);
}

static void put_id(struct memfs *fs)
{
	char text[200];
	int n = snprintf(text, sizeof(text), "sluice-journal 1\nid %016llx%016llx\n",
		(unsigned long long)id[0], (unsigned long long)id[1]);

	n += snprintf(
		text + n, sizeof(text) - (size_t)n, "crc32c %08x\n", crc32c(0, text, (size_t)n));
	memfs_put(fs, "/j/ID", text, (uint64_t)n);
}

/* An index that is intact and wrong is beyond what a disk can do, and is believed. */
static bool has_index(struct memfs *fs)
{
	uint64_t size;
	const uint8_t *file = memfs_data(fs, SEGMENT, &size);

	return size > 5 && memmem(file, size, "SLJF\x03", 5) != NULL;
}

/* Reads everything; a sum over what was read, to compare. */
static uint64_t read_all(struct memfs *fs, const struct journal_query *q)
{
	struct journal_fault fault;
	struct journal_reader *r;
	struct journal_log log;
	uint64_t block = 0;
	uint64_t sum = 0;

	if (journal_reader_open_fs(memfs_table(fs), "/j", q, &r, &fault) != JOURNAL_OK)
		abort();
	while (journal_reader_next(r, &log) == 1) {
		if (log.block < block)
			abort(); /* order */
		block = log.block;
		sum = sum * 31 + crc32c((uint32_t)log.time_ns, log.log, log.len) + log.len +
		      log.device_len;
	}
	journal_reader_close(r);
	return sum;
}

/* As one who follows: as far as a bound, then further. */
static void follow(struct memfs *fs)
{
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = 1, .grep = "rich"};
	struct journal_reader_stats st;
	struct journal_reader *r;
	struct journal_log log;

	if (journal_reader_open_fs(memfs_table(fs), "/j", &q, &r, NULL) != JOURNAL_OK)
		abort();
	for (uint64_t bound = 1; bound < 8; bound += 3) {
		journal_reader_extend(r, bound);
		while (journal_reader_next(r, &log) == 1)
			if (log.block > bound)
				abort();
	}
	journal_reader_stats(r, &st);
	journal_reader_close(r);
}

static void on_segment(void *ctx, const struct journal_segment_info *info)
{
	*(uint64_t *)ctx += info->logs;
}

static void on_finding(void *ctx, const struct journal_finding *f)
{
	*(uint64_t *)ctx += f->length;
}

static void on_stream(
	void *ctx, const char *device, size_t len, const struct journal_state_stream *s)
{
	(void)s;
	*(uint64_t *)ctx += crc32c(0, device, len);
}

/* Opens it, adds a block behind what was recovered, closes it. *upto: the newest block before. */
static bool recover(struct memfs *fs, uint64_t *upto)
{
	struct journal_recovery rec;
	struct journal_config cfg;
	struct journal_fault fault;
	struct journal_port *port;
	struct journal *j;
	struct block *b;
	uint64_t sum = 0;

	journal_config_defaults(&cfg);
	snprintf(cfg.dir, sizeof(cfg.dir), "/j");
	cfg.block_size = 64u << 10;
	cfg.pool_blocks = 4;
	cfg.min_free = 0;
	cfg.compressors = 0;
	cfg.retention_age_s = 0;
	cfg.retention_percent = 0;
	cfg.fs = memfs_table(fs);
	if (journal_open(&cfg, 1, &j, &rec, &fault) != JOURNAL_OK)
		return false; /* a newer version, another journal's */
	*upto = rec.durable_block;
	journal_each_stream(j, on_stream, &sum);
	port = journal_port(j, 0);
	b = journal_block_get(port);
	block_device_add(b, "new", 3, 0);
	memcpy(block_append(b, &(struct block_row){.len = 3,
				       .source = BLOCK_NONE,
				       .vdom = BLOCK_NONE,
				       .stream = BLOCK_NONE}),
		"new", 3);
	journal_submit(port, b);
	journal_stop(j);
	if (journal_completed(port, &b, 1) != 1 || b->error || b->number != *upto + 1)
		abort();
	journal_close(j);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct journal_query all = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	struct journal_query some = {.device = "FGT60FTK00000001",
		.since_ns = 5,
		.until_ns = 250,
		.grep = "[0-9]",
		.after_block = 1,
		.max_block = JOURNAL_UNBOUNDED};
	struct journal_verify_totals totals;
	struct assembly a = {0};
	struct memfs *fs;
	uint64_t before;
	uint64_t sum = 0;

	if (size == 0)
		return 0;
	fs = memfs_new();
	put_id(fs);
	if (data[0] & 1)
		assemble(&a, data + 1, size - 1);
	memfs_put(fs, SEGMENT, data[0] & 1 ? a.file.data : data + 1,
		data[0] & 1 ? a.file.len : size - 1);
	bytes_buf_free(&a.file);
	bytes_buf_free(&a.table);
	before = read_all(fs, &all);
	read_all(fs, &some);
	follow(fs);
	journal_list_fs(memfs_table(fs), "/j", on_segment, &sum, NULL);
	journal_verify_fs(
		memfs_table(fs), "/j", JOURNAL_UNBOUNDED, on_finding, &sum, &totals, NULL);
	journal_verify_fs(memfs_table(fs), "/j", 2, on_finding, &sum, &totals, NULL);
	/* A writer's memory is dear under a sanitizer: only for some. */
	if ((data[0] & 6) == 6) {
		bool comparable = !has_index(fs);

		if (recover(fs, &all.max_block) && comparable) {
			if (read_all(fs, &all) != before)
				abort();
		}
	}
	memfs_free(fs);
	return 0;
}
