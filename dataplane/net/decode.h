/*
 * From the first byte of a frame to its upper layer: Ethernet, VLAN, IPv4 with options, IPv6 with
 * its extension headers. Reads the frame and the addresses of the port, and touches no state.
 */
#ifndef SLUICE_NET_DECODE_H
#define SLUICE_NET_DECODE_H

#include "dataplane/net/net.h"
#include "dataplane/net/own.h"

enum decode_kind {
	DECODE_REJECT,	 /* for `reason`; `owed` says whether its sender is to be told */
	DECODE_ARP,	 /* an ARP packet at l3_off, l4_len bytes of it */
	DECODE_FRAGMENT, /* not atomic: its data at l4_off */
	DECODE_UPPER,	 /* UDP, TCP, ICMP or ICMPv6 at l4_off */
};

struct net_ip {
	struct ip_addr src, dst; /* not set for a frame that was rejected before they were read */
	uint32_t l3_off;	 /* of the IP header, in the frame */
	uint32_t l3_len;	 /* of the packet, trimmed to what its header says */
	uint32_t l4_off;	 /* in the frame */
	uint32_t l4_len;
	uint32_t frag_id;
	uint32_t frag_off;     /* bytes */
	uint32_t frag_hdr_off; /* IPv6: of the fragment header, from l3_off */
	uint32_t next_off; /* IPv6: of the byte that named the header at frag_hdr_off or l4_off */
	enum wire_reason reason;
	struct {
		uint8_t type, code; /* 0: none */
		uint32_t pointer;   /* from l3_off */
	} owed;
	uint8_t proto; /* of what lies at l4_off */
	uint8_t ttl, ecn;
	bool v6;
	bool more;	   /* a fragment that others follow */
	bool fragment_hdr; /* IPv6: has a fragment header, be it an atomic one */
	bool group;	   /* to a multicast group that we joined */
	bool own_source;   /* claims to come from ourselves */
	bool no_source;	   /* IPv6: from :: */
	bool router_alert; /* of MLD (RFC 2711) */
};

enum decode_kind net_decode(const struct own_set *own, const struct net_config *cfg,
	const uint8_t *frame, uint32_t len, enum net_csum ip_csum, struct net_ip *ip);

/* The parts of it, after Ethernet; `unicast`: the frame was sent to our MAC. */
enum decode_kind net_decode_ip4(const struct own_set *own, const uint8_t *frame, uint32_t len,
	bool unicast, enum net_csum ip_csum, struct net_ip *ip);
enum decode_kind net_decode_ip6(const struct own_set *own, const uint8_t *frame, uint32_t len,
	bool unicast, struct net_ip *ip);

static inline enum decode_kind net_decode_reject(struct net_ip *ip, enum wire_reason reason)
{
	ip->reason = reason;
	return DECODE_REJECT;
}

static inline enum decode_kind net_decode_owed(
	struct net_ip *ip, enum wire_reason reason, uint8_t type, uint8_t code, uint32_t pointer)
{
	ip->owed.type = type;
	ip->owed.code = code;
	ip->owed.pointer = pointer;
	return net_decode_reject(ip, reason);
}

/* Is it one of the ICMP messages that no ICMP error may answer (RFC 1122 3.2.2)? */
bool net_ip4_icmp_error(const uint8_t *data, uint32_t len, uint8_t proto);
/* The same for IPv6, past extension headers (RFC 4443 2.4 e); true where it cannot be told. */
bool net_ip6_icmp_error(const uint8_t *data, uint32_t len, uint8_t proto);

/*
 * Does the first fragment of an IPv6 packet hold all headers up to and with that of the upper
 * layer (RFC 7112)? `data` follows the fragment header, which names `proto`.
 */
bool net_ip6_chain_complete(const uint8_t *data, uint32_t len, uint8_t proto);

/*
 * Decodes the upper layer of DECODE_UPPER with UDP or TCP: ports, lengths, checksum. false:
 * ip->reason. In parse.c.
 */
bool net_decode_l4(
	const uint8_t *frame, struct net_ip *ip, enum net_csum l4_csum, struct net_pkt *pkt);

#endif
