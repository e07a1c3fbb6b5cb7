#include "dataplane/journal/merge.h"

#include <string.h>

#include "dataplane/journal/format.h"

/* Room for `n` more at the end, counted as used; NULL: memory is out. */
static void *more(struct merge_list *l, size_t n)
{
	void *at;

	if (l->count + n > l->cap || !l->v) {
		size_t cap = (l->count + n) * 2 + 16;
		uint8_t *v = realloc(l->v, cap * l->size);

		if (!v)
			return NULL;
		l->v = v;
		l->cap = cap;
	}
	at = l->v + l->count * l->size;
	l->count += n;
	return at;
}

static void *entry(const struct merge_list *l, size_t i)
{
	return l->v ? l->v + i * l->size : NULL;
}

void merge_init(struct merge *m, const struct siphash_key *key)
{
	memset(m, 0, sizeof(*m));
	names_init(&m->devices, key);
	names_init(&m->sources, key);
	names_init(&m->vdoms, key);
	names_init(&m->streams, key);
	names_init(&m->deltas, key);
	m->part.size = sizeof(struct journal_part);
	m->row.size = sizeof(struct block_row);
	m->source.size = sizeof(struct block_source);
	m->stream.size = sizeof(struct block_stream);
	m->gap.size = sizeof(struct block_gap);
	m->delta.size = sizeof(struct block_delta);
	m->device.size = sizeof(struct block_device);
	m->vdom.size = sizeof(struct block_vdom);
	m->map.size = sizeof(uint16_t);
}

static void free_names(struct merge *m)
{
	names_free(&m->devices);
	names_free(&m->sources);
	names_free(&m->vdoms);
	names_free(&m->streams);
	names_free(&m->deltas);
}

static void each_list(struct merge *m, void (*fn)(struct merge_list *))
{
	fn(&m->part);
	fn(&m->row);
	fn(&m->source);
	fn(&m->stream);
	fn(&m->gap);
	fn(&m->delta);
	fn(&m->device);
	fn(&m->vdom);
	fn(&m->map);
}

static void list_free(struct merge_list *l)
{
	free(l->v);
	l->v = NULL;
	l->count = l->cap = 0;
}

static void list_empty(struct merge_list *l)
{
	l->count = 0;
}

void merge_free(struct merge *m)
{
	free_names(m);
	each_list(m, list_free);
	bytes_buf_free(&m->names);
}

void merge_reset(struct merge *m)
{
	struct siphash_key key = m->devices.key;

	free_names(m);
	names_init(&m->devices, &key);
	names_init(&m->sources, &key);
	names_init(&m->vdoms, &key);
	names_init(&m->streams, &key);
	names_init(&m->deltas, &key);
	each_list(m, list_empty);
}

bool merge_has_room(const struct merge *m, const struct journal_records *r, uint32_t max_rows)
{
	const uint32_t most = FORMAT_MAX_DICTIONARY;

	return m->part.count == 0 || (m->row.count + r->row_count <= max_rows &&
					     m->devices.count + r->device_count <= most &&
					     m->sources.count + r->source_count <= most &&
					     m->vdoms.count + r->vdom_count <= most &&
					     m->streams.count + r->stream_count <= most &&
					     m->gap.count + r->gap_count <= most &&
					     m->delta.count + r->delta_count <= most);
}

/* The input's numbers in the joined dictionaries: devices, sources, vdoms, streams. */
struct mapping {
	uint16_t *device, *source, *vdom, *stream;
};

static int map_source(struct merge *m, const struct block_source *s, uint16_t *to)
{
	uint8_t key[18];
	uint32_t n;

	memcpy(key, s->addr.b, 16);
	memcpy(key + 16, &s->port, 2);
	n = names_add(&m->sources, key, sizeof(key));
	if (n == NAMES_NONE)
		return -2;
	*to = (uint16_t)n;
	if (n == m->source.count) {
		struct block_source *v = more(&m->source, 1);

		if (!v)
			return -2;
		*v = *s;
	}
	return 0;
}

/* The first of its seq_nos stays, the state behind it is that of the last block. */
static int map_stream(
	struct merge *m, const struct block_stream *s, const struct mapping *map, uint16_t *to)
{
	uint16_t device = map->device[s->device];
	struct block_stream *v;
	uint8_t key[14];
	uint32_t n;

	memcpy(key, &device, 2);
	memcpy(key + 2, &s->conn_id, 4);
	memcpy(key + 6, &s->epoch, 8);
	n = names_add(&m->streams, key, sizeof(key));
	if (n == NAMES_NONE)
		return -2;
	*to = (uint16_t)n;
	if (n == m->stream.count) {
		v = more(&m->stream, 1);
		if (!v)
			return -2;
		*v = *s;
		v->device = device;
		return 0;
	}
	v = entry(&m->stream, n);
	v->last_seq = s->last_seq;
	v->confirmed = s->confirmed;
	memcpy(v->digest, s->digest, sizeof(v->digest));
	return 0;
}

static int map_all(struct merge *m, const struct journal_records *r, struct mapping *map)
{
	size_t n = (size_t)r->device_count + r->source_count + r->vdom_count + r->stream_count;

	m->map.count = 0;
	map->device = more(&m->map, n);
	if (!map->device)
		return -2;
	map->source = map->device + r->device_count;
	map->vdom = map->source + r->source_count;
	map->stream = map->vdom + r->vdom_count;
	for (uint32_t i = 0; i < r->device_count; i++) {
		const struct block_device *d = &r->devices[i];
		uint32_t at = names_add(&m->devices, r->names + d->name_off, d->name_len);

		if (at == NAMES_NONE)
			return -2;
		map->device[i] = (uint16_t)at;
	}
	for (uint32_t i = 0; i < r->vdom_count; i++) {
		const struct block_vdom *d = &r->vdoms[i];
		uint32_t at = names_add(&m->vdoms, r->names + d->name_off, d->name_len);

		if (at == NAMES_NONE)
			return -2;
		map->vdom[i] = (uint16_t)at;
	}
	for (uint32_t i = 0; i < r->source_count; i++)
		if (map_source(m, &r->sources[i], &map->source[i]) != 0)
			return -2;
	for (uint32_t i = 0; i < r->stream_count; i++)
		if (map_stream(m, &r->streams[i], map, &map->stream[i]) != 0)
			return -2;
	return 0;
}

static int add_deltas(struct merge *m, const struct journal_records *r, const struct mapping *map)
{
	for (uint32_t i = 0; i < r->delta_count; i++) {
		const struct block_delta *x = &r->deltas[i];
		uint16_t key[2] = {map->device[x->device], x->counter};
		struct block_delta *v;
		uint32_t n;

		if (x->counter == DELTA_UNKNOWN)
			return -1;
		n = names_add(&m->deltas, key, sizeof(key));
		if (n == NAMES_NONE)
			return -2;
		if (n < m->delta.count) {
			v = entry(&m->delta, n);
			v->n += x->n;
			continue;
		}
		v = more(&m->delta, 1);
		if (!v)
			return -2;
		*v = *x;
		v->device = key[0];
	}
	return 0;
}

static uint16_t mapped(const uint16_t *map, uint16_t n)
{
	return n == BLOCK_NONE ? BLOCK_NONE : map[n];
}

int merge_add(struct merge *m, const struct journal_records *r)
{
	struct journal_part *part = more(&m->part, r->part_count);
	struct block_row *row = more(&m->row, r->row_count);
	struct block_gap *gap = more(&m->gap, r->gap_count);
	struct mapping map;

	if (!part || !row || !gap || map_all(m, r, &map) != 0)
		return -2;
	memcpy(part, r->parts, r->part_count * sizeof(*part));
	for (uint32_t i = 0; i < r->row_count; i++) {
		row[i] = r->rows[i];
		row[i].device = map.device[row[i].device];
		row[i].source = mapped(map.source, row[i].source);
		row[i].vdom = mapped(map.vdom, row[i].vdom);
		row[i].stream = mapped(map.stream, row[i].stream);
	}
	for (uint32_t i = 0; i < r->gap_count; i++) {
		gap[i] = r->gaps[i];
		gap[i].stream = map.stream[gap[i].stream];
	}
	return add_deltas(m, r, &map);
}

/* Names lie behind one another: all devices', then all vdoms'. */
static int join_names(struct merge *m, struct journal_records *out)
{
	m->device.count = m->vdom.count = 0;
	out->devices = more(&m->device, m->devices.count);
	out->vdoms = more(&m->vdom, m->vdoms.count);
	m->names.len = 0;
	bytes_buf_add(&m->names, m->devices.bytes.data, m->devices.bytes.len);
	bytes_buf_add(&m->names, m->vdoms.bytes.data, m->vdoms.bytes.len);
	if (!out->devices || !out->vdoms || m->names.failed)
		return -2;
	for (uint32_t i = 0; i < m->devices.count; i++)
		out->devices[i] =
			(struct block_device){.name_off = (uint32_t)m->devices.entries[i].off,
				.name_len = m->devices.entries[i].len};
	for (uint32_t i = 0; i < m->vdoms.count; i++)
		out->vdoms[i] = (struct block_vdom){
			.name_off = (uint32_t)(m->devices.bytes.len + m->vdoms.entries[i].off),
			.name_len = m->vdoms.entries[i].len};
	out->names = m->names.data;
	out->names_len = (uint32_t)m->names.len;
	return 0;
}

int merge_records(struct merge *m, struct journal_records *out)
{
	*out = (struct journal_records){
		.parts = entry(&m->part, 0),
		.rows = entry(&m->row, 0),
		.sources = entry(&m->source, 0),
		.streams = entry(&m->stream, 0),
		.gaps = entry(&m->gap, 0),
		.deltas = entry(&m->delta, 0),
		.part_count = (uint32_t)m->part.count,
		.row_count = (uint32_t)m->row.count,
		.device_count = m->devices.count,
		.source_count = (uint32_t)m->source.count,
		.vdom_count = m->vdoms.count,
		.stream_count = (uint32_t)m->stream.count,
		.gap_count = (uint32_t)m->gap.count,
		.delta_count = (uint32_t)m->delta.count,
	};
	if (join_names(m, out) != 0)
		return -2;
	for (uint32_t i = 0; i < out->row_count; i++) {
		struct block_device *d = &out->devices[out->rows[i].device];

		d->logs++;
		d->bytes += out->rows[i].len;
	}
	return 0;
}
