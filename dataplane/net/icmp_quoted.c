/*
 * ICMP errors about segments that we sent: the quoted packet must be one of ours, so that guessing
 * takes a whole 4-tuple; TCP then asks for a sequence number in flight as well (RFC 5927).
 */
#include "dataplane/base/bytes.h"
#include "dataplane/net/port.h"

#define TCP_QUOTED 8 /* of the segment: ports and sequence number */
#define MTU_MIN4   68
#define MTU_MIN6   1280

/* RFC 1191 section 7: MTUs in use, for routers that name none. */
static uint32_t plateau_below(uint32_t len)
{
	static const uint16_t plateau[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};

	for (unsigned i = 0; i < sizeof(plateau) / sizeof(plateau[0]); i++)
		if (plateau[i] < len)
			return plateau[i];
	return MTU_MIN4;
}

static void fill(struct net_icmp_tcp *about, const struct ip_addr *src, const struct ip_addr *dst,
	const uint8_t *tcp, uint32_t mtu)
{
	about->valid = true;
	about->flow.src = *src;
	about->flow.dst = *dst;
	about->flow.src_port = load_be16(tcp);
	about->flow.dst_port = load_be16(tcp + 2);
	about->seq = load_be32(tcp + 4);
	about->mtu = mtu;
}

void icmp4_quoted(
	const struct net_port *p, const uint8_t *icmp, uint32_t len, struct net_icmp_tcp *about)
{
	const uint8_t *q = icmp + ICMP_LEN;
	uint32_t hdr_len, mtu = 0;
	struct ip_addr src, dst;

	len -= ICMP_LEN;
	if (len < IP4_LEN || q[0] >> 4 != 4)
		return;
	hdr_len = (q[0] & 0x0fu) * 4;
	if (hdr_len < IP4_LEN || len < hdr_len + TCP_QUOTED || q[9] != PROTO_TCP ||
		(load_be16(q + 6) & 0x1fff) != 0)
		return;
	src = ip_addr_v4(q + 12);
	dst = ip_addr_v4(q + 16);
	if (!own_has(&p->own, &src))
		return;
	if (icmp[0] == ICMP4_UNREACHABLE && icmp[1] == ICMP4_FRAG_NEEDED) {
		mtu = load_be16(icmp + 6);
		if (mtu == 0)
			mtu = plateau_below(load_be16(q + 2));
		if (mtu < MTU_MIN4)
			return;
	}
	fill(about, &src, &dst, q + hdr_len, mtu);
	about->hard = icmp[0] == ICMP4_UNREACHABLE &&
		      (icmp[1] == ICMP4_PROTOCOL || icmp[1] == ICMP4_PORT);
}

void icmp6_quoted(
	const struct net_port *p, const uint8_t *icmp, uint32_t len, struct net_icmp_tcp *about)
{
	const uint8_t *q = icmp + ICMP_LEN;
	struct ip_addr src, dst;
	uint32_t mtu = 0;

	len -= ICMP_LEN;
	/* We send no extension headers: TCP follows at once, or it is not ours. */
	if (len < IP6_LEN + TCP_QUOTED || q[0] >> 4 != 6 || q[6] != PROTO_TCP)
		return;
	memcpy(src.b, q + 8, 16);
	memcpy(dst.b, q + 24, 16);
	if (ip_addr_is_v4(&src) || ip_addr_is_v4(&dst) || !own_has(&p->own, &src))
		return;
	if (icmp[0] == ICMP6_TOO_BIG) {
		mtu = load_be32(icmp + 4);
		if (mtu < MTU_MIN6)
			return; /* RFC 8201 section 4 */
	}
	fill(about, &src, &dst, q + IP6_LEN, mtu);
	about->hard = icmp[0] == ICMP6_UNREACHABLE &&
		      (icmp[1] == ICMP6_PROHIBITED || icmp[1] == ICMP6_PORT);
}
