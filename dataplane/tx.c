/* Frames out: a queue of its own for each lcore where the port has that many, else a ring to the
 * port's owner. */
#include <rte_ethdev.h>

#include "dataplane/lcore.h"

struct rte_mbuf *tx_alloc(struct lcore *l, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(l->pool);

	if (m && !rte_pktmbuf_append(m, (uint16_t)len)) {
		rte_pktmbuf_free(m);
		return NULL;
	}
	return m;
}

/* By the port's owner, over its ring. */
static void by_owner(struct lcore *l, struct port *p, struct rte_mbuf *m)
{
	struct pkt_meta *meta = pkt_meta(m);

	meta->kind = PKT_FRAME;
	meta->port = p->index;
	if (!lcore_pass(l, p->owner, m)) {
		l->wire[p->index].tx_dropped++;
		rte_pktmbuf_free(m);
	}
}

/*
 * A driver may grant a queue that leads nowhere: memif has as many as the other side has asked for.
 * One that does not even take its first frame is given up for the owner's, without a loss.
 */
static bool given_up(struct lcore *l, struct port *p, struct tx_buffer *t, uint16_t sent)
{
	t->worked |= sent > 0;
	if (t->worked || p->owner == l)
		return false;
	t->queue = -1;
	for (uint16_t i = 0; i < t->count; i++) {
		l->wire[p->index].tx_bytes -= rte_pktmbuf_pkt_len(t->m[i]);
		by_owner(l, p, t->m[i]);
	}
	t->count = 0;
	return true;
}

static void burst(struct lcore *l, struct port *p, struct tx_buffer *t)
{
	struct wire_count *w = &l->wire[p->index];
	uint16_t sent = rte_eth_tx_burst(p->eth, (uint16_t)t->queue, t->m, t->count);

	/* A full queue gets one more chance; then TCP's timers repair what is dropped here. */
	if (sent < t->count)
		sent += rte_eth_tx_burst(
			p->eth, (uint16_t)t->queue, t->m + sent, (uint16_t)(t->count - sent));
	if (!t->worked && given_up(l, p, t, sent))
		return;
	w->tx_packets += sent;
	w->tx_dropped += (uint16_t)(t->count - sent);
	if (sent < t->count)
		rte_pktmbuf_free_bulk(t->m + sent, (unsigned)(t->count - sent));
	t->count = 0;
}

void tx_frame(struct lcore *l, struct port *p, struct rte_mbuf *m)
{
	struct tx_buffer *t = &l->tx[p->index];

	if (t->queue < 0) {
		by_owner(l, p, m);
		return;
	}
	l->wire[p->index].tx_bytes += rte_pktmbuf_pkt_len(m);
	t->m[t->count++] = m;
	if (t->count == TX_BURST)
		burst(l, p, t);
}

void tx_flush(struct lcore *l)
{
	for (unsigned i = 0; i < l->dp->ports_count; i++)
		if (l->tx[i].count)
			burst(l, &l->dp->ports[i], &l->tx[i]);
}

static uint8_t *net_alloc(void *ctx, uint32_t len, void **handle)
{
	struct tx_ctx *tc = ctx;
	struct rte_mbuf *m = tx_alloc(tc->l, len);

	*handle = m;
	return m ? rte_pktmbuf_mtod(m, uint8_t *) : NULL;
}

static void net_send(void *ctx, void *handle, uint32_t len)
{
	struct tx_ctx *tc = ctx;
	struct rte_mbuf *m = handle;

	rte_pktmbuf_trim(m, (uint16_t)(rte_pktmbuf_pkt_len(m) - len));
	tx_frame(tc->l, tc->p, m);
}

void tx_net_out(struct tx_ctx *tc, struct net_out *out)
{
	out->ctx = tc;
	out->alloc = net_alloc;
	out->send = net_send;
}
