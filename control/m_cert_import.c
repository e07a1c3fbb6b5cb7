/* cert.import|check: what comes in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "control/cert_json.h"
#include "control/dependents.h"

/* A file as base64; NULL after call_invalid(). */
static uint8_t *take_data(struct call *call, size_t *len)
{
	const char *text = call_string(call, "data", "");
	const size_t n = strlen(text);
	uint8_t *data = malloc(n / 4 * 3 + 4);
	int got = -1;

	if (data && n > 0 && n % 4 == 0)
		got = EVP_DecodeBlock(data, (const unsigned char *)text, (int)n);
	if (got < 0) {
		call_invalid(call, "data", "expected a file in base64, in one line");
		free(data);
		return NULL;
	}
	*len = (size_t)got - (text[n - 1] == '=') - (text[n - 2] == '=');
	return data;
}

static bool read_bundle(struct call *call, struct cert_bundle *b)
{
	const char *password = call_string(call, "password", NULL);
	char err[300];
	size_t len;
	uint8_t *data = take_data(call, &len);
	enum cert_status status;

	if (!data)
		return false;
	status = cert_bundle_read(b, data, len, password, err, sizeof(err));
	explicit_bzero(data, len);
	free(data);
	if (status == CERT_OK)
		return true;
	call_fail(call, status == CERT_E_PASSWORD ? REASON_PASSWORD : REASON_INVALID, "%s", err);
	return false;
}

/* Somebody's authority under the name of an identity: meant to be trusted, not to be shown. */
static bool is_strange_authority(const struct cert_bundle *b)
{
	struct cert_facts f;

	cert_bundle_facts(b, 0, &f);
	return f.authority && !cert_bundle_key_fits(b);
}

/* The key that waits since `cert request`, or that of the identity of this name, joins its
 * certificate. */
static bool join_key(struct call *call, const char *name, struct cert_bundle *b)
{
	struct certstore *s = &call->c->trust.certs;
	const struct stored *old = certstore_find(s, name);
	char *key, *certs, *both = NULL, err[300];
	struct cert_bundle joined;
	bool ok = false;

	if (!old || (old->kind != STORE_REQUEST && old->kind != STORE_IDENTITY) || b->key ||
		b->certs_count == 0)
		return true;
	key = certstore_key(s, old);
	certs = cert_bundle_chain_pem(b);
	if (key && certs && (both = malloc(strlen(key) + strlen(certs) + 1)) != NULL) {
		sprintf(both, "%s%s", certs, key);
		ok = cert_bundle_read(&joined, both, strlen(both), NULL, err, sizeof(err)) ==
		     CERT_OK;
	}
	cert_wipe(both);
	cert_wipe(key);
	free(certs);
	if (!ok) {
		call_fail(call, REASON_FAILED, "the key of \"%s\" cannot be read", name);
		return false;
	}
	if (old->kind == STORE_IDENTITY && is_strange_authority(&joined)) {
		cert_bundle_free(&joined);
		return true;
	}
	cert_bundle_free(b);
	*b = joined;
	return true;
}

static int store_bundle(
	struct call *call, const char *name, enum store_kind kind, const struct cert_bundle *b)
{
	char *pem = kind == STORE_CRL ? cert_bundle_crls_pem(b) : cert_bundle_chain_pem(b);
	char *key = kind == STORE_IDENTITY ? cert_bundle_key_pem(b) : NULL;
	struct cert_facts f;
	char after[400];
	int rc;

	if (kind == STORE_CRL)
		cert_crl_facts(b, 0, &f);
	else
		cert_bundle_facts(b, 0, &f);
	cert_describe_facts(
		kind, &f, kind == STORE_CRL ? b->crls_count : b->certs_count, after, sizeof(after));
	rc = cert_put(call, name, kind, pem, key, after);
	cert_wipe(key);
	free(pem);
	return rc;
}

/* Is there room for both halves of a file with authorities and their CRLs? Else none is stored. */
static bool both_fit(
	struct call *call, const char *name, const char *crl_name, const struct cert_bundle *b)
{
	struct certstore *s = &call->c->trust.certs;
	char *crls = cert_bundle_crls_pem(b);
	const struct store_order first = {.name = name, .kind = STORE_ANCHOR, .pem = ""},
				 second = {.name = crl_name, .kind = STORE_CRL, .pem = crls};
	const struct store_order *const both[] = {&first, &second};
	const bool fit = crls && certstore_room(s, both, 2) == 0;

	if (!fit)
		call_fail(call, REASON_FAILED, "nothing is changed: %s",
			crls ? s->error : "out of memory");
	free(crls);
	return fit;
}

/* Judged as what it would be; errors refuse it. */
static bool judge(struct call *call, const struct cert_bundle *b, enum cert_role role,
	struct cert_report *report)
{
	struct cert_judge j = cert_judge_of(call->c, role, b);

	cert_explain(b, &j, report);
	cert_judge_free(&j);
	for (unsigned i = 0; i < report->count; i++) {
		if (report->v[i].level != CERT_ERROR)
			continue;
		call_fail(call, REASON_INVALID, "%s: %s", report->v[i].slug, report->v[i].text);
		call->error.data = json_pack("{s:o}", "findings", cert_report_json(report));
		return false;
	}
	return true;
}

static const struct cert_finding *find(const struct cert_report *r, const char *slug)
{
	for (unsigned i = 0; i < r->count; i++)
		if (strcmp(r->v[i].slug, slug) == 0)
			return &r->v[i];
	return NULL;
}

/* Who was revoked since would be let in again: is that meant? true after call_fail(). */
static bool older_ask(struct call *call, const struct cert_report *report)
{
	const struct cert_finding *f = find(report, "crl_older");

	if (!f || call_bool(call, "sure", true))
		return false;
	call_fail(call, REASON_NOT_SURE, "%s", f->text);
	call->error.data = json_pack("{s:o}", "findings", cert_report_json(report));
	return true;
}

/* A name keeps what it names: a key or an anchor that is in use does not become something else. */
static bool same_kind(struct call *call, const char *name, enum store_kind kind)
{
	const struct stored *old = certstore_find(&call->c->trust.certs, name);

	if (!old || old->kind == kind || (old->kind == STORE_REQUEST && kind == STORE_IDENTITY))
		return true;
	/* Who has deleted a key has it nowhere else. */
	call_fail(call, REASON_BUSY,
		"\"%s\" is the name of another kind of entry (%s), which stays: --name gives this "
		"one (%s) a name of its own%s",
		name, store_kind_name(old->kind), store_kind_name(kind),
		old->key_file[0] ? "" : ", or delete that one first");
	return false;
}

static void import(struct call *call, const char *name, const struct cert_bundle *b)
{
	const enum store_kind kind = b->key	      ? STORE_IDENTITY
				     : b->certs_count ? STORE_ANCHOR
						      : STORE_CRL;
	const enum cert_role role = b->key	     ? CERT_ROLE_NODE
				    : b->certs_count ? CERT_ROLE_ANCHOR
						     : CERT_ROLE_CRL;
	const bool both = kind == STORE_ANCHOR && b->crls_count;
	const struct stored *old = certstore_find(&call->c->trust.certs, name);
	struct cert_report report;
	char crl_name[CERTSTORE_NAME + 8];
	json_t *o;

	if (!same_kind(call, name, kind))
		return;
	snprintf(crl_name, sizeof(crl_name), "%.60s.crl", name);
	if (both && !same_kind(call, crl_name, STORE_CRL))
		return;
	if (!judge(call, b, role, &report))
		return;
	if (both && !both_fit(call, name, crl_name, b))
		return;
	if (old && kind == STORE_ANCHOR && dependents_ask(call, old, b))
		return;
	if (older_ask(call, &report))
		return;
	if (store_bundle(call, name, kind, b) != 0)
		return;
	if (both && store_bundle(call, crl_name, STORE_CRL, b) != 0) {
		trust_changed(call->c, TRUST_GENERATION);
		call_fail(call, REASON_FAILED, "\"%s\" is trusted now; its CRLs are not stored: %s",
			name, call->c->trust.certs.error);
		return;
	}
	trust_changed(call->c, kind == STORE_IDENTITY ? TRUST_IDENTITIES : TRUST_GENERATION);
	o = cert_json(call->c, certstore_find(&call->c->trust.certs, name));
	json_object_set_new(o, "schema", json_integer(1));
	json_object_set_new(o, "findings", cert_report_json(&report));
	call_result(call, o);
}

void m_cert_import(struct call *call)
{
	const char *name = call_string(call, "name", "");
	const struct stored *old = certstore_find(&call->c->trust.certs, name);
	struct cert_bundle b;

	if (!cert_name_fine(call, name) || !read_bundle(call, &b))
		return;
	if (old && old->kind == STORE_CA)
		call_fail(call, REASON_BUSY,
			"\"%s\" is the name of the authority of our own: --name gives this one "
			"another",
			name);
	else if (join_key(call, name, &b))
		import(call, name, &b);
	cert_bundle_free(&b);
}

void m_cert_check(struct call *call)
{
	struct cert_bundle b;
	struct cert_report report;
	struct cert_facts f = {0};
	struct cert_judge j;
	bool crl;

	if (!read_bundle(call, &b))
		return;
	crl = !b.key && !b.certs_count;
	j = cert_judge_of(call->c, crl ? CERT_ROLE_CRL : CERT_ROLE_DEVICE, &b);
	cert_explain(&b, &j, &report);
	cert_judge_free(&j);
	if (crl)
		cert_crl_facts(&b, 0, &f);
	else if (b.certs_count)
		cert_bundle_facts(&b, 0, &f);
	cert_bundle_free(&b);
	/* An older CRL is imported by who says so, but who asks is told that it does harm. */
	call_result(call,
		json_pack("{s:i,s:s,s:s,s:s,s:b,s:o}", "schema", 1, "kind", crl ? "crl" : "device",
			"subject", f.subject, "issuer", f.issuer, "usable",
			!cert_report_has_errors(&report) && !find(&report, "crl_older"), "findings",
			cert_report_json(&report)));
}
