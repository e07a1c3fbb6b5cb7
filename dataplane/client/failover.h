/*
 * Which of two servers to connect to. Pure: connections and time go in, the choice comes out.
 * Server 0 is the primary; without an alternative one it is always the choice.
 *
 * After a failed attempt it is the other one's turn. A session that ends is tried again where it
 * was, or, with fallback, at the primary. While a session with the alternative server is open and
 * fallback is on, the primary is probed once a period; if it is there, the session moves. A primary
 * that answers a probe and then does not let us in is probed half as often each time.
 */
#ifndef SLUICE_CLIENT_FAILOVER_H
#define SLUICE_CLIENT_FAILOVER_H

#include <stdbool.h>
#include <stdint.h>

#define FAILOVER_SLOWEST 64u /* periods between two probes, at most */

struct failover {
	bool alternative, fallback;
	uint64_t period_us;
	unsigned server;    /* the choice */
	bool open, probing; /* a session; a probe is under way */
	bool moved;	    /* to the primary, for a probe's sake, and not open there yet */
	uint32_t slow;	    /* periods between two probes */
	uint64_t probe_us;  /* the next one */
};

void failover_init(struct failover *f, bool alternative, bool fallback, uint64_t period_us);

/* We may log there. */
void failover_open(struct failover *f, uint64_t now);
/* An attempt failed, or a session ended. */
void failover_lost(struct failover *f);

/* When to probe the primary; UINT64_MAX: not now. */
uint64_t failover_deadline(const struct failover *f);
void failover_probe(struct failover *f);
/* How it went. true: end the session and connect to the primary. */
bool failover_probed(struct failover *f, bool there, uint64_t now);

#endif
