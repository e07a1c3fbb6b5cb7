/*
 * The addresses of a port: what is for us, what is on the link, what may not be a source. The set
 * does not change after start; which of them are valid does, by one atomic word that any thread
 * may read.
 */
#ifndef SLUICE_NET_OWN_H
#define SLUICE_NET_OWN_H

#include <stdatomic.h>

#include "dataplane/net/net.h"

#define OWN_MAX	 (NET_MAX_ADDRESSES + 1)
#define OWN_NONE OWN_MAX

enum own_state { OWN_TENTATIVE, OWN_VALID, OWN_DUPLICATE };

struct own_addr {
	struct ip_addr addr;
	uint8_t prefix_len; /* in 128 bits */
	bool v4;
	_Atomic uint8_t state;
	/* For dad.c */
	uint8_t stage;
	bool started, joined;
	uint8_t nonce[6]; /* of the solicitation that we sent (RFC 7527) */
	uint64_t deadline;
	uint64_t defended; /* when we last announced ourselves against a claim, or 0 */
};

struct own_set {
	unsigned count;
	unsigned link_local;	/* its index */
	unsigned v4_count;	/* IPv4 addresses come first */
	_Atomic uint32_t valid; /* bit i: a[i] may be used */
	struct {
		uint32_t addr, mask; /* host order */
	} v4[OWN_MAX];
	struct own_addr a[OWN_MAX];
	uint8_t order[OWN_MAX]; /* configured number -> index */
};

/* Takes the addresses of `cfg`, and adds the link-local one. */
void own_init(struct own_set *o, const struct net_config *cfg);

void own_set_state(struct own_set *o, unsigned i, enum own_state state);

static inline bool own_is_valid(const struct own_set *o, unsigned i)
{
	return atomic_load_explicit(&o->valid, memory_order_relaxed) >> i & 1;
}

/* The index of `a` in whatever state, or OWN_NONE. */
unsigned own_find(const struct own_set *o, const struct ip_addr *a);
/* The same, but for one that turned out to be another host's. */
unsigned own_find_claimed(const struct own_set *o, const struct ip_addr *a);
/* Is it one of our valid addresses? */
bool own_has(const struct own_set *o, const struct ip_addr *a);
bool own_has4(const struct own_set *o, uint32_t host_order);

/* All nodes (RFC 4291 2.7.1), or the solicited-node group of any of our IPv6 addresses. */
bool own_joined(const struct own_set *o, const struct ip_addr *group);

/* Covered by the prefix of one of our addresses, or link-local (RFC 4861 section 5.1). */
bool own_on_link(const struct own_set *o, const struct ip_addr *a);

/* 255.255.255.255, or the last address of one of our IPv4 prefixes shorter than 31 bits. */
bool own_broadcast4(const struct own_set *o, uint32_t host_order);

/*
 * May no host have this source? IPv4 (RFC 1122 3.2.1.3): 0/8, 127/8, 224/4 and above, first and
 * last address of our prefixes. IPv6: multicast, IPv4-mapped, and all of ::/96 (unspecified,
 * loopback, the deprecated compatible ones). Our own valid addresses are not asked about here.
 */
bool own_martian4(const struct own_set *o, uint32_t host_order);
bool own_martian6(const uint8_t *src);

/*
 * The valid address to send from towards `dst` (after RFC 6724 rules 2 and 8, as far as static
 * addresses need them): link-local to link-local, else the one whose prefix covers `dst`, else the
 * first of the family. NULL: none is valid.
 */
const struct ip_addr *own_source(const struct own_set *o, const struct ip_addr *dst);

static inline bool own_link_local6(const struct ip_addr *a)
{
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

static inline bool own_multicast6(const struct ip_addr *a)
{
	return a->b[0] == 0xff;
}

/* ff02::1:ffXX:XXXX of an address (RFC 4291 2.7.1). */
struct ip_addr own_solicited_node(const struct ip_addr *a);

#endif
