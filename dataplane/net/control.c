#include "dataplane/net/port.h"

/* Upper layers of a packet that came in one frame, or in `frames` fragments. */
static bool deliver(struct net_port *p, const uint8_t *frame, uint32_t len, struct net_ip *ip,
	uint32_t frames, const struct net_out *out, uint64_t now, struct net_control_result *res)
{
	if (ip->proto != PROTO_UDP && ip->proto != PROTO_TCP)
		return icmp_input(p, frame, ip, frames > 1, out, now, &res->icmp);
	if (!net_decode_l4(frame, ip, NET_CSUM_UNKNOWN, &res->pkt))
		return false;
	res->datagram = true;
	res->frame = frame;
	res->frame_len = len;
	res->frames = frames;
	return true;
}

/* A finished datagram goes through the decoder as the one frame it might have been. */
static bool reassembled(struct net_port *p, const struct frag_whole *w, const struct net_out *out,
	uint64_t now, struct net_control_result *res)
{
	struct net_ip ip;
	bool good = false;

	switch (net_decode(&p->own, &p->cfg, w->frame, w->len, NET_CSUM_GOOD, &ip)) {
	case DECODE_UPPER:
		good = deliver(p, w->frame, w->len, &ip, w->frames, out, now, res);
		break;
	case DECODE_REJECT:
		if (ip.owed.type)
			icmp_owed(p, &ip, w->frame, out, now);
		break;
	case DECODE_FRAGMENT: /* fragments of fragments */
	case DECODE_ARP:
		ip.reason = WIRE_bad_header;
		break;
	}
	if (good)
		return true;
	/* The fragment that completed it is rejected by our result, those before it here. */
	p->count.frames_moved[ip.reason] += w->frames - 1;
	res->reason = ip.reason;
	return false;
}

static bool fragment(struct net_port *p, const uint8_t *frame, struct net_ip *ip,
	const struct net_out *out, uint64_t now, struct net_control_result *res)
{
	struct frag_whole w;

	switch (frag_input(p, frame, ip, now, &w)) {
	case FRAG_KEPT:
		return true;
	case FRAG_COMPLETE:
		return reassembled(p, &w, out, now, res);
	case FRAG_REJECTED:
		break;
	}
	if (ip->owed.type)
		icmp_owed(p, ip, frame, out, now);
	res->reason = ip->reason;
	return false;
}

void net_control(struct net_port *p, const uint8_t *frame, uint32_t len, enum net_csum ip_csum,
	const struct net_out *out, uint64_t now, struct net_control_result *res)
{
	struct net_ip ip;

	memset(res, 0, sizeof(*res));
	switch (net_decode(&p->own, &p->cfg, frame, len, ip_csum, &ip)) {
	case DECODE_ARP:
		res->accepted = arp_input(p, frame + ip.l3_off, ip.l4_len, out, now, &res->reason);
		return;
	case DECODE_FRAGMENT:
		res->accepted = fragment(p, frame, &ip, out, now, res);
		return;
	case DECODE_UPPER:
		res->accepted = deliver(p, frame, len, &ip, 1, out, now, res);
		break;
	case DECODE_REJECT:
		if (ip.owed.type)
			icmp_owed(p, &ip, frame, out, now);
		break;
	}
	if (!res->accepted)
		res->reason = ip.reason;
}
