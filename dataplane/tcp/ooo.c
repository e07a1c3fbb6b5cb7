/*
 * What came out of order, in one list by number. Small runs are copied into packs, beside each
 * other in memory even where there are gaps between their numbers: a whole window of them must fit,
 * in whatever order they come. A run may go on in a second pack.
 */
#include "dataplane/tcp/rcv.h"

/*
 * The list is walked for each segment that does not go to its end, so that the way must be short,
 * whoever makes it. Small runs, which may all be in one place, are few: a megabyte in segments of
 * 536 bytes, every other one missing, still fits. Those that are worth the buffer they came in are
 * as many as a large window has, but few in a slice of it, and the walk begins in the last slice
 * before the place where something begins.
 */
#define RUNS_MAX	1024U
#define BUFFER_LEAST	2048U /* what a full one holds of rcv_buf, or more */
#define WORTH_BEGINNING 256U  /* less room than this is left where a run does not fit as a whole */

bool tcp_ooo_begin(struct tcp_conn *c)
{
	struct tcp_ooo *o;

	if (c->ooo)
		return true;
	o = slab_get(&c->stack->ooos);
	if (!o)
		return false;
	*o = (struct tcp_ooo){.conn = c};
	c->ooo = o;
	return true;
}

void tcp_ooo_drop(struct tcp_conn *c)
{
	struct tcp_ooo *o = c->ooo;

	c->flags &= ~(uint32_t)CF_OOO;
	if (!o)
		return;
	while (o->head) {
		struct tcp_chunk *k = o->head;

		o->head = k->next;
		tcp_chunk_free(c, k);
	}
	link_remove(&o->link);
	c->ooo = NULL;
	slab_put(&c->stack->ooos, o);
}

/* A slice is a power of two, and rcv_buf, of which half is announced, 32 to 64 of them. */
static unsigned slice_shift(const struct tcp_conn *c)
{
	return 26 - (unsigned)__builtin_clz(c->stack->cfg.rcv_buf | UINT16_MAX);
}

static struct tcp_chunk **first_of(const struct tcp_conn *c, uint32_t seq)
{
	return &c->ooo->first[seq >> slice_shift(c) & (TCP_OOO_SLICES - 1)];
}

struct tcp_chunk *tcp_ooo_before(const struct tcp_conn *c, uint32_t seq)
{
	const struct tcp_ooo *o = c->ooo;
	unsigned shift = slice_shift(c), at = seq >> shift;

	if (!o->head || seq_geq(seq, tcp_chunk_end(o->tail)))
		return o->tail;
	for (unsigned i = 0; i < TCP_OOO_SLICES; i++) {
		struct tcp_chunk *k = o->first[(at - i) & (TCP_OOO_SLICES - 1)];

		if (k && seq_leq(tcp_chunk_end(k), seq))
			return k;
	}
	return NULL;
}

static void count(struct tcp_ooo *o, const struct tcp_chunk *k, int by)
{
	*(k->small ? &o->small : &o->full) += (uint32_t)by;
}

/* `k` is in the list no more; `next` comes after it. */
static void take_out(struct tcp_conn *c, const struct tcp_chunk *k, struct tcp_chunk *next)
{
	struct tcp_chunk **first = first_of(c, k->seq);

	if (*first == k)
		*first = next && first_of(c, next->seq) == first ? next : NULL;
	count(c->ooo, k, -1);
}

struct tcp_chunk *tcp_ooo_shift(struct tcp_conn *c)
{
	struct tcp_chunk *k = c->ooo->head;

	take_out(c, k, k->next);
	c->ooo->head = k->next;
	if (!k->next)
		c->ooo->tail = NULL;
	c->ooo->bytes -= k->len;
	return k;
}

static void put_in(
	struct tcp_conn *c, struct tcp_chunk *prev, struct tcp_chunk *k, uint32_t seq, bool small)
{
	struct tcp_ooo *o = c->ooo;
	struct tcp_chunk **first = first_of(c, seq);

	k->seq = seq;
	k->small = small;
	if (!*first || seq_lt(seq, (*first)->seq))
		*first = k;
	k->next = prev ? prev->next : o->head;
	if (prev)
		prev->next = k;
	else
		o->head = k;
	if (!k->next)
		o->tail = k;
	o->bytes += k->len;
	count(o, k, 1);
	c->flags |= CF_OOO;
	if (!linked(&o->link))
		link_append(&c->stack->ooo_holders, &o->link);
}

/* A pack in which something of `len` bytes can begin, or NULL. */
static struct tcp_pack *pack_for(struct tcp_conn *c, uint32_t len, uint32_t end)
{
	struct tcp_ooo *o = c->ooo;

	if (!o->pack || o->pack->left == 0 || o->pack->room == 0 ||
		(o->pack->room < len && o->pack->room < WORTH_BEGINNING))
		o->pack = tcp_pack_new(c, 1, true, end);
	return o->pack;
}

static bool may_begin(const struct tcp_conn *c, bool small)
{
	uint32_t most = c->stack->cfg.rcv_buf / BUFFER_LEAST;

	return small ? c->ooo->small < RUNS_MAX
		     : c->ooo->full < (most > RUNS_MAX ? most : RUNS_MAX);
}

struct tcp_chunk *tcp_ooo_insert(struct tcp_conn *c, struct tcp_seg *g, struct tcp_chunk *prev,
	uint32_t seq, const uint8_t *data, uint32_t len, bool last)
{
	uint32_t end = seq + len;
	/* Beside what is missing, five eighths of a buffer is what a window can bear. */
	bool copy = !last || len < g->rx->buf_size / 8 * 5;
	struct tcp_chunk *k;

	while (copy && seq_lt(seq, end)) {
		uint32_t room = prev && tcp_chunk_end(prev) == seq ? tcp_chunk_room(prev) : 0;
		uint32_t n = tcp_min(room, end - seq);
		struct tcp_pack *p;

		if (n > 0) {
			tcp_chunk_extend(c, prev, data, n);
			c->ooo->bytes += n;
		} else if (may_begin(c, true) && (p = pack_for(c, end - seq, end)) != NULL) {
			n = tcp_min(p->room, end - seq);
			k = tcp_pack_begin(c, p, data, n);
			put_in(c, prev, k, seq, true);
			prev = k;
		} else {
			break;
		}
		seq += n;
		data += n;
	}
	if (seq == end)
		return prev;
	k = may_begin(c, copy) ? tcp_chunk_keep(c, g, data, end - seq, true, end) : NULL;
	if (!k) {
		c->stack->n.ooo_dropped++;
		return NULL;
	}
	put_in(c, prev, k, seq, copy);
	return k;
}

static bool may_absorb(const struct tcp_chunk *k, const struct tcp_chunk *n)
{
	return tcp_chunk_room(k) >= n->len && (n->pack || n->len <= n->charge / 2);
}

bool tcp_ooo_absorb(struct tcp_conn *c, struct tcp_chunk *k, struct tcp_chunk *n)
{
	if (!may_absorb(k, n))
		return false;
	tcp_chunk_extend(c, k, n->data, n->len);
	tcp_chunk_free(c, n);
	return true;
}

void tcp_ooo_join(struct tcp_conn *c, struct tcp_chunk *from, uint32_t upto)
{
	for (struct tcp_chunk *k = from ? from : c->ooo->head; k && seq_leq(k->seq, upto);) {
		struct tcp_chunk *n = k->next;
		struct tcp_chunk *after = n ? n->next : NULL;

		if (n && n->seq == tcp_chunk_end(k) && may_absorb(k, n)) {
			take_out(c, n, after);
			tcp_ooo_absorb(c, k, n);
			k->next = after;
			if (!after)
				c->ooo->tail = k;
		} else {
			k = n;
		}
	}
}
