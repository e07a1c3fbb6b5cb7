/*
 * The bytes of a segment. What is held already stays as it is: the first copy of a byte wins, in
 * order or not, so nobody can rewrite what has been seen (and perhaps framed) before.
 */
#include "dataplane/tcp/rcv.h"

/* The newest block first; blocks that it touches become part of it (RFC 2018 section 4). */
static void report(struct tcp_ooo *o, uint32_t start, uint32_t end)
{
	struct tcp_range fresh = {start, end};
	struct tcp_range rest[4] = {{0, 0}};
	unsigned n = 0;

	for (unsigned i = 0; i < o->nsack; i++) {
		const struct tcp_range *r = &o->sack[i];

		if (seq_leq(r->start, fresh.end) && seq_leq(fresh.start, r->end)) {
			fresh.start = seq_min(r->start, fresh.start);
			fresh.end = seq_max(r->end, fresh.end);
		} else {
			rest[n++] = *r;
		}
	}
	o->sack[0] = fresh;
	if (n > 3)
		n = 3;
	for (unsigned i = 0; i < n; i++)
		o->sack[i + 1] = rest[i];
	o->nsack = n + 1;
}

static void duplicate(struct tcp_conn *c, uint32_t start, uint32_t end)
{
	c->stack->n.dup_segments++;
	c->dsack = (struct tcp_range){start, end};
	c->flags |= CF_DSACK;
}

/* Puts the parts of [seq, seq + len) that are in no chunk yet into the gaps between the chunks. */
static void insert(
	struct tcp_conn *c, struct tcp_seg *g, uint32_t seq, const uint8_t *data, uint32_t len)
{
	uint32_t end = seq + len;
	struct tcp_chunk *prev, *before, *next;
	bool stored = false;

	if (!tcp_ooo_begin(c)) {
		c->stack->n.ooo_dropped++;
		return;
	}
	prev = tcp_ooo_before(c, seq);
	next = prev ? prev->next : c->ooo->head;
	while (next && seq_leq(tcp_chunk_end(next), seq)) {
		prev = next;
		next = next->next;
	}
	before = prev;
	for (uint32_t at = seq; seq_lt(at, end);) {
		uint32_t upto;

		if (next && seq_leq(next->seq, at)) {
			at = seq_max(at, tcp_chunk_end(next));
			prev = next;
			next = next->next;
			continue;
		}
		upto = next ? seq_min(next->seq, end) : end;
		prev = tcp_ooo_insert(c, g, prev, at, data + (at - seq), upto - at,
			upto == end || seq_geq(tcp_chunk_end(next), end));
		if (!prev) {
			end = at;
			break;
		}
		stored = true;
		at = upto;
	}
	if (stored) {
		c->stack->n.ooo_queued++;
		report(c->ooo, seq, end);
		tcp_ooo_join(c, before, end);
	} else if (seq_lt(seq, end)) {
		duplicate(c, seq, end);
	}
	if (!c->ooo->head)
		tcp_ooo_drop(c);
}

/* Does what is queued from `k` on cover everything up to `end`? */
static bool covered(const struct tcp_chunk *k, uint32_t end)
{
	uint32_t at = k->seq;

	for (; k && k->seq == at; k = k->next)
		at = tcp_chunk_end(k);
	return seq_geq(at, end);
}

/* Bytes that begin at rcv_nxt; what is queued beyond a gap that they fill comes with them. */
static void append(struct tcp_conn *c, struct tcp_seg *g, const uint8_t *data, uint32_t len)
{
	uint32_t seq = c->rcv_nxt;
	uint32_t end = seq + len;

	while (seq_lt(c->rcv_nxt, end)) {
		const struct tcp_chunk *k = c->ooo ? c->ooo->head : NULL;
		uint32_t at = c->rcv_nxt;
		uint32_t upto = k && seq_lt(k->seq, end) ? k->seq : end;

		if (!tcp_rcv_append(
			    c, g, data + (at - seq), upto - at, upto == end || covered(k, end)))
			break;
		if (c->flags & CF_OOO)
			tcp_rcv_pull(c);
	}
}

/* False where the connection is gone after it. */
static bool take(struct tcp_conn *c, struct tcp_seg *g, uint64_t now)
{
	uint32_t before = c->rcv_nxt;
	uint32_t seq = g->seq;
	uint32_t end = seq + g->len;
	const uint8_t *data = g->data;
	bool had_gap = c->flags & CF_OOO;

	if (seq_lt(seq, c->rcv_nxt)) {
		if (g->len)
			duplicate(c, seq, seq_min(end, c->rcv_nxt));
		data += c->rcv_nxt - seq;
		seq = c->rcv_nxt;
	}
	if (seq_gt(end, c->rcv_adv)) {
		c->stack->n.out_of_window++;
		end = c->rcv_adv;
	}
	if ((c->flags & CF_FIN_KNOWN) && seq_gt(end, c->rcv_fin))
		end = c->rcv_fin;
	if (seq_geq(seq, end)) {
		if (g->len)
			tcp_put_off(c, CF_ACK_NOW, now);
		return true;
	}
	tcp_note_size(c, g->len);
	if (seq != c->rcv_nxt) {
		insert(c, g, seq, data, end - seq);
		/* Without SACK the peer counts our duplicates, so each is sent (RFC 5681
		 * section 4.2). */
		if (c->flags & CF_SACK)
			tcp_put_off(c, CF_ACK_NOW, now);
		else
			tcp_send_ack(c, now);
		return true;
	}
	append(c, g, data, end - seq);
	if (c->rcv_nxt == before || had_gap || (c->flags & CF_DSACK))
		tcp_put_off(c, CF_ACK_NOW, now);
	if (c->rcv_nxt == before)
		return true;
	c->bytes_in += c->rcv_nxt - before;
	c->stack->n.bytes_in += c->rcv_nxt - before;
	tcp_ack_policy(c, now);
	return tcp_event(c, TCP_EV_READABLE);
}

static void note_fin(struct tcp_conn *c, const struct tcp_seg *g)
{
	uint32_t fin = g->seq + g->len;

	/* Where bytes beyond it are held, or it lies beyond the window, it is not to be believed.
	 */
	if ((c->flags & CF_FIN_KNOWN) || seq_lt(fin, c->rcv_nxt) || seq_gt(fin, c->rcv_adv))
		return;
	if (c->ooo && c->ooo->head && seq_gt(tcp_chunk_end(c->ooo->tail), fin))
		return;
	c->rcv_fin = fin;
	c->flags |= CF_FIN_KNOWN;
}

/* RFC 9293 section 3.10.7.4, eighth: the FIN is next in order. */
static void fin(struct tcp_conn *c, uint64_t now)
{
	c->flags |= CF_FIN_RCVD;
	c->rcv_nxt++;
	tcp_ooo_drop(c);
	if (c->state == TCPS_FIN_WAIT_2) {
		tcp_send_ack(c, now);
		if (tcp_event(c, TCP_EV_PEER_FIN))
			tcp_conn_done(c, true, now);
		return;
	}
	c->state = c->state == TCPS_FIN_WAIT_1 ? TCPS_CLOSING : TCPS_CLOSE_WAIT;
	tcp_put_off(c, CF_ACK_NOW, now);
	tcp_event(c, TCP_EV_PEER_FIN);
}

void tcp_data(struct tcp_conn *c, struct tcp_seg *g, uint64_t now)
{
	if (!tcp_receives(c))
		return;
	if (g->len && (c->flags & CF_DEAF)) {
		if (seq_lt(g->seq, c->rcv_nxt))
			tcp_put_off(c, CF_ACK_NOW, now); /* some of it is here */
		return;
	}
	if (g->flags & TCP_FIN)
		note_fin(c, g);
	if (g->len && !take(c, g, now))
		return;
	if ((g->flags & TCP_FIN) && !(c->flags & CF_FIN_RCVD))
		tcp_put_off(c, CF_ACK_NOW, now);
	if ((c->flags & CF_FIN_KNOWN) && c->rcv_nxt == c->rcv_fin && tcp_receives(c))
		fin(c, now);
}
