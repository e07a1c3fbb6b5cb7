/*
 * What an lcore does in a round: while the data plane runs, and at its end. No clock, no thread, no
 * sleep (poll.c has these), so that the simulator's rounds are the same.
 */
#include "dataplane/lcore.h"

#define RING_BURST 64u

static bool drain_rings(struct lcore *l)
{
	struct rte_mbuf *m[RING_BURST];
	bool any = false;

	for (unsigned i = 0; i < l->dp->lcores_count; i++) {
		unsigned n;

		if (!l->in_ring[i])
			continue;
		n = rte_ring_sc_dequeue_burst(l->in_ring[i], (void **)m, RING_BURST, NULL);
		l->handed += n;
		for (unsigned k = 0; k < n; k++) {
			switch ((enum pkt_kind)pkt_meta(m[k])->kind) {
			case PKT_TCP:
				worker_segment(l->worker, m[k]);
				break;
			case PKT_ICMP_TCP:
				worker_icmp(l->worker, pkt_meta(m[k]));
				rte_pktmbuf_free(m[k]);
				break;
			default:
				rx_from_ring(l, m[k]);
				break;
			}
		}
		any |= n > 0;
	}
	return any;
}

bool lcore_rings_empty(const struct lcore *l)
{
	for (unsigned i = 0; i < l->dp->lcores_count; i++)
		if (l->in_ring[i] && !rte_ring_empty(l->in_ring[i]))
			return false;
	return true;
}

bool lcore_round(struct lcore *l)
{
	bool any = false;

	if (l->is_rx)
		any |= rx_round(l);
	any |= drain_rings(l);
	if (l->is_rx)
		rx_timers(l);
	if (l->worker)
		any |= worker_round(l->worker);
	any |= intake_round(&l->in);
	tx_flush(l);
	return any;
}

/*
 * What was received becomes durable, then peers are told, then they have a while to acknowledge it:
 * frames come and go until the end, but no new logs.
 */
bool lcore_drain_round(struct lcore *l)
{
	bool read = true, parted = true, any = false, settled;

	l->draining = true;
	if (l->is_rx)
		any |= rx_round(l);
	any |= drain_rings(l);
	if (l->is_rx)
		rx_timers(l);
	any |= intake_round(&l->in);
	if (l->worker)
		read = worker_drain(l->worker);
	if (read)
		intake_flush(&l->in);
	settled = read && intake_settled(&l->in);
	/* Those who wait for their logs are told of them; where that can be never, they go now. */
	if (l->worker)
		parted = (settled || journal_state(l->in.journal) != JOURNAL_RUNNING) &&
			 worker_part(l->worker);
	/* The last logs of those who part are made durable, too. */
	if (settled) {
		intake_flush(&l->in);
		settled = intake_settled(&l->in);
	}
	tx_flush(l);
	if (settled && parted)
		atomic_store_explicit(&l->drained, true, memory_order_release);
	return any || !read;
}

void lcore_settle(struct lcore *l)
{
	l->draining = true;
	while (drain_rings(l))
		;
	if (l->worker)
		worker_leave(l->worker);
	intake_flush(&l->in);
	tx_flush(l);
}
