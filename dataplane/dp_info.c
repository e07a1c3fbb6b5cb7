/*
 * What the data plane counts: wire, ports, lcores, refusals. Counters are copied by the lcores that
 * own them, between two rounds, so that every equation holds in what is shown.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>

#include "dataplane/dp.h"
#include "dataplane/lcore.h"

/* What one lcore counted; for an owner also its ports' net counters. */
struct lcore_counts {
	struct wire_count wire[DP_MAX_PORTS];
	struct net_counters net[DP_MAX_PORTS];
	bool owns[DP_MAX_PORTS];
	uint64_t refusals[REFUSAL_REASON_COUNT];
	uint64_t crossed, ring_full, udp_logs, eccf_records, eccf_errors, acks_full, devices_full;
	uint64_t devices_recycled;
	struct tcp_counters tcp;
	struct worker_tls tls;
};

static void counts_fn(struct lcore *l, void *arg)
{
	struct lcore_counts *c = arg;

	memcpy(c->wire, l->wire, sizeof(c->wire));
	memcpy(c->refusals, l->refusals, sizeof(c->refusals));
	c->crossed = l->crossed;
	c->ring_full = l->ring_full;
	c->udp_logs = l->udp_logs;
	c->eccf_records = l->eccf_records;
	c->eccf_errors = l->eccf_errors;
	c->acks_full = l->acks_full;
	c->devices_full = device_table_full(l->in.devices);
	c->devices_recycled = device_table_recycled(l->in.devices);
	if (l->worker) {
		c->tcp = *worker_tcp_counters(l->worker);
		worker_tls_get(l->worker, &c->tls);
	}
	for (unsigned i = 0; i < l->dp->ports_count; i++)
		if (l->dp->ports[i].owner == l) {
			c->owns[i] = true;
			c->net[i] = *net_port_counters(l->dp->ports[i].net);
		}
}

/* An lcore that does not answer shows what it said last: sums over lcores must not jump. */
static void counts_get(struct lcore *l, struct lcore_counts *c)
{
	struct lcore_counts **last = &l->dp->last_counts[l->index];

	memset(c, 0, sizeof(*c));
	if (lcore_run(l, counts_fn, c) != 0) {
		if (*last)
			*c = **last;
		return;
	}
	if (!*last)
		*last = malloc(sizeof(**last));
	if (*last)
		**last = *c;
}

static void wire_add(struct dp_wire *to, const struct wire_count *w)
{
	to->packets += w->packets;
	to->bytes += w->bytes;
	to->accepted += w->accepted;
	for (unsigned r = 0; r < WIRE_REASON_COUNT; r++)
		to->rejected[r] += w->rejected[r];
}

static void missed(const struct port *p, struct dp_wire *w)
{
	struct rte_eth_stats st;

	w->missed_known = p->missed_known && rte_eth_stats_get(p->eth, &st) == 0;
	if (w->missed_known)
		w->missed = st.imissed;
}

void dp_wire(struct dp *d, struct dp_wire *w)
{
	struct lcore_counts c;

	memset(w, 0, sizeof(*w));
	for (unsigned i = 0; i < d->lcores_count; i++) {
		counts_get(d->lcores[i], &c);
		for (unsigned k = 0; k < d->ports_count; k++)
			wire_add(w, &c.wire[k]);
	}
	w->missed_known = true;
	for (unsigned k = 0; k < d->ports_count; k++) {
		struct dp_wire one = {0};

		missed(&d->ports[k], &one);
		w->missed_known &= one.missed_known;
		w->missed += one.missed;
	}
}

static void port_info(const struct port *p, struct dp_port_info *v)
{
	struct rte_eth_link link;

	memset(v, 0, sizeof(*v));
	memcpy(v->name, p->cfg.name, sizeof(v->name));
	memcpy(v->driver, p->driver, sizeof(v->driver));
	memcpy(v->devargs, p->cfg.devargs, sizeof(v->devargs));
	memcpy(v->mac, p->mac, sizeof(v->mac));
	if (rte_eth_link_get_nowait(p->eth, &link) == 0) {
		v->up = link.link_status == RTE_ETH_LINK_UP;
		v->speed_mbps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
	}
	/* A tap asks the kernel for its link by name, and no longer finds it once it has been moved
	 * into another namespace; it is up for as long as its driver holds the file. */
	if (p->intr_is_file)
		v->up = p->started;
	v->mtu = p->cfg.mtu;
	v->vlan = p->cfg.vlan;
	v->rx_queues = p->rx_queues;
	v->tx_queues = p->tx_queues;
	v->rx_csum_offload = p->rx_csum;
	v->rx_interrupts = p->rx_intr;
	for (unsigned i = 0; i <= NET_MAX_ADDRESSES && net_port_address_state(p->net, i); i++) {
		if (i < p->cfg.addresses_count)
			v->addresses[i].addr = p->cfg.addresses[i];
		else
			v->addresses[i].addr = (struct net_address){p->link_local, 64};
		v->addresses[i].state = net_port_address_state(p->net, i);
		v->addresses_count++;
	}
	missed(p, &v->wire);
}

unsigned dp_ports(struct dp *d, struct dp_port_info *v, unsigned n)
{
	unsigned count = d->ports_count < n ? d->ports_count : n;
	struct lcore_counts c;

	for (unsigned k = 0; k < count; k++)
		port_info(&d->ports[k], &v[k]);
	for (unsigned i = 0; i < d->lcores_count; i++) {
		counts_get(d->lcores[i], &c);
		for (unsigned k = 0; k < count; k++) {
			wire_add(&v[k].wire, &c.wire[k]);
			v[k].tx_packets += c.wire[k].tx_packets;
			v[k].tx_bytes += c.wire[k].tx_bytes;
			v[k].tx_dropped += c.wire[k].tx_dropped;
			if (c.owns[k])
				v[k].net = c.net[k];
		}
	}
	return count;
}

static uint64_t told(const _Atomic uint64_t *v)
{
	return atomic_load_explicit(v, memory_order_relaxed);
}

unsigned dp_lcores(struct dp *d, struct dp_lcore_info *v, unsigned n)
{
	unsigned count = d->lcores_count < n ? d->lcores_count : n;
	struct timespec ts;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	for (unsigned i = 0; i < count; i++) {
		struct lcore *l = d->lcores[i];

		memset(&v[i], 0, sizeof(v[i]));
		v[i].lcore = l->lcore_id;
		v[i].cpu = l->cpu;
		snprintf(v[i].roles, sizeof(v[i].roles), "%s%s%s", l->is_rx ? "rx" : "",
			l->is_rx && l->is_worker ? "+" : "", l->is_worker ? "worker" : "");
		v[i].heartbeat = told(&l->heartbeat);
		v[i].sleeping = atomic_load_explicit(&l->waker.sleeping, memory_order_relaxed) != 0;
		v[i].busy_ns = told(&l->busy_ns);
		v[i].total_ns = now - told(&l->started_ns);
		v[i].logs = told(&l->told_logs);
		v[i].packets = told(&l->told_packets);
		v[i].sessions = told(&l->told_sessions);
		v[i].ring_full = told(&l->told_ring_full);
		v[i].crossed = told(&l->told_crossed);
	}
	return count;
}

void dp_refusals(struct dp *d, uint64_t counts[REFUSAL_REASON_COUNT])
{
	struct lcore_counts c;

	memset(counts, 0, sizeof(*counts) * REFUSAL_REASON_COUNT);
	for (unsigned i = 0; i < d->lcores_count; i++) {
		counts_get(d->lcores[i], &c);
		for (unsigned r = 0; r < REFUSAL_REASON_COUNT; r++)
			counts[r] += c.refusals[r];
	}
}

/* name, help, is a gauge, member of struct tcp_counters */
#define TCP_COUNTERS(X)                                                                            \
	X(segs_in, "TCP segments received", false)                                                 \
	X(segs_out, "TCP segments sent", false)                                                    \
	X(bytes_in, "TCP payload received in order", false)                                        \
	X(bytes_out, "TCP payload sent", false)                                                    \
	X(retransmits, "TCP segments sent again", false)                                           \
	X(rto_fired, "TCP retransmission timeouts", false)                                         \
	X(rack_lost, "TCP segments taken for lost by time (RACK)", false)                          \
	X(tlp_probes, "TCP tail loss probes", false)                                               \
	X(undone, "TCP congestion responses undone", false)                                        \
	X(ooo_queued, "TCP segments kept out of order", false)                                     \
	X(ooo_dropped, "TCP segments out of order given up for memory", false)                     \
	X(dup_segments, "TCP segments received again", false)                                      \
	X(syn_received, "TCP connection requests", false)                                          \
	X(syn_cookies_sent, "TCP SYN cookies sent", false)                                         \
	X(syn_cookies_ok, "TCP SYN cookies that came back", false)                                 \
	X(syn_cookies_spent, "TCP SYN cookies that came back a second time", false)                \
	X(syn_cookies_forgotten, "TCP SYN cookies not remembered for want of room", false)         \
	X(syn_dropped, "TCP connection requests not answered", false)                              \
	X(accepted, "TCP connections accepted", false)                                             \
	X(closed, "TCP connections ended", false)                                                  \
	X(reset_in, "TCP resets received", false)                                                  \
	X(reset_out, "TCP resets sent", false)                                                     \
	X(challenge_acks, "TCP challenge ACKs sent (RFC 5961)", false)                             \
	X(challenge_limited, "TCP challenge ACKs not sent for their limit", false)                 \
	X(replies_limited, "TCP segments of no connection not answered for the limit", false)      \
	X(paws_rejected, "TCP segments rejected for old timestamps", false)                        \
	X(coalesced, "TCP segments copied together", false)                                        \
	X(zero_windows, "times a TCP receive window closed", false)                                \
	X(pressure_drops, "TCP segments dropped for memory", false)                                \
	X(conns, "TCP connections now", true)                                                      \
	X(half_open, "TCP handshakes under way", true)                                             \
	X(time_wait, "TCP connections in TIME_WAIT", true)                                         \
	X(rcv_bytes_held, "memory of TCP receive buffers", true)

#define TLS_COUNTERS(X)                                                                            \
	X(handshakes, "TLS handshakes completed", false)                                           \
	X(resumed, "TLS sessions resumed by a ticket", false)                                      \
	X(failed, "TLS handshakes that failed", false)                                             \
	X(steps, "steps of TLS handshakes that cost something", false)                             \
	X(step_weight, "what these cost, in units of a flight with P-256", false)                  \
	X(turns_late, "times a round passed by a session with something to read", false)           \
	X(shaking, "TLS handshakes under way", true)                                               \
	X(waiting, "connections that wait for their turn of a TLS handshake", true)                \
	X(pending, "sessions of serial numbers that nobody has authorized yet", true)              \
	X(carried_bytes, "decrypted bytes of unfinished logs", true)                               \
	X(carry_buffers, "buffers of 2 KiB that hold decrypted bytes of unfinished logs", true)

#define NET_COUNTERS(X)                                                                            \
	X(arp_in, "ARP packets received", false)                                                   \
	X(arp_out, "ARP packets sent", false)                                                      \
	X(nd_in, "neighbour discovery packets received", false)                                    \
	X(nd_out, "neighbour discovery packets sent", false)                                       \
	X(icmp_in, "ICMP packets received", false)                                                 \
	X(icmp_out, "ICMP packets sent", false)                                                    \
	X(icmp_limited, "ICMP packets not sent for the rate limit", false)                         \
	X(neighbours, "neighbours known", true)                                                    \
	X(neighbours_full, "times the neighbour table was full", false)                            \
	X(unresolved_dropped, "packets dropped for an unresolved neighbour", false)                \
	X(dad_conflicts, "addresses of ours that somebody else has", false)                        \
	X(fragments, "IP fragments received", false)                                               \
	X(reassembled, "datagrams reassembled", false)                                             \
	X(frag_timeout, "datagrams not completed in time", false)                                  \
	X(frag_overlap, "datagrams discarded for overlapping fragments", false)                    \
	X(reassembly_bytes, "memory of reassembly", true)

void dp_counters(struct dp *d, dp_counter_fn fn, void *ctx)
{
	struct lcore_counts one, *sum = calloc(1, sizeof(*sum));

	if (!sum)
		return;
	for (unsigned i = 0; i < d->lcores_count; i++) {
		counts_get(d->lcores[i], &one);
		sum->crossed += one.crossed;
		sum->ring_full += one.ring_full;
		sum->udp_logs += one.udp_logs;
		sum->eccf_records += one.eccf_records;
		sum->eccf_errors += one.eccf_errors;
		sum->acks_full += one.acks_full;
		sum->devices_full += one.devices_full;
		sum->devices_recycled += one.devices_recycled;
#define ADD(member, help, gauge) sum->tcp.member += one.tcp.member;
		TCP_COUNTERS(ADD)
#undef ADD
#define ADD(member, help, gauge) sum->tls.member += one.tls.member;
		TLS_COUNTERS(ADD)
#undef ADD
		for (unsigned k = 0; k < d->ports_count; k++) {
#define ADD(member, help, gauge) sum->net[0].member += one.net[k].member;
			NET_COUNTERS(ADD)
#undef ADD
		}
	}
	fn(ctx, "crossed", "packets handed to another lcore", false, sum->crossed);
	fn(ctx, "ring_full", "packets lost because the ring to another lcore was full", false,
		sum->ring_full);
	fn(ctx, "udp_datagrams", "datagrams for a port of ours", false, sum->udp_logs);
	fn(ctx, "eccf_records", "EC CF records received", false, sum->eccf_records);
	fn(ctx, "eccf_errors", "EC CF records that could not be decoded", false, sum->eccf_errors);
	fn(ctx, "acks_full", "times a session waited for room to note whom to answer", false,
		sum->acks_full);
	fn(ctx, "devices_full", "new devices that found the device table full", false,
		sum->devices_full);
	fn(ctx, "devices_recycled", "silent source addresses that gave their place to new devices",
		false, sum->devices_recycled);
#define TELL(member, help, gauge) fn(ctx, "tcp_" #member, help, gauge, sum->tcp.member);
	TCP_COUNTERS(TELL)
#undef TELL
#define TELL(member, help, gauge) fn(ctx, "tls_" #member, help, gauge, sum->tls.member);
	TLS_COUNTERS(TELL)
#undef TELL
#define TELL(member, help, gauge) fn(ctx, "net_" #member, help, gauge, sum->net[0].member);
	NET_COUNTERS(TELL)
#undef TELL
	free(sum);
}
