/*
 * Memory for what was received, charged by what its buffers really occupy. A run stays in the
 * buffer that it came in, or is copied into a pack: a buffer of ours that small runs share, since
 * many small segments in buffers of their own would fill the memory long before the window.
 *
 * What does not fit is dropped before it is acknowledged, never after. When all connections
 * together come near their bound, out-of-order data goes first.
 */
#include <string.h>

#include "dataplane/tcp/rcv.h"

static uint32_t charge_of(uint32_t buf_size)
{
	return buf_size < TCP_MIN_CHARGE ? TCP_MIN_CHARGE : buf_size;
}

static void charge(struct tcp_conn *c, uint32_t bytes)
{
	c->rcv_held += bytes;
	c->stack->n.rcv_bytes_held += bytes;
}

static void discharge(struct tcp_conn *c, uint32_t bytes)
{
	c->rcv_held -= bytes;
	c->stack->n.rcv_bytes_held -= bytes;
}

/* May `bytes` more be held, in order? Out-of-order data makes room where it must. */
static bool admit(struct tcp_conn *c, uint32_t bytes)
{
	struct tcp_stack *s = c->stack;
	uint64_t total = s->cfg.rcv_buf_total;

	while (s->n.rcv_bytes_held + bytes > total - total / 8 && !link_empty(&s->ooo_holders)) {
		s->n.ooo_pruned++;
		tcp_ooo_drop(LINK_OWNER(s->ooo_holders.next, struct tcp_ooo, link)->conn);
	}
	if (c->rcv_held + bytes > s->cfg.rcv_buf && c->ooo && c->ooo->head) {
		s->n.ooo_pruned++;
		tcp_ooo_drop(c);
	}
	return s->n.rcv_bytes_held + bytes <= total &&
	       (c->rcv_held + bytes <= s->cfg.rcv_buf || c->rcv_held == 0);
}

/*
 * The same for a run that ends at `end`, out of order. It makes no room, and leaves some for what
 * is missing before it, at twice its size as the window reckons; an eighth may be lacking of that,
 * since a buffer that is begun counts as a whole. So a whole window fits, whatever of it comes
 * first.
 */
static bool admit_ooo(const struct tcp_conn *c, uint32_t bytes, uint32_t end)
{
	const struct tcp_stack *s = c->stack;
	uint64_t total = s->cfg.rcv_buf_total, own = s->cfg.rcv_buf;
	uint32_t reach = c->ooo->tail ? seq_max(end, tcp_chunk_end(c->ooo->tail)) : end;
	uint32_t missing = reach - c->rcv_nxt - c->ooo->bytes;

	return s->n.rcv_bytes_held + bytes <= total - total / 4 && c->rcv_held + bytes <= own &&
	       (uint64_t)c->rcv_held + bytes + 2ULL * missing <= own + own / 8;
}

void tcp_chunk_free(struct tcp_conn *c, struct tcp_chunk *k)
{
	struct tcp_stack *s = c->stack;
	struct tcp_pack *p = k->pack;

	if (!p) {
		discharge(c, k->charge);
		s->ops.buf_free(s->ctx, k->buf);
	} else if (--p->refs == 0) {
		if (c->ooo && c->ooo->pack == p)
			c->ooo->pack = NULL;
		discharge(c, p->charge);
		s->ops.buf_free(s->ctx, p->buf);
		slab_put(&s->packs, p);
	}
	slab_put(&s->chunks, k);
}

struct tcp_chunk *tcp_chunk_keep(struct tcp_conn *c, struct tcp_seg *g, const uint8_t *data,
	uint32_t len, bool ooo, uint32_t end)
{
	struct tcp_stack *s = c->stack;
	uint32_t bytes = charge_of(g->rx->buf_size);
	struct tcp_chunk *k;

	if (g->taken || !(ooo ? admit_ooo(c, bytes, end) : admit(c, bytes)))
		return NULL;
	k = slab_get(&s->chunks);
	if (!k)
		return NULL;
	*k = (struct tcp_chunk){.buf = g->rx->buf, .data = data, .len = len, .charge = bytes};
	charge(c, bytes);
	g->taken = true;
	return k;
}

struct tcp_pack *tcp_pack_new(struct tcp_conn *c, uint32_t least, bool ooo, uint32_t end)
{
	struct tcp_stack *s = c->stack;
	struct tcp_pack *p = NULL;
	uint32_t capacity, size, bytes;
	uint8_t *mem;
	void *buf = s->ops.buf_alloc(s->ctx, &mem, &capacity, &size);

	if (!buf)
		return NULL;
	bytes = charge_of(size);
	if (capacity >= least && (ooo ? admit_ooo(c, bytes, end) : admit(c, bytes)))
		p = slab_get(&s->packs);
	if (!p) {
		s->ops.buf_free(s->ctx, buf);
		return NULL;
	}
	*p = (struct tcp_pack){buf, mem, capacity, bytes, 0, bytes / TCP_MIN_CHARGE};
	charge(c, bytes);
	return p;
}

static void copy_in(struct tcp_pack *p, const uint8_t *data, uint32_t len)
{
	memcpy(p->at, data, len);
	p->at += len;
	p->room -= len;
}

struct tcp_chunk *tcp_pack_begin(
	struct tcp_conn *c, struct tcp_pack *p, const uint8_t *data, uint32_t len)
{
	struct tcp_stack *s = c->stack;
	struct tcp_chunk *k = slab_get(&s->chunks);

	assert(k && p->left > 0 && len <= p->room); /* the least charge has seen to that */
	*k = (struct tcp_chunk){.pack = p, .data = p->at, .len = len};
	p->refs++;
	p->left--;
	copy_in(p, data, len);
	s->n.coalesced++;
	return k;
}

uint32_t tcp_chunk_room(const struct tcp_chunk *k)
{
	return k && k->pack && k->data + k->len == k->pack->at ? k->pack->room : 0;
}

void tcp_chunk_extend(struct tcp_conn *c, struct tcp_chunk *k, const uint8_t *data, uint32_t len)
{
	copy_in(k->pack, data, len);
	k->len += len;
	c->stack->n.coalesced++;
}
