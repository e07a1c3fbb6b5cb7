/* The pure format: frames, index and data. What is encoded is decoded, what is not whole is
 * refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/crc32c.h"
#include "dataplane/journal/columns.h"
#include "dataplane/journal/format.h"
#include "dataplane/journal/index.h"
#include "dataplane/journal/segment.h"
#include "dataplane/journal/zframe.h"
#include "tests/unit/journal/util.h"

static const struct siphash_key key = {1, 2};
static uint64_t rnd_state = 0x243f6a8885a308d3ull;

static uint64_t rnd(uint64_t below)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state % below;
}

/* ---- frames ------------------------------------------------------------------------------- */

static void fixed_lengths_are_what_the_document_says(void **state)
{
	(void)state;
	assert_int_equal(CHECKPOINT_FIXED, 100);
	assert_int_equal(BLOCK_FIXED, 116);
	assert_int_equal(INDEX_FIXED, 120);
}

static struct block_frame some_block(void)
{
	return (struct block_frame){
		.p = {.id = {0x1111, 0x2222}, .segment = 5, .durable_upto = 6},
		.first_block = 7,
		.last_block = 9,
		.first_ns = 100,
		.last_ns = 200,
		.rows = 3,
		.raw_len = 4000,
		.data_len = 300,
		.data_crc = 0xabcdef01,
		.lcore = 2,
		.flags = BLOCK_FLAG_RAW,
		.payload = {50, 40, 0x12345678},
	};
}

static void block_frame_round_trip(void **state)
{
	struct block_frame f = some_block();
	uint8_t bytes[BLOCK_FIXED];
	union journal_frame g;

	(void)state;
	block_frame_encode(&f, bytes);
	assert_int_equal(journal_frame_decode(&g, bytes, sizeof(bytes)), FRAME_OK);
	assert_int_equal(g.p.kind, FRAME_BLOCK);
	assert_int_equal(g.p.version, JOURNAL_FORMAT_VERSION);
	assert_int_equal(g.p.frame_len, BLOCK_FIXED + 40);
	assert_int_equal(g.p.segment, 5);
	assert_int_equal(g.p.durable_upto, 6);
	assert_int_equal(g.p.id[1], 0x2222);
	assert_int_equal(g.block.first_block, 7);
	assert_int_equal(g.block.last_block, 9);
	assert_int_equal(g.block.first_ns, 100);
	assert_int_equal(g.block.last_ns, 200);
	assert_int_equal(g.block.rows, 3);
	assert_int_equal(g.block.raw_len, 4000);
	assert_int_equal(g.block.data_len, 300);
	assert_int_equal(g.block.data_crc, 0xabcdef01);
	assert_int_equal(g.block.lcore, 2);
	assert_int_equal(g.block.flags, BLOCK_FLAG_RAW);
	assert_int_equal(g.block.payload.raw_len, 50);
	assert_int_equal(g.block.payload.crc, 0x12345678);
}

static void checkpoint_and_index_frames_round_trip(void **state)
{
	struct checkpoint_frame c = {
		.p = {.id = {1, 2}, .segment = 3, .durable_upto = 2},
		.created_ns = 4,
		.logs = 5,
		.raw_bytes = 6,
		.generation = 7,
		.devices = 8,
		.streams = 9,
		.payload = {10, 11, 12},
	};
	struct index_frame x = {
		.p = {.id = {1, 2}, .segment = 3, .durable_upto = 30},
		.first_block = 3,
		.last_block = 30,
		.first_ns = 4,
		.last_ns = 5,
		.logs = 6,
		.raw_bytes = 7,
		.entries = 8,
		.seek_table_crc = 9,
		.payload = {10, 11, 12},
	};
	uint8_t bytes[INDEX_FIXED];
	union journal_frame g;

	(void)state;
	checkpoint_frame_encode(&c, bytes);
	assert_int_equal(journal_frame_decode(&g, bytes, CHECKPOINT_FIXED), FRAME_OK);
	assert_int_equal(g.checkpoint.created_ns, 4);
	assert_int_equal(g.checkpoint.logs, 5);
	assert_int_equal(g.checkpoint.raw_bytes, 6);
	assert_int_equal(g.checkpoint.generation, 7);
	assert_int_equal(g.checkpoint.devices, 8);
	assert_int_equal(g.checkpoint.streams, 9);
	index_frame_encode(&x, bytes);
	assert_int_equal(journal_frame_decode(&g, bytes, INDEX_FIXED), FRAME_OK);
	assert_int_equal(g.index.last_block, 30);
	assert_int_equal(g.index.logs, 6);
	assert_int_equal(g.index.raw_bytes, 7);
	assert_int_equal(g.index.entries, 8);
	assert_int_equal(g.index.seek_table_crc, 9);
}

static void frames_need_all_their_bytes_and_bits(void **state)
{
	struct block_frame f = some_block();
	uint8_t bytes[BLOCK_FIXED];
	union journal_frame g;

	(void)state;
	block_frame_encode(&f, bytes);
	for (size_t len = 0; len < sizeof(bytes); len++)
		assert_int_equal(journal_frame_decode(&g, bytes, len), FRAME_SHORT);
	for (unsigned bit = 0; bit < sizeof(bytes) * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_true(journal_frame_decode(&g, bytes, sizeof(bytes)) < 0);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void seal(uint8_t *bytes, size_t fixed)
{
	store_le32(bytes + fixed - 4, crc32c(0, bytes, fixed - 4));
}

static void newer_version_is_told_from_damage(void **state)
{
	struct block_frame f = some_block();
	uint8_t bytes[BLOCK_FIXED];
	union journal_frame g;

	(void)state;
	block_frame_encode(&f, bytes);
	bytes[13] = JOURNAL_FORMAT_VERSION + 1;
	assert_int_equal(journal_frame_decode(&g, bytes, sizeof(bytes)), FRAME_INVALID);
	seal(bytes, BLOCK_FIXED);
	assert_int_equal(journal_frame_decode(&g, bytes, sizeof(bytes)), FRAME_NEWER);
}

/* A later version may lengthen the fixed part: the fields known today stay where they are. */
static void longer_fixed_part_is_read(void **state)
{
	struct block_frame f = some_block();
	uint8_t bytes[BLOCK_FIXED + 20] = {0};
	union journal_frame g;

	(void)state;
	block_frame_encode(&f, bytes);
	store_le32(bytes + 4, load_le32(bytes + 4) + 20);
	store_le16(bytes + 14, BLOCK_FIXED + 20);
	memset(bytes + BLOCK_FIXED - 4, 0x55, 20);
	seal(bytes, sizeof(bytes));
	assert_int_equal(journal_frame_decode(&g, bytes, sizeof(bytes)), FRAME_OK);
	assert_int_equal(g.block.payload.crc, 0x12345678);
	assert_int_equal(g.p.frame_len, BLOCK_FIXED + 20 + 40);
}

static void frame_refused(const struct block_frame *f)
{
	uint8_t bytes[BLOCK_FIXED];
	union journal_frame g;

	block_frame_encode(f, bytes);
	assert_int_equal(journal_frame_decode(&g, bytes, sizeof(bytes)), FRAME_INVALID);
}

static void impossible_block_frames_are_refused(void **state)
{
	struct block_frame f;

	(void)state;
	f = some_block(), f.first_block = 4; /* before its segment */
	frame_refused(&f);
	f = some_block(), f.last_block = 6;
	frame_refused(&f);
	f = some_block(), f.last_block = FORMAT_MAX_BLOCK + 1;
	frame_refused(&f);
	f = some_block(), f.first_ns = 201;
	frame_refused(&f);
	f = some_block(), f.rows = 4001; /* each takes its newline */
	frame_refused(&f);
	f = some_block(), f.raw_len = FORMAT_MAX_RAW + 1;
	frame_refused(&f);
	f = some_block(), f.payload.raw_len = FORMAT_MAX_COLUMNS + 1;
	frame_refused(&f);
	f = some_block(), f.p.segment = FORMAT_MAX_BLOCK + 1;
	frame_refused(&f);
	f = some_block(), f.p.durable_upto = FORMAT_MAX_BLOCK + 1;
	frame_refused(&f);
}

static void unknown_kinds_are_refused(void **state)
{
	struct block_frame f = some_block();
	uint8_t bytes[BLOCK_FIXED];
	union journal_frame g;

	(void)state;
	block_frame_encode(&f, bytes);
	bytes[12] = 4;
	seal(bytes, BLOCK_FIXED);
	assert_int_equal(journal_frame_decode(&g, bytes, sizeof(bytes)), FRAME_INVALID);
	bytes[12] = FRAME_INDEX; /* whose fixed part is longer */
	seal(bytes, BLOCK_FIXED);
	assert_int_equal(journal_frame_decode(&g, bytes, sizeof(bytes)), FRAME_INVALID);
}

/* ---- the index ---------------------------------------------------------------------------- */

static void index_round_trip(void **state)
{
	struct index x;
	struct index y;
	struct bytes_buf a = {0};
	struct block *b = block_new(64u << 10);
	struct index_frame f = {0};
	uint64_t off = 100;

	(void)state;
	index_init(&x, &key);
	index_init(&y, &key);
	for (unsigned k = 1; k <= 200; k++) {
		struct block_frame bf = some_block();
		struct journal_part part;
		struct journal_records r;

		block_reset(b);
		/* From few devices to many: both forms of the sets. */
		for (unsigned i = 0; i < k % 120; i++) {
			char name[16];
			int len = snprintf(
				name, sizeof(name), "d%u", (k * 7 + i * (k & 1 ? 1 : 9)) % 900);

			block_device_add(b, name, (uint16_t)len, 0);
		}
		r = records_of_block(b, &part);
		bf.first_block = f.last_block + 1 + (k == 50); /* a number missing */
		bf.last_block = f.last_block = bf.first_block + k % 3;
		if (k == 1)
			f.first_block = bf.first_block;
		bf.first_ns = 1000000 - k * 1000; /* the clock went back */
		bf.last_ns = bf.first_ns + k;
		bf.rows = k % 4;
		bf.p.frame_len = 120 + k;
		if (k == 77)
			off += 1000; /* a damaged place */
		assert_int_equal(index_add(&x, off, &bf, &r), 0);
		off += bf.p.frame_len + bf.data_len;
	}
	f.entries = x.count;
	f.logs = x.logs;
	f.raw_bytes = x.raw_bytes;
	index_encode(&x, &a);
	assert_int_equal(index_decode(&y, &f, a.data, a.len, off), 0);
	assert_int_equal(y.count, 200);
	assert_int_equal(y.first_ns, x.first_ns);
	assert_int_equal(y.last_ns, x.last_ns);
	for (unsigned i = 0; i < 200; i++) {
		struct index_entry e = y.entries[i];

		e.devices = x.entries[i].devices;
		assert_memory_equal(&e, &x.entries[i], sizeof(e));
		for (uint32_t d = 0; d < x.names.count; d++)
			assert_int_equal(index_has_device(&x, &x.entries[i], d),
				index_has_device(&y, &y.entries[i], d));
	}
	assert_true(index_has_device(&y, &y.entries[10], names_find(&y.names, "d77", 3)));
	assert_false(index_has_device(&y, &y.entries[10], names_find(&y.names, "d88", 3)));
	for (size_t len = 0; len < a.len; len++)
		assert_int_equal(index_decode(&y, &f, a.data, len, off), -1);
	assert_int_equal(index_decode(&y, &f, a.data, a.len, off - 1), -1);
	for (unsigned i = 0; i < 5000; i++) {
		uint8_t *bad = malloc(a.len);

		memcpy(bad, a.data, a.len);
		bad[rnd(a.len)] = (uint8_t)rnd(256);
		if (index_decode(&y, &f, bad, a.len, off) == 0)
			for (unsigned k = 0; k < y.count; k++)
				index_has_device(&y, &y.entries[k], (uint32_t)rnd(1000));
		free(bad);
	}
	index_free(&x);
	index_free(&y);
	bytes_buf_free(&a);
	block_free(b);
}

/* ---- data frames -------------------------------------------------------------------------- */

static void data_frames_round_trip_at_all_levels(void **state)
{
	static const int levels[] = {0, -5, 1, 3, 9};
	struct zpress *z = zpress_new();
	struct zread *rd = zread_new();
	const size_t stored[] = {0, 1, 255, 256, 65792, 131071, 131072, 131073, 200000};
	size_t len = 200000;
	struct frame_payload p;
	uint32_t crc;
	uint8_t *raw = malloc(len);
	uint8_t *back = malloc(len);
	uint8_t *out = malloc(zpress_bound(len));

	(void)state;
	for (size_t at = 0; at + 1024 < len;)
		at += test_line((char *)raw + at, at);
	memset(raw + len - 1024, '\n', 1024);
	for (unsigned i = 0; i < 5; i++) {
		int level = levels[i] ? levels[i] : zpress_raw_level();
		size_t n = zpress_data(z, level, raw, len, out, zpress_bound(len), &crc);

		assert_true(n > 0);
		assert_int_equal(crc, crc32c(0, out, n));
		assert_int_equal(zread_frame(rd, out, n, back, len), 0);
		assert_memory_equal(raw, back, len);
		assert_int_equal(zread_frame(rd, out, n, back, len - 1), -1);
		assert_int_equal(zread_frame(rd, out, n - 1, back, len), -1);
		assert_int_equal(zpress_data(z, level, raw, len, out, 10, &crc), 0);
	}
	assert_true(zpress_data(z, 1, raw, 0, out, 100, &crc) > 0);
	for (size_t k = 0; k < sizeof(stored) / sizeof(*stored); k++) {
		size_t n = zpress_data(
			z, zpress_raw_level(), raw, stored[k], out, stored[k] + 100, &crc);

		assert_in_range(n, stored[k] + 1, stored[k] + 20);
		assert_int_equal(n, zpress_raw_len(stored[k]));
		assert_int_equal(crc, crc32c(0, out, n));
		assert_int_equal(zread_frame(rd, out, n, back, stored[k]), 0);
		assert_memory_equal(raw, back, stored[k]);
		assert_int_equal(
			zpress_data(z, zpress_raw_level(), raw, stored[k], out, n - 1, &crc), 0);
		out[n - 1] ^= 1; /* the checksum's */
		assert_int_equal(zread_frame(rd, out, n, back, stored[k]), -1);
		assert_int_equal(
			zpress_payload_raw(z, raw, stored[k], out, stored[k] + 100, &p), 0);
		assert_int_equal(p.len, n - 4); /* without */
		assert_int_equal(p.raw_len, stored[k]);
		assert_int_equal(p.crc, crc32c(0, out, p.len));
		assert_int_equal(zread_frame(rd, out, p.len, back, stored[k]), 0);
		assert_memory_equal(raw, back, stored[k]);
		assert_int_equal(zpress_payload_raw(z, raw, stored[k], out, p.len - 1, &p), -1);
	}
	free(raw);
	free(back);
	free(out);
	zpress_free(z);
	zread_free(rd);
}

static void rows_end_with_newlines(void **state)
{
	struct block_row rows[3] = {{.len = 2}, {.len = 0}, {.len = 1}};
	struct journal_records r = {.rows = rows, .row_count = 3};

	(void)state;
	assert_true(segment_rows_match(&r, (const uint8_t *)"ab\n\nc\n"));
	assert_false(segment_rows_match(&r, (const uint8_t *)"ab\nc\n\n"));
	assert_false(segment_rows_match(&r, (const uint8_t *)"ab\n\ncd"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_lengths_are_what_the_document_says),
		cmocka_unit_test(block_frame_round_trip),
		cmocka_unit_test(checkpoint_and_index_frames_round_trip),
		cmocka_unit_test(frames_need_all_their_bytes_and_bits),
		cmocka_unit_test(newer_version_is_told_from_damage),
		cmocka_unit_test(longer_fixed_part_is_read),
		cmocka_unit_test(impossible_block_frames_are_refused),
		cmocka_unit_test(unknown_kinds_are_refused),
		cmocka_unit_test(index_round_trip),
		cmocka_unit_test(data_frames_round_trip_at_all_levels),
		cmocka_unit_test(rows_end_with_newlines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
