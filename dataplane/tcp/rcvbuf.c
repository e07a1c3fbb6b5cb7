/*
 * What was received and is not consumed, charged by what its buffers really occupy.
 *
 * The window offered is half of the free space, so a sender of segments that fill their buffers
 * less than half could run us out of space within its window: such segments are copied together as
 * soon as the ones before them are unread. What does not fit in spite of that is dropped before it
 * is acknowledged, never after. When all connections together come near their bound, out-of-order
 * data goes first, then windows stop opening.
 */
#include <string.h>

#include "dataplane/tcp/tcp_priv.h"

static uint32_t charge_of(uint32_t buf_size)
{
	return buf_size < TCP_MIN_CHARGE ? TCP_MIN_CHARGE : buf_size;
}

static void chunk_free(struct tcp_conn *c, struct tcp_chunk *k)
{
	struct tcp_stack *s = c->stack;

	c->rcv_held -= k->charge;
	s->n.rcv_bytes_held -= k->charge;
	s->ops.buf_free(s->ctx, k->buf);
	slab_put(&s->chunks, k);
}

void tcp_rcv_drop_ooo(struct tcp_conn *c)
{
	while (c->ooo_head) {
		struct tcp_chunk *k = c->ooo_head;

		c->ooo_head = k->next;
		chunk_free(c, k);
	}
	c->ooo_tail = NULL;
	c->nsack = 0;
	c->flags &= ~(uint32_t)CF_OOO;
	link_remove(&c->ooo_link);
}

void tcp_rcv_free(struct tcp_conn *c)
{
	tcp_rcv_drop_ooo(c);
	while (c->rx_head) {
		struct tcp_chunk *k = c->rx_head;

		c->rx_head = k->next;
		chunk_free(c, k);
	}
	c->rx_tail = NULL;
	c->unread = 0;
}

/* May `charge` bytes more be held, in order? Out-of-order data makes room where it must. */
static bool admit(struct tcp_conn *c, uint32_t charge)
{
	struct tcp_stack *s = c->stack;
	uint64_t total = s->cfg.rcv_buf_total;

	while (s->n.rcv_bytes_held + charge > total - total / 8 && !link_empty(&s->ooo_holders)) {
		s->n.ooo_pruned++;
		tcp_rcv_drop_ooo(LINK_OWNER(s->ooo_holders.next, struct tcp_conn, ooo_link));
	}
	if (c->rcv_held + charge > s->cfg.rcv_buf && c->ooo_head) {
		s->n.ooo_pruned++;
		tcp_rcv_drop_ooo(c);
	}
	return s->n.rcv_bytes_held + charge <= total &&
	       (c->rcv_held + charge <= s->cfg.rcv_buf || c->rcv_held == 0);
}

/* The same out of order: it makes no room, it leaves some for what is missing before it. */
static bool admit_ooo(const struct tcp_conn *c, uint32_t charge)
{
	const struct tcp_stack *s = c->stack;
	uint64_t total = s->cfg.rcv_buf_total;
	uint32_t own = s->cfg.rcv_buf;

	return s->n.rcv_bytes_held + charge <= total - total / 4 &&
	       c->rcv_held + charge <= own - own / 8;
}

static struct tcp_chunk *chunk_take(struct tcp_conn *c, void *buf, uint32_t buf_size)
{
	struct tcp_stack *s = c->stack;
	struct tcp_chunk *k = slab_get(&s->chunks);

	if (!k)
		return NULL;
	k->next = NULL;
	k->buf = buf;
	k->charge = charge_of(buf_size);
	c->rcv_held += k->charge;
	s->n.rcv_bytes_held += k->charge;
	return k;
}

/* A chunk of a fresh buffer of ours with a copy of the bytes and room for more, or NULL. */
static struct tcp_chunk *chunk_copy(struct tcp_conn *c, const uint8_t *data, uint32_t len, bool ooo)
{
	struct tcp_stack *s = c->stack;
	struct tcp_chunk *k = NULL;
	uint8_t *mem;
	uint32_t capacity, size;
	void *buf = s->ops.buf_alloc(s->ctx, &mem, &capacity, &size);

	if (!buf)
		return NULL;
	if (capacity >= len && (ooo ? admit_ooo(c, charge_of(size)) : admit(c, charge_of(size))))
		k = chunk_take(c, buf, size);
	if (!k) {
		s->ops.buf_free(s->ctx, buf);
		return NULL;
	}
	memcpy(mem, data, len);
	k->data = mem;
	k->len = len;
	k->room = capacity - len;
	s->n.coalesced++;
	return k;
}

static struct tcp_chunk *chunk_keep(
	struct tcp_conn *c, struct tcp_seg *g, const uint8_t *data, uint32_t len, bool ooo)
{
	struct tcp_chunk *k;
	uint32_t charge = charge_of(g->rx->buf_size);

	if (g->taken || !(ooo ? admit_ooo(c, charge) : admit(c, charge)))
		return NULL;
	k = chunk_take(c, g->rx->buf, g->rx->buf_size);
	if (!k)
		return NULL;
	g->taken = true;
	k->data = data;
	k->len = len;
	k->room = 0;
	return k;
}

static bool chunk_extend(struct tcp_conn *c, struct tcp_chunk *k, const uint8_t *data, uint32_t len)
{
	if (!k || k->room < len)
		return false;
	/* Only into a copy of ours, which has room. */
	memcpy((uint8_t *)k->data + k->len, data, len);
	k->len += len;
	k->room -= len;
	c->stack->n.coalesced++;
	return true;
}

bool tcp_rcv_append(
	struct tcp_conn *c, struct tcp_seg *g, const uint8_t *data, uint32_t len, bool last)
{
	bool copy = !last || (c->rx_tail && len <= g->rx->buf_size / 2);
	struct tcp_chunk *k = NULL;

	if (!copy || !chunk_extend(c, c->rx_tail, data, len)) {
		if (copy)
			k = chunk_copy(c, data, len, false);
		if (!k)
			k = chunk_keep(c, g, data, len, false);
		if (!k) {
			c->stack->n.pressure_drops++;
			return false;
		}
		k->seq = c->rcv_nxt;
		if (c->rx_tail)
			c->rx_tail->next = k;
		else
			c->rx_head = k;
		c->rx_tail = k;
	}
	c->rcv_nxt += len;
	c->unread += len;
	return true;
}

struct tcp_chunk *tcp_rcv_insert(struct tcp_conn *c, struct tcp_seg *g, struct tcp_chunk *prev,
	uint32_t seq, const uint8_t *data, uint32_t len, bool last)
{
	bool follows = prev && prev->seq + prev->len == seq;
	bool copy = !last || (follows && len <= g->rx->buf_size / 2);
	struct tcp_chunk *k = NULL;

	if (copy && follows && chunk_extend(c, prev, data, len))
		return prev;
	if (copy)
		k = chunk_copy(c, data, len, true);
	if (!k)
		k = chunk_keep(c, g, data, len, true);
	if (!k) {
		c->stack->n.ooo_dropped++;
		return NULL;
	}
	k->seq = seq;
	k->next = prev ? prev->next : c->ooo_head;
	if (prev)
		prev->next = k;
	else
		c->ooo_head = k;
	if (!k->next)
		c->ooo_tail = k;
	c->flags |= CF_OOO;
	if (!linked(&c->ooo_link))
		link_append(&c->stack->ooo_holders, &c->ooo_link);
	return k;
}

/* Takes the bytes of the small run `n`, which follows `k`, into the room of `k`. */
static bool absorb(struct tcp_conn *c, struct tcp_chunk *k, struct tcp_chunk *n)
{
	if (n->len > n->charge / 2 || !chunk_extend(c, k, n->data, n->len))
		return false;
	chunk_free(c, n);
	return true;
}

void tcp_rcv_join(struct tcp_conn *c, struct tcp_chunk *from, uint32_t upto)
{
	for (struct tcp_chunk *k = from ? from : c->ooo_head; k && seq_leq(k->seq, upto);) {
		struct tcp_chunk *n = k->next;
		struct tcp_chunk *after = n ? n->next : NULL;

		if (n && n->seq == k->seq + k->len && absorb(c, k, n)) {
			k->next = after;
			if (!after)
				c->ooo_tail = k;
		} else {
			k = n;
		}
	}
}

/* Moves what has come into order. */
void tcp_rcv_pull(struct tcp_conn *c)
{
	struct tcp_chunk *k;
	unsigned kept = 0;

	while ((k = c->ooo_head) != NULL && k->seq == c->rcv_nxt) {
		c->ooo_head = k->next;
		c->rcv_nxt += k->len;
		c->unread += k->len;
		if (absorb(c, c->rx_tail, k))
			continue;
		k->next = NULL;
		if (c->rx_tail)
			c->rx_tail->next = k;
		else
			c->rx_head = k;
		c->rx_tail = k;
	}
	for (unsigned i = 0; i < c->nsack; i++)
		if (seq_gt(c->sack[i].start, c->rcv_nxt))
			c->sack[kept++] = c->sack[i];
	c->nsack = (uint8_t)kept;
	if (!c->ooo_head)
		tcp_rcv_drop_ooo(c); /* nothing to free: leaves the list of holders */
}

uint32_t tcp_rcv_first_window(const struct tcp_stack *s)
{
	uint64_t total = s->cfg.rcv_buf_total;

	/* Near the bound a newcomer is greeted with what a handful of segments takes. */
	if (s->n.rcv_bytes_held >= total - total / 4)
		return s->rcv_max_wnd < 4096 ? s->rcv_max_wnd : 4096;
	return s->rcv_max_wnd;
}

static uint32_t free_window(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;
	uint64_t total = s->cfg.rcv_buf_total;
	uint64_t held = s->n.rcv_bytes_held;
	uint32_t space = c->rcv_held < s->cfg.rcv_buf ? s->cfg.rcv_buf - c->rcv_held : 0;
	uint32_t wnd = space / 2 < s->rcv_max_wnd ? space / 2 : s->rcv_max_wnd;
	uint32_t bound = wnd;

	if (held >= total - total / 8)
		bound = 0;
	else if (held >= total - total / 4)
		bound = 4U * c->rcv_mss;
	if (bound < wnd) {
		wnd = bound;
		if (!linked(&c->starved))
			link_append(&s->starved, &c->starved);
	} else {
		link_remove(&c->starved);
	}
	if (!(c->flags & CF_WSCALE) && wnd > UINT16_MAX)
		wnd = UINT16_MAX;
	return wnd >> c->rcv_wscale << c->rcv_wscale;
}

/* RFC 9293 section 3.8.6.2.2: the edge moves by a segment or half the buffer, or not at all. */
static uint32_t gain(struct tcp_conn *c)
{
	uint32_t edge = c->rcv_nxt + free_window(c);
	uint32_t half = c->stack->rcv_max_wnd / 2;
	uint32_t least = c->rcv_mss < half ? c->rcv_mss : half;

	if (!seq_gt(edge, c->rcv_adv) || edge - c->rcv_adv < least)
		return 0;
	return edge - c->rcv_adv;
}

uint16_t tcp_rcv_announce(struct tcp_conn *c)
{
	uint32_t field;

	if (tcp_receives(c))
		c->rcv_adv += gain(c);
	if (seq_lt(c->rcv_adv, c->rcv_nxt))
		c->rcv_adv = c->rcv_nxt; /* a FIN took a number beyond the window */
	field = (c->rcv_adv - c->rcv_nxt) >> c->rcv_wscale;
	if (field == 0)
		c->stack->n.zero_windows++;
	return (uint16_t)(field > UINT16_MAX ? UINT16_MAX : field);
}

/*
 * Has the window opened by so much that the peer should hear of it unasked? Where it is nearly
 * shut, by a segment; else acknowledgements of what still comes will say it in time.
 */
static void update_window(struct tcp_conn *c, uint64_t now)
{
	uint32_t max = c->stack->rcv_max_wnd;
	uint32_t left = c->rcv_adv - c->rcv_nxt;
	uint32_t more;

	/* With half of it still open there is neither more to gain than half nor any hurry. */
	if (left > max / 2 || !tcp_receives(c))
		return;
	more = gain(c);
	if (more >= max / 2 || (more > 0 && left <= max / 4))
		tcp_put_off(c, CF_ACK_NOW, now);
}

void tcp_rcv_unstarve(struct tcp_stack *s, uint64_t now)
{
	uint64_t total = s->cfg.rcv_buf_total;

	for (unsigned i = 0; i < 64 && !link_empty(&s->starved); i++) {
		struct tcp_conn *c = LINK_OWNER(s->starved.next, struct tcp_conn, starved);

		if (s->n.rcv_bytes_held >= total / 2 + total / 8)
			return;
		link_remove(&c->starved);
		update_window(c, now);
	}
}

unsigned tcp_peek_from(const struct tcp_conn *c, uint32_t skip, struct tcp_span *v, unsigned n)
{
	unsigned got = 0;

	for (const struct tcp_chunk *k = c->rx_head; k && got < n; k = k->next) {
		if (skip >= k->len) {
			skip -= k->len;
			continue;
		}
		v[got++] = (struct tcp_span){k->data + skip, k->len - skip};
		skip = 0;
	}
	return got;
}

unsigned tcp_peek(const struct tcp_conn *c, struct tcp_span *v, unsigned n)
{
	return tcp_peek_from(c, 0, v, n);
}

uint32_t tcp_unread(const struct tcp_conn *c)
{
	return c->unread;
}

void tcp_consume(struct tcp_conn *c, uint32_t n, uint64_t now)
{
	assert(n <= c->unread);
	if (n == 0)
		return;
	c->unread -= n;
	while (n > 0) {
		struct tcp_chunk *k = c->rx_head;

		assert(k);
		if (n < k->len) {
			k->data += n;
			k->seq += n;
			k->len -= n;
			break;
		}
		n -= k->len;
		c->rx_head = k->next;
		if (!k->next)
			c->rx_tail = NULL;
		chunk_free(c, k);
	}
	if (c->state == TCPS_UNREAD && c->unread == 0)
		tcp_put_off(c, 0, now);
	else
		update_window(c, now);
}
