/* Streams that the state lets go of. */
#include "dataplane/journal/state_internal.h"

#include <stdlib.h>
#include <string.h>

uint32_t fold_device_streams(const struct fold *s, const char *device, size_t len)
{
	uint32_t d = names_find(&s->names, device, (uint16_t)len);

	return d == NAMES_NONE ? 0 : s->device_streams[d];
}

/* Forgets those that are marked. */
static uint32_t forget(struct fold *s)
{
	uint32_t kept = 0, gone;

	for (uint32_t i = 0; i < s->stream_count; i++) {
		struct state_stream *st = &s->streams[i];

		if (st->going) {
			s->device_streams[st->pub.device]--;
			free(st->gaps);
		} else {
			s->streams[kept++] = *st;
		}
	}
	gone = s->stream_count - kept;
	s->stream_count = kept;
	if (gone)
		state_streams_index(s);
	return gone;
}

uint32_t fold_expire(struct fold *s, uint64_t ns)
{
	for (uint32_t i = 0; i < s->stream_count; i++)
		s->streams[i].going = s->streams[i].pub.last_seen_ns < ns;
	return forget(s);
}

/* By connection id, and of one the newest first. */
static int by_conn_id(const void *a, const void *b)
{
	const struct state_stream *const *x = a, *const *y = b;

	if ((*x)->pub.conn_id != (*y)->pub.conn_id)
		return (*x)->pub.conn_id < (*y)->pub.conn_id ? -1 : 1;
	if ((*x)->pub.last_seen_ns != (*y)->pub.last_seen_ns)
		return (*x)->pub.last_seen_ns > (*y)->pub.last_seen_ns ? -1 : 1;
	return (*x)->pub.epoch < (*y)->pub.epoch ? -1 : 1;
}

static int by_age(const void *a, const void *b)
{
	const struct state_stream *const *x = a, *const *y = b;

	if ((*x)->pub.last_seen_ns != (*y)->pub.last_seen_ns)
		return (*x)->pub.last_seen_ns < (*y)->pub.last_seen_ns ? -1 : 1;
	return 0;
}

/* Of the n streams at `v` those that may be displaced, to its begin; returns how many. */
static uint32_t displaced(struct state_stream **v, uint32_t n, uint64_t ns)
{
	uint32_t found = 0, newest = 0; /* of its connection id */

	qsort(v, n, sizeof(struct state_stream *), by_conn_id);
	for (uint32_t i = 1; i < n; i++) {
		struct state_stream *st = v[i];

		if (st->pub.conn_id != v[newest]->pub.conn_id)
			newest = i;
		else if (st->pub.last_seen_ns < ns)
			st->going = true;
	}
	for (uint32_t i = 0; i < n; i++)
		if (v[i]->going)
			v[found++] = v[i];
	qsort(v, found, sizeof(struct state_stream *), by_age);
	return found;
}

/* The device's streams that may be displaced are marked, but for all beyond `most`; how many. */
static uint32_t mark(struct fold *s, uint32_t d, uint32_t most, uint64_t ns)
{
	struct state_stream **v =
		malloc(((size_t)s->device_streams[d] + 1) * sizeof(struct state_stream *));
	uint32_t n = 0, found;

	for (uint32_t i = 0; v && i < s->stream_count; i++) {
		s->streams[i].going = false;
		if (s->streams[i].pub.device == d)
			v[n++] = &s->streams[i];
	}
	found = v ? displaced(v, n, ns) : 0;
	for (uint32_t i = most; i < found; i++)
		v[i]->going = false;
	free(v);
	return found < most ? found : most;
}

uint32_t fold_displaceable(struct fold *s, const char *device, size_t len, uint64_t ns)
{
	uint32_t d = names_find(&s->names, device, (uint16_t)len);

	return d == NAMES_NONE ? 0 : mark(s, d, UINT32_MAX, ns);
}

uint32_t fold_make_room(struct fold *s, uint32_t most, uint64_t ns)
{
	uint32_t d = s->grown - 1, keep = most - most / 8;
	bool grown = s->grown != 0;

	s->grown = 0; /* one that cannot be helped is not looked at again before it grows */
	if (!grown || s->device_streams[d] <= most)
		return 0;
	return mark(s, d, s->device_streams[d] - keep, ns) ? forget(s) : 0;
}
