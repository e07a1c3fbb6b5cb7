/* ICMP errors that we owe (RFC 1122 3.2.2, RFC 4443 section 2.4), and the bound on all ICMP. */
#include "dataplane/base/bytes.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/port.h"

#define TOKEN	   SECOND /* in units of the bucket */
#define ERROR_MAX4 576	  /* RFC 1812 4.3.2.3 */
#define ERROR_MAX6 1280	  /* RFC 4443 2.4 c */

bool icmp_allowed(struct net_port *p, uint64_t now)
{
	struct icmp_bucket *b = &p->icmp;
	uint64_t full = p->cfg.icmp_per_second * TOKEN; /* one second's worth */
	uint64_t passed = now - b->filled;

	if (passed >= SECOND)
		b->tokens = full;
	else
		b->tokens += passed * p->cfg.icmp_per_second;
	if (b->tokens > full)
		b->tokens = full;
	b->filled = now;
	if (b->tokens < TOKEN) {
		p->count.icmp_limited++;
		return false;
	}
	b->tokens -= TOKEN;
	return true;
}

void icmp_error(struct net_port *p, const struct net_ip *ip, const uint8_t *packet, uint32_t len,
	uint8_t type, uint8_t code, uint32_t field, const struct net_out *out, uint64_t now)
{
	uint32_t hdr_len = ip->v6 ? IP6_LEN : IP4_LEN;
	uint32_t max = ip->v6 ? ERROR_MAX6 : ERROR_MAX4;
	const struct ip_addr *src = ip->group ? own_source(&p->own, &ip->src) : &ip->dst;
	uint8_t *icmp = p->scratch + hdr_len;
	uint32_t icmp_len;
	uint16_t c;

	if (!src || !icmp_allowed(p, now))
		return;
	if (max > p->cfg.mtu)
		max = p->cfg.mtu;
	icmp_len = ICMP_LEN + len;
	if (icmp_len > max - hdr_len)
		icmp_len = max - hdr_len;
	net_build_ip(p->scratch, src, &ip->src, ip->v6 ? PROTO_ICMP6 : PROTO_ICMP4, icmp_len);
	icmp[0] = type;
	icmp[1] = code;
	memset(icmp + 2, 0, 2);
	store_be32(icmp + 4, field);
	memcpy(icmp + ICMP_LEN, packet, icmp_len - ICMP_LEN);
	if (ip->v6)
		c = net_l4_checksum(src, &ip->src, PROTO_ICMP6, icmp, icmp_len);
	else
		c = (uint16_t)~net_sum_fold(net_sum(0, icmp, icmp_len));
	memcpy(icmp + 2, &c, 2);
	p->count.icmp_out++;
	net_port_send_ip(p, p->scratch, hdr_len + icmp_len, out, now);
}

void icmp_owed(struct net_port *p, const struct net_ip *ip, const uint8_t *frame,
	const struct net_out *out, uint64_t now)
{
	uint32_t field = ip->owed.pointer;

	if (!ip->v6)
		field <<= 24; /* one byte in IPv4 */
	icmp_error(p, ip, frame + ip->l3_off, ip->l3_len, ip->owed.type, ip->owed.code, field, out,
		now);
}

void net_port_unreachable(struct net_port *p, const uint8_t *frame, uint32_t len,
	const struct net_pkt *pkt, const struct net_out *out, uint64_t now)
{
	const uint8_t *h = frame + pkt->ip_off;
	struct net_ip ip = {.src = pkt->flow.src, .dst = pkt->flow.dst};
	uint32_t packet_len;

	ip.v6 = !ip_addr_is_v4(&ip.dst);
	packet_len = ip.v6 ? IP6_LEN + load_be16(h + 4) : load_be16(h + 2);
	if (packet_len > len - pkt->ip_off)
		packet_len = len - pkt->ip_off;
	icmp_error(p, &ip, h, packet_len, ip.v6 ? ICMP6_UNREACHABLE : ICMP4_UNREACHABLE,
		ip.v6 ? ICMP6_PORT : ICMP4_PORT, 0, out, now);
}
