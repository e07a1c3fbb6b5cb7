/*
 * Reassembly of IPv4 (RFC 791, RFC 815's task without its hole list) and IPv6 (RFC 8200 section
 * 4.5) with RFC 5722's rule for both: a fragment that overlaps another kills the datagram, unless
 * it is that fragment again.
 *
 * Data lies in pages of a fixed pool, written where it belongs, so that the memory of a datagram
 * depends on its length and not on how it was cut; the fragments that came are a sorted array of at
 * most NET_MAX_FRAGMENTS spans. A finished datagram is put together as one frame, as if it had
 * come in one, and decoded like any other.
 */
#ifndef SLUICE_NET_FRAG_H
#define SLUICE_NET_FRAG_H

#include "dataplane/net/decode.h"
#include "dataplane/net/net.h"
#include "dataplane/net/wire.h"

#define FRAG_PAGE    2048u
#define FRAG_PAGES   32u /* 64 KiB */
#define FRAG_HDR_MAX 256u
#define FRAG_NONE    UINT32_MAX
#define FRAG_WHOLE   (ETH_LEN + FRAG_HDR_MAX + IP_MAX + 1)

struct frag_key {
	struct ip_addr src, dst;
	uint32_t id;
	uint32_t proto; /* IPv4 only: in IPv6 the fragments may differ in it */
};
_Static_assert(sizeof(struct frag_key) == 40, "hashed as bytes: no padding");

/* In units of eight bytes; the last may be cut short by `total`. */
struct frag_span {
	uint16_t first, end;
};

struct frag_datagram {
	struct frag_key key;
	uint64_t deadline;
	uint32_t older, newer; /* by age, which is the order of deadlines */
	uint32_t next_key;     /* in the bucket of its key; of the free list */
	uint32_t next_src;     /* in the bucket of its source */
	uint32_t frames;       /* that came for it and count as accepted */
	uint32_t have;	       /* bytes */
	uint32_t total;	       /* bytes; 0: the last fragment has not come */
	uint16_t spans;
	uint16_t hdr_len;  /* 0: the first fragment has not come */
	uint16_t next_off; /* IPv6: of the byte to patch in hdr */
	uint8_t proto;	   /* of the first fragment */
	uint8_t ecn;	   /* bit n: a fragment had codepoint n */
	uint8_t why;	   /* dead: the reason for which what follows is rejected */
	bool v6;
	bool dead; /* discarded; kept to discard what follows of it */
	uint8_t src_mac[6];
	uint8_t hdr[FRAG_HDR_MAX]; /* of the first fragment; IPv6: with its fragment header */
	uint32_t page[FRAG_PAGES];
	struct frag_span span[NET_MAX_FRAGMENTS];
};

struct frag_table {
	struct siphash_key key;
	struct frag_datagram *d;
	uint32_t *by_key, *by_src;
	uint32_t mask;
	uint32_t max_source;
	uint32_t free, oldest, newest;
	uint8_t *pages;
	uint32_t *page_next;
	uint32_t page_free, page_count, pages_used;
	uint8_t *whole; /* the finished datagram, as a frame */
};

/* Table: frag_table.c. Pages and datagrams, no judgement. */

/* false: out of memory; in either case to be freed. */
bool frag_table_init(struct frag_table *t, const struct net_config *cfg);
void frag_table_free(struct frag_table *t);
uint32_t frag_find(const struct frag_table *t, const struct frag_key *key);
/* From the free list, which is not empty. */
uint32_t frag_create(struct frag_table *t, const struct frag_key *key, uint64_t deadline);
/* Returns its pages too. */
void frag_remove(struct frag_table *t, uint32_t i);
/* Gives the datagram its page number `k`. false: the pool is empty. */
bool frag_take_page(struct frag_table *t, struct frag_datagram *d, uint32_t k);
void frag_free_pages(struct frag_table *t, struct frag_datagram *d);
/* The oldest datagram of that source, if it has as many as it may; else FRAG_NONE. */
uint32_t frag_source_full(const struct frag_table *t, const struct ip_addr *src);
/* Copies `len` bytes of the datagram's data from offset `off`, all of which have come. */
void frag_read(const struct frag_table *t, const struct frag_datagram *d, uint32_t off, uint8_t *to,
	uint32_t len);
void frag_write(const struct frag_table *t, const struct frag_datagram *d, uint32_t off,
	const uint8_t *from, uint32_t len);
bool frag_equal(const struct frag_table *t, const struct frag_datagram *d, uint32_t off,
	const uint8_t *with, uint32_t len);

/* Rules: frag.c */

/* What frag_input() made of a fragment. */
enum frag_result {
	FRAG_KEPT,     /* or a duplicate of one that is */
	FRAG_REJECTED, /* ip->reason, ip->owed */
	FRAG_COMPLETE, /* `whole` holds a frame */
};
struct frag_whole {
	const uint8_t *frame;
	uint32_t len;
	uint32_t frames; /* of which it was made */
};
enum frag_result frag_input(struct net_port *p, const uint8_t *frame, struct net_ip *ip,
	uint64_t now, struct frag_whole *whole);
uint64_t frag_next_deadline(const struct net_port *p);
void frag_expire(struct net_port *p, const struct net_out *out, uint64_t now);

#endif
