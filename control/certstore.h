/*
 * Certificates by name: our identities, the anchors that devices' chains end at, CRLs, the
 * authority of our own, requests whose certificate has not come yet. Rows are in registry.db; each
 * private key is a file of its own, mode 0600, in a directory that nobody else may enter. Control
 * thread only.
 */
#ifndef SLUICE_CONTROL_CERTSTORE_H
#define SLUICE_CONTROL_CERTSTORE_H

#include "control/registry_trust.h"
#include "tls/cert.h"

#define CERTSTORE_MAX  256
#define CERTSTORE_NAME 64		  /* bytes of a name */
#define CERTSTORE_CRLS (4u * 1024 * 1024) /* bytes of PEM of all CRLs */
#define CERTSTORE_NODE "node"		  /* our identity that is always there */
#define CERTSTORE_OWN  "sluiced"	  /* who made what sluiced made by itself */

enum store_kind { STORE_IDENTITY, STORE_ANCHOR, STORE_CRL, STORE_CA, STORE_REQUEST, STORE_KINDS };
const char *store_kind_name(enum store_kind kind);

struct stored {
	char name[CERTSTORE_NAME + 1];
	enum store_kind kind;
	char *pem;
	char key_file[128]; /* "": no key */
	uint64_t time_ns;
	char who[64];
	struct cert_facts facts; /* of its first certificate or CRL */
	unsigned count;		 /* certificates or CRLs in it */
	/* The earliest end of validity in it; of a CRL: when it should be replaced (0: never). */
	int64_t ends_s;
	/* Of a CRL, which takes long to judge: what was said of it; NULL: nothing yet. */
	struct cert_report *report;
	uint64_t report_changes; /* the store's changes by then */
	int64_t report_s;	 /* and the time, in seconds since 1970 */
};

struct certstore {
	struct registry *registry;
	char dir[1100]; /* "": in memory, no keys can be kept */
	uid_t owner;
	gid_t group;
	unsigned count;
	struct stored v[CERTSTORE_MAX]; /* by name */
	uint64_t changes, crl_changes;	/* of all, of CRLs; from 1 on */
	char error[256];		/* of what failed last */
};

/* Makes the directory (0700) where it is missing. 0, or -1 with s->error. `dir` NULL: none. */
int certstore_load(
	struct certstore *s, struct registry *r, const char *dir, uid_t owner, gid_t group);
void certstore_free(struct certstore *s);

struct stored *certstore_find(struct certstore *s, const char *name);
/* 1 to 64 letters, digits, '.', '_' and '-', not beginning with '.'. */
bool certstore_name_legal(const char *name);

/* What is to be stored under a name, in place of what is there. */
struct store_order {
	const char *name;
	enum store_kind kind;
	const char *pem;
	const char *key_pem; /* NULL: none */
	const char *who;
	const struct audit_row *audit;
};
/* Is there room for all of these, of names of their own? 0, or -1 with s->error. */
int certstore_room(struct certstore *s, const struct store_order *const *v, unsigned n);
/* The key's file is on disk before the row that names it. 0, or -1 with s->error. */
int certstore_put(struct certstore *s, const struct store_order *order);
int certstore_delete(struct certstore *s, const char *name, const struct audit_row *audit);

/* The key, to be wiped by cert_wipe(); NULL with s->error. */
char *certstore_key(struct certstore *s, const struct stored *c);

/* All of these kinds (a bit for each) as one PEM, for free(); NULL: none, or no memory. */
char *certstore_pem_of(const struct certstore *s, unsigned kinds);
/* The CRLs of the authorities that those of `b` are of: likewise. */
char *certstore_crls_beside(const struct certstore *s, const struct cert_bundle *b);

#endif
