/*
 * Who has which stream: (serial number, connection id) belongs to one session at a time, whatever
 * worker that is on. A device that reconnects claims what its old session still has; the newest
 * claim wins. Whoever has it is asked to let go, and the claim is granted when all have said that
 * they did, which they say when everything that they were given is durable. Pure, one thread
 * (control's); allocates.
 */
#ifndef SLUICE_CLAIMS_H
#define SLUICE_CLAIMS_H

#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/base/reason.h"
#include "dataplane/base/siphash.h"

#define CLAIMS_SERIAL	 65u
#define CLAIMS_PER_CLAIM 64u
/* A stream changes hands, or begins a new epoch, so often at once, then once in CLAIMS_EVERY_US:
 * claim_rate. */
#define CLAIMS_BURST	16u
#define CLAIMS_EVERY_US 500000u
/* Two addresses that take a stream from each other within this time: duplicate_serial. */
#define CLAIMS_TURNS_US 60000000u

struct claims_session {
	uint64_t id; /* unique as long as sluiced runs */
	uint32_t lcore, slot;
	struct ip_addr addr;
};

/* The caller's, from claims_ask() until it is granted or refused. */
struct claim {
	struct claims_session who;
	char serial[CLAIMS_SERIAL];
	uint32_t n; /* 1 to CLAIMS_PER_CLAIM */
	uint32_t conn_id[CLAIMS_PER_CLAIM];
	uint32_t waits; /* for so many to let go: claims.c's */
};

/* Called from within the functions below. */
struct claims_ops {
	void (*grant)(void *ctx, struct claim *c);
	void (*refuse)(void *ctx, struct claim *c, enum refusal_reason why);
	/* Ask this session to let go. `turns`: two addresses take turns. It may be gone already. */
	void (*release)(void *ctx, const struct claims_session *owner, bool turns);
};

struct claims;
/* NULL when out of memory. */
struct claims *claims_new(const struct siphash_key *key, const struct claims_ops *ops, void *ctx);
/* What still waits is refused with idle_timeout. */
void claims_free(struct claims *c);

/* So many streams of one serial number may be held or waited for at once; at first any number. */
void claims_limit(struct claims *c, uint32_t per_serial);

/*
 * Granted or refused at once or later. Refused: claim_rate; duplicate_serial, because a newer claim
 * of the same came; session_limit: too many of its serial number, or out of memory. What the
 * session has already it keeps.
 */
void claims_ask(struct claims *c, struct claim *claim, uint64_t now_us);

/* The session has let go of all it had, and waits for nothing any more: a claim of its own that was
 * not decided is refused with idle_timeout. */
void claims_left(struct claims *c, uint64_t session);

/* Streams that somebody has. */
uint64_t claims_held(const struct claims *c);

#endif
