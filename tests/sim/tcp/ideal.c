/*
 * What Reno could make of a way at best: each acknowledgement tells all that had arrived when it
 * was sent, so no loss is guessed at, none is missed, and a timeout is hardly ever needed. Initial
 * window, slow start, linear growth and halving are those of RFC 6928 and 5681, in whole segments;
 * so is the end of a recovery, until which the window does not grow: all that was out when it began
 * has been acknowledged (RFC 6675 section 5), so what was lost of it has come by another copy.
 */
#include <string.h>

#include "receiver.h"
#include "sim.h"

#define PORT   10000
#define MSS    1448U
#define HEADER 32U

struct copy {
	uint64_t sent, arrived; /* 0: not (yet) */
	uint32_t segment;
	bool known, lost;
};

struct ideal {
	struct world *w;
	struct copy *copies;
	uint32_t count, cap, first; /* all before `first` are known or lost */
	bool *there;		    /* segment by segment, as the receiver has them */
	bool *told;		    /* and as the sender knows of them */
	uint32_t segments, next, left, una, recovery;
	uint32_t *again; /* lost, to be sent again */
	uint32_t again_count;
	double cwnd, ssthresh;
	uint32_t out, recover;
	uint64_t timer, rtt;
};

static void transmit(struct ideal *s, uint32_t segment)
{
	uint8_t seg[HEADER + MSS] = {0};

	if (s->count == s->cap) {
		s->cap *= 2;
		s->copies = realloc(s->copies, s->cap * sizeof(*s->copies));
		CHECK(s->w, s->copies);
	}
	s->copies[s->count] = (struct copy){.sent = s->w->now, .segment = segment};
	memcpy(seg + 20, &s->count, sizeof(s->count));
	seg[12] = HEADER / 4 << 4;
	s->count++;
	s->out++;
	link_send(s->w, false, PORT, seg, sizeof(seg));
}

/* Of what is lost, the oldest: until it is there the recovery does not end. */
static uint32_t oldest_lost(struct ideal *s)
{
	uint32_t at = 0;
	uint32_t segment;

	for (uint32_t i = 1; i < s->again_count; i++)
		at = s->again[i] < s->again[at] ? i : at;
	segment = s->again[at];
	s->again[at] = s->again[--s->again_count];
	return segment;
}

static void fill(struct ideal *s)
{
	while (s->out + 1 <= s->cwnd && (s->again_count > 0 || s->next < s->segments)) {
		if (s->again_count > 0)
			transmit(s, oldest_lost(s));
		else
			transmit(s, s->next++);
	}
	s->timer = s->out ? s->w->now + 2 * s->rtt : NEVER;
}

static void lose(struct ideal *s, struct copy *c)
{
	uint32_t id = (uint32_t)(c - s->copies);

	c->lost = true;
	s->out--;
	s->again[s->again_count++] = c->segment;
	if (id < s->recover)
		return;
	s->recover = s->count;
	s->recovery = s->next;
	s->ssthresh = s->cwnd / 2 > 2 ? s->cwnd / 2 : 2;
	s->cwnd = s->ssthresh;
}

/* An acknowledgement that was sent at `then` came. */
static void learn(struct ideal *s, uint64_t then)
{
	uint32_t above = 0, late = s->w->down.reorder_us + s->w->up.reorder_us;

	for (uint32_t i = s->count; i-- > s->first;) {
		struct copy *c = &s->copies[i];

		if (!c->known && !c->lost && c->arrived && c->arrived <= then) {
			c->known = true;
			s->told[c->segment] = true;
			s->out--;
			s->rtt = s->w->now - c->sent < s->rtt ? s->w->now - c->sent : s->rtt;
			while (s->una < s->segments && s->told[s->una])
				s->una++;
			if (s->una >= s->recovery)
				s->cwnd += s->cwnd < s->ssthresh ? 1 : 1 / s->cwnd;
		}
		if (c->known)
			above++;
		else if (!c->lost && above >= 3 && c->sent + s->rtt + late <= s->w->now)
			lose(s, c);
	}
	while (s->first < s->count && (s->copies[s->first].known || s->copies[s->first].lost))
		s->first++;
	fill(s);
}

static void on_timer(struct ideal *s)
{
	for (uint32_t i = s->first; i < s->count; i++)
		if (!s->copies[i].known && !s->copies[i].lost)
			lose(s, &s->copies[i]);
	fill(s);
}

/* The receiver's side, and the way of an acknowledgement back. */
static void arrive(struct ideal *s, const uint8_t *seg)
{
	uint8_t ack[HEADER] = {0};
	uint32_t id;

	memcpy(&id, seg + 20, sizeof(id));
	if (s->copies[id].arrived == 0)
		s->copies[id].arrived = s->w->now;
	if (!s->there[s->copies[id].segment]) {
		s->there[s->copies[id].segment] = true;
		s->left--;
	}
	memcpy(ack + 20, &s->w->now, sizeof(s->w->now));
	ack[12] = HEADER / 4 << 4;
	link_send(s->w, true, PORT, ack, sizeof(ack));
}

uint64_t ideal_took_us(struct world *w, uint32_t bytes)
{
	struct ideal s = {.w = w, .cap = 1024, .cwnd = 10, .ssthresh = 1e9, .rtt = 1000000};

	s.segments = s.left = (bytes + MSS - 1) / MSS;
	s.copies = malloc(s.cap * sizeof(*s.copies));
	s.there = calloc(s.segments, sizeof(*s.there));
	s.told = calloc(s.segments, sizeof(*s.told));
	s.again = calloc(s.segments, sizeof(*s.again));
	CHECK(w, s.copies && s.there && s.told && s.again);
	fill(&s);
	while (s.left > 0) {
		struct packet *p;
		uint64_t next = link_next(w) < s.timer ? link_next(w) : s.timer;

		CHECK(w, next != NEVER);
		w->now = next > w->now ? next : w->now;
		while (s.left > 0 && (p = link_take(w)) != NULL) {
			if (p->to_server) {
				uint64_t then;

				memcpy(&then, p->bytes + 20, sizeof(then));
				learn(&s, then);
			} else {
				arrive(&s, p->bytes);
			}
			link_done(w, p);
		}
		if (s.timer <= w->now)
			on_timer(&s);
	}
	free(s.copies);
	free(s.there);
	free(s.told);
	free(s.again);
	return w->now - w->start;
}
