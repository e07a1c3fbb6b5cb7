#include "dataplane/base/bytes.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/decode.h"
#include "dataplane/net/port.h"
#include "dataplane/net/wire.h"

/* `len` bytes of upper layer with their checksum at `at` in it, and what the port knows of it. */
static bool checksum_good(const uint8_t *frame, const struct net_ip *ip, uint32_t len, uint32_t at,
	enum net_csum known)
{
	const uint8_t *h = frame + ip->l3_off, *l4 = frame + ip->l4_off;
	uint64_t sum;
	uint16_t field;

	if (known == NET_CSUM_GOOD || known == NET_CSUM_BAD)
		return known == NET_CSUM_GOOD;
	sum = ip->v6 ? net_sum_pseudo6(h + 8, ip->proto, len)
		     : net_sum_pseudo4(h + 12, ip->proto, len);
	memcpy(&field, l4 + at, sizeof(field));
	if (known == NET_CSUM_PARTIAL && field == net_sum_fold(sum))
		return true;
	return net_sum_fold(net_sum(sum, l4, len)) == 0xffff;
}

static bool decode_udp(
	const uint8_t *frame, struct net_ip *ip, enum net_csum csum, struct net_pkt *pkt)
{
	const uint8_t *udp = frame + ip->l4_off;
	uint32_t len;

	ip->reason = WIRE_bad_header;
	if (ip->l4_len < UDP_LEN)
		return false;
	len = load_be16(udp + 4);
	if (len < UDP_LEN || len > ip->l4_len)
		return false;
	ip->reason = WIRE_bad_checksum;
	if (load_be16(udp + 6) == 0) {
		/* None was taken: legal in IPv4 only (RFC 8200 section 8.1). */
		if (ip->v6)
			return false;
	} else if (!checksum_good(frame, ip, len, 6, csum)) {
		return false;
	}
	pkt->verdict = NET_UDP;
	pkt->payload = udp + UDP_LEN;
	pkt->payload_len = len - UDP_LEN;
	return true;
}

static bool decode_tcp(
	const uint8_t *frame, struct net_ip *ip, enum net_csum csum, struct net_pkt *pkt)
{
	const uint8_t *tcp = frame + ip->l4_off;
	uint32_t hdr_len;

	ip->reason = WIRE_bad_header;
	if (ip->l4_len < TCP_LEN)
		return false;
	hdr_len = (tcp[12] >> 4) * 4u;
	if (hdr_len < TCP_LEN || hdr_len > ip->l4_len)
		return false;
	ip->reason = WIRE_bad_checksum;
	if (!checksum_good(frame, ip, ip->l4_len, 16, csum))
		return false;
	pkt->verdict = NET_TCP;
	pkt->payload = tcp;
	pkt->payload_len = ip->l4_len;
	return true;
}

bool net_decode_l4(
	const uint8_t *frame, struct net_ip *ip, enum net_csum l4_csum, struct net_pkt *pkt)
{
	bool good = ip->proto == PROTO_UDP ? decode_udp(frame, ip, l4_csum, pkt)
					   : decode_tcp(frame, ip, l4_csum, pkt);

	if (!good)
		return false;
	pkt->flow.src = ip->src;
	pkt->flow.dst = ip->dst;
	pkt->flow.src_port = load_be16(frame + ip->l4_off);
	pkt->flow.dst_port = load_be16(frame + ip->l4_off + 2);
	pkt->ip_off = ip->l3_off;
	pkt->ttl = ip->ttl;
	pkt->ecn = ip->ecn;
	memcpy(pkt->src_mac, frame + 6, 6);
	return true;
}

void net_parse(const struct net_port *p, const uint8_t *frame, uint32_t len, enum net_csum ip_csum,
	enum net_csum l4_csum, struct net_pkt *out)
{
	struct net_ip ip;

	memset(out, 0, sizeof(*out));
	switch (net_decode(&p->own, &p->cfg, frame, len, ip_csum, &ip)) {
	case DECODE_UPPER:
		if (ip.proto != PROTO_UDP && ip.proto != PROTO_TCP)
			out->verdict = NET_CONTROL;
		else if (!net_decode_l4(frame, &ip, l4_csum, out))
			out->verdict = NET_REJECT;
		break;
	case DECODE_ARP:
	case DECODE_FRAGMENT:
		out->verdict = NET_CONTROL;
		break;
	case DECODE_REJECT:
		out->verdict = ip.owed.type ? NET_CONTROL : NET_REJECT;
		break;
	}
	if (out->verdict == NET_REJECT)
		out->reason = ip.reason;
}
