/* The IPv4 header and its options (RFC 791, RFC 1122 section 3.2.1). */
#include "dataplane/base/bytes.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/decode.h"
#include "dataplane/net/wire.h"

enum ip4_option {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_LSRR = 131,
	OPTION_SSRR = 137,
};

static bool checksum_good(const uint8_t *h, uint32_t hdr_len, enum net_csum known)
{
	if (known != NET_CSUM_UNKNOWN)
		return known == NET_CSUM_GOOD;
	if (hdr_len == IP4_LEN)
		return net_sum_fold(net_sum_ip4(h)) == 0xffff;
	return net_sum_fold(net_sum(0, h, hdr_len)) == 0xffff;
}

bool net_ip4_icmp_error(const uint8_t *data, uint32_t len, uint8_t proto)
{
	if (proto != PROTO_ICMP4)
		return false;
	if (len == 0)
		return true;
	switch (data[0]) {
	case ICMP4_UNREACHABLE:
	case ICMP4_SOURCE_QUENCH:
	case ICMP4_REDIRECT:
	case ICMP4_TIME_EXCEEDED:
	case ICMP4_PARAMETER:
		return true;
	default:
		return false;
	}
}

/* May an ICMP error be sent about this packet? Its source and destination have been checked. */
static bool may_answer(const uint8_t *frame, const struct net_ip *ip)
{
	return ip->frag_off == 0 && !net_ip4_icmp_error(frame + ip->l4_off, ip->l4_len, ip->proto);
}

/*
 * Options are stepped over; none that we understand changes anything for an end host, but for
 * source routes, which we refuse (RFC 7126 sections 4.3 and 4.4).
 */
static bool options_good(const uint8_t *frame, uint32_t hdr_len, struct net_ip *ip)
{
	const uint8_t *h = frame + ip->l3_off;
	uint32_t at = IP4_LEN;

	while (at < hdr_len && h[at] != OPTION_END) {
		if (h[at] == OPTION_NOP) {
			at++;
			continue;
		}
		if (hdr_len - at < 2 || h[at + 1] < 2 || h[at + 1] > hdr_len - at) {
			if (may_answer(frame, ip))
				net_decode_owed(ip, WIRE_bad_header, ICMP4_PARAMETER, 0, at);
			ip->reason = WIRE_bad_header;
			return false;
		}
		if (h[at] == OPTION_LSRR || h[at] == OPTION_SSRR) {
			ip->reason = WIRE_unsupported;
			return false;
		}
		at += h[at + 1];
	}
	return true;
}

enum decode_kind net_decode_ip4(const struct own_set *own, const uint8_t *frame, uint32_t len,
	bool unicast, enum net_csum ip_csum, struct net_ip *ip)
{
	const uint8_t *h = frame + ip->l3_off;
	uint32_t left = len - ip->l3_off;
	uint32_t hdr_len, total, src, dst;
	uint16_t frag;

	if (left < IP4_LEN)
		return net_decode_reject(ip, WIRE_bad_header);
	hdr_len = (h[0] & 0x0fu) * 4;
	total = load_be16(h + 2);
	if (h[0] >> 4 != 4 || hdr_len < IP4_LEN || total < hdr_len || total > left)
		return net_decode_reject(ip, WIRE_bad_header);
	if (!checksum_good(h, hdr_len, ip_csum))
		return net_decode_reject(ip, WIRE_bad_checksum);
	src = load_be32(h + 12);
	dst = load_be32(h + 16);
	/* A unicast packet in a broadcast frame is to be dropped in silence (RFC 1122 3.3.6). */
	if (!unicast || !own_has4(own, dst))
		return net_decode_reject(ip, WIRE_not_for_us);
	if (own_martian4(own, src) || own_has4(own, src))
		return net_decode_reject(ip, WIRE_bad_header);

	ip->src = ip_addr_v4(h + 12);
	ip->dst = ip_addr_v4(h + 16);
	ip->l3_len = total;
	ip->l4_off = ip->l3_off + hdr_len;
	ip->l4_len = total - hdr_len;
	ip->proto = h[9];
	ip->ttl = h[8];
	ip->ecn = h[1] & 3;
	frag = load_be16(h + 6);
	ip->frag_id = load_be16(h + 4);
	ip->frag_off = (frag & 0x1fffu) * 8;
	ip->more = frag & 0x2000;
	if (hdr_len > IP4_LEN && !options_good(frame, hdr_len, ip))
		return DECODE_REJECT;
	if (ip->proto != PROTO_UDP && ip->proto != PROTO_TCP && ip->proto != PROTO_ICMP4) {
		if (may_answer(frame, ip))
			return net_decode_owed(
				ip, WIRE_unsupported, ICMP4_UNREACHABLE, ICMP4_PROTOCOL, 0);
		return net_decode_reject(ip, WIRE_unsupported);
	}
	return ip->more || ip->frag_off > 0 ? DECODE_FRAGMENT : DECODE_UPPER;
}
