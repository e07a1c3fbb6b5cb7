/* The way out: layer 2 headers, next hops, buffers. */
#include "dataplane/base/bytes.h"
#include "dataplane/net/port.h"

unsigned send_l2(
	const struct net_config *cfg, const uint8_t dst[6], uint16_t type, uint8_t l2[NET_L2_MAX])
{
	unsigned at = 12;

	memcpy(l2, dst, 6);
	memcpy(l2 + 6, cfg->mac, 6);
	if (cfg->vlan != NET_VLAN_NONE) {
		store_be16(l2 + at, ETH_TYPE_VLAN);
		store_be16(l2 + at + 2, cfg->vlan);
		at += VLAN_LEN;
	}
	store_be16(l2 + at, type);
	return at + 2;
}

bool frame_open(struct net_port *p, const uint8_t dst[6], uint16_t type, uint32_t l3_len,
	const struct net_out *out, struct frame *f)
{
	uint8_t l2[NET_L2_MAX];
	unsigned l2_len = send_l2(&p->cfg, dst, type, l2);
	uint8_t *data;

	f->len = l2_len + l3_len;
	data = out->alloc(out->ctx, f->len, &f->handle);
	if (!data) {
		p->count.no_buffer++;
		return false;
	}
	memcpy(data, l2, l2_len);
	f->l3 = data + l2_len;
	return true;
}

void frame_send(const struct frame *f, const struct net_out *out)
{
	out->send(out->ctx, f->handle, f->len);
}

void send_packet(struct net_port *p, const uint8_t mac[6], const uint8_t *packet, uint32_t len,
	const struct net_out *out)
{
	struct frame f;

	if (!frame_open(p, mac, packet[0] >> 4 == 4 ? ETH_TYPE_IP4 : ETH_TYPE_IP6, len, out, &f))
		return;
	memcpy(f.l3, packet, len);
	frame_send(&f, out);
}

void send_group_mac(const struct ip_addr *group, uint8_t mac[6])
{
	mac[0] = mac[1] = 0x33;
	memcpy(mac + 2, group->b + 12, 4);
}

/* The MAC of a destination that needs no neighbour: broadcast or multicast (RFC 1112, 2464). */
static bool fixed_mac(const struct net_port *p, const struct ip_addr *dst, uint8_t mac[6])
{
	if (!ip_addr_is_v4(dst)) {
		if (!own_multicast6(dst))
			return false;
		send_group_mac(dst, mac);
		return true;
	}
	if (dst->b[12] >> 4 == 0xe) {
		const uint8_t group[6] = {
			0x01, 0x00, 0x5e, dst->b[13] & 0x7f, dst->b[14], dst->b[15]};

		memcpy(mac, group, 6);
		return true;
	}
	if (!own_broadcast4(&p->own, load_be32(dst->b + 12)))
		return false;
	memset(mac, 0xff, 6);
	return true;
}

static bool gateway_for(const struct net_port *p, unsigned g, bool v4)
{
	return ip_addr_is_v4(&p->cfg.gateways[g]) == v4;
}

/* The MAC for a packet to `dst`, if it is known. Any thread. */
static bool resolve(const struct net_port *p, const struct ip_addr *dst, uint8_t mac[6])
{
	bool v4 = ip_addr_is_v4(dst);

	if (fixed_mac(p, dst, mac))
		return true;
	if (own_on_link(&p->own, dst))
		return neigh_lookup(&p->neigh, dst, mac);
	for (unsigned g = 0; g < p->cfg.gateways_count; g++)
		if (gateway_for(p, g, v4) && neigh_mac(&p->neigh, p->neigh.gateway[g], mac))
			return true;
	return false;
}

unsigned net_port_l2(const struct net_port *p, const struct ip_addr *dst, uint8_t l2[NET_L2_MAX])
{
	uint8_t mac[6];

	if (!resolve(p, dst, mac))
		return 0;
	return send_l2(&p->cfg, mac, ip_addr_is_v4(dst) ? ETH_TYPE_IP4 : ETH_TYPE_IP6, l2);
}

bool net_port_gateway(const struct net_port *p, unsigned i, uint8_t mac[6])
{
	return i < p->cfg.gateways_count && neigh_mac(&p->neigh, p->neigh.gateway[i], mac);
}

/* The next hop of a packet to `dst` that no MAC is known for; NULL: no route. */
static const struct ip_addr *next_hop(const struct net_port *p, const struct ip_addr *dst)
{
	bool v4 = ip_addr_is_v4(dst);

	if (own_on_link(&p->own, dst))
		return dst;
	for (unsigned g = 0; g < p->cfg.gateways_count; g++)
		if (gateway_for(p, g, v4))
			return &p->cfg.gateways[g];
	return NULL;
}

static bool addresses_of(
	const uint8_t *packet, uint32_t len, struct ip_addr *src, struct ip_addr *dst)
{
	if (len >= IP4_LEN && packet[0] >> 4 == 4) {
		*src = ip_addr_v4(packet + 12);
		*dst = ip_addr_v4(packet + 16);
		return true;
	}
	if (len >= IP6_LEN && packet[0] >> 4 == 6) {
		memcpy(src->b, packet + 8, 16);
		memcpy(dst->b, packet + 24, 16);
		return !ip_addr_is_v4(dst);
	}
	return false;
}

void net_port_send_ip(struct net_port *p, const uint8_t *packet, uint32_t len,
	const struct net_out *out, uint64_t now)
{
	struct ip_addr src, dst;
	const struct ip_addr *hop;
	uint8_t mac[6];
	uint32_t i = NEIGH_NONE;

	if (len <= p->cfg.mtu && addresses_of(packet, len, &src, &dst) && !own_has(&p->own, &dst)) {
		if (resolve(p, &dst, mac)) {
			send_packet(p, mac, packet, len, out);
			return;
		}
		hop = next_hop(p, &dst);
		if (hop)
			i = neigh_want(p, hop, &src, out, now);
	}
	if (i == NEIGH_NONE)
		p->count.unresolved_dropped++;
	else
		hold_add(p, i, packet, len);
}
