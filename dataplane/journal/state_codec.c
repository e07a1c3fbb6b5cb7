/* The payload of a checkpoint: docs/journal.md, "Checkpoint". */
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/journal/bytes_buf.h"
#include "dataplane/journal/columns.h"
#include "dataplane/journal/state_internal.h"

#define DEVICE_LEAST 3u /* bytes that a device takes at least */
#define OWN_COUNTERS 6u
#define COUNTERS     (OWN_COUNTERS + DROP_REASON_COUNT)

/* What a device counts, by the slugs that stand on disk; behind these come the drop reasons. */
static const char *const own_slugs[OWN_COUNTERS] = {
	"stored", "bytes", "duplicate", "late", "client_dropped", "conflict"};

static const char *counter_slug(unsigned i)
{
	return i < OWN_COUNTERS ? own_slugs[i] : drop_reason_slug(i - OWN_COUNTERS);
}

static uint64_t *counter_of(struct journal_state_device *d, unsigned i)
{
	uint64_t *const own[OWN_COUNTERS] = {
		&d->stored, &d->bytes, &d->duplicate, &d->late, &d->client_dropped, &d->conflict};

	return i < OWN_COUNTERS ? own[i] : &d->dropped[i - OWN_COUNTERS];
}

static void device_encode(struct journal_state_device *d, struct bytes_buf *out)
{
	uint64_t used = 0;

	bytes_buf_varint(out, d->first_seen_ns);
	bytes_buf_varint(out, d->last_seen_ns - d->first_seen_ns);
	for (unsigned i = 0; i < COUNTERS; i++)
		used += *counter_of(d, i) != 0;
	bytes_buf_varint(out, used);
	for (unsigned i = 0; i < COUNTERS; i++) {
		if (*counter_of(d, i) == 0)
			continue;
		bytes_buf_varint(out, i);
		bytes_buf_varint(out, *counter_of(d, i));
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
	bytes_buf_varint(out, COUNTERS);
	for (unsigned i = 0; i < COUNTERS; i++) {
		const char *slug = counter_slug(i);

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

/* The counters as the writer numbered them, in this program's numbers; -1: unknown here. */
struct counters {
	int16_t to[256];
	unsigned count;
};

static int16_t counter_from_slug(const uint8_t *slug, size_t len)
{
	for (unsigned i = 0; i < COUNTERS; i++)
		if (strlen(counter_slug(i)) == len && memcmp(counter_slug(i), slug, len) == 0)
			return (int16_t)i;
	return -1;
}

static void counters_decode(struct byte_reader *in, struct counters *c)
{
	uint64_t n = byte_reader_varint(in);

	if (n > sizeof(c->to) / sizeof(c->to[0]))
		in->failed = true;
	c->count = (unsigned)n;
	for (uint64_t i = 0; i < n && !in->failed; i++) {
		uint64_t len = byte_reader_varint(in);
		const uint8_t *slug = byte_reader_take(in, len);

		c->to[i] = slug ? counter_from_slug(slug, len) : -1;
	}
}

static void device_decode(
	struct byte_reader *in, const struct counters *c, struct journal_state_device *d)
{
	uint64_t used;

	d->first_seen_ns = byte_reader_varint(in);
	d->last_seen_ns = d->first_seen_ns + byte_reader_varint(in);
	used = byte_reader_varint(in);
	for (uint64_t i = 0; i < used && !in->failed; i++) {
		uint64_t counter = byte_reader_varint(in);
		uint64_t n = byte_reader_varint(in);

		if (counter >= c->count)
			in->failed = true;
		else if (c->to[counter] >= 0)
			*counter_of(d, (unsigned)c->to[counter]) += n;
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
	if (in->failed)
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
	struct counters counters;
	uint64_t n;

	counters_decode(&in, &counters);
	n = byte_reader_varint(&in);
	for (uint64_t i = 0; i < n && !in.failed; i++) {
		uint64_t name_len = byte_reader_varint(&in);
		const uint8_t *name = byte_reader_take(&in, name_len);

		if (!name || name_len > UINT16_MAX || s->names.count != i)
			return -1; /* s->names.count lags when a name comes twice */
		if (state_device_get(s, name, (uint16_t)name_len) == UINT32_MAX)
			return -2;
	}
	if (in.failed || s->names.count != n || n > byte_reader_left(&in) / DEVICE_LEAST)
		return -1;
	for (uint64_t i = 0; i < n && !in.failed; i++) {
		struct journal_state_device *d = &s->devices[i];

		device_decode(&in, &counters, d);
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
	/* What may follow is a later version's. */
	return in.failed ? -1 : 0;
}
