#include "dataplane/net/decode.h"

#include "dataplane/base/bytes.h"
#include "dataplane/net/wire.h"

enum l2_dst { L2_OTHER, L2_UNICAST, L2_BROADCAST, L2_GROUP6 };

static enum l2_dst l2_classify(const uint8_t *dst, const uint8_t mac[6])
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	if (memcmp(dst, mac, 6) == 0)
		return L2_UNICAST;
	if (dst[0] == 0x33 && dst[1] == 0x33)
		return L2_GROUP6;
	return memcmp(dst, broadcast, 6) == 0 ? L2_BROADCAST : L2_OTHER;
}

/* Steps over the tag, if there is one. false: the frame is in another VLAN than ours. */
static bool vlan_ours(
	uint16_t ours, const uint8_t *frame, uint32_t len, uint16_t *type, uint32_t *off)
{
	uint16_t id = NET_VLAN_NONE;

	if (*type == ETH_TYPE_VLAN && len >= ETH_LEN + VLAN_LEN) {
		id = load_be16(frame + ETH_LEN) & 0x0fff;
		*type = load_be16(frame + ETH_LEN + 2);
		*off += VLAN_LEN;
	}
	/* VLAN id 0 is a priority and no VLAN (IEEE 802.1Q 6.9). */
	return id == ours || (id == 0 && ours == NET_VLAN_NONE);
}

enum decode_kind net_decode(const struct own_set *own, const struct net_config *cfg,
	const uint8_t *frame, uint32_t len, enum net_csum ip_csum, struct net_ip *ip)
{
	uint32_t off = ETH_LEN;
	enum l2_dst dst;
	uint16_t type;

	/* Without the addresses, gcc zeroes it by a few stores and not by a slow string operation.
	 */
	memset(&ip->l3_off, 0, sizeof(*ip) - offsetof(struct net_ip, l3_off));
	if (len < ETH_LEN || (frame[6] & 1))
		return net_decode_reject(ip, WIRE_bad_header);
	dst = l2_classify(frame, cfg->mac);
	type = load_be16(frame + 12);
	if (dst == L2_OTHER || !vlan_ours(cfg->vlan, frame, len, &type, &off))
		return net_decode_reject(ip, WIRE_not_for_us);
	ip->l3_off = off;
	switch (type) {
	case ETH_TYPE_IP4:
		return net_decode_ip4(own, frame, len, dst == L2_UNICAST, ip_csum, ip);
	case ETH_TYPE_IP6:
		return net_decode_ip6(own, frame, len, dst == L2_UNICAST, ip);
	case ETH_TYPE_ARP:
		if (dst == L2_GROUP6)
			return net_decode_reject(ip, WIRE_not_for_us);
		ip->l4_len = len - off;
		return DECODE_ARP;
	default:
		return net_decode_reject(ip, WIRE_unsupported);
	}
}
