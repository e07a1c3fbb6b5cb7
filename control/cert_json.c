#include "control/cert_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *string(const char *s)
{
	return s[0] ? text_json_value(s, strlen(s)) : json_null();
}

json_t *time_s_json(int64_t s)
{
	return time_json(s > 0 ? (uint64_t)s * 1000000000u : 0);
}

static json_t *users_json(const struct control *c, const struct stored *s)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < c->trust.contexts.count; i++) {
		const struct trust_context *t = &c->trust.contexts.v[i];

		for (unsigned k = 0; k < t->count; k++)
			if (s->kind == STORE_IDENTITY && strcmp(t->identity[k], s->name) == 0)
				json_array_append_new(list, json_string(t->sni));
	}
	return list;
}

json_t *cert_json(const struct control *c, const struct stored *s)
{
	const struct cert_facts *f = &s->facts;

	return json_pack("{s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:i,s:b,s:o,s:o,s:s}",
		"name", s->name, "kind", store_kind_name(s->kind), "subject", string(f->subject),
		"issuer", string(f->issuer), "common_name", string(f->cn), "names",
		string(f->names), "key", string(f->key), "signature", string(f->signature),
		"number", string(f->number), "fingerprint", string(f->fingerprint), "not_before",
		time_s_json(f->not_before_s), "not_after", time_s_json(s->ends_s), "certificates",
		(int)s->count, "private_key", s->key_file[0] != '\0', "used_by", users_json(c, s),
		"changed", time_json(s->time_ns), "changed_by", s->who);
}

json_t *cert_report_json(const struct cert_report *r)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < r->count; i++)
		json_array_append_new(
			list, json_pack("{s:s,s:s,s:o}", "level",
				      r->v[i].level == CERT_ERROR ? "error" : "warning", "reason",
				      r->v[i].slug, "text", string(r->v[i].text)));
	return list;
}

static bool is_named(void *ctx, const struct tls_peer *peer)
{
	const struct control *c = ctx;
	const unsigned names = c->config.listen.tls_names;

	return auth_name(c->trust.auth, names & CONFIG_TLS_NAME_SERIAL, names & CONFIG_TLS_NAME_DNS,
		       peer) != NULL;
}

struct cert_judge cert_judge_of(struct control *c, enum cert_role role, const struct cert_bundle *b)
{
	const struct certstore *s = &c->trust.certs;

	return (struct cert_judge){
		.role = role,
		.now_s = (int64_t)(clock_wall_ns() / 1000000000u),
		.serial = c->serial,
		.anchors_pem = certstore_pem_of(s, 1u << STORE_ANCHOR | 1u << STORE_CA),
		.crls_pem = certstore_crls_beside(s, b),
		.named = is_named,
		.ctx = c,
		.passwords = c->trust.auth && auth_legacy_any(c->trust.auth),
		.weak_taken = c->config.tls.enc_algorithm == CONFIG_ENC_LOW,
		.revoked = c->trust.crls,
	};
}

void cert_judge_free(struct cert_judge *j)
{
	free((char *)j->anchors_pem);
	free((char *)j->crls_pem);
}

#define REPORT_S 3600 /* what was said of a CRL is true for so long, unless something changes */

/* Of what there is, as it is now. */
static void judge_stored(struct control *c, const struct stored *s, struct cert_report *report)
{
	static const enum cert_role roles[STORE_KINDS] = {[STORE_IDENTITY] = CERT_ROLE_NODE,
		[STORE_ANCHOR] = CERT_ROLE_ANCHOR,
		[STORE_CA] = CERT_ROLE_ANCHOR,
		[STORE_CRL] = CERT_ROLE_CRL};
	struct cert_bundle b;
	char err[64];
	struct cert_judge j;

	memset(report, 0, sizeof(*report));
	if (s->kind != STORE_REQUEST &&
		cert_bundle_read(&b, s->pem, strlen(s->pem), NULL, err, sizeof(err)) == CERT_OK) {
		j = cert_judge_of(c, roles[s->kind], &b);
		cert_explain(&b, &j, report);
		cert_bundle_free(&b);
		cert_judge_free(&j);
	}
}

json_t *cert_findings_json(struct control *c, struct stored *s)
{
	const int64_t now_s = (int64_t)(clock_wall_ns() / 1000000000u);
	struct cert_report report;

	if (s->kind != STORE_CRL) {
		judge_stored(c, s, &report);
		return cert_report_json(&report);
	}
	if (!s->report)
		s->report = malloc(sizeof(*s->report));
	else if (s->report_changes == c->trust.certs.changes && now_s >= s->report_s &&
		 now_s < s->report_s + REPORT_S)
		return cert_report_json(s->report);
	if (!s->report)
		return json_array();
	judge_stored(c, s, s->report);
	c->trust.judged_crls++;
	s->report_changes = c->trust.certs.changes;
	s->report_s = now_s;
	return cert_report_json(s->report);
}

void cert_describe_facts(
	enum store_kind kind, const struct cert_facts *f, unsigned count, char *text, size_t size)
{
	char when[TIME_TEXT], more[24] = "";

	if (count > 1 && kind != STORE_IDENTITY)
		snprintf(more, sizeof(more), " and %u more", count - 1);
	if (kind != STORE_CRL) {
		snprintf(text, size, "%s %s %.16s%s", store_kind_name(kind), f->subject,
			f->fingerprint, more);
		return;
	}
	time_format_s(f->not_before_s, when);
	snprintf(text, size, "%s %s %.16s%s%s of %s, %u revoked%s", store_kind_name(kind),
		f->issuer, f->fingerprint, f->number[0] ? " number " : "", f->number, when,
		f->revoked, more);
}

void cert_describe(const struct stored *s, char *text, size_t size)
{
	cert_describe_facts(s->kind, &s->facts, s->count, text, size);
}

void cert_event(
	struct control *c, const char *what, const char *name, const char *about, const char *who)
{
	event_begin(&c->events, EVENT_NOTICE, "certificate");
	event_add(&c->events, "name", "%s", name);
	event_add(&c->events, "msg", "%s", what);
	event_add(&c->events, "about", "%s", about);
	event_add(&c->events, "who", "%s", who);
	event_end(&c->events);
}

int cert_put(struct call *call, const char *name, enum store_kind kind, const char *pem,
	const char *key_pem, const char *after)
{
	struct control *c = call->c;
	const struct stored *old = certstore_find(&c->trust.certs, name);
	struct store_order o = {.name = name, .kind = kind, .pem = pem, .key_pem = key_pem};
	char was[400] = "", who[64];
	struct audit_row audit;

	if (old)
		cert_describe(old, was, sizeof(was));
	control_audit_row(&audit, who, call->who, call->method->name, name, was, after);
	o.who = who;
	o.audit = &audit;
	if (!pem || certstore_put(&c->trust.certs, &o) != 0) {
		call_fail(call, REASON_FAILED, "nothing is changed: %s",
			pem ? c->trust.certs.error : "out of memory");
		return -1;
	}
	cert_event(c, old ? "replaced" : "added", name, after, who);
	return 0;
}
