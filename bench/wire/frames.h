/*
 * Frames of made-up hosts on the wire of a data plane: Ethernet, IPv4, UDP, ARP. A host's MAC
 * follows from its address, so any number of them can be played without a table. Pure.
 */
#ifndef SLUICE_BENCH_FRAMES_H
#define SLUICE_BENCH_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/addr.h"

#define FRAME_L4  34u /* where layer 4 begins: Ethernet and IPv4 without options */
#define FRAME_UDP 42u /* where the payload of UDP begins */
#define FRAME_ARP 42u /* bytes of an ARP frame */

/* 02:00 and the four bytes of the IPv4 address. */
void frame_mac(const struct ip_addr *host, uint8_t mac[6]);

/* Writes Ethernet and IPv4 headers in front of `len` bytes of layer 4, whose place it returns. */
uint8_t *frame_ip(uint8_t *at, const uint8_t to_mac[6], const struct ip_addr *src,
	const struct ip_addr *dst, uint8_t proto, uint32_t len);

/* Puts the checksum of layer 4 at `off` in it; the field must be zero. */
void frame_sum(const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto, uint8_t *l4,
	uint32_t len, unsigned off);

/* Writes all headers of a datagram around `len` bytes that lie at at + FRAME_UDP already; returns
 * the frame's length. Ports in host order. */
uint32_t frame_udp(uint8_t *at, const uint8_t to_mac[6], const struct ip_addr *src,
	const struct ip_addr *dst, uint16_t sport, uint16_t dport, uint32_t len);

/*
 * Is it a TCP segment over IPv4, whole, its lengths and checksums right? Then its flow, and where
 * it lies: header and payload, `tcp_len` bytes.
 */
bool frame_tcp(const uint8_t *frame, size_t len, struct ip_flow *flow, const uint8_t **tcp,
	uint32_t *tcp_len);

/* Is it an ARP packet whose sender is `host`? Its MAC then. */
bool frame_arp_from(const uint8_t *frame, size_t len, const struct ip_addr *host, uint8_t mac[6]);

/* If it asks who has an address (and is no announcement or probe): the answer of the host that was
 * asked for, FRAME_ARP bytes. */
bool frame_arp_answer(
	const uint8_t *frame, size_t len, struct ip_addr *asked, uint8_t answer[FRAME_ARP]);

#endif
