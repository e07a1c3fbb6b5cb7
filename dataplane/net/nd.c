/* Neighbour discovery (RFC 4861): solicitations and advertisements. Routers are configured. */
#include "dataplane/base/bytes.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/port.h"

#define MESSAGE_LEN 24 /* of NS and NA, before options */
#define OPTION_LEN  8
#define TARGET	    8

enum nd_option {
	OPTION_SOURCE_MAC = 1,
	OPTION_TARGET_MAC = 2,
	OPTION_NONCE = 14, /* RFC 3971 5.3.2, as RFC 7527 uses it */
};

enum na_flag {
	NA_SOLICITED = 0x40,
	NA_OVERRIDE = 0x20,
};

/* Values of the options that we know, in the message; NULL where absent. */
struct options {
	const uint8_t *source_mac, *target_mac, *nonce;
	uint32_t nonce_len;
};

static const struct ip_addr all_nodes = {{0xff, 0x02, [15] = 1}};

/*
 * Not a group; and not an IPv4-mapped address, which would be taken for the IPv4 address or
 * neighbour that our tables know by it.
 */
static bool target_good(const struct ip_addr *target)
{
	return !own_multicast6(target) && !ip_addr_is_v4(target);
}

static bool mac_good(const uint8_t *mac)
{
	static const uint8_t zero[6];

	return !(mac[0] & 1) && memcmp(mac, zero, 6) != 0;
}

/* RFC 4861 section 4.6: an option of length 0 makes the whole message invalid. */
static bool parse_options(const uint8_t *o, uint32_t len, struct options *opt)
{
	memset(opt, 0, sizeof(*opt));
	while (len > 0) {
		uint32_t n;

		if (len < OPTION_LEN || o[1] == 0 || (n = o[1] * 8u) > len)
			return false;
		if (o[0] == OPTION_SOURCE_MAC || o[0] == OPTION_TARGET_MAC) {
			if (n != OPTION_LEN || !mac_good(o + 2))
				return false;
			if (o[0] == OPTION_SOURCE_MAC)
				opt->source_mac = o + 2;
			else
				opt->target_mac = o + 2;
		} else if (o[0] == OPTION_NONCE) {
			opt->nonce = o + 2;
			opt->nonce_len = n - 2;
		}
		o += n;
		len -= n;
	}
	return true;
}

/* An NS or NA with one option of six bytes. */
static void nd_send(struct net_port *p, const uint8_t mac[6], const struct ip_addr *src,
	const struct ip_addr *dst, uint8_t type, uint8_t flags, const struct ip_addr *target,
	uint8_t option, const uint8_t value[6], const struct net_out *out)
{
	uint32_t len = MESSAGE_LEN + OPTION_LEN;
	struct frame f;
	uint8_t *icmp;
	uint16_t c;

	if (!frame_open(p, mac, ETH_TYPE_IP6, IP6_LEN + len, out, &f))
		return;
	net_build_ip(f.l3, src, dst, PROTO_ICMP6, len);
	f.l3[7] = 255;
	icmp = f.l3 + IP6_LEN;
	memset(icmp, 0, len);
	icmp[0] = type;
	icmp[4] = flags;
	memcpy(icmp + TARGET, target->b, 16);
	icmp[MESSAGE_LEN] = option;
	icmp[MESSAGE_LEN + 1] = 1;
	memcpy(icmp + MESSAGE_LEN + 2, value, 6);
	c = net_l4_checksum(src, dst, PROTO_ICMP6, icmp, len);
	memcpy(icmp + 2, &c, 2);
	p->count.nd_out++;
	frame_send(&f, out);
}

void nd_solicit(struct net_port *p, const struct ip_addr *src, const struct ip_addr *target,
	const uint8_t *mac, const uint8_t *nonce, const struct net_out *out)
{
	static const struct ip_addr unspecified;
	struct ip_addr group = own_solicited_node(target);
	uint8_t group_mac[6];

	send_group_mac(&group, group_mac);
	nd_send(p, mac ? mac : group_mac, src ? src : &unspecified, mac ? target : &group, ND_NS, 0,
		target, src ? OPTION_SOURCE_MAC : OPTION_NONCE, src ? p->cfg.mac : nonce, out);
}

void nd_announce(struct net_port *p, const struct ip_addr *addr, const struct net_out *out)
{
	uint8_t mac[6];

	send_group_mac(&all_nodes, mac);
	nd_send(p, mac, addr, &all_nodes, ND_NA, NA_OVERRIDE, addr, OPTION_TARGET_MAC, p->cfg.mac,
		out);
}

/* A solicitation from :: is somebody's duplicate detection (RFC 4862 5.4.3, RFC 7527). */
static void detected(struct net_port *p, unsigned i, const struct options *opt,
	const struct net_out *out, uint64_t now)
{
	const struct own_addr *a = &p->own.a[i];

	if (own_is_valid(&p->own, i)) {
		nd_announce(p, &a->addr, out);
		return;
	}
	if (opt->nonce_len == 6 && memcmp(opt->nonce, a->nonce, 6) == 0)
		return; /* our own, looped back */
	dad_conflict(p, i, out, now);
}

static bool solicited(struct net_port *p, const uint8_t *frame, struct net_ip *ip,
	const struct options *opt, const struct net_out *out, uint64_t now)
{
	const uint8_t *icmp = frame + ip->l4_off;
	struct ip_addr target;
	uint8_t known[6];
	const uint8_t *to;
	unsigned i;

	memcpy(target.b, icmp + TARGET, 16);
	/* RFC 4861 7.1.1 */
	if (!target_good(&target) || ip->own_source ||
		(ip->no_source && (!ip->group || ip->dst.b[11] != 1 || opt->source_mac)))
		return false;
	ip->reason = WIRE_not_for_us;
	i = own_find(&p->own, &target);
	if (i == OWN_NONE)
		return false;
	if (ip->no_source) {
		detected(p, i, opt, out, now);
		return true;
	}
	if (!own_is_valid(&p->own, i))
		return true;
	/* Who is not on the link is answered, but does not get into the cache (CVE-2008-2476). */
	if (opt->source_mac && own_on_link(&p->own, &ip->src))
		neigh_learn(p, &ip->src, opt->source_mac, NEIGH_ASKED, out, now);
	if (opt->source_mac)
		to = opt->source_mac;
	else
		to = neigh_lookup(&p->neigh, &ip->src, known) ? known : frame + 6;
	nd_send(p, to, &target, &ip->src, ND_NA, NA_SOLICITED | NA_OVERRIDE, &target,
		OPTION_TARGET_MAC, p->cfg.mac, out);
	return true;
}

static bool advertised(struct net_port *p, const uint8_t *frame, struct net_ip *ip,
	const struct options *opt, const struct net_out *out, uint64_t now)
{
	const uint8_t *icmp = frame + ip->l4_off;
	struct ip_addr target;
	unsigned i;

	memcpy(target.b, icmp + TARGET, 16);
	/* RFC 4861 7.1.2 */
	if (!target_good(&target) || (ip->group && (icmp[4] & NA_SOLICITED)) || ip->no_source)
		return false;
	i = own_find_claimed(&p->own, &target);
	if (i != OWN_NONE) {
		/* From our MAC it is our own announcement, reflected. */
		if (!opt->target_mac || memcmp(opt->target_mac, p->cfg.mac, 6) != 0)
			dad_conflict(p, i, out, now);
		return true;
	}
	if (ip->own_source)
		return false;
	neigh_advertised(p, &target, opt->target_mac, icmp[4] & NA_SOLICITED, icmp[4] & NA_OVERRIDE,
		out, now);
	return true;
}

bool nd_input(struct net_port *p, const uint8_t *frame, struct net_ip *ip,
	const struct net_out *out, uint64_t now)
{
	const uint8_t *icmp = frame + ip->l4_off;
	struct options opt;

	/* From this link, and never in fragments (RFC 6980). */
	ip->reason = WIRE_bad_header;
	if (ip->ttl != 255 || icmp[1] != 0 || ip->fragment_hdr)
		return false;
	p->count.nd_in++;
	if (icmp[0] != ND_NS && icmp[0] != ND_NA)
		return true; /* routers are configured: advertisements and redirects move nothing */
	if (ip->l4_len < MESSAGE_LEN ||
		!parse_options(icmp + MESSAGE_LEN, ip->l4_len - MESSAGE_LEN, &opt))
		return false;
	if (icmp[0] == ND_NS)
		return solicited(p, frame, ip, &opt, out, now);
	return advertised(p, frame, ip, &opt, out, now);
}
