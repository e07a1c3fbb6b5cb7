#include "dataplane/journal/state_internal.h"

#include <string.h>

/* The first gap that ends at or behind `seq`. */
static uint32_t gap_at(const struct state_stream *st, uint64_t seq)
{
	uint32_t lo = 0;
	uint32_t hi = st->pub.gap_count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (st->gaps[mid].last < seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void gap_remove(struct state_stream *st, uint32_t from, uint32_t n)
{
	memmove(&st->gaps[from], &st->gaps[from + n],
		(st->pub.gap_count - from - n) * sizeof(*st->gaps));
	st->pub.gap_count -= n;
}

static int gap_insert(struct state_stream *st, uint32_t at, const struct journal_state_gap *g)
{
	if (st->pub.gap_count == STATE_MAX_GAPS) {
		st->pub.gaps_forgotten += st->gaps[0].last - st->gaps[0].first + 1;
		gap_remove(st, 0, 1);
		at = at ? at - 1 : 0;
	}
	if (st->pub.gap_count == st->gap_cap) {
		uint32_t cap = st->gap_cap ? st->gap_cap * 2 : 4;
		struct journal_state_gap *gaps = realloc(st->gaps, cap * sizeof(*gaps));

		if (!gaps)
			return -1;
		st->gaps = gaps;
		st->pub.gaps = gaps;
		st->gap_cap = cap;
	}
	memmove(&st->gaps[at + 1], &st->gaps[at], (st->pub.gap_count - at) * sizeof(*st->gaps));
	st->gaps[at] = *g;
	st->pub.gap_count++;
	return 0;
}

int state_gap_open(struct state_stream *st, const struct journal_state_gap *g)
{
	/* Ranges stay disjoint, whatever a block says. */
	if (state_gap_close(st, g->first, g->last) != 0)
		return -1;
	return gap_insert(st, gap_at(st, g->first), g);
}

int state_gap_close(struct state_stream *st, uint64_t first, uint64_t last)
{
	uint32_t at = gap_at(st, first);
	uint32_t n = 0;

	if (at == st->pub.gap_count || st->gaps[at].first > last)
		return 0;
	if (st->gaps[at].first < first) {
		struct journal_state_gap left = st->gaps[at];

		left.last = first - 1;
		if (st->gaps[at].last > last) { /* out of its middle */
			st->gaps[at].first = last + 1;
			return gap_insert(st, at, &left);
		}
		st->gaps[at++] = left;
	}
	while (at + n < st->pub.gap_count && st->gaps[at + n].last <= last)
		n++;
	gap_remove(st, at, n);
	if (at < st->pub.gap_count && st->gaps[at].first <= last)
		st->gaps[at].first = last + 1;
	return 0;
}
