/* The payload of a checkpoint: docs/journal.md, "Checkpoint". */
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/journal/bytes_buf.h"
#include "dataplane/journal/columns.h"
#include "dataplane/journal/state_internal.h"

#define DEVICE_NUMBERS 8u /* varints that every device has */

static void device_encode(const struct journal_state_device *d, struct bytes_buf *out)
{
	uint64_t kinds = 0;

	bytes_buf_varint(out, d->stored);
	bytes_buf_varint(out, d->bytes);
	bytes_buf_varint(out, d->duplicate);
	bytes_buf_varint(out, d->late);
	bytes_buf_varint(out, d->client_dropped);
	bytes_buf_varint(out, d->conflict);
	bytes_buf_varint(out, d->first_seen_ns);
	bytes_buf_varint(out, d->last_seen_ns - d->first_seen_ns);
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		kinds += d->dropped[i] != 0;
	bytes_buf_varint(out, kinds);
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++) {
		if (d->dropped[i] == 0)
			continue;
		bytes_buf_varint(out, i);
		bytes_buf_varint(out, d->dropped[i]);
	}
}

static void stream_encode(const struct journal_state_stream *p, struct bytes_buf *out)
{
	uint64_t before = 0;

	bytes_buf_varint(out, p->device);
	bytes_buf_varint(out, p->conn_id);
	bytes_buf_add(out, &p->epoch, sizeof(p->epoch));
	bytes_buf_varint(out, p->confirmed);
	bytes_buf_add(out, p->digest, sizeof(p->digest));
	bytes_buf_varint(out, p->last_seen_ns);
	bytes_buf_varint(out, p->gaps_forgotten);
	bytes_buf_varint(out, p->gap_count);
	for (uint32_t i = 0; i < p->gap_count; i++) {
		const struct journal_state_gap *g = &p->gaps[i];

		bytes_buf_varint(out, g->first - before);
		bytes_buf_varint(out, g->last - g->first);
		bytes_buf_varint(out, g->before_ns);
		bytes_buf_varint(out, g->after_ns);
		before = g->last;
	}
}

void fold_encode(const struct fold *s, struct bytes_buf *out)
{
	bytes_buf_varint(out, DROP_REASON_COUNT);
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++) {
		const char *slug = drop_reason_slug(i);

		bytes_buf_varint(out, strlen(slug));
		bytes_buf_add(out, slug, strlen(slug));
	}
	bytes_buf_varint(out, s->names.count);
	for (uint32_t i = 0; i < s->names.count; i++) {
		uint16_t len;
		const uint8_t *name = names_at(&s->names, i, &len);

		bytes_buf_varint(out, len);
		bytes_buf_add(out, name, len);
	}
	for (uint32_t i = 0; i < s->names.count; i++)
		device_encode(&s->devices[i], out);
	bytes_buf_varint(out, s->stream_count);
	for (uint32_t i = 0; i < s->stream_count; i++)
		stream_encode(&s->streams[i].pub, out);
}

/* The reasons as the writer numbered them, in this program's numbers; -1: unknown here. */
struct reasons {
	int16_t to[256];
	unsigned count;
};

static void reasons_decode(struct byte_reader *in, struct reasons *r)
{
	uint64_t n = byte_reader_varint(in);

	if (n > sizeof(r->to) / sizeof(r->to[0]))
		in->failed = true;
	r->count = (unsigned)n;
	for (uint64_t i = 0; i < n && !in->failed; i++) {
		uint64_t len = byte_reader_varint(in);
		const uint8_t *slug = byte_reader_take(in, len);
		uint16_t c = slug ? delta_from_slug((const char *)slug, len) : DELTA_UNKNOWN;

		r->to[i] = c < DROP_REASON_COUNT ? (int16_t)c : -1;
	}
}

static void device_decode(
	struct byte_reader *in, const struct reasons *r, struct journal_state_device *d)
{
	uint64_t kinds;

	d->stored = byte_reader_varint(in);
	d->bytes = byte_reader_varint(in);
	d->duplicate = byte_reader_varint(in);
	d->late = byte_reader_varint(in);
	d->client_dropped = byte_reader_varint(in);
	d->conflict = byte_reader_varint(in);
	d->first_seen_ns = byte_reader_varint(in);
	d->last_seen_ns = d->first_seen_ns + byte_reader_varint(in);
	kinds = byte_reader_varint(in);
	for (uint64_t i = 0; i < kinds && !in->failed; i++) {
		uint64_t reason = byte_reader_varint(in);
		uint64_t n = byte_reader_varint(in);

		if (reason >= r->count)
			in->failed = true;
		else if (r->to[reason] >= 0)
			d->dropped[r->to[reason]] += n;
	}
}

static int stream_decode(struct fold *s, struct byte_reader *in)
{
	uint64_t device = byte_reader_varint(in);
	uint64_t conn_id = byte_reader_varint(in);
	uint64_t epoch = byte_reader_le64(in);
	struct state_stream *st;
	const uint8_t *digest;
	uint64_t before = 0;
	uint64_t gaps;

	if (in->failed || device >= s->names.count || conn_id > UINT32_MAX)
		return -1;
	st = state_stream_get(s, (uint32_t)device, (uint32_t)conn_id, epoch);
	if (!st)
		return -2;
	st->pub.confirmed = byte_reader_varint(in);
	digest = byte_reader_take(in, sizeof(st->pub.digest));
	if (!digest)
		return -1;
	memcpy(st->pub.digest, digest, sizeof(st->pub.digest));
	st->pub.last_seen_ns = byte_reader_varint(in);
	st->pub.gaps_forgotten = byte_reader_varint(in);
	gaps = byte_reader_varint(in);
	if (in->failed || gaps > STATE_MAX_GAPS)
		return -1;
	for (uint64_t i = 0; i < gaps; i++) {
		struct journal_state_gap g;
		uint64_t skip = byte_reader_varint(in);
		uint64_t more = byte_reader_varint(in);

		g.first = before + skip;
		g.last = g.first + more;
		g.before_ns = byte_reader_varint(in);
		g.after_ns = byte_reader_varint(in);
		if (in->failed || g.first < before || g.last < g.first || (i > 0 && skip == 0))
			return -1;
		before = g.last;
		if (state_gap_open(st, &g) != 0)
			return -2;
	}
	return 0;
}

int fold_decode(struct fold *s, const uint8_t *data, size_t len)
{
	struct byte_reader in = byte_reader_init(data, len);
	struct reasons reasons;
	uint64_t n;

	reasons_decode(&in, &reasons);
	n = byte_reader_varint(&in);
	for (uint64_t i = 0; i < n && !in.failed; i++) {
		uint64_t name_len = byte_reader_varint(&in);
		const uint8_t *name = byte_reader_take(&in, name_len);

		if (!name || name_len > UINT16_MAX || s->names.count != i)
			return -1; /* s->names.count lags when a name comes twice */
		if (state_device_get(s, name, (uint16_t)name_len) == UINT32_MAX)
			return -2;
	}
	if (in.failed || s->names.count != n || n > byte_reader_left(&in) / DEVICE_NUMBERS)
		return -1;
	for (uint64_t i = 0; i < n && !in.failed; i++) {
		struct journal_state_device *d = &s->devices[i];

		device_decode(&in, &reasons, d);
		s->logs += d->stored;
		s->raw_bytes += d->bytes + d->stored;
	}
	n = byte_reader_varint(&in);
	for (uint64_t i = 0; i < n && !in.failed; i++) {
		int rc = stream_decode(s, &in);

		if (rc != 0)
			return rc;
		if (s->stream_count != i + 1)
			return -1; /* a stream twice */
	}
	return in.failed || byte_reader_left(&in) != 0 ? -1 : 0;
}
