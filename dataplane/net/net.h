/*
 * Ethernet, VLAN, ARP, ND, IPv4, IPv6, ICMP, UDP: parse and answer. Pure: frames and `now` go in,
 * decoded packets and frames to send come out. No clock, no thread, no global state.
 *
 * A port has one `struct net_port`: its addresses and its neighbour table. Its owner is the first
 * rx lcore of the port, the only one to call functions that take a non-const net_port, and to look
 * at deadline and counters. net_parse(), net_port_l2() and what else says "any thread" is safe
 * beside the owner.
 *
 * Times are microseconds of one monotonic clock. Lengths are bytes.
 *
 * The wire equation: every frame ends as exactly one of accepted or rejected[reason]. net_parse()
 * and net_control() say which at once, with one exception: a fragment that is kept is accepted
 * when it arrives, and its datagram may come to nothing later. Such frames are then moved, see
 * `frames_moved` in struct net_counters.
 */
#ifndef SLUICE_NET_H
#define SLUICE_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/base/reason.h"
#include "dataplane/base/siphash.h"

#define NET_MAX_ADDRESSES 16
#define NET_MAX_GATEWAYS  4
#define NET_VLAN_NONE	  0xffff /* untagged, or only priority-tagged (VLAN id 0) */
#define NET_L2_MAX	  18	 /* Ethernet header with one VLAN tag */

struct net_address {
	struct ip_addr addr;
	uint8_t prefix_len; /* in 128 bits: IPv4 /24 is 120 */
};

struct net_config {
	uint8_t mac[6];
	uint16_t vlan; /* NET_VLAN_NONE: untagged frames only; else only this id */
	uint16_t mtu;  /* of IP packets; less than 576 counts as 576 */
	unsigned addresses_count, gateways_count;
	struct net_address addresses[NET_MAX_ADDRESSES];
	struct ip_addr gateways[NET_MAX_GATEWAYS];
	unsigned max_neighbours;       /* bound of the table, e.g. 4096 */
	unsigned max_datagrams;	       /* reassembly: datagrams in progress */
	unsigned max_datagrams_source; /* the same per source address */
	size_t max_reassembly_bytes;
	/* 30 s. RFC 8200 says 60 s for IPv6; a shorter one is a bound of ours. */
	uint64_t reassembly_timeout_us;
	unsigned max_held; /* packets held while their neighbour is resolved */
	/* Token bucket for all ICMP that we send; ND, ARP and MLD are free. */
	unsigned icmp_per_second;
	/*
	 * The unit of duplicate address detection. IPv4 (RFC 5227): wait 0..1 units, three
	 * probes 1..2 units apart, wait 2 more. IPv6 (RFC 4862): wait 0..1 units, one solicitation,
	 * wait 1. The RFCs' unit is 1 s, during which a restarted receiver loses what is sent to
	 * it; the default is 100 ms. 0: addresses are valid at once, still announced and defended.
	 */
	uint64_t dad_us;
	struct siphash_key key; /* 16 random bytes: hash tables, delays, nonces */
};
/* Everything but mac, addresses, gateways and key; no VLAN, MTU 1500. */
void net_config_defaults(struct net_config *cfg);

/* Frames to send. alloc gives room for `len` bytes (NULL: none); send passes it on, for good. */
struct net_out {
	void *ctx;
	uint8_t *(*alloc)(void *ctx, uint32_t len, void **handle);
	void (*send)(void *ctx, void *handle, uint32_t len);
};

struct net_port;
/*
 * Allocates tables for the bounds by malloc. NULL when out of memory. To the configured addresses
 * it adds the link-local one made from the MAC (RFC 4291 appendix A), as number addresses_count,
 * unless it is among them. Nothing is sent, and no address is valid (unless dad_us is 0), before
 * net_port_expire() has run for the first time.
 */
struct net_port *net_port_new(const struct net_config *cfg);
void net_port_free(struct net_port *p);

/*
 * Checksums that hardware has verified. "none" is not "bad": DPDK's RX_L4_CKSUM_NONE says that the
 * data is sound though its checksum field is not (virtio between guests), which is GOOD here.
 */
enum net_csum {
	NET_CSUM_UNKNOWN,
	NET_CSUM_GOOD,
	NET_CSUM_BAD,
	/*
	 * Unknown, from a port that takes frames out of this machine's kernel before they reach a
	 * NIC (af_packet, af_xdp): TCP and UDP of a sender on this machine may hold nothing but the
	 * sum of the pseudo header, for the NIC to go on from (Linux's CHECKSUM_PARTIAL). That is
	 * good, too.
	 */
	NET_CSUM_PARTIAL,
};

enum net_verdict {
	NET_UDP,     /* a whole datagram for one of our addresses; payload is the UDP payload */
	NET_TCP,     /* a whole segment for one of our addresses; payload is TCP header and data */
	NET_CONTROL, /* fragment, ARP, ICMP, ND, or a packet that is owed an ICMP error: give it to
			net_control() on the port's owner, which accepts or rejects it */
	NET_REJECT,  /* `reason` says why */
};

struct net_pkt {
	enum net_verdict verdict;
	enum wire_reason reason;
	struct ip_flow flow;
	const uint8_t *payload;
	uint32_t payload_len;
	uint32_t ip_off; /* of the IP header in the frame */
	uint8_t ttl, ecn;
	uint8_t src_mac[6];
};

/*
 * Decodes one contiguous frame, with every length checked, and the checksum of IPv4 header, UDP
 * and TCP verified unless known. Touches no state: any lcore may call it. Stateless means also:
 * a segment or datagram to an address that is not ours (or not valid yet), broadcast, multicast
 * that we did not join, wrong VLAN: NET_REJECT not_for_us. UDP to a port nobody listens on is still
 * NET_UDP: the caller knows the ports and answers by net_port_unreachable().
 *
 * bad_header: lengths or fields that contradict each other, and sources that cannot be (RFC 1122
 * section 3.2.1.3: loopback, multicast, broadcast, 0.0.0.0/8, our own; IPv4-mapped in IPv6).
 * unsupported: other ethertypes and protocols, IPv4 source routes, IPv6 routing headers with
 * segments left. What of these is owed an ICMP error is NET_CONTROL instead.
 */
void net_parse(const struct net_port *p, const uint8_t *frame, uint32_t len, enum net_csum ip_csum,
	enum net_csum l4_csum, struct net_pkt *out);

/*
 * An ICMP error about a TCP segment of ours, for tcp_icmp() or tcp_unreachable(). Hard is what says
 * that nobody is there (RFC 9293 section 3.9.2.2): protocol or port unreachable, for IPv6 port
 * unreachable or forbidden.
 */
struct net_icmp_tcp {
	bool valid;
	struct ip_flow flow; /* of our segment: src is ourselves */
	uint32_t seq;
	uint32_t mtu; /* of packet-too-big, 0 for all others */
	bool hard;
};

/* What net_control() made of a frame. */
struct net_control_result {
	bool accepted; /* false: `reason` */
	enum wire_reason reason;
	bool datagram; /* a datagram or segment is whole now: `pkt` (UDP or TCP), whose payload
			  lies in a buffer of the port, valid until the next call for it */
	struct net_pkt pkt;
	const uint8_t *frame; /* of `pkt`: as if it had come in one frame (net_port_unreachable) */
	uint32_t frame_len;
	uint32_t frames; /* of how many frames `pkt` was made, this one included; if the caller
			    refuses it, frames - 1 others were already counted as accepted */
	struct net_icmp_tcp icmp; /* set by ICMP about one of our TCP segments */
};

/*
 * ARP, ND, ICMP, fragments: answers through `out`, keeps the neighbour table, reassembles.
 * The frame is only read. Accepted: every well-formed ARP, ICMP, ND and MLD message that is for
 * us, whether it makes us do something or not, and every fragment that is kept, or is an exact
 * duplicate of a kept one.
 *
 * Reassembly (RFC 791, 8200, 5722, 6946): up to 65535 bytes. A fragment that contradicts what is
 * there (overlap other than an exact duplicate, two lengths) discards the datagram, and what
 * follows of it until its timeout: bad_header. So does one with more than NET_MAX_FRAGMENTS
 * fragments: fragment_overflow. Where a bound of the port is reached (datagrams, datagrams of that
 * source, bytes), the oldest datagram within that bound gives way.
 */
#define NET_MAX_FRAGMENTS 256
void net_control(struct net_port *p, const uint8_t *frame, uint32_t len, enum net_csum ip_csum,
	const struct net_out *out, uint64_t now, struct net_control_result *res);

/*
 * ICMP port unreachable for a datagram of net_parse() or net_control(), with its frame
 * (rate-limited; RFC 1122 3.2.2, RFC 4443 2.4).
 */
void net_port_unreachable(struct net_port *p, const uint8_t *frame, uint32_t len,
	const struct net_pkt *pkt, const struct net_out *out, uint64_t now);

/*
 * The layer 2 header for a packet to `dst` (next hop: on-link, else the first gateway of its
 * family that is resolved): writes 14 or 18 bytes into `l2`, returns their number, or 0 when the
 * neighbour is not resolved (net_port_send_ip() asks then). Any thread. It also tells the table
 * that the neighbour is in use, so that it is probed before it goes stale (RFC 4861 7.3).
 */
unsigned net_port_l2(const struct net_port *p, const struct ip_addr *dst, uint8_t l2[NET_L2_MAX]);

/*
 * Sends a frame whose neighbour was not resolved when it was built: `packet` is the IP packet.
 * Held (copied; NET_HELD_PER_NEIGHBOUR and max_held in total, oldest dropped and counted) while we
 * ask; sent at once where the neighbour is known by now.
 */
#define NET_HELD_PER_NEIGHBOUR 8
void net_port_send_ip(struct net_port *p, const uint8_t *packet, uint32_t len,
	const struct net_out *out, uint64_t now);

/*
 * Timers: duplicate address detection and gratuitous ARP at start, neighbour probes and expiry,
 * MLD reports, reassembly timeouts. One call does a bounded amount of work; what is left is due at
 * once by net_port_next_deadline(). Frames of datagrams that time out go to `frames_moved`.
 */
uint64_t net_port_next_deadline(const struct net_port *p);
void net_port_expire(struct net_port *p, const struct net_out *out, uint64_t now);

/* Written by the owner of the port alone, who copies them out for others. */
struct net_counters {
	uint64_t arp_in, arp_out;
	uint64_t nd_in, nd_out;	     /* NS and NA; MLD too */
	uint64_t icmp_in, icmp_out;  /* ICMP and ICMPv6 but for those */
	uint64_t icmp_limited;	     /* not sent: the token bucket was empty */
	uint64_t echo;		     /* requests answered */
	uint64_t echo_too_big;	     /* not answered: longer than the MTU; we send no fragments */
	uint64_t no_buffer;	     /* not sent: net_out.alloc gave none */
	uint64_t neighbours;	     /* gauge, gateways included */
	uint64_t neighbours_full;    /* entries evicted to make room */
	uint64_t neighbour_changes;  /* a neighbour that was resolved has another MAC now */
	uint64_t unresolved_dropped; /* by net_port_send_ip(): no route, no answer, no room */
	uint64_t dad_conflicts;	     /* claims to our addresses by others */
	/* In frames, but for `reassembled`, which counts datagrams. */
	uint64_t fragments, reassembled, frag_timeout, frag_overflow, frag_overlap, frag_duplicates;
	uint64_t reassembly_bytes; /* gauge, by true size */
	/*
	 * Frames that net_control() had reported as accepted, by the reason for which they turned
	 * out worthless: fragment_timeout, fragment_overflow (evicted), bad_header (overlap), or
	 * what was wrong with the whole datagram. The caller's accounts are: rejected[r] = what it
	 * was told + this; accepted = what it was told - the sum of this.
	 */
	uint64_t frames_moved[WIRE_REASON_COUNT];
};
const struct net_counters *net_port_counters(const struct net_port *p);

/*
 * State of one of our addresses, for `port list`: "tentative", "valid" or "duplicate"; number
 * addresses_count is the link-local one. NULL past the last. A duplicate is probed again every
 * minute, so that it comes to life when the other one leaves. Any thread.
 */
const char *net_port_address_state(const struct net_port *p, unsigned i);
/* That address, or NULL. Any thread. */
const struct ip_addr *net_port_address(const struct net_port *p, unsigned i);
/* No address is tentative any more. Any thread. */
bool net_port_ready(const struct net_port *p);
/* The MAC of configured gateway `i`; false while it is not resolved. Any thread. */
bool net_port_gateway(const struct net_port *p, unsigned i, uint8_t mac[6]);

/*
 * Building packets: IPv4 or IPv6 header (20 or 40 bytes) for `payload_len` bytes of `proto`.
 * Returns the header's length. DF set, IPv4 id 0 (RFC 6864), TTL 64, header checksum filled in.
 * Both addresses are of one family, and the packet fits 65535 bytes.
 */
unsigned net_build_ip(uint8_t *hdr, const struct ip_addr *src, const struct ip_addr *dst,
	uint8_t proto, uint32_t payload_len);
/*
 * The checksum of TCP, UDP or ICMPv6 over pseudo header and `l4`, whose checksum field is zero: to
 * be stored as it is (it is in network order). UDP's zero comes as 0xffff (RFC 768).
 */
uint16_t net_l4_checksum(const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto,
	const uint8_t *l4, uint32_t len);

#endif
