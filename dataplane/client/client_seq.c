/* The sequence of items that a server knows: numbers, digests, what it has confirmed. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/client/client_priv.h"

int place_init(struct place *p, uint32_t window)
{
	p->digests = calloc(window, sizeof(*p->digests));
	return p->digests ? 0 : -1;
}

void place_fini(struct place *p)
{
	free(p->digests);
}

uint8_t *place_digest(const struct client *c, const struct place *p, uint64_t seq)
{
	return p->digests[seq & (c->cfg.window - 1)];
}

/*
 * Numbers rise by one from item to item: only the oldest item ever goes without having got one, and
 * then all that are left have none either.
 */
uint64_t place_seq(const struct place *p, uint64_t item)
{
	return item < p->numbered ? p->last_seq - (p->numbered - 1 - item) : 0;
}

void place_begin_epoch(struct client *c, struct place *p)
{
	do
		p->epoch = c->cfg.random(c->cfg.ctx);
	while (p->epoch == 0);
	p->epochs++;
	p->last_seq = p->confirmed = p->numbered = p->known_from = 0;
	c->changes++;
	if (p == c->p)
		queue_split(&c->q, 0);
}

void place_number(struct client *c, struct queue_item *i)
{
	struct place *p = c->p;

	if (!place_was_sent(c, i->place)) {
		i->dropped_before =
			c->dropped_unsent > UINT32_MAX ? UINT32_MAX : (uint32_t)c->dropped_unsent;
		c->dropped_unsent -= i->dropped_before;
		if (i->dropped_before) {
			c->told_place = i->place;
			c->told_dropped = i->dropped_before;
		}
	}
	p->numbered = i->place + 1;
	p->last_seq++;
	c->changes++;
	oftp_item_digest(p->last_seq, queue_logs(i), i->raw_len, place_digest(c, p, p->last_seq));
}

bool place_was_sent(const struct client *c, uint64_t item)
{
	for (unsigned i = 0; i < CLIENT_SERVERS; i++)
		if (item < c->places[i].numbered)
			return true;
	return false;
}

void place_confirm(struct client *c, uint64_t upto)
{
	struct queue_item was;
	uint64_t at = c->q.head, seq;
	const struct queue_item *i;

	while ((i = queue_at(&c->q, &at)) != NULL && (seq = place_seq(c->p, i->place)) != 0 &&
		seq <= upto) {
		queue_pop(&c->q, &was);
		c->confirmed_logs += was.count;
		at = c->q.head;
	}
	c->changes += upto != c->p->confirmed;
	c->p->confirmed = upto;
}

bool place_is_ours(const struct client *c, const struct oftp_stream *s)
{
	static const uint8_t none[OFTP_DIGEST];
	const struct place *p = c->p;

	if (s->confirmed > p->last_seq || s->confirmed < p->confirmed)
		return false;
	/* So many items were dropped unconfirmed that its digest has given its place to another, or
	 * was not kept over an end of the program. */
	if (p->last_seq - s->confirmed >= c->cfg.window ||
		(s->confirmed < p->known_from && s->confirmed != p->confirmed))
		return true;
	return memcmp(s->digest, s->confirmed ? place_digest(c, p, s->confirmed) : none,
		       OFTP_DIGEST) == 0;
}
