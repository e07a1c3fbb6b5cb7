/*
 * Frames past both kernels: DPDK's net_vhost here, the other end of a virtio ring; sluiced's
 * net_virtio_user connects to our socket. There is one such ring in a process, and one thread that
 * uses it. Each flow is a host of its own, whose ARP is answered here.
 */
#ifndef SLUICE_LOAD_RING_H
#define SLUICE_LOAD_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/addr.h"

struct load;
struct rte_mbuf;

#define RING_SLOTS 1024u
#define RING_BURST 32u

struct ring {
	struct ip_addr target;
	uint8_t mac[6]; /* the target's */
	bool tcp_csum;	/* the port makes TCP's checksums, or the ring says that they are good */
};

/*
 * Starts DPDK and the port, and waits until the receiver has announced its address; what follows
 * the first call does nothing. NULL with a message. `tcp`: this ring is for TCP.
 */
const struct ring *ring_up(const struct load *l, bool tcp);
void ring_down(void);

/* The address of a flow's host. */
struct ip_addr ring_host(uint32_t flow);

/* Buffers for frames; false: none is left. */
bool ring_alloc(struct rte_mbuf **m, unsigned n);
/* How many of them have left; the others stay the caller's. */
unsigned ring_send(struct rte_mbuf **m, unsigned n);

/*
 * Takes a burst of what the receiver sends, answers ARP, gives all else to `other` (NULL: to
 * nobody), which must free it; returns how many frames there were.
 */
unsigned ring_take(void (*other)(void *ctx, struct rte_mbuf *m), void *ctx);

/*
 * The ring is the receiver's memory: what it has not taken when we go would be gone with us. A
 * ring's worth of frames that are for nobody goes in only behind all others. false: not by then.
 */
bool ring_push_out(uint64_t end_ns);

#endif
