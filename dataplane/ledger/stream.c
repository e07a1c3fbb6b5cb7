#include "dataplane/ledger/stream.h"

#include <assert.h>
#include <string.h>

void stream_init(struct stream *s, uint64_t epoch, uint32_t conn_id, struct stream_range *ranges,
	uint32_t max_ranges)
{
	assert(max_ranges >= 1);
	*s = (struct stream){
		.epoch = epoch, .conn_id = conn_id, .ranges = ranges, .max_ranges = max_ranges};
}

/* The first range that ends at or behind `seq`. */
static uint32_t range_at(const struct stream *s, uint64_t seq)
{
	uint32_t low = 0, high = s->n_ranges;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (s->ranges[mid].last < seq)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void remove_range(struct stream *s, uint32_t i)
{
	s->n_ranges--;
	memmove(s->ranges + i, s->ranges + i + 1, (s->n_ranges - i) * sizeof(*s->ranges));
}

/* Up to the confirmed mark nobody waits for a gap any more: see stream.h. */
static bool closable(const struct stream *s, const struct stream_range *r)
{
	return !r->arrived && r->last <= s->confirmed.seq;
}

static void close_gap(struct stream *s, const struct stream_range *gap)
{
	if (s->closed_upto < gap->last)
		s->closed_upto = gap->last;
	s->gaps_overflow++;
	s->closed_items += gap->last - gap->first + 1;
}

static void close_lowest(struct stream *s)
{
	uint32_t i = 0;

	while (!closable(s, &s->ranges[i])) {
		i++;
		assert(i < s->n_ranges);
	}
	close_gap(s, &s->ranges[i]);
	remove_range(s, i);
}

static uint32_t count_closable(const struct stream *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_ranges; i++)
		n += closable(s, &s->ranges[i]);
	return n;
}

/* Closes a gap where there is no room: that there is one to close was made sure before. */
static void add_range(struct stream *s, const struct stream_range *r)
{
	uint32_t i;

	if (s->n_ranges == s->max_ranges)
		close_lowest(s);
	i = range_at(s, r->first);
	memmove(s->ranges + i + 1, s->ranges + i, (s->n_ranges - i) * sizeof(*s->ranges));
	s->ranges[i] = *r;
	s->n_ranges++;
}

static bool any_arrived(const struct stream *s)
{
	for (uint32_t i = 0; i < s->n_ranges; i++)
		if (s->ranges[i].arrived)
			return true;
	return false;
}

bool stream_open(struct stream *s)
{
	if (s->highest != s->confirmed.seq || any_arrived(s))
		return false;
	s->session_last = 0;
	return true;
}

bool stream_conflicts(const struct stream *s, uint64_t client_confirmed)
{
	return client_confirmed > s->confirmed.seq;
}

/*
 * `seq` lies in gap `i`. false: there is no room for what becomes of the gap. Late items that are
 * not durable yet are of this session and so lie below `seq`.
 */
static bool take_late(struct stream *s, uint32_t i, uint64_t seq)
{
	struct stream_range *r = &s->ranges[i];
	struct stream_range lower = *r, upper = *r, item = *r;
	bool has_lower = r->first < seq, has_upper = seq < r->last;
	bool joins = i > 0 && r[-1].arrived && r[-1].last + 1 == seq;
	uint32_t need = (uint32_t)has_lower + has_upper + !joins;
	uint32_t room = s->max_ranges - s->n_ranges + 1 + count_closable(s) - closable(s, r);

	lower.last = seq - 1;
	upper.first = seq + 1;
	item.first = item.last = seq;
	item.arrived = true;
	room += has_lower && closable(s, &lower);
	room += has_upper && closable(s, &upper);
	if (need > room)
		return false;

	if (joins)
		r[-1].last = seq;
	remove_range(s, i);
	if (has_lower)
		add_range(s, &lower);
	if (has_upper)
		add_range(s, &upper);
	if (!joins)
		add_range(s, &item);
	return true;
}

/* A new highest item; what it skips becomes a gap. */
static void advance(struct stream *s, uint64_t first, uint64_t last, int64_t now_ns)
{
	const struct stream_range gap = {
		.first = s->highest + 1,
		.last = first - 1,
		.before_ns = s->highest_ns,
		.after_ns = now_ns,
	};

	if (first > s->highest && first - s->highest > 1)
		add_range(s, &gap);
	s->highest = last;
	s->highest_ns = now_ns;
}

enum stream_verdict stream_accept(struct stream *s, uint64_t seq, int64_t now_ns)
{
	enum stream_verdict verdict;
	uint32_t i = range_at(s, seq);

	if (seq == 0 || seq <= s->session_last)
		return STREAM_BAD;
	if (i < s->n_ranges && s->ranges[i].first <= seq) {
		if (!take_late(s, i, seq))
			return STREAM_WAIT;
		verdict = STREAM_LATE;
	} else if (seq > s->highest) {
		if (seq - s->highest > 1 && s->n_ranges == s->max_ranges && !count_closable(s))
			return STREAM_WAIT;
		advance(s, seq, seq, now_ns);
		verdict = STREAM_NEW;
	} else {
		verdict = seq <= s->closed_upto ? STREAM_STALE : STREAM_DUPLICATE;
	}
	s->session_last = seq;
	return verdict;
}

uint64_t stream_durable(struct stream *s, const struct stream_mark *upto)
{
	assert(upto->seq <= s->highest);
	for (uint32_t i = 0; i < s->n_ranges;) {
		struct stream_range *r = &s->ranges[i];

		if (r->arrived && r->last <= upto->seq) {
			remove_range(s, i);
			continue;
		}
		if (r->arrived && r->first <= upto->seq)
			r->first = upto->seq + 1;
		i++;
	}
	if (upto->seq > s->confirmed.seq)
		s->confirmed = *upto;
	return s->confirmed.seq;
}

/*
 * Copies the ranges below the confirmed mark, all as gaps, and joins those that touch. `to` may be
 * s->ranges. Returns how many.
 */
static uint32_t durable_gaps(const struct stream *s, struct stream_range *to)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_ranges && s->ranges[i].last < s->confirmed.seq; i++) {
		const struct stream_range r = s->ranges[i];

		if (n > 0 && to[n - 1].last + 1 == r.first) {
			to[n - 1].last = r.last;
			to[n - 1].after_ns = r.after_ns;
		} else {
			to[n] = r;
			to[n++].arrived = false;
		}
	}
	return n;
}

void stream_take_back(struct stream *s)
{
	s->n_ranges = durable_gaps(s, s->ranges);
	s->highest = s->confirmed.seq;
	s->highest_ns = s->confirmed.time_ns;
	s->session_last = 0;
}

/* The items first..last are there: they are missing no more. */
static void fill(struct stream *s, uint64_t first, uint64_t last)
{
	uint32_t i = range_at(s, first);

	while (i < s->n_ranges && s->ranges[i].first <= last) {
		struct stream_range *r = &s->ranges[i];
		struct stream_range upper = *r;

		if (first <= r->first && last >= r->last) {
			remove_range(s, i);
			continue;
		}
		if (last >= r->last) {
			r->last = first - 1;
		} else if (first <= r->first) {
			r->first = last + 1;
		} else {
			r->last = first - 1;
			upper.first = last + 1;
			add_range(s, &upper);
			return;
		}
		i++;
	}
}

bool stream_replay(struct stream *s, uint64_t first, const struct stream_mark *upto)
{
	assert(s->highest == s->confirmed.seq);
	if (first == 0 || first > upto->seq)
		return false;
	fill(s, first, upto->seq);
	if (upto->seq > s->highest) {
		advance(s, first, upto->seq, upto->time_ns);
		s->confirmed = *upto;
	}
	return true;
}

bool stream_gap_next(const struct stream *s, uint32_t *index, struct stream_range *gap)
{
	while (*index < s->n_ranges) {
		*gap = s->ranges[(*index)++];
		if (!gap->arrived)
			return true;
	}
	return false;
}

uint64_t stream_missing(const struct stream *s)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < s->n_ranges; i++)
		if (!s->ranges[i].arrived)
			n += s->ranges[i].last - s->ranges[i].first + 1;
	return n;
}

void stream_save(const struct stream *s, struct stream_record *rec, struct stream_range *gaps)
{
	*rec = (struct stream_record){
		.epoch = s->epoch,
		.conn_id = s->conn_id,
		.n_gaps = durable_gaps(s, gaps),
		.confirmed = s->confirmed,
		.closed_upto = s->closed_upto,
		.gaps_overflow = s->gaps_overflow,
		.closed_items = s->closed_items,
	};
}

static bool record_is_sane(const struct stream_record *rec, const struct stream_range *gaps)
{
	uint64_t after = 0; /* the gap begins behind this: what is between two was received */

	if (rec->closed_upto > rec->confirmed.seq)
		return false;
	for (uint32_t i = 0; i < rec->n_gaps; i++) {
		if (gaps[i].first <= after || gaps[i].last < gaps[i].first ||
			gaps[i].last >= rec->confirmed.seq)
			return false;
		after = gaps[i].last + 1;
	}
	return true;
}

bool stream_restore(struct stream *s, const struct stream_record *rec,
	const struct stream_range *gaps, struct stream_range *ranges, uint32_t max_ranges)
{
	stream_init(s, rec->epoch, rec->conn_id, ranges, max_ranges);
	if (!record_is_sane(rec, gaps))
		return false;
	s->highest = rec->confirmed.seq;
	s->highest_ns = rec->confirmed.time_ns;
	s->confirmed = rec->confirmed;
	s->closed_upto = rec->closed_upto;
	s->gaps_overflow = rec->gaps_overflow;
	s->closed_items = rec->closed_items;
	for (uint32_t i = 0; i < rec->n_gaps; i++) {
		struct stream_range gap = gaps[i];

		gap.arrived = false;
		add_range(s, &gap);
	}
	return true;
}

void stream_move(struct stream *s, struct stream_range *ranges, uint32_t max_ranges)
{
	assert(max_ranges >= 1 && max_ranges >= s->n_ranges);
	memcpy(ranges, s->ranges, s->n_ranges * sizeof(*ranges));
	s->ranges = ranges;
	s->max_ranges = max_ranges;
}
