/* Datagrams past both kernels (ring.h). A full ring is waited for: nothing is lost on this wire but
 * by the receiver. */
#include <string.h>

#include <rte_mbuf.h>

#include "bench/load/load.h"
#include "bench/load/ring.h"
#include "bench/wire/frames.h"

#define PORT_BASE 20000u

static const struct ring *ring;

static int vhost_open(struct load *l, struct load_flow *f)
{
	(void)f;
	ring = ring_up(l, false);
	return ring ? 0 : -1;
}

static int vhost_send(struct load *l, struct load_flow *f, uint32_t n)
{
	struct rte_mbuf *m[LOAD_BATCH_MAX];
	struct ip_addr src = ring_host(f->index);
	static unsigned calls;
	uint64_t bytes = 0;
	unsigned sent;

	if (calls++ % 64 == 0)
		ring_take(NULL, NULL);
	if (!ring_alloc(m, n))
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *at = rte_pktmbuf_mtod(m[i], uint8_t *);
		uint32_t len = lines_write(l->lines, f->index, f->next + i, (char *)at + FRAME_UDP);

		m[i]->data_len = (uint16_t)frame_udp(at, ring->mac, &src, &ring->target,
			(uint16_t)(PORT_BASE + f->index % 40000), l->o->port, len);
		m[i]->pkt_len = m[i]->data_len;
	}
	sent = ring_send(m, n);
	for (uint32_t i = 0; i < sent; i++) {
		uint32_t run;

		bytes += lines_len(l->lines, f->index, f->next + i, &run);
	}
	for (uint32_t i = sent; i < n; i++)
		rte_pktmbuf_free(m[i]);
	f->next += sent;
	atomic_fetch_add_explicit(&l->bytes, bytes, memory_order_relaxed);
	return (int)sent;
}

static bool vhost_finish(struct load *l, struct load_flow *f, double timeout_s)
{
	if (f->index + 1 < l->o->plan.flows)
		return true;
	return ring_push_out(load_now_ns() + (uint64_t)(timeout_s * 1e9));
}

static void vhost_wait(struct load *l, uint64_t timeout_us)
{
	(void)timeout_us;
	ring_take(NULL, NULL);
	l->idle_ns += load_now_ns() - l->refused_ns;
}

static void vhost_close(struct load *l, struct load_flow *f)
{
	(void)l;
	(void)f;
	ring_down();
}

const struct load_transport load_vhost = {
	.name = "udp",
	.open = vhost_open,
	.send = vhost_send,
	.finish = vhost_finish,
	.wait = vhost_wait,
	.close = vhost_close,
};
