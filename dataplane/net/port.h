/* The inside of a port, for the files of this room. */
#ifndef SLUICE_NET_PORT_H
#define SLUICE_NET_PORT_H

#include "dataplane/net/decode.h"
#include "dataplane/net/frag.h"
#include "dataplane/net/hold.h"
#include "dataplane/net/mld.h"
#include "dataplane/net/neigh.h"
#include "dataplane/net/net.h"
#include "dataplane/net/own.h"
#include "dataplane/net/wire.h"

#define NEVER  UINT64_MAX
#define SECOND 1000000ULL

/* Timers that one net_port_expire() runs of each kind. */
#define EXPIRE_BUDGET 64

/* Tokens in millionths, so that a microsecond adds `icmp_per_second` of them. */
struct icmp_bucket {
	uint64_t tokens;
	uint64_t filled; /* when */
};

struct net_port {
	struct net_config cfg;
	struct own_set own;
	struct neigh_table neigh;
	struct hold_pool hold;
	struct frag_table frag;
	struct mld_state mld;
	struct icmp_bucket icmp;
	uint64_t randoms; /* drawn so far */
	uint8_t *scratch; /* one packet of the port's MTU, to build replies in */
	struct net_counters count;
};

/* 64 bits that nobody without the key can foretell. */
uint64_t port_random(struct net_port *p);
/* A time from 0 up to, not including, `limit`; 0 for 0. */
uint64_t port_random_below(struct net_port *p, uint64_t limit);

/* send.c */

/* A frame being built: `l3` has room for as many bytes as were asked for. */
struct frame {
	uint8_t *l3;
	void *handle;
	uint32_t len;
};
/* Writes the Ethernet header; returns its length. */
unsigned send_l2(
	const struct net_config *cfg, const uint8_t dst[6], uint16_t type, uint8_t l2[NET_L2_MAX]);
/* false: no buffer (counted). */
bool frame_open(struct net_port *p, const uint8_t dst[6], uint16_t type, uint32_t l3_len,
	const struct net_out *out, struct frame *f);
void frame_send(const struct frame *f, const struct net_out *out);
/* Sends a whole IP packet to a neighbour. */
void send_packet(struct net_port *p, const uint8_t mac[6], const uint8_t *packet, uint32_t len,
	const struct net_out *out);
/* 33:33 and the last four bytes (RFC 2464 section 7). */
void send_group_mac(const struct ip_addr *group, uint8_t mac[6]);

/* arp.c */

bool arp_input(struct net_port *p, const uint8_t *arp, uint32_t len, const struct net_out *out,
	uint64_t now, enum wire_reason *reason);
/* Asks for `target`; `mac` NULL: everybody. `sender` NULL: a probe (RFC 5227), which has none. */
void arp_request(struct net_port *p, const struct ip_addr *sender, const struct ip_addr *target,
	const uint8_t *mac, const struct net_out *out);

/* nd.c */

/* The ICMPv6 message of `ip` is one of ND's five; its checksum is good. */
bool nd_input(struct net_port *p, const uint8_t *frame, struct net_ip *ip,
	const struct net_out *out, uint64_t now);
/* `src` NULL: from ::, with `nonce`, for duplicate detection. `mac` NULL: to its group. */
void nd_solicit(struct net_port *p, const struct ip_addr *src, const struct ip_addr *target,
	const uint8_t *mac, const uint8_t *nonce, const struct net_out *out);
/* To all nodes, overriding: we are here, by this MAC (RFC 4861 7.2.6). */
void nd_announce(struct net_port *p, const struct ip_addr *addr, const struct net_out *out);

/* dad.c: from tentative to valid, and the defence of it */

uint64_t dad_next_deadline(const struct net_port *p);
void dad_expire(struct net_port *p, const struct net_out *out, uint64_t now);
void dad_init(struct net_port *p);
/* Somebody else uses address `i`, or wants to. */
void dad_conflict(struct net_port *p, unsigned i, const struct net_out *out, uint64_t now);

/* icmp_in.c */

/* DECODE_UPPER with ICMP or ICMPv6. `whole`: it was reassembled. */
bool icmp_input(struct net_port *p, const uint8_t *frame, struct net_ip *ip, bool whole,
	const struct net_out *out, uint64_t now, struct net_icmp_tcp *about);
/* The same for what the quoted packet of an ICMP error says, if it is a TCP segment of ours. */
void icmp4_quoted(
	const struct net_port *p, const uint8_t *icmp, uint32_t len, struct net_icmp_tcp *about);
void icmp6_quoted(
	const struct net_port *p, const uint8_t *icmp, uint32_t len, struct net_icmp_tcp *about);

/* icmp_out.c */

/* Takes a token. */
bool icmp_allowed(struct net_port *p, uint64_t now);
/*
 * Sends an ICMP error about `packet`, of which `len` bytes are at hand, back to its source.
 * `field`: the second word of the ICMP header, host order. That it may be sent has been checked.
 */
void icmp_error(struct net_port *p, const struct net_ip *ip, const uint8_t *packet, uint32_t len,
	uint8_t type, uint8_t code, uint32_t field, const struct net_out *out, uint64_t now);
/* What the decoder found to be owed. */
void icmp_owed(struct net_port *p, const struct net_ip *ip, const uint8_t *frame,
	const struct net_out *out, uint64_t now);

/* control.c */

/* Verifies the checksum of an ICMPv6 message (ND, MLD and echo). */
bool icmp6_checksum_good(const uint8_t *frame, const struct net_ip *ip);

#endif
