/* cert.delete: what is trusted no more, and who would be refused by then. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/cert_json.h"
#include "control/method.h"

/* An anchor, as devices' chains are held against it. */
struct anchor {
	char subject[CERT_TEXT], issuer[CERT_TEXT], id[33];
	const char *name; /* of what it is stored in */
	bool stays;	  /* of one that goes: another entry has it too */
};

struct anchors {
	unsigned count, room;
	struct anchor *v;
	bool failed; /* out of memory */
};

static void add_anchor(struct anchors *a, const struct cert_facts *f, const char *name)
{
	struct anchor *v = a->v;

	if (a->count == a->room) {
		a->room = a->room ? 2 * a->room : 16;
		v = realloc(a->v, a->room * sizeof(*v));
	}
	if (!v) {
		a->failed = true;
		return;
	}
	a->v = v;
	v = &a->v[a->count++];
	*v = (struct anchor){.name = name};
	memcpy(v->subject, f->subject, sizeof(v->subject));
	memcpy(v->issuer, f->issuer, sizeof(v->issuer));
	memcpy(v->id, f->anchor, sizeof(v->id));
}

/* What is trusted by an entry; one that has expired keeps nobody. */
static void add_anchors(struct anchors *a, const struct stored *s, int64_t after_s)
{
	struct cert_bundle b;
	char err[64];

	if (a->failed || cert_bundle_read(&b, s->pem, strlen(s->pem), NULL, err, sizeof(err)) != 0)
		return;
	for (unsigned i = 0; i < b.certs_count && !a->failed; i++) {
		struct cert_facts f;

		cert_bundle_facts(&b, i, &f);
		if (f.not_after_s >= after_s)
			add_anchor(a, &f, s->name);
	}
	cert_bundle_free(&b);
}

static bool trusts(const struct stored *s)
{
	return s->kind == STORE_ANCHOR || s->kind == STORE_CA;
}

#define NAMES 100 /* bytes of devices' names, as many as fit */

/* Devices that would be refused, the first few by name. */
struct dependents {
	struct anchors go, stay;
	const char *other; /* an entry that has the same anchors; NULL: none, or not all */
	unsigned count, named;
	unsigned by_itself; /* of these: might show itself what goes */
	char names[NAMES];
};

static const struct anchor *find_id(const struct anchors *a, const char *id)
{
	for (unsigned i = 0; id[0] && i < a->count; i++)
		if (strcmp(a->v[i].id, id) == 0)
			return &a->v[i];
	return NULL;
}

static const struct anchor *find_subject(const struct anchors *a, const char *name)
{
	for (unsigned i = 0; name[0] && i < a->count; i++)
		if (strcmp(a->v[i].subject, name) == 0)
			return &a->v[i];
	return NULL;
}

static bool is_root(const struct anchor *a)
{
	return strcmp(a->subject, a->issuer) == 0;
}

/* Its chain may end at an intermediate of the root that goes, which is an anchor by itself. */
static bool kept_below(const struct dependents *d, const struct device_row *row)
{
	for (unsigned i = 0; i < d->stay.count; i++)
		if (!is_root(&d->stay.v[i]) && strcmp(d->stay.v[i].subject, row->issuer) == 0 &&
			find_subject(&d->go, d->stay.v[i].issuer))
			return true;
	return false;
}

/* Would it be refused? As far as its last certificate tells. */
static bool depends(struct dependents *d, const struct device_row *row)
{
	const struct anchor *end = find_id(&d->go, row->anchor),
			    *by = find_subject(&d->go, row->issuer);

	if (row->state == AUTH_DENIED || !row->issuer[0])
		return false;
	if (end)
		return !end->stays && !kept_below(d, row);
	/* Its chain would have ended there: it is another root of this name. */
	if (by && row->anchor[0] && is_root(by))
		return false;
	/* An intermediate, or of before chains were remembered. */
	if (by && !by->stays) {
		d->by_itself += find_id(&d->stay, row->anchor) != NULL;
		return true;
	}
	/* Of those times too, and by whom its issuer was issued is not known. */
	return !row->anchor[0] && !by && !find_subject(&d->stay, row->issuer);
}

static void add_dependent(void *ctx, const struct device_row *row)
{
	struct dependents *d = ctx;
	const size_t n = strlen(d->names);

	if (!depends(d, row))
		return;
	/* After one that did not fit none follows, which would hide how many were left out. */
	if (d->named == d->count++ && n + 2 + strlen(row->serial) < sizeof(d->names)) {
		snprintf(d->names + n, sizeof(d->names) - n, "%s%s", n ? ", " : "", row->serial);
		d->named++;
	}
}

/* false after call_fail(). */
static bool find_dependents(struct call *call, const struct stored *s, struct dependents *d)
{
	struct control *c = call->c;
	const struct certstore *certs = &c->trust.certs;
	const int64_t now_s = (int64_t)(clock_wall_ns() / 1000000000u);
	bool all = true;

	add_anchors(&d->go, s, INT64_MIN);
	for (unsigned i = 0; i < certs->count; i++)
		if (&certs->v[i] != s && trusts(&certs->v[i]))
			add_anchors(&d->stay, &certs->v[i], now_s);
	for (unsigned i = 0; i < d->go.count; i++) {
		const struct anchor *other = find_id(&d->stay, d->go.v[i].id);

		d->go.v[i].stays = other != NULL;
		d->other = other ? other->name : d->other;
		all = all && other;
	}
	if (!all)
		d->other = NULL;
	if (d->go.failed || d->stay.failed) {
		call_fail(call, REASON_FAILED, "out of memory");
		return false;
	}
	devices_flush(&c->devices);
	if (all || registry_devices(c->registry, add_dependent, d) == REGISTRY_OK)
		return true;
	call_fail(call, REASON_FAILED, "the registry: %s", registry_error(c->registry));
	return false;
}

/* "2 devices would be refused ...: A, B and 5 more." */
static void tell_dependents(const struct dependents *d, char *text, size_t size)
{
	const bool may = d->by_itself == d->count;
	char more[32] = "";

	if (d->count > d->named)
		snprintf(more, sizeof(more), "%s%u more", d->named ? " and " : "",
			d->count - d->named);
	snprintf(text, size, "%u device%s would be refused as %s: %s%s.", d->count,
		d->count == 1 ? "" : "s",
		may ? "missing_intermediate unless showing it, too" : "wrong_ca", d->names, more);
}

/*
 * The authority of our own: its key is nowhere else, and who was issued a certificate by it must be
 * issued another, or go on by its certificate under another name. At most 500 bytes.
 */
static void tell_authority(struct call *call, const struct stored *ca, const struct dependents *d)
{
	const struct stored *node = certstore_find(&call->c->trust.certs, CERTSTORE_NODE);
	const bool ours = node && strcmp(node->facts.issuer, ca->facts.subject) == 0;
	char who[NAMES + 160];

	tell_dependents(d, who, sizeof(who));
	if (d->other)
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
	bool failed = true;
	char who[NAMES + 160];

	if (!trusts(s) || call_bool(call, "sure", false))
		return false;
	if (find_dependents(call, s, &d)) {
		if (s->kind == STORE_CA) {
			tell_authority(call, s, &d);
		} else if (d.count) {
			tell_dependents(&d, who, sizeof(who));
			call_fail(call, REASON_NOT_SURE,
				"without \"%s\" %s Nothing else that is trusted here stands for "
				"it.",
				s->name, who);
		} else {
			failed = false;
		}
		if (failed)
			call->error.data = json_pack("{s:i}", "devices", (int)d.count);
	}
	free(d.go.v);
	free(d.stay.v);
	return failed;
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
	bool authority;
	json_t *o;

	if (!s)
		return;
	if (sni) {
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
	cert_describe(s, was, sizeof(was));
	control_audit_row(&audit, who, call->who, call->method->name, name, was, "");
	if (certstore_delete(&c->trust.certs, name, &audit) != 0) {
		call_fail(call, REASON_FAILED, "%s", c->trust.certs.error);
		return;
	}
	cert_event(c, "deleted", name, was, who);
	/* Now, as it was told, and not with the next start. */
	if (authority)
		problem = trust_remake_node(c, err, sizeof(err));
	trust_changed(c, change);
	o = json_pack("{s:i,s:s,s:b}", "schema", 1, "name", name, "deleted", 1);
	if (problem)
		json_object_set_new(o, "problem", json_string(problem));
	call_result(call, o);
}
