/*
 * What was written and is not acknowledged: the bytes in blocks of a pool, the transmissions in
 * records of another. Past the pools' bounds every connection may still hold one of each, so that
 * nobody who does not read can keep all others from being answered.
 */
#include <string.h>

#include "dataplane/tcp/tcp_priv.h"

/* Of a pool in which `reserve` objects are kept for those who hold none. */
static void *pool_get(struct slab *pool, uint32_t reserve, bool holds_one)
{
	if (holds_one && pool->used + reserve >= pool->max)
		return NULL;
	return slab_get(pool);
}

static struct tcp_sblock *block_add(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;
	struct tcp_sblock *b = pool_get(&s->sblocks, s->cfg.max_conns, c->sb_head != NULL);

	if (!b) {
		s->n.snd_pool_limited++;
		return NULL;
	}
	b->next = NULL;
	if (c->sb_tail)
		c->sb_tail->next = b;
	else
		c->sb_head = b;
	c->sb_tail = b;
	c->sb_last = 0;
	return b;
}

static uint32_t block_data(const struct tcp_stack *s)
{
	return s->sblocks.size - (uint32_t)sizeof(struct tcp_sblock);
}

static uint32_t queued(const struct tcp_conn *c)
{
	return seq_gt(c->snd_end, c->snd_una) ? c->snd_end - c->snd_una : 0;
}

uint32_t tcp_snd_room(const struct tcp_conn *c)
{
	uint32_t q = queued(c);

	return q >= c->stack->cfg.snd_buf ? 0 : c->stack->cfg.snd_buf - q;
}

uint32_t tcp_snd_put(struct tcp_conn *c, const uint8_t *data, uint32_t n)
{
	uint32_t room = tcp_snd_room(c);
	uint32_t want = n < room ? n : room;
	uint32_t size = block_data(c->stack);
	uint32_t done = 0;

	while (done < want) {
		uint32_t left;

		if ((!c->sb_tail || c->sb_last == size) && !block_add(c))
			break;
		left = size - c->sb_last;
		if (left > want - done)
			left = want - done;
		memcpy(c->sb_tail->data + c->sb_last, data + done, left);
		c->sb_last = (uint16_t)(c->sb_last + left);
		done += left;
	}
	c->snd_end += done;
	return done;
}

const uint8_t *tcp_snd_at(const struct tcp_conn *c, uint32_t seq, uint32_t len)
{
	struct tcp_stack *s = c->stack;
	uint32_t off = c->sb_first + (seq - c->snd_una);
	const struct tcp_sblock *b = c->sb_head;
	uint32_t size = block_data(s);
	uint32_t done = 0;

	if (s->snd_hint.conn == c && seq_geq(seq, s->snd_hint.seq)) {
		off = seq - s->snd_hint.seq;
		b = s->snd_hint.block;
	}
	for (; off >= size; off -= size)
		b = b->next;
	s->snd_hint.conn = c;
	s->snd_hint.block = b;
	s->snd_hint.seq = seq - off;
	if (off + len <= size)
		return b->data + off;
	while (done < len) {
		uint32_t n = size - off;

		if (n > len - done)
			n = len - done;
		memcpy(c->stack->scratch + done, b->data + off, n);
		done += n;
		off = 0;
		b = b->next;
	}
	return c->stack->scratch;
}

void tcp_snd_drop(struct tcp_conn *c, uint32_t n)
{
	uint32_t off = c->sb_first + n;
	uint32_t size = block_data(c->stack);

	while (c->sb_head && (off >= size || (!c->sb_head->next && off == c->sb_last))) {
		struct tcp_sblock *b = c->sb_head;

		c->sb_head = b->next;
		if (!b->next)
			c->sb_tail = NULL;
		off -= b->next ? size : off;
		if (c->stack->snd_hint.block == b)
			c->stack->snd_hint.conn = NULL;
		slab_put(&c->stack->sblocks, b);
	}
	c->sb_first = (uint16_t)off;
}

struct tcp_txseg *tcp_tx_add(
	struct tcp_conn *c, struct tcp_txseg *after, uint32_t seq, uint32_t end, uint64_t now)
{
	struct tcp_stack *s = c->stack;
	struct tcp_txseg *t = pool_get(&s->txsegs, s->cfg.max_conns, c->tx_head != NULL);

	if (!t) {
		s->n.snd_pool_limited++;
		return NULL;
	}
	*t = (struct tcp_txseg){.seq = seq, .end = end, .sent_us = now, .prev = after};
	if (after) {
		t->next = after->next;
		after->next = t;
	} else {
		t->next = c->tx_head;
		c->tx_head = t;
	}
	if (t->next)
		t->next->prev = t;
	else
		c->tx_tail = t;
	return t;
}

void tcp_tx_remove(struct tcp_conn *c, struct tcp_txseg *t)
{
	if (t->prev)
		t->prev->next = t->next;
	else
		c->tx_head = t->next;
	if (t->next)
		t->next->prev = t->prev;
	else
		c->tx_tail = t->prev;
	slab_put(&c->stack->txsegs, t);
}

void tcp_snd_free(struct tcp_conn *c)
{
	while (c->tx_head)
		tcp_tx_remove(c, c->tx_head);
	if (c->stack->snd_hint.conn == c)
		c->stack->snd_hint.conn = NULL;
	while (c->sb_head) {
		struct tcp_sblock *b = c->sb_head;

		c->sb_head = b->next;
		slab_put(&c->stack->sblocks, b);
	}
	c->sb_tail = NULL;
}
