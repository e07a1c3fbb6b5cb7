/*
 * The sequence state against a model that keeps a note on every single seq_no, on random (also
 * ill-behaved) input; and a client that keeps the rules, a journal and crashes, after which every
 * log has to be where the design says. SLUICE_SEED replays a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dataplane/ledger/stream.h"

static uint64_t seed;

static uint32_t random_below(uint32_t n)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)((seed * 0x2545f4914f6cdd1dULL) >> 33) % n;
}

#define SEQS	   48 /* highest seq_no that occurs */
#define MAX_RANGES 6

/* The model */

enum note {
	UNSEEN,
	MISSING,
	CLOSED,
	PENDING, /* accepted, not durable */
	LATE,	 /* the same, and was missing before */
	DURABLE,
};

struct model {
	enum note note[SEQS + 2];
	uint64_t highest, durable, confirmed, session_last, closed_upto, overflow;
	uint32_t max_ranges;
};

/* Runs of seq_nos with the same note that take a range. */
static uint32_t count_ranges(const struct model *m)
{
	uint32_t n = 0;

	for (unsigned i = 1; i <= SEQS; i++)
		if ((m->note[i] == MISSING || m->note[i] == LATE) && m->note[i - 1] != m->note[i])
			n++;
	return n;
}

/* Closes lowest gaps until the ranges fit. false: they can't. */
static bool fit(struct model *m)
{
	while (count_ranges(m) > m->max_ranges) {
		unsigned first = 1, last;

		while (first <= SEQS && m->note[first] != MISSING)
			first++;
		last = first;
		while (last < SEQS && m->note[last + 1] == MISSING)
			last++;
		if (first > SEQS || last > m->confirmed)
			return false;
		for (unsigned i = first; i <= last; i++)
			m->note[i] = CLOSED;
		if (m->closed_upto < last)
			m->closed_upto = last;
		m->overflow++;
	}
	return true;
}

static enum stream_verdict model_accept(struct model *m, uint64_t seq)
{
	struct model before = *m;
	enum stream_verdict verdict;

	if (seq == 0 || seq <= m->session_last)
		return STREAM_BAD;
	switch (m->note[seq]) {
	case MISSING:
		m->note[seq] = LATE;
		verdict = STREAM_LATE;
		break;
	case UNSEEN:
		for (uint64_t i = m->highest + 1; i < seq; i++)
			m->note[i] = MISSING;
		m->note[seq] = PENDING;
		m->highest = seq;
		verdict = STREAM_NEW;
		break;
	default: /* LATE cannot be: it is below session_last */
		verdict = seq <= m->closed_upto ? STREAM_STALE : STREAM_DUPLICATE;
		break;
	}
	if (!fit(m)) {
		*m = before;
		return STREAM_WAIT;
	}
	m->session_last = seq;
	return verdict;
}

static bool model_any_late(const struct model *m)
{
	for (unsigned i = 1; i <= SEQS; i++)
		if (m->note[i] == LATE)
			return true;
	return false;
}

static void model_durable(struct model *m, uint64_t upto)
{
	for (uint64_t i = 1; i <= upto; i++)
		if (m->note[i] == PENDING || m->note[i] == LATE)
			m->note[i] = DURABLE;
	if (upto > m->durable)
		m->durable = upto;
	if (!model_any_late(m))
		m->confirmed = m->durable;
}

static void model_take_back(struct model *m)
{
	for (unsigned i = 1; i <= SEQS; i++) {
		if (i > m->durable)
			m->note[i] = UNSEEN;
		else if (m->note[i] == LATE)
			m->note[i] = MISSING;
	}
	m->highest = m->confirmed = m->durable;
	m->session_last = 0;
}

static void model_replay(struct model *m, uint64_t first, uint64_t last)
{
	for (uint64_t i = m->highest + 1; i < first; i++)
		m->note[i] = MISSING;
	for (uint64_t i = first; i <= last; i++)
		if (m->note[i] != CLOSED)
			m->note[i] = DURABLE;
	if (last > m->highest)
		m->highest = m->durable = m->confirmed = last;
}

static const char *difference(const struct model *m, const struct stream *s)
{
	enum note note[SEQS + 2] = {UNSEEN};

	for (uint32_t i = 0; i < s->n_ranges; i++) {
		const struct stream_range *r = &s->ranges[i];

		if (r->first > r->last || (i > 0 && r->first <= r[-1].last))
			return "ranges out of order";
		for (uint64_t seq = r->first; seq <= r->last; seq++)
			note[seq] = r->arrived ? LATE : MISSING;
	}
	for (unsigned i = 1; i <= SEQS; i++)
		if ((m->note[i] == MISSING) != (note[i] == MISSING) ||
			(m->note[i] == LATE) != (note[i] == LATE))
			return "ranges";
	if (s->n_ranges != count_ranges(m) || s->n_ranges > m->max_ranges)
		return "number of ranges";
	if (s->highest != m->highest)
		return "highest";
	if (s->confirmed.seq != m->confirmed || s->confirmed.digest[0] != (uint8_t)m->confirmed)
		return "confirmed";
	if (s->closed_upto != m->closed_upto || s->gaps_overflow != m->overflow)
		return "closed";
	return NULL;
}

static struct stream_mark mark(uint64_t seq)
{
	return (struct stream_mark){.seq = seq, .time_ns = (int64_t)seq, .digest = {(uint8_t)seq}};
}

/* The highest seq_no of the session up to which all may be told durable: one that was accepted. */
static uint64_t pick_durable(const struct model *m)
{
	uint64_t upto = m->session_last ? random_below((uint32_t)m->session_last) + 1 : 0;

	while (upto > 0 && m->note[upto] != PENDING && m->note[upto] != LATE)
		upto--;
	return upto;
}

/* Restores into other memory, as after a restart; what is not durable is gone. */
static void restart(struct stream *s, struct stream_range *ranges, struct model *m)
{
	struct stream_range gaps[MAX_RANGES];
	struct stream_record rec;

	stream_save(s, &rec, gaps);
	memset(ranges, 0xa5, MAX_RANGES * sizeof(*ranges));
	if (!stream_restore(s, &rec, gaps, ranges, m->max_ranges))
		fail_msg("restore");
	model_take_back(m);
}

static const char *step(struct stream *s, struct stream_range *ranges, struct model *m)
{
	uint64_t seq, upto;
	struct stream_mark at;

	switch (random_below(12)) {
	case 0:
		stream_take_back(s);
		model_take_back(m);
		return NULL;
	case 1:
		restart(s, ranges, m);
		return NULL;
	case 2:
	case 3:
		if (stream_open(s) != (m->highest == m->durable && !model_any_late(m)))
			return "open";
		if (m->highest == m->durable && !model_any_late(m))
			m->session_last = 0;
		return NULL;
	case 4:
	case 5:
		upto = pick_durable(m);
		at = mark(upto);
		if (upto == 0)
			return NULL;
		model_durable(m, upto);
		return stream_durable(s, &at) == m->confirmed ? NULL : "durable's answer";
	default:
		seq = random_below(4) ? m->session_last + 1 + random_below(4)
				      : random_below(SEQS + 1);
		if (seq > SEQS)
			return NULL;
		return stream_accept(s, seq, (int64_t)seq) == model_accept(m, seq) ? NULL
										   : "verdict";
	}
}

static void it_does_what_the_model_does(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 4000; round++) {
		uint64_t before = seed;
		struct stream_range ranges[MAX_RANGES];
		struct model m = {.max_ranges = 1 + random_below(MAX_RANGES)};
		struct stream s;

		stream_init(&s, 1, 2, ranges, m.max_ranges);
		for (unsigned i = 0; i < 80; i++) {
			const char *wrong = step(&s, ranges, &m);

			if (!wrong)
				wrong = difference(&m, &s);
			if (wrong)
				fail_msg("%s, step %u, round %u, SLUICE_SEED=%llu", wrong, i, round,
					(unsigned long long)before);
		}
	}
}

static void replay_does_what_the_model_does(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 4000; round++) {
		uint64_t before = seed;
		struct stream_range ranges[SEQS];
		struct model m = {.max_ranges = SEQS};
		struct stream s;

		stream_init(&s, 1, 2, ranges, m.max_ranges);
		for (unsigned i = 0; i < 20; i++) {
			uint64_t first = 1 + random_below(SEQS);
			uint64_t last = first + random_below((uint32_t)(SEQS - first) / 2 + 1);
			struct stream_mark at = mark(last);

			model_replay(&m, first, last);
			assert_true(stream_replay(&s, first, &at));
			if (difference(&m, &s))
				fail_msg("%s, step %u, round %u, SLUICE_SEED=%llu",
					difference(&m, &s), i, round, (unsigned long long)before);
		}
	}
}

/*
 * A client that keeps the rules. It has a confirm queue with a bound (oldest dropped first), and
 * after each reconnect sends again all above the mark that it is told.
 */

#define ITEMS 400

struct client {
	bool held[ITEMS + 1];	 /* in the confirm queue */
	bool dropped[ITEMS + 1]; /* by its own bound, not confirmed */
	uint64_t made;		 /* items that got a seq_no */
	uint64_t to_send;	 /* next to look at in this session */
};

struct server {
	struct stream s;
	struct stream_range ranges[MAX_RANGES], saved[MAX_RANGES];
	struct stream_record checkpoint;
	uint64_t journal[ITEMS * 4]; /* seq_nos, in the order in which they were written */
	uint32_t written, durable, checkpoint_at;
	bool up;
};

static void client_told(struct client *c, uint64_t confirmed)
{
	for (uint64_t i = 1; i <= confirmed && i <= c->made; i++)
		c->held[i] = false;
}

static void client_drops_oldest(struct client *c)
{
	for (uint64_t i = 1; i <= c->made; i++) {
		if (c->held[i]) {
			c->held[i] = false;
			c->dropped[i] = true;
			return;
		}
	}
}

/* Makes a commit of some of what was written, and acknowledges. */
static void server_commits(struct server *v, struct client *c)
{
	uint32_t upto = v->durable + random_below(v->written - v->durable + 1);

	for (; v->durable < upto; v->durable++) {
		struct stream_mark at = mark(v->journal[v->durable]);

		stream_durable(&v->s, &at);
	}
	if (v->up && random_below(2))
		client_told(c, v->s.confirmed.seq);
}

static void server_crashes(struct server *v)
{
	assert_true(stream_restore(&v->s, &v->checkpoint, v->saved, v->ranges, MAX_RANGES));
	v->written = v->durable;
	for (uint32_t i = v->checkpoint_at; i < v->durable; i++) {
		struct stream_mark at = mark(v->journal[i]);

		assert_true(stream_replay(&v->s, at.seq, &at));
	}
	v->up = false;
}

static void server_checkpoints(struct server *v)
{
	stream_save(&v->s, &v->checkpoint, v->saved);
	v->checkpoint_at = v->durable;
	if (v->checkpoint_at > 0 && random_below(2)) /* replayed twice is the same */
		v->checkpoint_at -= random_below(v->checkpoint_at < 5 ? v->checkpoint_at : 5);
}

static void connect_again(struct server *v, struct client *c)
{
	while (!stream_open(&v->s))
		server_commits(v, c);
	assert_false(stream_conflicts(&v->s, 0));
	client_told(c, v->s.confirmed.seq);
	c->to_send = 1;
	v->up = true;
}

static void client_sends(struct client *c, struct server *v)
{
	enum stream_verdict verdict;

	while (c->to_send <= c->made && !c->held[c->to_send])
		c->to_send++;
	if (c->to_send > c->made && c->made < ITEMS)
		c->held[++c->made] = true;
	if (c->to_send > c->made)
		return;
	verdict = stream_accept(&v->s, c->to_send, (int64_t)c->to_send);
	if (verdict == STREAM_WAIT) {
		if (v->durable == v->written)
			fail_msg("waits for nothing");
		return;
	}
	if (verdict == STREAM_STALE || verdict == STREAM_BAD || verdict == STREAM_LATE)
		fail_msg("verdict %d for a client that keeps the rules", verdict);
	if (verdict == STREAM_NEW)
		v->journal[v->written++] = c->to_send;
	c->to_send++;
}

static void check_journal(const struct server *v, const struct client *c, uint64_t before)
{
	unsigned stored[ITEMS + 1] = {0};

	for (uint32_t i = 0; i < v->durable; i++)
		stored[v->journal[i]]++;
	for (uint64_t i = 1; i <= c->made; i++) {
		if (stored[i] > 1)
			fail_msg("item %u is stored %u times, SLUICE_SEED=%llu", (unsigned)i,
				stored[i], (unsigned long long)before);
		if (!c->held[i] && !c->dropped[i] && !stored[i])
			fail_msg("item %u is lost, SLUICE_SEED=%llu", (unsigned)i,
				(unsigned long long)before);
	}
}

static void a_client_that_keeps_the_rules_loses_and_doubles_nothing(void **state)
{
	static struct server v;
	static struct client c;

	(void)state;
	for (unsigned round = 0; round < 400; round++) {
		uint64_t before = seed;

		memset(&v, 0, sizeof(v));
		memset(&c, 0, sizeof(c));
		stream_init(&v.s, 1, 2, v.ranges, MAX_RANGES);
		stream_save(&v.s, &v.checkpoint, v.saved);
		while (c.made < ITEMS || c.held[ITEMS]) {
			if (!v.up)
				connect_again(&v, &c);
			switch (random_below(40)) {
			case 0:
				server_crashes(&v);
				break;
			case 1:
				v.up = false; /* the connection is lost */
				break;
			case 2:
				server_checkpoints(&v);
				break;
			case 3:
			case 4:
			case 5:
				client_drops_oldest(&c);
				break;
			case 6:
			case 7:
			case 8:
				server_commits(&v, &c);
				break;
			default:
				client_sends(&c, &v);
				break;
			}
			check_journal(&v, &c, before);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_does_what_the_model_does),
		cmocka_unit_test(replay_does_what_the_model_does),
		cmocka_unit_test(a_client_that_keeps_the_rules_loses_and_doubles_nothing),
	};
	const char *given = getenv("SLUICE_SEED");

	seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2654435761u + 1;
	printf("SLUICE_SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
