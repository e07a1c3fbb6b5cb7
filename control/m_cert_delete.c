/* cert.delete: what is trusted no more, and who would be refused by then. */
#include <stdio.h>
#include <string.h>

#include "control/cert_json.h"
#include "control/dependents.h"
#include "control/method.h"

/*
 * The authority of our own: its key is nowhere else, and who was issued a certificate by it must be
 * issued another, or go on by its certificate under another name. At most 500 bytes.
 */
static void tell_authority(struct call *call, const struct stored *ca, const struct dependents *d)
{
	const struct stored *node = certstore_find(&call->c->trust.certs, CERTSTORE_NODE);
	const bool ours = node && strcmp(node->facts.issuer, ca->facts.subject) == 0;
	char who[DEPENDENTS_TEXT];

	dependents_tell(d, who, sizeof(who));
	if (d->go.count == 0)
		snprintf(who, sizeof(who), "It has expired: no device is let in by it.");
	else if (d->other)
		snprintf(who, sizeof(who),
			"Devices with a certificate of it are let in on, as \"%s\" is trusted.",
			d->other);
	else if (d->count == 0)
		snprintf(who, sizeof(who),
			"No registered device has come with a certificate of it.");
	call_fail(call, REASON_NOT_SURE,
		"the key of %.60s would be gone for ever (`cert export %s` keeps a copy)%s. %s%s",
		ca->facts.subject, ca->name,
		ours ? "; this node's certificate would be signed by itself, which devices that "
		       "verify it refuse"
		     : "",
		who,
		d->count ? " Not if its certificate is imported under another name before." : "");
}

/* Is it to be asked about first? true after call_fail(). */
static bool asks(struct call *call, const struct stored *s)
{
	struct dependents d = {0};

	if (s->kind == STORE_ANCHOR)
		return dependents_ask(call, s, NULL);
	if (s->kind != STORE_CA || call_bool(call, "sure", false))
		return false;
	if (dependents_find(call, s, NULL, &d)) {
		tell_authority(call, s, &d);
		call->error.data = json_pack("{s:i}", "devices", (int)d.count);
	}
	dependents_free(&d);
	return true;
}

static const char *used_by(const struct control *c, const char *name)
{
	const struct trust_contexts *v = &c->trust.contexts;

	for (unsigned i = 0; i < v->count; i++)
		for (unsigned k = 0; k < v->v[i].count; k++)
			if (strcmp(v->v[i].identity[k], name) == 0)
				return v->v[i].sni;
	return NULL;
}

/* An operator's under the name of the node's own, which is made anew in its place at once. */
static bool is_imported_node(const struct stored *s)
{
	return strcmp(s->name, CERTSTORE_NODE) == 0 && strcmp(s->who, CERTSTORE_OWN) != 0;
}

void m_cert_delete(struct call *call)
{
	struct control *c = call->c;
	const char *name = call_string(call, "name", "");
	const struct stored *s = cert_wanted(call, name);
	const char *sni = s && s->kind == STORE_IDENTITY ? used_by(c, name) : NULL;
	enum trust_change change;
	struct audit_row audit;
	char was[400], who[64], err[400];
	const char *problem = NULL;
	bool authority, node;
	json_t *o;

	if (!s)
		return;
	if (sni && !is_imported_node(s)) {
		call_fail(call, REASON_BUSY,
			"\"%s\" serves the TLS context %s: put another into use first (cert use)",
			name, sni);
		return;
	}
	if (asks(call, s))
		return;
	change = s->kind == STORE_IDENTITY || s->kind == STORE_REQUEST ? TRUST_IDENTITIES
								       : TRUST_GENERATION;
	authority = s->kind == STORE_CA;
	node = strcmp(name, CERTSTORE_NODE) == 0;
	cert_describe(s, was, sizeof(was));
	control_audit_row(&audit, who, call->who, call->method->name, name, was, "");
	if (certstore_delete(&c->trust.certs, name, &audit) != 0) {
		call_fail(call, REASON_FAILED, "%s", c->trust.certs.error);
		return;
	}
	cert_event(c, "deleted", name, was, who);
	/* Now, as it was told, and not with the next start. */
	if (authority || node)
		problem = trust_remake_node(c, err, sizeof(err));
	trust_changed(c, change);
	o = json_pack("{s:i,s:s,s:b}", "schema", 1, "name", name, "deleted", 1);
	if (problem)
		json_object_set_new(o, "problem", json_string(problem));
	else if (node)
		json_object_set_new(o, "made_anew", json_true());
	call_result(call, o);
}
