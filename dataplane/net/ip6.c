/* The IPv6 header and its extension headers (RFC 8200 section 4). */
#include "dataplane/base/bytes.h"
#include "dataplane/net/decode.h"
#include "dataplane/net/wire.h"

enum ip6_option {
	OPTION_PAD1 = 0,
	OPTION_PADN = 1,
	OPTION_ROUTER_ALERT = 5,
};

/* The packet that is being walked over. */
struct walk {
	const uint8_t *h;  /* the IPv6 header */
	uint32_t at, end;  /* from h */
	uint32_t next_off; /* where `next` was read */
	uint8_t next;
};

static bool is_extension(uint8_t next)
{
	return next == PROTO_HOP_BY_HOP || next == PROTO_ROUTING || next == PROTO_DEST_OPTIONS ||
	       next == PROTO_FRAGMENT;
}

/* Length of the extension header at `at`, or 0 where it is cut off. */
static uint32_t extension_len(const uint8_t *h, uint32_t at, uint32_t end, uint8_t next)
{
	uint32_t n;

	if (end - at < 8)
		return 0;
	n = next == PROTO_FRAGMENT ? IP6_FRAG_LEN : (h[at + 1] + 1u) * 8;
	return n <= end - at ? n : 0;
}

bool net_ip6_icmp_error(const uint8_t *data, uint32_t len, uint8_t proto)
{
	uint32_t at = 0;

	while (is_extension(proto)) {
		uint32_t n = extension_len(data, at, len, proto);

		if (n == 0)
			return true;
		if (proto == PROTO_FRAGMENT && load_be16(data + at + 2) >= 8)
			return true;
		proto = data[at];
		at += n;
	}
	return proto == PROTO_ICMP6 &&
	       (at >= len || data[at] < ICMP6_INFORMATIONAL || data[at] == ND_REDIRECT);
}

/* Parameter problem: for unicast always, for multicast only where the RFC makes the exception. */
static enum decode_kind problem(struct net_ip *ip, const struct walk *w, enum wire_reason reason,
	enum icmp6_code code, uint32_t pointer, bool even_multicast)
{
	if ((ip->group && !even_multicast) || ip->no_source || ip->own_source ||
		net_ip6_icmp_error(w->h + w->at, w->end - w->at, w->next))
		return net_decode_reject(ip, reason);
	return net_decode_owed(ip, reason, ICMP6_PARAMETER, (uint8_t)code, pointer);
}

/* The options of the header at w->at, which is `len` long. false: rejected. */
static bool options_good(struct net_ip *ip, const struct walk *w, uint32_t len)
{
	const uint8_t *h = w->h;
	uint32_t at = w->at + 2;
	uint32_t end = w->at + len;

	while (at < end) {
		uint8_t type = h[at];

		if (type == OPTION_PAD1) {
			at++;
			continue;
		}
		if (end - at < 2 || h[at + 1] > end - at - 2) {
			problem(ip, w, WIRE_bad_header, ICMP6_BAD_FIELD, at, false);
			return false;
		}
		if (type == OPTION_ROUTER_ALERT && h[at + 1] == 2 && w->next == PROTO_HOP_BY_HOP)
			ip->router_alert = load_be16(h + at + 2) == 0;
		else if (type != OPTION_PADN && type >> 6 != 0) {
			/* Section 4.2: 01 discards, 10 tells, 11 tells unless multicast. */
			if (type >> 6 == 1)
				ip->reason = WIRE_unsupported;
			else
				problem(ip, w, WIRE_unsupported, ICMP6_UNKNOWN_OPTION, at,
					type >> 6 == 2);
			return false;
		}
		at += 2u + h[at + 1];
	}
	return true;
}

/*
 * We know no routing type: with segments left the packet is refused, else the header is skipped
 * (section 4.4; RFC 5095 says the same of type 0).
 */
static bool routing_good(struct net_ip *ip, const struct walk *w)
{
	if (w->h[w->at + 3] == 0)
		return true;
	problem(ip, w, WIRE_unsupported, ICMP6_BAD_FIELD, w->at + 2, false);
	return false;
}

static bool extension_good(struct net_ip *ip, const struct walk *w, uint32_t len)
{
	switch (w->next) {
	case PROTO_HOP_BY_HOP:
	case PROTO_DEST_OPTIONS:
		return options_good(ip, w, len);
	case PROTO_ROUTING:
		return routing_good(ip, w);
	default: /* a fragment header */
		/* Two of them nest nothing that a sender could have meant. */
		if (ip->fragment_hdr) {
			ip->reason = WIRE_bad_header;
			return false;
		}
		ip->fragment_hdr = true;
		ip->frag_hdr_off = w->at;
		ip->frag_off = load_be16(w->h + w->at + 2) & 0xfff8u;
		ip->more = w->h[w->at + 3] & 1;
		ip->frag_id = load_be32(w->h + w->at + 4);
		return true;
	}
}

static enum decode_kind walk(struct net_ip *ip, struct walk *w)
{
	for (bool first = true; is_extension(w->next); first = false) {
		uint32_t n = extension_len(w->h, w->at, w->end, w->next);

		if (n == 0)
			return net_decode_reject(ip, WIRE_bad_header);
		if (w->next == PROTO_HOP_BY_HOP && !first)
			return problem(
				ip, w, WIRE_unsupported, ICMP6_UNKNOWN_NEXT, w->next_off, false);
		if (!extension_good(ip, w, n))
			return DECODE_REJECT;
		if (w->next == PROTO_FRAGMENT && (ip->more || ip->frag_off > 0)) {
			ip->next_off = w->next_off;
			w->next = w->h[w->at];
			w->at += n;
			return DECODE_FRAGMENT;
		}
		w->next_off = w->at;
		w->next = w->h[w->at];
		w->at += n;
	}
	ip->next_off = w->next_off;
	if (w->next == PROTO_UDP || w->next == PROTO_TCP || w->next == PROTO_ICMP6)
		return DECODE_UPPER;
	if (w->next == PROTO_NONE)
		return net_decode_reject(ip, WIRE_unsupported);
	return problem(ip, w, WIRE_unsupported, ICMP6_UNKNOWN_NEXT, w->next_off, false);
}

enum decode_kind net_decode_ip6(const struct own_set *own, const uint8_t *frame, uint32_t len,
	bool unicast, struct net_ip *ip)
{
	const uint8_t *h = frame + ip->l3_off;
	uint32_t left = len - ip->l3_off;
	struct walk w;
	enum decode_kind kind;

	ip->v6 = true;
	if (left < IP6_LEN)
		return net_decode_reject(ip, WIRE_bad_header);
	ip->l3_len = IP6_LEN + load_be16(h + 4);
	if (h[0] >> 4 != 6 || ip->l3_len > left)
		return net_decode_reject(ip, WIRE_bad_header);
	memcpy(ip->src.b, h + 8, 16);
	memcpy(ip->dst.b, h + 24, 16);
	if (own_multicast6(&ip->dst)) {
		ip->group = true;
		if (!own_joined(own, &ip->dst))
			return net_decode_reject(ip, WIRE_not_for_us);
	} else if (!unicast || ip_addr_is_v4(&ip->dst) || !own_has(own, &ip->dst)) {
		return net_decode_reject(ip, WIRE_not_for_us);
	}
	if (own_martian6(h + 8)) {
		static const uint8_t unspecified[16];

		ip->no_source = memcmp(h + 8, unspecified, 16) == 0;
		if (!ip->no_source)
			return net_decode_reject(ip, WIRE_bad_header);
	}
	ip->own_source = own_has(own, &ip->src);
	ip->ttl = h[7];
	ip->ecn = (h[1] >> 4) & 3;

	w = (struct walk){h, IP6_LEN, ip->l3_len, 6, h[6]};
	kind = walk(ip, &w);
	if (kind == DECODE_REJECT)
		return kind;
	ip->proto = w.next;
	ip->l4_off = ip->l3_off + w.at;
	ip->l4_len = w.end - w.at;
	/* ND speaks from :: and may show us who else claims our address; nothing else may. */
	if ((ip->no_source || ip->own_source) && (kind != DECODE_UPPER || ip->proto != PROTO_ICMP6))
		return net_decode_reject(ip, WIRE_bad_header);
	/* What is sent to a group and of use to us is small ICMPv6. */
	if (ip->group && (kind != DECODE_UPPER || ip->proto != PROTO_ICMP6))
		return net_decode_reject(ip, WIRE_not_for_us);
	return kind;
}

bool net_ip6_chain_complete(const uint8_t *data, uint32_t len, uint8_t proto)
{
	uint32_t at = 0;

	while (is_extension(proto)) {
		uint32_t n = extension_len(data, at, len, proto);

		if (n == 0)
			return false;
		proto = data[at];
		at += n;
	}
	switch (proto) {
	case PROTO_TCP:
		return len - at >= TCP_LEN;
	case PROTO_UDP:
		return len - at >= UDP_LEN;
	case PROTO_ICMP6:
		return len - at >= ICMP_LEN;
	default:
		return true;
	}
}
