/* The columns of a block: whole round trips, bounds, damage, and how little they take. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/reason.h"
#include "dataplane/journal/columns.h"
#include "dataplane/journal/format.h"
#include "dataplane/journal/zframe.h"
#include "tests/unit/journal/util.h"

static uint64_t rnd_state = 0x243f6a8885a308d3ull;

static uint64_t rnd(uint64_t below)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state % below;
}

struct coding {
	struct columns_last last[BLOCK_MAX_DEVICES];
	uint64_t seq[BLOCK_MAX_STREAMS];
	uint8_t bytes[COLUMNS_BOUND];
	struct columns_arena arena;
};

static void same(const void *a, const void *b, size_t n)
{
	if (n)
		assert_memory_equal(a, b, n);
}

/* table_index is the owner's alone; names may lie elsewhere; all else is equal. */
static void check_equal(const struct journal_records *a, const struct journal_records *b)
{
	assert_int_equal(a->row_count, b->row_count);
	same(a->rows, b->rows, a->row_count * sizeof(*a->rows));
	assert_int_equal(a->device_count, b->device_count);
	for (uint32_t i = 0; i < a->device_count; i++) {
		assert_int_equal(a->devices[i].name_len, b->devices[i].name_len);
		same(a->names + a->devices[i].name_off, b->names + b->devices[i].name_off,
			a->devices[i].name_len);
		assert_int_equal(a->devices[i].logs, b->devices[i].logs);
		assert_int_equal(a->devices[i].bytes, b->devices[i].bytes);
	}
	assert_int_equal(a->source_count, b->source_count);
	for (uint32_t i = 0; i < a->source_count; i++) {
		assert_true(ip_addr_equal(&a->sources[i].addr, &b->sources[i].addr));
		assert_int_equal(a->sources[i].port, b->sources[i].port);
	}
	assert_int_equal(a->vdom_count, b->vdom_count);
	for (uint32_t i = 0; i < a->vdom_count; i++) {
		assert_int_equal(a->vdoms[i].name_len, b->vdoms[i].name_len);
		same(a->names + a->vdoms[i].name_off, b->names + b->vdoms[i].name_off,
			a->vdoms[i].name_len);
	}
	assert_int_equal(a->stream_count, b->stream_count);
	for (uint32_t i = 0; i < a->stream_count; i++) {
		struct block_stream s = b->streams[i];

		s.table_index = a->streams[i].table_index;
		same(&a->streams[i], &s, sizeof(s));
	}
	assert_int_equal(a->gap_count, b->gap_count);
	same(a->gaps, b->gaps, a->gap_count * sizeof(*a->gaps));
	assert_int_equal(a->delta_count, b->delta_count);
	same(a->deltas, b->deltas, a->delta_count * sizeof(*a->deltas));
	assert_int_equal(a->part_count, b->part_count);
	for (uint32_t i = 0; i < a->part_count; i++) {
		assert_int_equal(a->parts[i].block, b->parts[i].block);
		assert_int_equal(a->parts[i].rows, b->parts[i].rows);
		assert_int_equal(a->parts[i].lcore, b->parts[i].lcore);
	}
}

static uint32_t raw_len_of(const struct journal_records *r)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < r->row_count; i++)
		n += r->rows[i].len + 1u;
	return (uint32_t)n;
}

static void round_trip(struct coding *c, const struct journal_records *r)
{
	uint64_t first = r->parts[0].block;
	uint64_t last = r->parts[r->part_count - 1].block;
	size_t n = columns_encode(r, c->last, c->seq, c->bytes, sizeof(c->bytes));
	struct journal_records d;
	uint8_t *exact;

	assert_true(n > 0);
	assert_true(n <= columns_bound(r));
	assert_int_equal(columns_encode(r, c->last, c->seq, c->bytes, n - 1), 0);
	n = columns_encode(r, c->last, c->seq, c->bytes, n);
	exact = malloc(n); /* a sanitizer sees a read past the end */
	memcpy(exact, c->bytes, n);
	assert_int_equal(
		columns_decode(exact, n, first, last, r->row_count, raw_len_of(r), &c->arena, &d),
		0);
	check_equal(r, &d);
	assert_int_equal(columns_decode(exact, n - 1, first, last, r->row_count, raw_len_of(r),
				 &c->arena, &d),
		-1);
	assert_int_equal(columns_decode(exact, n, first, last + 1, r->row_count, raw_len_of(r),
				 &c->arena, &d),
		-1);
	assert_int_equal(columns_decode(exact, n, first, last, r->row_count, raw_len_of(r) + 1,
				 &c->arena, &d),
		-1);
	free(exact);
}

static struct coding *coding_new(void)
{
	struct coding *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	return c;
}

static void coding_free(struct coding *c)
{
	columns_arena_free(&c->arena);
	free(c);
}

static void columns_of_a_rich_block(void **state)
{
	struct block *b = block_new(64u << 10);
	struct coding *c = coding_new();
	struct journal_part part;
	struct journal_records r;

	(void)state;
	b->number = 77;
	test_rich_block(b, 3);
	r = records_of_block(b, &part);
	round_trip(c, &r);
	coding_free(c);
	block_free(b);
}

static void columns_of_an_empty_block(void **state)
{
	struct block *b = block_new(64u << 10);
	struct coding *c = coding_new();
	struct journal_part part;
	struct journal_records r;

	(void)state;
	b->number = 1;
	r = records_of_block(b, &part);
	round_trip(c, &r);
	coding_free(c);
	block_free(b);
}

static void random_block(struct block *b)
{
	unsigned devices = 1 + (unsigned)rnd(40);

	block_reset(b);
	b->number = 1 + rnd(1u << 30);
	b->lcore = (uint8_t)rnd(8);
	for (unsigned i = 0; i < devices; i++) {
		uint8_t name[300];
		uint16_t len = (uint16_t)rnd(i == 0 ? 1 : 300);
		struct ip_addr a;

		for (unsigned k = 0; k < len; k++)
			name[k] = (uint8_t)rnd(256);
		block_device_add(b, name, len, i);
		for (unsigned k = 0; k < 16; k++)
			a.b[k] = (uint8_t)rnd(256);
		if (rnd(2))
			a = ip_addr_v4(a.b);
		block_source_add(b, &a, (uint16_t)rnd(65536));
		block_vdom_add(b, name, len / 2);
		b->streams[b->stream_count++] = (struct block_stream){.epoch = rnd_state,
			.first_seq = rnd(2) ? rnd_state : rnd(100),
			.last_seq = rnd(2) ? rnd_state : 0,
			.confirmed = rnd_state,
			.device = (uint16_t)i,
			.conn_id = (uint32_t)rnd_state};
		if (rnd(2)) {
			uint64_t first = rnd(1000);

			b->gaps[b->gap_count++] = (struct block_gap){.first = first,
				.last = first + rnd(UINT64_MAX - first),
				.stream = (uint16_t)i,
				.kind = (uint8_t)rnd(2)};
		}
		if (rnd(2))
			block_delta_add(b, (uint16_t)i,
				(uint16_t)(rnd(2) ? rnd(DROP_REASON_COUNT)
						  : DELTA_DUPLICATE + rnd(4)),
				rnd(UINT64_MAX));
	}
	for (unsigned i = 0, n = (unsigned)rnd(300); i < n; i++) {
		struct block_row row = {
			.time_ns = rnd(3) ? rnd_state : 5,
			.len = (uint32_t)rnd(200),
			.device = (uint16_t)rnd(devices),
			.transport = (uint8_t)rnd(256),
			.source = (uint16_t)(rnd(2) ? rnd(devices) : BLOCK_NONE),
			.vdom = (uint16_t)(rnd(2) ? rnd(devices) : BLOCK_NONE),
			.stream = (uint16_t)(rnd(2) ? rnd(devices) : BLOCK_NONE),
			.flags = (uint8_t)rnd(256),
		};

		row.seq_no = row.stream == BLOCK_NONE ? 0 : rnd(2) ? rnd_state : rnd(50);
		memset(block_append(b, &row), 'x', row.len);
	}
}

static void columns_of_random_blocks(void **state)
{
	struct block *b = block_new(64u << 10);
	struct coding *c = coding_new();

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		struct journal_part part;
		struct journal_records r;

		random_block(b);
		r = records_of_block(b, &part);
		round_trip(c, &r);
	}
	coding_free(c);
	block_free(b);
}

static void columns_of_the_largest_block(void **state)
{
	struct block *b = block_new(1u << 20);
	struct coding *c = coding_new();
	struct ip_addr v6 = {{0x20, 1, 2}};
	struct journal_part part;
	struct journal_records r;

	(void)state;
	b->number = UINT64_MAX / 2;
	for (unsigned i = 0; i < BLOCK_MAX_DEVICES; i++)
		block_device_add(b, &i, 4, i);
	for (unsigned i = 0; i < BLOCK_MAX_SOURCES; i++)
		block_source_add(b, &v6, 65535);
	for (unsigned i = 0; i < BLOCK_MAX_VDOMS; i++)
		block_vdom_add(b, &i, 4);
	b->names_len = BLOCK_NAME_BYTES - 5000;
	block_name_add(b, b->names, 5000);
	for (unsigned i = 0; i < BLOCK_MAX_STREAMS; i++)
		b->streams[b->stream_count++] = (struct block_stream){.conn_id = UINT32_MAX,
			.first_seq = UINT64_MAX,
			.last_seq = UINT64_MAX / 2,
			.confirmed = UINT64_MAX};
	for (unsigned i = 0; i < BLOCK_MAX_GAPS; i++)
		b->gaps[b->gap_count++] =
			(struct block_gap){.first = 0, .last = UINT64_MAX, .stream = 4095};
	while (block_delta_add(b, 8191, DELTA_LATE, UINT64_MAX))
		continue;
	for (unsigned i = 0; i < BLOCK_MAX_ROWS; i++) {
		struct block_row row = {.time_ns = i & 1 ? UINT64_MAX / 2 : 0,
			.seq_no = i & 1 ? UINT64_MAX / 2 : 0,
			.device = (uint16_t)(i % BLOCK_MAX_DEVICES),
			.source = (uint16_t)i,
			.vdom = (uint16_t)(i % 4096),
			.stream = (uint16_t)(i % 4096),
			.transport = 255,
			.flags = 255};

		block_append(b, &row);
	}
	r = records_of_block(b, &part);
	assert_true(columns_bound(&r) <= COLUMNS_BOUND);
	round_trip(c, &r);
	coding_free(c);
	block_free(b);
}

/* As compaction will write them: several blocks in one frame, numbers and lcores kept. */
static void columns_of_several_parts(void **state)
{
	struct journal_part parts[3] = {{10, 3, 1}, {11, 0, 2}, {15, 5, 1}};
	struct block *b = block_new(64u << 10);
	struct coding *c = coding_new();
	struct journal_records r;
	struct journal_records d;
	size_t n;

	(void)state;
	test_rich_block(b, 1);
	r = records_of_block(b, parts);
	parts[0] = (struct journal_part){10, 3, 1};
	r.part_count = 3;
	round_trip(c, &r);
	parts[2].rows = 6; /* more rows than there are */
	n = columns_encode(&r, c->last, c->seq, c->bytes, sizeof(c->bytes));
	assert_int_equal(columns_decode(c->bytes, n, 10, 15, 8, raw_len_of(&r), &c->arena, &d), -1);
	parts[2] = (struct journal_part){11, 5, 1}; /* a number twice */
	n = columns_encode(&r, c->last, c->seq, c->bytes, sizeof(c->bytes));
	assert_int_equal(columns_decode(c->bytes, n, 10, 11, 8, raw_len_of(&r), &c->arena, &d), -1);
	coding_free(c);
	block_free(b);
}

static void damaged_columns_are_refused_or_whole(void **state)
{
	struct block *b = block_new(64u << 10);
	struct coding *c = coding_new();
	struct journal_part part;
	struct journal_records r;
	struct journal_records d;
	size_t n;

	(void)state;
	b->number = 5;
	test_rich_block(b, 1);
	r = records_of_block(b, &part);
	n = columns_encode(&r, c->last, c->seq, c->bytes, sizeof(c->bytes));
	for (unsigned i = 0; i < 20000; i++) {
		uint8_t *bad = malloc(n);

		memcpy(bad, c->bytes, n);
		for (unsigned k = 0; k <= rnd(3); k++)
			bad[rnd(n)] = (uint8_t)rnd(256);
		if (columns_decode(bad, n, 5, 5, 8, raw_len_of(&r), &c->arena, &d) == 0) {
			for (uint32_t k = 0; k < d.row_count; k++) {
				assert_true(d.rows[k].device < d.device_count);
				assert_true(d.rows[k].source < d.source_count ||
					    d.rows[k].source == BLOCK_NONE);
				assert_true(d.rows[k].vdom < d.vdom_count ||
					    d.rows[k].vdom == BLOCK_NONE);
				assert_true(d.rows[k].stream < d.stream_count ||
					    d.rows[k].stream == BLOCK_NONE);
			}
			assert_int_equal(raw_len_of(&d), raw_len_of(&r));
		}
		free(bad);
	}
	coding_free(c);
	block_free(b);
}

/* Ordinary traffic: a hundred FortiGates, full blocks; metadata at most 3 % of the raw logs. */
static void metadata_share(bool streams, unsigned devices)
{
	struct block *b = block_new(1u << 20);
	struct coding *c = coding_new();
	struct zpress *z = zpress_new();
	uint8_t *out = malloc(COLUMNS_BOUND);
	struct journal_part part;
	struct journal_records r;
	struct frame_payload p;
	uint64_t seq[200] = {0};
	uint64_t t = 1763762000000000000ull;
	size_t n;

	b->number = 1;
	for (unsigned i = 0; i < devices; i++) {
		uint8_t ip[4] = {10, 0, 0, (uint8_t)i};
		struct ip_addr a = ip_addr_v4(ip);
		char name[32];

		block_device_add(
			b, name, (uint16_t)snprintf(name, sizeof(name), "FGT60FTK%08u", i), i);
		block_source_add(b, &a, (uint16_t)(20000 + i));
		if (streams) {
			struct block_stream *s = &b->streams[b->stream_count++];

			*s = (struct block_stream){.epoch = rnd(UINT64_MAX),
				.first_seq = 1 + rnd(1u << 30),
				.device = (uint16_t)i,
				.conn_id = (uint32_t)rnd(4)};
			seq[i] = s->last_seq = s->confirmed = s->first_seq;
			for (unsigned k = 0; k < 16; k++)
				s->digest[k] = (uint8_t)rnd(256);
		}
	}
	for (unsigned i = 0;; i++) {
		char line[1024];
		uint32_t len = test_line(line, i);
		uint16_t d = (uint16_t)rnd(devices);
		struct block_row row = {.time_ns = t += rnd(100000),
			.len = len,
			.device = d,
			.source = d,
			.vdom = BLOCK_NONE,
			.transport = TRANSPORT_TLS,
			.flags = 2,
			.stream = streams ? d : BLOCK_NONE,
			.seq_no = streams ? ++seq[d] : 0};

		if (!block_has_room(b, len, 1, 0))
			break;
		memcpy(block_append(b, &row), line, len);
	}
	r = records_of_block(b, &part);
	n = columns_encode(&r, c->last, c->seq, c->bytes, sizeof(c->bytes));
	assert_int_equal(zpress_payload(z, c->bytes, n, out, COLUMNS_BOUND, &p), 0);
	print_message("%u logs of %u bytes: metadata %.2f %% of raw\n", b->row_count,
		b->raw_len / b->row_count, 100.0 * (p.len + BLOCK_FIXED) / b->raw_len);
	assert_true((p.len + BLOCK_FIXED) * 100ull <= b->raw_len * 3ull);
	free(out);
	zpress_free(z);
	coding_free(c);
	block_free(b);
}

static void metadata_is_a_small_part(void **state)
{
	(void)state;
	metadata_share(false, 100);
	metadata_share(true, 100);
}

static void slugs_and_counters(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= DELTA_CONFLICT; i++) {
		const char *slug = delta_slug((uint16_t)i);

		assert_int_equal(slug != NULL, i < DROP_REASON_COUNT || i >= DELTA_DUPLICATE);
		if (slug)
			assert_int_equal(delta_from_slug(slug, strlen(slug)), i);
	}
	assert_null(delta_slug(DROP_REASON_COUNT));
	assert_null(delta_slug(DELTA_CONFLICT + 1));
	assert_int_equal(delta_from_slug("no_bloc", 7), DELTA_UNKNOWN);
	assert_int_equal(delta_from_slug("", 0), DELTA_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_of_a_rich_block),
		cmocka_unit_test(columns_of_an_empty_block),
		cmocka_unit_test(columns_of_random_blocks),
		cmocka_unit_test(columns_of_the_largest_block),
		cmocka_unit_test(columns_of_several_parts),
		cmocka_unit_test(damaged_columns_are_refused_or_whole),
		cmocka_unit_test(metadata_is_a_small_part),
		cmocka_unit_test(slugs_and_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
