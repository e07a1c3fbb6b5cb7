/*
 * Torn or corrupt? A block is known to have been durable when a later frame says so (durable_upto),
 * when the segment was closed behind it, or when a later segment exists: then damage is corruption.
 * Everything else that is damaged at the end of the newest segment was never acknowledged.
 */
#include <string.h>

#include "dataplane/journal/segment.h"

struct judging {
	struct segment_map *m;
	const struct segment_context *c;
	struct segment_judgement *out;
	uint64_t expected;	/* the next block's number */
	enum item_verdict rest; /* of everything from here on; VERDICT_GOOD: not decided */
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void cut_here(struct judging *g, struct segment_item *it, enum item_verdict v)
{
	g->rest = it->verdict = v;
	g->out->cut = it->offset;
	g->out->torn = v == VERDICT_TORN;
}

static void corrupt(struct judging *g, struct segment_item *it, uint64_t first, uint64_t last)
{
	it->verdict = VERDICT_CORRUPT;
	if (first <= last) {
		it->missing_first = first;
		it->missing_last = last;
	}
	g->out->corrupt++;
}

/* Was this number durable for certain? */
static bool was_durable(const struct judging *g, uint64_t block)
{
	return g->m->closed || g->m->has_index || block <= g->c->durable_upto ||
	       (g->c->next_segment && block < g->c->next_segment);
}

static void judge_good(struct judging *g, struct segment_item *it)
{
	struct segment_judgement *o = g->out;

	if (it->f.first_block > g->expected) { /* numbers are missing and nothing lies between */
		if (!was_durable(g, g->expected)) {
			cut_here(g, it, VERDICT_TORN);
			return;
		}
		it->missing_first = g->expected;
		it->missing_last = it->f.first_block - 1;
		o->corrupt++;
	}
	it->verdict = VERDICT_GOOD;
	g->expected = it->f.last_block + 1;
	o->last_good = it->f.last_block;
	o->blocks++;
	o->logs += it->f.rows;
}

static void judge_region(
	struct judging *g, struct segment_item *it, const struct segment_item *next)
{
	uint64_t behind = next ? next->f.first_block : 0;
	uint64_t upto;

	if (it->offset == 0) { /* no segment can be seen without its checkpoint */
		corrupt(g, it, 1, 0);
		return;
	}
	if (g->m->has_index && it->offset > g->m->end) { /* behind the index frame */
		if (g->m->closed && g->c->next_segment)
			corrupt(g, it, 1, 0);
		else
			cut_here(g, it, g->c->next_segment ? VERDICT_SUPERSEDED : VERDICT_TORN);
		return;
	}
	if (g->c->next_segment && g->expected >= g->c->next_segment && !g->m->closed) {
		cut_here(g, it, VERDICT_SUPERSEDED);
		return;
	}
	if (!was_durable(g, g->expected)) {
		cut_here(g, it, VERDICT_TORN);
		return;
	}
	if (behind)
		upto = behind - 1;
	else if (g->m->has_index)
		upto = g->m->index.last_block;
	else if (g->c->next_segment)
		upto = g->c->next_segment - 1;
	else
		upto = g->m->closed ? 0 : g->c->durable_upto;
	/* In the newest segment a place may hold some blocks that were durable and some that were
	 * not: it stays, and what follows it is torn. */
	if (!g->m->closed && !g->m->has_index && !g->c->next_segment)
		upto = least(upto, g->c->durable_upto);
	corrupt(g, it, g->expected, upto);
	if (upto >= g->expected)
		g->expected = upto + 1;
}

static void judge(struct judging *g, size_t i)
{
	struct segment_item *it = &g->m->items[i];
	const struct segment_item *next = i + 1 < g->m->count ? it + 1 : NULL;

	if (g->rest != VERDICT_GOOD) {
		it->verdict = g->rest;
		return;
	}
	if (it->kind == ITEM_REGION) {
		judge_region(g, it, next);
		return;
	}
	if (g->c->next_segment && it->f.first_block >= g->c->next_segment) {
		cut_here(g, it, VERDICT_SUPERSEDED);
		return;
	}
	if (it->kind == ITEM_BLOCK) {
		judge_good(g, it);
		return;
	}
	if (!was_durable(g, it->f.first_block)) {
		cut_here(g, it, VERDICT_TORN);
		return;
	}
	corrupt(g, it, g->expected, it->f.last_block);
	g->expected = it->f.last_block + 1;
}

void segment_judge(struct segment_map *m, uint64_t first_block, const struct segment_context *c,
	struct segment_judgement *out)
{
	struct judging g = {.m = m, .c = c, .out = out, .expected = first_block};
	uint64_t last = c->next_segment ? c->next_segment - 1 : c->durable_upto;

	memset(out, 0, sizeof(*out));
	out->cut = UINT64_MAX;
	for (size_t i = 0; i < m->count; i++)
		judge(&g, i);
	if (!c->next_segment && m->has_index && m->index.last_block > last)
		last = m->index.last_block;
	if (g.expected <= last) {
		out->missing_first = g.expected;
		out->missing_last = last;
		out->corrupt++;
	}
	/* An index without its seek table: the closing was interrupted, and is done again. */
	if (m->has_index && !m->finished && !(m->closed && c->next_segment)) {
		out->cut = m->end;
		out->torn = c->next_segment == 0;
	}
}
