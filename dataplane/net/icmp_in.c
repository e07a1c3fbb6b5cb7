/* ICMP (RFC 792, RFC 1122 3.2.2) and ICMPv6 (RFC 4443) that is sent to us. */
#include "dataplane/base/bytes.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/port.h"

bool icmp6_checksum_good(const uint8_t *frame, const struct net_ip *ip)
{
	const uint8_t *h = frame + ip->l3_off;
	uint64_t sum = net_sum_pseudo6(h + 8, PROTO_ICMP6, ip->l4_len);

	return net_sum_fold(net_sum(sum, frame + ip->l4_off, ip->l4_len)) == 0xffff;
}

/* The request comes back with its type changed, from the address that was asked. */
static void echo(struct net_port *p, const uint8_t *frame, const struct net_ip *ip,
	const struct net_out *out, uint64_t now)
{
	uint32_t hdr_len = ip->v6 ? IP6_LEN : IP4_LEN;
	const struct ip_addr *src = ip->group ? own_source(&p->own, &ip->src) : &ip->dst;
	uint8_t *icmp = p->scratch + hdr_len;
	uint16_t c;

	if (hdr_len + ip->l4_len > p->cfg.mtu) {
		p->count.echo_too_big++;
		return;
	}
	if (!src || !icmp_allowed(p, now))
		return;
	net_build_ip(p->scratch, src, &ip->src, ip->proto, ip->l4_len);
	memcpy(icmp, frame + ip->l4_off, ip->l4_len);
	icmp[0] = ip->v6 ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY;
	memset(icmp + 2, 0, 2);
	if (ip->v6)
		c = net_l4_checksum(src, &ip->src, PROTO_ICMP6, icmp, ip->l4_len);
	else
		c = (uint16_t)~net_sum_fold(net_sum(0, icmp, ip->l4_len));
	memcpy(icmp + 2, &c, 2);
	p->count.echo++;
	p->count.icmp_out++;
	net_port_send_ip(p, p->scratch, hdr_len + ip->l4_len, out, now);
}

static bool icmp4_input(struct net_port *p, const uint8_t *frame, struct net_ip *ip,
	const struct net_out *out, uint64_t now, struct net_icmp_tcp *about)
{
	const uint8_t *icmp = frame + ip->l4_off;

	if (net_sum_fold(net_sum(0, icmp, ip->l4_len)) != 0xffff) {
		ip->reason = WIRE_bad_checksum;
		return false;
	}
	p->count.icmp_in++;
	switch (icmp[0]) {
	case ICMP4_ECHO:
		echo(p, frame, ip, out, now);
		return true;
	case ICMP4_UNREACHABLE:
	case ICMP4_TIME_EXCEEDED:
	case ICMP4_PARAMETER:
		icmp4_quoted(p, icmp, ip->l4_len, about);
		return true;
	default:
		/* Redirects would let anybody on the link reroute us; quenches are dead (RFC 6633).
		 */
		return true;
	}
}

static bool icmp6_input(struct net_port *p, const uint8_t *frame, struct net_ip *ip,
	const struct net_out *out, uint64_t now, struct net_icmp_tcp *about)
{
	const uint8_t *icmp = frame + ip->l4_off;

	if (!icmp6_checksum_good(frame, ip)) {
		ip->reason = WIRE_bad_checksum;
		return false;
	}
	switch (icmp[0]) {
	case ND_RS:
	case ND_RA:
	case ND_NS:
	case ND_NA:
	case ND_REDIRECT:
		return nd_input(p, frame, ip, out, now);
	case MLD_QUERY:
	case MLD1_REPORT:
	case MLD1_DONE:
	case MLD2_REPORT:
		p->count.nd_in++;
		return mld_input(p, frame, ip, now);
	default:
		break;
	}
	/* What is left has a host for its source. */
	if (ip->no_source || ip->own_source) {
		ip->reason = WIRE_bad_header;
		return false;
	}
	p->count.icmp_in++;
	if (icmp[0] == ICMP6_ECHO)
		echo(p, frame, ip, out, now);
	else if (icmp[0] >= ICMP6_UNREACHABLE && icmp[0] <= ICMP6_PARAMETER)
		icmp6_quoted(p, icmp, ip->l4_len, about);
	return true;
}

bool icmp_input(struct net_port *p, const uint8_t *frame, struct net_ip *ip, bool whole,
	const struct net_out *out, uint64_t now, struct net_icmp_tcp *about)
{
	if (ip->l4_len < ICMP_LEN) {
		ip->reason = WIRE_bad_header;
		return false;
	}
	ip->fragment_hdr |= whole;
	if (ip->v6)
		return icmp6_input(p, frame, ip, out, now, about);
	return icmp4_input(p, frame, ip, out, now, about);
}
