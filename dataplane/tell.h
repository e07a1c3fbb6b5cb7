/*
 * What an lcore tells control: who came and was refused (auth.h), and the lines of the live trace.
 * A ring of each an lcore, which is its only writer; what finds it full is counted and forgotten.
 */
#ifndef SLUICE_TELL_H
#define SLUICE_TELL_H

#include "dataplane/lcore.h"

#define TELL_EVENTS	 1024u
#define TELL_LINES	 1024u
#define TELL_LINE_BYTES	 504u
#define TELL_UNPROVEN_US 1000u

/* 0, or -1 when out of memory. */
int tell_init(struct lcore *l);
void tell_fini(struct lcore *l);

/*
 * Time and lcore are filled in. false: the ring is full; counted. Refusals have half of it, so that
 * no flood of them hides a device that waits, comes or goes.
 */
bool tell_event(struct lcore *l, struct auth_event *ev);

/*
 * Refuses what has no session: counts it, and tells control and the trace why. `unproven`: the
 * address may be an invention (a datagram, a SYN); of these an lcore tells one in TELL_UNPROVEN_US.
 */
void tell_refused(struct lcore *l, const struct ip_addr *addr, uint16_t port, uint8_t transport,
	bool unproven, enum refusal_reason why);

/* Does anybody watch what this peer does? */
static inline bool trace_wanted(const struct lcore *l, const struct ip_addr *peer)
{
	const struct dp_policy *pol = l->policy;

	return __builtin_expect(pol->trace_level > 0, 0) &&
	       (pol->trace_all || ip_addr_equal(&pol->trace_addr, peer));
}
/* `what` names the part of Sluice, as the vendor's trace names a file. Ask trace_wanted() first. */
void trace_say(struct lcore *l, const char *what, const struct ip_addr *peer, const char *line);

#endif
