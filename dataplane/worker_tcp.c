/* What TCP asks of a worker: frames out, buffers, the MTU, who may connect. */
#include <string.h>

#include <rte_random.h>

#include "dataplane/worker.h"
#include "dataplane/tell.h"

#define IPPROTO_TCP_NO 6u

static struct port *port_of(struct dp *d, const struct ip_addr *ours)
{
	for (unsigned i = 0; i < d->ports_count; i++) {
		struct port *p = &d->ports[i];

		for (unsigned k = 0; k < p->cfg.addresses_count; k++)
			if (ip_addr_equal(&p->cfg.addresses[k].addr, ours))
				return p;
		if (ip_addr_equal(&p->link_local, ours))
			return p;
	}
	return NULL;
}

static int output(void *ctx, const struct tcp_tx *seg)
{
	struct worker *w = ctx;
	struct lcore *l = w->l;
	struct port *p = port_of(l->dp, &seg->flow.src);
	uint32_t l4_len = seg->hdr_len + seg->payload_len;
	uint8_t l2[NET_L2_MAX], ip[40];
	unsigned l2_len, ip_len;
	struct rte_mbuf *m;
	uint8_t *at, *tcp;
	uint16_t sum;

	if (!p)
		return -1;
	l2_len = net_port_l2(p->net, &seg->flow.dst, l2);
	ip_len = net_build_ip(ip, &seg->flow.src, &seg->flow.dst, IPPROTO_TCP_NO, l4_len);
	m = tx_alloc(l, l2_len + ip_len + l4_len);
	if (!m)
		return -1;
	at = rte_pktmbuf_mtod(m, uint8_t *);
	memcpy(at, l2, l2_len);
	memcpy(at + l2_len, ip, ip_len);
	tcp = at + l2_len + ip_len;
	memcpy(tcp, seg->hdr, seg->hdr_len);
	if (seg->payload_len)
		memcpy(tcp + seg->hdr_len, seg->payload, seg->payload_len);
	sum = net_l4_checksum(&seg->flow.src, &seg->flow.dst, IPPROTO_TCP_NO, tcp, l4_len);
	memcpy(tcp + 16, &sum, sizeof(sum));
	if (l2_len > 0) {
		tx_frame(l, p, m);
		return 0;
	}
	/* The neighbour is not resolved: the port's owner asks, and holds the packet meanwhile. */
	if (p->owner == l) {
		struct tx_ctx tc = {l, p};
		struct net_out out;

		tx_net_out(&tc, &out);
		net_port_send_ip(p->net, at, ip_len + l4_len, &out, l->now_us);
		rte_pktmbuf_free(m);
		return 0;
	}
	pkt_meta(m)->kind = PKT_IP;
	pkt_meta(m)->port = p->index;
	if (lcore_pass(l, p->owner, m))
		return 0;
	rte_pktmbuf_free(m);
	return -1;
}

static void buf_free(void *ctx, void *buf)
{
	(void)ctx;
	rte_pktmbuf_free(buf);
}

static void *buf_alloc(void *ctx, uint8_t **data, uint32_t *capacity, uint32_t *buf_size)
{
	struct worker *w = ctx;
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->l->pool);

	if (!m)
		return NULL;
	*data = rte_pktmbuf_mtod(m, uint8_t *);
	*capacity = rte_pktmbuf_tailroom(m);
	*buf_size = m->buf_len + (uint32_t)sizeof(*m);
	return m;
}

static uint32_t mtu(void *ctx, const struct ip_addr *dst)
{
	struct worker *w = ctx;
	uint32_t least = 65535;

	(void)dst;
	for (unsigned i = 0; i < w->l->dp->ports_count; i++)
		if (w->l->dp->ports[i].cfg.mtu < least)
			least = w->l->dp->ports[i].cfg.mtu;
	return least;
}

static bool listening(void *ctx, const struct ip_flow *flow, bool *drop)
{
	struct worker *w = ctx;
	struct lcore *l = w->l;

	*drop = false;
	if (atomic_load_explicit(&l->dp->phase, memory_order_relaxed) != DP_RUN)
		return false;
	if (!dp_listens(l->dp, flow->dst_port))
		return false;
	if (!prefixes_have(l->policy->allow, l->policy->allow_count, &flow->src)) {
		tell_refused(l, &flow->src, flow->src_port, TRANSPORT_TCP, true,
			REFUSAL_address_not_allowed);
		*drop = true; /* do not tell strangers that something listens here */
		return false;
	}
	return true;
}

struct tcp_stack *worker_tcp_new(struct worker *w)
{
	static const struct tcp_ops ops = {
		.output = output,
		.event = worker_event,
		.buf_free = buf_free,
		.buf_alloc = buf_alloc,
		.mtu = mtu,
		.listening = listening,
	};
	const struct dp *d = w->l->dp;
	uint64_t mbufs =
		d->pool->size > MBUF_RESERVE * 2 ? d->pool->size - MBUF_RESERVE : d->pool->size / 2;
	struct tcp_config cfg;

	/* Two thirds of what rx does not need for itself, shared by the workers. */
	w->rcv_total = mbufs * 2 / 3 * d->pool->elt_size / d->workers_count;
	tcp_config_defaults(&cfg);
	cfg.max_conns = w->slots;
	cfg.max_half_open = d->cfg.limits.half_open;
	cfg.max_time_wait = d->cfg.limits.time_wait;
	cfg.rcv_buf = d->cfg.limits.tcp_receive;
	cfg.rcv_buf_total = w->rcv_total;
	cfg.key = (struct siphash_key){rte_rand(), rte_rand()};
	return tcp_stack_new(&cfg, &ops, w);
}
