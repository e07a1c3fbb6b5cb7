/*
 * A login of the OFTP profile, as it travels between a worker and control: what the worker cannot
 * decide alone. Control judges preshared keys and passwords (no password hash is computed where
 * packets are polled) and gives out streams, of which each belongs to one session at a time and
 * whose truth is the journal's. One heap object goes there and comes back; who has it owns it.
 */
#ifndef SLUICE_LOGIN_H
#define SLUICE_LOGIN_H

#include "dataplane/auth.h"
#include "dataplane/ledger/claims.h"
#include "dataplane/ledger/stream.h"

#define LOGIN_STREAM_RANGES 512u /* gaps of a stream that can still be filled */
#define LOGIN_SASL_MAX	    1024u
#define LOGIN_KEY_MAX	    255u
#define LOGIN_BINDING	    32u /* bytes of tls-exporter, RFC 9266 */

enum login_kind {
	LOGIN_KEY,     /* judge: does the preshared key authorize the serial? */
	LOGIN_SASL,    /* judge: what follows the client's first message? */
	LOGIN_PROOF,   /* judge: is the proof in the client's final one right? */
	LOGIN_CLAIM,   /* give the session these streams */
	LOGIN_TIE,     /* its logs come over UDP, from the session's address */
	LOGIN_RELEASE, /* from control: let go; the answer is desk_left() */
};

struct login_stream {
	uint64_t epoch;
	uint32_t conn_id;
	bool known;   /* granted: the journal has it */
	bool damaged; /* what the journal says of it contradicts itself: a new epoch is needed */
	struct stream stream;	     /* granted: as the journal has it... */
	struct stream_range *ranges; /* ...in this memory */
};

struct login_text {
	uint16_t len;
	char at[LOGIN_SASL_MAX];
};

struct login {
	uint8_t kind; /* enum login_kind */
	bool granted;
	uint64_t disk_used, disk_total; /* LOGIN_CLAIM: bytes, for the LOGIN_REPLY */
	bool turns;			/* LOGIN_RELEASE: two addresses take turns */
	uint16_t reason;		/* enum refusal_reason where not granted */
	uint64_t session;
	uint32_t lcore, slot;
	struct ip_addr addr;
	char serial[AUTH_SERIAL];
	char detail[AUTH_TEXT]; /* for people, where not granted */

	char key[LOGIN_KEY_MAX + 1]; /* LOGIN_KEY; wiped by who reads it */
	/* LOGIN_SASL: first in, challenge out. LOGIN_PROOF: those, final and binding in, challenge
	 * out (the server's last word, also where it is an error; empty: SCRAM has none). */
	struct login_text first, challenge, final;
	uint64_t password; /* LOGIN_PROOF, granted: the verifier's number (auth.h), never 0 */
	bool bound;	   /* `binding` is there */
	uint8_t binding[LOGIN_BINDING];

	struct claim claim; /* control's; so is: */
	struct login *next;
	uint32_t n;
	struct login_stream streams[]; /* LOGIN_CLAIM: n */
};

/* All zeros but for n; NULL when out of memory. */
struct login *login_new(uint32_t n);
/* Also what of its streams was not taken out. NULL is fine. */
void login_free(struct login *g);

struct dp;
/*
 * Who judges: called by dp_control_round() with each LOGIN_KEY, LOGIN_SASL and LOGIN_PROOF, which
 * it gives back by dp_login_answer(), at once or later (before dp_stop(), or it frees it). NULL:
 * all are refused.
 */
typedef void (*dp_judge_fn)(void *ctx, struct login *g);
void dp_judge_set(struct dp *d, dp_judge_fn fn, void *ctx);
/* Control thread. Takes it over. */
void dp_login_answer(struct dp *d, struct login *g);

#endif
