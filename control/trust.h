/*
 * From the registry and the configuration to what lcores decide by: the snapshot of the devices
 * (auth.h), the TLS contexts (tls.h), the policy (dp.h). Built anew where something changed, and
 * only what changed: a decision about one device rebuilds no TLS context. Control thread only.
 */
#ifndef SLUICE_CONTROL_TRUST_H
#define SLUICE_CONTROL_TRUST_H

struct control;

/* In the registry's meta: the verifier of a preshared key that is good for every serial. */
#define TRUST_PSK_FOR_ALL "preshared-key"

enum trust_change {
	TRUST_DEVICES,	  /* devices or the legacy mode */
	TRUST_IDENTITIES, /* who we are: contexts anew, tickets stay good */
	/* Whom we believe (anchors, CRLs, a denial): contexts anew, and tickets of before void. */
	TRUST_GENERATION,
};

/* In effect when it returns. */
void trust_changed(struct control *c, enum trust_change change);

#endif
