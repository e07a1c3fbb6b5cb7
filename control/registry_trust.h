/*
 * What trust is made of, on disk: legacy logins, certificates by name, and which identities serve
 * which server name. Keys are files of their own (certstore.h), named by their row. Every change
 * goes with its audit, both or neither.
 */
#ifndef SLUICE_CONTROL_REGISTRY_TRUST_H
#define SLUICE_CONTROL_REGISTRY_TRUST_H

#include "control/registry.h"

#define USER_MAX      1000
#define USER_MAX_NAME 64 /* bytes */

struct user_row {
	const char *name;
	const char *verifier; /* scram.h */
	uint64_t time_ns;
	const char *who;
};
typedef void (*user_fn)(void *ctx, const struct user_row *row);
enum registry_status registry_users(struct registry *r, user_fn fn, void *ctx);
/* Adds it or gives it another verifier. */
enum registry_status registry_user_put(
	struct registry *r, const struct user_row *row, const struct audit_row *audit);
enum registry_status registry_user_delete(
	struct registry *r, const char *name, const struct audit_row *audit);

struct cert_row {
	const char *name;
	const char *kind;     /* "identity", "anchor", "crl" or "ca" */
	const char *pem;      /* of an identity: leaf first */
	const char *key_file; /* in the directory of keys; "": none */
	uint64_t time_ns;
	const char *who;
};
typedef void (*cert_fn)(void *ctx, const struct cert_row *row);
/* By name. */
enum registry_status registry_certs(struct registry *r, cert_fn fn, void *ctx);
enum registry_status registry_cert_put(
	struct registry *r, const struct cert_row *row, const struct audit_row *audit);
enum registry_status registry_cert_delete(
	struct registry *r, const char *name, const struct audit_row *audit);

/* Which identities (names separated by blanks) serve `sni`, instead of what the configuration
 * says. */
typedef void (*context_fn)(void *ctx, const char *sni, const char *identities);
enum registry_status registry_contexts(struct registry *r, context_fn fn, void *ctx);
/* `identities` NULL: as the configuration says. */
enum registry_status registry_context_put(
	struct registry *r, const char *sni, const char *identities, const struct audit_row *audit);

#endif
