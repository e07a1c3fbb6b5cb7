/*
 * Everything that was refused, in a table of fixed size: one entry for the same reason, address,
 * certificate and claimed serial, with how often and when. The entry that was touched longest ago
 * makes room for a new one; and so that one source cannot push all others out, a source (an IPv4
 * address, or an IPv6 /64) has a bounded number of entries, past which its refusals are one entry a
 * reason without names. All addresses that may be inventions are one source together, so that
 * nobody can make room in the table by making them up. Pure. The cost of a refusal does not grow
 * with what is in the table.
 */
#ifndef SLUICE_CONTROL_REFUSALS_H
#define SLUICE_CONTROL_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/auth.h"
#include "dataplane/base/siphash.h"

#define REFUSALS_MAX	    1024
#define REFUSALS_PER_SOURCE 32 /* entries; past it they are coalesced */

struct refusal {
	uint16_t reason; /* enum refusal_reason */
	uint8_t transport;
	bool others;   /* several: the last one's names are not kept */
	bool unproven; /* the address may be an invention */
	struct ip_addr addr;
	uint16_t port; /* of the last */
	uint64_t count, first_ns, last_ns;
	char serial[AUTH_SERIAL], fingerprint[65];
	char subject[AUTH_TEXT], issuer[AUTH_TEXT], detail[AUTH_TEXT];
	/* for refusals.c */
	uint32_t hash, source_hash;
	int16_t next, newer, older, next_source; /* -1: none */
};

#define REFUSALS_CHAINS 2048

struct refusals {
	struct refusal v[REFUSALS_MAX];
	int16_t chains[REFUSALS_CHAINS];  /* by what makes an entry one */
	int16_t sources[REFUSALS_CHAINS]; /* by source */
	int16_t newest, oldest;
	unsigned count;
	uint64_t total;	  /* refusals told */
	uint64_t evicted; /* refusals whose entry made room */
	uint64_t evictions;
	struct siphash_key key;
};

/* `key`: random, so that nobody outside can make chains long. */
void refusals_init(struct refusals *r, const struct siphash_key *key);
void refusals_add(struct refusals *r, const struct auth_event *ev);
typedef void (*refusals_fn)(void *ctx, const struct refusal *e);
/* The newest first. */
void refusals_each(const struct refusals *r, refusals_fn fn, void *ctx);

#endif
