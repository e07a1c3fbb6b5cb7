#include "dataplane/intake.h"

#include <assert.h>
#include <string.h>

#define COMPLETIONS_A_ROUND 16
#define CACHE_LINE	    64u
#define AHEAD_BYTES	    2048u
/* Scarcity begins when a quarter of the pool is left. */
#define RESERVE_SHARE	  4u
#define WINDOW_US	  50000u
#define WINDOW_BYTES_FREE 16384u /* so much in a window is never heavy */
/* Seen for the first time so recently: anybody can make up source addresses, so all newcomers
 * together have one source's share. */
#define NEWCOMER_NS 1000000000u
/* Deltas without a log wait this long for a block to go with. */
#define TELL_DELTAS_US 1000000u

int intake_init(struct intake *in, struct journal *j, unsigned port, uint32_t max_devices,
	const struct siphash_key *key)
{
	memset(in, 0, sizeof(*in));
	in->journal = j;
	in->port = journal_port(j, port);
	in->reserve = journal_port_free(in->port) / RESERVE_SHARE;
	in->item_stream = BLOCK_NONE;
	in->devices = device_table_new(max_devices, key);
	return in->devices ? 0 : -1;
}

void intake_fini(struct intake *in)
{
	if (in->block) {
		/* intake_flush() has come before: no log is thrown away here. */
		assert(in->block->row_count == 0);
		journal_block_put(in->port, in->block);
	}
	in->block = NULL;
	device_table_free(in->devices);
	in->devices = NULL;
}

static uint16_t device_in_block(struct block *b, struct device *d, uint32_t index)
{
	if (d->block_generation != b->generation) {
		d->block_generation = b->generation;
		d->block_index = block_device_add(b, d->name, d->name_len, index);
		device_hold(d); /* settle() gives it back */
		d->source_index = BLOCK_NONE;
	}
	return d->block_index;
}

/* Adds one device's deltas to the block; what finds no room stays for the next one. */
static void tell_device(struct intake *in, struct block *b, uint32_t index)
{
	struct device *d = device_at(in->devices, index);
	struct {
		uint32_t *n;
		uint16_t counter;
	} rest[] = {
		{&d->deltas.duplicate, DELTA_DUPLICATE},
		{&d->deltas.late, DELTA_LATE},
		{&d->deltas.client_dropped, DELTA_CLIENT_DROPPED},
		{&d->deltas.conflict, DELTA_CONFLICT},
	};
	uint16_t at = device_in_block(b, d, index);

	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		if (d->deltas.dropped[i] &&
			block_delta_add(b, at, (uint16_t)i, d->deltas.dropped[i]))
			d->deltas.dropped[i] = 0;
	for (unsigned i = 0; i < sizeof(rest) / sizeof(rest[0]); i++)
		if (*rest[i].n && block_delta_add(b, at, rest[i].counter, *rest[i].n))
			*rest[i].n = 0;
}

static void tell_deltas(struct intake *in, struct block *b)
{
	uint32_t index;

	while (BLOCK_MAX_DELTAS - b->delta_count >= DROP_REASON_COUNT + 4u &&
		b->device_count < BLOCK_MAX_DEVICES &&
		b->names_len + DEVICE_NAME_MAX <= BLOCK_NAME_BYTES &&
		device_take_dirty(in->devices, &index))
		tell_device(in, b, index);
	in->told_us = in->now_us;
}

static void submit(struct intake *in)
{
	struct block *b = in->block;

	in->block = NULL;
	tell_deltas(in, b);
	in->in_flight++;
	journal_submit(in->port, b);
}

/* A block that could not be stored: its logs were not kept, and what it would have told is still to
 * be told. */
static void unsettle(struct intake *in, const struct block *b)
{
	enum drop_reason reason =
		b->error == JOURNAL_E_NO_SPACE ? DROP_disk_full : DROP_journal_failed;

	for (unsigned i = 0; i < b->device_count; i++) {
		struct device *d = device_at(in->devices, b->devices[i].table_index);

		d->failed += b->devices[i].logs;
		if (b->devices[i].logs)
			device_dropped(
				in->devices, b->devices[i].table_index, reason, b->devices[i].logs);
	}
	for (unsigned i = 0; i < b->delta_count; i++) {
		uint32_t index = b->devices[b->deltas[i].device].table_index;
		struct device *d = device_at(in->devices, index);
		uint32_t n = (uint32_t)b->deltas[i].n;

		switch (b->deltas[i].counter) {
		case DELTA_DUPLICATE:
			d->deltas.duplicate += n;
			break;
		case DELTA_LATE:
			d->deltas.late += n;
			break;
		case DELTA_CLIENT_DROPPED:
			d->deltas.client_dropped += n;
			break;
		case DELTA_CONFLICT:
			d->deltas.conflict += n;
			break;
		default:
			d->deltas.dropped[b->deltas[i].counter] += n;
			break;
		}
		device_mark_dirty(in->devices, index);
	}
}

static void settle(struct intake *in, const struct block *b)
{
	if (b->error)
		unsettle(in, b);
	for (unsigned i = 0; i < b->device_count; i++) {
		struct device *d = device_at(in->devices, b->devices[i].table_index);

		if (!b->error)
			d->stored += b->devices[i].logs;
		device_release(d);
	}
}

static bool take_block(struct intake *in)
{
	in->block = journal_block_get(in->port);
	if (!in->block)
		return false;
	/* Unlike any other block's: a device remembers its index together with this number. */
	if (++in->generation == 0)
		in->generation = 1; /* 0 is that of a device which never was in a block */
	in->block->generation = in->generation;
	return true;
}

/* Logs that are appended together share device, source, vdom and stream: one new entry of each at
 * most. */
static bool has_room(const struct block *b, uint32_t bytes, uint32_t logs)
{
	return b->raw_size - b->raw_len >= (uint64_t)bytes + logs &&
	       BLOCK_MAX_ROWS - b->row_count >= logs && BLOCK_MAX_DEVICES > b->device_count &&
	       BLOCK_MAX_SOURCES > b->source_count && BLOCK_MAX_VDOMS > b->vdom_count &&
	       BLOCK_MAX_STREAMS > b->stream_count && BLOCK_MAX_GAPS > b->gap_count &&
	       BLOCK_NAME_BYTES - b->names_len >= 2u * DEVICE_NAME_MAX;
}

bool intake_room(struct intake *in, uint32_t bytes, uint32_t logs)
{
	if (__builtin_expect(in->block && has_room(in->block, bytes, logs), 1))
		return true;
	if (in->block) {
		if (block_empty(in->block))
			return false; /* larger than any block: the caller has a bound below that */
		submit(in);
	}
	return take_block(in) && has_room(in->block, bytes, logs);
}

static void copy_spans(uint8_t *to, const struct framing_span *v, uint32_t skip, uint32_t len)
{
	while (skip >= v->len && len > 0) {
		skip -= v->len;
		v++;
	}
	while (len > 0) {
		uint32_t n = v->len - skip < len ? v->len - skip : len;

		memcpy(to, v->data + skip, n);
		to += n;
		len -= n;
		skip = 0;
		v++;
	}
}

/* An item names one vdom for all its logs: it is the newest entry then. */
static uint16_t vdom_in_block(struct block *b, const char *vdom, uint32_t len)
{
	if (len > DEVICE_NAME_MAX)
		len = DEVICE_NAME_MAX;
	if (b->vdom_count > 0) {
		const struct block_vdom *last = &b->vdoms[b->vdom_count - 1];

		if (last->name_len == len && memcmp(b->names + last->name_off, vdom, len) == 0)
			return (uint16_t)(b->vdom_count - 1);
	}
	return block_vdom_add(b, vdom, (uint16_t)len);
}

void intake_append(struct intake *in, const struct intake_source *src, const struct framing_span *v,
	uint32_t skip, uint32_t len, uint8_t flags, const char *vdom, uint32_t vdom_len)
{
	struct device *d = device_at(in->devices, src->device);
	struct block *b = in->block;
	uint8_t *at;
	struct block_row row = {
		.time_ns = in->now_ns,
		.len = len,
		.device = device_in_block(b, d, src->device),
		.vdom = BLOCK_NONE,
		.stream = in->item_stream,
		.seq_no = in->item_seq,
		.transport = src->transport,
		.flags = flags,
	};

	if (src->transport == TRANSPORT_INTERNAL) {
		row.source = BLOCK_NONE;
	} else {
		if (d->source_index == BLOCK_NONE || d->source_port != src->port ||
			!ip_addr_equal(&b->sources[d->source_index].addr, &src->addr)) {
			d->source_index = block_source_add(b, &src->addr, src->port);
			d->source_port = src->port;
		}
		row.source = d->source_index;
	}
	if (vdom)
		row.vdom = vdom_in_block(b, vdom, vdom_len);
	if (b->row_count == 0)
		b->first_us = in->now_us;
	if (src->acked)
		b->acked = true;
	at = block_append(b, &row);
	/* Where logs will lie in a few frames' time; blocks are long out of the cache. */
	for (uint32_t k = 0; k < len; k += CACHE_LINE)
		__builtin_prefetch(at + AHEAD_BYTES + k, 1);
	copy_spans(at, v, skip, len);

	d->received++;
	d->appended++;
	d->bytes += len;
	d->last_seen_ns = in->now_ns;
	if (flags & LOG_FLAG_CUT)
		d->cut++;
	in->logs++;
}

void intake_item(struct intake *in, const struct intake_source *src, struct intake_stream *st,
	uint64_t seq_no, bool late, uint64_t first, uint64_t last)
{
	struct block *b = in->block;
	struct block_stream *bs;

	if (st->generation != b->generation) {
		const struct block_stream new = {
			.epoch = st->epoch,
			.conn_id = st->conn_id,
			.first_seq = seq_no,
			.device = device_in_block(
				b, device_at(in->devices, src->device), src->device),
		};

		st->generation = b->generation;
		st->index = block_stream_add(b, &new);
	}
	bs = &b->streams[st->index];
	bs->last_seq = seq_no;
	bs->confirmed = st->highest;
	memcpy(bs->digest, st->digest, sizeof(bs->digest));
	if (first)
		block_gap_add(b, st->index, late ? GAP_CLOSED : GAP_OPENED, first, last);
	in->item_seq = seq_no;
	in->item_stream = st->index;
}

void intake_item_end(struct intake *in)
{
	in->item_seq = 0;
	in->item_stream = BLOCK_NONE;
}

void intake_duplicate(struct intake *in, uint32_t device, uint32_t n)
{
	struct device *d = device_at(in->devices, device);

	d->received += n;
	d->duplicate += n;
	d->deltas.duplicate += n;
	d->last_seen_ns = in->now_ns;
	device_mark_dirty(in->devices, device);
}

void intake_note(struct intake *in, uint32_t device, uint32_t late, uint32_t client_dropped,
	uint32_t conflict)
{
	struct device *d = device_at(in->devices, device);

	d->late += late;
	d->client_dropped += client_dropped;
	d->conflict += conflict;
	d->deltas.late += late;
	d->deltas.client_dropped += client_dropped;
	d->deltas.conflict += conflict;
	device_mark_dirty(in->devices, device);
}

bool intake_admit(struct intake *in, uint32_t device, uint32_t bytes)
{
	struct device *d;

	if (__builtin_expect(!in->scarce, 1))
		return true;
	if (in->now_us - in->window_us >= WINDOW_US) {
		in->window_us = in->now_us;
		in->window++;
		in->window_bytes = in->window_devices = 0;
	}
	d = device_at(in->devices, device);
	if (in->now_ns - d->first_seen_ns < NEWCOMER_NS)
		d = device_at(in->devices, DEVICE_OTHER);
	if (d->window != in->window) {
		d->window = in->window;
		d->window_bytes = 0;
		in->window_devices++;
	}
	d->window_bytes += bytes;
	in->window_bytes += bytes;
	return d->window_bytes <= WINDOW_BYTES_FREE ||
	       (uint64_t)d->window_bytes * in->window_devices <= 2ull * in->window_bytes;
}

void intake_drop(struct intake *in, uint32_t device, enum drop_reason reason, uint32_t n)
{
	struct device *d = device_at(in->devices, device);

	d->received += n;
	d->last_seen_ns = in->now_ns;
	device_dropped(in->devices, device, reason, n);
}

enum drop_reason intake_no_room_reason(const struct intake *in)
{
	switch (journal_state(in->journal)) {
	case JOURNAL_HOLD_DISK_FULL:
		return DROP_disk_full;
	case JOURNAL_FAILED:
		return DROP_journal_failed;
	case JOURNAL_RUNNING:
	case JOURNAL_STOPPED:
		break;
	}
	return DROP_no_block;
}

bool intake_round(struct intake *in)
{
	struct block *v[COMPLETIONS_A_ROUND];
	unsigned n = journal_completed(in->port, v, COMPLETIONS_A_ROUND);

	in->scarce = journal_port_free(in->port) < in->reserve;
	for (unsigned i = 0; i < n; i++) {
		settle(in, v[i]);
		if (in->completed)
			in->completed(in->completed_ctx, v[i]);
		journal_block_put(in->port, v[i]);
		in->in_flight--;
	}
	if (in->block && in->block->row_count > 0) {
		if (journal_should_submit(in->port, in->block, in->now_us)) {
			submit(in);
			return true;
		}
	} else if (device_any_dirty(in->devices) && in->now_us - in->told_us >= TELL_DELTAS_US) {
		if (journal_state(in->journal) == JOURNAL_RUNNING &&
			(in->block || take_block(in))) {
			in->block->first_us = in->now_us;
			submit(in);
			return true;
		}
		in->told_us = in->now_us;
	}
	return n > 0;
}

uint64_t intake_deadline(const struct intake *in)
{
	if (in->block && in->block->row_count > 0)
		return journal_submit_deadline(in->port, in->block, in->now_us);
	if (device_any_dirty(in->devices))
		return in->told_us + TELL_DELTAS_US;
	return UINT64_MAX;
}

void intake_flush(struct intake *in)
{
	if (!in->block && device_any_dirty(in->devices))
		take_block(in);
	if (!in->block)
		return;
	if (in->block->row_count > 0 || device_any_dirty(in->devices)) {
		if (in->block->first_us == 0)
			in->block->first_us = in->now_us;
		submit(in);
	} else {
		journal_block_put(in->port, in->block);
		in->block = NULL;
	}
}

bool intake_settled(const struct intake *in)
{
	return in->in_flight == 0;
}
