/* cert.import|request|ca-init|issue|export|check */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "control/cert_json.h"
#include "tls/scram.h"
#include "tls/ca.h"

/* ---- what comes in ------------------------------------------------------------------------ */

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

static bool name_fine(struct call *call, const char *name)
{
	if (certstore_name_legal(name))
		return true;
	call_invalid(
		call, "name", "expected 1 to %d letters, digits, '.', '_' and '-'", CERTSTORE_NAME);
	return false;
}

/* The key that waits since `cert request` joins its certificate. */
static bool join_request(struct call *call, const char *name, struct cert_bundle *b)
{
	struct certstore *s = &call->c->trust.certs;
	const struct stored *req = certstore_find(s, name);
	char *key, *certs, *both = NULL, err[300];
	bool ok = false;

	if (!req || req->kind != STORE_REQUEST || b->key || b->certs_count == 0)
		return true;
	key = certstore_key(s, req);
	certs = cert_bundle_chain_pem(b);
	if (key && certs && (both = malloc(strlen(key) + strlen(certs) + 1)) != NULL) {
		sprintf(both, "%s%s", certs, key);
		cert_bundle_free(b);
		ok = cert_bundle_read(b, both, strlen(both), NULL, err, sizeof(err)) == CERT_OK;
	}
	cert_wipe(both);
	cert_wipe(key);
	free(certs);
	if (!ok)
		call_fail(call, REASON_FAILED, "the key of the request cannot be read");
	return ok;
}

static int put(struct call *call, const char *name, enum store_kind kind, const char *pem,
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

static int store_bundle(
	struct call *call, const char *name, enum store_kind kind, const struct cert_bundle *b)
{
	char *pem = kind == STORE_CRL ? cert_bundle_crls_pem(b) : cert_bundle_chain_pem(b);
	char *key = kind == STORE_IDENTITY ? cert_bundle_key_pem(b) : NULL;
	struct cert_facts f = {0};
	char after[400];
	int rc;

	if (kind == STORE_CRL)
		cert_crl_issuer(b, 0, f.subject, sizeof(f.subject));
	else
		cert_bundle_facts(b, 0, &f);
	snprintf(after, sizeof(after), "%s %s %.16s", store_kind_name(kind), f.subject,
		f.fingerprint);
	rc = put(call, name, kind, pem, key, after);
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

/* A name keeps what it names: a key or an anchor that is in use does not become something else. */
static bool same_kind(struct call *call, const char *name, enum store_kind kind)
{
	const struct stored *old = certstore_find(&call->c->trust.certs, name);

	if (!old || old->kind == kind || (old->kind == STORE_REQUEST && kind == STORE_IDENTITY))
		return true;
	call_fail(call, REASON_BUSY,
		"\"%s\" is the name of another kind of entry (%s): choose another, or delete it "
		"first",
		name, store_kind_name(old->kind));
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

	if (!name_fine(call, name) || !read_bundle(call, &b))
		return;
	if (old && old->kind == STORE_CA)
		call_fail(call, REASON_BUSY,
			"\"%s\" is the name of the authority of our own: choose another", name);
	else if (join_request(call, name, &b))
		import(call, name, &b);
	cert_bundle_free(&b);
}

void m_cert_check(struct call *call)
{
	struct cert_bundle b;
	struct cert_report report;
	struct cert_facts f = {0};
	struct cert_judge j;

	if (!read_bundle(call, &b))
		return;
	j = cert_judge_of(call->c, CERT_ROLE_DEVICE, &b);
	cert_explain(&b, &j, &report);
	cert_judge_free(&j);
	if (b.certs_count)
		cert_bundle_facts(&b, 0, &f);
	cert_bundle_free(&b);
	call_result(call, json_pack("{s:i,s:s,s:s,s:b,s:o}", "schema", 1, "subject", f.subject,
				  "issuer", f.issuer, "usable", report.count == 0, "findings",
				  cert_report_json(&report)));
}

/* ---- what we make ------------------------------------------------------------------------- */

static bool take_order(
	struct call *call, struct ca_order *o, const char *cn, const char *kind, unsigned days)
{
	*o = (struct ca_order){
		.cn = cn,
		.kind = call_string(call, "key", kind),
		.days = (unsigned)call_uint(call, "days", days),
		.now_s = (int64_t)(clock_wall_ns() / 1000000000u),
		.dns = call_string(call, "dns", NULL),
	};
	if (!ca_key_kind_known(o->kind))
		call_invalid(call, "key", "expected p-256, rsa-2048, rsa-3072 or rsa-4096");
	else if (o->days == 0)
		call_invalid(call, "days", "expected at least 1");
	else if (cn[0] == '\0' || strlen(cn) > 64 || (o->dns && strlen(o->dns) > 64))
		call_invalid(call, "common_name", "expected 1 to 64 bytes");
	else if (strpbrk(cn, ",;:=\"\\/\n") || (o->dns && !certstore_name_legal(o->dns)))
		call_invalid(call, "common_name",
			"expected a name without any of , ; : = \" \\ /, and a host name as dns");
	else
		return true;
	return false;
}

void m_cert_request(struct call *call)
{
	struct control *c = call->c;
	const char *name = call_string(call, "name", "");
	const char *cn = call_string(call, "common_name", c->serial);
	const struct stored *old = certstore_find(&c->trust.certs, name);
	struct ca_order order;
	struct ca_pair made;
	char err[300], after[200];

	if (!name_fine(call, name) || !take_order(call, &order, cn, "rsa-2048", 365))
		return;
	if (old && old->kind != STORE_REQUEST) {
		call_fail(call, REASON_BUSY, "\"%s\" exists: choose another name", name);
		return;
	}
	if (ca_request(&order, &made, err, sizeof(err)) != 0) {
		call_fail(call, REASON_FAILED, "%s", err);
		return;
	}
	snprintf(after, sizeof(after), "request CN=%s %s", cn, order.kind);
	if (put(call, name, STORE_REQUEST, made.cert_pem, made.key_pem, after) == 0)
		call_result(call, json_pack("{s:i,s:s,s:s,s:s}", "schema", 1, "name", name,
					  "common_name", cn, "request", made.cert_pem));
	ca_pair_free(&made);
}

void m_cert_ca_init(struct call *call)
{
	struct control *c = call->c;
	const struct stored *old = certstore_find(&c->trust.certs, "ca");
	char cn[64], err[400], after[200];
	const char *problem;
	struct ca_order order;
	struct ca_pair made;
	int rc;
	json_t *o;

	snprintf(cn, sizeof(cn), "Sluice CA %s", c->serial);
	if (!take_order(call, &order, call_string(call, "common_name", cn), "rsa-2048", 3650))
		return;
	if (old) {
		call_fail(call, REASON_BUSY, "there is %s already (%s): delete it first",
			old->kind == STORE_CA ? "an authority" : "a certificate named \"ca\"",
			old->facts.subject);
		return;
	}
	if (ca_make(&order, &made, err, sizeof(err)) != 0) {
		call_fail(call, REASON_FAILED, "%s", err);
		return;
	}
	snprintf(after, sizeof(after), "ca CN=%s %s", order.cn, order.kind);
	rc = put(call, "ca", STORE_CA, made.cert_pem, made.key_pem, after);
	ca_pair_free(&made);
	if (rc != 0)
		return;
	problem = trust_remake_node(c, err, sizeof(err));
	trust_changed(c, TRUST_GENERATION);
	o = cert_json(c, certstore_find(&c->trust.certs, "ca"));
	json_object_set_new(o, "schema", json_integer(1));
	json_object_set_new(o, "pem", json_string(certstore_find(&c->trust.certs, "ca")->pem));
	if (problem)
		json_object_set_new(o, "problem", json_string(problem));
	call_result(call, o);
}

static json_t *base64_json(const uint8_t *data, size_t len)
{
	unsigned char *text = malloc(len / 3 * 4 + 5);
	json_t *v = NULL;

	if (text) {
		EVP_EncodeBlock(text, data, (int)len);
		v = json_string((char *)text);
		explicit_bzero(text, strlen((char *)text));
	}
	free(text);
	return v;
}

/* The pair as a PKCS#12 file, audited before it leaves; NULL after call_fail(). */
static json_t *export_json(struct call *call, const struct ca_pair *pair, const char *chain,
	const char *name, const char *after)
{
	const char *password = call_string(call, "password", "");
	const char *problem = scram_password_problem(password);
	char err[300];
	struct audit_row audit;
	char who[64];
	uint8_t *p12;
	size_t len;
	json_t *v;

	if (problem) {
		call_invalid(call, "password", "%s", problem);
		return NULL;
	}
	if (ca_pkcs12(pair, chain, name, password, call_bool(call, "old", false), &p12, &len, err,
		    sizeof(err)) != 0) {
		call_fail(call, REASON_FAILED, "%s", err);
		return NULL;
	}
	control_audit_row(&audit, who, call->who, call->method->name, name, "", after);
	v = base64_json(p12, len);
	explicit_bzero(p12, len);
	free(p12);
	/* A key whose leaving cannot be audited stays. */
	if (v && registry_audit_add(call->c->registry, &audit) == REGISTRY_OK) {
		cert_event(call->c, "exported with its key", name, after, who);
		return v;
	}
	json_decref(v);
	call_fail(call, REASON_FAILED, "the registry: %s", registry_error(call->c->registry));
	return NULL;
}

static void issue(struct call *call, const struct ca_pair *ca, const struct ca_order *order)
{
	char err[300], after[300];
	struct ca_pair made;
	struct cert_bundle b;
	struct cert_facts f = {0};
	json_t *p12;

	if (ca_issue(ca, order, &made, err, sizeof(err)) != 0) {
		call_fail(call, REASON_FAILED, "%s", err);
		return;
	}
	if (cert_bundle_read(&b, made.cert_pem, strlen(made.cert_pem), NULL, err, sizeof(err)) ==
		CERT_OK) {
		cert_bundle_facts(&b, 0, &f);
		cert_bundle_free(&b);
	}
	snprintf(after, sizeof(after), "issued with its key, number %s %.16s", f.number,
		f.fingerprint);
	p12 = export_json(call, &made, ca->cert_pem, order->cn, after);
	if (p12)
		call_result(call,
			json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:o,s:s,s:s,s:o}", "schema", 1,
				"device", order->cn, "subject", f.subject, "issuer", f.issuer,
				"number", f.number, "fingerprint", f.fingerprint, "not_after",
				time_json((uint64_t)f.not_after_s * 1000000000u), "certificate",
				made.cert_pem, "ca", ca->cert_pem, "pkcs12", p12));
	ca_pair_free(&made);
}

void m_cert_issue(struct call *call)
{
	struct control *c = call->c;
	const char *serial = call_string(call, "device", "");
	const struct stored *own = certstore_find(&c->trust.certs, "ca");
	struct ca_order order;
	struct ca_pair ca;

	if (!own || own->kind != STORE_CA) {
		call_fail(call, REASON_NOT_FOUND,
			"there is no authority of our own yet: `sluicectl cert ca-init` makes one");
		return;
	}
	if (!trust_serial_legal(c, serial)) {
		call_invalid(call, "device",
			"\"%.64s\" is no legal serial number (auth.serial-pattern %s): the device "
			"would be refused as no_legal_sn",
			serial, c->config.auth.serial_pattern);
		return;
	}
	if (!take_order(call, &order, serial, "rsa-2048", 825))
		return;
	order.client = true;
	ca = (struct ca_pair){.cert_pem = own->pem, .key_pem = certstore_key(&c->trust.certs, own)};
	if (ca.key_pem)
		issue(call, &ca, &order);
	else
		call_fail(call, REASON_FAILED, "%s", c->trust.certs.error);
	cert_wipe(ca.key_pem);
}

void m_cert_export(struct call *call)
{
	struct control *c = call->c;
	const char *name = call_string(call, "name", "");
	const struct stored *s = cert_wanted(call, name);
	char after[400];
	struct ca_pair pair;
	json_t *p12;

	if (!s)
		return;
	if (s->kind != STORE_IDENTITY && s->kind != STORE_CA) {
		call_invalid(call, "name", "\"%s\" has no private key: cert show prints it", name);
		return;
	}
	pair = (struct ca_pair){.cert_pem = s->pem, .key_pem = certstore_key(&c->trust.certs, s)};
	if (!pair.key_pem) {
		call_fail(call, REASON_FAILED, "%s", c->trust.certs.error);
		return;
	}
	cert_describe(s, after, sizeof(after));
	p12 = export_json(call, &pair, NULL, name, after);
	cert_wipe(pair.key_pem);
	if (p12)
		call_result(
			call, json_pack("{s:i,s:s,s:o}", "schema", 1, "name", name, "pkcs12", p12));
}
