/*
 * What the poll-mode loops share: one `struct lcore` a polling thread, the rings between them, the
 * ports. Private to the files of dataplane/ itself.
 *
 *   port.c    ports: negotiate, start, stop          tx.c      frames out
 *   rx.c      frames in: parse, UDP logs, shard      worker.c  TCP under the sessions
 *   session.c a connection: detect, frame, append    poll.c    the loop, sleeping
 *   eal.c     EAL, placement                         dp.c      start, stop; dp_info.c: what is
 *   round.c   one round of an lcore                  stop.c    the end, step by step
 */
#ifndef SLUICE_LCORE_H
#define SLUICE_LCORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_rcu_qsbr.h>
#include <rte_ring.h>

#include "dataplane/base/nap.h"
#include "dataplane/base/waker.h"
#include "dataplane/dp.h"
#include "dataplane/intake.h"
#include "dataplane/net/net.h"
#include "dataplane/rates.h"
#include "dataplane/tcp/tcp.h"

#define RX_BURST       64u
#define TX_BURST       64u
#define RING_SIZE      4096u
#define RX_DESCRIPTORS 1024u
#define TX_DESCRIPTORS 1024u
#define MBUF_RESERVE   4096u /* mbufs that TCP receive buffers may never take */
#define DP_WAITING     16384u
#define MAX_QUEUES_RX  16u /* queues that one lcore polls */

/* What travels with an mbuf from one lcore to another, in its private area. */
enum pkt_kind {
	PKT_TCP,     /* a segment for the worker that owns its flow */
	PKT_UDP,     /* a datagram for the rx lcore that owns its source */
	PKT_CONTROL, /* ARP, ND, ICMP, a fragment: for the port's owner */
	PKT_FRAME,   /* a frame to send, for the lcore that has a tx queue */
	PKT_IP, /* an IP packet to send whose neighbour is not resolved: for the port's owner */
	PKT_ICMP_TCP, /* an ICMP error about a segment of ours, for the worker of its flow */
};

struct pkt_meta {
	struct ip_flow flow;
	uint32_t payload_len;
	uint16_t payload_off; /* from the mbuf's data */
	uint8_t kind;
	uint8_t port;	     /* index into dp->ports */
	uint32_t quoted_seq; /* PKT_ICMP_TCP */
	uint32_t quoted_mtu;
	uint8_t ecn;
	bool hard; /* PKT_ICMP_TCP without an MTU */
	uint8_t reserved[10];
};
_Static_assert(
	sizeof(struct pkt_meta) == 64, "mbuf private areas are multiples of 8, lines are 64");

static inline struct pkt_meta *pkt_meta(struct rte_mbuf *m)
{
	return rte_mbuf_to_priv(m);
}

struct lcore;
struct lcore_counts;
struct worker;
struct desk;

struct port {
	struct dp_port_config cfg;
	uint16_t eth;	      /* DPDK's port id */
	uint8_t index;	      /* in dp->ports */
	struct net_port *net; /* owned by `owner` */
	struct lcore *owner;  /* first rx lcore that polls it */
	uint16_t rx_queues, tx_queues;
	uint32_t rx_ring; /* frames that a queue holds, 0: it holds no buffers of ours */
	bool rx_csum, rx_intr, intr_is_file, missed_known, started;
	bool partial_csum; /* see NET_CSUM_PARTIAL */
	char driver[DP_NAME];
	uint8_t mac[6];
	struct ip_addr link_local;
	uint64_t frames_moved[WIRE_REASON_COUNT]; /* of net_counters, already counted in `wire` */
};

/* Counted by the lcore that looked at the frame; the sum over lcores is right at all times. */
struct wire_count {
	uint64_t packets, bytes, accepted, rejected[WIRE_REASON_COUNT];
	uint64_t tx_packets, tx_bytes, tx_dropped;
};

struct rx_queue {
	struct port *port;
	uint16_t queue;
};

struct tx_buffer {
	uint16_t count;
	int queue;   /* -1: this lcore has none of this port, frames go to the owner */
	bool worked; /* the queue has taken a frame */
	struct rte_mbuf *m[TX_BURST];
};

/* A function that control wants run between two rounds of an lcore. */
struct lcore_call {
	void (*fn)(struct lcore *l, void *arg);
	void *arg;
	_Atomic bool done;
};

/* A name that control was told of lately (admit.c). */
struct told {
	uint64_t hash, when_ns;
};
#define TOLD_SLOTS 256u

struct lcore {
	struct dp *dp;
	unsigned index; /* 0..dp->lcores_count-1; also its journal port */
	unsigned lcore_id, cpu;
	bool is_rx, is_worker;

	/* This round. */
	uint64_t now_us, now_ns;
	const struct dp_policy *policy;
	bool draining; /* the end has begun: nobody listens any more */
	struct nap nap;
	uint64_t handed; /* frames that other lcores have handed over */

	struct intake in;
	struct worker *worker; /* NULL when no worker */
	struct rte_mempool *pool;
	unsigned rx_count;
	struct rx_queue rx[MAX_QUEUES_RX];
	struct tx_buffer tx[DP_MAX_PORTS];
	struct wire_count wire[DP_MAX_PORTS];
	uint64_t refusals[REFUSAL_REASON_COUNT];
	uint64_t crossed, ring_full, udp_logs, eccf_records, eccf_errors, acks_full;
	struct rte_ring *events, *lines; /* tell.h */
	struct rte_ring *asks, *answers; /* desk.h */
	uint32_t owed;			 /* desk_left()s that will follow */
	struct told told[TOLD_SLOTS];
	uint64_t refused_us; /* when a refusal of an unproven address was told last */
	uint64_t lines_lost; /* since the last line that found room */
	uint8_t *scratch;    /* 64 KiB: a frame that lies in several mbufs, an inflated record */

	/* From other lcores, by their index; NULL for itself. */
	struct rte_ring *in_ring[DP_MAX_LCORES];

	/* Read by others. */
	struct waker waker __rte_cache_aligned;
	_Atomic uint64_t heartbeat;
	_Atomic uint64_t busy_ns, started_ns;
	_Atomic uint64_t told_logs, told_packets, told_sessions, told_ring_full, told_crossed;
	_Atomic uint64_t events_lost; /* not told to control yet */
	_Atomic(struct lcore_call *) call;
	_Atomic bool ended;   /* its loop is over: what it has written may be read */
	_Atomic bool drained; /* in the DRAIN phase: it could end, but others may need its port */
};

enum dp_phase { DP_STARTING, DP_RUN, DP_DRAIN, DP_EXIT };

struct dp {
	struct dp_config cfg;
	unsigned ports_count, lcores_count, workers_count, rx_count;
	struct port ports[DP_MAX_PORTS];
	struct lcore *lcores[DP_MAX_LCORES];
	struct lcore *workers[DP_MAX_LCORES];
	struct lcore *rxs[DP_MAX_LCORES];
	struct rte_mempool *pool;
	struct journal *journal;
	struct siphash_key shard_key;
	struct rates rates;
	struct rte_rcu_qsbr *qsbr;
	_Atomic(const struct dp_policy *) policy;
	struct dp_policy *policy_owned;
	_Atomic int phase;
	_Atomic uint32_t sessions; /* all workers */
	struct intake own;	   /* control's: sluiced's own events */
	uint64_t drain_us;	   /* when the end began */
	uint64_t ran_us;	   /* since then: when the journal was seen running last */
	bool halted;
	struct desk *desk;		      /* control's: desk.c */
	_Atomic uint32_t waiting[DP_WAITING]; /* by hash of an address: session_auth.c */
	struct waker own_waker;
	uint32_t own_device;
	uint64_t started_ns;
	struct lcore_counts *last_counts[DP_MAX_LCORES]; /* dp_info.c */
	uint16_t listen[DP_MAX_LISTEN];
	unsigned listen_count;
};

/* ---- shard: who owns what (keyed, in software, never by the queue that delivered it) ---- */

static inline struct lcore *shard_tcp(const struct dp *d, const struct ip_flow *flow)
{
	if (d->workers_count == 1)
		return d->workers[0];
	return d->workers[siphash13(&d->shard_key, flow, sizeof(*flow)) % d->workers_count];
}

static inline struct lcore *shard_udp(const struct dp *d, const struct ip_addr *src)
{
	if (d->rx_count == 1)
		return d->rxs[0];
	return d->rxs[siphash13(&d->shard_key, src, sizeof(*src)) % d->rx_count];
}

static inline bool dp_listens(const struct dp *d, uint16_t port)
{
	for (unsigned i = 0; i < d->listen_count; i++)
		if (d->listen[i] == port)
			return true;
	return false;
}

static inline bool prefixes_have(const struct dp_prefix *v, unsigned n, const struct ip_addr *a)
{
	for (unsigned i = 0; i < n; i++)
		if (ip_prefix_has(&v[i].addr, v[i].len, a))
			return true;
	return false;
}

/* Hands an mbuf to another lcore; false when its ring is full (the caller keeps the mbuf). */
bool lcore_pass(struct lcore *from, struct lcore *to, struct rte_mbuf *m);

static inline void wire_reject(struct lcore *l, uint8_t port, enum wire_reason reason)
{
	l->wire[port].rejected[reason]++;
}

/* A frame that was counted as accepted turns out to be none. */
static inline void wire_unaccept(struct lcore *l, uint8_t port, enum wire_reason reason)
{
	l->wire[port].accepted--;
	l->wire[port].rejected[reason]++;
}

/* ---- dp.c ---- */

/* Publishes `next`, which it owns from here on, number and all; frees the old one. */
void dp_policy_swap(struct dp *d, struct dp_policy *next);

/* ---- eal.c ---- */

/* Resolves `auto` in cfg->cores into CPUs. */
void placement(struct dp_config *cfg);
/* Is it a PCI address, and not the name of a virtual device? */
bool devargs_is_pci(const char *devargs);
/* rte_eal_init and lcores; fills d->lcores. 0 or -1 with err. */
int eal_start(struct dp *d, char *notes, size_t notes_size, struct dp_error *err);

/* ---- port.c ---- */

int port_start(
	struct dp *d, struct port *p, const struct dp_port_config *cfg, struct dp_error *err);
void port_stop(struct port *p);

/* ---- tx.c ---- */

/* Room for `len` bytes, or NULL (counted no_mbuf nowhere: nothing was received). */
struct rte_mbuf *tx_alloc(struct lcore *l, uint32_t len);
/* Sends a frame on the port, by this lcore's queue or the owner's. Takes the mbuf over. */
void tx_frame(struct lcore *l, struct port *p, struct rte_mbuf *m);
/* Puts out what was buffered. */
void tx_flush(struct lcore *l);
/* net.h's way to send, for this lcore and port. The struct is written into *out; `ctx` is `tc`. */
struct tx_ctx {
	struct lcore *l;
	struct port *p;
};
void tx_net_out(struct tx_ctx *tc, struct net_out *out);

/* ---- rx.c ---- */

/* One burst of each queue; true: there were frames. */
bool rx_round(struct lcore *l);
/* A frame that net_parse() calls NET_UDP, NET_TCP: it is counted as accepted or with the reason why
 * it is not, and goes to the lcore that owns it. Takes the mbuf over. */
void rx_datagram(struct lcore *l, struct port *p, struct rte_mbuf *m, const struct net_pkt *pkt);
void rx_segment(struct lcore *l, struct port *p, struct rte_mbuf *m, const struct net_pkt *pkt);
/* An mbuf that came over a ring. */
void rx_from_ring(struct lcore *l, struct rte_mbuf *m);
/* Timers of the ports that this lcore owns. */
void rx_timers(struct lcore *l);
uint64_t rx_deadline(const struct lcore *l);

/* ---- worker.c ---- */

struct worker *worker_new(struct lcore *l);
void worker_free(struct worker *w);
/* A TCP segment; the mbuf is taken over. Its frame has been counted as accepted. */
void worker_segment(struct worker *w, struct rte_mbuf *m);
void worker_icmp(struct worker *w, const struct pkt_meta *meta);
/* Timers, sessions with unread data, acknowledgements; true: something was done. */
bool worker_round(struct worker *w);
uint64_t worker_deadline(const struct worker *w);
struct worker_tls {
	uint64_t handshakes, resumed, failed;
	uint64_t steps, step_weight; /* of handshakes; see tls_conn_weight() */
	uint64_t turns_late;
	uint64_t shaking, waiting, pending; /* gauges */
	uint64_t carried_bytes;		    /* gauge: plaintext of unfinished logs */
	uint64_t carry_buffers;		    /* gauge: 2 KiB each, that hold it */
};
void worker_tls_get(const struct worker *w, struct worker_tls *t);
const struct tcp_counters *worker_tcp_counters(const struct worker *w);
/* Copies up to `n` sessions beginning with slot *at, which moves on; returns how many. */
unsigned worker_sessions(
	const struct worker *w, uint32_t *at, struct dp_session_info *v, unsigned n);
bool worker_kill(struct worker *w, uint64_t id);
uint32_t worker_session_count(const struct worker *w);

/* ---- worker_drain.c: the end ---- */

/* A round: takes no more bytes from the network, reads those that are there, answers; true when
 * there is nothing more to read. */
bool worker_drain(struct worker *w);
/* Says goodbye to everybody and closes, as far as there is room to say it, at each call; true when
 * all have acknowledged it or had limits.farewell_us from the first call on: all connections are
 * gone. */
bool worker_part(struct worker *w);
/* Resets all connections. */
void worker_leave(struct worker *w);

/* ---- round.c ---- */

/* One round; l->now_us and its like are set. true: something was done. */
bool lcore_round(struct lcore *l);
/* The same after dp_drain_begin(): nothing new is taken in, what was is settled, peers are told. */
bool lcore_drain_round(struct lcore *l);
/* No lcore runs any more: takes what was passed to it last, resets who is still connected, submits
 * its block, sends what there is to send. To be called twice for each, as frames of one lcore may
 * go out by another. */
void lcore_settle(struct lcore *l);
bool lcore_rings_empty(const struct lcore *l);

/* ---- stop.c ---- */

/* The end begins: rounds are lcore_drain_round() from now on. */
void dp_drain_begin(struct dp *d, uint64_t now_us);
/* To be asked every millisecond or so: true when the lcores may end, be it that all is said and
 * stored, or that it has taken too long. */
bool dp_drain_over(struct dp *d, uint64_t now_us);
/* After the lcores have ended: what is left goes to the disk and onto the wire. The journal has
 * stopped, and has given all blocks back. */
void dp_settle(struct dp *d);
void dp_wake_all(struct dp *d);

/* ---- dp.c: the first half of dp_stop(), which does it where it was not: all but freeing. ---- */

void dp_halt(struct dp *d);

/* ---- poll.c ---- */

int lcore_main(void *arg); /* struct lcore */
/* Runs fn on the lcore between two rounds; 0, or -1 when it did not answer within 2 s. */
int lcore_run(struct lcore *l, void (*fn)(struct lcore *l, void *arg), void *arg);

#endif
