/* The client as it was: for who keeps its items over an end of the program. */
#include <assert.h>
#include <string.h>

#include "dataplane/client/client_priv.h"

#define PLACES_MAX (UINT64_MAX / 4) /* nobody ever counts so far */

uint64_t client_changes(const struct client *c)
{
	return c->changes;
}

void client_save(const struct client *c, struct client_mark *m)
{
	*m = (struct client_mark){.head = c->q.head_place,
		.tail = c->q.tail_place,
		.added = c->added,
		.dropped = c->dropped,
		.confirmed_logs = c->confirmed_logs,
		.dropped_unsent = c->dropped_unsent,
		.told_place = c->told_place,
		.told_dropped = c->told_dropped};
	for (unsigned i = 0; i < CLIENT_SERVERS; i++) {
		const struct place *p = &c->places[i];

		m->server[i].epoch = p->epoch;
		m->server[i].epochs = p->epochs;
		m->server[i].last_seq = p->last_seq;
		m->server[i].confirmed = p->confirmed;
		m->server[i].numbered = p->numbered;
		if (p->confirmed)
			memcpy(m->server[i].digest, place_digest(c, p, p->confirmed), OFTP_DIGEST);
	}
}

/* Is there a number below 1 in it, or one that was confirmed and not given? */
static bool plausible(const struct client_mark *m)
{
	if (m->head > m->tail || m->tail > PLACES_MAX || m->server[0].epoch == 0)
		return false;
	for (unsigned i = 0; i < CLIENT_SERVERS; i++) {
		const uint64_t numbered = m->server[i].numbered, last = m->server[i].last_seq;

		if ((m->server[i].epoch == 0 && last) || numbered > m->tail ||
			m->server[i].confirmed > last || last > PLACES_MAX ||
			(numbered > m->head && numbered - m->head > last))
			return false;
	}
	return true;
}

bool client_restore(struct client *c, const struct client_mark *m)
{
	assert(c->added == 0 && c->state == CLIENT_DOWN);
	if (!plausible(m))
		return false;
	c->added = m->added;
	c->dropped = m->dropped;
	c->confirmed_logs = m->confirmed_logs;
	c->dropped_unsent = m->dropped_unsent;
	c->told_place = m->told_place;
	c->told_dropped = m->told_dropped;
	c->q.head_place = c->q.tail_place = m->head;
	c->restore_tail = m->tail;
	for (unsigned i = 0; i < CLIENT_SERVERS; i++) {
		struct place *p = &c->places[i];

		p->epoch = m->server[i].epoch;
		p->epochs = m->server[i].epochs;
		p->last_seq = m->server[i].last_seq;
		p->confirmed = m->server[i].confirmed;
		p->numbered = m->server[i].numbered;
		memcpy(place_digest(c, p, p->confirmed), m->server[i].digest, OFTP_DIGEST);
	}
	return true;
}

/* What has no number yet is known by its order only. */
static uint64_t place_of(const struct client *c, uint64_t place)
{
	uint64_t next = c->q.tail_place;

	if (place_was_sent(c, place))
		return place > next ? place : next;
	for (unsigned i = 0; i < CLIENT_SERVERS; i++)
		if (c->places[i].numbered > next)
			next = c->places[i].numbered;
	return next;
}

/* Of the items that are there; known without a hole up to the last number. */
static void digests(struct client *c, struct place *p)
{
	const struct queue_item *i;
	uint64_t seq, before = 0, from = 0;

	for (uint64_t at = c->q.head; (i = queue_at(&c->q, &at)) != NULL; at += i->size) {
		seq = place_seq(p, i->place);
		if (seq == 0)
			break;
		if (p->last_seq - seq < c->cfg.window)
			oftp_item_digest(seq, queue_logs(i), i->raw_len, place_digest(c, p, seq));
		if (seq != before + 1)
			from = seq;
		before = seq;
	}
	p->known_from = before == p->last_seq ? from : p->last_seq + 1;
}

uint64_t client_restore_item(struct client *c, uint64_t place, const struct client_item *item)
{
	const bool counted = place < c->restore_tail;

	c->q.tail_place = place_of(c, place);
	if (c->q.head == c->q.tail)
		c->q.head_place = c->q.tail_place;
	client_push(c, item);
	if (counted)
		c->added -= item->count;
	return c->q.tail_place - 1;
}

void client_restored(struct client *c)
{
	struct queue_item *i;
	uint64_t sum;

	for (unsigned k = 0; k < CLIENT_SERVERS; k++)
		if (c->q.tail_place < c->places[k].numbered)
			c->q.tail_place = c->places[k].numbered;
	if (c->q.head == c->q.tail)
		c->q.head_place = c->q.tail_place;
	queue_split(&c->q, c->p->numbered);
	for (unsigned k = 0; k < CLIENT_SERVERS; k++)
		digests(c, &c->places[k]);
	for (uint64_t at = c->q.head; (i = queue_at(&c->q, &at)) != NULL; at += i->size)
		if (i->place == c->told_place)
			i->dropped_before = c->told_dropped;
	/* What was counted and is not there any more: the file has a hole. */
	sum = c->dropped + c->confirmed_logs + c->q.memory.logs + c->q.confirm.logs;
	if (c->added > sum)
		c->dropped += c->added - sum;
	else
		c->added = sum;
	c->changes++;
}
