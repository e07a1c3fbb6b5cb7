/*
 * SipHash-2-4 and SipHash-1-3 (Aumasson and Bernstein, 2012): the keyed hash for every table whose
 * keys an attacker chooses, and for the choice of a flow's owner. The key is 16 random bytes made
 * at start.
 */
#ifndef SLUICE_BASE_SIPHASH_H
#define SLUICE_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k0, k1;
};

/* 64 bits of SipHash-2-4: for what must not be forged (SYN cookies, initial sequence numbers). */
uint64_t siphash24(const struct siphash_key *key, const void *data, size_t len);

/* 64 bits of SipHash-1-3: for hash tables and flow ownership. */
uint64_t siphash13(const struct siphash_key *key, const void *data, size_t len);

#endif
