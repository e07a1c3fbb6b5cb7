/*
 * The device registry on disk. Of each device there are *decisions* (state, legacy, rate, preshared
 * key), which an operator takes, one audited transaction each; and *facts* (when it was here last,
 * from where, with which certificate), which come from the wire, many in one transaction.
 */
#ifndef SLUICE_CONTROL_REGISTRY_DEVICES_H
#define SLUICE_CONTROL_REGISTRY_DEVICES_H

#include <stdbool.h>

#include "control/registry.h"
#include "dataplane/auth.h"

/* "pending", "authorized", "denied"; "unknown" for AUTH_UNKNOWN. */
const char *auth_state_name(enum auth_state state);

/* Texts are never NULL in rows read, and live as long as the call back; empty: not known. */
struct device_row {
	const char *serial;
	/* decisions */
	enum auth_state state;
	bool legacy;
	uint32_t rate;	 /* logs a second; 0: as the policy says */
	const char *psk; /* verifier of its preshared key (scram.h) */
	uint64_t decided_ns;
	const char *decided_by;
	/* facts */
	uint64_t first_ns;   /* registered */
	bool up;	     /* has a session */
	uint64_t since_ns;   /* Up or Down; 0: never Up */
	uint64_t contact_ns; /* last session or attempt of its own */
	const char *address, *version, *subject, *issuer, *fingerprint;
	const char *anchor;  /* whom its chain ended at (cert_facts); empty: not since schema 3 */
	int64_t not_after_s; /* of its certificate; 0: none */
	const char *refusal; /* slug */
	uint64_t refusal_ns;
	const char *refusal_address, *refusal_detail;
};
typedef void (*device_fn)(void *ctx, const struct device_row *row);

/* All, by serial. */
enum registry_status registry_devices(struct registry *r, device_fn fn, void *ctx);
/* 1: found, 0: no such device, or an error. */
int registry_device(struct registry *r, const char *serial, device_fn fn, void *ctx);

/* Writes the decisions of `row` (a new device gets its first_ns) and the audit, both or neither.
 * Who decided, and when, is that of the audit where the state is another one; a device that is
 * pending was decided on by nobody. */
enum registry_status registry_device_decide(
	struct registry *r, const struct device_row *row, const struct audit_row *audit);
enum registry_status registry_device_forget(
	struct registry *r, const char *serial, const struct audit_row *audit);

/* Writes the facts of rows between registry_facts_begin() and _end(), which is one transaction. A
 * device that is not there is added as the row's state says. Empty texts and a not_after_s of 0
 * leave what is there. */
enum registry_status registry_facts_begin(struct registry *r);
enum registry_status registry_facts_put(struct registry *r, const struct device_row *row);
enum registry_status registry_facts_end(struct registry *r, enum registry_status rc);

#endif
