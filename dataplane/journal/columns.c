#include "dataplane/journal/columns.h"

#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/reason.h"

static const char *const delta_slugs[] = {"duplicate", "late", "client_dropped", "conflict"};

const char *delta_slug(uint16_t counter)
{
	if (counter < DROP_REASON_COUNT)
		return drop_reason_slug(counter);
	if (counter >= DELTA_DUPLICATE && counter <= DELTA_CONFLICT)
		return delta_slugs[counter - DELTA_DUPLICATE];
	return NULL;
}

uint16_t delta_from_slug(const char *slug, size_t len)
{
	for (unsigned c = 0; c <= DELTA_CONFLICT; c++) {
		const char *s;

		if (c == DROP_REASON_COUNT)
			c = DELTA_DUPLICATE;
		s = delta_slug((uint16_t)c);
		if (strlen(s) == len && memcmp(s, slug, len) == 0)
			return (uint16_t)c;
	}
	return DELTA_UNKNOWN;
}

static inline uint64_t zigzag(uint64_t now, uint64_t before)
{
	uint64_t d = now - before;

	return (d << 1) ^ (0 - (d >> 63));
}

size_t columns_bound(const struct journal_records *r)
{
	/* Of each kind of entry the most that varints (10, or 5 for 32 bits) and raw bytes make. */
	return 128 + (size_t)r->part_count * 16 + (size_t)r->row_count * 40 +
	       (size_t)r->device_count * 5 + (size_t)r->source_count * 20 +
	       (size_t)r->vdom_count * 5 + (size_t)r->stream_count * 64 +
	       (size_t)r->gap_count * 25 + (size_t)r->delta_count * 18 + r->names_len +
	       sizeof("client_dropped") * (DROP_REASON_COUNT + 4);
}

static void put_names(struct byte_writer *w, const struct journal_records *r)
{
	for (uint32_t i = 0; i < r->device_count; i++)
		byte_writer_varint(w, r->devices[i].name_len);
	for (uint32_t i = 0; i < r->vdom_count; i++)
		byte_writer_varint(w, r->vdoms[i].name_len);
	for (uint32_t i = 0; i < r->device_count; i++)
		byte_writer_bytes(w, r->names + r->devices[i].name_off, r->devices[i].name_len);
	for (uint32_t i = 0; i < r->vdom_count; i++)
		byte_writer_bytes(w, r->names + r->vdoms[i].name_off, r->vdoms[i].name_len);
}

static void put_sources(struct byte_writer *w, const struct journal_records *r)
{
	for (uint32_t i = 0; i < r->source_count; i++)
		byte_writer_u8(w, ip_addr_is_v4(&r->sources[i].addr) ? 4 : 6);
	for (uint32_t i = 0; i < r->source_count; i++)
		byte_writer_varint(w, r->sources[i].port);
	for (uint32_t i = 0; i < r->source_count; i++) {
		const struct ip_addr *a = &r->sources[i].addr;

		if (ip_addr_is_v4(a))
			byte_writer_bytes(w, a->b + 12, 4);
		else
			byte_writer_bytes(w, a->b, 16);
	}
}

static void put_streams(struct byte_writer *w, const struct journal_records *r)
{
	for (uint32_t i = 0; i < r->stream_count; i++) {
		const struct block_stream *s = &r->streams[i];

		byte_writer_varint(w, s->device);
		byte_writer_varint(w, s->conn_id);
		byte_writer_le64(w, s->epoch);
		byte_writer_varint(w, s->first_seq);
		byte_writer_varint(w, zigzag(s->last_seq, s->first_seq));
		byte_writer_varint(w, zigzag(s->confirmed, s->last_seq));
		byte_writer_bytes(w, s->digest, sizeof(s->digest));
	}
	for (uint32_t i = 0; i < r->gap_count; i++) {
		const struct block_gap *g = &r->gaps[i];

		byte_writer_varint(w, g->stream);
		byte_writer_u8(w, g->kind);
		byte_writer_varint(w, g->first);
		byte_writer_varint(w, g->last - g->first);
	}
}

static void put_deltas(struct byte_writer *w, const struct journal_records *r)
{
	uint16_t used[DROP_REASON_COUNT + 4];
	uint8_t index[DELTA_CONFLICT + 1];
	unsigned n = 0;

	memset(index, 0xff, sizeof(index));
	for (uint32_t i = 0; i < r->delta_count; i++) {
		uint16_t c = r->deltas[i].counter;

		if (delta_slug(c) && index[c] == 0xff) {
			index[c] = (uint8_t)n;
			used[n++] = c;
		}
	}
	byte_writer_varint(w, n);
	for (unsigned i = 0; i < n; i++) {
		const char *s = delta_slug(used[i]);

		byte_writer_varint(w, strlen(s));
		byte_writer_bytes(w, s, strlen(s));
	}
	for (uint32_t i = 0; i < r->delta_count; i++) {
		const struct block_delta *d = &r->deltas[i];

		if (!delta_slug(d->counter)) {
			w->failed = true; /* an unknown counter cannot be said: never drop it
					     silently */
			return;
		}
		byte_writer_varint(w, d->device);
		byte_writer_u8(w, index[d->counter]);
		byte_writer_varint(w, d->n);
	}
}

/* A dictionary index that mostly repeats: 0: as in this device's last row; 1: none; else index + 2.
 */
static inline void put_repeat(struct byte_writer *w, uint16_t now, uint16_t *last)
{
	if (now == *last) {
		byte_writer_u8(w, 0);
		return;
	}
	byte_writer_varint(w, now == BLOCK_NONE ? 1 : now + 2u);
	*last = now;
}

static inline void put_xor(struct byte_writer *w, uint8_t now, uint8_t *last)
{
	byte_writer_u8(w, now ^ *last);
	*last = now;
}

static void put_rows(struct byte_writer *w, const struct journal_records *r,
	struct columns_last *last, uint64_t *seq)
{
	const struct block_row *rows = r->rows;
	uint32_t n = r->row_count;
	uint64_t before = 0;

	for (uint32_t i = 0; i < r->device_count; i++)
		last[i] = (struct columns_last){BLOCK_NONE, BLOCK_NONE, BLOCK_NONE, 0, 0};
	for (uint32_t i = 0; i < r->stream_count; i++)
		seq[i] = r->streams[i].first_seq;
	for (uint32_t i = 0; i < n; i++)
		byte_writer_varint(w, rows[i].device);
	for (uint32_t i = 0; i < n; i++)
		put_repeat(w, rows[i].source, &last[rows[i].device].source);
	for (uint32_t i = 0; i < n; i++)
		put_repeat(w, rows[i].vdom, &last[rows[i].device].vdom);
	for (uint32_t i = 0; i < n; i++)
		put_repeat(w, rows[i].stream, &last[rows[i].device].stream);
	for (uint32_t i = 0; i < n; i++)
		put_xor(w, rows[i].transport, &last[rows[i].device].transport);
	for (uint32_t i = 0; i < n; i++)
		put_xor(w, rows[i].flags, &last[rows[i].device].flags);
	for (uint32_t i = 0; i < n; i++)
		byte_writer_varint(w, rows[i].len);
	for (uint32_t i = 0; i < n; i++) {
		byte_writer_varint(w, zigzag(rows[i].time_ns, before));
		before = rows[i].time_ns;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (rows[i].stream == BLOCK_NONE)
			continue;
		byte_writer_varint(w, zigzag(rows[i].seq_no, seq[rows[i].stream]));
		seq[rows[i].stream] = rows[i].seq_no;
	}
}

size_t columns_encode(const struct journal_records *r, struct columns_last *last, uint64_t *seq,
	uint8_t *out, size_t cap)
{
	struct byte_writer w = byte_writer_init(out, cap);
	uint64_t before = r->part_count ? r->parts[0].block : 0;

	byte_writer_varint(&w, r->part_count);
	byte_writer_varint(&w, r->device_count);
	byte_writer_varint(&w, r->source_count);
	byte_writer_varint(&w, r->vdom_count);
	byte_writer_varint(&w, r->stream_count);
	byte_writer_varint(&w, r->gap_count);
	byte_writer_varint(&w, r->delta_count);
	for (uint32_t i = 0; i < r->part_count; i++) {
		byte_writer_varint(&w, r->parts[i].block - before);
		byte_writer_varint(&w, r->parts[i].rows);
		byte_writer_u8(&w, r->parts[i].lcore);
		before = r->parts[i].block;
	}
	put_names(&w, r);
	put_sources(&w, r);
	put_streams(&w, r);
	put_deltas(&w, r);
	put_rows(&w, r, last, seq);
	return w.failed ? 0 : (size_t)(w.at - out);
}
