/*
 * Telling multicast routers and snooping switches which groups we listen to: MLDv2 (RFC 3810), and
 * MLDv1 (RFC 2710) while a querier of that version is heard. The groups are the solicited-node
 * groups of our IPv6 addresses; they are joined at start and never left.
 */
#ifndef SLUICE_NET_MLD_H
#define SLUICE_NET_MLD_H

#include <stdbool.h>
#include <stdint.h>

struct net_ip;
struct net_out;
struct net_port;

/* Groups are sets of bits: bit i is the group of own address i. */
struct mld_state {
	uint32_t joined;
	uint32_t changed; /* to be reported once more */
	uint32_t queried; /* to be reported in answer to a query */
	uint64_t changed_at, queried_at;
	uint64_t v1_until;
};

void mld_init(struct mld_state *m);
/* Reports the group of own address `i`, before that is solicited (RFC 4862 5.4.2). */
void mld_join(struct net_port *p, unsigned i, const struct net_out *out, uint64_t now);
/* The link-local address is valid: what was reported from :: is reported again (RFC 3590). */
void mld_has_source(struct net_port *p, uint64_t now);
/* An MLD message, its checksum verified. false: ip->reason. */
bool mld_input(struct net_port *p, const uint8_t *frame, struct net_ip *ip, uint64_t now);
uint64_t mld_next_deadline(const struct net_port *p);
void mld_expire(struct net_port *p, const struct net_out *out, uint64_t now);

#endif
