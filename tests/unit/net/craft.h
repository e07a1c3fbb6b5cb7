/*
 * Makes frames piece by piece, right or wrong on purpose. Shares no code with the room under test:
 * checksums are taken word by word here. craft_seal() sets lengths and checksums; what a test
 * wants wrong it writes afterwards.
 */
#ifndef SLUICE_TEST_NET_CRAFT_H
#define SLUICE_TEST_NET_CRAFT_H

#include <stdbool.h>
#include <stdint.h>

struct craft {
	uint32_t len;
	uint32_t l3, l4; /* offsets */
	uint8_t l4_proto;
	bool v6;
	uint8_t b[70000];
};

/* From the peer's MAC to ours, for hex `dst` NULL. */
void craft_eth(struct craft *c, const char *dst, uint16_t type);
void craft_ip4(struct craft *c, const char *src, const char *dst, uint8_t proto);
/* Makes this packet a fragment: `off` bytes. */
void craft_frag4(struct craft *c, uint16_t id, uint32_t off, bool more);
void craft_options4(struct craft *c, const char *hex);
void craft_ip6(struct craft *c, const char *src, const char *dst, uint8_t next);
/* Any header between IPv6 and the upper layer; it names what follows it by its first byte. */
void craft_ext6(struct craft *c, const char *hex);
void craft_frag6(struct craft *c, uint8_t next, uint32_t id, uint32_t off, bool more);
void craft_udp(struct craft *c, uint16_t src, uint16_t dst);
void craft_tcp(struct craft *c, uint16_t src, uint16_t dst, uint32_t seq, uint8_t flags);
void craft_icmp(struct craft *c, uint8_t type, uint8_t code, uint32_t word);
void craft_bytes(struct craft *c, const void *data, uint32_t len);
void craft_hex(struct craft *c, const char *hex);
/* Bytes that differ by position and `seed`. */
void craft_fill(struct craft *c, uint32_t len, uint8_t seed);
/* Lengths and checksums: of IPv4, UDP, TCP, ICMP. */
void craft_seal(struct craft *c);
/* The IPv4 header's checksum alone, after a change. */
void craft_seal_ip4(struct craft *c);
/* The checksum of the upper layer alone, after a change. */
void craft_seal_l4(struct craft *c);

/* Whole frames from peer to us, sealed. */
void craft_udp4(struct craft *c, const char *text);
void craft_udp6(struct craft *c, const char *text);

/*
 * A UDP datagram from the peer to us, whose pieces can be sent in any way: `udp_len` bytes of
 * header and payload (those of craft_fill() with `seed`), checksum right.
 */
struct craft_whole {
	bool v6;
	uint32_t id;
	uint32_t len;
	uint8_t src; /* last byte of the source address: 0x99, 99 for the peer */
	uint8_t b[65600];
};
void craft_whole(struct craft_whole *w, bool v6, uint32_t id, uint32_t udp_len, uint8_t seed);
/* A frame with the fragment of `len` bytes at `off`; more: others follow. */
void craft_piece(
	struct craft *c, const struct craft_whole *w, uint32_t off, uint32_t len, bool more);

/* RFC 1071, one word after another. */
uint16_t craft_checksum(const uint8_t *data, uint32_t len, uint32_t sum);
/* Is the checksum of the upper layer of this frame right? */
bool craft_l4_good(const uint8_t *frame, uint32_t len);

#endif
