/* ARP (RFC 826), with its probes and announcements (RFC 5227). */
#include "dataplane/base/bytes.h"
#include "dataplane/net/port.h"

/* Offsets of the four addresses in a packet for IPv4 on Ethernet. */
enum { SENDER_MAC = 8, SENDER_IP = 14, TARGET_MAC = 18, TARGET_IP = 24 };

static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t nobody[6];

static void arp_send(struct net_port *p, const uint8_t to[6], enum arp_op op,
	const uint8_t *sender_ip, const uint8_t target_mac[6], const uint8_t *target_ip,
	const struct net_out *out)
{
	static const uint8_t head[6] = {0, 1, 0x08, 0x00, 6, 4};
	struct frame f;

	if (!frame_open(p, to, ETH_TYPE_ARP, ARP_LEN, out, &f))
		return;
	memcpy(f.l3, head, sizeof(head));
	store_be16(f.l3 + 6, (uint16_t)op);
	memcpy(f.l3 + SENDER_MAC, p->cfg.mac, 6);
	memcpy(f.l3 + SENDER_IP, sender_ip, 4);
	memcpy(f.l3 + TARGET_MAC, target_mac, 6);
	memcpy(f.l3 + TARGET_IP, target_ip, 4);
	p->count.arp_out++;
	frame_send(&f, out);
}

void arp_request(struct net_port *p, const struct ip_addr *sender, const struct ip_addr *target,
	const uint8_t *mac, const struct net_out *out)
{
	static const uint8_t none[4];

	arp_send(p, mac ? mac : everybody, ARP_REQUEST, sender ? sender->b + 12 : none, nobody,
		target->b + 12, out);
}

static bool format_good(const uint8_t *arp, uint32_t len, enum wire_reason *reason)
{
	*reason = WIRE_bad_header;
	if (len < ARP_LEN)
		return false;
	if (load_be16(arp) != 1 || load_be16(arp + 2) != ETH_TYPE_IP4) {
		*reason = WIRE_unsupported;
		return false;
	}
	if (arp[4] != 6 || arp[5] != 4)
		return false;
	if ((arp[SENDER_MAC] & 1) || memcmp(arp + SENDER_MAC, nobody, 6) == 0)
		return false;
	if (load_be16(arp + 6) != ARP_REQUEST && load_be16(arp + 6) != ARP_REPLY) {
		*reason = WIRE_unsupported;
		return false;
	}
	return true;
}

static void learn(struct net_port *p, const uint8_t *arp, const struct ip_addr *sender, bool to_us,
	const struct net_out *out, uint64_t now)
{
	enum neigh_news news = NEIGH_HEARD;

	/* A host of another network cannot be a neighbour, unless it is a configured gateway. */
	if (!own_on_link(&p->own, sender) && neigh_find(&p->neigh, sender) == NEIGH_NONE)
		return;
	if (to_us)
		news = load_be16(arp + 6) == ARP_REPLY ? NEIGH_CONFIRMED : NEIGH_ASKED;
	neigh_learn(p, sender, arp + SENDER_MAC, news, out, now);
}

bool arp_input(struct net_port *p, const uint8_t *arp, uint32_t len, const struct net_out *out,
	uint64_t now, enum wire_reason *reason)
{
	struct ip_addr sender, target;
	unsigned claimed;
	bool probe, to_us;

	if (!format_good(arp, len, reason))
		return false;
	p->count.arp_in++;
	if (memcmp(arp + SENDER_MAC, p->cfg.mac, 6) == 0)
		return true; /* our own, reflected */
	sender = ip_addr_v4(arp + SENDER_IP);
	target = ip_addr_v4(arp + TARGET_IP);
	probe = load_be32(arp + SENDER_IP) == 0;

	claimed = own_find_claimed(&p->own, &sender);
	if (claimed != OWN_NONE) {
		dad_conflict(p, claimed, out, now);
		return true;
	}
	if (!probe && own_martian4(&p->own, load_be32(arp + SENDER_IP)))
		return false;
	to_us = own_has(&p->own, &target);
	if (probe && !to_us && load_be16(arp + 6) == ARP_REQUEST) {
		/* Two hosts that probe for one address at once: neither may have it. */
		claimed = own_find_claimed(&p->own, &target);
		if (claimed != OWN_NONE)
			dad_conflict(p, claimed, out, now);
		return true;
	}
	if (!probe)
		learn(p, arp, &sender, to_us, out, now);
	if (to_us && load_be16(arp + 6) == ARP_REQUEST)
		arp_send(p, arp + SENDER_MAC, ARP_REPLY, arp + TARGET_IP, arp + SENDER_MAC,
			arp + SENDER_IP, out);
	return true;
}
