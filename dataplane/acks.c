#include "dataplane/acks.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int acks_init(struct acks *a, uint32_t marks)
{
	assert(marks > 0 && (marks & (marks - 1)) == 0);
	*a = (struct acks){.v = calloc(marks, sizeof(*a->v)), .mask = marks - 1};
	return a->v ? 0 : -1;
}

void acks_fini(struct acks *a)
{
	free(a->v);
	a->v = NULL;
}

void acks_note(struct acks *a, const struct ack_mark *m, uint32_t *newest)
{
	struct ack_mark *last = &a->v[*newest & a->mask];

	if (*newest - a->head < a->tail - a->head && last->session == m->session &&
		last->generation == m->generation) {
		last->upto = m->upto;
		return;
	}
	assert(acks_room(a));
	*newest = a->tail;
	a->v[a->tail++ & a->mask] = *m;
}

bool acks_leave(struct acks *a, uint64_t session, uint32_t newest)
{
	struct ack_mark *m = &a->v[newest & a->mask];

	if (newest - a->head >= a->tail - a->head || m->session != session)
		return false;
	m->slot = ACKS_NOBODY;
	return true;
}

bool acks_take(struct acks *a, uint32_t generation, struct ack_mark *out)
{
	if (a->head == a->tail || a->v[a->head & a->mask].generation != generation)
		return false;
	*out = a->v[a->head++ & a->mask];
	return true;
}
