#include "dataplane/journal/columns.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/reason.h"
#include "dataplane/journal/format.h"

#define ROW_LEAST 8u /* bytes that a row takes at least: one in each of its columns but seq_no */

static inline uint64_t unzigzag(uint64_t v, uint64_t before)
{
	return before + ((v >> 1) ^ (0 - (v & 1)));
}

/* A varint that must not exceed `max`. */
static inline uint64_t take(struct byte_reader *r, uint64_t max)
{
	uint64_t v = byte_reader_varint(r);

	if (v > max)
		r->failed = true;
	return r->failed ? 0 : v;
}

void columns_arena_free(struct columns_arena *a)
{
	free(a->mem);
	a->mem = NULL;
	a->cap = 0;
}

struct layout {
	struct columns_last *last;
	uint64_t *seq;
};

static size_t place(size_t *total, size_t count, size_t size)
{
	size_t at = *total;

	*total += (count * size + 15) & ~(size_t)15;
	return at;
}

static int arena_layout(
	struct columns_arena *a, struct journal_records *r, size_t names, struct layout *l)
{
	size_t total = 0;
	size_t parts = place(&total, r->part_count, sizeof(*r->parts));
	size_t rows = place(&total, r->row_count, sizeof(*r->rows));
	size_t devices = place(&total, r->device_count, sizeof(*r->devices));
	size_t sources = place(&total, r->source_count, sizeof(*r->sources));
	size_t vdoms = place(&total, r->vdom_count, sizeof(*r->vdoms));
	size_t streams = place(&total, r->stream_count, sizeof(*r->streams));
	size_t gaps = place(&total, r->gap_count, sizeof(*r->gaps));
	size_t deltas = place(&total, r->delta_count, sizeof(*r->deltas));
	size_t bytes = place(&total, names, 1);
	size_t last = place(&total, r->device_count, sizeof(*l->last));
	size_t seq = place(&total, r->stream_count, sizeof(*l->seq));

	if (total > a->cap) {
		uint8_t *mem = realloc(a->mem, total);

		if (!mem)
			return -1;
		a->mem = mem;
		a->cap = total;
	}
	r->parts = (struct journal_part *)(a->mem + parts);
	r->rows = (struct block_row *)(a->mem + rows);
	r->devices = (struct block_device *)(a->mem + devices);
	r->sources = (struct block_source *)(a->mem + sources);
	r->vdoms = (struct block_vdom *)(a->mem + vdoms);
	r->streams = (struct block_stream *)(a->mem + streams);
	r->gaps = (struct block_gap *)(a->mem + gaps);
	r->deltas = (struct block_delta *)(a->mem + deltas);
	r->names = a->mem + bytes;
	l->last = (struct columns_last *)(a->mem + last);
	l->seq = (uint64_t *)(a->mem + seq);
	return 0;
}

static void get_parts(struct byte_reader *in, struct journal_records *r, uint64_t first_block,
	uint64_t last_block)
{
	uint64_t block = first_block;
	uint64_t rows = 0;

	for (uint32_t i = 0; i < r->part_count; i++) {
		uint64_t delta = take(in, last_block - block);

		/* Numbers rise; the first part is the first block, the last one the last. */
		if ((delta == 0) != (i == 0))
			in->failed = true;
		block += delta;
		r->parts[i] = (struct journal_part){
			.block = block,
			.rows = (uint32_t)take(in, r->row_count),
			.lcore = byte_reader_u8(in),
		};
		rows += r->parts[i].rows;
	}
	if (block != last_block || rows != r->row_count)
		in->failed = true;
}

/* Lengths of all names, in order; their sum must fit into what is left of the columns. */
static void get_names(struct byte_reader *in, struct journal_records *r, size_t names_room)
{
	uint64_t total = 0;
	const uint8_t *bytes;

	for (uint32_t i = 0; i < r->device_count; i++) {
		uint16_t len = (uint16_t)take(in, UINT16_MAX);

		r->devices[i] = (struct block_device){.name_off = (uint32_t)total, .name_len = len};
		total += len;
	}
	for (uint32_t i = 0; i < r->vdom_count; i++) {
		uint16_t len = (uint16_t)take(in, UINT16_MAX);

		r->vdoms[i] = (struct block_vdom){.name_off = (uint32_t)total, .name_len = len};
		total += len;
	}
	if (total > names_room)
		in->failed = true;
	bytes = byte_reader_take(in, total);
	if (bytes && total)
		memcpy(r->names, bytes, total);
	r->names_len = bytes ? (uint32_t)total : 0;
}

static void get_sources(struct byte_reader *in, struct journal_records *r)
{
	const uint8_t *family = byte_reader_take(in, r->source_count);

	for (uint32_t i = 0; i < r->source_count; i++)
		r->sources[i].port = (uint16_t)take(in, UINT16_MAX);
	for (uint32_t i = 0; family && i < r->source_count; i++) {
		const uint8_t *a = byte_reader_take(in, family[i] == 4 ? 4 : 16);

		if (family[i] != 4 && family[i] != 6)
			in->failed = true;
		if (!a)
			return;
		if (family[i] == 4)
			r->sources[i].addr = ip_addr_v4(a);
		else
			memcpy(r->sources[i].addr.b, a, 16);
	}
}

static void get_streams(struct byte_reader *in, struct journal_records *r)
{
	for (uint32_t i = 0; i < r->stream_count && !in->failed; i++) {
		struct block_stream *s = &r->streams[i];
		const uint8_t *digest;

		memset(s, 0, sizeof(*s));
		s->device = (uint16_t)take(in, UINT16_MAX);
		s->conn_id = (uint32_t)take(in, UINT32_MAX);
		s->epoch = byte_reader_le64(in);
		s->first_seq = byte_reader_varint(in);
		s->last_seq = unzigzag(byte_reader_varint(in), s->first_seq);
		s->confirmed = unzigzag(byte_reader_varint(in), s->last_seq);
		digest = byte_reader_take(in, sizeof(s->digest));
		if (digest)
			memcpy(s->digest, digest, sizeof(s->digest));
		if (s->device >= r->device_count)
			in->failed = true;
	}
	for (uint32_t i = 0; i < r->gap_count && !in->failed; i++) {
		struct block_gap *g = &r->gaps[i];

		memset(g, 0, sizeof(*g));
		g->stream = (uint16_t)take(in, UINT16_MAX);
		g->kind = byte_reader_u8(in);
		g->first = byte_reader_varint(in);
		g->last = g->first + take(in, UINT64_MAX - g->first);
		if (g->stream >= r->stream_count || g->kind > GAP_CLOSED)
			in->failed = true;
	}
}

static void get_deltas(struct byte_reader *in, struct journal_records *r)
{
	uint16_t counters[64];
	uint64_t slugs = take(in, sizeof(counters) / sizeof(counters[0]));

	for (uint64_t i = 0; i < slugs && !in->failed; i++) {
		uint64_t len = take(in, 64);
		const uint8_t *slug = byte_reader_take(in, len);

		counters[i] = slug ? delta_from_slug((const char *)slug, len) : DELTA_UNKNOWN;
	}
	for (uint32_t i = 0; i < r->delta_count && !in->failed; i++) {
		struct block_delta *d = &r->deltas[i];
		uint8_t c;

		memset(d, 0, sizeof(*d));
		d->device = (uint16_t)take(in, UINT16_MAX);
		c = byte_reader_u8(in);
		d->n = byte_reader_varint(in);
		if (d->device >= r->device_count || c >= slugs)
			in->failed = true;
		else
			d->counter = counters[c];
	}
}

static inline uint16_t get_repeat(struct byte_reader *in, uint32_t count, uint16_t *last)
{
	uint64_t v = take(in, (uint64_t)count + 1);

	if (v == 1)
		*last = BLOCK_NONE;
	else if (v >= 2)
		*last = (uint16_t)(v - 2);
	return *last;
}

static inline uint8_t get_xor(struct byte_reader *in, uint8_t *last)
{
	*last ^= byte_reader_u8(in);
	return *last;
}

static void get_rows(
	struct byte_reader *in, struct journal_records *r, const struct layout *l, uint32_t raw_len)
{
	struct block_row *rows = r->rows;
	uint32_t n = r->row_count;
	uint64_t before = 0;
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < r->device_count; i++)
		l->last[i] = (struct columns_last){BLOCK_NONE, BLOCK_NONE, BLOCK_NONE, 0, 0};
	for (uint32_t i = 0; i < r->stream_count; i++)
		l->seq[i] = r->streams[i].first_seq;
	if (n && r->device_count == 0) {
		in->failed = true;
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		memset(&rows[i], 0, sizeof(rows[i]));
		rows[i].device = (uint16_t)take(in, r->device_count - 1);
	}
	for (uint32_t i = 0; i < n; i++)
		rows[i].source = get_repeat(in, r->source_count, &l->last[rows[i].device].source);
	for (uint32_t i = 0; i < n; i++)
		rows[i].vdom = get_repeat(in, r->vdom_count, &l->last[rows[i].device].vdom);
	for (uint32_t i = 0; i < n; i++)
		rows[i].stream = get_repeat(in, r->stream_count, &l->last[rows[i].device].stream);
	for (uint32_t i = 0; i < n; i++)
		rows[i].transport = get_xor(in, &l->last[rows[i].device].transport);
	for (uint32_t i = 0; i < n; i++)
		rows[i].flags = get_xor(in, &l->last[rows[i].device].flags);
	for (uint32_t i = 0; i < n; i++) {
		rows[i].len = (uint32_t)take(in, raw_len);
		bytes += rows[i].len + 1u;
		r->devices[rows[i].device].logs++;
		r->devices[rows[i].device].bytes += rows[i].len;
	}
	for (uint32_t i = 0; i < n; i++)
		before = rows[i].time_ns = unzigzag(byte_reader_varint(in), before);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t *seq;

		if (rows[i].stream == BLOCK_NONE)
			continue;
		seq = &l->seq[rows[i].stream];
		*seq = rows[i].seq_no = unzigzag(byte_reader_varint(in), *seq);
	}
	if (bytes != raw_len)
		in->failed = true;
}

int columns_decode(const uint8_t *data, size_t len, uint64_t first_block, uint64_t last_block,
	uint32_t rows, uint32_t raw_len, struct columns_arena *a, struct journal_records *r)
{
	struct byte_reader in = byte_reader_init(data, len);
	struct layout l;

	/* Every entry of every table takes at least a byte, a row ROW_LEAST: so the memory asked
	 * for is a small multiple of `len`, however the counts were forged. */
	memset(r, 0, sizeof(*r));
	if (rows > len / ROW_LEAST || last_block < first_block)
		return -1;
	r->row_count = rows;
	r->part_count = (uint32_t)take(&in, len);
	r->device_count = (uint32_t)take(&in, FORMAT_MAX_DICTIONARY);
	r->source_count = (uint32_t)take(&in, FORMAT_MAX_DICTIONARY);
	r->vdom_count = (uint32_t)take(&in, FORMAT_MAX_DICTIONARY);
	r->stream_count = (uint32_t)take(&in, FORMAT_MAX_DICTIONARY);
	r->gap_count = (uint32_t)take(&in, len);
	r->delta_count = (uint32_t)take(&in, len);
	if (in.failed || r->part_count == 0 ||
		(uint64_t)r->part_count + r->device_count + r->source_count + r->vdom_count +
				r->stream_count + r->gap_count + r->delta_count >
			byte_reader_left(&in))
		return -1;
	if (arena_layout(a, r, len, &l) != 0)
		return -2;
	get_parts(&in, r, first_block, last_block);
	get_names(&in, r, len);
	get_sources(&in, r);
	get_streams(&in, r);
	get_deltas(&in, r);
	if (!in.failed)
		get_rows(&in, r, &l, raw_len);
	/* What may follow is a later version's. */
	return in.failed ? -1 : 0;
}
