#include "bench/wire/frames.h"

#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/net.h"

#define ETHER_IP4 0x0800
#define ETHER_ARP 0x0806
#define PROTO_TCP 6
#define TCP_LEAST 20u /* bytes of its header */

/* Places in an ARP frame. */
enum { ARP_OP = 20, ARP_SHA = 22, ARP_SPA = 28, ARP_THA = 32, ARP_TPA = 38 };

void frame_mac(const struct ip_addr *host, uint8_t mac[6])
{
	mac[0] = 2;
	mac[1] = 0;
	memcpy(mac + 2, host->b + 12, 4);
}

uint8_t *frame_ip(uint8_t *at, const uint8_t to_mac[6], const struct ip_addr *src,
	const struct ip_addr *dst, uint8_t proto, uint32_t len)
{
	memcpy(at, to_mac, 6);
	frame_mac(src, at + 6);
	store_be16(at + 12, ETHER_IP4);
	net_build_ip(at + 14, src, dst, proto, len);
	return at + FRAME_L4;
}

void frame_sum(const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto, uint8_t *l4,
	uint32_t len, unsigned off)
{
	uint16_t sum = net_l4_checksum(src, dst, proto, l4, len);

	memcpy(l4 + off, &sum, sizeof(sum));
}

uint32_t frame_udp(uint8_t *at, const uint8_t to_mac[6], const struct ip_addr *src,
	const struct ip_addr *dst, uint16_t sport, uint16_t dport, uint32_t len)
{
	uint8_t *udp = frame_ip(at, to_mac, src, dst, 17, 8 + len);

	store_be16(udp, sport);
	store_be16(udp + 2, dport);
	store_be16(udp + 4, (uint16_t)(8 + len));
	store_be16(udp + 6, 0);
	frame_sum(src, dst, 17, udp, 8 + len, 6);
	return FRAME_UDP + len;
}

bool frame_tcp(const uint8_t *frame, size_t len, struct ip_flow *flow, const uint8_t **tcp,
	uint32_t *tcp_len)
{
	const uint8_t *ip = frame + 14;
	uint32_t total;

	if (len < FRAME_L4 || load_be16(frame + 12) != ETHER_IP4 || ip[0] != 0x45 ||
		ip[9] != PROTO_TCP || (load_be16(ip + 6) & 0x3fff) != 0 ||
		net_sum_fold(net_sum_ip4(ip)) != 0xffff)
		return false;
	total = load_be16(ip + 2);
	if (total < FRAME_L4 - 14 + TCP_LEAST || total > len - 14)
		return false;
	flow->src = ip_addr_v4(ip + 12);
	flow->dst = ip_addr_v4(ip + 16);
	*tcp = frame + FRAME_L4;
	*tcp_len = total - (FRAME_L4 - 14);
	flow->src_port = load_be16(*tcp);
	flow->dst_port = load_be16(*tcp + 2);
	/* Over what holds its own sum it is zero. */
	return net_l4_checksum(&flow->src, &flow->dst, PROTO_TCP, *tcp, *tcp_len) == 0;
}

static bool is_arp(const uint8_t *frame, size_t len)
{
	return len >= FRAME_ARP && load_be16(frame + 12) == ETHER_ARP;
}

bool frame_arp_from(const uint8_t *frame, size_t len, const struct ip_addr *host, uint8_t mac[6])
{
	if (!is_arp(frame, len) || memcmp(frame + ARP_SPA, host->b + 12, 4) != 0)
		return false;
	memcpy(mac, frame + ARP_SHA, 6);
	return true;
}

bool frame_arp_answer(
	const uint8_t *frame, size_t len, struct ip_addr *asked, uint8_t answer[FRAME_ARP])
{
	static const uint8_t nobody[4];

	if (!is_arp(frame, len) || load_be16(frame + ARP_OP) != 1 ||
		memcmp(frame + ARP_SPA, nobody, 4) == 0 ||
		memcmp(frame + ARP_SPA, frame + ARP_TPA, 4) == 0)
		return false;
	*asked = ip_addr_v4(frame + ARP_TPA);
	memcpy(answer, frame, FRAME_ARP);
	memcpy(answer, frame + 6, 6);
	frame_mac(asked, answer + 6);
	store_be16(answer + ARP_OP, 2);
	frame_mac(asked, answer + ARP_SHA);
	memcpy(answer + ARP_SPA, frame + ARP_TPA, 4);
	memcpy(answer + ARP_THA, frame + ARP_SHA, 6);
	memcpy(answer + ARP_TPA, frame + ARP_SPA, 4);
	return true;
}
