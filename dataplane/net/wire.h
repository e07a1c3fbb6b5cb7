/* Numbers of the formats that this room reads and writes: lengths, offsets, types. */
#ifndef SLUICE_NET_WIRE_H
#define SLUICE_NET_WIRE_H

enum {
	ETH_LEN = 14,
	VLAN_LEN = 4,
	ARP_LEN = 28,
	IP4_LEN = 20,
	IP6_LEN = 40,
	IP6_FRAG_LEN = 8,
	UDP_LEN = 8,
	TCP_LEN = 20,
	ICMP_LEN = 8,
	IP_MAX = 65535, /* IPv4: the whole packet; IPv6: all after the fixed header */
};

enum eth_type {
	ETH_TYPE_IP4 = 0x0800,
	ETH_TYPE_ARP = 0x0806,
	ETH_TYPE_VLAN = 0x8100,
	ETH_TYPE_IP6 = 0x86dd,
};

enum ip_proto {
	PROTO_HOP_BY_HOP = 0,
	PROTO_ICMP4 = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_ICMP6 = 58,
	PROTO_NONE = 59,
	PROTO_DEST_OPTIONS = 60,
};

enum arp_op {
	ARP_REQUEST = 1,
	ARP_REPLY = 2,
};

enum icmp4_type {
	ICMP4_ECHO_REPLY = 0,
	ICMP4_UNREACHABLE = 3,
	ICMP4_SOURCE_QUENCH = 4,
	ICMP4_REDIRECT = 5,
	ICMP4_ECHO = 8,
	ICMP4_TIME_EXCEEDED = 11,
	ICMP4_PARAMETER = 12,
};

enum icmp4_unreachable {
	ICMP4_PROTOCOL = 2,
	ICMP4_PORT = 3,
	ICMP4_FRAG_NEEDED = 4,
};

enum icmp6_type {
	ICMP6_UNREACHABLE = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_TIME_EXCEEDED = 3,
	ICMP6_PARAMETER = 4,
	ICMP6_INFORMATIONAL = 128, /* types below are errors */
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY = 129,
	MLD_QUERY = 130,
	MLD1_REPORT = 131,
	MLD1_DONE = 132,
	ND_RS = 133,
	ND_RA = 134,
	ND_NS = 135,
	ND_NA = 136,
	ND_REDIRECT = 137,
	MLD2_REPORT = 143,
};

enum icmp6_code {
	ICMP6_PROHIBITED = 1,	    /* of unreachable */
	ICMP6_PORT = 4,		    /* of unreachable */
	ICMP6_REASSEMBLY = 1,	    /* of time exceeded; IPv4's is the same */
	ICMP6_BAD_FIELD = 0,	    /* of parameter problem */
	ICMP6_UNKNOWN_NEXT = 1,	    /* of parameter problem */
	ICMP6_UNKNOWN_OPTION = 2,   /* of parameter problem */
	ICMP6_INCOMPLETE_CHAIN = 3, /* of parameter problem (RFC 7112) */
};

#endif
