/* What was received in order and is not consumed. */
#include "dataplane/tcp/rcv.h"

void tcp_rcv_free(struct tcp_conn *c)
{
	tcp_ooo_drop(c);
	while (c->rx_head) {
		struct tcp_chunk *k = c->rx_head;

		c->rx_head = k->next;
		tcp_chunk_free(c, k);
	}
	c->rx_tail = NULL;
	c->unread = 0;
}

static void append(struct tcp_conn *c, struct tcp_chunk *k)
{
	k->next = NULL;
	if (c->rx_tail)
		c->rx_tail->next = k;
	else
		c->rx_head = k;
	c->rx_tail = k;
}

bool tcp_rcv_append(
	struct tcp_conn *c, struct tcp_seg *g, const uint8_t *data, uint32_t len, bool last)
{
	bool copy = !last || (c->rx_tail && len <= g->rx->buf_size / 2);
	struct tcp_chunk *k = NULL;

	if (copy && tcp_chunk_room(c->rx_tail) >= len) {
		tcp_chunk_extend(c, c->rx_tail, data, len);
	} else {
		struct tcp_pack *p = copy ? tcp_pack_new(c, len, false, 0) : NULL;

		k = p ? tcp_pack_begin(c, p, data, len) : tcp_chunk_keep(c, g, data, len, false, 0);
		if (!k) {
			c->stack->n.pressure_drops++;
			return false;
		}
		k->seq = c->rcv_nxt;
		append(c, k);
	}
	c->rcv_nxt += len;
	c->unread += len;
	return true;
}

void tcp_rcv_pull(struct tcp_conn *c)
{
	struct tcp_ooo *o = c->ooo;
	struct tcp_chunk *k;
	unsigned kept = 0;

	if (!o)
		return;
	while ((k = o->head) != NULL && k->seq == c->rcv_nxt) {
		tcp_ooo_shift(c);
		c->rcv_nxt += k->len;
		c->unread += k->len;
		if (!tcp_ooo_absorb(c, c->rx_tail, k))
			append(c, k);
	}
	for (unsigned i = 0; i < o->nsack; i++)
		if (seq_gt(o->sack[i].start, c->rcv_nxt))
			o->sack[kept++] = o->sack[i];
	o->nsack = kept;
	if (!o->head)
		tcp_ooo_drop(c); /* nothing to free: leaves the list of holders */
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
		tcp_chunk_free(c, k);
	}
	if (c->state == TCPS_UNREAD && c->unread == 0)
		tcp_put_off(c, 0, now);
	else
		tcp_rcv_update_window(c, now);
}
