/*
 * From the registry and the configuration to what lcores decide by: the snapshot of the devices
 * (auth.h), the TLS contexts (tls.h), the policy (dp.h). Built anew where something changed, and
 * only what changed: a decision about one device rebuilds no TLS context. Control thread only.
 */
#ifndef SLUICE_CONTROL_TRUST_H
#define SLUICE_CONTROL_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/certstore.h"
#include "control/config/config.h"
#include "dataplane/auth.h"
#include "tls/tls.h"

struct control;

/* In the registry's meta: the verifier of a preshared key that is good for every serial. */
#define TRUST_PSK_FOR_ALL "preshared-key"

enum trust_change {
	TRUST_DEVICES,	  /* devices or the legacy mode */
	TRUST_IDENTITIES, /* who we are: contexts anew, tickets stay good */
	/* Whom we believe (anchors, CRLs, a denial): contexts anew, and tickets of before void. */
	TRUST_GENERATION,
};

/* Which identities serve a server name. */
struct trust_context {
	char sni[256];
	bool by_registry; /* `cert use`, not the configuration */
	unsigned count;
	char identity[TLS_MAX_IDENTITIES][CERTSTORE_NAME + 1];
};
struct trust_contexts {
	unsigned count;
	struct trust_context v[TLS_MAX_CONTEXTS];
};

struct trust {
	struct certstore certs;
	struct tls_set *tls;	    /* NULL: no identity can be used */
	struct tls_crls *crls;	    /* what CRLs revoke; NULL: there are none */
	uint64_t crls_of;	    /* certs.crl_changes when they were read */
	struct auth_snapshot *auth; /* NULL: only before the start */
	uint64_t generation;
	uint8_t ticket_secret[32]; /* of this generation */
	uint64_t builds;	   /* TLS contexts built anew */
	uint64_t judged_crls;	   /* for `cert show`; the others were known */
	struct trust_contexts contexts;
	bool devices_stale; /* `auth` is not up to date: it is made anew with the next tick */
};

/* Certificates, the node's own identity, the first contexts. `dir`: of the keys, NULL: none. 0, or
 * -1 with `err`. */
int trust_start(struct control *c, const char *dir, char *err, size_t err_size);
void trust_free(struct control *c);

/* Rebuilds and publishes; in effect when it returns. What cannot be built raises the alarm
 * `tls_failed` or `auth_failed`, and what was in effect stays; the latter is tried again with each
 * tick. True: all went well. */
bool trust_changed(struct control *c, enum trust_change change);

/* What a reload would put into effect: built first, then taken by trust_take(). 0, or -1 with
 * `err`, and nothing has changed. */
struct trust_next {
	struct tls_set *tls;
	struct auth_snapshot *auth;
	struct trust_contexts contexts;
};
int trust_prepare(struct control *c, const struct config *cfg, struct trust_next *next, char *err,
	size_t err_size);
void trust_take(struct control *c, struct trust_next *next);
void trust_drop(struct trust_next *next);

/* Would these identities serve? 0, or -1 with `err`. */
int trust_try(struct control *c, const struct trust_context *with, char *err, size_t err_size);

/* The policy of the configuration in effect with what the registry knows, to lcores. */
void trust_publish(struct control *c);

/* After node.serial or our authority changed: makes the node's identity anew where it is ours. 0,
 * or -1 with `err`. */
int trust_make_node(struct control *c, char *err, size_t err_size);
/* The same after such a change: what does not work is the alarm `tls_failed` of the node, which
 * stands until trust_changed() finds that it is made. NULL, or `err` with the alarm's text. */
const char *trust_remake_node(struct control *c, char *err, size_t err_size);
/* Is it as our serial and our authority say, or an operator's? */
bool trust_node_up_to_date(struct control *c);

/* Is it a legal serial number, by the pattern in effect? `ctx`: control. */
bool trust_serial_legal(void *ctx, const char *name);

#endif
