#include "tests/unit/net/craft.h"

#include "tests/unit/net/lab.h"

#include "dataplane/base/bytes.h"

void craft_bytes(struct craft *c, const void *data, uint32_t len)
{
	assert_true(c->len + len <= sizeof(c->b));
	memcpy(c->b + c->len, data, len);
	c->len += len;
}

void craft_hex(struct craft *c, const char *hex)
{
	struct lab_bytes f = lab_hex(hex);

	craft_bytes(c, f.b, f.len);
}

static void put16(struct craft *c, uint16_t v)
{
	v = (uint16_t)(v << 8 | v >> 8);
	craft_bytes(c, &v, 2);
}

static void put32(struct craft *c, uint32_t v)
{
	put16(c, (uint16_t)(v >> 16));
	put16(c, (uint16_t)v);
}

void craft_eth(struct craft *c, const char *dst, uint16_t type)
{
	c->len = 0;
	craft_hex(c, dst ? dst : US_MAC);
	craft_hex(c, PEER_MAC);
	put16(c, type);
	c->l3 = c->len;
}

static void put_ip(struct craft *c, const char *text)
{
	struct ip_addr a = lab_ip(text);

	if (ip_addr_is_v4(&a) && !c->v6)
		craft_bytes(c, a.b + 12, 4);
	else
		craft_bytes(c, a.b, 16);
}

void craft_ip4(struct craft *c, const char *src, const char *dst, uint8_t proto)
{
	c->v6 = false;
	c->l3 = c->len;
	c->l4_proto = proto;
	put32(c, 0x45000000);
	put32(c, 0);
	put16(c, (uint16_t)(64 << 8 | proto));
	put16(c, 0);
	put_ip(c, src);
	put_ip(c, dst);
	c->l4 = c->len;
}

void craft_frag4(struct craft *c, uint16_t id, uint32_t off, bool more)
{
	store_be16(c->b + c->l3 + 4, id);
	store_be16(c->b + c->l3 + 6, (uint16_t)(off / 8 | (more ? 0x2000 : 0)));
}

void craft_options4(struct craft *c, const char *hex)
{
	craft_hex(c, hex);
	c->l4 = c->len;
	c->b[c->l3] = (uint8_t)(0x40 | (c->l4 - c->l3) / 4);
}

void craft_ip6(struct craft *c, const char *src, const char *dst, uint8_t next)
{
	c->v6 = true;
	c->l3 = c->len;
	c->l4_proto = next;
	put32(c, 0x60000000);
	put16(c, 0);
	put16(c, (uint16_t)(next << 8 | 64));
	put_ip(c, src);
	put_ip(c, dst);
	c->l4 = c->len;
}

void craft_ext6(struct craft *c, const char *hex)
{
	c->l4_proto = lab_hex(hex).b[0];
	craft_hex(c, hex);
	c->l4 = c->len;
}

void craft_frag6(struct craft *c, uint8_t next, uint32_t id, uint32_t off, bool more)
{
	put16(c, (uint16_t)(next << 8));
	put16(c, (uint16_t)(off | more));
	put32(c, id);
	c->l4_proto = next;
	c->l4 = c->len;
}

void craft_udp(struct craft *c, uint16_t src, uint16_t dst)
{
	put16(c, src);
	put16(c, dst);
	put32(c, 0);
}

void craft_tcp(struct craft *c, uint16_t src, uint16_t dst, uint32_t seq, uint8_t flags)
{
	put16(c, src);
	put16(c, dst);
	put32(c, seq);
	put32(c, 0);
	put16(c, (uint16_t)(0x5000 | flags));
	put16(c, 1000);
	put32(c, 0);
}

void craft_icmp(struct craft *c, uint8_t type, uint8_t code, uint32_t word)
{
	put16(c, (uint16_t)(type << 8 | code));
	put16(c, 0);
	put32(c, word);
}

void craft_fill(struct craft *c, uint32_t len, uint8_t seed)
{
	for (uint32_t i = 0; i < len; i++) {
		uint8_t v = (uint8_t)(i * 7 + i / 256 + seed);

		craft_bytes(c, &v, 1);
	}
}

uint16_t craft_checksum(const uint8_t *data, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++) {
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return (uint16_t)~sum;
}

static uint32_t pseudo_sum(const uint8_t *h, uint8_t proto, uint32_t len)
{
	uint32_t sum = (h[0] >> 4) == 4 ? (uint16_t)~craft_checksum(h + 12, 8, 0)
					: (uint16_t)~craft_checksum(h + 8, 32, 0);

	sum += proto;
	sum += len;
	while (sum > 0xffff)
		sum -= 0xffff;
	return sum;
}

static uint32_t checksum_offset(uint8_t proto)
{
	return proto == 6 ? 16 : proto == 17 ? 6 : 2;
}

void craft_seal_l4(struct craft *c)
{
	uint32_t len = c->len - c->l4;
	uint8_t *l4 = c->b + c->l4;
	uint32_t at = checksum_offset(c->l4_proto);
	uint16_t sum;

	if ((c->l4_proto != 1 && c->l4_proto != 6 && c->l4_proto != 17 && c->l4_proto != 58) ||
		len < at + 2)
		return;
	store_be16(l4 + at, 0);
	sum = craft_checksum(
		l4, len, c->l4_proto == 1 ? 0 : pseudo_sum(c->b + c->l3, c->l4_proto, len));
	store_be16(l4 + at, sum == 0 && c->l4_proto == 17 ? 0xffff : sum);
}

void craft_seal_ip4(struct craft *c)
{
	uint8_t *h = c->b + c->l3;

	store_be16(h + 10, 0);
	store_be16(h + 10, craft_checksum(h, (h[0] & 15u) * 4, 0));
}

void craft_seal(struct craft *c)
{
	uint8_t *h = c->b + c->l3;
	bool first = true;

	if (c->v6) {
		store_be16(h + 4, (uint16_t)(c->len - c->l3 - 40));
	} else {
		store_be16(h + 2, (uint16_t)(c->len - c->l3));
		craft_seal_ip4(c);
		first = (load_be16(h + 6) & 0x3fff) == 0;
	}
	if (!first)
		return;
	if (c->l4_proto == 17 && c->len - c->l4 >= 8)
		store_be16(c->b + c->l4 + 4, (uint16_t)(c->len - c->l4));
	craft_seal_l4(c);
}

void craft_udp4(struct craft *c, const char *text)
{
	craft_eth(c, NULL, 0x0800);
	craft_ip4(c, PEER4, US4, 17);
	craft_udp(c, 40000, 514);
	craft_bytes(c, text, (uint32_t)strlen(text));
	craft_seal(c);
}

void craft_udp6(struct craft *c, const char *text)
{
	craft_eth(c, NULL, 0x86dd);
	craft_ip6(c, PEER6, US6, 17);
	craft_udp(c, 40000, 514);
	craft_bytes(c, text, (uint32_t)strlen(text));
	craft_seal(c);
}

static void piece_ip(struct craft *c, const struct craft_whole *w, uint8_t next)
{
	craft_eth(c, NULL, w->v6 ? 0x86dd : 0x0800);
	if (w->v6) {
		craft_ip6(c, PEER6, US6, next);
		c->b[c->l3 + 23] = w->src;
	} else {
		craft_ip4(c, PEER4, US4, 17);
		c->b[c->l3 + 15] = w->src;
	}
}

void craft_whole(struct craft_whole *w, bool v6, uint32_t id, uint32_t udp_len, uint8_t seed)
{
	struct craft c;

	w->v6 = v6;
	w->id = id;
	w->len = udp_len;
	w->src = v6 ? 0x99 : 99;
	piece_ip(&c, w, 17);
	craft_udp(&c, 40000, 514);
	craft_fill(&c, udp_len - 8, seed);
	craft_seal(&c);
	memcpy(w->b, c.b + c.l4, udp_len);
}

void craft_piece(
	struct craft *c, const struct craft_whole *w, uint32_t off, uint32_t len, bool more)
{
	piece_ip(c, w, 44);
	if (w->v6)
		craft_frag6(c, 17, w->id, off, more);
	else
		craft_frag4(c, (uint16_t)w->id, off, more);
	craft_bytes(c, w->b + off, len);
	if (c->v6)
		store_be16(c->b + c->l3 + 4, (uint16_t)(c->len - c->l3 - 40));
	else
		store_be16(c->b + c->l3 + 2, (uint16_t)(c->len - c->l3));
	if (!c->v6)
		craft_seal_ip4(c);
}

bool craft_l4_good(const uint8_t *frame, uint32_t len)
{
	const uint8_t *h = frame + 14;
	bool v4 = h[0] >> 4 == 4;
	uint32_t hdr_len = v4 ? (h[0] & 15u) * 4 : 40;
	uint8_t proto = v4 ? h[9] : h[6];
	uint32_t l4_len = (v4 ? load_be16(h + 2) : 40u + load_be16(h + 4)) - hdr_len;

	if (14 + hdr_len + l4_len > len)
		return false;
	if (!v4 && proto == 0) { /* the router alert before MLD */
		proto = h[40];
		hdr_len += 8;
		l4_len -= 8;
	}
	return craft_checksum(h + hdr_len, l4_len, proto == 1 ? 0 : pseudo_sum(h, proto, l4_len)) ==
	       0;
}
