/* IP headers and transport checksums for packets that we send. */
#include <assert.h>

#include "dataplane/base/bytes.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/net.h"
#include "dataplane/net/wire.h"

#define TTL 64

static unsigned build_ip4(uint8_t *h, const struct ip_addr *src, const struct ip_addr *dst,
	uint8_t proto, uint32_t payload_len)
{
	uint16_t sum;

	assert(payload_len <= IP_MAX - IP4_LEN);
	h[0] = 0x45;
	h[1] = 0;
	store_be16(h + 2, (uint16_t)(IP4_LEN + payload_len));
	store_be16(h + 4, 0);
	store_be16(h + 6, 0x4000);
	h[8] = TTL;
	h[9] = proto;
	memset(h + 10, 0, 2);
	memcpy(h + 12, src->b + 12, 4);
	memcpy(h + 16, dst->b + 12, 4);
	sum = (uint16_t)~net_sum_fold(net_sum_ip4(h));
	memcpy(h + 10, &sum, 2);
	return IP4_LEN;
}

static unsigned build_ip6(uint8_t *h, const struct ip_addr *src, const struct ip_addr *dst,
	uint8_t proto, uint32_t payload_len)
{
	assert(payload_len <= IP_MAX);
	store_be32(h, 0x60000000);
	store_be16(h + 4, (uint16_t)payload_len);
	h[6] = proto;
	h[7] = TTL;
	memcpy(h + 8, src->b, 16);
	memcpy(h + 24, dst->b, 16);
	return IP6_LEN;
}

unsigned net_build_ip(uint8_t *hdr, const struct ip_addr *src, const struct ip_addr *dst,
	uint8_t proto, uint32_t payload_len)
{
	assert(ip_addr_is_v4(src) == ip_addr_is_v4(dst));
	if (ip_addr_is_v4(dst))
		return build_ip4(hdr, src, dst, proto, payload_len);
	return build_ip6(hdr, src, dst, proto, payload_len);
}

uint16_t net_l4_checksum(const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto,
	const uint8_t *l4, uint32_t len)
{
	uint8_t both[32];
	uint64_t sum;
	uint16_t c;

	if (ip_addr_is_v4(dst)) {
		memcpy(both, src->b + 12, 4);
		memcpy(both + 4, dst->b + 12, 4);
		sum = net_sum_pseudo4(both, proto, len);
	} else {
		memcpy(both, src->b, 16);
		memcpy(both + 16, dst->b, 16);
		sum = net_sum_pseudo6(both, proto, len);
	}
	c = (uint16_t)~net_sum_fold(net_sum(sum, l4, len));
	return c == 0 && proto == PROTO_UDP ? 0xffff : c;
}
