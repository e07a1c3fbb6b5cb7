#include "dataplane/base/wheel.h"

#include <stddef.h>

static void list_init(struct wheel_link *l)
{
	l->next = l;
	l->prev = l;
}

static bool list_empty(const struct wheel_link *l)
{
	return l->next == l;
}

static void list_append(struct wheel_link *l, struct wheel_link *n)
{
	n->next = l;
	n->prev = l->prev;
	l->prev->next = n;
	l->prev = n;
}

static void list_move_all(struct wheel_link *to, struct wheel_link *from)
{
	from->next->prev = to->prev;
	from->prev->next = to;
	to->prev->next = from->next;
	to->prev = from->prev;
	list_init(from);
}

static struct wheel_timer *timer_of(struct wheel_link *l)
{
	_Static_assert(offsetof(struct wheel_timer, link) == 0, "a link is its timer");
	return (struct wheel_timer *)l;
}

void wheel_init(struct wheel *w, uint64_t now)
{
	w->now = now;
	w->levels = 0;
	list_init(&w->due);
	list_init(&w->moving);
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		w->occupied[level] = 0;
		for (unsigned i = 0; i < WHEEL_SLOTS; i++) {
			list_init(&w->slot[level][i]);
			w->earliest[level][i] = UINT64_MAX;
		}
	}
}

static void place(struct wheel *w, struct wheel_timer *t)
{
	unsigned level, i;

	if (t->expires <= w->now) {
		list_append(&w->due, &t->link);
		return;
	}
	level = (63U - (unsigned)__builtin_clzll(t->expires ^ w->now)) / WHEEL_BITS;
	i = (unsigned)(t->expires >> (WHEEL_BITS * level)) & (WHEEL_SLOTS - 1);
	list_append(&w->slot[level][i], &t->link);
	if (t->expires < w->earliest[level][i])
		w->earliest[level][i] = t->expires;
	w->occupied[level] |= 1ULL << i;
	w->levels |= 1U << level;
}

static void slot_emptied(struct wheel *w, unsigned level, unsigned i)
{
	w->earliest[level][i] = UINT64_MAX;
	w->occupied[level] &= ~(1ULL << i);
	if (w->occupied[level] == 0)
		w->levels &= ~(1U << level);
}

void wheel_cancel(struct wheel *w, struct wheel_timer *t)
{
	struct wheel_link *l = t->link.next;

	if (!l)
		return;
	l->prev = t->link.prev;
	t->link.prev->next = l;
	t->link.next = NULL;
	/* The last of its list has left the head alone; only slots have a bit to clear. */
	if (l->next == l && l >= &w->slot[0][0] &&
		l <= &w->slot[WHEEL_LEVELS - 1][WHEEL_SLOTS - 1]) {
		unsigned n = (unsigned)(l - &w->slot[0][0]);

		slot_emptied(w, n / WHEEL_SLOTS, n % WHEEL_SLOTS);
	}
}

void wheel_arm(struct wheel *w, struct wheel_timer *t, uint64_t expires)
{
	wheel_cancel(w, t);
	t->expires = expires;
	place(w, t);
}

uint64_t wheel_next(const struct wheel *w)
{
	unsigned level;

	if (!list_empty(&w->due) || !list_empty(&w->moving))
		return w->now;
	if (!w->levels)
		return UINT64_MAX;
	level = (unsigned)__builtin_ctz(w->levels);
	return w->earliest[level][__builtin_ctzll(w->occupied[level])];
}

static uint64_t slot_start(const struct wheel *w, unsigned level, unsigned i)
{
	unsigned above = WHEEL_BITS * (level + 1);
	uint64_t base = above >= 64 ? 0 : w->now >> above << above;

	return base | (uint64_t)i << (WHEEL_BITS * level);
}

static struct wheel_link *take_first(struct wheel_link *l)
{
	struct wheel_link *n = l->next;

	l->next = n->next;
	n->next->prev = l;
	n->next = NULL;
	return n;
}

/* Turns to the next slot whose time has come; false where there is none up to `now`. */
static bool turn(struct wheel *w, uint64_t now)
{
	unsigned level, i;
	uint64_t start = UINT64_MAX;

	if (w->levels) {
		level = (unsigned)__builtin_ctz(w->levels);
		i = (unsigned)__builtin_ctzll(w->occupied[level]);
		start = slot_start(w, level, i);
	}
	if (!w->levels || start > now) {
		if (now > w->now)
			w->now = now;
		return false;
	}
	w->now = start;
	list_move_all(level == 0 ? &w->due : &w->moving, &w->slot[level][i]);
	slot_emptied(w, level, i);
	return true;
}

struct wheel_timer *wheel_pop(struct wheel *w, uint64_t now, unsigned *moves)
{
	for (;;) {
		/* What is still to be spread may be due before what a later turn would find. */
		while (!list_empty(&w->moving)) {
			if (*moves == 0)
				return NULL;
			--*moves;
			place(w, timer_of(take_first(&w->moving)));
		}
		if (!list_empty(&w->due))
			return timer_of(take_first(&w->due));
		if (!turn(w, now))
			return NULL;
	}
}
