#include "dataplane/net/own.h"

#include "dataplane/base/bytes.h"

static const struct ip_addr all_nodes = {{0xff, 0x02, [15] = 1}};

/* RFC 4291 appendix A: the MAC with ff:fe in its middle and the universal bit turned. */
static struct ip_addr link_local_from_mac(const uint8_t mac[6])
{
	struct ip_addr a = {{0xfe, 0x80}};

	memcpy(a.b + 8, mac, 3);
	a.b[8] ^= 0x02;
	a.b[11] = 0xff;
	a.b[12] = 0xfe;
	memcpy(a.b + 13, mac + 3, 3);
	return a;
}

static unsigned add(struct own_set *o, const struct ip_addr *addr, uint8_t prefix_len)
{
	unsigned i = o->count++;
	struct own_addr *a = &o->a[i];

	a->addr = *addr;
	a->prefix_len = prefix_len;
	a->v4 = ip_addr_is_v4(addr);
	if (a->v4) {
		unsigned bits = prefix_len <= 96 ? 0 : prefix_len - 96u;

		o->v4[i].addr = load_be32(addr->b + 12);
		o->v4[i].mask = bits == 0 ? 0 : UINT32_MAX << (32 - bits);
		o->v4_count++;
	}
	atomic_init(&a->state, OWN_TENTATIVE);
	return i;
}

void own_init(struct own_set *o, const struct net_config *cfg)
{
	struct ip_addr ll = link_local_from_mac(cfg->mac);

	memset(o, 0, sizeof(*o));
	atomic_init(&o->valid, 0);
	for (unsigned family = 0; family < 2; family++)
		for (unsigned i = 0; i < cfg->addresses_count; i++) {
			const struct net_address *a = &cfg->addresses[i];

			if (ip_addr_is_v4(&a->addr) == (family == 0))
				o->order[i] = (uint8_t)add(o, &a->addr, a->prefix_len);
		}
	o->link_local = own_find(o, &ll);
	if (o->link_local == OWN_NONE) {
		o->link_local = add(o, &ll, 64);
		o->order[cfg->addresses_count] = (uint8_t)o->link_local;
	}
}

void own_set_state(struct own_set *o, unsigned i, enum own_state state)
{
	uint32_t bit = 1u << i;

	atomic_store_explicit(&o->a[i].state, (uint8_t)state, memory_order_relaxed);
	if (state == OWN_VALID)
		atomic_fetch_or_explicit(&o->valid, bit, memory_order_relaxed);
	else
		atomic_fetch_and_explicit(&o->valid, ~bit, memory_order_relaxed);
}

unsigned own_find(const struct own_set *o, const struct ip_addr *a)
{
	for (unsigned i = 0; i < o->count; i++)
		if (ip_addr_equal(&o->a[i].addr, a))
			return i;
	return OWN_NONE;
}

unsigned own_find_claimed(const struct own_set *o, const struct ip_addr *a)
{
	unsigned i = own_find(o, a);

	if (i != OWN_NONE &&
		atomic_load_explicit(&o->a[i].state, memory_order_relaxed) == OWN_DUPLICATE)
		return OWN_NONE;
	return i;
}

bool own_has(const struct own_set *o, const struct ip_addr *a)
{
	unsigned i = own_find(o, a);

	return i != OWN_NONE && own_is_valid(o, i);
}

bool own_has4(const struct own_set *o, uint32_t host_order)
{
	for (unsigned i = 0; i < o->v4_count; i++)
		if (o->v4[i].addr == host_order)
			return own_is_valid(o, i);
	return false;
}

struct ip_addr own_solicited_node(const struct ip_addr *a)
{
	struct ip_addr g = {{0xff, 0x02, [11] = 1, [12] = 0xff}};

	memcpy(g.b + 13, a->b + 13, 3);
	return g;
}

bool own_joined(const struct own_set *o, const struct ip_addr *group)
{
	static const uint8_t solicited[13] = {0xff, 0x02, [11] = 1, [12] = 0xff};

	if (ip_addr_equal(group, &all_nodes))
		return true;
	if (memcmp(group->b, solicited, sizeof(solicited)) != 0)
		return false;
	for (unsigned i = o->v4_count; i < o->count; i++)
		if (memcmp(o->a[i].addr.b + 13, group->b + 13, 3) == 0)
			return true;
	return false;
}

bool own_on_link(const struct own_set *o, const struct ip_addr *a)
{
	bool v4 = ip_addr_is_v4(a);

	if (!v4 && own_link_local6(a))
		return true;
	for (unsigned i = 0; i < o->count; i++)
		if (o->a[i].v4 == v4 && ip_prefix_has(&o->a[i].addr, o->a[i].prefix_len, a))
			return true;
	return false;
}

/* A prefix of 31 or 32 bits has neither network nor broadcast address (RFC 3021). */
static bool has_broadcast(uint32_t mask)
{
	return mask < 0xfffffffe;
}

bool own_broadcast4(const struct own_set *o, uint32_t host_order)
{
	if (host_order == UINT32_MAX)
		return true;
	for (unsigned i = 0; i < o->v4_count; i++)
		if (has_broadcast(o->v4[i].mask) && host_order == (o->v4[i].addr | ~o->v4[i].mask))
			return true;
	return false;
}

bool own_martian4(const struct own_set *o, uint32_t host_order)
{
	unsigned top = host_order >> 24;

	if (top == 0 || top == 127 || top >= 224)
		return true;
	for (unsigned i = 0; i < o->v4_count; i++) {
		uint32_t mask = o->v4[i].mask;

		if (has_broadcast(mask) && ((host_order ^ o->v4[i].addr) & mask) == 0 &&
			((host_order & ~mask) == 0 || (host_order & ~mask) == ~mask))
			return true;
	}
	return false;
}

bool own_martian6(const uint8_t *src)
{
	static const uint8_t zero[12];

	return src[0] == 0xff || (memcmp(src, zero, 10) == 0 && (load_be16(src + 10) == 0xffff ||
									load_be16(src + 10) == 0));
}

const struct ip_addr *own_source(const struct own_set *o, const struct ip_addr *dst)
{
	bool v4 = ip_addr_is_v4(dst);
	const struct ip_addr *any = NULL;

	if (!v4 && own_is_valid(o, o->link_local) &&
		(own_link_local6(dst) || (own_multicast6(dst) && (dst->b[1] & 0x0f) <= 2)))
		return &o->a[o->link_local].addr;
	for (unsigned i = 0; i < o->count; i++) {
		const struct own_addr *a = &o->a[i];

		if (a->v4 != v4 || !own_is_valid(o, i))
			continue;
		if (ip_prefix_has(&a->addr, a->prefix_len, dst))
			return &a->addr;
		if (!any || own_link_local6(any))
			any = &a->addr;
	}
	return any;
}
