/*
 * Addresses and flows. Both families in 16 bytes: IPv4 as an IPv4-mapped IPv6 address (RFC 4291
 * section 2.5.5.2), so that tables, hashes and comparisons know one kind only.
 */
#ifndef SLUICE_BASE_ADDR_H
#define SLUICE_BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct ip_addr {
	uint8_t b[16];
};

/* One direction of a flow as a segment carries it; ports in host order. */
struct ip_flow {
	struct ip_addr src;
	struct ip_addr dst;
	uint16_t src_port;
	uint16_t dst_port;
};
_Static_assert(sizeof(struct ip_flow) == 36, "hashed as bytes: no padding");

static inline struct ip_addr ip_addr_v4(const void *four_bytes)
{
	struct ip_addr a = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}};

	memcpy(a.b + 12, four_bytes, 4);
	return a;
}

static inline bool ip_addr_is_v4(const struct ip_addr *a)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	return memcmp(a->b, mapped, sizeof(mapped)) == 0;
}

static inline bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

#define IP_ADDR_TEXT 46 /* bytes for the longest text form with its NUL (INET6_ADDRSTRLEN) */

/* "192.0.2.1" or RFC 5952 text; returns its length. In addr.c. */
unsigned ip_addr_format(const struct ip_addr *a, char text[IP_ADDR_TEXT]);

/* Accepts both forms; 0, or -1 where the text is no address. */
int ip_addr_parse(struct ip_addr *a, const char *text);

/* "192.0.2.0/24", "2001:db8::/32" or a bare address; `prefix_len` counts in 128 bits (v4: 96 + n).
 */
int ip_prefix_parse(struct ip_addr *a, unsigned *prefix_len, const char *text);

/* `len` in 128 bits. A prefix has addresses of its own family only: ::/0 is all of IPv6. */
static inline bool ip_prefix_has(const struct ip_addr *p, unsigned len, const struct ip_addr *a)
{
	unsigned whole = len / 8;
	unsigned rest = len % 8;

	if (len < 96 && ip_addr_is_v4(a))
		return false;

	if (memcmp(p->b, a->b, whole) != 0)
		return false;
	return rest == 0 || ((p->b[whole] ^ a->b[whole]) >> (8 - rest)) == 0;
}

#endif
