#include "dataplane/journal/state_internal.h"

#include <assert.h>
#include <string.h>

#include "dataplane/journal/columns.h"

struct fold *fold_new(const struct siphash_key *key)
{
	struct fold *s = calloc(1, sizeof(*s));

	if (s)
		names_init(&s->names, key);
	return s;
}

void fold_free(struct fold *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->stream_count; i++)
		free(s->streams[i].gaps);
	names_free(&s->names);
	free(s->devices);
	free(s->device_streams);
	free(s->streams);
	free(s->slots);
	free(s->scratch.device);
	free(s->scratch.stream);
	free(s->scratch.last_ns);
	free(s->scratch.next_gap);
	free(s->scratch.chain);
	free(s->scratch.opened);
	free(s);
}

uint32_t state_device_get(struct fold *s, const void *name, uint16_t len)
{
	uint32_t i = names_add(&s->names, name, len);

	if (i == NAMES_NONE)
		return UINT32_MAX;
	if (i == s->device_cap) {
		uint32_t cap = s->device_cap ? s->device_cap * 2 : 64;
		struct journal_state_device *d = realloc(s->devices, cap * sizeof(*d));
		uint32_t *n;

		if (!d)
			return UINT32_MAX;
		s->devices = d;
		n = realloc(s->device_streams, cap * sizeof(*n));
		if (!n)
			return UINT32_MAX;
		s->device_streams = n;
		memset(d + s->device_cap, 0, (cap - s->device_cap) * sizeof(*d));
		memset(n + s->device_cap, 0, (cap - s->device_cap) * sizeof(*n));
		s->device_cap = cap;
	}
	return i;
}

static uint32_t stream_hash(const struct fold *s, uint32_t device, uint32_t conn_id, uint64_t epoch)
{
	uint64_t id[2] = {(uint64_t)device << 32 | conn_id, epoch};

	return (uint32_t)siphash13(&s->names.key, id, sizeof(id));
}

static uint32_t stream_slot(const struct fold *s, uint32_t device, uint32_t conn_id, uint64_t epoch)
{
	uint32_t at = stream_hash(s, device, conn_id, epoch) & s->slot_mask;

	for (; s->slots[at] != 0; at = (at + 1) & s->slot_mask) {
		const struct journal_state_stream *p = &s->streams[s->slots[at] - 1].pub;

		if (p->device == device && p->conn_id == conn_id && p->epoch == epoch)
			break;
	}
	return at;
}

void state_streams_index(struct fold *s)
{
	memset(s->slots, 0, ((size_t)s->slot_mask + 1) * sizeof(*s->slots));
	for (uint32_t i = 0; i < s->stream_count; i++) {
		const struct journal_state_stream *p = &s->streams[i].pub;

		s->slots[stream_slot(s, p->device, p->conn_id, p->epoch)] = i + 1;
	}
}

static int streams_rehash(struct fold *s, uint32_t slots_len)
{
	uint32_t *slots = calloc(slots_len, sizeof(*slots));

	if (!slots)
		return -1;
	free(s->slots);
	s->slots = slots;
	s->slot_mask = slots_len - 1;
	state_streams_index(s);
	return 0;
}

static int streams_grow(struct fold *s)
{
	uint32_t cap = s->stream_cap ? s->stream_cap * 2 : 64;
	struct state_stream *v = realloc(s->streams, cap * sizeof(*v));

	if (!v)
		return -1;
	s->streams = v;
	if (streams_rehash(s, cap * 2) != 0)
		return -1;
	s->stream_cap = cap;
	return 0;
}

struct state_stream *state_stream_get(
	struct fold *s, uint32_t device, uint32_t conn_id, uint64_t epoch)
{
	uint32_t at;

	if (s->stream_count == s->stream_cap && streams_grow(s) != 0)
		return NULL;
	at = stream_slot(s, device, conn_id, epoch);
	if (s->slots[at] == 0) {
		struct state_stream *st = &s->streams[s->stream_count];

		memset(st, 0, sizeof(*st));
		st->pub.device = device;
		st->pub.conn_id = conn_id;
		st->pub.epoch = epoch;
		s->slots[at] = ++s->stream_count;
		s->device_streams[device]++;
		if (!s->grown || s->device_streams[device] >= s->device_streams[s->grown - 1])
			s->grown = device + 1;
	}
	return &s->streams[s->slots[at] - 1];
}

static int fit(void **v, size_t count, size_t size)
{
	void *p = realloc(*v, count * size);

	if (!p)
		return -1;
	*v = p;
	return 0;
}

static int scratch_fit(struct state_scratch *c, const struct journal_records *r)
{
	if (r->device_count > c->devices) {
		if (fit((void **)&c->device, r->device_count, sizeof(*c->device)) != 0)
			return -1;
		c->devices = r->device_count;
	}
	if (r->stream_count > c->streams) {
		if (fit((void **)&c->stream, r->stream_count, sizeof(*c->stream)) != 0 ||
			fit((void **)&c->last_ns, r->stream_count, sizeof(*c->last_ns)) != 0 ||
			fit((void **)&c->next_gap, r->stream_count, sizeof(*c->next_gap)) != 0)
			return -1;
		c->streams = r->stream_count;
	}
	if (r->gap_count > c->gaps) {
		if (fit((void **)&c->chain, r->gap_count, sizeof(*c->chain)) != 0 ||
			fit((void **)&c->opened, r->gap_count, sizeof(*c->opened)) != 0)
			return -1;
		c->gaps = r->gap_count;
	}
	return 0;
}

static int map_dictionaries(struct fold *s, const struct journal_records *r)
{
	struct state_scratch *c = &s->scratch;

	for (uint32_t i = 0; i < r->device_count; i++) {
		const struct block_device *d = &r->devices[i];

		c->device[i] = state_device_get(s, r->names + d->name_off, d->name_len);
		if (c->device[i] == UINT32_MAX)
			return -1;
	}
	for (uint32_t i = 0; i < r->stream_count; i++) {
		const struct block_stream *b = &r->streams[i];
		struct state_stream *st =
			state_stream_get(s, c->device[b->device], b->conn_id, b->epoch);

		if (!st)
			return -1;
		c->stream[i] = (uint32_t)(st - s->streams);
		c->last_ns[i] = st->pub.last_seen_ns;
		c->next_gap[i] = UINT32_MAX;
	}
	/* Backwards, so that each stream's chain runs in the order of the block. */
	for (uint32_t i = r->gap_count; i-- > 0;) {
		const struct block_gap *g = &r->gaps[i];

		c->opened[i] = (struct journal_state_gap){.first = g->first, .last = g->last};
		if (g->kind == GAP_OPENED) {
			c->chain[i] = c->next_gap[g->stream];
			c->next_gap[g->stream] = i;
		}
	}
	return 0;
}

static void seen(struct journal_state_device *d, uint64_t ns)
{
	if (ns > d->last_seen_ns)
		d->last_seen_ns = ns;
	if (d->first_seen_ns == 0 || ns < d->first_seen_ns)
		d->first_seen_ns = ns;
}

static void fold_rows(struct fold *s, const struct journal_records *r)
{
	struct state_scratch *c = &s->scratch;

	for (uint32_t i = 0; i < r->row_count; i++) {
		const struct block_row *row = &r->rows[i];
		struct journal_state_device *d = &s->devices[c->device[row->device]];

		seen(d, row->time_ns);
		if (row->stream == BLOCK_NONE)
			continue;
		/* A gap is dated by the receipts around it: the row before, and the first behind.
		 */
		while (c->next_gap[row->stream] != UINT32_MAX &&
			row->seq_no > c->opened[c->next_gap[row->stream]].last) {
			struct journal_state_gap *g = &c->opened[c->next_gap[row->stream]];

			g->before_ns = c->last_ns[row->stream];
			g->after_ns = row->time_ns;
			c->next_gap[row->stream] = c->chain[c->next_gap[row->stream]];
		}
		c->last_ns[row->stream] = row->time_ns;
	}
	for (uint32_t i = 0; i < r->device_count; i++) {
		struct journal_state_device *d = &s->devices[c->device[i]];

		d->stored += r->devices[i].logs;
		d->bytes += r->devices[i].bytes;
		s->logs += r->devices[i].logs;
		s->raw_bytes += r->devices[i].bytes + r->devices[i].logs;
	}
}

static int fold_streams(struct fold *s, const struct journal_records *r)
{
	struct state_scratch *c = &s->scratch;

	for (uint32_t i = 0; i < r->stream_count; i++) {
		struct journal_state_stream *p = &s->streams[c->stream[i]].pub;

		p->confirmed = r->streams[i].confirmed;
		memcpy(p->digest, r->streams[i].digest, sizeof(p->digest));
		p->last_seen_ns = c->last_ns[i];
	}
	for (uint32_t i = 0; i < r->gap_count; i++) {
		const struct block_gap *g = &r->gaps[i];
		struct state_stream *st = &s->streams[c->stream[g->stream]];
		int rc;

		if (g->kind == GAP_OPENED)
			rc = state_gap_open(st, &c->opened[i]);
		else
			rc = state_gap_close(st, g->first, g->last);
		if (rc != 0)
			return -1;
	}
	return 0;
}

static void fold_deltas(struct fold *s, const struct journal_records *r)
{
	for (uint32_t i = 0; i < r->delta_count; i++) {
		const struct block_delta *x = &r->deltas[i];
		struct journal_state_device *d = &s->devices[s->scratch.device[x->device]];

		switch (x->counter) {
		case DELTA_DUPLICATE:
			d->duplicate += x->n;
			break;
		case DELTA_LATE:
			d->late += x->n;
			break;
		case DELTA_CLIENT_DROPPED:
			d->client_dropped += x->n;
			break;
		case DELTA_CONFLICT:
			d->conflict += x->n;
			break;
		default:
			if (x->counter < DROP_REASON_COUNT)
				d->dropped[x->counter] += x->n;
		}
	}
}

int fold_block(struct fold *s, const struct journal_records *r)
{
	if (scratch_fit(&s->scratch, r) != 0 || map_dictionaries(s, r) != 0)
		return -1;
	fold_rows(s, r);
	fold_deltas(s, r);
	return fold_streams(s, r);
}

uint64_t fold_logs(const struct fold *s)
{
	return s->logs;
}

uint64_t fold_raw_bytes(const struct fold *s)
{
	return s->raw_bytes;
}

uint32_t fold_device_count(const struct fold *s)
{
	return s->names.count;
}

const struct journal_state_device *fold_device(const struct fold *s, uint32_t i)
{
	assert(i < s->names.count);
	return &s->devices[i];
}

const char *fold_name(const struct fold *s, uint32_t device, size_t *len)
{
	uint16_t n;
	const uint8_t *name;

	assert(device < s->names.count);
	name = names_at(&s->names, device, &n);
	*len = n;
	return (const char *)name;
}

uint32_t fold_stream_count(const struct fold *s)
{
	return s->stream_count;
}

const struct journal_state_stream *fold_stream(const struct fold *s, uint32_t i)
{
	assert(i < s->stream_count);
	return &s->streams[i].pub;
}

const struct journal_state_stream *fold_stream_find(
	const struct fold *s, const char *device, size_t len, uint32_t conn_id, uint64_t epoch)
{
	uint32_t d = names_find(&s->names, device, (uint16_t)len);
	uint32_t at;

	if (d == NAMES_NONE || s->stream_count == 0)
		return NULL;
	at = stream_slot(s, d, conn_id, epoch);
	return s->slots[at] ? &s->streams[s->slots[at] - 1].pub : NULL;
}
