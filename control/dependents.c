#include "control/dependents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As devices' chains are held against it. */
struct anchor {
	char subject[CERT_TEXT], issuer[CERT_TEXT], id[33];
	const char *name; /* of what it is stored in */
	bool stays;	  /* of one that goes: another entry has it too */
};

/* ---- anchors ------------------------------------------------------------------------------ */

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

/* Those that have not expired by `now_s`, and began before `begun_s`. */
static void add_bundle(struct anchors *a, const struct cert_bundle *b, const char *name,
	int64_t now_s, int64_t begun_s)
{
	for (unsigned i = 0; i < b->certs_count && !a->failed; i++) {
		struct cert_facts f;

		cert_bundle_facts(b, i, &f);
		if (f.not_after_s >= now_s && f.not_before_s <= begun_s)
			add_anchor(a, &f, name);
	}
}

static void add_stored(struct anchors *a, const struct stored *s, int64_t now_s, int64_t begun_s)
{
	struct cert_bundle b;
	char err[64];

	if (a->failed || cert_bundle_read(&b, s->pem, strlen(s->pem), NULL, err, sizeof(err)) != 0)
		return;
	add_bundle(a, &b, s->name, now_s, begun_s);
	cert_bundle_free(&b);
}

static const struct anchor *find_id(const struct anchors *a, const char *id)
{
	for (unsigned i = 0; id[0] && i < a->count; i++)
		if (strcmp(a->v[i].id, id) == 0)
			return &a->v[i];
	return NULL;
}

static bool has_subject(const struct anchors *a, const char *name)
{
	for (unsigned i = 0; name[0] && i < a->count; i++)
		if (strcmp(a->v[i].subject, name) == 0)
			return true;
	return false;
}

static bool is_root(const struct anchor *a)
{
	return strcmp(a->subject, a->issuer) == 0;
}

/* ---- devices ------------------------------------------------------------------------------ */

enum fate { LET_IN, REFUSED, SHOWS_ITSELF, IF_NOT_BELOW };

/*
 * Is there an intermediate by its issuer's name, of what goes, that is an anchor by itself? Its
 * chain may end there. It need not: an authority that was given another key keeps its name, and
 * what is remembered of the issuer is the name.
 */
static bool may_end_below(const struct dependents *d, const struct device_row *row)
{
	for (unsigned i = 0; i < d->stay.count; i++)
		if (!is_root(&d->stay.v[i]) && strcmp(d->stay.v[i].subject, row->issuer) == 0 &&
			has_subject(&d->go, d->stay.v[i].issuer))
			return true;
	return false;
}

/* Would it be refused? As far as its last certificate tells. */
static enum fate fate_of(const struct dependents *d, const struct device_row *row)
{
	const struct anchor *end = find_id(&d->go, row->anchor);
	bool by = false, goes = false;

	if (row->state == AUTH_DENIED || !row->issuer[0] || (end && end->stays))
		return LET_IN;
	if (end)
		return may_end_below(d, row) ? IF_NOT_BELOW : REFUSED;
	for (unsigned i = 0; i < d->go.count; i++) {
		const struct anchor *a = &d->go.v[i];

		/* A chain by a root would have ended there: it is another root of this name. */
		if (strcmp(a->subject, row->issuer) != 0 || (row->anchor[0] && is_root(a)))
			continue;
		by = true;
		goes |= !a->stays;
	}
	/* By an intermediate, or of before chains were remembered. */
	if (goes)
		return find_id(&d->stay, row->anchor) ? SHOWS_ITSELF : REFUSED;
	if (row->anchor[0] || by)
		return LET_IN;
	/* Of those times, and by whom its issuer was issued is not known. */
	if (!has_subject(&d->stay, row->issuer))
		return REFUSED;
	return may_end_below(d, row) ? IF_NOT_BELOW : LET_IN;
}

static void add_dependent(void *ctx, const struct device_row *row)
{
	struct dependents *d = ctx;
	const size_t n = strlen(d->names);
	const enum fate fate = fate_of(d, row);

	if (fate == LET_IN)
		return;
	d->itself += fate == SHOWS_ITSELF;
	d->below += fate == IF_NOT_BELOW;
	/* After one that did not fit none follows, which would hide how many were left out. */
	if (d->named == d->count++ && n + 2 + strlen(row->serial) < sizeof(d->names)) {
		snprintf(d->names + n, sizeof(d->names) - n, "%s%s", n ? ", " : "", row->serial);
		d->named++;
	}
}

/* ---- both --------------------------------------------------------------------------------- */

static bool trusts(const struct stored *s)
{
	return s->kind == STORE_ANCHOR || s->kind == STORE_CA;
}

/* Notes which of them go all the same; false: none does. */
static bool some_go(struct dependents *d)
{
	unsigned go = 0;

	for (unsigned i = 0; i < d->go.count; i++) {
		const struct anchor *other = find_id(&d->stay, d->go.v[i].id);

		d->go.v[i].stays = other != NULL;
		d->other = other ? other->name : d->other;
		go += !other;
	}
	if (go)
		d->other = NULL;
	return go > 0;
}

bool dependents_find(struct call *call, const struct stored *s, const struct cert_bundle *instead,
	struct dependents *d)
{
	struct control *c = call->c;
	const struct certstore *certs = &c->trust.certs;
	const int64_t now_s = (int64_t)(clock_wall_ns() / 1000000000u);
	enum registry_status rc;

	/* One that is not valid yet lets nobody in today, but will: it is asked about. */
	add_stored(&d->go, s, now_s, INT64_MAX);
	for (unsigned i = 0; i < certs->count; i++)
		if (&certs->v[i] != s && trusts(&certs->v[i]))
			add_stored(&d->stay, &certs->v[i], now_s, now_s);
	if (instead)
		add_bundle(&d->stay, instead, s->name, now_s, now_s);
	if (d->go.failed || d->stay.failed) {
		call_fail(call, REASON_FAILED, "out of memory");
		return false;
	}
	if (!some_go(d))
		return true;
	/* The last that came may be who depends on it: nothing is said without them. */
	rc = devices_flush(&c->devices);
	if (rc == REGISTRY_OK)
		rc = registry_devices(c->registry, add_dependent, d);
	if (rc == REGISTRY_OK)
		return true;
	call_fail(call, REASON_FAILED, "the registry: %s", registry_error(c->registry));
	return false;
}

void dependents_tell(const struct dependents *d, char *text, size_t size)
{
	const unsigned perhaps = d->itself + d->below;
	char more[32] = "", some[40] = "";
	const char *how = "wrong_ca";

	if (d->itself == d->count)
		how = "missing_intermediate unless showing it, too";
	else if (d->below == d->count)
		how = "wrong_ca unless of an intermediate that stays";
	else if (perhaps)
		snprintf(some, sizeof(some), " (%u of them perhaps)", perhaps);
	if (d->count > d->named)
		snprintf(more, sizeof(more), "%s%u more", d->named ? " and " : "",
			d->count - d->named);
	snprintf(text, size, "%u device%s would be refused as %s%s: %s%s.", d->count,
		d->count == 1 ? "" : "s", how, some, d->names, more);
}

void dependents_free(struct dependents *d)
{
	free(d->go.v);
	free(d->stay.v);
}

bool dependents_ask(struct call *call, const struct stored *s, const struct cert_bundle *instead)
{
	struct dependents d = {0};
	bool failed = true;
	char who[DEPENDENTS_TEXT];

	if (call_bool(call, "sure", true))
		return false;
	if (dependents_find(call, s, instead, &d)) {
		failed = d.count > 0;
		if (failed) {
			dependents_tell(&d, who, sizeof(who));
			call_fail(call, REASON_NOT_SURE,
				"without %s\"%s\" %s Nothing else that is trusted here stands for "
				"it.",
				instead ? "the former " : "", s->name, who);
			call->error.data = json_pack("{s:i}", "devices", (int)d.count);
		}
	}
	dependents_free(&d);
	return failed;
}
