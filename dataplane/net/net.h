/*
 * Ethernet, VLAN, ARP, ND, IPv4, IPv6, ICMP, UDP: parse and answer. Pure: frames and `now` go in,
 * decoded packets and frames to send come out. No clock, no thread, no global state.
 *
 * A port has one `struct net_port`: its addresses and its neighbour table. Its owner is the first
 * rx lcore of the port, the only one to call functions that take a non-const net_port; workers
 * read it through net_port_l2() alone, which is safe beside the owner.
 *
 * Times are microseconds of one monotonic clock. Lengths are bytes.
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
#define NET_VLAN_NONE     0xffff
#define NET_L2_MAX        18 /* Ethernet header with one VLAN tag */

struct net_address {
	struct ip_addr addr;
	uint8_t prefix_len; /* in 128 bits: IPv4 /24 is 120 */
};

struct net_config {
	uint8_t mac[6];
	uint16_t vlan; /* NET_VLAN_NONE: untagged frames only; else only this id */
	uint16_t mtu;  /* of IP packets */
	unsigned addresses_count, gateways_count;
	struct net_address addresses[NET_MAX_ADDRESSES];
	struct ip_addr gateways[NET_MAX_GATEWAYS];
	unsigned max_neighbours;       /* bound of the table, e.g. 4096 */
	unsigned max_datagrams;        /* reassembly: datagrams in progress */
	unsigned max_datagrams_source; /* the same per source address */
	size_t max_reassembly_bytes;
	uint64_t reassembly_timeout_us; /* 30 s (RFC 8200: 60 s for IPv6; a shorter one is a bound) */
	unsigned icmp_per_second;      /* token bucket for all ICMP that we send */
	struct siphash_key key;
};
void net_config_defaults(struct net_config *cfg);

/* Frames to send. alloc gives room for `len` bytes (NULL: none); send passes it on, for good. */
struct net_out {
	void *ctx;
	uint8_t *(*alloc)(void *ctx, uint32_t len, void **handle);
	void (*send)(void *ctx, void *handle, uint32_t len);
};

struct net_port;
/* Allocates tables for the bounds by malloc. NULL when out of memory. */
struct net_port *net_port_new(const struct net_config *cfg);
void net_port_free(struct net_port *p);

/* Checksums that hardware has verified. "none" is not "bad": then software verifies. */
enum net_csum { NET_CSUM_UNKNOWN, NET_CSUM_GOOD, NET_CSUM_BAD };

enum net_verdict {
	NET_UDP,      /* a whole datagram for one of our addresses; payload is the UDP payload */
	NET_TCP,      /* a whole segment for one of our addresses; payload is TCP header and data */
	NET_CONTROL,  /* fragment, ARP, ICMP or ND: give it to net_control() on the port's owner */
	NET_REJECT,   /* `reason` says why */
};

struct net_pkt {
	enum net_verdict verdict;
	enum wire_reason reason;
	struct ip_flow flow;
	const uint8_t *payload;
	uint32_t payload_len;
	uint32_t ip_off;    /* of the IP header in the frame */
	uint8_t ttl, ecn;
	uint8_t src_mac[6];
};

/*
 * Decodes one contiguous frame, with every length checked, and the checksum of IPv4 header, UDP
 * and TCP verified unless known. Touches no state: any lcore may call it. Stateless means also:
 * a segment or datagram to an address that is not ours, multicast that we did not join, wrong
 * VLAN: NET_REJECT not_for_us. UDP to a port nobody listens on is still NET_UDP: the caller knows
 * the ports and answers by net_port_unreachable().
 */
void net_parse(const struct net_port *p, const uint8_t *frame, uint32_t len, enum net_csum ip_csum,
	enum net_csum l4_csum, struct net_pkt *out);

/* An ICMP error about a TCP segment of ours, for tcp_icmp(). */
struct net_icmp_tcp {
	bool valid;
	struct ip_flow flow;  /* of our segment: src is ourselves */
	uint32_t seq;
	uint32_t mtu;         /* of packet-too-big, 0 for unreachable */
};

/* What net_control() made of a frame. */
struct net_control_result {
	bool accepted;            /* false: `reason` */
	enum wire_reason reason;
	bool datagram;            /* a datagram or segment is whole now: `pkt` (UDP or TCP), whose payload
	                             lies in a buffer of the port, valid until the next net_control() */
	struct net_pkt pkt;
	struct net_icmp_tcp icmp; /* set by ICMP about one of our TCP segments */
};

/*
 * ARP, ND, ICMP, fragments: answers through `out`, keeps the neighbour table, reassembles.
 * The frame is only read.
 */
void net_control(struct net_port *p, const uint8_t *frame, uint32_t len, enum net_csum ip_csum,
	const struct net_out *out, uint64_t now, struct net_control_result *res);

/* ICMP port unreachable for a datagram (rate-limited; RFC 1122 3.2.2, RFC 4443 2.4). */
void net_port_unreachable(struct net_port *p, const uint8_t *frame, uint32_t len,
	const struct net_pkt *pkt, const struct net_out *out, uint64_t now);

/*
 * The layer 2 header for a packet to `dst` (next hop: on-link, else gateway): writes 14 or 18
 * bytes into `l2`, returns their number, or 0 when the neighbour is not resolved. Any thread.
 */
unsigned net_port_l2(const struct net_port *p, const struct ip_addr *dst, uint8_t l2[NET_L2_MAX]);

/*
 * Sends a frame whose neighbour was not resolved when it was built: `packet` is the IP packet.
 * Held (copied; bounded per neighbour and in total, oldest dropped and counted) while we ask.
 */
void net_port_send_ip(struct net_port *p, const uint8_t *packet, uint32_t len,
	const struct net_out *out, uint64_t now);

/*
 * Timers: duplicate address detection and gratuitous ARP at start, neighbour probes and expiry,
 * reassembly timeouts. Expired fragments are reported in `timed_out` (frames held, each of them
 * counted as accepted before, see net_counters).
 */
uint64_t net_port_next_deadline(const struct net_port *p);
void net_port_expire(struct net_port *p, const struct net_out *out, uint64_t now);

struct net_counters {
	uint64_t arp_in, arp_out, nd_in, nd_out, icmp_in, icmp_out, icmp_limited, echo;
	uint64_t neighbours, neighbours_full, neighbour_changes, unresolved_dropped, dad_conflicts;
	uint64_t fragments, reassembled, frag_timeout, frag_overflow, frag_overlap, frag_duplicates;
	uint64_t reassembly_bytes; /* gauge */
};
const struct net_counters *net_port_counters(const struct net_port *p);

/* State of one of our addresses, for `port list`: "tentative", "valid" or "duplicate". */
const char *net_port_address_state(const struct net_port *p, unsigned i);

/* Building packets: IPv4 or IPv6 header (20 or 40 bytes) for `payload_len` bytes of `proto`.
 * Returns the header's length. DF set, IPv4 id 0 (RFC 6864), TTL 64, header checksum filled in. */
unsigned net_build_ip(uint8_t *hdr, const struct ip_addr *src, const struct ip_addr *dst,
	uint8_t proto, uint32_t payload_len);
/* The checksum of TCP or UDP (network order value to store) over pseudo header and `l4`, whose
 * checksum field is zero. */
uint16_t net_l4_checksum(const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto,
	const uint8_t *l4, uint32_t len);

#endif
