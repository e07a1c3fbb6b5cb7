/* IP headers and transport checksums for packets that we send. */
#include <assert.h>

#include "dataplane/base/bytes.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/net.h"
#include "dataplane/net/wire.h"

#define TTL 64

/* Summed as it is made, word by word: to read back what was stored piece by piece waits for all
 * stores before it. */
static unsigned build_ip4(uint8_t *h, const struct ip_addr *src, const struct ip_addr *dst,
	uint8_t proto, uint32_t payload_len)
{
	uint32_t w[5] = {
		0x45 | (uint32_t)__builtin_bswap16((uint16_t)(IP4_LEN + payload_len)) << 16,
		0x40u << 16, /* don't fragment */
		TTL | (uint32_t)proto << 8,
		load_le32(src->b + 12),
		load_le32(dst->b + 12),
	};

	assert(payload_len <= IP_MAX - IP4_LEN);
	w[2] |= (uint32_t)(uint16_t)~net_sum_fold((uint64_t)w[0] + w[1] + w[2] + w[3] + w[4]) << 16;
	for (unsigned i = 0; i < 5; i++)
		store_le32(h + 4 * i, w[i]);
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
