/*
 * The internet checksum (RFC 1071). Sums are taken over 16-bit words in memory order, unfolded, in
 * 64 bits: one's complement addition does not care about byte order as long as the result is
 * stored the way it was loaded.
 */
#ifndef SLUICE_NET_CHECKSUM_H
#define SLUICE_NET_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Adds `len` bytes; an odd last byte counts as if a zero followed. */
uint64_t net_sum(uint64_t sum, const void *data, size_t len);

/* 16 bits in memory order. The sum of data with a right checksum in it is 0xffff. */
static inline uint16_t net_sum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* The sum of an IPv4 header without options: the one that is taken for every packet. */
static inline uint64_t net_sum_ip4(const uint8_t *hdr)
{
	uint32_t w[5];

	memcpy(w, hdr, sizeof(w));
	return (uint64_t)w[0] + w[1] + w[2] + w[3] + w[4];
}

/* The sum of a pseudo header: `len` of upper-layer header and data, `proto`. */
static inline uint64_t net_sum_pseudo4(const uint8_t *src_dst, uint8_t proto, uint32_t len)
{
	uint32_t w[2];

	memcpy(w, src_dst, sizeof(w));
	return (uint64_t)w[0] + w[1] + ((uint32_t)proto << 8) + __builtin_bswap32(len);
}

static inline uint64_t net_sum_pseudo6(const uint8_t *src_dst, uint8_t proto, uint32_t len)
{
	uint32_t w[8];

	memcpy(w, src_dst, sizeof(w));
	return (uint64_t)w[0] + w[1] + w[2] + w[3] + w[4] + w[5] + w[6] + w[7] +
	       ((uint32_t)proto << 8) + __builtin_bswap32(len);
}

#endif
